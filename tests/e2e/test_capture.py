#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ladon capture: what goes through a card is in the file, whole, once for each port, with direction and reason; who
does not read, whose disk is full, or whose filter is wrong gets a sentence and disturbs nobody.
"""
import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

import pcapng
from ladond import LADON, Daemon, Scratch, Suite, clean_env, need_build, wait_for
from sender import RING, run_beside_sender

SUITE = Suite()
CASE = SUITE.test
PAUSE = bytes.fromhex("0180c2000001")
ALL, NOBODY = b"\xff" * 6, bytes.fromhex("02000000beef")


class World:
    """The daemon under test, a driver on its VF 0, the far end of its uplink; filled by main."""

    daemon = sender = wire = scratch = None
    captures = open = 0  # so far; now


@contextlib.contextmanager
def capture(*words, path=None, **how):
    """ladon capture nic0 words -w path, when it listens; interrupted in the end if it has not ended by itself."""
    World.captures += 1
    path = path or World.scratch / f"{World.captures}.pcapng"
    World.open += 1
    process = subprocess.Popen([LADON, "--run-dir", World.daemon.run_dir, "capture", "nic0", *words, "-w", path],
                               stderr=subprocess.PIPE, text=True, env=clean_env(), **how)
    process.path = path
    wait_for("the capture begins", lambda: captures_on() == World.open or process.poll() is not None)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()
        World.open -= 1
        wait_for("the capture is over", lambda: captures_on() <= World.open)


def captures_on():
    """How many captures of the card are on."""
    return sum(card["captures"] for card in World.daemon.ask("card", "show"))


def packets_in(process):
    """How many packets its file has by now."""
    try:
        return len(pcapng.read(process.path).packets)
    except (AssertionError, OSError, IndexError):
        return -1  # a block is under way


def finish(process, packets=None):
    """Interrupts it when its file has so many packets; returns the file."""
    if packets is not None:
        wait_for(f"{packets} packets (now {packets_in(process)})", lambda: packets_in(process) >= packets)
        process.send_signal(signal.SIGINT)
    process.said = process.stderr.read()
    assert process.wait() == 0, process.said
    return pcapng.read(process.path)


def drain_wire():
    """What came out of the uplink."""
    frames = []
    with contextlib.suppress(BlockingIOError):
        while True:
            frames.append(World.wire.recv(4096))
    return frames


# ---- what is in a capture ----

@CASE
def a_card_with_directions_and_reasons():
    """Each port's part of a frame's way is a packet; what is dropped says why."""
    s = World.sender
    good, pause = s.frame(ALL, length=71), s.frame(PAUSE, 0x8808)
    spoofed = s.frame(ALL, source=b"\x02\0\0\0\0\x42")
    start = time.time_ns()
    with capture() as process:
        s.send(good, pause, spoofed)
        World.wire.send(s.frame(NOBODY))
        file = finish(process, 5)
    seen = [(p.interface, p.inbound, p.data, (p.comment or "").split(" (")[0]) for p in file.packets]
    assert seen == [
        ("nic0/uplink", False, good, ""),
        ("nic0/vf0", False, good, ""),
        ("nic0/vf0", False, pause, "dropped: pause"),
        ("nic0/vf0", False, spoofed, "dropped: spoof"),
        ("nic0/uplink", True, s.frame(NOBODY), "dropped: nodest"),
    ], seen
    times = [p.time for p in file.packets]
    assert times == sorted(times) and start - 10**9 < times[0] and times[-1] < time.time_ns() + 10**9
    assert file.application.startswith("ladond ") and file.lost == 0
    assert "5 frames captured, 0 lost" in process.said
    drain_wire()


@CASE
def one_port_alone_and_its_drops_alone():
    """vf N, uplink, drops."""
    s = World.sender
    with capture("uplink") as of_uplink, capture("vf", "0", "drops") as drops, \
            capture("vf", "1") as of_other:
        s.send(s.frame(NOBODY), s.frame(PAUSE), s.frame(NOBODY))
        assert {p.interface for p in finish(of_uplink, 2).packets} == {"nic0/uplink"}
        file = finish(drops, 1)
        assert [(p.interface, p.data) for p in file.packets] == [("nic0/vf0", s.frame(PAUSE))]
        of_other.send_signal(signal.SIGINT)
        assert not finish(of_other).packets
    drain_wire()


@CASE
def snap_length_and_count():
    """The frame's length is still told; count ends it."""
    s = World.sender
    with capture("vf", "0", "snaplen", "20", "count", "3") as process:
        s.send(*[s.frame(NOBODY, length=200)] * 5)
        file = finish(process)
    assert [(len(p.data), p.length) for p in file.packets] == [(20, 200)] * 3
    drain_wire()


