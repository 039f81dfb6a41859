# SPDX-License-Identifier: BSD-3-Clause
"""A ladond, two neighbours whose traffic must not suffer, and a hostile process; what is measured and asked of them."""
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
# pylint: disable=wrong-import-position
import vfio_user as vu
from ladond import BUILD, WAIT_S, Daemon, is_sanitized, wait_for

CONFIG = """card add nic0 model 82576 vfs 7
link set nic0 vf 0 vlan 100
link set nic0 vf 1 vlan 100"""
ATTACKERS = range(2, 7)  # VFs 0 and 1 are the neighbours'
LOG_WINDOW_S = 1.1  # the daemon's log is limited by the second: each case begins a new one
LEAK_KIB = 1024  # growth of memory that an allocator explains
PROGRAMS = os.path.join(BUILD, "tests", "hostile")


class Neighbours:
    """hostile_victim: two drivers in processes of their own."""

    def __init__(self, daemon, vfs=(0, 1), card="nic0"):
        self.process = subprocess.Popen([os.path.join(PROGRAMS, "hostile_victim"),
                                         *(daemon.socket(vf, card) for vf in vfs)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert not self._line()["failed"], "the neighbours did not come to work"

    def _line(self):
        line = self.process.stdout.readline()
        assert line, "the neighbours' process ended"
        return json.loads(line)

    def rate(self, frames_a_second):
        """From now on; 0 = as many as go."""
        self.process.stdin.write(f"rate {frames_a_second:.0f}\n")
        self.process.stdin.flush()

    def mark(self):
        """What came since the last mark."""
        self.process.stdin.write("mark\n")
        self.process.stdin.flush()
        return self._line()

    def finish(self):
        """No more frames; those under way must arrive. Returns the sums of the whole run."""
        self.process.stdin.close()
        total = self._line()
        assert self.process.wait(WAIT_S) == 0, "the neighbours did not end well"
        return total


class Target:
    """What a hostile process knows: sockets and the time it has."""

    def __init__(self, daemon, seconds):
        self.daemon, self.seconds = daemon, seconds
        self.end = time.monotonic() + seconds

    def go(self):
        """Is there time for another round?"""
        return time.monotonic() < self.end

    def path(self, vf, card="nic0"):
        """A function's socket."""
        return self.daemon.socket(vf, card)

    def attach(self, vf=2, card="nic0", **how):
        """A client as soon as the one before is gone."""
        end = time.monotonic() + WAIT_S
        while True:
            try:
                return vu.Client(self.path(vf, card), **how)
            except (vu.Closed, ConnectionError, BrokenPipeError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.0005)

    def program(self, name, *args):
        """Starts one of the C attackers."""
        return subprocess.Popen([os.path.join(PROGRAMS, "hostile_" + name), *args], stdout=subprocess.PIPE)

    def run(self, name, *args):
        """The same, to its end; returns what it printed."""
        process = self.program(name, *args)
        said = process.communicate()[0].decode()
        assert process.returncode == 0, f"hostile_{name} {args[0]} ended with {process.returncode}"
        return said


class Case:
    """One attack: its name, what it does, and what must tell who it was.

    counters are paths like "vf2.bad_requests", "vf2.tx_drops.spoof", "pf.unknown_regs", "faults"; each must rise.
    log is a regular expression for a line of the daemon's.
    """

    def __init__(self, name, attack, counters, log, **more):
        self.name, self.attack, self.counters, self.log = name, attack, counters, log
        self.prepare = more.pop("prepare", None)  # (arena) -> None, before anything is measured
        self.after = more.pop("after", None)  # (arena, note) -> None: what else must be true
        self.card = more.pop("card", "nic0")
        assert not more, more


def run_cases(cases, only, new_world, tell):
    """All cases whose names hold only, in a world that serves until one fails; tell prints what was measured. Returns the
    number of failures."""
    failed, world = 0, None
    for case in cases:
        if only not in case.name:
            continue
        try:
            world = world or new_world()
            tell(case, world.measure(case))
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"FAIL {case.name}: {type(error).__name__}: {error}", flush=True)
            traceback.print_exc(limit=-3, file=sys.stdout)
            if world:
                print(world.new_log()[-2000:])
                world.kill()
            world = None
    if world:
        print(f"{world.close()['received']} frames of the neighbours in all, none lost, none wrong")
    return failed


def rising(was, now):
    """Counters that did not rise."""
    return [key for key, value in now.items() if value <= was[key]]


def undisturbed(when, seen):
    """The neighbours had frames, all of them, and no others."""
    for key in ("failed", "lost", "wrong", "strangers"):
        assert seen[key] == 0, f"the neighbours, {when}: {key} {seen[key]}"
    assert seen["received"] > 0, f"the neighbours, {when}: they stood still"


class Arena:
    """One daemon with its neighbours, for any number of cases."""

    def __init__(self, seconds, load, rounds):
        self.seconds, self.rounds, self.log_from, self.rate = seconds, rounds, 0, 0
        self.daemon = Daemon(config=CONFIG)
        self.sanitized = is_sanitized()
        self.neighbours = Neighbours(self.daemon)
        self.neighbours.mark()
        time.sleep(1)
        self.rate = max(1000, self.neighbours.mark()["rate"] * load)
        self.neighbours.rate(self.rate)
        time.sleep(0.5)

    # ---- what the daemon tells ----

    def counter(self, path, card):
        """The value of one counter, 0 when there is none yet."""
        first, *keys = path.split(".")
        if first == "faults":
            return self.daemon.ask("show")["faults"]
        at = self.daemon.pf(card) if first == "pf" else self.daemon.vf(int(first[2:]), card)
        for key in keys:
            at = at.get(key, 0)
        return at

    def counters(self, case):
        """All that the case names."""
        return {path: self.counter(path, case.card) for path in case.counters}

    def new_log(self):
        """What the daemon said since the case began."""
        return self.daemon.log()[self.log_from:]

    def settle(self, case):
        """Until no attacker is attached any more."""
        for vf in ATTACKERS:
            self.daemon.settle(vf)
        if case.card != "nic0":
            self.daemon.settle_pf(case.card)

    def footprint(self, case):
        """(descriptors, resident KiB) of the daemon at rest."""
        self.settle(case)
        return self.daemon.fds(), self.daemon.memory_kib()["VmRSS"]

    # ---- a case ----

    def attack(self, case):
        """Runs the hostile process to its end; returns (note, its seconds of CPU)."""
        heard, told = os.pipe()
        child = os.fork()
        if not child:
            self._be_hostile(case, heard, told)
        os.close(told)
        with os.fdopen(heard) as pipe:
            said = pipe.read()
        _, status, usage = os.wait4(child, 0)
        assert status == 0, f"the hostile process failed: {said or status}"
        return said, usage.ru_utime + usage.ru_stime

    def _be_hostile(self, case, heard, told):
        os.close(heard)
        signal.alarm(120)
        code, note = 1, ""
        try:
            self.daemon.control = None  # the parent's connection is the parent's
            note = case.attack(Target(self.daemon, self.seconds)) or ""
            code = 0
        except BaseException:  # pylint: disable=broad-except
            note = traceback.format_exc(limit=-4)
        os.write(told, str(note).encode())
        os._exit(code)

    def quiet(self):
        """The neighbours alone for a while."""
        self.neighbours.rate(self.rate)
        self.neighbours.mark()
        time.sleep(max(self.seconds, LOG_WINDOW_S))
        return self.neighbours.mark()

    def waited_s(self):
        """Seconds for which the data paths were ready to run and had no CPU."""
        total = 0
        for task in os.listdir(f"/proc/{self.daemon.pid}/task"):
            folder = f"/proc/{self.daemon.pid}/task/{task}"
            with open(f"{folder}/comm", encoding="utf-8") as comm, open(f"{folder}/schedstat", encoding="utf-8") as stat:
                if comm.read().strip() == "ladon-dp":
                    total += int(stat.read().split()[1])
        return total / 1e9

    def noisy(self, case):
        """The neighbours and the hostile process."""
        cpu, start, waited = self.daemon.cpu_s(), time.monotonic(), self.waited_s()
        self.neighbours.rate(self.rate)
        note, attacker = self.attack(case)
        during, took = self.neighbours.mark(), time.monotonic() - start
        return dict(during, note=note, attacker_cpu=attacker / took, daemon_cpu=(self.daemon.cpu_s() - cpu) / took,
                    waited=(self.waited_s() - waited) / took)

    def measure(self, case):
        """Before and during, in turn; returns the row of the table, medians where there are several rounds."""
        if case.prepare:
            case.prepare(self)
        was = self.counters(case)
        fds, kib = self.footprint(case)
        self.log_from = len(self.daemon.log())
        rounds = [(self.quiet(), self.noisy(case)) for _ in range(self.rounds)]
        for before, during in rounds:
            undisturbed("before", before)
            undisturbed("during", during)
        median = {}
        for key in rounds[0][0]:
            median[key] = tuple(statistics.median(pair[i][key] for pair in rounds) for i in (0, 1))
        row = {"case": case.name, "median": median, "note": rounds[-1][1]["note"],
               "ratio": statistics.median(during["rate"] / before["rate"] for before, during in rounds),
               "attacker_cpu": statistics.median(during["attacker_cpu"] for _, during in rounds),
               "daemon_cpu": statistics.median(during["daemon_cpu"] for _, during in rounds),
               "waited": statistics.median(during["waited"] for _, during in rounds)}
        row["named"] = self.judge(case, row, was, fds, kib)
        return row

    def judge(self, case, row, was, fds, kib):
        """Asserts all that must be true; returns the words that named the attacker."""
        assert self.daemon.alive(), f"ladond has died: {self.daemon.log()[-2000:]}"
        self.settle(case)
        left = self.daemon.settled_fds(fds)
        assert left <= fds, f"{left} descriptors, {fds} before"
        self.judge_memory(case, kib)
        low = rising(was, self.counters(case))
        assert not low, f"did not rise: {low} (from {was})"
        line = wait_for(f"a log line like {case.log!r}", lambda: re.search(f".*(?:{case.log}).*", self.new_log()))
        if case.after:
            case.after(self, row["note"])
        return re.sub(r"^<\d>|^\S+ ", "", line.group(0))

    def judge_memory(self, case, kib):
        """What grew once may be the allocator's; what grows each time is a leak."""
        grown = self.footprint(case)[1] - kib
        if self.sanitized or grown <= LEAK_KIB:
            return
        kib = self.footprint(case)[1]
        self.attack(case)
        again = self.footprint(case)[1] - kib
        assert again <= LEAK_KIB, f"the daemon grew by {grown} KiB, and the second time by {again} KiB"

    def close(self):
        """The last frames arrive, and the daemon ends well."""
        total = self.neighbours.finish()
        undisturbed("in the end", total)
        self.daemon.stop()
        return total

    def kill(self):
        """After a failure."""
        self.neighbours.process.kill()
        self.daemon.kill()
