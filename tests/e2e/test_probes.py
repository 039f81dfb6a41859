#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The probes of docs/probes.md are in ladond's notes, each with as many arguments, and no others are."""
import os
import re
import struct
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def section(data, wanted):
    """The bytes of an ELF64 section by name; empty when there is none."""
    table, = struct.unpack_from("<Q", data, 0x28)
    size, count, names_at = struct.unpack_from("<HHH", data, 0x3a)
    heads = [struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count)]
    names = heads[names_at]
    for name, _, _, _, offset, length in heads:
        start = names[4] + name
        if data[start:data.index(b"\0", start)].decode() == wanted:
            return data[offset:offset + length]
    return b""


def probes(notes):
    """{(provider, name): number of arguments} of .note.stapsdt."""
    found, at = {}, 0
    while at < len(notes):
        name_len, length, kind = struct.unpack_from("<III", notes, at)
        at += 12 + (name_len + 3) // 4 * 4
        if kind == 3:
            provider, name, args = notes[at + 24:at + length].split(b"\0")[:3]
            key, number = (provider.decode(), name.decode()), len(args.split())
            assert found.setdefault(key, number) == number, f"{key} has {found[key]} and {number} arguments"
        at += (length + 3) // 4 * 4
    return found


def main():
    """Prints what differs; 1 when something does."""
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    if data[:6] != b"\x7fELF\x02\x01":
        print("skip: no little-endian ELF64")
        return 77
    with open(os.path.join(ROOT, "docs/probes.md"), encoding="utf-8") as page:
        rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", page.read(), re.M)
    said = {("ladon", name): len(args.split(",")) for name, args in rows}
    found = probes(section(data, ".note.stapsdt"))
    found = {key: number for key, number in found.items() if key[0] == "ladon"}
    print(f"{len(found)} probes: {', '.join(name for _, name in sorted(found))}")
    if len(said) < 5 or found != said:
        print(f"docs/probes.md says {said}\nthe program has {found}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
