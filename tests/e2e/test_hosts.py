#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""One card, a management host and two compute hosts, each in name spaces of its own: frames between VFs of all three, VFs
that move, hosts that die or freeze, a management host that starts again, and attackers at the fabric's socket.
"""
import errno
import os
import signal
import struct
import subprocess
import sys
import xml.etree.ElementTree

import vfio_user as vu
from hosts import BEAT, BYE, DONE, LADON_HOST, OFFER, OPEN, READ, REG, SIZE, WELCOME, WITHDRAW, WRITE, Hand, Host, apart, \
    write_token
from ladond import CARD, SANITIZER_SIGNS, Daemon, Monitor, Scratch, Skip, Suite, clean_env, is_sanitized, memfd, need_build, wait_for
from tenant import Tenant

SUITE = Suite()
CASE = SUITE.test
LEASE = 2000  # ms: machines that run tests are busy
PAGE = 4096


class World:
    """What all tests use; filled by main."""

    daemon = ch1 = ch2 = scratch = None
    tokens = {}


def config():
    """A card and four hosts; ch1 has VF 1, ch2 VF 2. evil is joined by hand."""
    hosts = "\n".join(f"host add {name} lease {10000 if name == 'evil' else LEASE} token-file {path}"
                      for name, path in World.tokens.items())
    return f"{CARD}\n{hosts}\nvf assign nic0 1 host ch1\nvf assign nic0 vf 2 host ch2"


def token(name):
    """The text of a host's token."""
    with open(World.tokens[name], encoding="ascii") as file:
        return file.read().strip()


def assign(vf, host):
    """Takes the VF there when its client has gone."""
    World.daemon.settle(vf)
    World.daemon.ok("vf", "assign", "nic0", str(vf), "host", host)
    assert World.daemon.vf(vf)["host"] == host


def bounce(one, other, rounds=3):
    """Frames there and back."""
    for i in range(rounds):
        for a, b in ((one, other), (other, one)):
            frame = a.frame(b"ping %d" % i, to=b.mac)
            a.send(frame)
            b.receive(lambda got, want=frame: got == want)


def evil():
    """The host by hand, joined."""
    hand = Hand(World.daemon)
    welcome = hand.join("evil", token("evil"))
    assert welcome.type == WELCOME, f"{welcome.type} {welcome.why}"
    return hand


def show(name):
    """host show of one."""
    return World.daemon.ask("host", "show", name)[0]


def is_absent(name):
    """Waits until it has gone."""
    wait_for(f"{name} is absent", lambda: show(name)["state"] == "absent")
    assert show(name)["windows"] == 0 and show(name)["bytes"] == 0


# ---- what it is for ----

@CASE
def frames_between_three_hosts():
    """Each of the three with each other, and a broadcast."""
    daemon = World.daemon
    tenants = [Tenant(daemon, 0), Tenant(World.ch1, 1), Tenant(World.ch2, 2)]
    for one in tenants:
        for other in tenants:
            if one is not other:
                bounce(one, other, 2)
    frame = tenants[1].frame(b"to all")
    tenants[1].send(frame)
    for tenant in (tenants[0], tenants[2]):
        tenant.receive(lambda got: got == frame)
    assert daemon.vf(1)["attached"]["pid"] == World.ch1.process.pid
    for tenant in tenants:
        tenant.close()
    for vf in range(3):
        daemon.settle(vf)
    return "in name spaces of their own" if apart() else "in the same name spaces: unshare is not allowed"


@CASE
def interrupts_reach_the_vm_of_another_host():
    """A frame that comes in writes the eventfd that the client gave to ladon-host."""
    one, other = Tenant(World.daemon, 0), Tenant(World.ch1, 1)
    fds = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(3)]
    other.client.set_irqs(vu.MSIX, vu.DATA_EVENTFD | vu.TRIGGER, 0, 3, fds)
    other.client.write32(vu.BAR0, 0x1700, 0x80808080)  # VTIVAR: all causes of queues to vector 0
    other.client.write32(vu.BAR0, 0x1524, 1)  # VTEIMS
    one.send(one.frame(b"wake up", to=other.mac))
    other.receive()
    wait_for("the interrupt", lambda: World.daemon.vf(1)["interrupts"][0]["fired"])
    assert os.eventfd_read(fds[0]) >= 1
    for fd in fds:
        os.close(fd)
    one.close()
    other.close()


