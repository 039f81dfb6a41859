# SPDX-License-Identifier: BSD-3-Clause
"""What the PF scenarios share: a management VM that drives the card's PF with igb, and tenants.

    rig = pf.Rig(s, tenants=2, wire=True)
    rig.boot()
    rig.pf.enable(2)
    rig.start_tenants()
    rig.pf.vf(0, "vlan 100 qos 3")

The wire is a tap device in a network namespace of its own; `rig.host` runs
commands there and has a VM's methods, so that every check of scenario.py takes it.

With --qemu-igb the same scenario runs on QEMU's own igb, where management VM
and tenants are one guest: its verdicts show what that model stores only.
"""

import json
import re
import shlex
import shutil
import subprocess
import threading
import time

import initramfs
import provision
import scenario
from vm import Result, Shell, VmError, die_with_parent, vfio_user_device, wait_until

CARD = "nic0"
TAP = "ladon0"
PF_IDS, VF_IDS = ("0x8086", "0x10c9"), ("0x8086", "0x10ca")
RECOVERY = 60  # igbvf looks every 2 s, and resets at most once in 10 s
TOTAL_VFS = 7  # igb lowers the card's 8: one pool is the PF's
NET = "10.0.0"
MODULES = ["igb", "8021q"]
# What the kernel says when something went wrong; nothing else may be in a clean log.
COMPLAINTS = (r"igb(vf)? .*(error|fail|invalid|unable|cannot|not valid|did not|timed? ?out)|"
              r"Tx Unit Hang|WARNING:|BUG:|Oops:|NETDEV WATCHDOG|AER: [CMU]|nobody cared|PCIe link lost")
# igbvf clears its filters with a zero address, which igb finds invalid: so on hardware, too.
HARMLESS = "attempted to set invalid MAC filter"
HOST_APPLETS = ["ping", "nc", "netstat", "sha256sum", "dd", "mkfifo", "sleep", "cat", "grep"]


def add_options(parser):
    """Options that every PF scenario has."""
    parser.add_argument("--qemu-igb", action="store_true",
                        help="run on QEMU's own igb instead of the card, to compare")


def find(vm, ids):
    """Return the addresses of a guest's PCI functions with these ids."""
    text = vm.ok("cd /sys/bus/pci/devices; for d in *; do echo $d $(cat $d/vendor $d/device); done")
    return [row[0] for row in map(str.split, text.splitlines()) if tuple(row[1:]) == ids]


def quiet(*machines):
    """Silence IPv6: no frames but those of the scenario."""
    for machine in machines:
        machine.ok("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; "
                   "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")


def mac_of(machine, device="eth0"):
    """Return the hardware address of a device."""
    return machine.ok(f"cat /sys/class/net/{device}/address").strip()


def received(machine, device="eth0"):
    """Return the frames a device has received."""
    return int(machine.ok(f"cat /sys/class/net/{device}/statistics/rx_packets"))


def forget_neighbours(*machines):
    """Make machines ask for addresses again."""
    for machine in machines:
        machine.ok("ip neigh flush all")


def frames(machine, seconds=20, device="eth0"):
    """Start to listen for raw test frames; see heard()."""
    job = machine.start_job(f"exec frame listen {device} {seconds}")
    job.wait_output("listening", 10)
    return job


def heard(job, mark, wait=0.0):
    """Return [(destination, source, VLAN tag or None)] of the frames with a mark, after a wait."""
    time.sleep(wait)
    rows = [line.split() for line in job.text.splitlines()]
    return [(r[0], r[1], None if r[2] == "-" else int(r[2], 16))
            for r in rows if len(r) == 4 and r[3] == str(mark)]


def wait_heard(job, mark, count, timeout=2.0):
    """Wait until so many frames with a mark were heard, but no longer than that; return them."""
    end = time.monotonic() + timeout
    while len(heard(job, mark)) < count and time.monotonic() < end:
        time.sleep(0.02)
    return heard(job, mark, 0.1)


