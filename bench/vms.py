#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two VMs (TCG) on two VFs of a card, against two on QEMU's own igb and two on virtio-net: TCP and ping.

All pairs are booted once; the ones that are not measured are paused. Within a round all are measured in turn, each
with its first VM on one CPU and its second on another; ladond is left to the scheduler on these two. Only ratios of
one run count. Traps are register accesses that trapped, for 1,000 packets that arrived under TCP. Some pairs are
measured once more with other settings in the guests, to see what a difference comes from (vm_figures.py).
"""
import os
import pathlib
import re
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "vm"))

import machine  # noqa: E402
import provision  # noqa: E402
import scenario  # noqa: E402
import vm_figures as figures  # noqa: E402
from vm import VmError, stream_nic, vfio_user_device  # noqa: E402
from vm_figures import IGB, LADON, TRAPPED, VIRTIO, Sample  # noqa: E402

CARD, BRIDGE, TAPS = "nic0", "lbench", ("lbench0", "lbench1")
JUMBO_MTU = 9000
# Settings in both guests, and how they are taken back.
MTU = (f"ip link set eth0 mtu {JUMBO_MTU}", "ip link set eth0 mtu 1500")
# The receiver's side of segmentation offload: off, the host cuts for it.
WHOLE = ("ethtool -K eth0 rx-gro-hw off", "ethtool -K eth0 rx-gro-hw on")
TSO = ("ethtool -K eth0 tso off", "ethtool -K eth0 tso on")


def options(parser):
    """Options beside the kernel."""
    parser.add_argument("--rounds", type=int, default=3, help="times that each pair is measured (3)")
    parser.add_argument("--seconds", type=int, default=5, help="of TCP each time (5)")
    parser.add_argument("--pings", type=int, default=200, help="each time (200)")
    parser.add_argument("--csv", help="write every sample there")


class Pair:
    """Two VMs with a network between them."""

    def __init__(self, s, name, net, devices, modules, ladon=None):
        """Start them; they boot meanwhile."""
        self.name, self.net, self.ladon = name, net, ladon
        short = name.split(",", maxsplit=1)[0].replace(" ", "-").replace("'", "")
        self.vms = [s.vm(f"{short}-{n}-{'ab'[n]}", devices=device, modules=modules)
                    for n, device in enumerate(devices)]

    def pids(self):
        """Return who works for the pair: the VMs', and ladond's last."""
        return [vm.process.pid for vm in self.vms] + ([self.ladon.process.pid] if self.ladon else [])

    def pin(self, cpus):
        """Each VM has a CPU; ladond may use both."""
        for pid, cpu in zip(self.pids(), ({cpus[0]}, {cpus[-1]}, set(cpus))):
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(thread), cpu)

    def pause(self):
        """Nobody else is to be disturbed."""
        for vm in self.vms:
            vm.pause()

    def cont(self):
        """It is our turn; the first packets are not measured."""
        for vm in self.vms:
            vm.cont()
        self.vms[0].wait_ok(f"ping -c 3 -i 0.1 -W 1 {self.net}.2", 15)

    def each(self, *commands):
        """Run shell commands in both VMs."""
        for vm in self.vms:
            vm.ok(" && ".join(commands))

    def counts(self):
        """Return packets that arrived, register accesses that trapped, and interrupts as in figures.INTERRUPTS, of
        both VFs."""
        vfs = [self.ladon.json("vf", "show", CARD, str(n)) for n in (0, 1)]
        rows = self.ladon.json("link", "show", CARD)[0]["vfinfo_list"]
        return [sum(row["stats"]["rx"]["packets"] for row in rows), sum(vf["traps"] for vf in vfs),
                *(vf["interrupts"][vector]["fired"] for vf in vfs for vector in (0, 1))]

    def ping(self, count):
        """Return the median of round trips in ms."""
        text = self.vms[0].ok(f"ping -i 0.02 -c {count} {self.net}.2", 60 + count)
        times = [float(t) for t in re.findall(r"time=([\d.]+) ms", text)]
        if len(times) < count // 2:
            raise VmError(f"{self.name}: {len(times)} of {count} pings came back")
        return statistics.median(times)

    def tcp(self, s):
        """Return TCP in Mbit/s, and where ladond can tell, traps and interrupts for 1,000 packets."""
        before = self.counts() if self.ladon else None
        rate = s.iperf(self.vms[0], self.vms[1], f"{self.net}.2", s.options.seconds) / 1e6
        if not before:
            return rate, {}
        packets, *others = (now - was for now, was in zip(self.counts(), before))
        return rate, {name: 1000 * n / packets for name, n in zip(("traps", *figures.INTERRUPTS), others)}

    def measure(self, s, number):
        """Return a round's sample."""
        ping = self.ping(s.options.pings)
        rate, more = self.tcp(s)
        return Sample(self.name, number, rate, ping, **more)

    def measure_as(self, s, number, name, *settings):
        """Return one with other settings in the guests, under a name of its own."""
        self.each(*(on for on, _ in settings))
        self.vms[0].wait_ok(f"ping -c 3 -i 0.1 -W 1 {self.net}.2", 30)
        rate, more = self.tcp(s)
        self.each(*(off for _, off in settings))
        return Sample(name, number, rate, **more)