class Posting:
    """A VF of ch1's whose memory has room for descriptors; VTEIMS lets all vectors through."""

    AT, BITS = 0x200000, struct.Struct("<8Q")  # four words of PIR, the control word

    def __init__(self, vf=1):
        self.client, self.fd = World.ch1.attach(vf), memfd(2 * PAGE)
        self.fds = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(3)]
        self.map()
        self.client.write32(vu.BAR0, 0x1524, 7)

    def map(self, flags=vu.R | vu.W):
        """The memory, at AT."""
        self.client.map(self.AT, 2 * PAGE, self.fd, flags=flags)

    def give(self, count):
        """Eventfds for so many vectors."""
        self.client.set_irqs(vu.MSIX, vu.DATA_EVENTFD | vu.TRIGGER, 0, count, self.fds[:count])

    def ask(self, first=0, count=3, iova=AT, bit=0, data=None):
        """DEVICE_FEATURE SET of posted interrupts; returns the errno."""
        data = struct.pack("<IIQII", first, count, iova, bit, 0) if data is None else data
        try:
            self.client.call(vu.DEVICE_FEATURE, vu.FEATURE.pack(8 + len(data), 0x24c01) + data)
        except vu.RemoteError as error:
            return error.errno
        return 0

    def fire(self):
        """Raises all causes anew: which eventfds were written, and what was posted at AT and one page behind it."""
        self.client.write32(vu.BAR0, 0x1580, 7)  # EICR
        self.client.write32(vu.BAR0, 0x1520, 7)  # EICS
        self.client.read32(vu.BAR0, 8)
        woken = []
        for fd in self.fds:
            try:
                woken.append(os.eventfd_read(fd))
            except BlockingIOError:
                woken.append(0)
        bits = [self.BITS.unpack(os.pread(self.fd, 64, at))[0] for at in (0, PAGE)]
        os.pwrite(self.fd, bytes(2 * PAGE), 0)
        return [bool(n) for n in woken], bits

    def close(self):
        """Detaches."""
        self.client.close()
        for fd in (self.fd, *self.fds):
            os.close(fd)


EVENTFDS, NOTHING = [True] * 3, [0, 0]


@CASE
def interrupts_are_posted_into_the_vms_memory():
    """As at the management host: vectors become bits, the first one's eventfd tells; asked anew, given up, unmapped, left."""
    faults = World.daemon.ask("show")["faults"]
    it = Posting()
    it.give(1)
    assert it.ask() == 0 and World.daemon.vf(1)["posted_vectors"] == 3
    assert it.fire() == ([True, False, False], [7, 0])
    assert it.ask(iova=it.AT + PAGE, bit=60) == 0  # elsewhere
    assert it.fire() == ([True, False, False], [0, 7 << 60])
    assert it.ask(first=0, count=2) == 0
    assert it.fire()[1] == [3, 0]
    assert it.ask(count=0) == 0 and World.daemon.vf(1)["posted_vectors"] == 0
    assert it.fire() == ([True, False, False], NOTHING)
    assert it.ask() == 0  # what waited for an eventfd is posted at once
    assert Posting.BITS.unpack(os.pread(it.fd, 64, 0))[0] == 6 and it.fire()[1] == [7, 0]
    it.give(3)  # eventfds end it
    assert it.fire() == (EVENTFDS, NOTHING)
    assert it.ask(iova=it.AT + 64) == 0
    it.client.unmap(it.AT, 2 * PAGE)  # as does taking the descriptor away
    assert it.fire() == (EVENTFDS, NOTHING) and World.daemon.vf(1)["posted_vectors"] == 0
    assert it.ask() == errno.EFAULT
    it.map()
    assert it.ask() == 0
    it.client.reset()  # which does not
    it.client.write32(vu.BAR0, 0x1524, 7)
    assert it.fire() == ([True, False, False], [7, 0])
    it.close()
    World.daemon.settle(1)
    it = Posting()  # the next one begins without
    it.give(3)
    assert it.fire() == (EVENTFDS, NOTHING)
    it.close()
    World.daemon.settle(1)
    assert World.daemon.ask("show")["faults"] == faults, World.daemon.ask("faults")[-1]


