# SPDX-License-Identifier: BSD-3-Clause
"""A VF driven by hand that sends and receives frames: igbvf.py with a receive queue."""
import mmap
import os
import struct

import igbvf
from ladond import memfd, wait_for
from vfio_user import BAR0

RDBAL, RDBAH, RDLEN, SRRCTL, RDT, RXDCTL = 0x2800, 0x2804, 0x2808, 0x280c, 0x2818, 0x2828
ONE_BUFFER, BUFFER_2K = 1 << 25, 2
SIZE, NUM, BUFFER = 1 << 20, 64, 2048
TX_RING, RX_RING, TX_AT, RX_AT = 0, 0x1000, 0x10000, 0x40000
NO_TYPE = b"\x88\xb5"
BROADCAST = b"\xff" * 6


class Tenant:
    """Attached to a VF, its link as the card's."""

    def __init__(self, daemon, vf=0, card="nic0"):
        self.client = daemon.attach(vf, card)
        self.fd = memfd(SIZE)
        self.memory = mmap.mmap(self.fd, SIZE)
        self.client.map(0, SIZE, self.fd)
        self.mac = igbvf.handshake(self.client)
        igbvf.bus_master(self.client)
        self.sent, self.got = 0, 0
        self._start_rx()
        igbvf.start_tx(self.client, TX_RING, NUM)

    def _start_rx(self):
        for i in range(NUM):
            struct.pack_into("<QQ", self.memory, RX_RING + 16 * i, RX_AT + BUFFER * i, 0)
        for reg, value in ((RDBAL, RX_RING), (RDBAH, 0), (RDLEN, 16 * NUM), (SRRCTL, ONE_BUFFER | BUFFER_2K),
                           (RXDCTL, igbvf.ENABLE), (RDT, NUM - 1)):
            self.client.write32(BAR0, reg, value)

    def frame(self, payload, to=BROADCAST, kind=NO_TYPE):
        """A frame from this VF."""
        return to + self.mac + kind + payload.ljust(46, b"\0")

    def send(self, frame):
        """Sends it and waits until the card has fetched it."""
        at = self.sent % NUM
        self.memory[TX_AT + BUFFER * at:TX_AT + BUFFER * at + len(frame)] = frame
        ring = TX_RING + igbvf.DESC.size * at
        self.memory[ring:ring + igbvf.DESC.size] = igbvf.tx_desc(TX_AT + BUFFER * at, len(frame))
        self.sent += 1
        igbvf.ring_tx(self.client, self.sent % NUM)
        wait_for("the frame is sent",
                 lambda: igbvf.DESC.unpack(self.memory[ring:ring + igbvf.DESC.size])[2] & igbvf.DD)

    def next(self):
        """The next frame that has come, or None."""
        at = self.got % NUM
        status, length = struct.unpack_from("<IH", self.memory, RX_RING + 16 * at + 8)
        if not status & igbvf.DD:
            return None
        frame = bytes(self.memory[RX_AT + BUFFER * at:RX_AT + BUFFER * at + length])
        struct.pack_into("<QQ", self.memory, RX_RING + 16 * at, RX_AT + BUFFER * at, 0)
        self.got += 1
        self.client.write32(BAR0, RDT, (self.got + NUM - 1) % NUM)
        return frame

    def receive(self, wanted=lambda frame: True):
        """Waits for a frame that is wanted; others are passed over."""
        def look():
            frame = self.next()
            return frame if frame and wanted(frame) else None
        return wait_for("a frame comes", look)

    def close(self):
        """Detaches."""
        self.client.close()
        self.drop()

    def drop(self):
        """Gives the memory back; the daemon has ended the connection."""
        self.memory.close()
        os.close(self.fd)
