#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The wire: a card whose uplink is a tap device; host and guest reach each other."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess

import provision
import scenario
from vm import vfio_user_device, wait_until

CARD = "nic0"
TAP = "ladon0"
HOST, GUEST = "10.77.0.1", "10.77.0.2"
PORT = 5201


def host(*words, timeout=60):
    """Run a command on the host and return what it gave."""
    return subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)


def tools():
    """Return the cache's tree of tools, so that the host needs none of its own."""
    return provision.QemuRoot(provision.cache_dir() / "qemu")


def host_iperf():
    """Return the command line of iperf3 on the host."""
    return tools().argv("usr/bin/iperf3")


def ping_guest(*options):
    """Ping the guest from the host."""
    return host(str(tools().path / "usr/bin/busybox"), "ping", *options, GUEST)


def check_host():
    """Skip where the host cannot have tap devices."""
    if not os.path.exists("/dev/net/tun"):
        raise provision.Unavailable("/dev/net/tun is missing")
    if not shutil.which("ip"):
        raise provision.Unavailable("ip is not installed (package iproute2)")


def address(s):
    """Give the host's end of the wire its address."""
    wait_until(lambda: os.path.exists(f"/sys/class/net/{TAP}"), 10, f"{TAP} appears")
    done = host("ip", "addr", "add", f"{HOST}/24", "dev", TAP)
    up = host("ip", "link", "set", TAP, "up")
    s.verdict(done.returncode == 0 and up.returncode == 0, f"{TAP} takes {HOST}", done.stderr + up.stderr)


def host_pings(s):
    """Verdict: the host pings the guest without a loss."""
    wait_until(lambda: ping_guest("-c", "1", "-W", "1").returncode == 0, 15, "the guest answers")
    report = ping_guest("-i", "0.05", "-c", "100").stdout
    loss = re.search(r"([\d.]+)% packet loss", report)
    s.verdict(loss and float(loss[1]) == 0, "the host pings the guest: 100 packets, "
              f"{loss[1] if loss else '?'} % loss{scenario.round_trip(report)}", report[-600:])


def rate(text):
    """Return the bit/s an iperf3 JSON report says were received."""
    with contextlib.suppress(ValueError, KeyError):
        return json.loads(text)["end"]["sum_received"]["bits_per_second"]
    return 0


def listening():
    """Tell whether the host's iperf3 accepts."""
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.bind((HOST, PORT))
        return False
    return True


def throughput(s, vm):
    """TCP in both directions between the host and the guest."""
    server = subprocess.Popen(host_iperf() + ["-s", "-1", "-B", HOST], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, preexec_fn=scenario.die_with_parent)
    s.stack.callback(server.wait)
    s.stack.callback(server.kill)
    wait_until(listening, 10, "the host's iperf3 listens")
    report = vm.run(f"iperf3 -c {HOST} -t 3 -J", 60).out
    s.verdict(rate(report) > 0, f"iperf3 guest -> host: {rate(report) / 1e6:.0f} Mbit/s", report[-1200:])
    serving = vm.start_job("iperf3 -s -1 --forceflush")
    serving.wait_output("listening", 15)
    report = host(*host_iperf(), "-c", GUEST, "-t", "3", "-J").stdout
    s.verdict(rate(report) > 0, f"iperf3 host -> guest: {rate(report) / 1e6:.0f} Mbit/s", report[-1200:])
    serving.kill()


def run(s):
    """The scenario."""
    check_host()
    ladon = s.ladond(f"card add {CARD} model 82576 vfs 7 uplink tap:{TAP}")
    address(s)
    vm = s.vm("a", modules=["igbvf"], devices=[vfio_user_device(ladon.socket(CARD, 0), 1)])
    s.boot(vm)
    vm.ok(f"ip addr add {GUEST}/24 dev eth0 && ip link set eth0 up")
    scenario.wait_carrier(vm)
    host_pings(s)
    s.ping(vm, HOST, what="the guest pings the host")
    throughput(s, vm)
    s.verdict(ladon.alive(), "the daemon is alive")


if __name__ == "__main__":
    scenario.main(run, __doc__)
