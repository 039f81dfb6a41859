#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Words of `ladon link set` that iproute2 has not or means more by (spoofchk arp, query_rss, mtu), settings that are
wrong, and settings that change while frames flow."""
import contextlib
import fcntl
import os
import struct
import sys
import threading

import igbvf
from ladond import Daemon, Skip, Suite, World, run_on_a_wire
from test_policy import RING, policy, ports, settle, wire

SUITE = Suite()
CASE = SUITE.test

SET_LPE, GET_RETA, GET_RSS_KEY = 5, 0xa, 0xb
MBX_ACK, MBX_NACK = 1 << 31, 1 << 30
TAP = "ladon-words"
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 2, 0x1000


def arp(sender):
    """An ARP reply, type and all, of a sender with this address."""
    return struct.pack(">HHHBBH6s4s6s4s", 0x806, 1, 0x800, 6, 4, 2, sender, b"\x0a\0\0\1", bytes(6), b"\x0a\0\0\2") + bytes(18)


def advert(kind, sender, *before):
    """An ICMPv6 message of neighbour discovery with a link-layer address, behind these extension headers."""
    message = struct.pack(">BBHI16sBB6s", kind, 0, 0, 0x60000000, bytes(16), 2, 1, sender)
    chain = [*before, 58]
    headers = b"".join(bytes([following, 0]) + bytes(6) for following in chain[1:])
    return struct.pack(">HIHBB32s", 0x86dd, 6 << 28, len(headers + message), chain[0], 255, bytes(32)) + headers + message


# ---- spoofchk arp ----

@CASE
def spoofchk_arp():
    """Who says by ARP or neighbour discovery that it is another is dropped, tagged or not; without the word it is not."""
    with ports(0, 1) as (a, b):
        honest = [a.frame(b.mac, payload=arp(a.mac)), a.frame(b.mac, payload=advert(136, a.mac)),
                  a.frame(b.mac, payload=advert(136, a.mac, 60)), a.frame(b.mac)]
        forged = [a.frame(b.mac, payload=arp(b.mac)), a.frame(b.mac, payload=advert(136, b.mac)),
                  a.frame(b.mac, 0x81000000, payload=arp(b.mac)), a.frame(b.mac, payload=advert(135, b.mac, 0, 60)),
                  a.frame(b.mac, payload=advert(134, a.mac)), a.frame(b.mac, payload=advert(136, a.mac, 44))]
        a.send(*honest, *forged)
        assert b.all() == honest + forged and a.drops() == {}
        policy(0, "spoofchk arp")
        shown = World.daemon.json("link", "show")[0]["vfinfo_list"][0]
        assert shown["spoofchk"] is True and shown["ladon"]["spoofchk_arp"] is True
        assert ", spoof checking on, link-state auto, trust off, query_rss off, arp spoof checking on," in \
            World.daemon.ok("link", "show")
        a.send(*honest, *forged)
        assert b.all() == honest and a.drops() == {"spoof": len(forged)}
        policy(0, "spoofchk on")
        assert World.daemon.json("link", "show")[0]["vfinfo_list"][0]["ladon"]["spoofchk_arp"] is False
        a.send(*forged)
        assert b.all() == forged and a.drops() == {"spoof": len(forged)}
        wire()


# ---- query_rss ----

@CASE
def query_rss():
    """Kept and shown; the mailbox of this card has no message that would ask."""
    with ports(0) as (a,):
        policy(0, "query_rss on")
        assert World.daemon.json("link", "show")[0]["vfinfo_list"][0]["query_rss_en"] is True
        assert ", query_rss on," in World.daemon.ok("link", "show")
        for message in (GET_RETA, GET_RSS_KEY):
            assert igbvf.ask(a.client, message) & MBX_NACK


# ---- mtu ----

@CASE
def mtu():
    """Bounds what is sent and received from the next frame on, and what the driver may ask for."""
    with ports(0, 1) as (a, b):
        sized = {n: a.frame(b.mac, payload=b"\x88\xb5" + bytes(n)) for n in (1000, 1001)}
        inner = a.frame(b.mac, 0x81000000, 0x88b50000, payload=b"\x88\xb5" + bytes(996))
        a.send(*sized.values())
        assert len(b.all()) == 2
        policy(0, "mtu 1000")
        assert ", mtu 1000," in World.daemon.ok("link", "show")
        assert World.daemon.json("link", "show")[0]["vfinfo_list"][0]["ladon"]["mtu"] == 1000
        a.send(*sized.values(), inner)
        assert b.all() == [sized[1000], inner] and a.drops() == {"size": 1}
        assert igbvf.ask(a.client, SET_LPE, 1000 + 14 + 8 + 4 + 1) & MBX_NACK
        assert igbvf.ask(a.client, SET_LPE, 1000 + 14 + 8 + 4) & MBX_ACK
        policy(0, "mtu 0")
        policy(1, "mtu 1000")
        a.send(*sized.values())
        assert b.all() == [sized[1000]] and a.drops() == {"size": 1} and b.drops("rx") == {"size": 1}
        policy(1, "mtu 9216")
        a.send(sized[1001])
        assert b.all() == [sized[1001]]
        assert "mtu" not in World.daemon.json("link", "show")[0]["vfinfo_list"][0]["ladon"]


# ---- settings that are wrong ----

# card, words after "vf 0", what the sentence names. Each has a setting beside it that would be right.
WRONG = [
    ("nic0", "spoofchk arpp", "on, off or arp"),
    ("nic0", "query_rss yes", "on or off"),
    ("nic0", "mtu 67", "68 to 9216"),
    ("nic0", "mtu 9217", "68 to 9216"),
    ("nic0", "mtu 4294967296", "68 to 9216"),
    ("nic0", "mtu 1400 mtu 1400", "twice"),
    ("nic0", "mirror vf 0 both", "cannot mirror itself"),
    ("nic0", "mirror vf 0-6 rx", "cannot mirror itself"),
    ("nic0", "mirror uplink both", "no uplink to mirror"),
    ("nic0", "mirror vf 1 sideways", "rx, tx or both"),
    ("nic0", "mirror vf 255 rx", "is no VF to mirror"),
    ("nic0", "min_tx_rate 11", "min_tx_rate 11 is above max_tx_rate 10"),
    ("nic0", "max_tx_rate 4", "min_tx_rate 5 is above max_tx_rate 4"),
    ("nic0", "min_tx_rate 96 max_tx_rate 0", "at most 95"),
    ("nic0", "max_tx_rate 4294967296", "0 to 4294967 Mbit/s"),
    ("nic0", "min_tx_rate 4294967296", "0 to 4294967 Mbit/s"),
    ("nic0", "max_tx_rate 4294967 rate 0", "the same"),
    ("nic0", "storm_bcast_rate 4294967296", "0 to 10000000"),
    ("nic0", "storm_uucast_rate 10000001", "0 to 10000000"),
    ("nic0", "vlans " + ",".join(str(1 + i % 4094) for i in range(5000)), "5000 entries"),
    ("nic0", "vlan 7", "vlans and vlan 7"),
    ("nic0", "vlan 4095", "0 to 4094"),
    ("nic0", "vlan 7 proto 802.1ad qos 8", "0 to 7"),
    ("nic0", "state down", "auto, enable or disable"),
    ("nic0", "mac ff:ff:ff:ff:ff:ff", "group"),
    ("strict0", "vlan 7 proto 802.1ad", "82576"),
    ("strict0", "min_tx_rate 1", "82576"),
    ("strict0", "state enable", "82576"),
    ("strict0", "spoofchk arp", "82576"),
    ("strict0", "query_rss on", "82576"),
]


def refused(daemon, wanted, *words):
    """One sentence that names it; nothing is another than before."""
    before = daemon.json("link", "show"), daemon.json("card", "show")
    done = daemon.ladon(*words)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and done.stdout == "" and len(lines) == 1, done
    assert wanted in lines[0], lines[0]
    assert (daemon.json("link", "show"), daemon.json("card", "show")) == before, "something has changed"


@CASE
def wrong_settings_change_nothing():
    """Out of range, in contradiction with each other or with what is set, beyond the model."""
    daemon = Daemon(config="card add nic0 model 82576 vfs 2 link-rate 100\ncard add strict0 model 82576 vfs 1 strict-model on\n"
                           "link set nic0 vf 0 min_tx_rate 5 max_tx_rate 10 vlans 10,20-30\n"
                           "link set nic0 vf 1 min_tx_rate 5\n")
    for card, words, wanted in WRONG:
        refused(daemon, wanted, "link", "set", card, "vf", "0", "trust", "on", *words.split())
    daemon.ok("link", "set", "nic0", "vf", "0", "rate", "0", "min_tx_rate", "0")  # 0 is right: no limit
    daemon.ok(*"link set strict0 vf 0 min_tx_rate 0 query_rss off spoofchk off mtu 1400".split())
    daemon.stop()
    return f"{len(WRONG)} lines"


@CASE
def a_tap_that_is_taken():
    """By another card, by another program."""
    if os.geteuid() or not os.path.exists("/dev/net/tun"):
        raise Skip("making taps takes root and /dev/net/tun")
    daemon = Daemon(config=f"card add nic0 model 82576 vfs 1 uplink tap:{TAP}\n")
    refused(daemon, f"tap:{TAP} of nic1 is taken: nic0 has it", *f"card add nic1 model 82576 vfs 1 uplink tap:{TAP}".split())
    assert os.path.exists(f"/sys/class/net/{TAP}")
    daemon.ok("card", "del", "nic0")
    with open("/dev/net/tun", "rb+", buffering=0) as tun:
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH14x", TAP.encode(), IFF_TAP | IFF_NO_PI))
        refused(daemon, f"tap {TAP} is in use", *f"card add nic1 model 82576 vfs 1 uplink tap:{TAP}".split())
    daemon.stop()


@CASE
def a_capture_to_a_full_disk():
    """Named; the card is as it was."""
    before = World.daemon.json("link", "show")
    done = World.daemon.ladon(*"capture nic0 -w /dev/full count 100".split())
    assert done.returncode == 1 and done.stderr.startswith("ladon: /dev/full: No space left on device;"), done
    assert World.daemon.json("link", "show") == before


# ---- settings that change while frames flow ----

HARMLESS = ["trust on", "trust off", "spoofchk off", "spoofchk arp", "spoofchk on", "max_tx_rate 4000", "max_tx_rate 0",
            "min_tx_rate 5", "min_tx_rate 0", "mtu 1500", "mtu 0", "query_rss on", "query_rss off", "storm_bcast_rate 9",
            "storm_bcast_rate 0", "vlans 10", "vlans all", "state enable", "state auto"]
THIRD = ["mac 02:cc:00:00:00:01", "vlan 100 qos 3", "vlan 100 qos 5 proto 802.1ad", "mac 02:cc:00:00:00:02", "vlan 0",
         "state disable", "state auto", "mtu 68", "mtu 0"]
FORBIDDING = {"vlan 100": {"vlan"}, "vlan 0": set(), "state disable": {"txoff", "rxoff"}, "state enable": set(),
              "mtu 68": {"size"}, "mtu 0": set()}


BURST = RING // 2


@contextlib.contextmanager
def card_alone():
    """A card without a wire: what is for nobody goes nowhere."""
    before, World.daemon = World.daemon, Daemon(config="card add nic0 model 82576 vfs 3")
    try:
        yield
    finally:
        World.daemon.stop()
        World.daemon = before


class Traffic:
    """Frames from a to b, in a thread of their own; never more than b has descriptors for."""

    def __init__(self, a, b):
        self.a, self.b, self.over = a, b, threading.Event()
        self.frame = a.frame(b.mac, payload=b"\x88\xb5" + bytes(100))
        self.sent = self.received = 0
        self.problem = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            while not self.over.is_set():
                self.a.burst(self.frame, BURST)
                self.sent += BURST
                self._drain()
        except Exception as error:  # pylint: disable=broad-except
            self.problem = error

    def _drain(self):
        for frame in self.b.all():
            assert frame == self.frame, frame
            self.received += 1

    def stop(self):
        """Ends it, and takes what is still there."""
        self.over.set()
        self.thread.join()
        assert not self.problem, repr(self.problem)
        settle()
        self._drain()


@CASE
def changes_that_allow_lose_nothing():
    """Every word of both VFs that forbids none of their frames, and all of a third VF's, as fast as they are taken."""
    with card_alone(), ports(0, 1, 2) as (a, b, _):
        traffic = Traffic(a, b)
        for i in range(3000):
            World.daemon.ask("link", "set", "nic0", "vf", str(i % 2), *HARMLESS[i % len(HARMLESS)].split())
            World.daemon.ask("link", "set", "nic0", "vf", "2", *THIRD[i % len(THIRD)].split())
        traffic.stop()
        assert traffic.sent == traffic.received > 0, f"{traffic.sent} sent, {traffic.received} received"
        assert a.drops() == {} and b.drops("rx") == {}
        return f"6000 changes, {traffic.sent} frames"


@CASE
def changes_that_forbid_say_so():
    """sent = received + dropped, for the reasons of the settings and no other."""
    with card_alone(), ports(0, 1) as (a, b):
        traffic = Traffic(a, b)
        for i in range(3000):
            words = list(FORBIDDING)[i % len(FORBIDDING)]
            World.daemon.ask("link", "set", "nic0", "vf", str(i // len(FORBIDDING) % 2), *words.split())
        traffic.stop()
        lost = {why: a.drops().get(why, 0) + b.drops("rx").get(why, 0) for why in {**a.drops(), **b.drops("rx")}}
        assert traffic.sent == traffic.received + sum(lost.values()), f"{traffic.sent} sent, {traffic.received} received, {lost}"
        assert set(lost) <= set().union(*FORBIDDING.values()), lost
        return f"3000 changes, {traffic.sent} frames, {lost}"


if __name__ == "__main__":
    sys.exit(run_on_a_wire(World, SUITE))
