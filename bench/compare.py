#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Ladon beside its peers in one run: the card or the switching process on one CPU, the drivers on another.

In each round everybody is measured in turn, in an order that rotates; ratios are made within a round. Prints tables and
writes samples.csv and performance.svg. docs/performance.md says what is measured and how.
"""
import argparse
import csv
import glob
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

import chart
import figures
from machine import HugePages, Watch, await_quiet, facts
from peers import dpdk
from peers.testpmd import PeerError

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGES = 320  # two processes of 256 MiB, and some
SIZES = (64, 1500)
JUMBO, TSO, MSS = 9000, 65000, 1460


class Setup:
    """build: its directory; huge: there are huge pages for DPDK; card, driver: CPUs; patience: seconds to wait for quiet."""

    def __init__(self, args, huge):
        self.build, self.seconds, self.huge = os.path.abspath(args.build), args.seconds, huge
        self.card, self.driver = (int(cpu) for cpu in args.cpus.split(","))
        self.patience = args.patience
        self.ladond = os.path.join(self.build, "ladond")

    def sample(self, case, *words):
        """([(name, value, unit)], others) of one bench_sample."""
        command = [os.path.join(self.build, "bench", "bench_sample"), "-c", f"{self.card},{self.driver}",
                   "-t", str(int(self.seconds * 1000)), *(str(word) for word in words), case, self.ladond]
        with Watch() as watch:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise PeerError(f"{case}: {done.stderr.strip()[-300:]}")
        return dpdk.lines(done.stdout), watch.others


    def line(self):
        """µs that a cache line takes between the two CPUs and back, now; 0 if that cannot be told."""
        done = subprocess.run([os.path.join(self.build, "bench", "bench_sample"), "-c", f"{self.card},{self.driver}",
                               "-t", "20", "line", self.ladond], stdout=subprocess.PIPE, text=True, check=False)
        return next((value for name, value, _ in dpdk.lines(done.stdout) if name == "line-p50"), 0.0)


# Each contestant: (name, function(setup) -> [(case, who, size, value, unit, others)]).

def ladon_rate(size):
    """Ladon in the shape of a switch; what it copied for a packet beside."""
    def measure(setup):
        got, others = setup.sample("rate", "-s", size)
        return [({"rate": "switch"}.get(name, name), "ladon", size, value, unit, others) for name, value, unit in got]
    return "ladon", measure


def dpdk_rate(name, vdevs, size):
    """A peer in that shape."""
    def measure(setup):
        mpps, others = (dpdk.measure(setup, vdevs, size) if vdevs else dpdk.measure_veth(setup, size))
        return [("switch", name, size, mpps, "Mpps", others)]
    return name, measure


def one_frame(name, take):
    """What a single frame takes: take(setup) -> (lines, others)."""
    def measure(setup):
        got, others = take(setup)
        return [(case, name, 64, value, unit, others) for case, value, unit in got]
    return name, measure


def bulk(size, mss):
    """Bytes of jumbo or segmented frames, and of memcpy between the same buffers."""
    def measure(setup):
        got, others = setup.sample("bulk", "-s", size, *(("-m", mss) if mss else ()))
        who = {"bulk": "ladon", "memcpy": "memcpy"}
        return [("bulk" if name in who else name, who.get(name, "ladon"), size, value, unit, others)
                for name, value, unit in got]
    return f"ladon {size} B", measure


def policy(setup):
    """The same card with policy and without, slice by slice."""
    got, others = setup.sample("policy")
    return [("policy", name, 64, value, unit, others) for name, value, unit in got]


def idle(num, size):
    """Two busy VFs with num idle ones beside them."""
    def measure(setup):
        got, others = setup.sample("rate", "-s", size, "-i", num)
        return [("idle-vfs", f"{num or 'none'} idle", size, value, unit, others) for name, value, unit in got if name == "rate"]
    return f"{num} idle, {size} B", measure


def pin(pid, cpu):
    """All threads of a process that runs already."""
    for task in glob.glob(f"/proc/{pid}/task/*"):
        try:
            os.sched_setaffinity(int(os.path.basename(task)), {cpu})
        except OSError:
            pass  # ended meanwhile


def pin_lab(setup, process, done):
    """`ladon lab`'s daemon goes to the card's CPU, as soon as there is one; the threads it makes later follow."""
    while not done.wait(0.01):
        try:
            with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8") as children:
                for pid in children.read().split():
                    pin(pid, setup.card)
        except OSError:
            return


def hops_words(num):
    """A chain's length in words."""
    return f"{num:.0f} hop" + ("" if num == 1 else "s")


