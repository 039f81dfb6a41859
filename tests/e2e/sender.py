# SPDX-License-Identifier: BSD-3-Clause
"""A VF's driver that sends frames, over a raw vfio-user client."""
import os

import igbvf
import vfio_user as vu
from ladond import wait_for

RING = 256


class Sender:
    """A driver that sends: a ring of descriptors in its memory, a buffer for each."""

    def __init__(self, daemon, vf):
        self.memory = os.memfd_create("sender")
        os.truncate(self.memory, 4 << 20)
        self.client = daemon.attach(vf, caps=vu.QEMU_CAPS)
        self.client.map(0, 4 << 20, self.memory)
        igbvf.bus_master(self.client)
        self.mac = igbvf.handshake(self.client)
        igbvf.start_tx(self.client, 0, RING)
        self.at = 0

    def send(self, *frames):
        """Sends frames, as many as the ring has room for, and waits until the card has taken them."""
        for frame in frames:
            buffer = 0x10000 + self.at * 2048
            os.pwrite(self.memory, frame, buffer)
            os.pwrite(self.memory, igbvf.tx_desc(buffer, len(frame)), self.at * igbvf.DESC.size)
            self.at = (self.at + 1) % RING
        igbvf.ring_tx(self.client, self.at)
        wait_for("the card takes frames", lambda: self.client.read32(vu.BAR0, igbvf.TDH) == self.at)

    def frame(self, to, kind=0x88b5, length=60, source=None):
        """A frame of its own."""
        head = to + (source or self.mac) + kind.to_bytes(2, "big")
        return head + bytes(i & 0xff for i in range(length - len(head)))


def run_beside_sender(suite, world):
    """Runs the tests while world.sender drives VF 0 of world.daemon, which is stopped in the end; returns the exit code."""
    world.sender = Sender(world.daemon, 0)
    rc = suite.run()
    world.sender.client.close()
    world.daemon.stop()
    return rc
