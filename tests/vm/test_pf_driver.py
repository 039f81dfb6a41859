#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Linux' igb drives the card's PF in a management VM: probe, self-tests, traffic, every ethtool page.

Traffic goes to the host at the other end of the wire and, once a VF is enabled,
to a tenant's VM. --nomsi runs the driver on its INTx line.
"""

import json
import re
import struct
import time

import pf as pfs
import scenario
from vm import wait_until

HOST = f"{pfs.NET}.200"
TESTS = ("Register", "Eeprom", "Interrupt", "Loopback", "Link")
FEATURES = {"tx": "tx-checksumming", "rx": "rx-checksumming", "tso": "tcp-segmentation-offload",
            "sg": "scatter-gather", "rxvlan": "rx-vlan-offload"}  # igb's txvlan follows rxvlan


def options(parser):
    """Options of this scenario."""
    pfs.add_options(parser)
    parser.add_argument("--rounds", type=int, default=3, help="how often to unload and load igb (3)")
    parser.add_argument("--quick", action="store_true", help="probe, self-tests, traffic and reload only")
    parser.add_argument("--nomsi", action="store_true", help="the guest has no MSI: INTx")
    parser.add_argument("--megabytes", type=int, default=16, help="size of the files sent (16)")


# Probe

def probe(s, rig):
    """The driver is bound, said what it should, and its link comes up."""
    vm, pf = rig.management, rig.pf
    log = vm.ok("dmesg")
    mode = "legacy" if s.options.nomsi else "MSI-X"
    s.verdict(re.search(rf"igb {re.escape(pf.address)}: Using {mode} interrupts", log, re.I),
              f"igb has probed {pf.address} and uses {mode} interrupts", pf.log())
    mac = pfs.mac_of(vm, pf.device)
    s.verdict(int(mac[:2], 16) & 1 == 0 and mac != "00:00:00:00:00:00", f"{pf.device} has the address {mac}")
    pf.up()
    settings = vm.ok(f"ethtool {pf.device}")
    s.verdict("Speed: 1000Mb/s" in settings and "Duplex: Full" in settings and "Link detected: yes" in settings
              and "1000baseT/Full" in settings, "ethtool: 1000 Mb/s, full duplex, link detected", settings)
    info = vm.ok(f"ethtool -i {pf.device}")
    s.verdict("driver: igb\n" in info and f"bus-info: {pf.address}" in info
              and re.search(r"firmware-version: \d+\.\d", info), "ethtool -i", info)


# Traffic

def traffic(s, rig, peer, address, what, megabytes=None):
    """Ping, TCP, UDP and files both ways between the PF and a peer."""
    megabytes = megabytes or s.options.megabytes
    s.ping(rig.management, address, 50, 0.02, what=f"PF pings {what}")
    s.ping(peer, f"{pfs.NET}.100", 50, 0.02, what=f"{what} pings the PF")
    s.transfer(rig.management, peer, address, megabytes, what)
    s.transfer(peer, rig.management, f"{pfs.NET}.100", megabytes, what)
    s.iperf(rig.management, peer, address, 2)
    s.iperf(peer, rig.management, f"{pfs.NET}.100", 2)
    s.iperf(rig.management, peer, address, 2, "-u -b 30M", "UDP")


def short(s, rig, what):
    """A few pings and a small file each way: the setting before did no harm."""
    s.ping(rig.management, HOST, 10, 0.02, what=f"{what}: pings")
    s.transfer(rig.management, rig.host, HOST, 2, what)
    s.transfer(rig.host, rig.management, f"{pfs.NET}.100", 2, what)


# Self-tests

def results(text):
    """Return {test: its result} of `ethtool -t`."""
    return {name: int(value) for name, value in re.findall(r"^(\w+) test\s.*?\)\s+(\d+)", text, re.M)}


def self_tests(s, rig):
    """All of the driver's own tests pass, offline and online."""
    for way in ("offline",) if s.options.quick else ("offline", "online"):
        done = rig.management.run(f"ethtool -t {rig.pf.device} {way}", 120)
        seen = results(done.out)
        s.verdict(done.rc == 0 and "PASS" in done.out and set(seen) == set(TESTS) and not any(seen.values()),
                  f"ethtool -t {way}: {', '.join(seen)}", done.out + rig.pf.log())
        scenario.wait_carrier(rig.management, rig.pf.device)


