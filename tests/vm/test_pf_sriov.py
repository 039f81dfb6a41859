#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""VFs made by igb in the management VM, used by tenants' VMs: mailbox, enable and disable, life and death of the PF.

Whatever the PF's driver does, the tenants survive, and come back by themselves once their VF is there again.
"""

import re

import pf as pfs
import scenario
from vm import wait_until

GROUP = "239.1.2.3"
HOST = f"{pfs.NET}.200"


def options(parser):
    """Options of this scenario."""
    pfs.add_options(parser)
    parser.add_argument("--rounds", type=int, default=2, help="cycles of 0, 1, 7 VFs (2)")


# Enabling

def limits(s, rig):
    """Seven VFs and no more; their number does not change while they exist."""
    vm, pf = rig.management, rig.pf
    total = vm.ok(f"cat {pf.sysfs}/sriov_totalvfs").strip()
    s.verdict(total == str(pfs.TOTAL_VFS), f"sriov_totalvfs is {total}")
    for count in (8, 64, 65535):
        s.verdict(pf.num_vfs(count).rc != 0, f"sriov_numvfs {count} is refused")
    pf.enable(2)
    s.verdict(len(vm.ok(f"ls -d {pf.sysfs}/virtfn*").split()) == 2, "sriov_numvfs 2 makes two VFs", pf.log())
    s.verdict(pf.num_vfs(3).rc != 0, "sriov_numvfs 3 is refused while there are two")
    for count in ("5", "ffff"):
        vm.ok(f"setpci -s {pf.address} 170.w={count}")
        seen = int(vm.ok(f"setpci -s {pf.address} 170.w"), 16)
        s.verdict(seen == 2, f"NumVFs cannot be written with {count} while VF Enable is set: {seen}")
    s.verdict([v["vf"] for v in [pf.row(0), pf.row(1)]] == [0, 1], "ip link shows both")


def reach(s, rig, what):
    """Verdict: tenants, PF and the wire reach each other. igbvf may reset itself once more after it has recovered."""
    a, b = rig.tenants[:2]
    s.ping(a, pfs.address_of(b), 30, 0.02, what=f"{what}: {a.name} pings {b.name}", tries=3)
    s.ping(rig.management, pfs.address_of(a), 30, 0.02, what=f"{what}: the PF pings {a.name}", tries=3)
    s.ping(b, HOST, 30, 0.02, what=f"{what}: {b.name} pings the host", tries=3)


# Mailbox

def messages(s, rig):
    """What a tenant's driver asks of igb: frame size, VLANs, groups; and what it must not get."""
    a, b = rig.tenants[:2]
    s.transfer(a, b, pfs.address_of(b), 16, "between tenants")
    for tenant in (a, b):
        tenant.ok("ip link set eth0 mtu 9000")
    for tenant in (a, b):
        scenario.wait_carrier(tenant, timeout=pfs.RECOVERY)
    s.ping(a, pfs.address_of(b), 20, 0.02, size=8972, what="MTU 9000: full-size pings")
    for tenant in (a, b):
        tenant.ok("ip link set eth0 mtu 1500")
        scenario.wait_carrier(tenant, timeout=pfs.RECOVERY)
    vlans(s, rig)
    multicast(s, a, b)
    promiscuous(s, rig)


def vlans(s, rig):
    """VLAN interfaces of tenants and PF: same VLAN together, other VLANs apart."""
    a, b = rig.tenants[:2]
    for machine, device, vid, number in ((a, "eth0", 5, 1), (b, "eth0", 5, 2), (rig.management, rig.pf.device, 6, 3)):
        machine.ok(f"ip link add link {device} name v{vid} type vlan id {vid}; "
                   f"ip addr add 10.5.0.{number}/24 dev v{vid}; ip link set v{vid} up")
    s.ping(a, "10.5.0.2", 20, 0.02, what="VLAN 5: tenant to tenant")
    s.transfer(a, b, "10.5.0.2", 4, "in VLAN 5")
    s.silence(a, "10.5.0.3", "VLAN 5 does not reach VLAN 6")
    rig.management.ok("ip link del v6; "
                      f"ip link add link {rig.pf.device} name v5 type vlan id 5; ip addr add 10.5.0.3/24 dev v5; ip link set v5 up")
    s.ping(a, "10.5.0.3", 20, 0.02, what="VLAN 5: tenant to PF")
    for machine in (a, b, rig.management):
        machine.ok("ip link del v5")
    pfs.forget_neighbours(a, b, rig.management)


