#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""make demo-hosts: one card, its PF in a management VM, tenants' VMs on three compute hosts, an attacker, a host that dies."""
import os
import pathlib
import struct
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS / "vm"), str(TESTS / "e2e")]

import hosts as fabric  # noqa: E402  (of tests/e2e)
import pf as pfs  # noqa: E402
import scenario as scenarios  # noqa: E402
from test_hosts import CARD, LEASE, ComputeHost, key_file  # noqa: E402  (of tests/vm)
from vm import vfio_user_device, wait_until  # noqa: E402

HOSTS = ("ch1", "ch2", "ch3")
EVIL = "evil"
VLANS = {"red": 100, "blue": 200}
ENOUGH_KIB = 4 << 20  # of free memory, for six tenants
PAGE = 4096
INTERRUPTS = 0xFEE00000


def heading(text):
    """Print a heading."""
    print(f"\n== {text}", flush=True)


def on_host(ladon, *words):
    """Run ladon on the management host and print it with its output, as a user would see it."""
    print(f"\nhost# ladon {' '.join(words)}\n{ladon.cli(*words).rstrip()}", flush=True)


class Rig(pfs.Rig):
    """The management VM, and tenants in turn red and blue: those of one host stand side by side."""

    def __init__(self, s, tenants):
        """Start everything; boot() waits for it."""
        self.hosts, self.each = {}, tenants // len(HOSTS)
        names = [f"{tuple(VLANS)[n % 2]}{n}" for n in range(tenants)]
        super().__init__(s, tenants, names=names, cards=[
            *[f"host add {name} lease {LEASE} token-file {key_file(s, name)}" for name in (*HOSTS, EVIL)],
            *[f"vf assign {CARD} {n} host {self.where(n)}" for n in range(tenants)]])

    def where(self, number):
        """Return the host that a VF is assigned to at first."""
        return HOSTS[number // self.each]

    def tenant(self, name, number):
        """Start a tenant's VM on its host, which is started first."""
        where = self.where(number)
        if where not in self.hosts:
            self.hosts[where] = ComputeHost(self.s, self.ladon, pathlib.Path(self.ladon.cli_path).parent, where)
        return self.guest(name, number, where)

    def guest(self, name, number, where):
        """Start a VM on a VF of a host."""
        vm = self.s.vm(name, modules=["8021q"], timeout=3600,
                       devices=[vfio_user_device(self.hosts[where].socket(number), 1)])
        vm.number = number
        return vm

    def use(self, tenant):
        """Load the driver, give the address, wait for the link."""
        self.plug(tenant)
        pfs.quiet(tenant)
        tenant.ok(f"ip addr add {pfs.address_of(tenant)}/24 dev eth0 && ip link set eth0 up")
        scenarios.wait_carrier(tenant, timeout=pfs.RECOVERY)

    def of(self, colour, but=()):
        """Return the VMs of a tenant."""
        return [vm for vm in self.tenants if vm.name.startswith(colour) and vm not in but]

    def state(self, name):
        """Return the state of a host."""
        return self.ladon.json("host", "show", name)[0]["state"]

    def exists(self, number):
        """Tell whether the PF's driver has made a VF."""
        return self.ladon.json("vf", "show", CARD, "vf", str(number))["exists"]


def start(s, rig):
    """Boot; the guest's igb makes the VFs."""
    rig.boot()
    rig.pf.up()
    s.verdict(not rig.exists(0), "VMs are attached, but no VF is there yet: the PF's driver has made none")
    rig.pf.enable(len(rig.tenants))
    s.verdict(all(rig.exists(vm.number) for vm in rig.tenants), f"igb has made {len(rig.tenants)} VFs")
    for vm in rig.tenants:
        words = f"mac 02:00:00:00:01:{vm.number:02x} vlan {VLANS[vm.name.rstrip('0123456789')]}"
        rig.pf.vf(vm.number, words)
        print(f"{rig.management.name}# ip link set {rig.pf.device} vf {vm.number} {words}"
              f"    ({vm.name}, on {rig.where(vm.number)})", flush=True)
    rig.start_tenants()
    on_host(rig.ladon, "host", "show")


def reach(s, rig):
    """A tenant's VMs reach each other across hosts; nobody else, not even on the same host."""
    for colour in VLANS:
        vms = rig.of(colour)
        for one, other in zip(vms, vms[1:]):
            s.ping(one, pfs.address_of(other), count=20, tries=3,
                   what=f"{one.name} on {rig.where(one.number)} pings {other.name} on {rig.where(other.number)}")
    for one, other in zip(rig.tenants, rig.tenants[1:]):
        s.silence(one, pfs.address_of(other), f"{one.name} on {rig.where(one.number)} does not reach {other.name} "
                  f"on {rig.where(other.number)}")
    faults = rig.ladon.json("faults")
    s.verdict(not faults, "no DMA fault is recorded", faults)


# ---- a compute host in the wrong hands ----

def refusal(message):
    """Return why it was refused, or nothing if it was done."""
    refused = message and (message.type == fabric.BYE or (message.type == fabric.DONE and message.err))
    return message.why if refused else ""


def joined(rig, s):
    """Return a connection of evil's, who has a key of its own."""
    wait_until(lambda: rig.state(EVIL) == "absent", 30, f"{EVIL} is absent")
    hand = fabric.Hand(rig.ladon)
    if hand.join(EVIL, key_file(s, EVIL).read_text().strip()).type != fabric.WELCOME:
        raise scenarios.Failed(f"{EVIL} cannot join")
    return hand


def attacks(s, rig):
    """Each is refused with a reason; what no honest host says ends the connection."""
    memory = os.memfd_create("evil")
    os.truncate(memory, 4 * PAGE)
    victim = rig.tenants[-1].number

    def attempt(what, message):
        why = refusal(message)
        s.verdict(why, f"{what}: {why or 'NOT refused'}")

    for what, owner in (("joins as ch2, with evil's key", EVIL), ("joins as ch2, with ch2's key", "ch2")):
        with fabric.Hand(rig.ladon) as hand:
            attempt(what, hand.join("ch2", key_file(s, owner).read_text().strip()))
    with joined(rig, s) as hand:
        old = hand.epoch
        attempt(f"opens VF {victim}, which is {rig.where(victim)}'s",
                hand.ask(fabric.OPEN, struct.pack("<16sII", CARD.encode(), victim, 0)))
        attempt("offers memory where interrupts are sent",
                hand.ask(fabric.OFFER, struct.pack("<QQQI", INTERRUPTS, PAGE, 0, 3), [memory]))
        attempt("offers memory that its file has not",
                hand.ask(fabric.OFFER, struct.pack("<QQQI", 1 << 32, 8 * PAGE, 0, 3), [memory]))
        attempt(f"says to the management host that VF {victim} is its own",
                hand.ask(fabric.ASSIGN, struct.pack("<16sII", CARD.encode(), victim, 256)))
    with joined(rig, s) as hand:
        attempt("speaks under the epoch of its last joining",
                hand.ask(fabric.OFFER, struct.pack("<QQQI", 1 << 32, PAGE, 0, 3), [memory], epoch=old))
    os.close(memory)
    s.verdict(all(rig.state(name) == "joined" for name in HOSTS), "the three hosts are joined as before")
    one, other = rig.of("red")[:2]
    s.ping(one, pfs.address_of(other), count=20, tries=3, what=f"{one.name} pings {other.name} as before")


# ---- a host dies ----

def death(s, rig):
    """ch1 is killed; a VF of it goes to ch3, with the address and the VLAN that the management VM gave it."""
    lost = [vm for vm in rig.tenants if rig.where(vm.number) == "ch1"]
    rig.hosts["ch1"].kill()
    wait_until(lambda: rig.state("ch1") == "absent", 30, "ch1 is absent")
    s.verdict(rig.ladon.json("host", "show", "ch1")[0]["windows"] == 0, "no window leads to ch1's memory any more")
    for vm in lost:
        vm.close()
    rest = rig.of("red", lost) + rig.of("blue", lost)
    number = lost[0].number
    on_host(rig.ladon, "vf", "assign", CARD, str(number), "host", "ch3")
    moved = rig.guest("red-again", number, "ch3")
    s.boot(moved)
    rig.use(moved)
    peer = rig.of("red", lost)[0]
    s.ping(peer, pfs.address_of(moved), count=20, tries=3,
           what=f"{peer.name} on {rig.where(peer.number)} pings the VM that has VF {number} on ch3")
    stranger = next(vm for vm in rest if vm.name.startswith("blue"))
    s.silence(stranger, pfs.address_of(moved), f"{stranger.name} does not reach it: the VF is in VLAN {VLANS['red']} as before")


def free_kib():
    """Return how much memory this machine can give."""
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("MemAvailable"))


