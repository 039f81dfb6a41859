#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Who gets which frame, and what the operator decides: VLANs, multicast, addresses, link state, resets.

Three guests on one card. What must not arrive is checked as carefully as what
must, and a drop under the reason the card gives for it.
"""

import re
import time

import scenario
from vm import vfio_user_device, wait_until

CARD = "nic0"
GROUP, GROUP_MAC = "239.1.2.3", "01:00:5e:01:02:03"
OPERATORS_MAC, GUESTS_MAC, FORGED_MAC = "02:00:00:00:77:01", "02:00:00:00:77:02", "02:00:00:00:77:03"
RESET_LIMIT = 40  # igbvf looks every 2 s, and resets at most once in 10 s
MODULES = ["igbvf", "8021q", "macvlan", "bridge"]


# What the card and the guests say

def vf(ladon, index):
    """Return a VF's row of `ladon -s link show`."""
    return ladon.json("link", "show", CARD)[0]["vfinfo_list"][index]


def drops(ladon, index, way, reason):
    """Return how many frames a VF lost for a reason."""
    return vf(ladon, index)["ladon"][f"{way}_drops"].get(reason, 0)


def set_vf(ladon, index, *words):
    """Change a VF's policy as the operator."""
    ladon.cli("link", "set", CARD, "vf", str(index), *words)


def mac_of(vm, device="eth0"):
    """Return the hardware address a guest uses."""
    return vm.ok(f"cat /sys/class/net/{device}/address").strip()


def restart(vm):
    """Take a guest's device down and up: its driver resets the function."""
    vm.ok("ip link set eth0 down && ip link set eth0 up")
    scenario.wait_carrier(vm)


def received(vm):
    """Return the frames a guest's device has received."""
    return int(vm.ok("cat /sys/class/net/eth0/statistics/rx_packets"))


# VLANs

def vlan_device(vm, vid, address):
    """Put a guest into a VLAN, with an address there."""
    vm.ok(f"ip link add link eth0 name eth0.{vid} type vlan id {vid} && "
          f"ip addr add {address}/24 dev eth0.{vid} && ip link set eth0.{vid} up")


def forget_neighbours(*vms):
    """Make guests ask for addresses again."""
    for vm in vms:
        vm.ok("ip neigh flush all")


def guest_vlans(s, ladon, a, b, c):
    """VLAN interfaces in the guests: two in VLAN 5, the third with the same network in VLAN 6."""
    for vm, vid, number in ((a, 5, 1), (b, 5, 2), (c, 6, 3)):
        vlan_device(vm, vid, f"10.5.0.{number}")
    s.ping(a, "10.5.0.2", 20, 0.02, what="VLAN 5: a pings b")
    s.ping(b, "10.5.0.1", 20, 0.02, size=1472, what="VLAN 5: b pings a, full size")
    for mtu in (9000, 1500):
        for vm in (a, b):
            vm.ok(f"ip link set eth0 mtu {mtu} && ip link set eth0.5 mtu {mtu}")
            scenario.wait_carrier(vm)
        s.ping(a, "10.5.0.2", 20, 0.02, size=mtu - 28, what=f"VLAN 5, MTU {mtu}: a pings b, full size")
        s.transfer(a, b, "10.5.0.2", 8, f"in VLAN 5, MTU {mtu}")
    s.silence(a, "10.5.0.3", "VLAN 5 does not reach VLAN 6")
    frames = received(c)
    before = drops(ladon, 0, "tx", "vlan")
    a.ok(f"ip neigh replace 10.5.0.3 lladdr {mac_of(c)} dev eth0.5 nud permanent")
    s.silence(a, "10.5.0.3", "VLAN 5 does not reach VLAN 6 by its hardware address either")
    s.verdict(drops(ladon, 0, "tx", "vlan") >= before + 3, "those frames count as vlan drops", vf(ladon, 0))
    s.verdict(received(c) == frames, "c received none of them", f"{received(c) - frames} more")
    s.ping(a, "10.0.0.3", 20, 0.02, what="untagged: a still pings c")
    for vm, vid in ((a, 5), (b, 5), (c, 6)):
        vm.ok(f"ip link del eth0.{vid}")
    s.verdict(ladon.json("vf", "show", CARD, "0")["vlans"] == 0, "a's VLAN is gone from the card with its device")