def multicast(s, a, b):
    """A group's frames reach who has joined it."""
    for tenant in (a, b):
        tenant.ok("echo 0 > /proc/sys/net/ipv4/icmp_echo_ignore_broadcasts; ip route add 239.0.0.0/8 dev eth0")
    count = pfs.received(b)
    a.run(f"ping -c 10 -i 0.05 -W 1 {GROUP}")
    s.verdict(pfs.received(b) - count < 5, f"b is in no group: {pfs.received(b) - count} frames")
    b.ok(f"ip addr add {GROUP}/32 dev eth0 autojoin")
    answer = a.run(f"ping -c 10 -i 0.05 -W 1 {GROUP}")
    s.verdict(" 0% packet loss" in answer.out, "b joins the group and answers", answer.out)
    b.ok(f"ip addr del {GROUP}/32 dev eth0")


def promiscuous(s, rig):
    """A tenant that wants to hear everything hears what is meant for it."""
    a, b = rig.tenants[:2]
    b.ok("ip link set eth0 promisc on")
    listening = pfs.frames(b)
    mac, own = pfs.mac_of(rig.management, rig.pf.device), pfs.mac_of(a)
    a.ok(f"frame send eth0 20 1000 {mac} {own} - 1")
    a.ok(f"frame send eth0 20 1000 {pfs.mac_of(b)} {own} - 2")
    rows = len(pfs.wait_heard(listening, 2, 20)), len(pfs.heard(listening, 1))
    listening.kill()
    b.ok("ip link set eth0 promisc off")
    s.verdict(rows == (20, 0), f"b in promiscuous mode hears {rows[0]} frames to it and {rows[1]} to the PF")


# Disabling and enabling

def cycles(s, rig):
    """0, 1 and 7 VFs in turn while the PF carries traffic."""
    flood = rig.host.start_job(f"exec blast {pfs.NET}.100 8 2000")
    back = rig.management.start_job(f"exec blast {HOST} 8 2000")
    failed = []
    for number in range(s.options.rounds):
        for count in (0, 1, 0, 7):
            rig.pf.enable(count)
            seen = len(rig.management.run(f"ls -d {rig.pf.sysfs}/virtfn*").out.split()) if count else 0
            if seen != count:
                failed.append(f"round {number}: {seen} VFs instead of {count}\n{rig.pf.log()}")
        answer = rig.management.run(f"ping -c 5 -i 0.05 -W 2 {HOST}")
        if answer.rc:
            failed.append(f"round {number}: {answer.out}")
        rig.pf.enable(0)
        if number % 10 == 9:
            s.step(f"numvfs: {number + 1} of {s.options.rounds}")
    flood.kill()
    back.kill()
    s.verdict(not failed, f"sriov_numvfs 0, 1, 7 under traffic, {s.options.rounds} times", "\n".join(failed[:5]))
    s.ping(rig.management, HOST, 20, 0.02, what="the PF pings the host afterwards")


def off(rig):
    """Return whether all tenants live and are off the network."""
    a, b = rig.tenants[:2]
    return a.run(f"ping -c 1 -W 1 {pfs.address_of(b)}").rc != 0


def survive(s, rig, what):
    """Verdict: the tenants' VMs work, without their network."""
    wait_until(lambda: off(rig), 30, f"{what}: the tenants lose their network", 0.2)
    alive = [t.run("ip link show eth0 && echo alive") for t in rig.tenants]
    s.verdict(all("alive" in r.out for r in alive), f"{what}: the tenants live, without a network",
              "\n".join(r.out for r in alive))


def disabled(s, rig):
    """VFs vanish under their tenants and come back."""
    rig.pf.enable(0)
    survive(s, rig, "sriov_numvfs 0")
    for tenant in rig.tenants:
        tenant.run("ethtool -S eth0; ethtool -d eth0; ip link set eth0 down; ip link set eth0 up", 60)
    rig.pf.enable(2)
    rig.recovered("sriov_numvfs 2 again: the tenants recover")
    reach(s, rig, "after it")


# Life and death of the PF's driver

def link_down(s, rig):
    """The PF's device goes down and up."""
    rig.management.ok(f"ip link set {rig.pf.device} down")
    s.verdict(rig.tenants[0].run("echo alive").out == "alive\n", "ip link set PF down: the tenants live")
    rig.pf.up()
    rig.recovered("ip link set PF up: the tenants recover")


def restart(s, rig, action, what):
    """The PF's driver goes and comes: VFs must be enabled anew, then all recover."""
    action()
    survive(s, rig, what)
    rig.pf.look().up()
    rig.pf.enable(2)
    rig.recovered(f"{what}, VFs enabled again: the tenants recover")
    reach(s, rig, what)


