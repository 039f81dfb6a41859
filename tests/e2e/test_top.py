#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ladon top: plain tables elsewhere, a screen on a terminal that is left as it was found."""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time

from ladond import LADON, Daemon, Suite, clean_env, need_build
from sender import run_beside_sender

SUITE = Suite()
CASE = SUITE.test


class World:
    """The daemon under test and a driver on its VF 0; filled by main."""

    daemon = sender = None


def top(*words, **how):
    """ladon top as a process."""
    return subprocess.Popen([LADON, "--run-dir", World.daemon.run_dir, "top", *words], env=clean_env(), **how)


@CASE
def plain_tables():
    """No escape sequences; rates of what was sent between two looks; the reason of drops."""
    process = top("every", "0.5", "count", "8", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    s, sent = World.sender, 0
    while process.poll() is None:
        s.send(*[s.frame(b"\xff" * 6, length=1000)] * 20, s.frame(b"\xff" * 6, 0x8808))
        sent += 20
        time.sleep(0.01)
    out, err = process.communicate()
    assert process.returncode == 0 and not err and "\033" not in out, err
    tables = out.strip().split("\n\n")
    assert len(tables) == 8 and all(t.startswith("FUNCTION") for t in tables), out
    rows = [line.split() for t in tables for line in t.splitlines()[1:]]
    assert [r[0] for r in rows] == ["nic0/vf0", "nic0/vf1"] * 8, rows
    busy = [r for r in rows if r[0] == "nic0/vf0"]
    assert all(re.fullmatch(r"\d+\.\d", field) for r in rows for field in r[1:6]), rows
    total = sum(float(r[2]) * 1000 * 0.5 for r in busy)
    assert sent * 0.5 < total < sent * 1.5, f"{total:.0f} frames by the rates, {sent} by the sender"
    assert any(r[6:] == ["pause"] and float(r[5]) > 0 for r in busy), busy
    mbit = sum(float(r[1]) for r in busy) / sum(float(r[2]) for r in busy)
    assert 7 < mbit < 9, f"{mbit} kb a frame"


@CASE
def on_a_terminal():
    """It redraws, q ends it, and the terminal is as before."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    process = top("every", "0.1", stdin=theirs, stdout=theirs)
    data = b""
    while data.count(b"FUNCTION") < 3 and select.select([ours], [], [], 20)[0]:
        data += os.read(ours, 65536)
    assert data.count(b"\033[H\033[J") >= 3 and b"q quits" in data, data
    os.write(ours, b"xq")
    assert process.wait(20) == 0
    while select.select([ours], [], [], 0)[0]:
        data += os.read(ours, 65536)
    assert data.endswith(b"\033[?25h"), data[-100:]
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


@CASE
def an_interrupt_ends_it():
    """With exit code 0."""
    process = top("every", "0.1", stdout=subprocess.PIPE)
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    process.stdout.close()


@CASE
def wrong_words():
    """One sentence each."""
    for words, wanted in (("nope", "nope"), ("nic0 every 0", "0.1"), ("every x", "0.1"), ("count 0", "count"),
                          ("count -1", "count"), ("every", "value"), ("nic0 blue 1", "every and count"),
                          ("every nan", "0.1")):
        done = World.daemon.ladon("top", *words.split())
        assert done.returncode in (1, 2) and wanted in done.stderr and done.stderr.count("\n") == 1, f"{words}: {done}"
    assert "link show" in World.daemon.ladon("-j", "top").stderr


def main():
    """A card of two VFs."""
    need_build()
    World.daemon = Daemon(config="card add nic0 model 82576 vfs 2")
    return run_beside_sender(SUITE, World)


if __name__ == "__main__":
    sys.exit(main())
