#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A client hands over an eventfd that blocks when it is written: full, and O_NONBLOCK cleared again. Neither thread
of the daemon may sleep on it: the client goes, its function is in quarantine, everybody else is served.
"""
import contextlib
import fcntl
import os
import struct
import sys

import vfio_user as vu
from ladond import Daemon, Suite, Victim, need_build, wait_for
from vfio_user import BAR0

SUITE = Suite()
EICS, EIMS, EIAM, IVAR_MISC = 0x1520, 0x1524, 0x1530, 0x1740
FULL = struct.pack("<Q", 2 ** 64 - 2)


class Victimised:
    """A daemon with a card, and a victim that is served all the time."""

    def __init__(self):
        self.daemon = Daemon(config="card add nic0 model 82576 vfs 7\n")
        self.victim = Victim(self.daemon)

    def close(self):
        """Ends both."""
        self.victim.stop()
        self.daemon.kill()


def jam(client):
    """Gives vector 0 a blocking, full eventfd."""
    fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    client.set_irqs(vu.MSIX, vu.DATA_EVENTFD | vu.TRIGGER, 0, 1, fds=[fd])
    os.write(fd, FULL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_NONBLOCK)
    return fd


def expect_the_end(daemon, client, vf):
    """The client is dropped with the reason in the log, and its function stays closed for a while."""
    client.wait_end()
    wait_for("the reason in the log", lambda: "made to block" in daemon.log())
    try:
        daemon.attach(vf).close()
    except (vu.Closed, ConnectionError, BrokenPipeError, TimeoutError):
        return
    raise AssertionError("the function took a new client at once")


@SUITE.test
def a_forced_interrupt_does_not_block_the_control_thread():
    """SET_IRQS TRIGGER writes the eventfd on the control thread."""
    with contextlib.closing(Victimised()) as world:
        daemon, victim = world.daemon, world.victim
        client = daemon.attach(0)
        fd = jam(client)
        client.send(vu.SET_IRQS, vu.IRQS.pack(20, vu.DATA_NONE | vu.TRIGGER, vu.MSIX, 0, 1))
        expect_the_end(daemon, client, 0)
        victim.check()
        os.close(fd)


@SUITE.test
def an_interrupt_cause_does_not_block_the_card():
    """EICS raises a cause, and the vector fires."""
    with contextlib.closing(Victimised()) as world:
        daemon, victim = world.daemon, world.victim
        client = daemon.attach(1)
        fd = jam(client)
        client.write32(BAR0, EIMS, 7)
        client.send(vu.REGION_WRITE, vu.ACCESS.pack(EICS, BAR0, 4) + struct.pack("<I", 1))
        expect_the_end(daemon, client, 1)
        victim.check()
        os.close(fd)


if __name__ == "__main__":
    need_build()
    sys.exit(SUITE.run())