@CASE
def posting_that_makes_no_sense_is_refused():
    """Vectors, bits and addresses that are wrong: each has its errno, and what was agreed stays."""
    it = Posting()
    assert it.ask() == errno.EINVAL  # no interrupts at all
    it.give(1)
    assert it.ask(iova=it.AT + PAGE) == 0
    for want, row in ((errno.EINVAL, {"count": 4}), (errno.EINVAL, {"first": 3, "count": 1}), (errno.EINVAL, {"first": 1, "count": 1}),
                      (errno.EINVAL, {"first": (1 << 32) - 1, "count": 2}), (errno.EINVAL, {"count": (1 << 32) - 1}),
                      (errno.EINVAL, {"bit": 254}), (errno.EINVAL, {"bit": (1 << 32) - 1}), (errno.EINVAL, {"iova": it.AT + 32}),
                      (errno.EINVAL, {"data": bytes(23)}), (errno.EINVAL, {"data": struct.pack("<IIQII", 0, 1, it.AT, 0, 1)}),
                      (errno.EFAULT, {"iova": it.AT - 64}), (errno.EFAULT, {"iova": it.AT + 2 * PAGE}), (errno.EFAULT, {"iova": 0}),
                      (errno.EFAULT, {"iova": 0xfee00000}), (errno.EFAULT, {"iova": (1 << 64) - 64})):
        assert it.ask(**row) == want, row
        assert it.fire() == ([True, False, False], [0, 7]), row
    it.client.unmap(it.AT, 2 * PAGE)
    for flags in (vu.R, vu.W):
        it.map(flags)
        assert it.ask() == errno.EFAULT
        it.client.unmap(it.AT, 2 * PAGE)
    it.client.map(it.AT, PAGE)  # no file
    assert it.ask() == errno.EFAULT
    it.close()


@CASE
def a_vf_moves():
    """From ch1 to ch2 and to the local host; not while it is used; where it is not nobody gets in."""
    daemon = World.daemon
    tenant = Tenant(World.ch1, 1)
    done = daemon.ladon(*"vf assign nic0 1 host ch2".split())
    assert done.returncode == 1 and "in use" in done.stderr, done.stderr
    tenant.close()
    assign(1, "ch2")
    World.ch1.has_not(1)
    one, other = Tenant(World.ch2, 1), Tenant(World.ch2, 2)
    bounce(one, other)
    one.close()
    other.close()
    try:
        daemon.attach(1)
        raise AssertionError("a client of the local host got in")
    except vu.Closed:
        pass
    assign(1, "local")
    World.ch2.has_not(1)
    one, other = Tenant(daemon, 1), Tenant(World.ch2, 2)
    bounce(one, other)
    one.close()
    other.close()
    assign(1, "ch1")
    World.ch1.has(1)


@CASE
def a_card_goes_with_its_vfs():
    """A card is removed while a compute host's VM uses a VF of it: the connection ends, the socket goes, and so does the VF."""
    World.daemon.ok(*"card add gone model 82576 vfs 2".split())
    World.daemon.ok(*"vf assign gone 0 host ch1".split())
    client = World.ch1.attach(0, "gone")
    World.daemon.ok("card", "del", "gone")
    World.ch1.has_not(0, "gone")
    client.close()
    assert show("ch1")["functions"] == ["nic0/vf1"] and show("ch1")["state"] == "joined"


@CASE
def a_host_with_255_vfs():
    """All are served when it has joined, and each can be used; it joins again, and so they are; they go, and so do their sockets."""
    daemon = World.daemon
    daemon.ok(*"card add many model 82576 vfs 255".split())
    for vf in range(255):
        daemon.ask("vf", "assign", "many", "vf", str(vf), "host", "crowd")
    few = ["sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh"]  # descriptors: it takes more
    host = Host(daemon, World.scratch, "crowd", World.tokens["crowd"], before=few)
    for again in range(2):
        for vf in range(255):
            host.has(vf, "many")
        clients = [host.attach(vf, "many") for vf in range(255)]
        for client in clients:
            assert client.read32(vu.CONFIG, 0) == 0x10ca8086
            client.close()
        assert host.show()["joins"] == again + 1 and host.show()["state"] == "joined", host.log()[-1000:]
        if not again:
            host.process.kill()
            host.process.wait()
            host.absent()
            host.start()
    daemon.ok("card", "del", "many")
    wait_for("no socket is left", lambda: not os.listdir(host.dir))
    assert host.show()["joins"] == 2 and host.stop() == 0


