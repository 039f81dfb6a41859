#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""`ladon link set` in the data path: frames between VFs driven by hand, and an uplink that is a socket of the test's own,
so that every byte on the wire is seen. Each frame is one of a known number; what is dropped is read from the counters.
"""
import contextlib
import os
import socket
import struct
import sys

import igbvf
import vfio_user as vu
from ladond import Daemon, Suite, World, memfd, run_on_a_wire, wait_for

SUITE = Suite()
CASE = SUITE.test

BROADCAST = b"\xff" * 6
RING = 64
RDBAL, RDBAH, RDLEN, SRRCTL, RDH, RDT, RXDCTL = 0x2800, 0x2804, 0x2808, 0x280c, 0x2810, 0x2818, 0x2828
TX_RING, RX_RING, TX_BUF, RX_BUF = 0, 0x1000, 0x10000, 0x80000


class Port:
    """A VF with one queue each way."""

    def __init__(self, n):
        World.daemon.settle(n)
        self.n, self.tail, self.head = n, 0, 0
        row = World.daemon.vf(n)
        self.before = {"tx": row["tx_drops"], "rx": row["rx_drops"]}
        self.client = World.daemon.attach(n)
        self.memory = memfd(1 << 20)
        self.client.map(0, 1 << 20, self.memory)
        igbvf.bus_master(self.client)
        self.mac = igbvf.handshake(self.client)
        write = self.client.write32
        for i in range(RING):
            self.arm(i)
        for reg, value in ((RDBAL, RX_RING), (RDBAH, 0), (RDLEN, RING * 16), (SRRCTL, 1 << 25 | 2),
                           (RXDCTL, igbvf.ENABLE), (RDT, RING - 1)):
            write(vu.BAR0, reg, value)
        igbvf.start_tx(self.client, TX_RING, RING)

    def close(self):
        """Leaves."""
        self.client.close()
        os.close(self.memory)

    def arm(self, i):
        """A fresh receive descriptor."""
        os.pwrite(self.memory, struct.pack("<QQ", RX_BUF + 2048 * i, 0), RX_RING + 16 * i)

    def send(self, *frames):
        """Sends, and waits until the card has taken them."""
        for frame in frames:
            at = self.tail % RING
            os.pwrite(self.memory, frame, TX_BUF + 2048 * at)
            os.pwrite(self.memory, igbvf.tx_desc(TX_BUF + 2048 * at, len(frame)), TX_RING + 16 * at)
            self.tail += 1
            igbvf.ring_tx(self.client, self.tail % RING)
            wait_for("the frame is sent",
                     lambda at=at: os.pread(self.memory, 1, TX_RING + 16 * at + 12)[0] & igbvf.DD)

    def burst(self, frame, num):
        """Sends a frame num times (up to RING - 1), and waits until the card has taken the last."""
        last = (self.tail + num - 1) % RING
        for at in (n % RING for n in range(self.tail, self.tail + num)):
            os.pwrite(self.memory, frame, TX_BUF + 2048 * at)
            os.pwrite(self.memory, igbvf.tx_desc(TX_BUF + 2048 * at, len(frame)), TX_RING + 16 * at)
        self.tail += num
        igbvf.ring_tx(self.client, self.tail % RING)
        wait_for("the last frame is sent", lambda: os.pread(self.memory, 1, TX_RING + 16 * last + 12)[0] & igbvf.DD)

    def receive(self):
        """The next frame, or None when there is none by now."""
        at = self.head % RING
        _, status, length, _ = struct.unpack("<QIHH", os.pread(self.memory, 16, RX_RING + 16 * at))
        if not status & 1:
            return None
        frame = os.pread(self.memory, length, RX_BUF + 2048 * at)
        self.head += 1
        self.arm(at)
        self.client.write32(vu.BAR0, RDT, (self.head - 1) % RING)
        return frame

    def all(self):
        """All frames that are there."""
        return list(iter(self.receive, None))

    def drops(self, direction="tx"):
        """Its drops by reason since it came."""
        now, then = World.daemon.vf(self.n)[f"{direction}_drops"], self.before[direction]
        return {why: count - then.get(why, 0) for why, count in now.items() if count != then.get(why, 0)}

    def frame(self, to, *tags, payload=b"\x88\xb5" + bytes(range(50))):
        """From its own address; tags are 32 bits each."""
        return to + self.mac + b"".join(struct.pack(">I", tag) for tag in tags) + payload

    def link_up(self):
        """As its driver sees it."""
        return bool(self.client.read32(vu.BAR0, 8) & 2)


@contextlib.contextmanager
def ports(*numbers):
    """VFs with drivers; their policy is as new afterwards."""
    made = []
    try:
        for n in numbers:
            made.append(Port(n))
        yield made
    finally:
        for port in made:
            port.close()
            World.daemon.ok("link", "set", "nic0", "vf", str(port.n), "vlan", "0", "spoofchk", "on", "trust", "off",
                            "state", "auto", "rate", "0", "min_tx_rate", "0", "vlans", "all", "storm_bcast_rate", "0", "storm_uucast_rate", "0",
                            "query_rss", "off", "mtu", "0", "mirror", "none")


def policy(n, words):
    """ladon link set."""
    World.daemon.ok("link", "set", "nic0", "vf", str(n), *words.split())


def refusal(n, words):
    """What ladon link set says to what it does not do."""
    done = World.daemon.ladon("link", "set", "nic0", "vf", str(n), *words.split())
    assert done.returncode == 1, words
    return done.stderr


def wire():
    """All that has come out of the uplink."""
    out = []
    while True:
        try:
            out.append(World.uplink.recv(16384))
        except BlockingIOError:
            return out


def settle():
    """The data path has passed all that was sent."""
    World.daemon.sync()


# ---- port VLANs ----

@CASE
def qinq_port_vlan():
    """802.1ad: the outer tag on the wire, the tenant's own tag inside untouched, nothing of it at other VFs."""
    with ports(0, 1, 2) as (a, b, c):
        policy(0, "vlan 100 qos 3 proto 802.1ad")
        policy(1, "vlan 100 proto 802.1ad")
        policy(2, "vlan 100")
        plain, tagged = a.frame(BROADCAST), a.frame(BROADCAST, 0x81002005)
        wire()
        a.send(plain, tagged)
        assert b.all() == [plain, tagged] and c.all() == []
        assert wire() == [plain[:12] + b"\x88\xa8\x60\x64" + plain[12:], tagged[:12] + b"\x88\xa8\x60\x64" + tagged[12:]]
        back = b"".join((a.mac, b"\x02\0\0\0\0\x99", b"\x88\xa8\0\x64\x81\0\0\x07\x88\xb5", bytes(50)))
        World.uplink.send(back)
        wait_for("the wire's frame comes in", lambda: (f := a.receive()) and f == back[:12] + back[16:])
        policy(0, "vlan 100")
        a.send(plain, tagged)
        assert c.all() == [plain] and b.all() == [] and a.drops() == {"vlan": 1}
        wire()