def ladon_pair(s, name, net, *words):
    """Two VFs of a card of their own."""
    ladon = s.ladond(f"card add {CARD} model 82576 vfs 2", options=words)
    return Pair(s, name, net, [vfio_user_device(ladon.socket(CARD, n), 1) for n in (0, 1)], ["igbvf"], ladon)


def igb_pair(s, net):
    """QEMU's own model of the card, on the two ends of a socket."""
    wire = s.folder() / "wire"
    return Pair(s, IGB, net, [stream_nic(wire, n + 1, n == 0, "igb") for n in (0, 1)], ["igb"])


def host(*words):
    """Run a command on the host."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise provision.Unavailable(f"{' '.join(words)}: {done.stderr.strip()}")


def virtio_pair(s, net):
    """Two taps on a bridge of the kernel's."""
    host("ip", "link", "add", BRIDGE, "type", "bridge")
    s.stack.callback(host, "ip", "link", "del", BRIDGE)
    for tap in TAPS:
        host("ip", "tuntap", "add", tap, "mode", "tap", "vnet_hdr")
        s.stack.callback(host, "ip", "link", "del", tap)
        host("ip", "link", "set", tap, "master", BRIDGE, "up")
    for device in (*TAPS, BRIDGE):
        host("ip", "link", "set", device, "mtu", str(JUMBO_MTU))
    host("ip", "link", "set", BRIDGE, "up")
    return Pair(s, VIRTIO, net, [["-netdev", f"tap,id=n1,ifname={tap},script=no,downscript=no",
                                  "-device", f"virtio-net-pci,netdev=n1,mac=52:54:00:00:01:0{n + 1}"]
                                 for n, tap in enumerate(TAPS)], ["virtio_net"])


def samples_of(s, pair, number):
    """Measure a pair in its turn: as it is, then otherwise."""
    yield pair.measure(s, number)
    if pair.name == LADON:
        yield pair.measure_as(s, number, figures.JUMBO, MTU)
    if pair.name == VIRTIO:
        yield pair.measure_as(s, number, figures.WIRE, WHOLE)
        yield pair.measure_as(s, number, figures.CUT, WHOLE, TSO)
        yield pair.measure_as(s, number, figures.JUMBO_VIRTIO, MTU)
        yield pair.measure_as(s, number, figures.JUMBO_WIRE, MTU, WHOLE)


def run(s):
    """Boot all, then measure in turn."""
    pairs = [ladon_pair(s, LADON, "10.0.1"), ladon_pair(s, TRAPPED, "10.0.2", "--no-mapped-doorbells"),
             igb_pair(s, "10.0.3"), virtio_pair(s, "10.0.4")]
    cpus, samples = sorted(os.sched_getaffinity(0))[:2], []
    for pair in pairs:
        s.boot(*pair.vms)
        s.addresses(*pair.vms, net=pair.net)
        pair.pin(cpus)
        pair.pause()
    for number in range(1, s.options.rounds + 1):
        for pair in pairs:
            pair.cont()
            for sample in samples_of(s, pair, number):
                samples.append(sample)
                s.step(f"round {number}, {sample.pair}: {sample.tcp_mbps:.0f} Mbit/s")
            pair.pause()
    facts = {name: text for name, text in machine.facts(str(scenario.REPO)).items() if name != "DPDK"}
    if s.options.csv:
        with open(s.options.csv, "w", encoding="utf-8") as file:
            file.write(figures.to_csv(samples, facts))
    print("\n" + figures.tables(samples), flush=True)


if __name__ == "__main__":
    scenario.main(run, __doc__, options)
