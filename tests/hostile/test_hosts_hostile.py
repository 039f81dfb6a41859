#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A hostile VM on a compute host, and a hostile compute host: the other hosts lose nothing, and the culprit is named.

    test_hosts_hostile.py [--seconds S] [PART OF A NAME]
"""
import argparse
import os
import sys

import arena
import host_arena
import host_attacks
from hosts import LADON_HOST
from ladond import need_build


def tell(case, row):
    """One line of the report."""
    print(f"ok   {case.name}: {row['note']}; {row['median']['received'][1]:.0f} frames of the neighbours, none lost; "
          f"named by: {row['named'][:110]}", flush=True)


def main():
    """Exit code 1 when a case failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument("only", nargs="?", default="")
    args = parser.parse_args()
    need_build()
    if not os.access(LADON_HOST, os.X_OK):
        print("skip: ladon-host is missing")
        return 77
    failed = arena.run_cases(host_attacks.CASES, args.only, lambda: host_arena.HostArena(args.seconds), tell)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
