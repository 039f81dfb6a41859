#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Prints, as Markdown, which registers that PF drivers touch the 82576 model has: modelled, stored only, missing.

Stored only: what was written is read back and has no effect, or 0 is read. A row's text says so.

Two sources that know nothing of each other: docs/register-list.csv, what drivers
touch, and src/nic/i82576/regs_pf.def, what the model has (with its aliases).
Exit code 1 when a register that a driver was seen to touch is missing.
"""
import argparse
import csv
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
MODEL = os.path.join(ROOT, "src/nic/i82576")
FULL, STORED, MISSING, OTHER = "modelled", "stored only", "missing", "not of this card"
IDLE = re.compile(r"storage|(?<!\()(reads 0|not used)")
IDLE_ROWS = {"QDE", "RPLOLR", "TDWBAH"}  # their texts do not say that nothing follows from them


def number(text):
    """Return the value of a product of C numbers, as in "16 * 8"."""
    value = 1
    for factor in text.split("*"):
        value *= int(factor.strip().rstrip("uUlL"), 0)
    return value


def model(path=os.path.join(MODEL, "regs_pf.def")):
    """Return {offset: (name, state, text)} of every register of the model."""
    with open(path, encoding="utf-8") as source:
        text = re.sub(r"/\*.*?\*/", "", source.read(), flags=re.S)
    found = {}
    for row in re.finditer(r"REG\((\w+),((?:[^,\"]+,){9})\s*((?:\"[^\"]*\"\s*)+)\)", text):
        fields = [f.strip() for f in row[2].rstrip(",").split(",")]
        words = "".join(re.findall(r'"([^"]*)"', row[3]))
        first, count, stride = (number(f) for f in fields[:3])
        state = STORED if row[1] in IDLE_ROWS or IDLE.search(words) else FULL
        for index in range(count):
            found[first + index * stride] = (row[1], state, words)
    return found


def aliases(found, path=os.path.join(MODEL, "i82576_pf_regs.c")):
    """Return {alias offset: offset} from the model's table of the offsets of earlier cards."""
    with open(path, encoding="utf-8") as source:
        text = source.read()
    offset_of = {}
    for offset, (name, _, _) in sorted(found.items()):
        offset_of.setdefault(name, offset)
    macros = {m[1]: (m[2], m[3]) for m in
              re.finditer(r"#define (\w+)\((\w)\)\s*(?:\\\n\s*)?(\{.*?\}(?:,\s*\\?\s*\{.*?\})*)", text, re.S)}
    table = text[text.index("aliases[] = {"):]
    table = table[:table.index("\n};")]
    for name, (parameter, body) in macros.items():
        table = re.sub(rf"{name}\((\d+)\)", lambda m, b=body, p=parameter: re.sub(rf"\b{p}\b|\({p}\)", m[1], b), table)
    result = {}
    for row in re.finditer(r"\{\s*([^,{}]+),([^,{}]+),([^,{}]+)\}", table):
        first, size = (expression(f, offset_of) for f in (row[1], row[2]))
        target = expression(row[3], offset_of)
        for at in range(0, size, 4):
            result[first + at] = target + at
    return result


def expression(text, offset_of):
    """Return the value of an offset expression: numbers, I82576_NAME, sums and products."""
    text = re.sub(r"I82576_(\w+)", lambda m: str(offset_of[m[1]]), text.replace("\\", ""))
    if not re.fullmatch(r"[\s\d\w+*()]*", text):
        raise ValueError(f"not an offset: {text}")
    return eval(text.strip(), {"__builtins__": {}})  # pylint: disable=eval-used


def touched(path=os.path.join(ROOT, "docs/register-list.csv")):
    """Return the stored list: dictionaries with name, offsets (a list), drivers and other."""
    with open(path, encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(line for line in source if not line.startswith("#")))
    for row in rows:
        offsets = []
        for run in row["offsets"].split():
            first, stride, count = re.fullmatch(r"(\w+)(?:\+(\w+)\*(\d+))?", run).groups()
            offsets += [int(first, 0) + i * int(stride or "4", 0) for i in range(int(count or 1))]
        row["offsets"] = offsets
    return rows


def judge(row, found, alias):
    """Return how the model has a register, and what it says of it."""
    have = [found.get(alias.get(offset, offset)) for offset in row["offsets"]]
    if not all(have):
        return (OTHER if row["other"] else MISSING), row["other"]
    states = {state for _, state, _ in have}
    return (FULL if FULL in states else STORED), have[0][2]


def summary(rows):
    """Print how many of each, by driver."""
    print("| registers | " + " | ".join((FULL, STORED, MISSING, OTHER)) + " | all |")
    print("|---|" + "---|" * 5)
    for title, test in (("igb, traced", lambda d: re.search(r"igb:[rw]", d)), ("igb, in its source", lambda d: "igb:" in d),
                        ("DPDK's igb driver, in its source", lambda d: "dpdk:" in d), ("any", lambda d: True)):
        chosen = [state for row, state, _ in rows if test(row["drivers"])]
        print(f"| {title} | " + " | ".join(str(chosen.count(s)) for s in (FULL, STORED, MISSING, OTHER))
              + f" | {len(chosen)} |")


def table(rows, heading):
    """Print registers, one a row."""
    print(f"\n{heading}\n\n| register | offset | drivers | state | what it is |\n|---|---|---|---|---|")
    for row, state, text in rows:
        count = f" ({len(row['offsets'])})" if len(row["offsets"]) > 1 else ""
        print(f"| {row['name']}{count} | {row['offsets'][0]:05x} | {row['drivers']} | {state} | {text.replace('|', '/')} |")


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="also list what is modelled")
    options = parser.parse_args()
    found = model()
    alias = aliases(found)
    rows = [(row, *judge(row, found, alias)) for row in touched()]
    summary(rows)
    missing = [r for r in rows if r[1] == MISSING]
    table([r for r in rows if r[1] == OTHER], "Not there, because only other cards have them or need them:")
    if missing:
        table(missing, "Missing:")
    table([r for r in rows if r[1] == STORED], "Stored only (what the driver writes is kept, or 0 is read):")
    if options.all:
        table([r for r in rows if r[1] == FULL], "Modelled:")
    return 1 if any(re.search(r"igb:[rw]", r[0]["drivers"]) for r in missing) else 0


if __name__ == "__main__":
    sys.exit(main())