def stacked_vlans(s, a, b):
    """A tag behind the tag, and a provider's tag: both stay in the bytes and harm nothing."""
    for vm, number in ((a, 1), (b, 2)):
        vlan_device(vm, 5, f"10.5.0.{number}")
        vm.ok(f"ip link add link eth0.5 name inner type vlan id 9 && ip addr add 10.9.0.{number}/24 dev inner && "
              "ip link set inner up")
        vm.ok("ip link add link eth0 name outer type vlan proto 802.1ad id 8 && "
              f"ip addr add 10.8.0.{number}/24 dev outer && ip link set outer up")
    s.ping(a, "10.9.0.2", 20, 0.02, what="VLAN 9 within VLAN 5: a pings b")
    s.transfer(a, b, "10.9.0.2", 4, "in VLAN 9 within VLAN 5")
    s.ping(a, "10.8.0.2", 20, 0.02, what="802.1ad tag: a pings b")
    s.transfer(a, b, "10.8.0.2", 4, "behind an 802.1ad tag")
    for vm in (a, b):
        vm.ok("ip link del inner && ip link del eth0.5 && ip link del outer")


def port_vlans(s, ladon, a, b, c):
    """The operator's VLANs: guests in different ones do not meet, and know nothing of it."""
    set_vf(ladon, 0, "vlan", "7", "qos", "3")
    forget_neighbours(a, b, c)
    s.silence(a, "10.0.0.2", "a is put into VLAN 7: b is out of its reach")
    set_vf(ladon, 1, "vlan", "7")
    forget_neighbours(a, b, c)
    s.ping(a, "10.0.0.2", 20, 0.02, what="b is put there too: a pings b")
    s.silence(c, "10.0.0.1", "c is outside and does not reach a")
    refused = a.run("ip link add link eth0 name eth0.5 type vlan id 5 && "
                    "ip addr add 10.5.0.1/24 dev eth0.5 && ip link set eth0.5 up")
    before = drops(ladon, 0, "tx", "vlan")
    a.run("ping -c 3 -i 0.2 -W 1 10.5.0.2")
    s.verdict(refused.rc or drops(ladon, 0, "tx", "vlan") > before,
              "a guest in a port VLAN cannot choose another", refused.out)
    a.run("ip link del eth0.5")
    for index in (0, 1):
        set_vf(ladon, index, "vlan", "0")
    forget_neighbours(a, b, c)
    s.ping(a, "10.0.0.3", 20, 0.02, what="taken out of VLAN 7, a pings c")


# Multicast

def multicast(s, a, b, c):
    """A group's frames reach who has joined it, and nobody else."""
    for vm in (a, b, c):
        vm.ok("echo 0 > /proc/sys/net/ipv4/icmp_echo_ignore_broadcasts; ip route add 239.0.0.0/8 dev eth0")
    b.ok(f"ip addr add {GROUP}/32 dev eth0 autojoin")
    b_count, c_count = received(b), received(c)
    answer = a.run(f"ping -c 20 -i 0.05 -W 1 {GROUP}")
    s.verdict(" 0% packet loss" in answer.out, "b joined the group and answers", answer.out)
    s.verdict(received(b) - b_count >= 20 and received(c) - c_count < 20,
              f"b received {received(b) - b_count} frames, c {received(c) - c_count}")
    c.ok(f"ip maddr add {GROUP_MAC} dev eth0")
    c_count = received(c)
    a.run(f"ping -c 20 -i 0.05 -W 1 {GROUP}")
    s.verdict(received(c) - c_count >= 20, f"c asks for the hardware address: received {received(c) - c_count}")
    b.ok(f"ip addr del {GROUP}/32 dev eth0")
    c.ok(f"ip maddr del {GROUP_MAC} dev eth0")
    b_count = received(b)
    silent = a.run(f"ping -c 5 -i 0.05 -W 1 {GROUP}")
    s.verdict("100% packet loss" in silent.out and received(b) - b_count < 5, "b left the group", silent.out)