@CASE
def filters():
    """libpcap's expressions."""
    s = World.sender
    with capture("vf", "0", "filter", "ether proto 0x88b6 or greater 100") as process:
        if process.poll() is not None:
            return process.stderr.read().strip()
        s.send(s.frame(NOBODY), s.frame(NOBODY, 0x88b6), s.frame(NOBODY, length=100))
        file = finish(process, 2)
    assert [(p.data[12:14].hex(), p.length) for p in file.packets] == [("88b6", 60), ("88b5", 100)]
    assert "1 did not match" in process.said
    done = World.daemon.ladon("capture", "nic0", "filter", "ether prot 5")
    assert done.returncode == 2 and 'filter "ether prot 5": ' in done.stderr and done.stderr.count("\n") == 1
    drain_wire()



@CASE
def a_tool_reads_it():
    """tcpdump or tshark, where there is one, knows interfaces, directions and comments."""
    tools = [t for t in ("tcpdump", "tshark") if shutil.which(t)]
    s = World.sender
    with capture("vf", "0") as process:
        s.send(s.frame(ALL), s.frame(PAUSE, 0x8808))
        finish(process, 2)
    drain_wire()
    for tool in tools:
        done = subprocess.run([tool, "-n", "-r", process.path], text=True, capture_output=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.strip()[:1].isdigit() and ":" in line[:6]] \
            if tool == "tcpdump" else done.stdout.splitlines()
        assert done.returncode == 0 and len(lines) == 2, f"{tool}: {done}"
    if "tshark" in tools:
        done = subprocess.run(["tshark", "-r", process.path, "-T", "fields", "-e", "frame.interface_name", "-e",
                               "frame.comment"], text=True, capture_output=True, check=True)
        assert "nic0/vf0" in done.stdout and "dropped: pause" in done.stdout, done.stdout
    return "read by " + (" and ".join(tools) or "none: neither is installed")