# ethtool's pages

def eeprom(s, vm, pf):
    """ethtool -e: the address and the check sum of the NVM."""
    data = vm.run(f"ethtool -e {pf.device} raw on length 128").data
    words = struct.unpack("<64H", data[:128])
    mac = ":".join(f"{b:02x}" for b in data[:6])
    s.verdict(mac == pfs.mac_of(vm, pf.device), f"ethtool -e: words 0-2 hold the address {mac}")
    s.verdict(sum(words) & 0xFFFF == 0xBABA, f"ethtool -e: the words' sum is {sum(words) & 0xFFFF:#x}", words)


def registers(s, vm, pf):
    """ethtool -d: the dump shows a running device."""
    text = vm.ok(f"ethtool -d {pf.device}")
    shows = (r"Link up:\s+link config", r"Receiver:\s+enabled", r"Transmitter:\s+enabled",
             r"Link speed:\s+1000Mb/s", r"RDLEN.*0x00001000", r"VET .*0x00008100")
    missing = [p for p in shows if not re.search(p, text)]
    s.verdict(not missing, "ethtool -d: receiver, transmitter and link are on", f"{missing}\n{text[:3000]}")


def statistics(s, rig):
    """ethtool -S: what was sent and received is counted, in frames and in bytes, and in the queues' sums."""
    vm, pf = rig.management, rig.pf

    def counters():
        return {k: int(v) for k, v in re.findall(r"^\s*(\w+): (\d+)$", vm.ok(f"ethtool -S {pf.device}"), re.M)}
    time.sleep(2.5)  # the driver collects every two seconds
    before = counters()
    vm.run(f"ping -i 0.01 -c 200 -s 1000 {HOST}")  # the device counts all answers, whatever this ping makes of late ones
    after = wait_until(lambda: (lambda c: c if c["rx_packets"] >= before["rx_packets"] + 200 else None)(counters()),
                       10, "ethtool -S counts them", 0.3)
    moved = {k: after[k] - before.get(k, 0) for k in after}
    s.verdict(200 <= moved["rx_packets"] < 230 and 200 <= moved["tx_packets"] < 230,
              f"ethtool -S: {moved['rx_packets']} received, {moved['tx_packets']} sent", moved)
    for way in ("rx", "tx"):  # 1000 + 8 + 20 + 14 bytes, with or without the check sum's 4
        mean = moved[f"{way}_bytes"] / max(1, moved[f"{way}_packets"])
        s.verdict(1000 <= mean <= 1046, f"ethtool -S: {mean:.0f} {way} bytes a frame", moved)
        queues = sum(v for k, v in moved.items() if re.fullmatch(rf"{way}_queue_\d+_packets", k))
        s.verdict(queues == moved[f"{way}_packets"], f"ethtool -S: the {way} queues count {queues} frames", moved)
    wrong = {k: v for k, v in moved.items() if v and re.search(r"error|csum_err|timeout|dropped|missed|collision|out_of", k)}
    s.verdict(not wrong, "ethtool -S: no errors meanwhile", wrong)


def flow_control(s, vm, pf):
    """ethtool -a and -A; what is negotiated is what the card's operator lets the wire's other end offer."""
    s.daemon.cli("card", "set", pfs.CARD, "flow-control", "full")
    for autoneg, value in (("off", "off"), ("off", "on"), ("on", "on")):
        vm.ok(f"ethtool -A {pf.device} autoneg {autoneg} rx {value} tx {value} || true")
        scenario.wait_carrier(vm, pf.device)
        shown = vm.ok(f"ethtool -a {pf.device}")
        s.verdict(all(re.search(rf"{row}:\s+{word}", shown) for row, word in
                      (("Autonegotiate", autoneg), ("RX", value), ("TX", value))),
                  f"ethtool -A autoneg {autoneg} rx {value} tx {value}", shown)