class HostJob:
    """A command that runs in the wire's namespace; like a guest's job."""

    def __init__(self, argv):
        """Start it."""
        self.data = bytearray()
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        """Collect the output (a thread)."""
        while True:
            data = self.process.stdout.read1(65536)
            if not data:
                return
            self.data += data

    @property
    def text(self):
        """Return what it has printed so far."""
        return bytes(self.data).decode(errors="replace")

    def wait_output(self, text, timeout=30):
        """Wait until the output holds a text."""
        wait_until(lambda: text in self.text or self.process.poll() is not None, timeout, f"host: {text}")

    def wait(self, timeout=60):
        """Wait for its end and return the result."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired as late:
            self.kill()
            raise VmError(f"host: not done in {timeout} s: {self.process.args[-1]}\n{self.text[-2000:]}") from late
        self.reader.join(5)
        return Result(code, bytes(self.data))

    def kill(self):
        """Kill it."""
        self.process.kill()
        self.process.wait()


class Host(Shell):
    """The far end of the wire: a tap device in namespaces of its own, with the guest's tools.

    Its /tmp is private as well, so that nothing of a scenario stays behind.
    """

    name = "host"

    def __init__(self, s):
        """Make the namespaces."""
        folder = s.folder()
        (folder / "bin").mkdir()
        root = provision.QemuRoot(provision.cache_dir() / "qemu")
        shutil.copy(root.path / "usr/bin/busybox", folder / "bin")
        for name in HOST_APPLETS:
            (folder / "bin" / name).symlink_to("busybox")
        (folder / "bin/iperf3").write_text(f"#!/bin/sh\nexec {shlex.join(root.argv('usr/bin/iperf3'))} \"$@\"\n")
        (folder / "bin/iperf3").chmod(0o755)
        for name in ("frame", "blast"):
            shutil.copy(initramfs.compiled(name, provision.cache_dir() / "initramfs"), folder / "bin" / name)
        self.holder = subprocess.Popen(
            ["unshare", "-n", "-m", "sh", "-c",
             f"mount --bind {folder} /tmp && mount -t sysfs none /sys && ip link set lo up && echo up && exec sleep 86400"],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        s.stack.callback(self.holder.wait)
        s.stack.callback(self.holder.kill)
        if self.holder.stdout.readline() != b"up\n":
            raise provision.Unavailable("network namespaces cannot be made here")

    def take(self, device=TAP, name="eth0"):
        """Take a device of this machine into the namespace, under a name of its own."""
        wait_until(lambda: subprocess.run(["ip", "link", "show", device], capture_output=True,
                                          check=False).returncode == 0, 15, f"{device} appears")
        subprocess.run(["ip", "link", "set", device, "netns", str(self.holder.pid), "name", name], check=True)

    def start_job(self, command):
        """Start a shell command and return its job."""
        return HostJob(["nsenter", "-t", str(self.holder.pid), "-n", "-m", "sh", "-c",
                        f"PATH=/tmp/bin:$PATH; {command}"])

class Namespace(Shell):
    """A tenant inside the management VM: what stands for a tenant's VM on QEMU's own igb."""

    def __init__(self, vm, name, number):
        """Name a namespace of a guest; start() makes it."""
        self.vm, self.name, self.number = vm, name, number

    def plug(self):
        """Bind the driver and take its device."""
        address = find(self.vm, VF_IDS)[self.number]
        self.vm.ok(f"ip netns add {self.name} 2>/dev/null; modprobe igbvf; cd /sys/bus/pci/devices/{address}; "
                   f"echo igbvf > driver_override; [ -e driver ] || echo {address} > /sys/bus/pci/drivers_probe")
        self.vm.wait_ok(f"ls /sys/bus/pci/devices/{address}/net", 10)
        device = self.vm.ok(f"ls /sys/bus/pci/devices/{address}/net").strip()
        self.vm.ok(f"ip link set {device} netns {self.name} name eth0")

    def start_job(self, command):
        """Start a command there."""
        return self.vm.start_job(f"exec ip netns exec {self.name} sh -c {shlex.quote(command)}")

class Pf:
    """The PF as the management VM sees it."""

    def __init__(self, vm):
        """Belongs to a guest; look() finds the function once it has booted."""
        self.vm = vm
        self.address = None
        self.device = "eth0"

    def look(self):
        """Find the function and its network device."""
        self.address = find(self.vm, PF_IDS)[0]
        self.vm.wait_ok(f"ls {self.sysfs}/net", 20)
        self.device = self.vm.ok(f"ls {self.sysfs}/net").strip()
        return self

    @property
    def sysfs(self):
        """Return the function's folder in sysfs."""
        return f"/sys/bus/pci/devices/{self.address}"

    def num_vfs(self, count):
        """Write sriov_numvfs and return the result; VFs are not probed in this guest."""
        return self.vm.run(f"echo 0 > {self.sysfs}/sriov_drivers_autoprobe; "
                           f"echo {count} > {self.sysfs}/sriov_numvfs", 60)

    def enable(self, count):
        """Have this many VFs; the link is up afterwards."""
        done = self.num_vfs(count)
        if done.rc:
            raise scenario.Failed(f"sriov_numvfs {count}: {done.out}\n{self.log()}")
        if self.vm.run(f"ip link show {self.device} | grep -q ,UP").rc == 0:
            scenario.wait_carrier(self.vm, self.device)

    def try_vf(self, number, words):
        """Run `ip link set PF vf N WORDS` and return the result."""
        return self.vm.run(f"ip link set {self.device} vf {number} {words}")

    def vf(self, number, words):
        """Run `ip link set PF vf N WORDS`, which must work."""
        done = self.try_vf(number, words)
        if done.rc:
            raise scenario.Failed(f"ip link set {self.device} vf {number} {words}: {done.out}")

    def row(self, number):
        """Return what `ip -j link show` says of a VF."""
        answer = json.loads(self.vm.ok(f"ip -j -s link show {self.device}"))
        return answer[0]["vfinfo_list"][number]

    def counter(self, name):
        """Return a counter of `ethtool -S`."""
        found = re.search(rf"^\s*{name}: (\d+)", self.vm.ok(f"ethtool -S {self.device}"), re.M)
        return int(found[1]) if found else None

    def up(self, address=f"{NET}.100"):
        """Give the PF its address and wait for the link."""
        self.vm.ok(f"ip addr replace {address}/24 dev {self.device} && ip link set {self.device} up")
        scenario.wait_carrier(self.vm, self.device)

    def reload(self):
        """Unload and load the driver; the PF is found again, its link down."""
        self.vm.ok("rmmod igb && modprobe igb", 60)
        return self.look()

    def log(self, lines=25):
        """Return the end of the guest's kernel log."""
        return self.vm.run(f"dmesg | tail -{lines}").out


