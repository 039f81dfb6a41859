#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Life and death during traffic: ifdown, rmmod, reset, pause and kill -9 harm nobody else.

After each ifdown and rmmod a canary takes the memory the driver just gave back
and watches it: a card that still wrote there would show. At the end the daemon
itself is killed; started again, it serves new VMs on the same sockets.
"""

import re

import scenario
from vm import vfio_user_device

CARD = "nic0"
ADDRESS = "ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up"


def options(parser):
    """Options of this scenario."""
    parser.add_argument("--rounds", type=int, default=20,
                        help="how often to take the device down, and the driver out (20)")
    parser.add_argument("--share", type=int, default=60, help="per cent of free memory to watch (60)")
    parser.add_argument("--watch", type=float, default=0.2, help="seconds to watch it (0.2)")


def flood(peer):
    """Let a peer send datagrams to the victim until the job is killed."""
    return peer.start_job("exec blast 10.0.0.1 16 4000")


def pin_address(peer, victim):
    """Write the victim's MAC address into a peer's table: frames go on while it is down."""
    mac = victim.ok("cat /sys/class/net/eth0/address").strip()
    peer.ok(f"ip neigh replace 10.0.0.1 lladdr {mac} dev eth0 nud permanent")


def traffic_arrives(victim):
    """Wait until frames reach the victim: only then does taking it down prove something."""
    count = "cat /sys/class/net/eth0/statistics/rx_packets"
    victim.wait_ok(f"a=$({count}); sleep 0.1; [ $({count}) -gt $((a + 20)) ]", 20)


def cycle(s, victim, rounds, down, up, what):
    """Take the device away during traffic, watch the freed memory, bring it back."""
    wrong, failed = [], []
    for number in range(rounds):
        traffic_arrives(victim)
        canary = victim.run(f"canary {s.options.share} {s.options.watch} {down}", 120)
        if canary.rc == 1:
            wrong.append(f"round {number}: {canary.out}")
        elif canary.rc:
            failed.append(f"round {number}: {canary.out}")
        back = victim.run(f"{up}; {ADDRESS}", 60)
        if back.rc:
            failed.append(f"round {number}: {back.out}")
        scenario.wait_carrier(victim)
        if number % 10 == 9:
            s.step(f"{what}: {number + 1} of {rounds}")
    s.verdict(not wrong, f"{what} {rounds} times under traffic: no freed word changed", "\n".join(wrong))
    s.verdict(not failed, f"{what} {rounds} times: each came back", "\n".join(failed))


def reboots(s, victim, peer):
    """A guest reboots, and is reset, in the middle of traffic; it is back on the network."""
    for what, action in (("reboot", victim.reboot), ("reset button", victim.reset)):
        traffic_arrives(victim)
        action()
        victim.ok(ADDRESS)
        scenario.wait_carrier(victim)
        s.ping(victim, "10.0.0.2", 50, 0.02, what=f"after its {what} {victim.name} pings {peer.name}")


def unharmed(s, one, two, action, what):
    """Verdict: two guests lose no packet between them while something happens to a third."""
    pinging = one.start_job(f"ping -i 0.02 -c 200 10.0.0.{two.number}")
    pinging.wait_output("seq=20", 20)
    action()
    report = pinging.wait(60).out
    loss = re.search(r"([\d.]+)% packet loss", report)
    s.verdict(loss and float(loss[1]) == 0, f"{one.name} and {two.name} lose no packet while {what}",
              report[-600:])


def pause(s, victim, others):
    """A guest's CPUs stop in the middle of traffic: its rings fill up, and nobody else's."""
    traffic_arrives(victim)
    unharmed(s, *others, victim.pause, f"{victim.name} is paused")
    victim.cont()
    traffic_arrives(victim)
    s.ping(victim, f"10.0.0.{others[1].number}", 50, 0.02, what=f"{victim.name} goes on and pings")


def takes_over(s, ladon, name):
    """A new VM on the first socket is on the network at once."""
    heir = guest(s, ladon, name, 0)
    s.boot(heir)
    heir.ok(ADDRESS)
    scenario.wait_carrier(heir)
    return heir


def crash(s, ladon, victim, others):
    """kill -9 of one VM: the others lose nothing, the daemon lives, the socket serves again."""
    traffic_arrives(victim)
    unharmed(s, *others, victim.kill9, f"{victim.name} is killed")
    s.verdict(ladon.alive(), "the daemon is alive", ladon.log_tail())
    victim.close()
    heir = takes_over(s, ladon, "heir")
    s.ping(heir, "10.0.0.3", 50, 0.02, what="a new VM on the killed one's socket pings")
    return heir


def daemon_crash(s, ladon, old):
    """kill -9 of the daemon: started again it serves new VMs on the sockets it left behind."""
    ladon.kill()
    for vm in old:
        s.verdict(vm.run("echo alive").out == "alive\n", f"{vm.name} lives on without its card")
        vm.close()
    ladon.start()
    peer = guest(s, ladon, "successor", 1)
    takes_over(s, ladon, "new")
    s.boot(peer)
    peer.ok("ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up")
    s.ping(peer, "10.0.0.1", 50, 0.02, what="VMs on the sockets of a daemon killed and started again ping")


def guest(s, ladon, name, index):
    """Start a guest on a VF; its address is 10.0.0.NUMBER."""
    vm = s.vm(name, modules=["igbvf"], mem="256M", timeout=3600,
              devices=[vfio_user_device(ladon.socket(CARD, index), 1)])
    vm.number = index + 1
    return vm


def run(s):
    """The scenario."""
    ladon = s.ladond(f"card add {CARD} model 82576 vfs 7")
    victim, peer, third = (guest(s, ladon, name, index)
                           for index, name in enumerate(("victim", "peer", "third")))
    s.boot(victim, peer, third)
    s.addresses(victim, peer, third)
    s.ping(peer, "10.0.0.1", 20)
    pin_address(peer, victim)
    flooding = flood(peer)
    cycle(s, victim, s.options.rounds, "ip link set eth0 down", "true", "ifdown/ifup")
    cycle(s, victim, s.options.rounds, "rmmod igbvf", "modprobe igbvf", "rmmod/modprobe")
    reboots(s, victim, peer)
    pin_address(peer, victim)
    pause(s, victim, (peer, third))
    heir = crash(s, ladon, victim, (peer, third))
    flooding.kill()
    for vm in (heir, peer, third):
        complaints = vm.run("dmesg | grep -E 'WARNING:|BUG:|Oops'")
        s.verdict(complaints.rc == 1, f"{vm.name}: the kernel has no complaint", complaints.out)
    third.close()
    daemon_crash(s, ladon, (heir, peer))


if __name__ == "__main__":
    scenario.main(run, __doc__, options)