@CASE
def dma_outside_the_vms_memory_is_refused():
    """Addresses in other slices, and in this host's own tables: a fault each, and nothing comes back."""
    tenant = Tenant(World.ch1, 1)
    before = len(World.daemon.ask("faults"))
    for addr in (1 << 40, 2 << 40, show("ch2")["slice_base"], 1 << 32, 0xfee00000, (1 << 48) - PAGE):
        struct.pack_into("<QII", tenant.memory, 16 * (tenant.sent % 64), addr, 0x2b300000 | 60, 60 << 14)
        tenant.sent += 1
        tenant.client.write32(vu.BAR0, 0x3818, tenant.sent % 64)
        wait_for("the fault", lambda n=before: len(World.daemon.ask("faults")) > n)
        before = len(World.daemon.ask("faults"))
    faults = World.daemon.ask("faults")[-6:]
    assert all(fault["function"] == "nic0/vf1" for fault in faults), faults
    tenant.close()
    return "; ".join(sorted({fault["reason"] for fault in faults}))


@CASE
def a_doorbell_is_rung_and_answered():
    """Once a second, while beats are scratchpads; in JSON and in text, with what the port of the bridge has passed."""
    regs = wait_for("ch1's answer", lambda: (r := show("ch1")["registers"])["round_trip_us"] and r)
    assert regs["up"] and regs["rings"] >= 1 and regs["round_trip_us"] > 0, regs
    port = show("ch1")["port"]
    assert port["up"] and port["passed"] > 0 and not any(port["refused"].values()) and port["last"] == [], port
    text = World.daemon.ok("-s", "host", "show", "ch1")
    assert "bridge port: up, walks passed" in text and "refused: nothing, records lost 0" in text, text
    assert "bridge registers: up, " in text and " us\n" in text, text
    absent = show("evil")
    assert not absent["port"]["up"] and not absent["registers"]["up"] and absent["registers"]["round_trip_us"] is None, absent
    return f"{regs['round_trip_us']:.0f} us"


@CASE
def a_guests_pf_makes_the_vf():
    """A VF of a compute host's is there when the PF's driver in a guest has made it, and moves while that owns the card."""
    daemon, sriov = World.daemon, 0x160
    with daemon.attach("pf") as pf, World.ch1.attach(1) as client:
        pf.reset()
        assert client.read32(vu.BAR0, 8) == 0xffffffff and not daemon.vf(1)["exists"]
        for offset, value in ((0x10, 2), (8, 0x19)):  # NumVFs; VF Enable, VF MSE, ARI
            pf.write(vu.CONFIG, sriov + offset, struct.pack("<H", value))
        daemon.sync()
        assert client.read32(vu.BAR0, 8) != 0xffffffff and daemon.vf(1)["exists"]
        client.close()
        assign(1, "ch2")
        with World.ch2.attach(1) as moved:
            assert moved.read32(vu.BAR0, 8) != 0xffffffff
            pf.write(vu.CONFIG, sriov + 8, struct.pack("<H", 0))
            daemon.sync()
            assert moved.read32(vu.BAR0, 8) == 0xffffffff
    daemon.settle_pf()
    assign(1, "ch1")
    World.ch1.has(1)


@CASE
def the_vf_token_is_not_asked_of_a_host():
    """The card's VF token is for clients of the management host."""
    daemon = World.daemon
    daemon.ok("token", "generate", "nic0", "token-file", World.scratch / "vf.token")
    try:
        daemon.attach(0)
        raise AssertionError("a client of the local host got in without the token")
    except vu.RemoteError as error:
        assert error.errno == errno.EACCES, error
    tenant, peer = Tenant(World.ch1, 1), Tenant(World.ch2, 2)
    bounce(tenant, peer)
    tenant.close()
    peer.close()
    daemon.ok("token", "clear", "nic0")