def promiscuous(s, a, b, c):
    """A guest that is not trusted may ask for everything, and does not get it."""
    for mode in ("promisc", "allmulticast"):
        c.ok(f"ip link set eth0 {mode} on")
        count = received(c)
        s.ping(a, "10.0.0.2", 100, 0.02, what=f"c has {mode} on, a pings b")
        s.verdict(received(c) - count < 50, f"c does not hear it: {received(c) - count} frames")
        c.ok(f"ip link set eth0 {mode} off")
    s.ping(c, "10.0.0.1", 20, 0.02, what="c still pings")


# Addresses

def operators_mac(s, ladon, a, b):
    """`ladon link set ... mac`: known to the guest after its driver's next reset."""
    old = mac_of(b)
    set_vf(ladon, 1, "mac", OPERATORS_MAC)
    s.verdict(vf(ladon, 1)["address"] == OPERATORS_MAC, "the card shows the operator's address", vf(ladon, 1))
    before = drops(ladon, 1, "tx", "spoof")
    s.silence(b, "10.0.0.1", "until its driver resets, b sends from a foreign address")
    s.verdict(drops(ladon, 1, "tx", "spoof") > before, "its frames count as spoof drops", vf(ladon, 1))
    restart(b)
    s.verdict(mac_of(b) == OPERATORS_MAC, f"after ifdown and ifup b has it: {mac_of(b)} (was {old})")
    forget_neighbours(a, b)
    s.ping(b, "10.0.0.1", 20, 0.02, what="b pings with the operator's address")
    b.ok("rmmod igbvf && modprobe igbvf && ip addr add 10.0.0.2/24 dev eth0 && ip link set eth0 up")
    scenario.wait_carrier(b)
    s.verdict(mac_of(b) == OPERATORS_MAC, "so it has with its driver loaded anew", mac_of(b))
    taken = vf(ladon, 0)["address"]
    s.verdict("belongs to another" in refusal(ladon, 2, "mac", taken), "an address that is taken is refused")


def refusal(ladon, index, *words):
    """Return what the card answers to a setting it must refuse."""
    try:
        set_vf(ladon, index, *words)
    except scenario.Failed as error:
        return str(error)
    return ""


def guests_mac(s, ladon, a, b):
    """A guest chooses its address, unless the operator did and does not trust it."""
    s.verdict(b.run(f"ip link set eth0 address {GUESTS_MAC}").rc != 0 and mac_of(b) == OPERATORS_MAC,
              "b may not change the operator's address", mac_of(b))
    set_vf(ladon, 1, "trust", "on")
    b.ok(f"ip link set eth0 address {GUESTS_MAC}")
    forget_neighbours(a, b)
    s.ping(b, "10.0.0.1", 20, 0.02, what="trusted, b may; it pings with an address of its own")
    s.verdict(vf(ladon, 1)["address"] == GUESTS_MAC, "the card shows it", vf(ladon, 1))
    set_vf(ladon, 1, "trust", "off")
    restart(b)
    s.verdict(mac_of(b) == OPERATORS_MAC, "its driver's reset brings the operator's back", mac_of(b))
    forget_neighbours(a, b)


