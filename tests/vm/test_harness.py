#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The harness itself: two guests on QEMU's own network card over a stream socket."""

import hashlib
import os
import time

import scenario
from vm import VmError, stream_nic


def commands(s, vm):
    """Exit codes, output, concurrency and kernel messages."""
    s.verdict(vm.run("true").rc == 0 and vm.run("exit 42").rc == 42, "exit codes arrive")
    s.verdict(vm.run("kill -9 $$").rc == 137, "a signal shows as 128 + its number")
    both = vm.run("echo out; echo err >&2")
    s.verdict(both.out == "out\nerr\n", "stdout and stderr arrive", both.out)
    slow = vm.start_job("echo begun; cat /dev/zero")
    slow.kill()
    waiting = vm.start_job("echo begun; sleep 100")
    waiting.wait_output("begun")
    s.verdict(vm.ok("echo meanwhile") == "meanwhile\n", "a command runs while another does")
    waiting.kill()
    s.verdict(waiting.wait(10).rc == 137 and slow.wait(10).rc == 137, "a job can be killed")
    vm.ok("echo kernel says hello > /dev/kmsg")
    s.verdict("iproute2" in vm.ok("ip -V"), "ip is iproute2's")
    big = vm.ok("seq 100000 | tee /tmp/seq")
    s.verdict(big == "".join(f"{i}\n" for i in range(1, 100001)), "600 kB of output arrive whole")
    left = vm.start_job("sleep 300 & echo left")
    s.verdict(left.wait(10).out == "left\n", "a background child does not hold a job")
    try:
        vm.run("sleep 60", timeout=0.3)
        s.verdict(False, "a command's timeout is kept")
    except VmError:
        s.verdict(vm.ok("echo on") == "on\n", "a command's timeout is kept")


def clock(s, vm):
    """The guest's clock runs as the host's does."""
    def both():
        return time.monotonic(), float(vm.ok("cat /proc/uptime").split()[0])
    (host, guest), _, (host_then, guest_then) = both(), vm.ok("sleep 3"), both()
    ratio = (guest_then - guest) / (host_then - host)
    s.verdict(0.95 < ratio < 1.05, f"the guest's clock runs at {ratio:.3f} of the host's",
              vm.run("dmesg | grep -iE 'tsc|clocksource'").out)


def files(s, vm):
    """File transfer in both directions."""
    data = os.urandom(300_000)
    vm.put_file("/tmp/blob", data)
    digest = vm.ok("sha256sum /tmp/blob").split()[0]
    s.verdict(digest == hashlib.sha256(data).hexdigest(), "put_file: sha256 equal")
    s.verdict(vm.get_file("/tmp/blob") == data, "get_file: the same bytes")
    script = b"#!/bin/sh\n# " + b"x" * 200_000 + b"\necho long\n"
    s.verdict(vm.ok(script.decode()) == "long\n", "a command of 200 kB runs")


def life(s, a, b):
    """Pause, reboot, kill."""
    a.pause()
    lost = b.run("ping -c 3 -i 0.2 -W 1 10.0.0.1")
    a.cont()
    s.verdict(lost.rc != 0, "a paused guest does not answer", lost.out)
    s.ping(b, "10.0.0.1", 20, what="b pings a after cont")
    first = a.boot_id
    b.start_job("ping -i 0.2 10.0.0.1")
    a.reboot()
    s.verdict(a.boot_id != first, "a guest reboot is seen")
    s.addresses(a)
    s.ping(b, "10.0.0.1", 20, what="b pings a after its reboot")
    s.verdict(a.run("canary 50 0.1 ip link set eth0 down").rc == 0, "the canary runs")
    b.kill9()
    s.verdict(b.dead(), "kill9 ends QEMU")
    a.shutdown()
    s.verdict(a.dead(), "shutdown ends QEMU")


def run(s):
    """The scenario."""
    wire = s.folder() / "wire"
    a = s.vm("a", modules=["virtio_net"], devices=[stream_nic(wire, 1, True)])
    b = s.vm("b", modules=["virtio_net"], devices=[stream_nic(wire, 2, False)])
    s.boot(a, b)
    commands(s, a)
    files(s, b)
    clock(s, a)
    clock(s, b)
    s.addresses(a, b)
    s.ping(a, "10.0.0.2")
    s.iperf(a, b, "10.0.0.2")
    s.iperf(a, b, "10.0.0.2", options="-R", what="TCP reverse")
    s.transfer(a, b, "10.0.0.2", 16)
    life(s, a, b)


if __name__ == "__main__":
    scenario.main(run, __doc__)
