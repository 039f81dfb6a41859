# SPDX-License-Identifier: BSD-3-Clause
"""The picture of a comparison: bars with the median, lines from minimum to maximum."""
import html

import figures

W, PANEL, LEFT, TOP, ROW, BAR = 1000, 480, 150, 92, 30, 18
CUT = 2  # medians
COLOURS = {"ladon": "#c65b4a"}
OTHER = "#4a7dbd"
PANELS = [  # title, unit, [(case, size)]
    ("VF to VF, 64 B", "Mpps", [("switch", 64)]),
    ("VF to VF, 1500 B", "Mpps", [("switch", 1500)]),
    ("one frame, one pass, 64 B", "µs", [("pass-p50", 64), ("pass-p99", 64), ("line-p50", 64)]),
    ("bytes", "Gb/s", [("bulk", 9000), ("bulk", 65000)]),
]
STYLE = ("<style>.h{font-size:17px;font-weight:bold}.t{font-size:14.5px;font-weight:bold}.l{font-size:12px;"
         "text-anchor:end;fill:#333}.v{font-size:11.5px;fill:#222}.k{font-size:12.5px;fill:#333}</style>")


def rows_of(samples, wanted):
    """[(label, who, Spread)] of one panel."""
    rows = []
    for case, size in wanted:
        more = {"pass-p50": " p50", "pass-p99": " p99", "bulk": " TSO" if size > 9000 else f" {size} B"}.get(case, "")
        for peer in sorted({s.peer for s in samples if (s.case, s.size) == (case, size)}, key=lambda p: (p != "ladon", p)):
            spread = figures.spread_of(samples, (case, peer, size))
            rows.append((peer + more, peer, spread))
    return rows


def panel(out, rows, left, top, title, unit):
    """One group of bars; the longest fills the panel."""
    out.append(f'<text x="{left}" y="{top - 14}" class="t">{title}, {unit}</text>')
    # A maximum far beyond everything else is cut off.
    most = min(max(spread.most for _, _, spread in rows), CUT * max(spread.median for _, _, spread in rows)) or 1
    scale = (PANEL - LEFT - 70) / most
    for i, (label, who, spread) in enumerate(rows):
        x, y = left + LEFT, top + i * ROW
        middle = y + BAR / 2
        out.append(f'<text x="{x - 8}" y="{middle + 4}" class="l">{html.escape(label)}</text>')
        out.append(f'<rect x="{x}" y="{y}" width="{spread.median * scale:.1f}" height="{BAR}" '
                   f'fill="{COLOURS.get(who, OTHER)}"/>')
        end = x + min(spread.most, most) * scale
        out.append(f'<path d="M{x + spread.least * scale:.1f} {middle}H{end:.1f}" stroke="#222" stroke-width="1.5"/>')
        out.append(f'<text x="{end + 6:.1f}" y="{middle + 4}" class="v">'
                   f'{figures.shown(spread.median)}</text>')


def draw(samples):
    """The SVG's text."""
    panels = [(title, unit, rows_of(samples, wanted)) for title, unit, wanted in PANELS]
    panels = [entry for entry in panels if entry[2]]
    out, y = [], TOP
    for first in range(0, len(panels), 2):
        pair = panels[first:first + 2]
        for i, (title, unit, rows) in enumerate(pair):
            panel(out, rows, 20 + i * (PANEL + 10), y, title, unit)
        y += max(len(rows) for _, _, rows in pair) * ROW + 50
    height = y + 6
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {height}" font-family="sans-serif">', STYLE,
        f'<rect width="{W}" height="{height}" fill="white"/>',
        '<text x="20" y="32" class="h">Ladon beside its peers, on the same two cores</text>', *out,
        f'<text x="20" y="{height - 14}" class="k">Bars: medians; lines: minimum to maximum, at most twice the longest bar. More is better, but for the '
        'time of a frame.</text>', "</svg>\n"])