@CASE
def users_that_may_attach():
    """--allow-uid: others are turned away at the door, and the function is not asked; without the option whoever opens the socket."""
    daemon, me = World.daemon, 0 if apart() else os.getuid()
    World.ch1.process.terminate()
    World.ch1.process.wait()
    World.ch1.absent()
    World.ch1.args = ("--allow-uid", "12345,4294967294")
    World.ch1.start()
    before = daemon.vf(1)["attaches"]
    try:
        World.ch1.attach(1)
        raise AssertionError("somebody got in who is not in the list")
    except vu.Closed:
        pass
    wait_for("the log says why", lambda: "its uid is not among those of --allow-uid" in World.ch1.log())
    assert daemon.vf(1)["attaches"] == before
    for args in (("--allow-uid", f"12345,{me}"), ()):
        assert World.ch1.stop() == 0
        World.ch1.absent()
        World.ch1.args = args
        World.ch1.start()
        World.ch1.attach(1).close()
        daemon.settle(1)


# ---- hosts die ----

@CASE
def a_host_is_killed():
    """Its VF is reset and goes to another host, where frames flow; it comes back under a new epoch."""
    daemon, monitor = World.daemon, Monitor(World.daemon)
    epoch = World.ch1.show()["epoch"]
    tenant, peer = Tenant(World.ch1, 1), Tenant(World.ch2, 2)
    bounce(tenant, peer)
    World.ch1.process.kill()
    World.ch1.process.wait()
    monitor.wait("host-left", host="ch1")
    World.ch1.absent()
    daemon.settle(1)
    assert World.ch1.show()["windows"] == 0
    tenant.close()
    assign(1, "ch2")
    tenant = Tenant(World.ch2, 1)
    bounce(tenant, peer)
    tenant.close()
    peer.close()
    World.ch1.start()
    monitor.wait("host-joined", host="ch1")
    assert World.ch1.show()["epoch"] > epoch
    assign(1, "ch1")
    World.ch1.has(1)
    tenant, peer = Tenant(World.ch1, 1), Tenant(daemon, 0)
    bounce(tenant, peer)
    tenant.close()
    peer.close()
    monitor.close()


@CASE
def a_host_freezes():
    """Its lease runs out; its VF is another's at once, nothing is written into the memory it had; awake, it joins again."""
    daemon, monitor = World.daemon, Monitor(World.daemon)
    lost = World.ch1.show()["leases_lost"]
    tenant, peer = Tenant(World.ch1, 1), Tenant(World.ch2, 2)
    bounce(tenant, peer)
    World.ch1.process.send_signal(signal.SIGSTOP)
    monitor.wait("host-left", host="ch1")
    World.ch1.absent()
    assert World.ch1.show()["leases_lost"] == lost + 1
    before = bytes(tenant.memory)
    assign(1, "local")
    moved = Tenant(daemon, 1)
    bounce(moved, peer)
    assert bytes(tenant.memory) == before, "somebody wrote into the memory of the frozen host"
    moved.close()
    World.ch1.process.send_signal(signal.SIGCONT)
    World.ch1.joined()
    try:
        tenant.client.read32(vu.CONFIG, 0)
        raise AssertionError("its VM's connection survived")
    except vu.Closed:
        pass
    tenant.close()
    peer.close()
    assign(1, "ch1")
    World.ch1.has(1)
    monitor.close()


@CASE
def the_management_host_starts_again():
    """Without the card nobody has a socket; both hosts join again by themselves, and frames flow."""
    daemon = World.daemon
    tenant = Tenant(World.ch1, 1)
    daemon.stop()
    World.ch1.has_not(1)
    World.ch2.has_not(2)
    tenant.drop()
    tenant.client.close()
    daemon.start()
    World.ch1.joined()
    World.ch2.joined()
    one, other = Tenant(World.ch1, 1), Tenant(World.ch2, 2)
    bounce(one, other)
    one.close()
    other.close()


@CASE
def the_management_host_is_killed():
    """What its configuration says is there again; what was said at run time is not, and a host it does not know goes on trying."""
    daemon, path = World.daemon, write_token(World.scratch / "late.token")
    daemon.ok("host", "add", "late", "token-file", path)
    late = Host(daemon, World.scratch, "late", path)
    assign(2, "ch1")
    World.ch1.has(2)
    tenant = Tenant(World.ch1, 1)
    daemon.stop(signal.SIGKILL)
    World.ch1.has_not(1)
    World.ch1.has_not(2)
    tenant.drop()
    tenant.client.close()
    daemon.start()
    World.ch1.joined()
    World.ch2.joined()
    wait_for("it says why it cannot join", lambda: "there is no host of this name with this key: it is tried again" in late.log())
    assert show("ch1")["functions"] == ["nic0/vf1"] and show("ch2")["functions"] == ["nic0/vf2"]
    assert "late" not in [row["host"] for row in daemon.ask("host", "show")]
    one, other = Tenant(World.ch1, 1), Tenant(World.ch2, 2)
    bounce(one, other)
    one.close()
    other.close()
    daemon.ok("host", "add", "late", "token-file", path)
    late.joined()
    assert late.stop() == 0
    daemon.ok("host", "del", "late")