def spoofing(s, ladon, a, c):
    """Frames from an address that is not the sender's go out only when the operator allows it."""
    c.ok(f"ip link add link eth0 name forged type macvlan mode private && "
         f"ip link set forged address {FORGED_MAC} up && ip addr add 10.8.0.3/24 dev forged")
    a.ok("ip addr add 10.8.0.1/24 dev eth0")
    s.ping(c, "10.8.0.1", 20, 0.02, what="macvlan: a second address that the card was told of")
    c.ok("ip link del forged")
    c.ok("ip addr add 10.8.0.3/24 dev eth0")
    forger = "ip link add name br0 type bridge && ip link set eth0 master br0 && " \
             f"ip link set br0 address {FORGED_MAC} up && ip addr add 10.7.0.3/24 dev br0"
    c.ok(forger)
    a.ok("ip addr add 10.7.0.1/24 dev eth0")
    before = drops(ladon, 2, "tx", "spoof")
    s.silence(c, "10.7.0.1", "a bridge's own address is foreign to the card: spoofchk stops it")
    s.verdict(drops(ladon, 2, "tx", "spoof") > before, "counted as spoof drops", vf(ladon, 2))
    set_vf(ladon, 2, "spoofchk", "off")
    count = received(a)
    c.run("ping -c 5 -i 0.05 -W 1 10.7.0.1")
    s.verdict(received(a) > count, "with spoofchk off its frames arrive", f"{received(a) - count}")
    set_vf(ladon, 2, "spoofchk", "on")
    c.ok("ip link del br0; ip addr del 10.8.0.3/24 dev eth0")
    a.ok("ip addr del 10.8.0.1/24 dev eth0; ip addr del 10.7.0.1/24 dev eth0")


# Link and resets

def link_state(s, ladon, a, b, c):
    """`state disable` takes the guest's carrier away, and only its; `auto` and `enable` give it back."""
    for word in ("auto", "enable"):
        set_vf(ladon, 0, "state", "disable")
        a.wait_ok("[ $(cat /sys/class/net/eth0/carrier) = 0 ]", 10)
        s.verdict(True, "state disable: a has no carrier")
        s.silence(b, "10.0.0.1", "nobody reaches a")
        s.ping(b, "10.0.0.3", 20, 0.02, what="b pings c")
        set_vf(ladon, 0, "state", word)
        scenario.wait_carrier(a)
        s.ping(a, "10.0.0.2", 20, 0.02, what=f"state {word}: a has its carrier back and pings")
    set_vf(ladon, 0, "state", "disable")
    a.wait_ok("[ $(cat /sys/class/net/eth0/carrier) = 0 ]", 10)
    a.ok("ip link set eth0 down && ip link set eth0 up")
    s.silence(a, "10.0.0.2", "a driver's reset does not undo it")
    s.verdict(a.ok("cat /sys/class/net/eth0/carrier") == "0\n", "a has no carrier after ifdown and ifup")
    set_vf(ladon, 0, "state", "auto")
    scenario.wait_carrier(a)


def operators_reset(s, ladon, a, b):
    """`ladon vf reset`: the guest's driver notices and recovers by itself."""
    resets = ladon.json("vf", "show", CARD, "0")["resets"]
    ladon.cli("vf", "reset", CARD, "0")
    s.verdict(not ladon.json("vf", "show", CARD, "0")["driver_active"], "vf reset: a is off the card")
    wait_until(lambda: ladon.json("vf", "show", CARD, "0")["driver_active"], RESET_LIMIT,
               "a's driver resets the function", 0.1)
    s.verdict(ladon.json("vf", "show", CARD, "0")["resets"] > resets + 1, "a's driver has reset it again")
    scenario.wait_carrier(a)
    s.ping(a, "10.0.0.2", 50, 0.02, what="a is back and pings")
    s.ping(b, "10.0.0.1", 50, 0.02, what="b pings a")


# ethtool

def number(text, label):
    """Return the first number that follows a label."""
    found = re.findall(rf"^\s*{label}:\s*(\d+)", text, re.MULTILINE)
    return int(found[-1]) if found else None


