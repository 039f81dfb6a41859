#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hostile processes beside honest neighbours: nothing lost or forged, ladond alive, nothing leaked, the culprit named.

    test_hostile.py [--measure] [--seconds S] [--load PART] [PART OF A NAME]

Prints one line a case. Times are told, not judged: two cores are shared by five processes and more. With --measure the
medians of three rounds are told: for `make bench`. The neighbours offer a part of what they could send (--load), so
that a ratio below 1 means that they were held up, and not that another process ran - unless "no CPU" is high: for that
part of the time the card's data path was ready to run, and the machine had no CPU for it.
"""
import argparse
import sys

import arena
import attacks
from ladond import need_build

HEAD = ("case", "frames/s", "during", "ratio", "p99 us", "during", "lost", "attacker CPU", "ladond CPU", "no CPU", "named by")
ROW = "| {:30} | {:>8} | {:>8} | {:>5} | {:>8} | {:>8} | {:>4} | {:>12} | {:>10} | {:>6} | {}"


def line(row):
    """One line of the report."""
    rate, p99 = (row["median"][key] for key in ("rate", "p99_us"))
    lost = sum(sum(row["median"][key]) for key in ("lost", "wrong", "strangers"))
    named = "; ".join(filter(None, (row["named"][:110], row["note"])))
    return ROW.format(row["case"], f"{rate[0]:.0f}", f"{rate[1]:.0f}", f"{row['ratio']:.2f}", f"{p99[0]:.0f}",
                      f"{p99[1]:.0f}", f"{lost:.0f}", f"{row['attacker_cpu'] * 100:.0f} %",
                      f"{row['daemon_cpu'] * 100:.0f} %", f"{row['waited'] * 100:.0f} %", named)


def main():
    """Exit code 1 when a case failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--load", type=float, default=0.25)
    parser.add_argument("only", nargs="?", default="")
    args = parser.parse_args()
    need_build()
    args.seconds = args.seconds or (1.2 if args.measure else 0.4)
    rounds = 3 if args.measure else 1
    print(ROW.format(*HEAD), flush=True)
    failed = arena.run_cases(attacks.CASES, args.only, lambda: arena.Arena(args.seconds, args.load, rounds),
                             lambda _case, row: print(line(row), flush=True))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