@CASE
def a_host_leaves_and_ends_well():
    """SIGTERM: exit code 0, no socket stays; with --once it ends when it is thrown out."""
    rc = World.ch1.stop()
    assert rc == 0, f"exit code {rc}"
    World.ch1.absent()
    assert os.listdir(World.ch1.dir) == []
    World.ch1.start()
    once = Host(World.daemon, World.scratch, "once", World.tokens["once"], "--once")
    World.daemon.ok("host", "del", "once")
    assert once.process.wait(20) == 1 and "the management host ends it" in once.log(), once.log()
    World.daemon.ok("host", "add", "once", "lease", "2000", "token-file", World.tokens["once"])


@CASE
def nothing_is_left_behind():
    """Clients that come and go leave no descriptor, no memory, no table."""
    def counts():
        return World.daemon.fds(), World.ch1.fds(), World.ch1.show()["windows"]

    def use():
        tenant = Tenant(World.ch1, 1)
        tenant.close()
        World.daemon.settle(1)

    use()
    World.daemon.sync()
    before = wait_for("it is quiet", lambda: World.ch1.show()["windows"] == show("ch2")["windows"] and counts())
    for _ in range(10):
        use()
    wait_for(f"{before} again (now {counts()})", lambda: counts() == before)


@CASE
def an_invalid_start_says_what_is_right():
    """Each mistake of an operator's has its sentence."""
    d = World.daemon
    good = {"--join": os.path.join(d.run_dir, "fabric.sock"), "--name": "once", "--token-file": World.tokens["once"],
            "--run-dir": World.scratch / "free"}
    wide = World.scratch / "wide"
    with open(wide, "w", encoding="ascii") as file:
        file.write(token("once"))
    os.chmod(wide, 0o644)
    open_dir = World.scratch / "open"
    os.mkdir(open_dir)
    os.chmod(open_dir, 0o777)
    for change, want in (({"--join": World.scratch / "none.sock"}, "is ladond running"),
                         ({"--name": "nobody"}, "no host of this name with this key"),
                         ({"--name": "ch1", "--token-file": World.tokens["ch1"]}, "has joined already"),
                         ({"--name": "a" * 16}, "1 to 15 letters"),
                         ({"--token-file": World.tokens["ch1"]}, "no host of this name with this key"),
                         ({"--token-file": World.scratch / "none"}, "No such file"),
                         ({"--token-file": wide}, "mode 0600"),
                         ({"--run-dir": open_dir}, "mode 0700"),
                         ({"--run-dir": World.ch1.dir}, "another ladon-host serves it"),
                         ({"--run-dir": World.scratch / ("x" * 90)}, "at most")):
        words = [word for pair in {**good, **change}.items() for word in pair]
        done = subprocess.run([LADON_HOST, *words], text=True, capture_output=True, timeout=40, check=False, env=clean_env())
        assert done.returncode == 1 and want in done.stderr, f"{change}: {done}"
    for wrong in ("", "root", "1,", "4294967295", ",".join("1" * 17)):
        done = subprocess.run([LADON_HOST, "--allow-uid", wrong], text=True, capture_output=True, timeout=40, check=False, env=clean_env())
        assert done.returncode == 2 and "user IDs such as 0,1000 are right" in done.stderr, f"{wrong}: {done}"
    assert World.ch1.show()["state"] == "joined" and show("once")["refused"] >= 1


