#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws the chart of exits from the CSV of bench_exits. Run: bench/exits.py CSV SVG"""
import csv
import math
import sys

W, H = 1000, 440
TOP, BOTTOM, PANEL = 110, 372, 430  # y of 10,000 and of 1; width of a panel
LEFT = {"light": 74, "heavy": 554}
TITLE = {"light": "light load: a packet every 50 µs", "heavy": "heavy load: bursts of 32"}
BARS = [("traps", "#c65b4a", "traps (messages)"), ("notifications", "#4a7dbd", "notifications (eventfd writes)")]
BAR, DECADES = 34, 4


def height(value):
    """Of a bar, in pixels: decades from 1 up; what is below 1 has none."""
    return (BOTTOM - TOP) * math.log10(value) / DECADES if value > 1 else 0


def shown(value):
    """A figure as people write it."""
    return f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:.1f}"


def axes(out, load):
    """Title and grid of one panel."""
    x = LEFT[load]
    out.append(f'<text x="{x + PANEL / 2 - 14}" y="84" class="t">{TITLE[load]}</text>')
    for power in range(DECADES + 1):
        y = BOTTOM - (BOTTOM - TOP) * power / DECADES
        out.append(f'<line x1="{x}" y1="{y}" x2="{x + PANEL - 30}" y2="{y}" stroke="#ddd"/>')
        out.append(f'<text x="{x - 8}" y="{y + 4}" class="y">{10 ** power:,}</text>')


def bars(out, load, rows):
    """The groups of one panel, a mode each."""
    step = (PANEL - 30) / len(rows)
    for i, row in enumerate(rows):
        middle = LEFT[load] + step * (i + 0.5)
        out.append(f'<text x="{middle}" y="{BOTTOM + 22}" class="l">{row["mode"]}</text>')
        for k, (key, colour, _) in enumerate(BARS):
            value = float(row[key])
            x, h = middle + (k - 1) * BAR, height(value)
            out.append(f'<rect x="{x + 1}" y="{BOTTOM - h:.1f}" width="{BAR - 2}" height="{h:.1f}" fill="{colour}"/>')
            out.append(f'<text x="{x + BAR / 2}" y="{BOTTOM - h - 6:.1f}" class="v">{shown(value)}</text>')


def main():
    """Reads the CSV, writes the SVG."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" font-family="sans-serif">',
           "<style>.h{font-size:17px;font-weight:bold}.t{font-size:14.5px;font-weight:bold;text-anchor:middle}"
           ".l{font-size:12px;text-anchor:middle;fill:#333}.v{font-size:11.5px;text-anchor:middle;fill:#222}"
           ".y{font-size:11.5px;text-anchor:end;fill:#555}.k{font-size:13px;fill:#333}</style>",
           f'<rect width="{W}" height="{H}" fill="white"/>',
           '<text x="30" y="32" class="h">Exits for 1,000 packets from one VF to another (logarithmic)</text>']
    for k, (_, colour, words) in enumerate(BARS):
        out.append(f'<rect x="{30 + 190 * k}" y="44" width="14" height="14" fill="{colour}"/>')
        out.append(f'<text x="{50 + 190 * k}" y="56" class="k">{words}</text>')
    for load in LEFT:
        axes(out, load)
        bars(out, load, [row for row in rows if row["load"] == load])
    out.append(f'<text x="30" y="{H - 14}" class="k">Each mechanism is added to those on its left. '
               "Throttling: 100 µs. Posted: neither masks nor unmasks, so nothing traps.</text>")
    out.append("</svg>\n")
    with open(sys.argv[2], "w", encoding="utf-8") as svg:
        svg.write("\n".join(out))


if __name__ == "__main__":
    main()
