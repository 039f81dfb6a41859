#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Instructions that a frame costs, counted under callgrind and held to what is stored in instructions.csv.

Without an option: a test. It fails where a case costs more than 5 % more than stored, and says which functions
grew; `make instructions-accept` stores what is counted now, `make profile` prints the path of 64 bytes.

Counts repeat: valgrind shows every program the same AVX2 processor, and path.c has neither clocks nor threads
in what is counted. Only the forwarding table's key is random; a collision in it is less than 1 %. Counts
depend on the compiler: one that nothing is stored of is skipped.
"""
import argparse
import csv
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile

STORED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.csv")
FIELDS = ["build", "case", "side", "function", "inclusive", "self"]
CASES = ["64", "1500", "udp", "csum", "tso"]
SIDES = {"card": "counted_card", "driver": "counted_driver_*"}
ALL = "(all)"
TOLERANCE = 0.05
KEPT = 0.005  # of the whole: functions that are less of their own are not stored
SKIP = 77


class Profile:
    """Instructions a frame by function."""

    def __init__(self):
        self.own, self.inclusive = {}, {}

    @property
    def total(self):
        """Of all functions."""
        return self.own[ALL]

    @classmethod
    def parse(cls, text, frames, counted):
        """From a callgrind file whose names and positions are not compressed."""
        profile, function, called = cls(), None, None
        for line in text.splitlines():
            name = re.match(r"(c?fn)=([^'.]*)", line)
            if name and name[1] == "fn":
                function = name[2]
            elif name:
                callee = name[2]
            elif line.startswith("calls="):
                called = callee
            elif re.match(r"\d+ \d+$", line):
                profile.add(function, called, int(line.split()[1]) / frames)
                called = None
        roots = sum(n for f, n in profile.inclusive.items() if fnmatch.fnmatch(f, counted))
        profile.own[ALL] = profile.inclusive[ALL] = roots
        return profile

    def add(self, function, called, cost):
        """A line of function's own, or of what it called."""
        if called is None:
            self.own[function] = self.own.get(function, 0) + cost
        if called != function:
            self.inclusive[function] = self.inclusive.get(function, 0) + cost

    def grown(self, stored, num):
        """Names of those that grew most, of their own; what is too little to be stored is too little to be told."""
        growth = {f: n - stored.own.get(f, 0) for f, n in self.own.items() if f != ALL}
        told = [f for f, n in growth.items() if n >= KEPT * self.total]
        return sorted(told, key=lambda f: -growth[f])[:num]


def count(path, case, side):
    """Runs one case under callgrind."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "callgrind.out")
        done = subprocess.run(
            ["valgrind", "-q", "--fair-sched=try", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no",
             f"--callgrind-out-file={out}", "--zero-before=counted_bursts", f"--toggle-collect={SIDES[side]}",
             path, case], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        frames = re.search(r"^frames (\d+)$", done.stdout, re.M)
        if done.returncode or not frames:
            sys.exit(f"{path} {case}: exit code {done.returncode}; a frame was lost?\n{done.stderr[-2000:]}")
        with open(out, encoding="utf-8") as text:
            return Profile.parse(text.read(), int(frames[1]), SIDES[side])


def load():
    """What is stored: {(build, case, side): Profile}."""
    stored = {}
    with open(STORED, encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            profile = stored.setdefault((row["build"], row["case"], row["side"]), Profile())
            profile.own[row["function"]] = float(row["self"])
            profile.inclusive[row["function"]] = float(row["inclusive"])
    return stored


def store(stored):
    """Writes all of it, sorted, so that a change reads well."""
    with open(STORED, "w", encoding="utf-8", newline="") as text:
        out = csv.writer(text, lineterminator="\n")
        out.writerow(FIELDS)
        for key in sorted(stored):
            profile = stored[key]
            for name in sorted(profile.inclusive, key=lambda f: (-profile.inclusive[f], f)):
                if profile.own.get(name, 0) >= KEPT * profile.total:
                    out.writerow([*key, name, f"{profile.inclusive[name]:.1f}", f"{profile.own.get(name, 0):.1f}"])


def accept(path, build):
    """What is counted now is right from now on, for this build; others keep theirs."""
    stored = load() if os.path.exists(STORED) else {}
    for case in CASES:
        for side in SIDES:
            new, key = count(path, case, side), (build, case, side)
            old = f"{stored[key].total:.1f}" if key in stored else "-"
            print(f"{case} {side}: {old} -> {new.total:.1f} instructions a frame")
            stored[key] = new
    store(stored)


def explain(new, old):
    """The functions that grew most."""
    print("| function | self | stored | inclusive | stored |\n|---|---|---|---|---|")
    for name in new.grown(old, 5):
        print(f"| {name} | {new.own.get(name, 0):.1f} | {old.own.get(name, 0):.1f} |"
              f" {new.inclusive.get(name, 0):.1f} | {old.inclusive.get(name, 0):.1f} |")


def check(path, build):
    """Returns how many cases cost too much."""
    stored, bad = load(), 0
    if not any(key[0] == build for key in stored):
        skip(f"nothing is stored for {build or 'a build of this kind'} in {os.path.basename(STORED)}")
    for case in CASES:
        for side in SIDES:
            new, old = count(path, case, side), stored[build, case, side]
            change = new.total / old.total - 1
            print(f"{case} {side}: {new.total:.1f} instructions a frame, stored {old.total:.1f}, {100 * change:+.1f} %")
            if change > TOLERANCE:
                bad += 1
                explain(new, old)
    if bad:
        print(f"{bad} cases cost more than {100 * TOLERANCE:.0f} % more. If that is worth it: make instructions-accept")
    return bad


def show(path):
    """The path of 64 bytes: functions that are at least 5 % of it."""
    for side in SIDES:
        profile = count(path, "64", side)
        print(f"64 bytes, {side}: {profile.total:.1f} instructions a frame\n")
        print("| function | self | % | with what it calls | % |\n|---|---|---|---|---|")
        part = {f: 100 * n / profile.total for f, n in profile.own.items() if f != ALL}
        for name in sorted(part, key=lambda f: -part[f]):
            if part[name] >= 5:
                whole = profile.inclusive[name]
                print(f"| {name} | {profile.own[name]:.1f} | {part[name]:.1f} | {whole:.1f} |"
                      f" {100 * whole / profile.total:.1f} |")
        print(f"| others | {sum(profile.own[f] for f in part if part[f] < 5):.1f} |"
              f" {sum(p for p in part.values() if p < 5):.1f} | | |\n")


def skip(why):
    """Not a failure: says why nothing was counted."""
    print(f"skipped: {why}")
    sys.exit(SKIP)


def need_tools():
    """What counting takes."""
    if not shutil.which("valgrind"):
        skip("valgrind is not installed")
    with open("/proc/cpuinfo", encoding="utf-8") as text:
        if " avx2 " not in text.read():
            skip("the counts are those of AVX2 code, which this processor lacks")


def main():
    """Test, accept or print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--path", required=True, help="the program that is counted")
    parser.add_argument("--build", required=True, help="compiler, version, optimisation; empty = cannot be counted")
    parser.add_argument("--accept", action="store_true", help="store what is counted")
    parser.add_argument("--profile", action="store_true", help="print the path of 64 bytes by function")
    args = parser.parse_args()
    need_tools()
    if args.profile:
        show(args.path)
    elif not args.accept:
        return 1 if check(args.path, args.build) else 0
    elif not args.build:
        sys.exit("a build with sanitizers, coverage or link-time optimisation is not what the counts are of")
    else:
        accept(args.path, args.build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
