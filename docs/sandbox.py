#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the table of docs/sandbox.md from src/daemon/sandbox_calls.def. With --check it only compares. Run: docs/sandbox.py"""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "..", "src", "daemon", "sandbox_calls.def")
PAGE = os.path.join(HERE, "sandbox.md")
BEGIN, END = "<!-- from sandbox_calls.def -->\n", "<!-- end -->\n"
ROW = re.compile(r"""^(CALL|DENY)\((\w+),\ (\w+),\ ((?:ANY|\w+\(.*?\))),\ (?:(\w+),\ )?"([^"]*)",\ "([^"]*)"\)$""", re.X)
WHOSE = {"LADOND": "ladond", "HELPER": "helper", "BOTH": "both"}


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


def table():
    """The table as Markdown."""
    lines = ["| system call | whose | argument | else | used by | why |", "|---|---|---|---|---|---|"]
    with open(TABLE, encoding="utf-8") as rows:
        for line in rows:
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


def main():
    """Writes or checks; 1 when the page is not what the table says."""
    with open(PAGE, encoding="utf-8") as page:
        text = page.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    new = before + BEGIN + table() + END + after
    if "--check" in sys.argv:
        if new != text:
            print("docs/sandbox.md is not what src/daemon/sandbox_calls.def says: run docs/sandbox.py")
        return int(new != text)
    with open(PAGE, "w", encoding="utf-8") as page:
        page.write(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
