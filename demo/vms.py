#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The demo's second part: two VMs on two virtual functions of one card, nothing hidden."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "vm"))

from scenario import main  # noqa: E402
from vm import vfio_user_device  # noqa: E402


def show(machine, command):
    """Run a command in a guest and print it with its output, as a user would see it."""
    print(f"\n{machine.name}# {command}")
    print(machine.run(command).out.rstrip(), flush=True)


def body(scenario):
    """Boot, look, ping, measure, count."""
    daemon = scenario.ladond("card add nic0 model 82576 vfs 7")
    scenario.step("booting two VMs (software emulation: some seconds)")
    red, blue = [scenario.vm(name, devices=vfio_user_device(str(daemon.socket("nic0", n)), 1),
                             modules=["igbvf"]) for n, name in enumerate(("red", "blue"))]
    scenario.boot(red, blue)
    show(red, "lspci -n -d 8086:; ethtool -i eth0 | head -2")
    scenario.addresses(red, blue)
    show(red, "ip link show eth0")
    show(blue, "ip link show eth0")
    show(red, "ping -c 3 10.0.0.2")
    scenario.ping(red, "10.0.0.2", count=20)
    scenario.iperf(red, blue, "10.0.0.2")
    scenario.iperf(blue, red, "10.0.0.1")
    print("\nhost# ladon -s link show nic0")
    print(daemon.cli("-s", "link", "show", "nic0").rstrip(), flush=True)


if __name__ == "__main__":
    main(body, __doc__)