@CASE
def a_host_is_confined():
    """No capability, no new privileges, a filter of system calls; its directory and sockets are its own."""
    with open(f"/proc/{World.ch1.process.pid}/status", encoding="ascii") as file:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert all(int(fields[f"Cap{name}"], 16) == 0 for name in ("Eff", "Prm", "Inh", "Amb")), fields
    assert fields["NoNewPrivs"] == "1" and (is_sanitized() or fields["Seccomp"] == "2"), fields
    assert os.stat(World.ch1.dir).st_mode & 0o777 == 0o700
    assert os.stat(World.ch1.path(1)).st_mode & 0o777 == 0o600


@CASE
def the_map():
    """All slices, apart from each other; as text and as a picture."""
    rows = World.daemon.json("host", "map")
    assert [row["host"] for row in rows][0] == "local" and {row["host"] for row in rows} == {"local", *World.tokens}
    ends = [(row["base"], row["base"] + row["size"]) for row in rows]
    assert all(a[1] <= b[0] for a, b in zip(ends, ends[1:])), ends
    ch1 = next(row for row in rows if row["host"] == "ch1")
    assert [f["function"] for f in ch1["functions"]] == ["nic0/vf1"] and len(ch1["windows"]) == 3
    path = World.scratch / "map.svg"
    World.daemon.ok("host", "map", "-o", path)
    text = "".join(xml.etree.ElementTree.parse(path).getroot().itertext())
    for word in ("ch1", "ch2", "evil", "nic0/vf1", f"0x{ch1['base']:013x}"):
        assert word in text, f"{word} is not in the picture"
    assert "window 0x" in World.daemon.ok("host", "map")


# ---- attackers at the fabric's socket ----

@CASE
def joins_that_are_refused():
    """A wrong key, name, version, first message; a name that has joined; each with a sentence or nothing, and gone."""
    wrong = token("ch2")
    for name, key, version, want in (("evil", wrong, 1, "no host of this name"), ("nobody", wrong, 1, "no host of this name"),
                                     ("ch1", token("ch1"), 1, "joined already"), ("evil", token("evil"), 2, "version")):
        with Hand(World.daemon) as hand:
            bye = hand.join(name, key, version)
            assert bye.type == BYE and want in bye.why and bye.err, f"{name}: {bye.type} {bye.why}"
            assert hand.ended() is None
    for kind in (BEAT, OFFER, OPEN, REG, WELCOME):
        with Hand(World.daemon) as hand:
            hand.say(kind, b"\4\0\0\0\4\0\0\0")
            bye = hand.hear()
            assert bye is None or (bye.type == BYE and "JOIN" in bye.why), bye.why
    for data in (b"x", bytes(SIZE), b"\xff" * SIZE, bytes(SIZE * 4)):
        with Hand(World.daemon) as hand:
            hand.raw(data)
            assert hand.ended() is None
    assert World.ch1.show()["state"] == "joined"


@CASE
def silence_and_a_crowd():
    """Who says nothing is shown out; a crowd of those does not keep a host from joining."""
    crowd = [Hand(World.daemon) for _ in range(16)]
    hand = evil()
    hand.sock.close()
    for one in crowd:
        assert one.ended() is None
        one.sock.close()
    is_absent("evil")


@CASE
def offers_that_are_refused():
    """Each has its errno and its sentence, and nothing has changed; the right one is taken."""
    fd = memfd(16 * PAGE)
    read_only = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    hpa = 1 << 32
    with evil() as hand:
        assert hand.offer(hpa, 4 * PAGE, fd) == (0, "")
        assert show("evil")["windows"] == 1
        for want, row in ((errno.EBADF, (hpa << 1, PAGE)), (errno.EINVAL, (hpa << 1, 100, fd)),
                          (errno.EINVAL, (hpa << 1 | 1, PAGE, fd)), (errno.EINVAL, (hpa << 1, PAGE, fd, 8)),
                          (errno.EINVAL, (hpa << 1, 0, fd)), (errno.EINVAL, (hpa << 1, PAGE, fd, 0, 0)),
                          (errno.EINVAL, (hpa << 1, PAGE, fd, 0, 4)), (None, (hpa << 1, 17 * PAGE, fd)),
                          (None, (hpa << 1, PAGE, fd, 16 * PAGE)), (None, (hpa, PAGE, fd)),
                          (None, (hpa + 3 * PAGE, 4 * PAGE, fd)), (None, (1 << 63, PAGE, fd)),
                          (None, ((1 << 64) - PAGE, PAGE, fd)), (None, (hpa << 1, (1 << 64) - PAGE, fd)),
                          (None, (hpa << 1, PAGE, fd, (1 << 64) - PAGE)), (None, (0xfee00000, PAGE, fd)),
                          (None, (hpa << 1, PAGE, read_only, 0, WRITE))):
            err, why = hand.offer(*row)
            assert err and why and (want is None or err == want), f"{row}: {err} {why!r}"
            assert show("evil")["windows"] == 1 and show("evil")["bytes"] == 4 * PAGE, f"{row}: {why}"
        assert hand.offer(hpa << 1, PAGE, read_only, 0, READ)[0] == 0
        done = hand.ask(WITHDRAW, struct.pack("<Q", 5 << 32))
        assert done.type == DONE and done.err == errno.ENOENT and done.why
        assert hand.ask(WITHDRAW, struct.pack("<Q", hpa)).err == 0 and show("evil")["windows"] == 1
        done = hand.ask(OPEN, struct.pack("<16sII", b"nic0", 1, 0))
        assert done.err == errno.ENODEV and not done.fds, f"{done.err} {done.why}"
    is_absent("evil")
    os.close(fd)
    os.close(read_only)


