#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""VMs on compute hosts: stock QEMU and igbvf attach to VFs that ladon-host serves, and reach VMs on other hosts.

One card, a VM on its own host and one on each of two compute hosts. All ping each other; files arrive unchanged in
every direction; then a compute host is killed, its VF goes to the other one, and a VM there uses it.
"""

import pathlib
import subprocess
import uuid

import scenario
from vm import die_with_parent, vfio_user_device, wait_until

CARD = "nic0"
MEGABYTES = 4
LEASE = "5000"  # ms: this machine may be busy


class ComputeHost:
    """A running ladon-host."""

    def __init__(self, s, ladon, build, name):
        """Start it and wait until it has joined."""
        self.name = name
        self.folder = s.folder()
        (self.folder / "vfs").mkdir(mode=0o700)
        self.log_path = self.folder / "host.log"
        argv = [str(build / "ladon-host"), "--join", str(ladon.run_dir / "fabric.sock"), "--name", name,
                "--token-file", str(key_file(s, name)), "--run-dir", str(self.folder / "vfs")]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=die_with_parent)
        s.stack.callback(self.kill)

    def socket(self, index):
        """Return the path of a VF's socket, once it is there."""
        path = self.folder / "vfs" / f"{CARD}-vf{index}.sock"
        wait_until(path.exists, 20, f"{path} appears; log: {self.log_path.read_text()}")
        return path

    def kill(self):
        """End it at once."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


KEYS = {}


def key_file(s, name):
    """Return the file with a host's token."""
    if name not in KEYS:
        path = s.folder() / "token"
        path.write_text(f"{uuid.uuid4()}\n")
        path.chmod(0o600)
        KEYS[name] = path
    return KEYS[name]


def guest(s, name, socket):
    """Start a VM with igbvf on a VF."""
    return s.vm(name, modules=["igbvf"], devices=[vfio_user_device(socket, 1)])


def run(s):
    """The scenario."""
    hosts = [f"host add {name} lease {LEASE} token-file {key_file(s, name)}" for name in ("ch1", "ch2")]
    ladon = s.ladond(f"card add {CARD} model 82576 vfs 7", *hosts, f"vf assign {CARD} 1 host ch1",
                     f"vf assign {CARD} 2 host ch2")
    build = pathlib.Path(ladon.cli_path).parent
    ch1, ch2 = (ComputeHost(s, ladon, build, name) for name in ("ch1", "ch2"))
    sockets = [ladon.socket(CARD, 0), ch1.socket(1), ch2.socket(2)]
    vms = [guest(s, name, socket) for name, socket in zip(("local", "on-ch1", "on-ch2"), sockets)]
    s.boot(*vms)
    s.addresses(*vms)
    for source in vms:
        for number, target in enumerate(vms, 1):
            if source is not target:
                s.ping(source, f"10.0.0.{number}", count=30, what=f"{source.name} pings {target.name}", tries=3)
    s.transfer(vms[1], vms[2], "10.0.0.3", MEGABYTES)
    s.transfer(vms[2], vms[0], "10.0.0.1", MEGABYTES)
    s.transfer(vms[0], vms[1], "10.0.0.2", MEGABYTES)
    faults = ladon.json("faults")
    s.verdict(not faults, "no fault is recorded", faults)

    s.step("ch1 is killed")
    ch1.kill()
    wait_until(lambda: ladon.json("host", "show", "ch1")[0]["state"] == "absent", 30, "ch1 is absent")
    s.ping(vms[2], "10.0.0.1", count=30, what="on-ch2 still pings local", tries=3)
    ladon.cli("vf", "assign", CARD, "1", "host", "ch2")
    moved = guest(s, "moved", ch2.socket(1))
    s.boot(moved)
    moved.ok("ip addr add 10.0.0.9/24 dev eth0 && ip link set eth0 up")
    scenario.wait_carrier(moved)
    s.ping(moved, "10.0.0.1", count=30, what="a VM on ch2 uses the VF and pings local", tries=3)
    s.ping(vms[2], "10.0.0.9", count=30, what="on-ch2 pings it", tries=3)
    s.verdict(ladon.alive(), "the daemon is alive")


if __name__ == "__main__":
    scenario.main(run, __doc__)
