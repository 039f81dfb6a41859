#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two VMs (TCG) on two VFs of a card, against two on QEMU's own igb and two on virtio-net: TCP and ping.

All pairs are booted once; the ones that are not measured are paused. Within a round all are measured in turn, each
with its first VM on one CPU and its second on another; ladond is left to the scheduler on these two. Only ratios of
one run count. The table's last column is register accesses that trapped, for 1,000 packets that arrived under TCP.
"""
import csv
import os
import pathlib
import re
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "vm"))

import provision  # noqa: E402
import scenario  # noqa: E402
from vm import VmError, stream_nic, vfio_user_device  # noqa: E402

CARD, BRIDGE, TAPS = "nic0", "lbench", ("lbench0", "lbench1")
LADON, TRAPPED, IGB, VIRTIO = "Ladon, igbvf", "the same, trapped doorbells", "QEMU's igb, stream", "virtio-net, taps"
FIELDS = ["pair", "round", "tcp_mbps", "ping_ms", "traps_per_1000"]
# Whose part, of whom, at least (TCP) or at most (ping).
GOALS = [("tcp_mbps", IGB, 2.0), ("tcp_mbps", VIRTIO, 1.0), ("ping_ms", IGB, 1.0), ("ping_ms", VIRTIO, 1.0)]


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

    def counts(self):
        """Return (register accesses that trapped, packets that arrived) of both VFs."""
        if not self.ladon:
            return 0, 0
        traps = sum(self.ladon.json("vf", "show", CARD, str(n))["traps"] for n in (0, 1))
        rows = self.ladon.json("link", "show", CARD)[0]["vfinfo_list"]
        return traps, sum(row["stats"]["rx"]["packets"] for row in rows)

    def ping(self, count):
        """Return the median of round trips in ms."""
        text = self.vms[0].ok(f"ping -i 0.02 -c {count} {self.net}.2", 60 + count)
        times = [float(t) for t in re.findall(r"time=([\d.]+) ms", text)]
        if len(times) < count // 2:
            raise VmError(f"{self.name}: {len(times)} of {count} pings came back")
        return statistics.median(times)

    def measure(self, s):
        """Return one sample: TCP in Mbit/s, ping in ms, traps or None."""
        ping = self.ping(s.options.pings)
        before = self.counts()
        rate = s.iperf(self.vms[0], self.vms[1], f"{self.net}.2", s.options.seconds)
        traps, packets = (now - was for now, was in zip(self.counts(), before))
        return {"pair": self.name, "tcp_mbps": rate / 1e6, "ping_ms": ping,
                "traps_per_1000": 1000 * traps / packets if packets else None}


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
    host("ip", "link", "set", BRIDGE, "up")
    return Pair(s, VIRTIO, net, [["-netdev", f"tap,id=n1,ifname={tap},script=no,downscript=no",
                                  "-device", f"virtio-net-pci,netdev=n1,mac=52:54:00:00:01:0{n + 1}"]
                                 for n, tap in enumerate(TAPS)], ["virtio_net"])


def write_csv(path, samples):
    """Every sample, for who wants to see how they scatter."""
    with open(path, "w", encoding="utf-8", newline="") as text:
        out = csv.DictWriter(text, FIELDS, lineterminator="\n")
        out.writeheader()
        for sample in samples:
            out.writerow({key: f"{value:.3f}" if isinstance(value, float) else value for key, value in sample.items()})


def values(samples, name, field):
    """Return what a pair's rounds gave."""
    return [s[field] for s in samples if s["pair"] == name and s[field] is not None]


def show(samples, names):
    """Print medians with minimum and maximum, ratios to Ladon's, and the goals."""
    print("\n| two VMs on | TCP Mbit/s | Ladon / it | ping ms | Ladon / it | traps for 1,000 packets |")
    print("|---|---|---|---|---|---|")
    for name in names:
        cells = [name]
        for field, digits in (("tcp_mbps", 0), ("ping_ms", 3)):
            mine = values(samples, name, field)
            ratio = statistics.median(values(samples, LADON, field)) / statistics.median(mine)
            cells += [f"{statistics.median(mine):.{digits}f} ({min(mine):.{digits}f}-{max(mine):.{digits}f})",
                      f"{ratio:.2f}"]
        traps = values(samples, name, "traps_per_1000")
        cells.append(f"{statistics.median(traps):.1f}" if traps else "-")
        print(f"| {' | '.join(cells)} |")
    print()
    for field, name, bound in GOALS:
        ratio = statistics.median(values(samples, LADON, field)) / statistics.median(values(samples, name, field))
        good = ratio >= bound if field == "tcp_mbps" else ratio < bound
        word = "at least" if field == "tcp_mbps" else "below"
        print(f"{'met   ' if good else 'missed'} {field} of {name}: {ratio:.2f}, goal {word} {bound}", flush=True)


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
            sample = {**pair.measure(s), "round": number}
            pair.pause()
            samples.append(sample)
            s.step(f"round {number}, {pair.name}: {sample['tcp_mbps']:.0f} Mbit/s, ping {sample['ping_ms']:.3f} ms")
    if s.options.csv:
        write_csv(s.options.csv, samples)
    show(samples, [pair.name for pair in pairs])


if __name__ == "__main__":
    scenario.main(run, __doc__, options)
