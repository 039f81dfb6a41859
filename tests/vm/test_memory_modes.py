#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Guest memory of every kind: shared, privately mapped (a trap), and without a file.

A VM started with share=off hands out a file whose contents are stale. The
daemon must notice, say so by the option's name, and work by messages instead.
"""

import scenario
from vm import vfio_user_device

CARD = "nic0"
MODES = [("shared", {"memory_backend": "memfd", "share": True}),
         ("private", {"memory_backend": "memfd", "share": False}),
         ("nofile", {"memory_backend": "ram"})]
MEGABYTES = 4


def run(s):
    """The scenario."""
    ladon = s.ladond(f"card add {CARD} model 82576 vfs 7")
    guests = [s.vm(name, modules=["igbvf"], devices=[vfio_user_device(ladon.socket(CARD, index), 1)],
                   **mode) for index, (name, mode) in enumerate(MODES)]
    s.boot(*guests)
    s.addresses(*guests)
    normal, others = guests[0], guests[1:]
    for number, guest in enumerate(others, 2):
        s.step(f"{guest.name}: {dict(MODES)[guest.name]}")
        s.ping(guest, "10.0.0.1")
        s.ping(normal, f"10.0.0.{number}")
        s.transfer(guest, normal, "10.0.0.1", MEGABYTES)
        s.transfer(normal, guest, f"10.0.0.{number}", MEGABYTES)
    s.ping(others[0], "10.0.0.3", what="private pings nofile")
    named = [line for line in ladon.log().splitlines() if "share=on" in line]
    s.verdict(named, "the daemon's log names share=on", ladon.log_tail())
    s.verdict(ladon.alive(), "the daemon is alive")


if __name__ == "__main__":
    scenario.main(run, __doc__)
