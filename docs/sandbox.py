#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the table of docs/sandbox.md from src/sandbox/sandbox_calls.def. With --check it only compares. Run: docs/sandbox.py"""
import re
import sys

import page

ROW = re.compile(r"""^(CALL|DENY)\((\w+),\ (\w+),\ ((?:ANY|\w+\(.*?\))),\ (?:(\w+),\ )?"([^"]*)",\ "([^"]*)"\)$""", re.X)
WHOSE = {"LADOND": "ladond", "HELPER": "helper", "BOTH": "both", "HOST": "ladon-host"}


def argument(text):
    """EQ(1, F_GETFD) in words."""
    kind, _, rest = text.rstrip(")").partition("(")
    if kind == "ANY":
        return ""
    if kind == "OWN_PID":
        return f"argument {rest} = own process"
    parts = [part.strip() for part in rest.split(",")]
    if kind == "EQ":
        return f"argument {parts[0]} = `{parts[1]}`"
    return f"argument {parts[0]} & (`{parts[1]}`) = `{parts[2]}`"


def table(rows):
    """The table as Markdown."""
    lines = ["| system call | whose | argument | else | used by | why |", "|---|---|---|---|---|---|"]
    for line in rows.splitlines():
        if not line.startswith(("CALL(", "DENY(")):
            continue
        match = ROW.match(line.strip())
        if not match:
            sys.exit(f"docs/sandbox.py: a row that is none: {line.strip()}")
        kind, whose, name, arg, err, user, why = match.groups()
        fails = f"fails: {err}" if kind == "DENY" else ""
        arg = argument(arg).replace("|", "\\|")
        lines.append(f"| `{name}` | {WHOSE[whose]} | {arg} | {fails} | {user} | {why} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(page.main("docs/sandbox.md", "src/sandbox/sandbox_calls.def", table))
