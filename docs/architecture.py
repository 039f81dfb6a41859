#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws docs/architecture.svg: the rooms of Ladon and what flows between them. Run: docs/architecture.py"""
import os

W, H = 1060, 700
BOX = {  # name: x, y, width, height, colour, title, lines
    "vm1": (40, 20, 200, 64, "#eef3fb", "VM under stock QEMU", ["igbvf driver, unmodified"]),
    "vm2": (280, 20, 200, 64, "#eef3fb", "VM under stock QEMU", ["igbvf driver, unmodified"]),
    "drv": (520, 20, 220, 64, "#eef3fb", "user-space driver", ["libladon (src/client)"]),
    "cli": (800, 20, 220, 64, "#eef3fb", "operator", ["ladon (src/cli)"]),
    "vfu": (70, 190, 430, 76, "#fdf3e1", "vfio_user", ["vfu_sock: bytes and fds, never blocks",
                                                         "vfu_conn: messages → calls, pure"]),
    "ctl": (800, 190, 195, 76, "#fdf3e1", "daemon/control, cmd", ["JSON lines, one grammar",
                                                                     "for CLI and config file"]),
    "fn": (70, 306, 430, 70, "#fdf3e1", "daemon/function", ["config space + domain + model = one function"]),
    "pci": (70, 416, 120, 76, "#e9f6ea", "pci", ["byte masks,", "capabilities"]),
    "iommu": (210, 416, 130, 76, "#e9f6ea", "iommu", ["IOVA → pointer,", "VT-d tables, IRTEs"]),
    "vf": (360, 416, 140, 76, "#e9f6ea", "i82576 VF, PF", ["registers, mailbox,", "built-in PF"]),
    "card": (800, 306, 195, 70, "#fdf3e1", "daemon, nic: card", ["policy, forwarding table"]),
    "ntb": (210, 532, 130, 70, "#e9f6ea", "ntb", ["windows,", "requesters"]),
    "host": (780, 640, 240, 54, "#eef3fb", "ladon-host (src/host)", ["a compute host, its VMs"]),
    "tx": (560, 306, 180, 70, "#fbe6e6", "i82576_tx", ["descriptors → frame,", "header snapshot"]),
    "sw": (560, 416, 180, 76, "#fbe6e6", "nic_switch", ["policy, look-up,", "a reason for every drop"]),
    "rx": (560, 532, 180, 70, "#fbe6e6", "deliver, i82576_rx", ["the one copy,", "checksums, TSO"]),
    "up": (800, 532, 195, 70, "#fbe6e6", "uplink", ["tap, packet, stream, pcap"]),
}
ARROWS = [  # from, to, label, dashed, kind
    ((140, 84), (140, 190), "vfio-user", False),
    ((330, 84), (330, 190), "vfio-user", False),
    ((560, 84), (470, 190), "", False),
    ((897, 84), (897, 190), "control.sock", False),
    ((285, 266), (285, 306), "", False),
    ((130, 376), (130, 416), "", False),
    ((275, 376), (275, 416), "", False),
    ((430, 376), (430, 416), "", False),
    ((275, 492), (275, 532), "", False),
    ((340, 590), (780, 662), "", True),
    ((897, 266), (897, 306), "", False),
    ((650, 376), (650, 416), "", False),
    ((650, 492), (650, 532), "", False),
    ((740, 567), (800, 567), "", False),
    ((850, 532), (740, 470), "frames from the wire", False),
    ((650, 84), (650, 306), "shared memory", True),
    ((500, 440), (560, 350), "", True),
    ((800, 350), (740, 430), "snapshots", True),
]


def box(out, x, y, w, h, fill, title, lines):
    """One room."""
    out.append(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="8" fill="{fill}" stroke="#445"/>')
    out.append(f'<text x="{x + w / 2}" y="{y + 23}" class="t">{title}</text>')
    for i, line in enumerate(lines):
        out.append(f'<text x="{x + w / 2}" y="{y + 43 + 17 * i}" class="l">{line}</text>')


def arrow(out, start, end, label, dashed):
    """One flow; dashed = shared memory or snapshots, no message."""
    style = ' stroke-dasharray="6 4"' if dashed else ""
    out.append(f'<line x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}" class="a"{style}/>')
    if label:
        x, y = (start[0] + end[0]) / 2 + 8, (start[1] + end[1]) / 2 + 4
        out.append(f'<text x="{x}" y="{y}" class="n">{label}</text>')


def main():
    """Writes the SVG beside this file."""
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" font-family="sans-serif">',
           "<style>.t{font-size:15px;font-weight:bold;text-anchor:middle}.l{font-size:12.5px;"
           "text-anchor:middle;fill:#333}.n{font-size:12.5px;fill:#334}.g{font-size:14px;fill:#555;"
           "font-weight:bold}.a{stroke:#334;stroke-width:1.6;marker-end:url(#m);marker-start:none}</style>",
           '<defs><marker id="m" markerWidth="9" markerHeight="9" refX="8" refY="4.5" orient="auto">'
           '<path d="M0,0 L9,4.5 L0,9 z" fill="#334"/></marker></defs>',
           f'<rect width="{W}" height="{H}" fill="white"/>',
           '<rect x="40" y="140" width="980" height="490" rx="12" fill="#fafafa" stroke="#99a"/>',
           '<text x="160" y="164" class="g">ladond: one process</text>',
           '<rect x="540" y="286" width="220" height="332" rx="10" fill="none" stroke="#b55" '
           'stroke-dasharray="3 3"/>',
           '<text x="512" y="280" class="g" style="fill:#a33">data-path thread</text>',
           '<text x="56" y="655" class="n">solid: messages and calls. dashed: shared memory and immutable '
           "snapshots, no message.</text>",
           '<text x="56" y="676" class="n">blue: outside. orange: control thread. green: what both threads '
           "rest on. red: data path.</text>"]
    for spec in BOX.values():
        box(out, *spec)
    for spec in ARROWS:
        arrow(out, *spec)
    out.append("</svg>\n")
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "architecture.svg")
    with open(path, "w", encoding="utf-8") as svg:
        svg.write("\n".join(out))


if __name__ == "__main__":
    main()
