# SPDX-License-Identifier: BSD-3-Clause
"""An 82576 VF by hand over a raw vfio-user client: just enough to make the card do DMA.

Offsets and bits are from the data sheet, not from src/.
"""
import struct

from vfio_user import BAR0, CONFIG

MBMEM, V2PMAILBOX = 0x800, 0xc40
REQ, ACK, VFU, PFSTS, RSTI = 1, 2, 4, 0x10, 0x40
TDBAL, TDBAH, TDLEN, TDH, TDT, TXDCTL = 0x3800, 0x3804, 0x3808, 0x3810, 0x3818, 0x3828
ENABLE = 1 << 25
COMMAND, BUS_MASTER, MEMORY = 4, 4, 2
DESC = struct.Struct("<QII")  # address, cmd_type_len, olinfo_status
EOP, IFCS, RS, DEXT, DATA = 1 << 24, 1 << 25, 1 << 27, 1 << 29, 3 << 20
DD = 1


def bus_master(client, on=True):
    """COMMAND with memory space on, and bus mastering as told."""
    client.write(CONFIG, COMMAND, struct.pack("<H", MEMORY | (BUS_MASTER if on else 0)))


def handshake(client):
    """Shakes hands with the PF as a driver does after a reset; returns the MAC address."""
    client.write32(BAR0, V2PMAILBOX, VFU)
    client.write32(BAR0, MBMEM, 1)  # E1000_VF_RESET
    client.write32(BAR0, V2PMAILBOX, REQ)
    assert client.read32(BAR0, V2PMAILBOX) & PFSTS, "the PF did not answer"
    client.write32(BAR0, V2PMAILBOX, VFU)
    word, low, high = (client.read32(BAR0, MBMEM + 4 * i) for i in range(3))
    client.write32(BAR0, V2PMAILBOX, ACK)
    assert word & 0xffff == 1 and word & 1 << 31, f"the PF answered {word:#x}"
    return struct.pack("<II", low, high)[:6]


def ask(client, *words):
    """A message to the PF; returns the first word of its answer."""
    client.write32(BAR0, V2PMAILBOX, VFU)
    for i, word in enumerate(words):
        client.write32(BAR0, MBMEM + 4 * i, word)
    client.write32(BAR0, V2PMAILBOX, REQ)
    assert client.read32(BAR0, V2PMAILBOX) & PFSTS, "the PF did not answer"
    client.write32(BAR0, V2PMAILBOX, VFU)
    answer = client.read32(BAR0, MBMEM)
    client.write32(BAR0, V2PMAILBOX, ACK)
    return answer


def start_tx(client, ring, num=8):
    """Transmit queue 0 with its ring at IOVA ring."""
    client.write32(BAR0, TDBAL, ring & 0xffffffff)
    client.write32(BAR0, TDBAH, ring >> 32)
    client.write32(BAR0, TDLEN, num * DESC.size)
    client.write32(BAR0, TXDCTL, ENABLE)


def ring_tx(client, tail):
    """The doorbell, trapped."""
    client.write32(BAR0, TDT, tail)


def tx_desc(addr, length):
    """A descriptor that sends one buffer as one frame and wants to be told."""
    return DESC.pack(addr, DATA | DEXT | EOP | IFCS | RS | length, length << 14)