def chain(setup):
    """`ladon lab chain`: frames x hops a second, as a part of those of one hop."""
    with tempfile.TemporaryDirectory(prefix="ladon-bench.") as folder, Watch() as watch:
        seconds = max(1, round(4 * setup.seconds))
        with subprocess.Popen([os.path.join(setup.build, "ladon"), "lab", "chain", "-o", folder, "--csv", "seconds",
                               str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              preexec_fn=lambda: os.sched_setaffinity(0, {setup.driver})) as process:
            done = threading.Event()
            pinner = threading.Thread(target=pin_lab, args=(setup, process, done))
            pinner.start()
            said = process.communicate()[0]
            done.set()
            pinner.join()
        try:
            with open(os.path.join(folder, "lab-chain.csv"), encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        except OSError as error:
            raise PeerError(f"ladon lab chain: {said.strip()[-300:]}") from error
    return [("chain", hops_words(float(row["hops"])), 1518, float(row["relative_to_one_hop"]), "of 1 hop", watch.others)
            for row in rows]


PEERS = [("vhost-user", dpdk.vhost), ("memif", dpdk.memif), ("memif zero-copy", dpdk.memif_zero_copy), ("veth", None)]
GROUPS = {
    "switch": [entry for size in SIZES
               for entry in (ladon_rate(size), *(dpdk_rate(name, vdevs, size) for name, vdevs in PEERS))],
    "round": [one_frame("ladon", lambda setup: setup.sample("round")),
              one_frame("vhost-user", lambda setup: dpdk.measure_round(setup, dpdk.vhost)),
              one_frame("memif", lambda setup: dpdk.measure_round(setup, dpdk.memif)),
              one_frame("cache line", lambda setup: setup.sample("line"))],
    "bulk": [bulk(JUMBO, 0), bulk(TSO, MSS)],
    "policy": [("policy", policy)],
    "idle-vfs": [idle(num, size) for size in SIZES for num in (0, 61)],
    "chain": [("chain", chain)],
}


def progress(text):
    """Where it is, for who watches."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def undisturbed(setup, measure):
    """A sample of a quiet moment; when there is none in time, of a busy one."""
    end = time.monotonic() + setup.patience
    while True:
        await_quiet(end - time.monotonic(), figures.DISTURBED)
        before = setup.line()
        rows = measure(setup)
        if max(row[-1] for row in rows) <= figures.DISTURBED or time.monotonic() >= end:
            line = figures.trip(before, setup.line())
            return [(*row, line) for row in rows]


def one_round(setup, number, groups, samples, missing):
    """Adds the samples of one round. missing: {(group, contestant): why}, of those that could not be measured."""
    for group in groups:
        entries = GROUPS[group]
        turn = number % len(entries)
        for name, measure in entries[turn:] + entries[:turn]:
            progress(f"round {number + 1}: {group}: {name}")
            try:
                samples += [figures.Sample(number, *row) for row in undisturbed(setup, measure)]
            except (PeerError, subprocess.TimeoutExpired) as error:
                missing.setdefault((group, name), str(error))
                progress(f"{name}: {error}")


def report(args, samples, about, missing):
    """Tables to standard output, the CSV and the picture to the directory."""
    os.makedirs(args.out, exist_ok=True)
    text = figures.to_csv(samples, about)
    with open(os.path.join(args.out, "samples.csv"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(args.out, "performance.svg"), "w", encoding="utf-8") as file:
        file.write(chart.draw(samples))
    print("".join(f"{name}: {value}\n" for name, value in about.items()))
    print(figures.goal_table(samples))
    print(figures.value_table(samples))
    for (group, name), why in missing.items():
        print(f"missing, in some or all rounds: {group}, {name}: {why}")
    print(f"{args.out}/samples.csv, {args.out}/performance.svg; docs/performance.py puts them into docs/performance.md")


def options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--out", default="build/bench/results", help="directory of samples.csv and performance.svg")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one sample")
    parser.add_argument("--patience", type=float, default=20, help="seconds to wait, for each sample, that others are quiet")
    parser.add_argument("--cpus", default="0,1", help="of card and driver")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS))
    args = parser.parse_args()
    if args.rounds < 1 or not 0.05 <= args.seconds <= 60:
        parser.error("at least one round; 0.05 to 60 seconds")
    return args


def main():
    """All rounds; what was measured so far is told when it is interrupted."""
    args = options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    about, samples, missing = facts(ROOT), [], {}
    if os.cpu_count() < 2:
        sys.exit("compare.py: a card and a driver that both poll take two CPUs")
    with HugePages(PAGES) as pages:
        about["huge pages"] = f"none ({pages.why})" if pages.why else "2 MiB, for DPDK"
        progress(f"huge pages: {about['huge pages']}")
        try:
            for number in range(args.rounds):
                one_round(Setup(args, not pages.why), number, args.only, samples, missing)
        except KeyboardInterrupt:
            progress("interrupted: what there is so far")
    report(args, samples, about, missing)
    return 0 if samples else 1


if __name__ == "__main__":
    sys.exit(main())
