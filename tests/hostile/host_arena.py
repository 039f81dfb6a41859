# SPDX-License-Identifier: BSD-3-Clause
"""arena.py with compute hosts: the neighbours are on the local host and on ch1; evil is a compute host by hand.

VF 0: the local neighbour, sends numbered frames to VF 1 at ch1. VF 6 at ch1: a driver that reads registers all the time,
with a canary for memory. VF 5: a local client with a canary. VF 2 is evil's, VF 3 a hostile VM's at ch1, VF 4 its helper's.
"""
import os
import random
import time

import arena
from hosts import Host, write_token
from ladond import SANITIZER_SIGNS, Daemon, Scratch, Victim, is_sanitized, memfd, wait_for

CANARY = 1 << 20
SEED = random.Random(2013)
ATTACKERS = range(2, 5)


def config(tokens):
    """One card, two compute hosts."""
    hosts = "\n".join(f"host add {name} lease 10000 token-file {path}" for name, path in tokens.items())
    vfs = "\n".join(f"vf assign nic0 {vf} host {host}" for vf, host in ((1, "ch1"), (3, "ch1"), (6, "ch1"), (2, "evil")))
    return f"{arena.CONFIG}\n{hosts}\n{vfs}"


class Guarded:
    """Gives out clients that have offered memory which nobody may touch."""

    def __init__(self, place):
        self.place, self.fds = place, []
        self.want = SEED.randbytes(CANARY)

    def attach(self, vf, **how):
        """A client with a canary at address 0."""
        client = self.place.attach(vf, **how)
        fd = memfd(CANARY)
        os.pwrite(fd, self.want, 0)
        client.map(0, CANARY, fd)
        self.fds.append(fd)
        return client

    def check(self):
        """Nobody has."""
        for fd in self.fds:
            assert os.pread(fd, CANARY, 0) == self.want, "somebody wrote into a neighbour's memory"


class Sockets:
    """Where the neighbours find their functions."""

    def __init__(self, daemon, ch1):
        self.daemon, self.ch1 = daemon, ch1

    def socket(self, vf, card="nic0"):
        """VF 1 is at ch1."""
        return self.ch1.path(vf, card) if vf else self.daemon.socket(vf, card)


class HostArena(arena.Arena):
    """One daemon, one honest and one hostile compute host."""

    def __init__(self, seconds, load=0.25):  # pylint: disable=super-init-not-called
        self.seconds, self.rounds, self.log_from = seconds, 1, 0
        self.scratch = Scratch()
        self.tokens = {name: write_token(self.scratch / f"{name}.token") for name in ("ch1", "evil")}
        self.daemon = Daemon(config=config(self.tokens))
        self.daemon.evil_token = self.token("evil")
        self.ch1 = self.daemon.ch1 = Host(self.daemon, self.scratch, "ch1", self.tokens["ch1"])
        self.sanitized = is_sanitized()
        for vf in (1, 3, 6):
            self.ch1.has(vf)
        self.guards = [Guarded(self.daemon), Guarded(self.ch1)]
        self.local = self.guards[0].attach(5)
        self.driver = Victim(self.guards[1], 6)
        self.neighbours = arena.Neighbours(Sockets(self.daemon, self.ch1))
        self.neighbours.mark()
        time.sleep(0.5)
        self.rate = max(500, self.neighbours.mark()["rate"] * load)
        self.neighbours.rate(self.rate)
        time.sleep(0.3)

    def token(self, name):
        """Its text."""
        with open(self.tokens[name], encoding="ascii") as file:
            return file.read().strip()

    def show(self, name):
        """host show of one."""
        return self.daemon.ask("host", "show", name)[0]

    def counter(self, path, card):
        """Of a host: "evil.joins"."""
        first, key = path.split(".", 1) if "." in path else (path, "")
        return self.show(first)[key] if first in self.tokens else super().counter(path, card)

    def settle(self, case):
        """Nobody hostile is there any more, and nothing of theirs."""
        for vf in ATTACKERS:
            self.daemon.settle(vf)
        wait_for("evil is absent", lambda: self.show("evil")["state"] == "absent")
        evil = self.show("evil")
        assert evil["windows"] == 0 and evil["bytes"] == 0, evil

    def noisy(self, case):
        """The driver's registers answer all the time."""
        trips = self.driver.trips
        row = super().noisy(case)
        row["note"] = f"{row['note']} ({self.driver.trips - trips} accesses of a neighbour)"
        self.driver.check()
        return row

    def judge(self, case, row, was, fds, kib):
        """Memory that nobody may touch is as it was, and ch1 noticed nothing."""
        for guard in self.guards:
            guard.check()
        assert self.show("ch1")["joins"] == 1 and self.show("ch1")["state"] == "joined", self.ch1.log()[-1000:]
        return super().judge(case, row, was, fds, kib)

    def close(self):
        """All end well."""
        self.driver.stop()
        self.local.close()
        total = super().close()
        self.ch1.stop()
        for sign in SANITIZER_SIGNS:
            assert sign not in self.ch1.log(), self.ch1.log()[-3000:]
        return total

    def kill(self):
        """After a failure."""
        self.driver.over = True
        super().kill()
        self.ch1.kill()