@CASE
def what_ends_a_host():
    """An old epoch, a message of the other side's, a truncated file: it is out, with the reason; the others are served."""
    fd = memfd(4 * PAGE)
    file = os.open(World.scratch / "memory", os.O_RDWR | os.O_CREAT, 0o600)
    os.truncate(file, 4 * PAGE)
    with evil() as hand:
        old = hand.epoch
    is_absent("evil")
    with evil() as hand:
        assert hand.epoch > old
        bye = hand.ask(OFFER, struct.pack("<QQQI", 1 << 32, PAGE, 0, 3), [fd], epoch=old)
        assert bye.type == BYE and "epoch" in bye.why and hand.ended() is None
    is_absent("evil")
    for kind in (WELCOME, DONE, 7, 8, 9):
        with evil() as hand:
            hand.say(kind)
            hand.ended()
        is_absent("evil")
    with evil() as hand:
        err, why = hand.offer(1 << 32, 4 * PAGE, file)
        assert err == 0, why
        os.truncate(file, 0)
        for _ in range(4):  # it is looked at where it is used: tables there are read
            hand.say(REG, struct.pack("<IIQ", 0x20, 8, 1 << 32))
            hand.say(REG, struct.pack("<IIQ", 0x18, 4, 1 << 30))
    is_absent("evil")
    assert World.ch1.show()["state"] == "joined" and World.ch2.show()["state"] == "joined"
    os.close(fd)
    os.close(file)


@CASE
def registers_at_random():
    """Whatever a host writes into its remapping unit, with tables of noise, the others do not notice."""
    fd = memfd(1 << 20)
    os.pwrite(fd, os.urandom(1 << 20), 0)
    one, other = Tenant(World.ch1, 1), Tenant(World.ch2, 2)
    with evil() as hand:
        assert hand.offer(1 << 32, 1 << 20, fd)[0] == 0
        for i in range(300):
            value = int.from_bytes(os.urandom(8), "little")
            value = (1 << 32) + (value & 0xff000) if i % 2 else value
            done = hand.ask(REG, struct.pack("<IIQ", os.urandom(1)[0] & 0xfc, 8 if i % 3 else 4, value))
            if not done or done.type == BYE:
                break
        bounce(one, other)
    is_absent("evil")
    one.close()
    other.close()
    os.close(fd)


def main():
    """One daemon and two hosts for all tests."""
    need_build()
    if not os.access(LADON_HOST, os.X_OK):
        raise Skip("ladon-host is missing")
    World.scratch = Scratch()
    World.tokens = {name: write_token(World.scratch / f"{name}.token") for name in ("ch1", "ch2", "evil", "once", "crowd")}
    World.daemon = Daemon(config=config())
    World.ch1, World.ch2 = (Host(World.daemon, World.scratch, name, World.tokens[name]) for name in ("ch1", "ch2"))
    rc = SUITE.run()
    for host in (World.ch1, World.ch2):
        host.stop()
        for sign in SANITIZER_SIGNS:
            assert sign not in host.log(), host.log()[-3000:]
    World.daemon.stop()
    return rc


if __name__ == "__main__":
    sys.exit(main())
