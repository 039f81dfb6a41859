#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What `lspci -vvv` says of the PF and of a VF's view, compared with a stored, reviewed text (lspci-pf.txt).

Addresses, interrupt numbers and the serial number differ from boot to boot and
from card to card: they are written as words. --update writes the file anew.
"""

import difflib
import pathlib
import re

import pf as pfs
import scenario

STORED = pathlib.Path(__file__).resolve().parent / "lspci-pf.txt"
VARIABLE = (
    (r"^lspci: .*\n", ""),
    (r"(I/O ports|Memory) at [0-9a-f]+", r"\1 at ADDRESS"),
    (r"routed to IRQ \d+", "routed to IRQ N"),
    (r"Device Serial Number [0-9a-f-]+", "Device Serial Number SERIAL"),
    (r"(Address|Data): [0-9a-f]+", r"\1: X"),
    (r"\tIOMMU group: \d+\n", ""),
    (r"\tPhysical Slot: .*\n", ""),
    (r"[ \t]+$", ""),
)


def options(parser):
    """Options of this scenario."""
    pfs.add_options(parser)
    parser.add_argument("--update", action="store_true", help="write lspci-pf.txt anew")


def normal(text):
    """Return lspci's text without what differs from boot to boot."""
    for pattern, word in VARIABLE:
        text = re.sub(pattern, word, text, flags=re.M)
    return text.strip() + "\n"


def dump(vm, address):
    """Return `lspci -vvv` of a function; without the module list, which needs a database."""
    return normal(vm.ok(f"lspci -vvv -s {address} 2>/dev/null"))


def run(s):
    """The scenario."""
    rig = pfs.Rig(s, tenants=0).boot()
    vm, pf = rig.management, rig.pf
    parts = {"the PF, driven by igb": dump(vm, pf.address)}
    pf.enable(2)
    parts["the PF with two VFs"] = dump(vm, pf.address)
    parts["the view of VF 0"] = dump(vm, vm.ok(f"basename $(readlink {pf.sysfs}/virtfn0)").strip())
    text = "".join(f"# {name}\n{part}\n" for name, part in parts.items())
    if s.options.update:
        STORED.write_text(text)
        s.step(f"written: {STORED.name}")
    stored = STORED.read_text() if STORED.exists() else ""
    changes = "\n".join(difflib.unified_diff(stored.splitlines(), text.splitlines(), STORED.name, "lspci -vvv", lineterm=""))
    s.verdict(not changes, f"lspci -vvv says what {STORED.name} says ({len(text.splitlines())} lines)", changes)
    rig.no_complaints()


if __name__ == "__main__":
    scenario.main(run, __doc__, options)
