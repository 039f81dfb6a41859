#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""`ip link set PF vf N ...` in the management VM, measured from outside: at the tenants and on the wire.

Addresses, VLANs, spoof checks, trust and rates are set through the unmodified igb
driver, and what then arrives, and with which tag, is counted by who receives it.
"""

import time

import pf as pfs
import scenario

ADMIN_MAC, OWN_MAC, FORGED_MAC = "02:00:00:00:77:01", "02:00:00:00:77:02", "02:00:00:00:77:03"
HOST_MAC, ALL = "02:00:00:00:00:c8", "ff:ff:ff:ff:ff:ff"
HOST = f"{pfs.NET}.200"
SPOOF_LIMIT = 15  # igb's watchdog looks every two seconds
RATE_ERROR = 0.03


def options(parser):
    """Options of this scenario."""
    pfs.add_options(parser)
    parser.add_argument("--seconds", type=float, default=6, help="how long a rate is measured (6)")


class Marks:
    """Numbers that tell one experiment's frames from another's."""

    last = 0

    @classmethod
    def new(cls):
        """Return the next one."""
        cls.last += 1
        return cls.last


def frames_arrive(source, target, destination, origin, tci=None, count=20):
    """Send raw frames; return the tags of those the target hears. `origin` is their source address."""
    mark = Marks.new()
    listening = pfs.frames(target)
    tag = "-" if tci is None else hex(tci)
    source.ok(f"frame send eth0 {count} 1000 {destination} {origin} {tag} {mark}")
    tags = [row[2] for row in pfs.wait_heard(listening, mark, count, 1.0)]
    listening.kill()
    return tags


def spoof_events(rig, number):
    """Return how often the management guest's kernel reported a VF's spoofing."""
    return int(rig.management.run(f"dmesg | grep -c 'Spoof event(s) detected on VF {number}'").out or 0)


def spoof_reported(s, rig, number, before, what):
    """Verdict: the kernel log of the management VM names the VF."""
    end = time.monotonic() + SPOOF_LIMIT
    while spoof_events(rig, number) <= before and time.monotonic() < end:
        time.sleep(0.3)
    s.verdict(spoof_events(rig, number) > before, f"{what}: reported in the management VM's kernel log", rig.pf.log(6))


def restart(rig, tenant):
    """Unload and load a tenant's driver."""
    if isinstance(tenant, pfs.Namespace):
        vm, address = tenant.vm, pfs.find(tenant.vm, pfs.VF_IDS)[tenant.number]
        vm.ok(f"echo {address} > /sys/bus/pci/drivers/igbvf/unbind")
    else:
        tenant.ok("rmmod igbvf")
    rig.plug(tenant)
    pfs.quiet(tenant)
    tenant.ok(f"ip addr add {pfs.address_of(tenant)}/24 dev eth0 && ip link set eth0 up")
    scenario.wait_carrier(tenant, timeout=pfs.RECOVERY)


# Addresses and trust

def address(s, rig):
    """`vf 0 mac`: the tenant's driver takes it, and may not change it unless trusted."""
    a, b = rig.tenants
    rig.pf.vf(0, f"mac {ADMIN_MAC}")
    s.verdict(rig.pf.row(0)["address"] == ADMIN_MAC, "ip link shows the VF's new address", rig.pf.row(0))
    restart(rig, a)
    s.verdict(pfs.mac_of(a) == ADMIN_MAC, f"its tenant has it after a driver reload: {pfs.mac_of(a)}")
    pfs.forget_neighbours(a, b)
    s.ping(a, pfs.address_of(b), 20, 0.02, what="with the administrator's address a pings b")
    done = a.run(f"ip link set eth0 address {OWN_MAC}")
    s.verdict(done.rc != 0 and pfs.mac_of(a) == ADMIN_MAC, "the tenant may not change it", done.out)
    rig.pf.vf(0, "trust on")
    s.verdict(rig.pf.row(0)["trust"], "ip link shows trust on")
    done = a.run(f"ip link set eth0 address {OWN_MAC}")
    s.verdict(done.rc == 0 and pfs.mac_of(a) == OWN_MAC, "trusted, it may", done.out)
    pfs.forget_neighbours(a, b)
    s.ping(a, pfs.address_of(b), 20, 0.02, what="with an address of its own choice a pings b")
    rig.pf.vf(0, "trust off")
    done = a.run(f"ip link set eth0 address {FORGED_MAC}")
    s.verdict(done.rc != 0, "trust off: it may not any more", done.out)


# Spoof checks

