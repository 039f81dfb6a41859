#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A tenant with an IOMMU of its own, and VF tokens, with stock QEMU.

Under QEMU's intel-iommu every buffer is mapped for the device when it is used and
unmapped when it is done with: DMA_MAP and DMA_UNMAP storms under traffic. A card with
a token admits QEMU, which cannot show one, only after `ladon vf unlock`.
"""

import os
import uuid

import scenario
from vm import VmError, vfio_user_device

CARD = "nic0"
IOMMU = "intel-iommu,intremap=on,caching-mode=on"


def options(parser):
    """How much is sent."""
    parser.add_argument("--megabytes", type=int, default=4, help="size of a transfer (4)")


def iommu(s, ladon):
    """Traffic of a tenant whose kernel maps and unmaps each buffer."""
    strict = s.vm("strict", modules=["igbvf"], mem="512M", append="intel_iommu=on iommu=nopt iommu.strict=1",
                  devices=["-device", IOMMU, *vfio_user_device(ladon.socket(CARD, 0), 1)])
    other = s.vm("other", modules=["igbvf"], devices=vfio_user_device(ladon.socket(CARD, 1), 1))
    s.boot(strict, other)
    s.addresses(strict, other)
    s.verdict(strict.run("dmesg | grep -q 'DMAR: Intel(R) Virtualization Technology'").rc == 0, "the tenant has an IOMMU")
    before = ladon.json("vf", "show", CARD, "0")["memory"]
    s.ping(strict, "10.0.0.2", 50)
    s.transfer(strict, other, "10.0.0.2", s.options.megabytes, "mapped and unmapped")
    s.transfer(other, strict, "10.0.0.1", s.options.megabytes, "mapped and unmapped")
    after = ladon.json("vf", "show", CARD, "0")["memory"]
    s.verdict(after["maps"] > 100, f"its buffers are mapped one by one: {before['maps']} mappings, later {after['maps']}")
    s.verdict(ladon.json("show")["faults"] == 0, "no DMA fault", ladon.cli("faults"))
    strict.ok("ip link set eth0 down && ip link set eth0 up")
    scenario.wait_carrier(strict)
    s.ping(strict, "10.0.0.2", 20, what="after its queues were set up anew")
    for guest in (strict, other):
        found = guest.run("dmesg | grep -E 'WARNING:|BUG:|DMAR:.*fault|Tx Unit Hang'")
        s.verdict(found.rc == 1, f"{guest.name}: the kernel has no complaint", found.out[-2000:])
        s.vms.remove(guest)
        guest.shutdown()


def start(s, ladon, name):
    """Start a VM on VF 2; None if QEMU ends."""
    try:
        guest = s.vm(name, modules=["igbvf"], devices=vfio_user_device(ladon.socket(CARD, 2), 1))
        guest.wait_boot()
        return guest
    except VmError:
        s.vms.pop()
        return None


def tokens(s, ladon):
    """QEMU cannot show a token: it is refused, and admitted once after an unlock."""
    path = str(s.folder() / "token")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
        file.write(f"{uuid.uuid4()}\n")
    ladon.cli("token", "set", CARD, "token-file", path)
    s.verdict(start(s, ladon, "locked") is None, "a card with a token refuses QEMU")
    refusals = [line for line in ladon.log().splitlines() if "vf2: client refused" in line]
    s.verdict(refusals and "token" in refusals[0], f"the log says why: {refusals and refusals[0][19:]}", ladon.log_tail())
    ladon.cli("vf", "unlock", CARD, "2", "for", "60", "token-file", path)
    guest = start(s, ladon, "unlocked")
    s.verdict(guest, "after ladon vf unlock it is admitted", ladon.log_tail())
    s.verdict(start(s, ladon, "again") is None, "but nobody else")
    guest.reset()
    s.verdict(guest.ok("ls /sys/class/net | grep -c eth0").strip() == "1", "a reset of the guest needs no token")


def run(s):
    """The scenario."""
    ladon = s.ladond(f"card add {CARD} model 82576 vfs 3")
    iommu(s, ladon)
    tokens(s, ladon)
    s.verdict(ladon.alive(), "the daemon is alive", ladon.log_tail())


if __name__ == "__main__":
    scenario.main(run, __doc__, options)
