#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's own VF token: vfio-pci drives the card's PF in a guest with an IOMMU and makes its VFs.

Who may open what, with which token, is what Linux says for any SR-IOV card; that
it works here shows that PF and VF views are such a card to the kernel.
"""

import pf as pfs
import scenario

ONE, TWO, THREE = (f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{digit * 12}" for digit in "123")
IOMMU = "intel-iommu,intremap=on,caching-mode=on"


def options(parser):
    """Options of this scenario."""
    pfs.add_options(parser)


def bind(s, vm, address):
    """Give the PF to vfio-pci, which may make VFs."""
    vm.ok("modprobe vfio_iommu_type1; modprobe vfio-pci enable_sriov=1")
    vm.ok(f"echo vfio-pci > /sys/bus/pci/devices/{address}/driver_override && "
          f"echo {address} > /sys/bus/pci/drivers_probe")
    driver = vm.ok(f"basename $(readlink /sys/bus/pci/devices/{address}/driver)").strip()
    s.verdict(driver == "vfio-pci", f"the PF is bound to {driver}", vm.run("dmesg | tail").out)


def make_vfs(s, vm, address, count):
    """Enable VFs through sysfs; return their addresses."""
    done = vm.run(f"echo {count} > /sys/bus/pci/devices/{address}/sriov_numvfs")
    found = pfs.find(vm, pfs.VF_IDS) if done.rc == 0 else []
    s.verdict(len(found) == count, f"vfio-pci makes {count} VFs: {', '.join(found)}",
              done.out + vm.run("dmesg | tail").out)
    drivers = [vm.run(f"basename $(readlink /sys/bus/pci/devices/{vf}/driver)").out.strip() for vf in found]
    s.verdict(drivers == ["vfio-pci"] * count, "they belong to vfio-pci at once", drivers)
    return found


def expect(s, vm, rows):
    """Run commands in one process and compare each answer; rows are (what, command, answer)."""
    done = vm.run("vftoken " + " ".join(command for _, command, _ in rows), 60)
    answers = [line.rsplit(": ", 1)[-1] for line in done.out.splitlines() if ": " in line]
    wanted = [answer for _, _, answer in rows if answer]
    if len(answers) != len(wanted):
        s.verdict(False, "vftoken answers every command", done.out)
        return
    for (what, _, answer), seen in zip([row for row in rows if row[2]], answers):
        s.verdict(seen == answer, f"{what}: {seen}", f"expected {answer}\n{done.out}")


def rules(s, vm, pf, one, two):
    """The table of the token's rules."""
    expect(s, vm, [
        ("VF without a token, none was ever set", f"open {one} -", "EACCES"),
        ("VF with a token, none was ever set", f"open {one} {ONE}", "EACCES"),
        ("PF without a token, no VF open", f"open {pf} -", "ok"),
        ("token SET on the open PF", f"set {pf} {ONE}", "ok"),
        ("token GET", f"get {pf}", "EINVAL"),
        ("token PROBE", f"probe {pf}", "ok"),
        ("VF without a token", f"open {one} -", "EACCES"),
        ("VF with a wrong token", f"open {one} {TWO}", "EACCES"),
        ("VF with the right token", f"open {one} {ONE}", "ok"),
        ("the other VF with the right token", f"open {two} {ONE}", "ok"),
        ("token SET on a VF", f"set {one} {TWO}", "ENOTTY"),
        ("token replaced while VFs are open", f"set {pf} {TWO}", "ok"),
        ("", f"close {two}", None),
        ("VF with the old token", f"open {two} {ONE}", "EACCES"),
        ("VF with the new token", f"open {two} {TWO}", "ok"),
        ("", f"close {pf}", None),
        ("PF opened again without a token while VFs are open", f"open {pf} -", "EACCES"),
        ("PF opened again with a wrong token", f"open {pf} {ONE}", "EACCES"),
        ("PF opened again with the right token", f"open {pf} {TWO}", "ok"),
        ("", f"close {one} close {two} close {pf}", None),
        ("PF with a token, no VF open: the token is taken", f"open {pf} {THREE}", "ok"),
        ("VF with the token before", f"open {one} {TWO}", "EACCES"),
        ("VF with the token taken", f"open {one} {THREE}", "ok"),
        ("", f"close {one} close {pf}", None),
        ("PF without a token, no VF open: the token stays", f"open {pf} -", "ok"),
        ("VF with it", f"open {one} {THREE}", "ok"),
        ("", f"close {one}", None),
        ("unknown option", f"name '{one} vf_tokens={THREE}' {one}", "EINVAL"),
        ("repeated option", f"name '{one} vf_token={THREE} vf_token={THREE}' {one}", "EINVAL"),
        ("short token", f"name '{one} vf_token=3333' {one}", "EINVAL"),
    ])
    expect(s, vm, [("a new process, PF closed: VF with the token, which outlives its setter",
                    f"open {one} {THREE}", "ok")])


def rebound(s, vm, pf):
    """Unbinding destroys the token; a PF of another driver needs none."""
    vm.ok(f"echo 0 > /sys/bus/pci/devices/{pf}/sriov_numvfs; echo {pf} > /sys/bus/pci/drivers/vfio-pci/unbind; "
          f"echo {pf} > /sys/bus/pci/drivers_probe")
    (one,) = make_vfs(s, vm, pf, 1)
    expect(s, vm, [("PF bound anew: the old token is gone", f"open {one} {THREE}", "EACCES"),
                   ("PF sets one", f"open {pf} {ONE}", "ok"),
                   ("VF with it", f"open {one} {ONE}", "ok")])
    vm.ok(f"echo 0 > /sys/bus/pci/devices/{pf}/sriov_numvfs; echo {pf} > /sys/bus/pci/drivers/vfio-pci/unbind; "
          f"echo igb > /sys/bus/pci/devices/{pf}/driver_override; modprobe igb; "
          f"echo {pf} > /sys/bus/pci/drivers_probe; "
          f"echo 0 > /sys/bus/pci/devices/{pf}/sriov_drivers_autoprobe; "
          f"echo 1 > /sys/bus/pci/devices/{pf}/sriov_numvfs")
    (one,) = pfs.find(vm, pfs.VF_IDS)
    vm.ok(f"echo vfio-pci > /sys/bus/pci/devices/{one}/driver_override; echo 1 > "
          f"/sys/bus/pci/devices/{pf}/sriov_drivers_autoprobe; echo {one} > /sys/bus/pci/drivers_probe")
    expect(s, vm, [("PF is igb's: VF without a token", f"open {one} -", "ok"),
                   ("", f"close {one}", None),
                   ("PF is igb's: VF with a token that is not needed", f"open {one} {ONE}", "EINVAL")])


def run(s):
    """The scenario."""
    rig = pfs.Rig(s, tenants=0, modules=[], mem="512M", extra_modules=["vfio-pci", "vfio_iommu_type1"],
                  append="intel_iommu=on iommu=nopt", before=["-device", IOMMU]).boot()
    vm = rig.management
    pf = pfs.find(vm, pfs.PF_IDS)[0]
    s.verdict(vm.run(f"ls /sys/bus/pci/devices/{pf}/iommu_group").rc == 0, "the PF has an IOMMU group",
              vm.run("dmesg | grep -i -e DMAR -e iommu").out)
    bind(s, vm, pf)
    vfs = make_vfs(s, vm, pf, 2)
    if len(vfs) == 2:
        rules(s, vm, pf, *vfs)
        rebound(s, vm, pf)
    rig.no_complaints()


if __name__ == "__main__":
    scenario.main(run, __doc__, options)