@CASE
def text():
    """Without -w: a line a frame."""
    s = World.sender
    process = subprocess.Popen([LADON, "--run-dir", World.daemon.run_dir, "capture", "nic0", "vf", "0", "count", "2"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_env())
    wait_for("the capture begins", captures_on)
    s.send(s.frame(ALL), s.frame(PAUSE, 0x8808))
    out, err = process.communicate()
    lines = out.splitlines()
    assert process.returncode == 0 and len(lines) == 2 and "2 frames captured" in err
    wait_for("the capture is over", lambda: captures_on() == 0)
    assert f"nic0/vf0 out {s.mac.hex(':')} > ff:ff:ff:ff:ff:ff type 88b5 len 60" in lines[0], lines
    assert "dropped: pause" in lines[1], lines
    drain_wire()


@CASE
def to_a_pipe():
    """-w -."""
    s = World.sender
    with capture("vf", "0", "count", "1", path="-", stdout=subprocess.PIPE) as process:
        s.send(s.frame(ALL))
        assert len(pcapng.File(process.stdout.buffer.read()).packets) == 1
        process.stdout.close()
    drain_wire()


# ---- what goes wrong ----

@CASE
def a_full_disk_is_named():
    """The error, and where; the card goes on."""
    s = World.sender
    with capture("vf", "0", path="/dev/full") as process:
        s.send(s.frame(ALL))
        said = process.stderr.read()
        assert process.wait() == 1 and said.startswith("ladon: /dev/full: No space left on device"), said
    drain_wire()


@CASE
def what_a_full_disk_took_can_be_read():
    """The file ends with a whole block."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))

    s = World.sender
    with capture("vf", "0", preexec_fn=limit) as process:
        while process.poll() is None:
            s.send(*[s.frame(NOBODY, length=1000)] * 3)
            drain_wire()
        said = process.stderr.read()
    assert process.returncode == 1 and "File too large" in said, said
    file = pcapng.read(process.path)
    assert 1 <= len(file.packets) <= 9 and os.path.getsize(process.path) <= 10000


def raw_capture(*words):
    """A connection that asked for a capture."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(os.path.join(World.daemon.run_dir, "control.sock"))
    sock.settimeout(20)
    sock.sendall(json.dumps({"words": ["capture", "nic0", *words]}).encode() + b"\n")
    return sock


@CASE
def who_does_not_read_loses_records_that_are_counted():
    """And is not dropped; traffic and the control socket do not notice."""
    s, sock, sent = World.sender, raw_capture("vf", "0"), 0
    stream = sock.makefile("rb", buffering=0)
    assert json.loads(stream.readline())["ok"]
    frames = [s.frame(NOBODY, length=1500)] * (RING - 1)
    while sent < 8000:
        s.send(*frames)
        drain_wire()
        sent += len(frames)
        World.daemon.ask("ping")
    data = b""
    with contextlib.suppress(TimeoutError):
        while (file := whole(data)) is None or len(file.packets) + file.lost < sent:
            data += sock.recv(1 << 20)
    assert len(file.packets) + file.lost == sent and file.lost > 0, f"{len(file.packets)}, {file.lost} of {sent}"
    stream.close()
    sock.close()
    wait_for("the capture is over", lambda: captures_on() == 0)
    return f"{file.lost} of {sent} lost"


def whole(data):
    """The file in data as far as blocks are whole; None when there is none."""
    at = 0
    while at + 12 <= len(data):
        length = int.from_bytes(data[at + 4:at + 8], "little")
        if at + length > len(data):
            break
        at += length
    return pcapng.File(data[:at]) if at else None


@CASE
def no_more_than_four():
    """A sentence for the fifth; they come back when clients go."""
    held = [raw_capture() for _ in range(4)]
    for sock in held:
        assert json.loads(sock.makefile("rb", buffering=0).readline())["ok"]
    done = World.daemon.ladon("capture", "nic0")
    assert done.returncode == 1 and done.stderr.startswith("ladon: nic0 has 4 captures already"), done
    for sock in held:
        sock.close()
    wait_for("all are free again", lambda: captures_on() == 0)
    with capture("count", "1") as process:
        World.sender.send(World.sender.frame(PAUSE))
        assert len(finish(process).packets) == 1


@CASE
def wrong_words():
    """One sentence each, and no file is touched."""
    keep = World.scratch / "keep"
    with open(keep, "w", encoding="utf-8") as file:
        file.write("mine")
    for words, wanted in (("nope", "nope"), ("nic0 vf 9", "0 to 1"), ("nic0 vf", "number"), ("nic0 vf 0 uplink", "uplink"),
                          ("nic0 drops drops", "drops"), ("nic0 snaplen 0", "1 to 262144"), ("nic0 snaplen", "snaplen"),
                          ("nic0 count 0", "count"), ("nic0 count x", "count"), ("", "name"),
                          ("nic0 blue", "blue")):
        done = World.daemon.ladon("capture", *words.split(), *(["-w", keep] if words else []))
        assert done.returncode in (1, 2) and wanted in done.stderr and done.stderr.count("\n") == 1, f"{words}: {done}"
    with open(keep, encoding="utf-8") as file:
        assert file.read() == "mine"
    for last in ("filter", "count", "-w"):
        assert "want a value" in World.daemon.ladon("capture", "nic0", last).stderr
    done = World.daemon.ladon("capture", "nic0", "-w", "/nowhere/at/all")
    assert done.returncode == 1 and "/nowhere/at/all: No such file" in done.stderr, done


@CASE
def a_card_that_goes_ends_its_captures():
    """What was captured is there."""
    s = World.sender
    with capture("vf", "0") as process:
        s.send(s.frame(ALL))
        World.daemon.ok("card", "del", "nic0")
        assert len(finish(process).packets) == 1


def main():
    """A card of two VFs, whose uplink is a socket of ours."""
    need_build()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    World.wire, World.scratch = ours, Scratch()
    World.daemon = Daemon(config=f"card add nic0 model 82576 vfs 2 uplink fd:{theirs.fileno()}",
                          pass_fds=[theirs.fileno()])
    return run_beside_sender(SUITE, World)


if __name__ == "__main__":
    sys.exit(main())