@CASE
def vlan_list():
    """Only listed tags leave, spoof check or not; without a list all do."""
    with ports(0, 1) as (a, b):
        policy(0, "vlans 10,20-30 spoofchk off")
        assert ", vlans 10,20-30," in World.daemon.ok("link", "show", "nic0")
        frames = {vid: a.frame(BROADCAST, 0x81000000 | vid) for vid in (9, 10, 11, 19, 20, 30, 31, 4094)}
        wire()
        a.send(*frames.values(), a.frame(BROADCAST))
        assert wire() == [frames[10], frames[20], frames[30], a.frame(BROADCAST)]
        assert a.drops() == {"vlan": 5} and b.all() == [a.frame(BROADCAST)]
        policy(0, "vlans all")
        a.send(frames[9])
        assert wire() == [frames[9]] and ", vlans" not in World.daemon.ok("link", "show", "nic0")


# ---- storms ----

@CASE
def storm_limits():
    """Ten broadcasts a second: of many at once a few pass, the rest are "storm"; unicast is not meant."""
    with ports(0, 1) as (a, b):
        unknown = a.frame(b"\x02\0\0\0\0\x99")
        policy(0, "storm_bcast_rate 10")
        assert ", storm_bcast_rate 10pps," in World.daemon.ok("link", "show", "nic0")
        a.send(*[a.frame(BROADCAST)] * 40)
        passed = len(b.all())
        assert 2 <= passed < 30 and a.drops() == {"storm": 40 - passed}
        a.send(*[a.frame(b.mac)] * 20, *[unknown] * 20)
        assert len(b.all()) == 20 and a.drops() == {"storm": 40 - passed}
        wire()
        policy(0, "storm_bcast_rate 0 storm_uucast_rate 1")
        a.send(*[unknown] * 20, *[a.frame(b.mac)] * 20, *[a.frame(BROADCAST)] * 20)
        left = len(wire()) - 20
        assert len(b.all()) == 40 and 1 <= left < 10 and a.drops() == {"storm": 60 - passed - left}