def spoofing(s, rig):
    """Frames with foreign source addresses are dropped and reported, until spoofchk is off."""
    a, b = rig.tenants
    target, own = pfs.mac_of(b), pfs.mac_of(a)
    s.verdict(len(frames_arrive(a, b, target, own)) == 20, "frames with a's address arrive at b")
    before = spoof_events(rig, 0)
    for destination, listener, what in ((target, b, "b"), (ALL, b, "all"), (HOST_MAC, rig.host, "the wire")):
        count = len(frames_arrive(a, listener, destination, FORGED_MAC))
        s.verdict(count == 0, f"forged frames to {what}: {count} of 20 arrive")
    spoof_reported(s, rig, 0, before, "a's forged frames")
    s.ping(a, pfs.address_of(b), 20, 0.02, what="its honest frames still arrive: a pings b")
    rig.pf.vf(0, "spoofchk off")
    s.verdict(rig.pf.row(0)["spoofchk"] is False, "ip link shows spoofchk off")
    for destination, listener, what in ((target, b, "b"), (HOST_MAC, rig.host, "the wire")):
        count = len(frames_arrive(a, listener, destination, FORGED_MAC))
        s.verdict(count == 20, f"spoofchk off: {count} of 20 forged frames to {what} arrive")
    count = len(frames_arrive(b, rig.host, HOST_MAC, FORGED_MAC))
    s.verdict(count == 0, f"b's check is still on: {count} of its forged frames arrive")
    rig.pf.vf(0, "spoofchk on")
    count = len(frames_arrive(a, b, target, FORGED_MAC))
    s.verdict(count == 0, f"spoofchk on again: {count} arrive")


def foreign_vlan(s, rig):
    """Frames in a VLAN that the VF is no member of are dropped and reported."""
    a, b = rig.tenants
    target, own = pfs.mac_of(b), pfs.mac_of(a)
    b.ok("ip link add link eth0 name v9 type vlan id 9; ip link set v9 up")
    before = spoof_events(rig, 0)
    for destination, listener, what in ((target, b, "b, who is in VLAN 9"), (HOST_MAC, rig.host, "the wire")):
        count = len(frames_arrive(a, listener, destination, own, 9))
        s.verdict(count == 0, f"frames in VLAN 9, where a is not, to {what}: {count} of 20 arrive")
    spoof_reported(s, rig, 0, before, "a's frames in a foreign VLAN")
    a.ok("ip link add link eth0 name v9 type vlan id 9; ip link set v9 up")
    for destination, listener, what in ((target, b, "b"), (HOST_MAC, rig.host, "the wire")):
        tags = frames_arrive(a, listener, destination, own, 9)
        s.verdict(tags == [9] * 20, f"a has joined VLAN 9: {len(tags)} of 20 frames to {what} arrive", tags)
    a.ok("ip link del v9")
    b.ok("ip link del v9")


# Port VLANs

def port_vlan(s, rig):
    """`vf N vlan V qos Q`: tags put in and taken out, tenants of different VLANs apart."""
    a, b = rig.tenants
    own, other = pfs.mac_of(a), pfs.mac_of(b)
    rig.pf.vf(0, "vlan 100 qos 3")
    row = rig.pf.row(0)
    s.verdict((row.get("vlan_list") or [row])[0].get("vlan") == 100, "ip link shows VLAN 100", row)
    tags = frames_arrive(a, rig.host, HOST_MAC, own)
    s.verdict(tags == [0x6064] * 20, f"on the wire a's frames carry VLAN 100 with priority 3: {set(tags)}", tags)
    tags = frames_arrive(rig.host, a, own, HOST_MAC, 100)
    s.verdict(tags == [None] * 20, f"frames of VLAN 100 arrive at a without a tag: {len(tags)} of 20, {set(tags)}")
    for tci, what in ((None, "untagged frames"), (0, "priority-tagged frames"), (101, "frames of VLAN 101")):
        count = len(frames_arrive(rig.host, a, own, HOST_MAC, tci))
        s.verdict(count == 0, f"{what} from the wire do not arrive at a: {count}")
    pfs.forget_neighbours(a, b)
    s.silence(a, pfs.address_of(b), "b is outside VLAN 100: a does not reach it")
    for source, target, mac, origin in ((a, b, other, own), (b, a, own, other), (a, b, ALL, own), (b, a, ALL, other)):
        count = len(frames_arrive(source, target, mac, origin))
        s.verdict(count == 0, f"{source.name} to {target.name}{' broadcast' if mac == ALL else ''}: {count} of 20 arrive")
    before = spoof_events(rig, 0)
    for tci in (5, 101):
        count = len(frames_arrive(a, rig.host, HOST_MAC, own, tci))
        s.verdict(count == 0, f"a cannot choose VLAN {tci}: {count} of its frames arrive")
    spoof_reported(s, rig, 0, before, "a's attempt")
    rig.pf.vf(1, "vlan 200")
    pfs.forget_neighbours(a, b)
    s.silence(a, pfs.address_of(b), "b in VLAN 200: they do not hear each other")
    rig.pf.vf(1, "vlan 100")
    pfs.forget_neighbours(a, b)
    s.ping(a, pfs.address_of(b), 20, 0.02, what="b in VLAN 100, too: a pings b")
    s.transfer(a, b, pfs.address_of(b), 8, "in a port VLAN")
    s.silence(a, HOST, "neither reaches the host, which is untagged")
    for number in (0, 1):
        rig.pf.vf(number, "vlan 0")
    pfs.forget_neighbours(a, b, rig.host)
    s.ping(a, HOST, 20, 0.02, what="vlan 0: a pings the host")
    s.ping(a, pfs.address_of(b), 20, 0.02, what="vlan 0: a pings b")


