# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's testpmd as a peer: one process forwards between two ports, one sends and receives on both."""
import os
import re
import selectors
import signal
import subprocess
import time

PROMPT = "testpmd> "
LIMIT = 30  # seconds for an answer: others may keep both CPUs busy
TAIL = 300  # characters of the last output that an error shows


class PeerError(Exception):
    """The peer cannot be measured; the text says why."""


def rates(text):
    """Packets a second that each port has received since the last look, of `show port stats all`."""
    return [int(number) for number in re.findall(r"^ *Rx-pps: +(\d+)", text, re.M)]


def links(text):
    """True for each port that is up, of `show port summary all`."""
    return [state == "up" for state in re.findall(r"^\d+ +(?:[0-9A-F]{2}:){5}[0-9A-F]{2} +.*? +(up|down) +", text, re.M)]


class Testpmd:
    """A running testpmd. cpu: of all its threads; the one that forwards spins, the other waits for words. eal, args:
    further words of DPDK's own and of testpmd's; prefix: a command that runs it."""

    def __init__(self, cpu, vdevs, eal, args, prefix=()):
        words = [*prefix, "stdbuf", "-oL", "dpdk-testpmd", "--lcores", f"0@{cpu},1@{cpu}", "--no-pci", "--no-telemetry",
                 "--log-level=error", *eal]
        for vdev in vdevs:
            words += ["--vdev", vdev]
        words += ["--", "-i", "--nb-cores=1", "--total-num-mbufs=8192", "--burst=32", *args]
        try:
            self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, start_new_session=True)
        except OSError as error:
            raise PeerError(str(error)) from error
        self.said = ""
        self._wait = selectors.DefaultSelector()
        self._wait.register(self.process.stdout, selectors.EVENT_READ)
        try:
            self._await_prompt()
        except PeerError:
            self.close()
            raise

    def _await_prompt(self):
        """What it says until it asks for the next command."""
        end, begin = time.monotonic() + LIMIT, len(self.said)
        while PROMPT not in self.said[begin:]:
            if not self._wait.select(max(0.0, end - time.monotonic())):
                raise PeerError(f"testpmd does not answer: {self.said[-TAIL:]}")
            new = os.read(self.process.stdout.fileno(), 65536)
            if not new:
                raise PeerError(f"testpmd ended with {self.process.wait()}: {self.said[-TAIL:]}")
            self.said += new.decode(errors="replace")
        return self.said[begin:]

    def command(self, text):
        """Its answer to one command."""
        try:
            self.process.stdin.write(f"{text}\n".encode())
            self.process.stdin.flush()
        except OSError as error:
            raise PeerError(f"testpmd ended with {self.process.wait()}: {self.said[-TAIL:]}") from error
        return self._await_prompt()

    def await_links(self, num):
        """Both ends of all num ports have found each other."""
        end = time.monotonic() + LIMIT
        while links(self.command("show port summary all")) != [True] * num:
            if time.monotonic() > end:
                raise PeerError("a port's link stays down")
            time.sleep(0.05)

    def close(self):
        """Ends it, gently first."""
        self._wait.close()
        try:
            self.process.communicate(b"quit\n", timeout=10)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