# ---- mirrors ----

def mirrored(n):
    """Copies made for a VF."""
    return World.daemon.vf(n)["mirrored"]


@CASE
def mirror_of_a_vf():
    """Copies with the wire's tags, checksums made, whatever the monitor's own VLAN; none of what a policy refused."""
    with ports(0, 1, 2, 6) as (a, b, c, monitor):
        policy(0, "vlan 100 qos 3")
        policy(1, "vlan 100")
        policy(6, "vlan 7 mirror vf 0 both")
        assert ", mirror vf 0 both, " in World.daemon.ok("link", "show", "nic0")
        assert World.daemon.vf(6)["mirror"] == [{"vf": 0, "direction": "both"}]
        assert World.daemon.json("vf", "show", "nic0", "6")["mirror"] == [{"vf": 0, "direction": "both"}]
        before, out, back = mirrored(6), a.frame(b.mac), b.frame(a.mac)
        a.send(out)
        b.send(back)
        c.send(c.frame(a.mac))
        settle()
        assert b.all() == [out] and a.all() == [back]
        assert monitor.all() == [out[:12] + b"\x81\0\x60\x64" + out[12:], back[:12] + b"\x81\0\0\x64" + back[12:]]
        a.send(a.frame(b"\x01\x80\xc2\0\0\x01"), b.mac + b.mac + out[12:], a.frame(b.mac, 0x81000005))
        assert a.drops() == {"pause": 1, "spoof": 1, "vlan": 1} and monitor.all() == [] and mirrored(6) == before + 2
        policy(6, "mirror vf 0-1 tx")
        assert ", mirror vf 0-1 tx, " in World.daemon.ok("link", "show", "nic0")
        a.send(out)
        b.send(back)
        settle()
        assert len(monitor.all()) == 2 and mirrored(6) == before + 4
        World.daemon.ok("vf", "reset", "nic0", "6")
        a.send(out)
        assert len(b.all()) == 2 and mirrored(6) == before + 5  # nobody is there; the frame does not care
        assert World.daemon.vf(6)["rx_drops"]["rxoff"] >= 1
        policy(6, "mirror none")
        a.send(out)
        assert mirrored(6) == before + 5 and ", mirror" not in World.daemon.ok("link", "show", "nic0")
        wire()


@CASE
def mirror_of_the_uplink():
    """rx is what comes in from the wire, tx what leaves; frames between VFs are neither."""
    with ports(0, 1, 6) as (a, b, monitor):
        inward, outward = b"".join((a.mac, b"\x02\0\0\0\0\x99\x88\xb5", bytes(50))), a.frame(b"\x02\0\0\0\0\x99")
        for word, seen in (("rx", [inward]), ("tx", [outward]), ("both", [inward, outward])):
            policy(6, f"mirror uplink {word}")
            World.uplink.send(inward)
            wait_for("the wire's frame comes in", lambda: a.receive() == inward)
            a.send(outward, a.frame(b.mac))
            settle()
            assert monitor.all() == seen and wire() == [outward] and len(b.all()) == 1
        policy(6, "mirror none")


