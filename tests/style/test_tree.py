#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds the tree to docs/architecture.md: who may include whom, sizes, licence lines."""
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SRC = os.path.join(ROOT, "src")

# A room may use the rooms listed, and itself. Lower never includes higher.
MAY_USE = {
    "base": set(),
    "sandbox": {"base"},
    "net": {"base"},
    "fabric": {"base"},
    "vfio_user": {"base"},
    "pci": {"base"},
    "iommu": {"base", "pci"},
    "ntb": {"base", "pci", "iommu"},
    "nic": {"base", "net", "pci", "iommu"},
    "uplink": {"base", "net", "nic"},
    "daemon": {"base", "sandbox", "net", "fabric", "vfio_user", "pci", "iommu", "ntb", "nic", "uplink"},
    "host": {"base", "sandbox", "fabric", "vfio_user", "pci", "iommu", "ntb"},
    "client": {"base", "net", "vfio_user"},
    "cli": {"base", "client"},
    "exporter": {"base"},
}
MAX_LINES = 1000


def sources(top):
    """Every C file below top."""
    for folder, _, names in os.walk(top):
        for name in sorted(names):
            if name.endswith((".c", ".h", ".def")):
                yield os.path.join(folder, name)


def room_of(path):
    """The room a file below src/ belongs to."""
    return os.path.relpath(path, SRC).split(os.sep)[0]


def check_layers(problems):
    """No header of a room is included by a room that may not use it."""
    home = {os.path.basename(p): room_of(p) for p in sources(SRC) if p.endswith((".h", ".def"))}
    for path in sources(SRC):
        room = room_of(path)
        if room not in MAY_USE:
            problems.append(f"src/{room}: a room that tests/style/test_tree.py does not know")
            continue
        with open(path, encoding="utf-8") as text:
            for name in re.findall(r'^#include "([^"]+)"', text.read(), re.M):
                other = home.get(os.path.basename(name))
                if other and other != room and other not in MAY_USE[room]:
                    rel = os.path.relpath(path, ROOT)
                    problems.append(f"{rel}: {room} may not use {other} ({name})")


def check_models(problems):
    """One device model never includes another's files; what all share knows no model."""
    models = os.path.join(SRC, "nic")
    folders = [d for d in os.listdir(models) if os.path.isdir(os.path.join(models, d))]
    for path in sources(models):
        inside = os.path.relpath(path, models).split(os.sep)
        mine = inside[0] if len(inside) > 1 else None
        with open(path, encoding="utf-8") as text:
            for name in re.findall(r'^#include "([^"]+)"', text.read(), re.M):
                for other in folders:
                    if name.startswith(other) and other != mine:
                        problems.append(f"{os.path.relpath(path, ROOT)}: includes model {other}")


def check_lines(problems):
    """SPDX line first (second after #!), no file too long."""
    tops = ["src", "include", "tests", "fuzz", "bench", "demo", "packaging"]
    for top in tops:
        for folder, dirs, names in os.walk(os.path.join(ROOT, top)):
            dirs[:] = [d for d in dirs if d not in ("corpus", "__pycache__")]
            for name in names:
                path = os.path.join(folder, name)
                if not name.endswith((".c", ".h", ".def", ".py", ".sh", ".build")):
                    continue
                with open(path, encoding="utf-8") as text:
                    lines = text.read().splitlines()
                rel = os.path.relpath(path, ROOT)
                if not any("SPDX-License-Identifier: BSD-3-Clause" in l for l in lines[:2]):
                    problems.append(f"{rel}: no SPDX line")
                if len(lines) > MAX_LINES:
                    problems.append(f"{rel}: {len(lines)} lines (limit {MAX_LINES})")


def main():
    """Prints every problem; 1 when there is one."""
    problems = []
    check_layers(problems)
    check_models(problems)
    check_lines(problems)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