# Rates

def received_rate(target, seconds):
    """Return the bit/s a tenant's device receives, frames with their check sums."""
    read = "cd /sys/class/net/eth0/statistics; cat rx_bytes rx_packets; cut -d' ' -f1 /proc/uptime"
    first = [float(x) for x in target.ok(read).split()]
    target.ok(f"sleep {seconds}", seconds + 30)
    last = [float(x) for x in target.ok(read).split()]
    volume, packets, took = (b - a for a, b in zip(first, last))
    return (volume + 4 * packets) * 8 / took


def flow(source, target, seconds, udp=False):
    """Let TCP (or as much UDP as can be sent) run from one tenant to another and return the rate in its middle."""
    serving = target.start_job("iperf3 -s -1 --forceflush")
    serving.wait_output("listening", 15)
    how = "-u -b 0 -l 1448" if udp else ""
    sending = source.start_job(f"iperf3 -c {pfs.address_of(target)} {how} -t {seconds + 3}")
    time.sleep(1.5)
    rate = received_rate(target, seconds)
    sending.wait(seconds + 40)
    serving.kill()
    return rate


def limited(source, target, seconds, limit):
    """Return the rate under a limit: of three tries at most, for a busy machine lowers what arrives (and never raises it)."""
    for _ in range(3):
        rate = flow(source, target, seconds, udp=True)
        if rate >= limit * 1e6 * (1 - RATE_ERROR):
            break
    return rate


def rates(s, rig):
    """`max_tx_rate`: held within 3 %, for this VF only, and gone with 0.

    The limits follow from what the guests can send without one, for above that there is nothing to hold.
    """
    a, b = rig.tenants
    seconds = s.options.seconds
    free = flow(a, b, 3)
    for limit in (min(200, int(free / 4e6)), min(50, int(free / 16e6))):
        rig.pf.vf(0, f"max_tx_rate {limit}")
        rate = limited(a, b, seconds, limit)
        s.verdict(abs(rate / (limit * 1e6) - 1) <= RATE_ERROR,
                  f"max_tx_rate {limit}: a sends {rate / 1e6:.1f} Mbit/s (without: {free / 1e6:.0f})")
    s.verdict(rig.pf.row(0).get("rate", {}).get("max_tx") == limit, "ip link shows the rate", rig.pf.row(0))
    back = flow(b, a, 3)
    s.verdict(back > 2e6 * limit, f"b is not limited: {back / 1e6:.0f} Mbit/s")
    rig.pf.vf(0, "max_tx_rate 0")
    rate = flow(a, b, 3)
    s.verdict(rate > min(free / 3, 3e6 * limit), f"max_tx_rate 0: a sends {rate / 1e6:.0f} Mbit/s again")


# What igb has no operation for

def unsupported(s, rig):
    """Operations the 82576's driver does not have are refused, whatever the card is."""
    for words in ("min_tx_rate 100", "state disable", "query_rss on", "max_tx_rate 1001", "vlan 4096"):
        done = rig.pf.try_vf(0, words)
        s.verdict(done.rc != 0, f"vf 0 {words}: refused", done.out)
    s.verdict(rig.pf.try_vf(5, "vlan 7").rc != 0, "vf 5, which is not enabled: refused")


def run(s):
    """The scenario."""
    rig = pfs.Rig(s, tenants=2, wire=True).boot()
    rig.host.ok(f"ip link set eth0 address {HOST_MAC}")
    rig.pf.up()
    rig.pf.enable(2)
    rig.start_tenants()
    a, b = rig.tenants
    s.ping(a, pfs.address_of(b), 20, 0.02)
    s.ping(b, HOST, 20, 0.02, what="b pings the host")
    unsupported(s, rig)
    spoofing(s, rig)
    foreign_vlan(s, rig)
    port_vlan(s, rig)
    rates(s, rig)
    address(s, rig)
    rig.no_complaints()


if __name__ == "__main__":
    scenario.main(run, __doc__, options)
