#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""First light: two guests with stock igbvf, each on a VF of one card.

Ping, TCP, UDP; every combination of MTU, TSO and checksum offload carries a
random file whose sha256 must arrive; the card's counters agree.
"""

import itertools

import scenario
from vm import vfio_user_device

CARD = "nic0"
MTUS = (1500, 9000)
SWITCH = {True: "on", False: "off"}


def options(parser):
    """Options of this scenario."""
    parser.add_argument("--megabytes", type=int, default=64,
                        help="size of the file in the first combination (64)")
    parser.add_argument("--small", type=int, default=8, help="its size in the others (8)")
    parser.add_argument("--quick", action="store_true", help="one combination only: MTU 9000")
    parser.add_argument("--trap", action="store_true",
                        help="doorbells are messages: ladond --no-mapped-doorbells")


def present(s, vm):
    """The driver bound and shows an Ethernet device with a proper address."""
    link = vm.ok("ip link show eth0")
    mac = vm.ok("cat /sys/class/net/eth0/address").strip()
    s.verdict("eth0" in link and int(mac[:2], 16) & 1 == 0, f"{vm.name}: igbvf shows eth0, {mac}", link)
    driver = vm.ok("basename $(readlink /sys/class/net/eth0/device/driver)").strip()
    s.verdict(driver == "igbvf", f"{vm.name}: driver {driver}")


def offload(vm, tso, checksum):
    """Switch offloads of a guest; the kernel drops TSO by itself without checksums."""
    vm.ok(f"ethtool -K eth0 tx {SWITCH[checksum]} rx {SWITCH[checksum]} || true")
    vm.ok(f"ethtool -K eth0 tso {SWITCH[tso]} || true")


def features(vm):
    """Return how the offloads stand in a guest."""
    text = vm.ok("ethtool -k eth0")
    rows = dict(row.split(": ", 1) for row in text.splitlines() if ": " in row)
    return {key: rows.get(name, "?").split()[0] for key, name in (
        ("tso", "tcp-segmentation-offload"), ("tx", "tx-checksumming"), ("rx", "rx-checksumming"))}


def combination(s, a, b, megabytes, mtu, tso, checksum):
    """One combination of settings carries a file both ways."""
    for vm in (a, b):
        vm.ok(f"[ $(cat /sys/class/net/eth0/mtu) = {mtu} ] || ip link set eth0 mtu {mtu}")
        offload(vm, tso, checksum)
    for vm in (a, b):
        scenario.wait_carrier(vm)
    seen = features(a)
    what = f"MTU {mtu}, TSO {SWITCH[tso]}, checksums {SWITCH[checksum]}"
    s.verdict(seen["tso"] == SWITCH[tso and checksum] and seen["tx"] == SWITCH[checksum],
              f"settings taken: {what}", seen)
    s.ping(a, "10.0.0.2", 10, size=mtu - 28, what=f"full-size pings, {what}")
    s.transfer(a, b, "10.0.0.2", megabytes, what)
    s.transfer(b, a, "10.0.0.1", min(8, megabytes), what)


def combinations(s, a, b):
    """All combinations, or the one that is hardest: split headers and segmentation."""
    rows = list(itertools.product(MTUS, (True, False), (True, False)))
    if s.options.quick:
        rows = [(MTUS[-1], True, True)]
    for number, (mtu, tso, checksum) in enumerate(rows):
        size = s.options.small if number else s.options.megabytes
        combination(s, a, b, size, mtu, tso, checksum)


def doorbells(s, ladon):
    """Doorbells are mapped pages or messages, as was asked for."""
    for index in (0, 1):
        attached = ladon.json("vf", "show", CARD, str(index))["attached"]
        s.verdict(attached["mapped_doorbells"] != s.options.trap,
                  f"vf {index}: doorbells are {'messages' if s.options.trap else 'mapped'}", attached)


def statistics(ladon):
    """Return {vf index: its statistics} of the card."""
    answer = ladon.json("link", "show", CARD)
    row = answer[0] if isinstance(answer, list) else answer
    return {vf["vf"]: vf["stats"] for vf in row["vfinfo_list"]}


def counters(s, ladon, a, before):
    """200 pings and their answers appear in the card's counters, and nothing is counted as lost."""
    a.ok("ping -i 0.02 -c 200 10.0.0.2")
    after = statistics(ladon)
    for index in (0, 1):
        for way, prefix in (("rx", ""), ("tx", "tx_")):
            was, now = before[index][way], after[index][way]
            moved = now[prefix + "packets"] - was[prefix + "packets"]
            volume = now[prefix + "bytes"] - was[prefix + "bytes"]
            s.verdict(moved >= 200 and volume >= moved * 60,
                      f"vf {index} {way}: {moved} packets, {volume} bytes counted", after[index])
        s.verdict(after[index]["rx"]["dropped"] == before[index]["rx"]["dropped"],
                  f"vf {index} lost nothing that was meant for it", after[index])


def run(s):
    """The scenario."""
    ladon = s.ladond(f"card add {CARD} model 82576 vfs 7",
                     options=["--no-mapped-doorbells"] if s.options.trap else [])
    a, b = (s.vm(name, modules=["igbvf"], devices=[vfio_user_device(ladon.socket(CARD, index), 1)])
            for index, name in enumerate("ab"))
    s.boot(a, b)
    present(s, a)
    present(s, b)
    s.addresses(a, b)
    doorbells(s, ladon)
    s.ping(a, "10.0.0.2", interval=0.02)
    s.ping(b, "10.0.0.1", interval=0.02)
    counters(s, ladon, a, statistics(ladon))
    s.iperf(a, b, "10.0.0.2")
    s.iperf(b, a, "10.0.0.1")
    s.iperf(a, b, "10.0.0.2", options="-u -b 50M", what="UDP")
    s.iperf(b, a, "10.0.0.1", options="-u -b 50M", what="UDP")
    combinations(s, a, b)
    for vm in (a, b):
        complaints = vm.run("dmesg | grep -E 'Detected Tx Unit Hang|WARNING:|BUG:|NETDEV WATCHDOG'")
        s.verdict(complaints.rc == 1, f"{vm.name}: the kernel has no complaint", complaints.out)
        vm.shutdown()


if __name__ == "__main__":
    scenario.main(run, __doc__, options)
