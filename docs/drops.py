#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the table of docs/drops.md from src/nic/nic_drop.h. With --check it only compares. Run: docs/drops.py"""
import re
import sys

import page

ROW = re.compile(r'X\((\w+),\s*"(\w+)",\s*((?:"[^"]*"\s*)+)\)')


def table(header):
    """The reasons as Markdown, in the order of the header."""
    text = header.replace("\\\n", " ")
    lines = ["| reason | what happened |", "|---|---|"]
    for name, word, meaning in ROW.findall(text):
        if name != "NONE":
            lines.append("| `" + word + "` | " + "".join(re.findall('"([^"]*)"', meaning)) + " |")
    assert len(lines) > 10, "nic_drop.h has another form now"
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(page.main("docs/drops.md", "src/nic/nic_drop.h", table))