def paused(s, rig):
    """The management VM stands still, its tenants' traffic does not."""
    a, b = rig.tenants[:2]
    pinging = a.start_job(f"ping -i 0.02 -c 200 {pfs.address_of(b)}")
    pinging.wait_output("seq=20", 20)
    rig.management.pause()
    report = pinging.wait(60).out
    loss = re.search(r"([\d.]+)% packet loss", report)
    s.verdict(loss and float(loss[1]) == 0, "the management VM is paused: no ping between the tenants is lost", report[-600:])
    s.transfer(a, b, pfs.address_of(b), 8, "management VM paused")
    s.iperf(a, b, pfs.address_of(b), 2)
    s.ping(b, HOST, 30, 0.02, what="management VM paused: a tenant pings the host")
    rig.management.cont()
    s.ping(rig.management, pfs.address_of(a), 30, 0.02, what="it goes on: the PF pings a tenant")


# Who owns the policy

def owner(ladon):
    """Return who owns the card's policy."""
    return ladon.json("card", "show", pfs.CARD)[0]["policy_owner"]


def refused(s, ladon):
    """`ladon link set` is refused, with the reason, while the guest's driver owns the policy."""
    s.verdict(owner(ladon) == "guest", "the policy's owner is the guest", owner(ladon))
    try:
        ladon.cli("link", "set", pfs.CARD, "vf", "0", "vlan", "7")
        answer = ""
    except scenario.Failed as error:
        answer = str(error)
    s.verdict("PF driver" in answer, "ladon link set is refused, and says that a guest's PF driver owns the policy", answer)


def built_in(s, rig, what):
    """The management VM has ended: the built-in PF serves, `ladon link set` works."""
    ladon, (a, b) = rig.ladon, rig.tenants[:2]
    wait_until(lambda: owner(ladon) == "builtin", 10, f"{what}: the built-in PF takes over")
    rig.recovered(f"{what}: the built-in PF takes over and the tenants recover")
    ladon.cli("link", "set", pfs.CARD, "vf", "0", "vlan", "7")
    pfs.forget_neighbours(a, b)
    s.silence(a, pfs.address_of(b), "ladon link set vf 0 vlan 7 works again")
    ladon.cli("link", "set", pfs.CARD, "vf", "0", "vlan", "0")
    rig.recovered("and so does vlan 0")


def new_management(s, rig):
    """A new management VM takes the card over from the built-in PF."""
    rig.management = s.vm("mgmt2", **rig.settings)
    rig.pf = pfs.Pf(rig.management)
    s.boot(rig.management)
    pfs.quiet(rig.management)
    rig.pf.look().up()
    rig.pf.enable(2)
    rig.recovered("a new management VM enables VFs: the tenants recover")
    refused(s, rig.ladon)
    reach(s, rig, "under the new management VM")


def hand_over(s, rig):
    """Management VMs end and come; tenants stay attached throughout."""
    attaches = [rig.ladon.json("vf", "show", pfs.CARD, str(n))["attaches"] for n in (0, 1)]
    rig.no_complaints()
    s.vms.remove(rig.management)
    rig.management.shutdown()
    built_in(s, rig, "power-off")
    new_management(s, rig)
    rig.management.kill9()
    built_in(s, rig, "kill -9")
    seen = [rig.ladon.json("vf", "show", pfs.CARD, str(n))["attaches"] for n in (0, 1)]
    s.verdict(seen == attaches, "the tenants were attached all the time", (attaches, seen))


def run(s):
    """The scenario."""
    rig = pfs.Rig(s, tenants=2, wire=True).boot()
    rig.pf.up()
    limits(s, rig)
    rig.start_tenants()
    reach(s, rig, "two VFs")
    messages(s, rig)
    own_vms = rig.ladon is not None  # on QEMU's igb the tenants live in the management VM
    if own_vms:
        refused(s, rig.ladon)
        paused(s, rig)
        disabled(s, rig)
        link_down(s, rig)
        restart(s, rig, lambda: rig.management.ok("rmmod igb && modprobe igb"), "rmmod igb")
        restart(s, rig, rig.management.reboot, "management VM reboots")
    rig.pf.enable(0)
    cycles(s, rig)
    if own_vms:
        rig.pf.enable(2)
        rig.recovered("after the cycles the tenants recover")
        hand_over(s, rig)
    for tenant in rig.tenants:
        s.verdict(tenant.run("dmesg | grep -E 'WARNING:|BUG:|Oops'").rc == 1 or not own_vms,
                  f"{tenant.name}: the kernel has no complaint")


if __name__ == "__main__":
    scenario.main(run, __doc__, options)
