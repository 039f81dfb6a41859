#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A card on an interface of the host's. All of it runs in a network namespace of its own, and the interface is a tap
whose other end the test holds: what is written to it comes in, as from a wire.
"""
import fcntl
import json
import os
import shutil
import struct
import subprocess
import sys

from ladond import CARD, Daemon, Monitor, Suite, need_build, wait_for
from tenant import BROADCAST, NO_TYPE, Tenant
from test_uplinks import ADD, drops, refused, wait_up

SUITE = Suite()
CASE = SUITE.test
TAP = "lad0"
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 2, 0x1000
CAP_NET_ADMIN, CAP_NET_RAW = 1 << 12, 1 << 13


def ip(*words):
    """ip(8)."""
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


class Wire:
    """The interface's other end."""

    def __init__(self):
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", TAP.encode(), IFF_TAP | IFF_NO_PI))
        ip("link", "set", TAP, "up")

    def send(self, frame):
        """Comes in at the interface."""
        os.write(self.fd, frame)

    def receive(self):
        """The next frame that leaves, other than the host's own."""
        def look():
            try:
                frame = os.read(self.fd, 20000)
            except BlockingIOError:
                return None
            return frame if NO_TYPE in frame[12:18] else None
        return wait_for("a frame leaves", look)

    def close(self):
        """The interface goes."""
        os.close(self.fd)


def both_ways(tenant, wire, mark):
    """A frame each way, and one for an address that is nobody's but the VF's."""
    frame = tenant.frame(mark)
    tenant.send(frame)
    assert wire.receive() == frame
    for to in (BROADCAST, tenant.mac):
        frame = to + b"\x02\0\0\0\0\x99" + NO_TYPE + mark.ljust(80, b".")
        wire.send(frame)
        assert tenant.receive(lambda f: f[12:14] == NO_TYPE) == frame


def promiscuity():
    """How many want all frames of the interface."""
    return json.loads(ip("-j", "-d", "link", "show", TAP))[0]["promiscuity"]


def helper_caps(daemon):
    """What the helper may."""
    with open(f"/proc/{daemon.pid}/task/{daemon.pid}/children", encoding="utf-8") as file:
        pid = file.read().split()[0]
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(next(line for line in file if line.startswith("CapEff")).split()[1], 16)


@CASE
def packet_both_ways():
    """Frames, with and without a tag; promiscuous as long as the card lives."""
    wire = Wire()
    daemon = Daemon("--packet", TAP, config=f"{CARD} uplink packet:{TAP}")
    wait_up(daemon)
    assert promiscuity() == 1
    wait_for("the helper has settled", lambda: helper_caps(daemon) == CAP_NET_ADMIN | CAP_NET_RAW)
    tenant = Tenant(daemon)
    both_ways(tenant, wire, b"plain")
    daemon.ok("link", "set", "nic0", "vf", "1", "vlan", "100", "qos", "3")
    tagged = Tenant(daemon, 1)
    frame = tagged.frame(b"tagged")
    tagged.send(frame)
    assert wire.receive() == frame[:12] + b"\x81\0\x60\x64" + frame[12:]
    wire.send(tagged.mac + b"\x02\0\0\0\0\x99\x81\0\0\x64" + NO_TYPE + b"in".ljust(60, b"."))
    got = tagged.receive(lambda f: f[12:14] == NO_TYPE)
    assert got == tagged.mac + b"\x02\0\0\0\0\x99" + NO_TYPE + b"in".ljust(60, b".")
    wire.send(tagged.mac + b"\x02\0\0\0\0\x99\x81\0\0\x65" + NO_TYPE + b"another VLAN".ljust(60, b"."))
    both_ways(tenant, wire, b"again")
    assert tagged.next() is None
    daemon.ok("card", "del", "nic0")
    assert promiscuity() == 0
    wire.close()
    daemon.stop()


