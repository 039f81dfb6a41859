#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the VMs' tables of docs/performance-idle.md from docs/performance-vms.csv, the samples of one `make bench-vms`.
With --check it only compares. Run: docs/performance-idle.py"""
import os
import sys

import page

sys.path.insert(0, os.path.join(page.ROOT, "bench"))
import vm_figures as figures  # noqa: E402


def tables(text):
    """What was measured on, then all tables."""
    samples, facts = figures.from_csv(text)
    about = "; ".join(f"{name}: {value}" for name, value in facts.items())
    return f"{about}; {max(s.round for s in samples)} rounds.\n\n{figures.tables(samples)}"


if __name__ == "__main__":
    sys.exit(page.main("docs/performance-idle.md", "docs/performance-vms.csv", tables))