def options(parser):
    """Options of the demo."""
    parser.add_argument("--tenants", type=int, choices=(3, 6), help="VMs on VFs (6; 3 where less than 4 GiB are free)")


def body(s):
    """One chapter after the other."""
    tenants = s.options.tenants or (6 if free_kib() >= ENOUGH_KIB else 3)
    s.options.qemu_igb = False
    heading(f"a management VM with the card's PF, {len(HOSTS)} compute hosts, {tenants} VMs on VFs of one card")
    if tenants < 6:
        s.step("three VMs instead of six" + ("" if s.options.tenants else ": less than 4 GiB of memory are free"))
    rig = Rig(s, tenants)
    start(s, rig)
    heading("a VLAN for each tenant, across hosts")
    reach(s, rig)
    heading("a compute host in the wrong hands: it has a key of its own, and says what it likes")
    attacks(s, rig)
    heading("ch1 is killed, its VF goes to ch3")
    death(s, rig)
    heading("who is where")
    on_host(rig.ladon, "host", "map")
    picture = pathlib.Path(rig.ladon.cli_path).parent / "demo-hosts.svg"
    on_host(rig.ladon, "host", "map", "-o", str(picture))
    s.verdict(picture.stat().st_size, f"the map is drawn: {picture}")


if __name__ == "__main__":
    scenarios.main(body, __doc__, options)