def features(s, rig):
    """ethtool -K: each offload off and on again, with traffic after each."""
    vm, pf = rig.management, rig.pf
    vm.ok(f"ip link add link {pf.device} name {pf.device}.5 type vlan id 5; ip link set {pf.device}.5 up")
    for short_name, name in FEATURES.items():
        for value in ("off", "on"):
            vm.ok(f"ethtool -K {pf.device} {short_name} {value}")
            scenario.wait_carrier(vm, pf.device)
            shown = re.search(rf"^{name}: (\w+)", vm.ok(f"ethtool -k {pf.device}"), re.M)
            s.verdict(shown and shown[1] == value, f"ethtool -K {short_name} {value}")
            if value == "off":
                short(s, rig, f"{short_name} off")
            if short_name == "rxvlan":
                tagged_frames(s, rig, f"rxvlan {value}")
    vm.ok(f"ethtool -K {pf.device} tso on gso on")
    short(s, rig, "all offloads on")
    vm.ok(f"ip link del {pf.device}.5")


def tagged_frames(s, rig, what):
    """VLAN 5 passes both ways with its priority, VLAN 6 is filtered."""
    vm, pf = rig.management, rig.pf
    mac = pfs.mac_of(vm, pf.device)
    inside, outside = pfs.frames(vm, 20, pf.device), pfs.frames(rig.host)
    for mark, tci in enumerate((0x6005, 0x6006), 1):
        rig.host.ok(f"frame send eth0 5 1000 {mac} 02:00:00:00:00:c8 {tci:#x} {mark}")
    vm.ok(f"frame send {pf.device}.5 5 1000 02:00:00:00:00:c8 {mac} - 3")
    pfs.wait_heard(outside, 3, 5)
    tags = [[row[2] for row in pfs.heard(job, mark)] for job, mark in ((inside, 1), (inside, 2), (outside, 3))]
    for job in (inside, outside):
        job.kill()
    s.verdict(tags == [[0x6005] * 5, [], [5] * 5], f"{what}: VLAN 5 passes with its tag, VLAN 6 does not", tags)


def udp_segmentation(s, vm, pf):
    """UDP segmentation is offered, as by every card from the 82576 on."""
    shown = vm.ok(f"ethtool -k {pf.device}")
    s.verdict("tx-udp-segmentation: on" in shown, "ethtool -k: UDP segmentation is on", shown)


def moderation(s, rig):
    """ethtool -C: a longer interval makes fewer interrupts."""
    vm, pf = rig.management, rig.pf
    blasting = rig.host.start_job(f"exec blast {pfs.NET}.100 4 300")
    rates = {}
    for microseconds in (20, 4000):
        vm.ok(f"ethtool -C {pf.device} rx-usecs {microseconds}")
        shown = vm.ok(f"ethtool -c {pf.device}")
        s.verdict(re.search(rf"^rx-usecs:\s+{microseconds}$", shown, re.M), f"ethtool -C rx-usecs {microseconds}", shown)
        rates[microseconds] = interrupts_per_second(vm, pf)
    blasting.kill()
    s.verdict(rates[4000] <= 300 < rates[20] or rates[4000] * 2 < rates[20],
              f"ethtool -C: {rates[4000]:.0f} interrupts/s instead of {rates[20]:.0f}", rates)
    vm.ok(f"ethtool -C {pf.device} rx-usecs 3")


def interrupts_per_second(vm, pf):
    """Return the interrupts of the PF's receive queues in a second."""
    def count():
        rows = re.findall(rf"^\s*\d+:((?:\s+\d+)+).*{pf.device}(?:-rx-|-TxRx-)\d", vm.ok("cat /proc/interrupts"), re.M)
        return sum(int(n) for row in rows for n in row.split())
    first, begin = count(), time.monotonic()
    vm.ok("sleep 1.5")
    return (count() - first) / (time.monotonic() - begin)


def rings(s, rig):
    """ethtool -G: other ring sizes."""
    vm, pf = rig.management, rig.pf
    for size in (80, 4096, 256):
        vm.ok(f"ethtool -G {pf.device} rx {size} tx {size}")
        scenario.wait_carrier(vm, pf.device)
        shown = vm.ok(f"ethtool -g {pf.device}")
        s.verdict(re.findall(r"^[RT]X:\s+(\d+)", shown, re.M)[-2:] == [str(size)] * 2,
                  f"ethtool -G: rings of {size} descriptors", shown)
        short(s, rig, f"rings of {size}")