@CASE
def packet_goes_and_comes():
    """The interface is set down and up, is deleted, and is made again: the VFs' links follow."""
    wire = Wire()
    daemon = Daemon("--packet", "eth7," + TAP, config=f"{CARD} uplink packet:{TAP}")
    wait_up(daemon)
    monitor, tenant = Monitor(daemon), Tenant(daemon)
    both_ways(tenant, wire, b"first")
    ip("link", "set", TAP, "down")
    monitor.wait("link", card="nic0", vf=0, up=False)
    ip("link", "set", TAP, "up")
    monitor.wait("link", card="nic0", vf=0, up=True)
    both_ways(tenant, wire, b"up again")
    wire.close()
    monitor.wait("link", card="nic0", vf=0, up=False)
    wire = Wire()
    monitor.wait("link", card="nic0", vf=0, up=True)
    both_ways(tenant, wire, b"made again")
    assert promiscuity() == 1
    wire.close()
    daemon.stop()


@CASE
def packet_stalls():
    """A wire that takes nothing: frames are counted, or wait where the interface has its queue; neighbours go on."""
    wire = Wire()
    ip("link", "set", TAP, "txqueuelen", "10")
    daemon = Daemon("--packet", TAP, config=f"{CARD} uplink packet:{TAP}")
    wait_up(daemon)
    tenant, other = Tenant(daemon), Tenant(daemon, 1)
    for _ in range(300):
        tenant.send(tenant.frame(b"." * 1400, to=b"\x02\0\0\0\0\x99"))
    frame = tenant.frame(b"local", to=other.mac)
    tenant.send(frame)
    assert other.receive(lambda f: f[12:14] == NO_TYPE) == frame
    wire.close()
    daemon.stop()


@CASE
def packet_size():
    """A frame that the interface cannot take is counted as that."""
    wire = Wire()
    ip("link", "set", TAP, "mtu", "1000")
    daemon = Daemon("--packet", TAP, config=f"{CARD} mtu 1000 uplink packet:{TAP}")
    wait_up(daemon)
    tenant = Tenant(daemon)
    tenant.send(tenant.frame(b"." * 1400))
    wait_for("it is counted", lambda: drops(daemon, "size") == 1)
    both_ways(tenant, wire, b"shorter")
    wire.close()
    daemon.stop()


@CASE
def packet_refused():
    """What is wrong with an interface, by name."""
    wire = Wire()
    daemon = Daemon("--packet", f"{TAP},lo,gone", config=f"{CARD} uplink packet:{TAP}")
    refused(daemon, f"{ADD} packet:{TAP}", "taken", "nic0")
    refused(daemon, f"{ADD} packet:gone", "there is no interface gone")
    refused(daemon, f"{ADD} packet:lo", "no Ethernet")
    refused(daemon, f"{ADD} packet:eth7", "--packet eth7")
    refused(daemon, f"{ADD} packet:lad", "--packet lad")
    refused(daemon, f"{ADD} packet:", "packet:IFNAME")
    refused(daemon, f"{ADD} packet:sixteen-letters-", "packet:IFNAME")
    refused(daemon, f"{ADD} packet:a/b", "packet:IFNAME")
    daemon.ok("card", "del", "nic0")
    refused(daemon, f"{ADD} packet:{TAP} mtu 9000", "MTU of 1500", "mtu 9000")
    daemon.stop()
    daemon = Daemon()
    wait_for("the helper has settled", lambda: helper_caps(daemon) == CAP_NET_ADMIN)
    refused(daemon, f"{ADD} packet:{TAP}", f"--packet {TAP}")
    daemon.stop()
    daemon = Daemon("--packet", TAP, user="nobody")
    refused(daemon, f"{ADD} packet:{TAP}", "CAP_NET_RAW")
    daemon.stop()
    wire.close()


def main():
    """In a namespace of its own."""
    need_build()
    if os.geteuid() or not shutil.which("unshare") or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        print("skip: packet sockets and taps need root, unshare(1) and /dev/net/tun")
        return 77
    if "LADON_IN_NETNS" in os.environ:
        return SUITE.run()
    if subprocess.run(["unshare", "-n", "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        print("skip: there are no network namespaces here")
        return 77
    os.environ["LADON_IN_NETNS"] = "1"
    os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])
    return 1


if __name__ == "__main__":
    sys.exit(main())
