#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the tables of docs/performance.md and docs/performance.svg from docs/performance.csv, the samples of one
`make bench`. With --check it only compares. Run: docs/performance.py"""
import os
import sys

import page

sys.path.insert(0, os.path.join(page.ROOT, "bench"))
import chart  # noqa: E402
import figures  # noqa: E402

SVG = os.path.join(page.ROOT, "docs", "performance.svg")


def tables(text):
    """What was measured on, the ratios beside their goals, every figure."""
    samples, facts = figures.from_csv(text)
    if not samples:
        return "No run is stored here yet: `make bench DOCS=1` on a quiet machine stores one.\n"
    about = "; ".join(f"{name}: {value}" for name, value in facts.items())
    rounds = len({s.round for s in samples})
    return (f"{about}; {rounds} rounds.\n\n{figures.goal_table(samples)}\n"
            f"All figures of that run:\n\n{figures.value_table(samples)}")


def picture():
    """Draws, or compares; 1 when it is not what the samples say."""
    with open(os.path.join(page.ROOT, "docs", "performance.csv"), encoding="utf-8") as file:
        new = chart.draw(figures.from_csv(file.read())[0])
    if "--check" not in sys.argv:
        with open(SVG, "w", encoding="utf-8") as file:
            file.write(new)
        return 0
    with open(SVG, encoding="utf-8") as file:
        if file.read() == new:
            return 0
    print("docs/performance.svg is not what performance.csv says: run docs/performance.py")
    return 1


if __name__ == "__main__":
    sys.exit(page.main("docs/performance.md", "docs/performance.csv", tables) | picture())