class Rig:
    """A card, its management VM, its tenants and its wire."""

    def __init__(self, s, tenants=2, wire=False, lines=("vf-offset 1 vf-stride 1",), names="ab", before=(),
                 cards=(), **settings):
        """Start everything; boot() waits for it. `settings` are the management VM's, `before` its devices
        that must come before the PF, as an IOMMU must; `cards` are further lines of the daemon's."""
        self.s, self.ladon, self.host = s, None, None
        settings = {"modules": MODULES, "mem": "384M", "timeout": 3600, **settings}
        uplink = f" uplink tap:{TAP}" if wire else ""
        if wire:
            self.host = Host(s)
        if s.options.qemu_igb:
            devices = qemu_igb(wire)
        else:
            self.ladon = s.ladond(f"card add {CARD} model 82576 vfs 7 {' '.join(lines)}{uplink}", *cards)
            devices = pf_arguments(self.ladon)
        self.settings = {**settings, "devices": [list(before), devices]}
        self.tenants = [self.tenant(name, n) for n, name in zip(range(tenants), names)] if self.ladon else []
        self.management = s.vm("mgmt", **self.settings)
        self.pf = Pf(self.management)
        if not self.ladon:
            self.tenants = [Namespace(self.management, name, n) for n, name in zip(range(tenants), names)]
        if wire:
            self.host.take()
            quiet(self.host)
            self.host.ok(f"ip addr add {NET}.200/24 dev eth0 && ip link set eth0 up")

    def tenant(self, name, number):
        """Start a tenant's VM on a VF; its driver is loaded by start_tenants()."""
        vm = self.s.vm(name, modules=["8021q"], timeout=3600,
                       devices=[vfio_user_device(self.ladon.socket(CARD, number), 1)])
        vm.number = number
        return vm

    def boot(self):
        """Wait for all VMs; the PF is found."""
        self.s.boot(*[t for t in self.tenants if not isinstance(t, Namespace)], self.management)
        quiet(*[t for t in self.tenants if not isinstance(t, Namespace)], self.management)
        if "igb" in self.settings["modules"]:
            self.pf.look()
        return self

    def plug(self, tenant):
        """Load a tenant's driver."""
        if isinstance(tenant, Namespace):
            tenant.plug()
        else:
            tenant.ok("modprobe igbvf")

    def start_tenants(self):
        """Load the tenants' drivers, give them addresses 10.0.0.1, .2 ... and wait for their links."""
        for tenant in self.tenants:
            self.plug(tenant)
            quiet(tenant)
            tenant.ok(f"ip addr add {address_of(tenant)}/24 dev eth0 && ip link set eth0 up")
        for tenant in self.tenants:
            scenario.wait_carrier(tenant, timeout=RECOVERY)

    def guests(self):
        """Return all VMs that run."""
        return [self.management, *[t for t in self.tenants if not isinstance(t, Namespace)]]

    def recovered(self, what, source=None, target=None):
        """Verdict: tenants reach each other again by themselves, within what igbvf needs.

        igbvf that was reset while its VF was gone believes that all went well (it reads ones), and may so lose its
        address at the PF until its next reset, which nothing brings about: then its interface is restarted.
        """
        source, target = source or self.tenants[0], target or self.tenants[1]
        begin, by_itself = time.monotonic(), True
        try:
            source.wait_ok(f"ping -c 1 -W 1 {address_of(target)}", RECOVERY)
        except VmError as error:
            by_itself = False
            gave_up = [vm for vm in (source, target) if vm.run("dmesg | tail -5 | grep -q 'PF still resetting'").rc == 0]
            for machine in gave_up:
                machine.ok("ip link set eth0 down && sleep 1 && ip link set eth0 up")
            if not gave_up or source.run(f"sleep 5; ping -c 1 -W 1 {address_of(target)}").rc:
                return self.s.verdict(False, what, f"{error}\n{self.pf.log()}\n{source.run('dmesg | tail').out}")
        return self.s.verdict(True, f"{what} (after {time.monotonic() - begin:.1f} s"
                              f"{'' if by_itself else ', igbvf had given up and was restarted'})")

    def no_complaints(self):
        """Verdict: no kernel has complained."""
        for guest in self.guests():
            found = guest.run(f"dmesg | grep -v {shlex.quote(HARMLESS)} | grep -iE {shlex.quote(COMPLAINTS)}")
            self.s.verdict(found.rc == 1, f"{guest.name}: the kernel has no complaint", found.out[-3000:])


def address_of(tenant):
    """Return a tenant's address."""
    return f"{NET}.{tenant.number + 1}"


def pf_arguments(ladon, card=CARD):
    """Return what `ladon qemu CARD pf` says: the arguments of the PF and its VFs' views."""
    return ladon.json("qemu", card, "pf")["args"]


def qemu_igb(wire):
    """Return the arguments of QEMU's own igb behind a root port."""
    back = f"tap,id=n1,ifname={TAP},script=no,downscript=no" if wire else "hubport,id=n1,hubid=1"
    return ["-netdev", back, "-device", "pcie-root-port,id=rp1,chassis=1,slot=1",
            "-device", "igb,netdev=n1,bus=rp1,mac=02:00:00:00:00:64"]