def ethtool(s, a):
    """What ethtool shows and changes."""
    info = a.ok("ethtool -i eth0")
    s.verdict("driver: igbvf" in info and re.search(r"bus-info: 0000:\w\w:", info), "ethtool -i", info)
    speed = a.ok("ethtool eth0")
    s.verdict("Speed: 1000Mb/s" in speed and "Duplex: Full" in speed, "ethtool: 1000 Mb/s, full duplex", speed)
    before = number(a.ok("ethtool -S eth0"), "rx_packets")
    s.ping(a, "10.0.0.2", 50, 0.02, what="fifty more pings")
    wait_until(lambda: number(a.ok("ethtool -S eth0"), "rx_packets") >= before + 50, 10,
               "ethtool -S counts them", 0.2)
    s.verdict(True, "ethtool -S counts them")
    test = a.run("ethtool -t eth0")
    s.verdict(test.rc == 0 and "PASS" in test.out, "ethtool -t: the driver's own link test passes", test.out)
    registers = a.run("ethtool -d eth0")
    s.verdict(registers.rc == 0 and registers.out, "ethtool -d reads the registers", registers.out)


def rings(s, a):
    """Other ring sizes: the queues are laid out anew."""
    for size in (80, 4096, 256):
        a.ok(f"ethtool -G eth0 rx {size} tx {size}")
        scenario.wait_carrier(a)
        shown = a.ok("ethtool -g eth0")
        s.verdict(number(shown, "RX") == size and number(shown, "TX") == size,
                  f"ethtool -G: rings of {size} descriptors", shown)
        s.ping(a, "10.0.0.2", 50, 0.02, what=f"rings of {size}")


def interrupts(ladon, index=0, vector=1):
    """Return the state of a VF's receive vector."""
    return ladon.json("vf", "show", CARD, str(index))["interrupts"][vector]


def moderation(s, ladon, a, b):
    """ethtool -C: the card spaces the guest's receive interrupts as it was told."""
    blasting = b.start_job("exec blast 10.0.0.1 4 300")
    rates = {}
    for microseconds in (10, 8000):  # igbvf takes up to 10000, the 82576's register holds 8191
        a.ok(f"ethtool -C eth0 rx-usecs {microseconds}")
        wait_until(lambda: interrupts(ladon)["interval_us"] == microseconds, 10, "the interval is set")
        first, begin = interrupts(ladon)["fired"], time.monotonic()
        a.ok("sleep 2")
        rates[microseconds] = (interrupts(ladon)["fired"] - first) / (time.monotonic() - begin)
    blasting.kill()
    s.verdict(rates[8000] <= 130 < rates[10], "ethtool -C rx-usecs 8000: "
              f"{rates[8000]:.0f} interrupts/s instead of {rates[10]:.0f}", rates)
    a.ok("ethtool -C eth0 rx-usecs 3")
    s.ping(a, "10.0.0.2", 20, 0.02, what="adaptive moderation again")


def run(s):
    """The scenario."""
    ladon = s.ladond(f"card add {CARD} model 82576 vfs 7")
    a, b, c = (s.vm(name, modules=MODULES, devices=[vfio_user_device(ladon.socket(CARD, index), 1)])
               for index, name in enumerate("abc"))
    s.boot(a, b, c)
    for vm in (a, b, c):  # quiet: no frames but those of the scenario
        vm.ok("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; "
              "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
    s.addresses(a, b, c)
    s.ping(a, "10.0.0.2", 20, 0.02)
    guest_vlans(s, ladon, a, b, c)
    stacked_vlans(s, a, b)
    port_vlans(s, ladon, a, b, c)
    multicast(s, a, b, c)
    promiscuous(s, a, b, c)
    operators_mac(s, ladon, a, b)
    guests_mac(s, ladon, a, b)
    spoofing(s, ladon, a, c)
    link_state(s, ladon, a, b, c)
    ethtool(s, a)
    rings(s, a)
    moderation(s, ladon, a, b)
    operators_reset(s, ladon, a, b)
    for vm in (a, b, c):
        complaints = vm.run("dmesg | grep -E 'Tx Unit Hang|WARNING:|BUG:|NETDEV WATCHDOG'")
        s.verdict(complaints.rc == 1, f"{vm.name}: the kernel has no complaint", complaints.out)


if __name__ == "__main__":
    scenario.main(run, __doc__)
