#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""make demo-pf: Linux' igb drives the card's PF in a management VM and rules what two other VMs may do."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "vm"))

import pf as pfs  # noqa: E402
from scenario import main  # noqa: E402
from vm import wait_until  # noqa: E402

FORGED = "02:00:00:00:66:66"


def show(machine, command, keep=None):
    """Run a command in a VM and print it with its output (or only the lines that match), as a user would see it."""
    print(f"\n{machine.name}# {command}")
    for line in machine.run(command).out.rstrip().splitlines():
        if not keep or re.search(keep, line):
            print(line)
    sys.stdout.flush()


def heading(text):
    """Print a heading."""
    print(f"\n== {text}", flush=True)


def reaches(scenario, red, blue, expected):
    """Show a ping of red to blue; a verdict whether it is answered as expected."""
    pfs.forget_neighbours(red, blue)
    print(f"\n{red.name}# ping -c 3 {pfs.address_of(blue)}")
    report = red.run(f"ping -c 3 -i 0.3 -W 1 {pfs.address_of(blue)}").out
    print("\n".join(line for line in report.splitlines() if "loss" in line or "time=" in line), flush=True)
    scenario.verdict(("100% packet loss" not in report) == expected,
                     f"{red.name} {'reaches' if expected else 'does not reach'} {blue.name}")


def forge(scenario, source, target, expected):
    """Send frames with a foreign source address; a verdict whether the target hears them."""
    listening = pfs.frames(target)
    show(source, f"frame send eth0 20 1000 {pfs.mac_of(target)} {FORGED} - 1")
    count = len(pfs.wait_heard(listening, 1, 20))
    listening.kill()
    scenario.verdict(bool(count) == expected, f"{target.name} hears {count} of 20 frames that {source.name} sent from "
                     f"{FORGED}, which is not its address")


def rate(scenario, source, target, limit=None):
    """Measure TCP from one VM to another; a verdict whether the limit holds."""
    serving = target.start_job("iperf3 -s -1 --forceflush")
    serving.wait_output("listening", 15)
    show(source, f"iperf3 -c {pfs.address_of(target)} -t 4 -O 1", "receiver|sender")
    found = re.search(r"([\d.]+) ([MG])bits/sec\s+receiver", serving.wait(20).out)
    value = float(found[1]) * (1000 if found[2] == "G" else 1) if found else 0
    scenario.verdict(0 < value and (limit is None or 0.85 * limit < value <= limit),
                     f"{source.name} -> {target.name}: {value:.0f} Mbit/s" + (f" (limit {limit})" if limit else ""))


def body(scenario):
    """Boot, enable, and one rule after the other."""
    heading("a management VM with the card's PF, two tenants' VMs with a VF each")
    scenario.options.qemu_igb = False
    rig = pfs.Rig(scenario, tenants=2, names=("red", "blue"))
    print(f"\nhost# ladon qemu {pfs.CARD} pf\n" + "\n".join(pfs.pf_arguments(rig.ladon)), flush=True)
    rig.boot()
    (red, blue), management, pf = rig.tenants, rig.management, rig.pf
    pf.up()
    show(management, f"ethtool -i {pf.device}", "driver|bus-info")
    management.ok(f"echo 0 > {pf.sysfs}/sriov_drivers_autoprobe")

    heading("SR-IOV, enabled by the guest")
    show(management, f"echo 2 > {pf.sysfs}/sriov_numvfs")
    scenario.verdict(management.ok(f"cat {pf.sysfs}/sriov_numvfs").strip() == "2", "igb has made two VFs")
    rig.start_tenants()
    show(management, f"ip link show {pf.device}")
    reaches(scenario, red, blue, True)
    rate(scenario, blue, red)

    heading("vf 0 vlan 100: red is alone in its VLAN")
    show(management, f"ip link set {pf.device} vf 0 vlan 100")
    reaches(scenario, red, blue, False)

    heading("spoof checks are on: what blue forges is dropped, and the management VM's kernel says so")
    forge(scenario, blue, red, False)
    wait_until(lambda: management.run("dmesg | grep -q 'Spoof event'").rc == 0, 15, "the kernel reports the spoofing")
    show(management, "dmesg | grep 'Spoof event' | tail -1")

    heading("vf 1 vlan 100 trust on spoofchk off max_tx_rate 200: blue may join, forge, and send 200 Mbit/s")
    for words in ("vlan 100", "trust on", "spoofchk off", "max_tx_rate 200"):
        show(management, f"ip link set {pf.device} vf 1 {words}")
    show(management, f"ip link show {pf.device}")
    reaches(scenario, red, blue, True)
    forge(scenario, blue, red, True)
    rate(scenario, blue, red, 200)

    heading("the guest owns the policy; the operator is told so")
    print(f"\nhost# ladon link set {pfs.CARD} vf 0 vlan 7")
    answer = refusal(rig.ladon)
    print(answer)
    scenario.verdict(answer, "refused")
    print(f"\nhost# ladon -s link show {pfs.CARD}\n" + rig.ladon.cli("-s", "link", "show", pfs.CARD).rstrip(), flush=True)


def refusal(ladon):
    """Return what `ladon link set` answers, or nothing if it does not refuse."""
    try:
        ladon.cli("link", "set", pfs.CARD, "vf", "0", "vlan", "7")
    except pfs.scenario.Failed as error:
        return str(error)
    return ""


if __name__ == "__main__":
    main(body, __doc__)