@CASE
def wrong_mirrors():
    """Each with its own sentence, and nothing changed."""
    policy(3, "mirror vf 0 tx uplink rx")
    shown = World.daemon.json("link", "show")
    for n, words, text in (
            (0, "mirror vf 0 rx", "vf 0 cannot mirror itself"), (0, "mirror vf 1-2 rx vf 0 tx", "vf 0 cannot mirror itself"),
            (4, "mirror vf 7 rx", "nic0 has no vf 7 to mirror"),
            (4, "mirror vf 3 both", "vf 3 gets copies itself"), (0, "mirror vf 1 both", "vf 0 is mirrored itself, to vf 3"),
            (4, "mirror vf 1", "rx, tx or both"), (4, "mirror vf 1 in", "rx, tx or both is right"),
            (4, "mirror all", "none, vf N rx|tx|both, or uplink rx|tx|both is right"),
            (4, "trust on mirror vf 4 rx", "vf 4 cannot mirror itself")):
        error = refusal(n, words)
        assert text in error, (words, error)
        assert World.daemon.json("link", "show") == shown, words
    for n in (1, 2, 4):
        policy(n, "mirror vf 0 tx")
    assert "vf 0 of nic0 is mirrored to 4 VFs already" in refusal(5, "mirror vf 0 rx vf 6 tx")
    for n in (1, 2, 3, 4):
        policy(n, "mirror none")


@CASE
def mirrors_of_an_82576():
    """strict-model: what VFs receive and both directions of the wire, four rules together."""
    before, World.daemon = World.daemon, Daemon(config="card add nic0 model 82576 vfs 7 strict-model on")
    try:
        for words, text in (("vf 1 tx", "what vf 1 sends is nothing that an 82576 has"), ("vf 1 both", "rx is right while nic0"),
                            ("uplink rx", "nic0 has no uplink to mirror")):
            assert text in refusal(6, "mirror " + words)
        for n in (3, 4, 5, 6):
            policy(n, f"mirror vf {n % 2} rx")
        assert "5 mirror rules and an 82576 has 4" in refusal(2, "mirror vf 1 rx")
        policy(6, "mirror vf 0-1 rx")
    finally:
        World.daemon.stop()
        World.daemon = before


# ---- link state ----

@CASE
def state_enable_outlives_the_uplink():
    """With the uplink gone, VFs of state auto are down, those of state enable talk to each other."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before, World.daemon = World.daemon, Daemon(config="card add nic0 model 82576 vfs 4 uplink "
                                                       f"fd:{theirs.fileno()}", pass_fds=[theirs.fileno()])
    try:
        with ports(0, 1, 2) as (a, b, c):
            policy(0, "state enable")
            policy(1, "state enable")
            frame = a.frame(BROADCAST)
            a.send(frame)
            assert b.all() == [frame] == c.all()
            theirs.close()
            ours.close()
            a.send(frame)  # the card notices by it
            wait_for("the uplink is seen to be gone", lambda: not c.link_up())
            assert a.link_up() and b.link_up()
            b.all(), c.all()
            a.send(frame)
            c.send(c.frame(a.mac))
            assert b.all() == [frame] and c.all() == [] and a.all() == []
            assert c.drops() == {"txoff": 1}
            policy(2, "state enable")
            c.send(c.frame(a.mac))
            assert a.all() == [c.frame(a.mac)] and c.link_up()
            policy(0, "state disable")
            c.send(c.frame(a.mac))
            assert a.all() == [] and a.drops("rx") == {"rxoff": 1} and not a.link_up()
            for n, word in ((0, "disable"), (1, "enable"), (2, "enable"), (3, "auto")):
                row = World.daemon.json("link", "show")[0]["vfinfo_list"][n]
                assert (row["link_state"], row["ladon"]["link_up"]) == (word, word == "enable")
    finally:
        World.daemon.stop()
        World.daemon = before


if __name__ == "__main__":
    sys.exit(run_on_a_wire(World, SUITE))