def channels(s, rig):
    """ethtool -L, -X, -x: the queues share the flows by their hash."""
    vm, pf = rig.management, rig.pf
    vm.ok(f"ethtool -L {pf.device} combined 2")
    scenario.wait_carrier(vm, pf.device)
    shown = vm.ok(f"ethtool -l {pf.device}")
    s.verdict(re.findall(r"^Combined:\s+(\d+)", shown, re.M)[-1:] == ["2"], "ethtool -L combined 2", shown)
    table = vm.ok(f"ethtool -x {pf.device}")
    s.verdict(set(re.findall(r"^\s+\d+:\s+(.*)$", table, re.M)) and "with 2 RX ring" in table,
              "ethtool -x: the table names both queues", table)
    flows(s, rig, {0, 1}, "RSS over two queues")
    if s.options.kernel == "6.1":
        s.step("ethtool -X: left to the other kernels, for 6.1 refuses the request this ethtool makes")
        return
    vm.ok(f"ethtool -X {pf.device} equal 1")
    flows(s, rig, {0}, "ethtool -X equal 1")
    vm.ok(f"ethtool -X {pf.device} equal 2")
    flows(s, rig, {0, 1}, "ethtool -X equal 2")


def flows(s, rig, queues, what):
    """Verdict: frames of many flows arrive in exactly these queues."""
    vm, pf = rig.management, rig.pf

    def counts():
        text = vm.ok(f"ethtool -S {pf.device}")
        return {int(q): int(n) for q, n in re.findall(r"rx_queue_(\d+)_packets: (\d+)", text)}
    before = counts()
    # Many small TCP connections, each refused: sixty-four flows without a server.
    rig.host.run(f"for p in $(seq 2000 2063); do nc -w 1 {pfs.NET}.100 $p < /dev/null & done; wait")
    moved = {q: n - before.get(q, 0) for q, n in counts().items()}
    used = {q for q, n in moved.items() if n >= 4}
    s.verdict(used == queues if len(queues) == 1 else queues <= used, f"{what}: frames by queue {moved}")


def time_stamps(s, vm, pf):
    """ethtool -T, and the clock runs."""
    shown = vm.ok(f"ethtool -T {pf.device}")
    clock = re.search(r"(?:PTP Hardware Clock|Hardware timestamp provider index): (\d+)", shown)
    s.verdict("hardware-transmit" in shown and "hardware-receive" in shown and clock, "ethtool -T", shown)


def various(s, vm, pf):
    """Identify, renegotiate, wake-up settings."""
    s.verdict(vm.run(f"ethtool -p {pf.device} 1").rc == 0, "ethtool -p: the LED blinks")
    s.verdict(vm.run(f"ethtool -r {pf.device}").rc == 0, "ethtool -r: renegotiates")
    scenario.wait_carrier(vm, pf.device)
    for mode in ("d", "g"):
        vm.run(f"ethtool -s {pf.device} wol {mode}")
        shown = vm.ok(f"ethtool {pf.device}")
        s.verdict(re.search(rf"Wake-on: {mode}$", shown, re.M), f"ethtool -s wol {mode}", shown)


def jumbo(s, rig):
    """MTU 9000, full size both ways."""
    vm, pf = rig.management, rig.pf
    rig.host.ok("ip link set eth0 mtu 9000")
    vm.ok(f"ip link set {pf.device} mtu 9000")
    scenario.wait_carrier(vm, pf.device)
    s.ping(vm, HOST, 20, 0.02, size=8972, what="MTU 9000: full-size pings")
    s.transfer(vm, rig.host, HOST, 8, "MTU 9000")
    s.transfer(rig.host, vm, f"{pfs.NET}.100", 8, "MTU 9000")
    vm.ok(f"ip link set {pf.device} mtu 1500")
    rig.host.ok("ip link set eth0 mtu 1500")
    scenario.wait_carrier(vm, pf.device)


