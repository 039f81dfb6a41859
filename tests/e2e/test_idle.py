#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What seven attached, idle VFs cost: memory of the daemon's own, and CPU time.

Memory is asserted (20 MiB). CPU is printed and asserted only against spinning: this machine may be shared.
"""
import os
import sys
import time

import igbvf
import vfio_user as vu
from ladond import CARD, Daemon, Suite, is_sanitized, need_build

SUITE = Suite()
CASE = SUITE.test
GUEST = 512 << 20  # bytes of memory of each guest, none of it the daemon's own
SECONDS = 5
MEMORY_KIB, CPU_PERCENT = 20 * 1024, 20


class World:
    """The daemon under test; filled by main."""

    daemon = None


def guest(vf):
    """A driver that set up its queues and went to sleep: what a booted guest without traffic looks like."""
    memory = os.memfd_create("guest")
    os.truncate(memory, GUEST)
    client = World.daemon.attach(vf, caps=vu.QEMU_CAPS)
    client.map(0, 0xa0000, memory)
    client.map(0x100000, GUEST - 0x100000, memory, 0x100000)
    client.region_info(0, argsz=64).close_fds()
    client.set_irqs(vu.MSIX, vu.DATA_EVENTFD | vu.TRIGGER, 0, 3, [os.eventfd(0) for _ in range(3)])
    igbvf.bus_master(client)
    igbvf.handshake(client)
    igbvf.start_tx(client, 0x100000, 256)
    os.close(memory)
    return client


@CASE
def memory_of_seven_idle_vfs():
    """RssAnon, and Pss without the guests' memory, are below 20 MiB."""
    kib = World.daemon.memory_kib()
    own = kib["Pss"] - kib.get("Pss_Shmem", 0)
    said = (f"RssAnon {kib['RssAnon']} KiB, Pss {kib['Pss']} KiB ({own} KiB of it not shared memory), "
            f"RssFile {kib['RssFile']} KiB, VmRSS {kib['VmRSS']} KiB")
    if is_sanitized():
        return said + "; not judged: AddressSanitizer"
    assert kib["RssAnon"] < MEMORY_KIB and kib["Pss"] < MEMORY_KIB, said
    return said


@CASE
def cpu_of_seven_idle_vfs():
    """Far from spinning."""
    time.sleep(1)  # what attaching left behind
    # The data path's thread counts in nanoseconds where the kernel tells; ticks are 10 ms.
    start, cpu = time.monotonic(), cpu_ns()
    time.sleep(SECONDS)
    percent = (cpu_ns() - cpu) / 1e7 / (time.monotonic() - start)
    said = f"{percent:.3f} % of one CPU over {SECONDS} s, seven VFs attached, one card, mapped doorbells"
    assert percent < CPU_PERCENT, said
    return said


def cpu_ns():
    """CPU time of all threads."""
    total = 0
    for thread in os.listdir(f"/proc/{World.daemon.pid}/task"):
        with open(f"/proc/{World.daemon.pid}/task/{thread}/schedstat", encoding="utf-8") as file:
            total += int(file.read().split()[0])
    return total


def main():
    """One daemon with one card and seven guests."""
    need_build()
    World.daemon = Daemon(config=CARD)
    clients = [guest(n) for n in range(7)]
    rc = SUITE.run()
    for client in clients:
        client.close()
    World.daemon.stop()
    return rc


if __name__ == "__main__":
    sys.exit(main())
