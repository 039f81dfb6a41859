#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A management VM that writes random values to the PF's registers and configuration space.

Meanwhile two tenants of another card lose no packet; afterwards a reset makes the
PF work, and the tenant of its own card comes back. The guest has an IOMMU, for
what random ring addresses do to its memory without one is its own affair.
"""

import re

import pf as pfs
import scenario
from vm import vfio_user_device

OTHER = "nic1"
HOST = f"{pfs.NET}.200"
IOMMU = "intel-iommu,intremap=on,caching-mode=on"


def options(parser):
    """Options of this scenario."""
    pfs.add_options(parser)
    parser.add_argument("--writes", type=int, default=100000, help="register writes (100000)")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers (1)")


class Bystanders:
    """Two tenants of another card that ping each other all the time."""

    def __init__(self, s, ladon):
        """Start their VMs, if there is another card."""
        self.s, self.vms, self.job = s, [], None
        if ladon:
            self.vms = [s.vm(name, modules=["igbvf"], timeout=3600,
                             devices=[vfio_user_device(ladon.socket(OTHER, n), 1)])
                        for n, name in enumerate(("x", "y"))]

    def boot(self):
        """Wait for them."""
        if self.vms:
            self.s.boot(*self.vms)
            self.s.addresses(*self.vms, net="10.9.0")
            self.s.ping(self.vms[0], "10.9.0.2", 20, 0.02)

    def begin(self):
        """Start to ping."""
        if self.vms:
            self.job = self.vms[0].start_job("ping -i 0.05 -c 100000 10.9.0.2")
            self.job.wait_output("seq=5", 20)

    def end(self, what):
        """Verdict: nothing was lost."""
        if not self.vms:
            return
        self.vms[0].ok("kill -INT $(pidof ping)")
        report = self.job.wait(20).out
        loss = re.search(r"(\d+) packets transmitted, (\d+) packets received", report)
        self.s.verdict(loss and int(loss[1]) - int(loss[2]) <= 1,  # the last may still be on its way
                       f"{what}: two tenants of another card lose nothing of {loss and loss[1]} pings", report[-400:])


def sound(s, rig, what):
    """Verdict: the daemon is alive and its log shows no error of its own."""
    if rig.ladon:
        s.verdict(rig.ladon.alive(), f"{what}: the daemon is alive", rig.ladon.log_tail())
        errors = re.findall(r".*(?:Sanitizer|runtime error|[Aa]ssert|SIG(?:SEGV|BUS|ABRT)).*", rig.ladon.log())
        s.verdict(not errors, f"{what}: its log shows no error of its own", "\n".join(errors[:5]))


def works(s, rig, what):
    """Verdict: igb drives the PF, a VF is enabled, its tenant is back."""
    vm = rig.management
    vm.ok("modprobe igb", 60)
    rig.pf.look().up()
    s.ping(vm, HOST, 20, 0.02, what=f"{what}, igb loaded: the PF pings the host")
    rig.pf.enable(2)
    if rig.ladon:
        tenant = rig.tenants[0]
        tenant.wait_ok(f"ping -c 1 -W 1 {HOST}", pfs.RECOVERY)
        s.ping(tenant, HOST, 20, 0.02, what=f"{what}, VFs enabled: their tenant pings the host")


def registers(s, rig, bystanders):
    """Random writes to BAR0 of a PF that may master the bus, without a driver; then a function-level reset."""
    vm, address = rig.management, rig.pf.address
    vm.ok("rmmod igb", 60)
    bystanders.begin()
    vm.ok(f"setpci -s {address} COMMAND=0006")
    flood = rig.host.start_job(f"exec blast {pfs.NET}.100 4 5000")
    done = vm.run(f"regfuzz {address} {s.options.writes} {s.options.seed} bar", 60 + s.options.writes // 1000)
    flood.kill()
    s.verdict(done.out == "done\n", f"{s.options.writes} random writes to the registers", done.out)
    bystanders.end("random registers")
    sound(s, rig, "random registers")
    named(s, rig)
    vm.ok(f"echo 1 > /sys/bus/pci/devices/{address}/reset")
    works(s, rig, "after a function-level reset")


def named(s, rig):
    """Verdict: the daemon's log names the first bad access, and does not drown in them."""
    if rig.ladon:
        rows = [row for row in rig.ladon.log().splitlines() if re.search(r"\bpf\b", row)]
        s.verdict(any(re.search(r"0x[0-9a-f]+", row) for row in rows) and len(rows) < 500,
                  f"the daemon's log names the first bad access ({len(rows)} lines of the PF)", rig.ladon.log_tail())


def configuration(s, rig, bystanders):
    """Random writes to the configuration space, SR-IOV above all; then the guest is reset."""
    vm, address = rig.management, rig.pf.address
    views = vm.ok(f"basename $(readlink {rig.pf.sysfs}/virtfn1)").strip()
    bystanders.begin()
    tenant = rig.tenants[0] if rig.ladon else None
    pinging = tenant.start_job(f"ping -i 0.05 -c 40 {HOST}") if tenant else None
    done = vm.run(f"regfuzz {views} {s.options.writes // 20} {s.options.seed} config", 120)
    s.verdict(done.out == "done\n", f"{s.options.writes // 20} random writes to the view of VF 1", done.out)
    if pinging:
        report = pinging.wait(60).out
        s.verdict(" 0% packet loss" in report, "VF 0's tenant loses nothing meanwhile", report[-400:])
    vm.ok(f"echo 0 > {rig.pf.sysfs}/sriov_numvfs; rmmod igb", 60)
    done = vm.run(f"regfuzz {address} {s.options.writes // 10} {s.options.seed} config", 180)
    s.verdict(done.out == "done\n", f"{s.options.writes // 10} random writes to the PF's configuration space", done.out)
    bystanders.end("random configuration")
    sound(s, rig, "random configuration")
    vm.reset()
    pfs.quiet(vm)
    works(s, rig, "after the guest's reset")


def run(s):
    """The scenario."""
    rig = pfs.Rig(s, tenants=1, wire=True, mem="512M", append="intel_iommu=on iommu=nopt",
                  before=["-device", IOMMU], cards=(f"card add {OTHER} model 82576 vfs 2",))
    bystanders = Bystanders(s, rig.ladon)
    rig.boot()
    bystanders.boot()
    rig.pf.up()
    rig.pf.enable(2)
    rig.start_tenants()
    s.ping(rig.tenants[0], HOST, 20, 0.02)
    registers(s, rig, bystanders)
    configuration(s, rig, bystanders)


if __name__ == "__main__":
    scenario.main(run, __doc__, options)
