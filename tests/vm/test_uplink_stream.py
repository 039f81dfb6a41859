#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The wire as a stream socket: a guest with a VF and a guest with QEMU's own card on `-netdev stream`."""

import scenario
from vm import stream_nic, vfio_user_device, wait_until

CARD = "nic0"


def carrier(machine):
    """Tell whether the guest's interface has a carrier."""
    return machine.run("cat /sys/class/net/eth0/carrier").out.strip() == "1"


def run(s):
    """The scenario."""
    wire = s.folder() / "wire"
    ladon = s.ladond(f"card add {CARD} model 82576 vfs 1 uplink stream:connect={wire}")
    a = s.vm("a", modules=["igbvf"], devices=[vfio_user_device(ladon.socket(CARD, 0), 1)])
    b = s.vm("b", modules=["virtio_net"], devices=[stream_nic(wire, 2, True)])
    s.boot(a, b)
    s.addresses(a, b)
    scenario.wait_carrier(a)
    s.ping(a, "10.0.0.2", what="the VF's guest pings the other")
    s.ping(b, "10.0.0.1", what="and is pinged")
    s.iperf(a, b, "10.0.0.2")
    s.iperf(a, b, "10.0.0.2", options="-R", what="TCP reverse")
    s.transfer(a, b, "10.0.0.2", 16)
    b.kill9()
    wait_until(lambda: not carrier(a), 30, "the VF loses its carrier")
    s.verdict(True, "QEMU is killed: the VF loses its carrier")
    b = s.vm("c", modules=["virtio_net"], devices=[stream_nic(wire, 2, True)])
    s.boot(b)
    wait_until(lambda: carrier(a), 30, "the VF has a carrier again")
    b.ok("ip addr add 10.0.0.2/24 dev eth0 && ip link set eth0 up")
    s.ping(a, "10.0.0.2", tries=3, what="QEMU is started again: the VF's guest pings the other")
    s.verdict(ladon.alive(), "the daemon is alive")


if __name__ == "__main__":
    scenario.main(run, __doc__)
