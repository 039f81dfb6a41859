# SPDX-License-Identifier: BSD-3-Clause
"""A reader of pcapng files, from the draft: strict, so that it is a test of who writes them."""
import collections
import struct

Packet = collections.namedtuple("Packet", "interface time data length inbound lost comment")

SECTION, INTERFACE, STATISTICS, PACKET = 0x0a0d0d0a, 1, 5, 6


def options(data):
    """{code: value} of a block's options, which must end as they should."""
    found, at = {}, 0
    while at < len(data):
        code, length = struct.unpack_from("<HH", data, at)
        if code == 0:
            assert length == 0 and at + 4 == len(data), "bytes after the end of the options"
            return found
        assert code not in found, f"option {code} twice"
        found[code] = data[at + 4:at + 4 + length]
        assert len(found[code]) == length
        at += 4 + (length + 3) // 4 * 4
    assert at == 0, "options without an end"
    return found


def blocks(data):
    """(type, body) of each; the length stands at both ends."""
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0 and at + length <= len(data), f"block of {length} bytes at {at} of {len(data)}"
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        yield kind, data[at + 8:at + length - 4]
        at += length


class File:
    """What a capture holds."""

    def __init__(self, data):
        self.interfaces, self.packets, self.lost, self.application = [], [], 0, None
        take = {SECTION: self._section, INTERFACE: self._interface, STATISTICS: self._statistics,
                PACKET: self._packet}
        for kind, body in blocks(data):
            assert (kind == SECTION) == (self.application is None), "one section, at the beginning"
            take[kind](body)

    def _section(self, body):
        magic, major, minor, length = struct.unpack_from("<IHHq", body)
        assert (magic, major, minor, length) == (0x1a2b3c4d, 1, 0, -1)
        self.application = options(body[16:])[4].decode()

    def _interface(self, body):
        link, _, _ = struct.unpack_from("<HHI", body)
        opts = options(body[8:])
        assert link == 1 and opts[9] == b"\x09", "Ethernet, nanoseconds"
        self.interfaces.append(opts[2].decode())

    def _statistics(self, body):
        self.lost = struct.unpack("<Q", options(body[12:])[7])[0]

    def _packet(self, body):
        number, high, low, cap_len, length = struct.unpack_from("<IIIII", body)
        end = 20 + (cap_len + 3) // 4 * 4
        assert not any(body[20 + cap_len:end]) and cap_len <= length
        opts = options(body[end:])
        flags = struct.unpack("<I", opts[2])[0]
        assert flags in (1, 2)
        lost = struct.unpack("<Q", opts[4])[0] if 4 in opts else 0
        self.lost += lost
        comment = opts[1].decode() if 1 in opts else None
        self.packets.append(Packet(self.interfaces[number], high << 32 | low, body[20:20 + cap_len], length,
                                   flags == 1, lost, comment))


def read(path):
    """The file at path."""
    with open(path, "rb") as file:
        return File(file.read())
