#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the table of docs/drops.md from src/nic/nic_drop.h. With --check it only compares. Run: docs/drops.py"""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
HEADER = os.path.join(HERE, "..", "src", "nic", "nic_drop.h")
PAGE = os.path.join(HERE, "drops.md")
BEGIN, END = "<!-- from nic_drop.h -->\n", "<!-- end -->\n"
ROW = re.compile(r'X\((\w+),\s*"(\w+)",\s*((?:"[^"]*"\s*)+)\)')


def table():
    """The reasons as Markdown, in the order of the header."""
    with open(HEADER, encoding="utf-8") as file:
        text = file.read().replace("\\\n", " ")
    lines = ["| reason | what happened |", "|---|---|"]
    for name, word, meaning in ROW.findall(text):
        if name != "NONE":
            lines.append("| `" + word + "` | " + "".join(re.findall('"([^"]*)"', meaning)) + " |")
    assert len(lines) > 10, "nic_drop.h has another form now"
    return "\n".join(lines) + "\n"


def main():
    """Writes or checks; 1 when the page is not what the header says."""
    with open(PAGE, encoding="utf-8") as page:
        text = page.read()
    before, rest = text.split(BEGIN)
    new = before + BEGIN + table() + END + rest.split(END)[1]
    if "--check" in sys.argv:
        if new != text:
            print("docs/drops.md is not what src/nic/nic_drop.h says: run docs/drops.py")
        return int(new != text)
    with open(PAGE, "w", encoding="utf-8") as page:
        page.write(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
