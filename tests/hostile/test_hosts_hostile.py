#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A hostile VM on a compute host, and a hostile compute host: the other hosts lose nothing, and the culprit is named.

    test_hosts_hostile.py [--seconds S] [PART OF A NAME]
"""
import argparse
import os
import sys
import traceback

import host_arena
import host_attacks
from hosts import LADON_HOST
from ladond import need_build


def run(args):
    """All cases whose names hold args.only; returns the number of failures."""
    failed, world = 0, None
    for case in host_attacks.CASES:
        if args.only not in case.name:
            continue
        try:
            world = world or host_arena.HostArena(args.seconds)
            row = world.measure(case)
            print(f"ok   {case.name}: {row['note']}; {row['median']['received'][1]:.0f} frames of the neighbours, none lost; "
                  f"named by: {row['named'][:110]}", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"FAIL {case.name}: {type(error).__name__}: {error}", flush=True)
            traceback.print_exc(limit=-3, file=sys.stdout)
            if world:
                print(world.new_log()[-2000:])
                world.kill()
            world = None
    if world:
        print(f"{world.close()['received']} frames of the neighbours in all, none lost, none wrong")
    return failed


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
    return 1 if run(args) else 0


if __name__ == "__main__":
    sys.exit(main())