def filters(s, rig):
    """Frames to foreign addresses arrive only in promiscuous mode; unknown groups only with allmulticast."""
    vm, pf = rig.management, rig.pf
    rows = (("02:00:00:00:99:99", "promisc", "a foreign address"), ("01:00:5e:7f:01:02", "allmulticast", "an unknown group"))
    for target, mode, what in rows:
        for mark, state in enumerate(("off", "on", "off"), 1):
            vm.ok(f"ip link set {pf.device} {mode} {state}")
            listening = pfs.frames(vm, 20, pf.device)
            rig.host.ok(f"frame send eth0 10 1000 {target} 02:00:00:00:00:c8 - {mark}")
            count = len(pfs.heard(listening, mark, 0.3))
            listening.kill()
            s.verdict(count == (10 if state == "on" else 0), f"{mode} {state}: {count} of 10 frames to {what}")


# Driver reload

def reloads(s, rig):
    """Unload and load the driver; the PF is on the network every time."""
    vm, failed = rig.management, []
    for number in range(s.options.rounds):
        try:
            rig.pf.reload().up()
            vm.wait_ok(f"ping -c 1 -W 1 {HOST}", 20)
        except (scenario.VmError, scenario.Failed) as error:
            failed.append(f"round {number}: {error}")
            break
        if number % 10 == 9:
            s.step(f"reload: {number + 1} of {s.options.rounds}")
    s.verdict(not failed, f"rmmod and modprobe igb {s.options.rounds} times: link and ping each time", "\n".join(failed))
    link = json.loads(vm.ok(f"ip -j -s link show {rig.pf.device}"))[0]["stats64"]
    s.verdict(not link["rx"]["errors"] and not link["tx"]["errors"], "the device counts no error", link)


def pages(s, rig):
    """Everything ethtool shows and changes."""
    vm, pf = rig.management, rig.pf
    eeprom(s, vm, pf)
    registers(s, vm, pf)
    statistics(s, rig)
    udp_segmentation(s, vm, pf)
    time_stamps(s, vm, pf)
    flow_control(s, vm, pf)
    features(s, rig)
    moderation(s, rig)
    channels(s, rig)
    rings(s, rig)
    various(s, vm, pf)
    jumbo(s, rig)
    filters(s, rig)


def with_vf(s, rig):
    """A VF is enabled: PF, tenant and host all reach each other."""
    rig.pf.enable(1)
    rig.start_tenants()
    tenant = rig.tenants[0]
    traffic(s, rig, tenant, pfs.address_of(tenant), "a tenant", 8)
    s.ping(rig.management, HOST, 20, 0.02, what="with a VF, the PF pings the host")
    s.ping(tenant, HOST, 20, 0.02, what="the tenant pings the host")
    s.ping(rig.host, pfs.address_of(tenant), 20, 0.02, what="the host pings the tenant")
    for machine, number in ((rig.management, 100), (tenant, 1)):
        device = rig.pf.device if machine is rig.management else "eth0"
        machine.ok(f"ip link add link {device} name v5 type vlan id 5; ip addr add 10.5.0.{number}/24 dev v5; "
                   "ip link set v5 up")
    s.ping(rig.management, "10.5.0.1", 20, 0.02, what="in VLAN 5 the PF pings the tenant")
    s.transfer(rig.management, tenant, "10.5.0.1", 8, "in VLAN 5")
    s.transfer(tenant, rig.management, "10.5.0.100", 8, "in VLAN 5")
    rig.management.ok("ip link del v5")
    rig.pf.enable(0)
    s.ping(rig.management, HOST, 20, 0.02, what="without VFs again, the PF pings the host")


def run(s):
    """The scenario."""
    tenants = 0 if s.options.nomsi else 1
    rig = pfs.Rig(s, tenants=tenants, wire=True, cpus=1 if s.options.nomsi else 2,
                  append="pci=nomsi" if s.options.nomsi else "").boot()
    probe(s, rig)
    traffic(s, rig, rig.host, HOST, "the host")
    self_tests(s, rig)
    short(s, rig, "after the self-tests")
    if s.options.quick or s.options.nomsi:
        eeprom(s, rig.management, rig.pf)
        statistics(s, rig)
    if s.options.quick and not s.options.nomsi:
        channels(s, rig)
    elif not s.options.nomsi:
        pages(s, rig)
    if tenants:
        with_vf(s, rig)
    reloads(s, rig)
    rig.no_complaints()


if __name__ == "__main__":
    scenario.main(run, __doc__, options)
