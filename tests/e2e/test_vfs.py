#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""VFs that come and go while the card runs, seen from outside: the CLI, the config file, events, captures, and what is
refused. Who talks beside them is tests/e2e/test_vf_grow.c.
"""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import vfio_user as vu
from ladond import BUILD, LADON, Daemon, Monitor, Suite, World, clean_env, need_build, wait_for
from sender import Sender

SUITE = Suite()
CASE = SUITE.test
CONFIG = """card add nic0 model 82576 vfs 40
vf del nic0 3
vf add nic0 100
link set nic0 vf 100 trust on
card add nic1 model 82576 vfs 2 strict-model on
"""


def numbers(card="nic0"):
    """The VFs that link show tells of."""
    row = World.daemon.ask("link", "show", card)[0]
    found = [vf["vf"] for vf in row["vfinfo_list"]]
    assert row["num_vf"] == len(found)
    return found


def refused(*words):
    """What ladon says; nothing has changed."""
    before = World.daemon.ask("card", "show")
    done = World.daemon.ladon(*words)
    assert done.returncode == 1 and not done.stdout, done
    after = World.daemon.ask("card", "show")
    assert before == after, (before, after)
    return done.stderr


@CASE
def the_config_file_has_them():
    """Gaps and numbers as its lines say."""
    assert numbers() == [n for n in range(40) if n != 3] + [100]
    row = World.daemon.ask("link", "show", "nic0")[0]["vfinfo_list"][-1]
    assert row["vf"] == 100 and row["trust"] and row["ladon"]["rid"] == "02:0c.4", row
    text = World.daemon.ok("link", "show", "nic0")
    assert "vf 100 " in text and "vf 3 " not in text and text.count("link-state") == 40
    assert "vfN.sock, N = 0-2,4-39,100\n" in World.daemon.ok("card", "show", "nic0")


@CASE
def the_cli_makes_and_removes():
    """Sockets come and go with them."""
    d = World.daemon
    assert d.ok("vf", "add", "nic0") == f"nic0/vf3: {d.socket(3)}\n"
    assert d.json("vf", "add", "nic0", "200")["socket"] == d.socket(200)
    assert os.path.exists(d.socket(200)) and not os.path.exists(d.socket("view200"))
    d.ok("vf", "del", "nic0", "vf", "200")
    assert not os.path.exists(d.socket(200))
    d.ok("card", "set", "nic0", "vfs", "12")
    assert numbers() == list(range(12))
    assert "vf0.sock ... vf11.sock\n" in d.ok("card", "show", "nic0")
    assert sorted(os.listdir(os.path.dirname(d.socket(0)))) == \
        sorted(["pf.sock"] + [f"view{n}.sock" for n in range(7)] + [f"vf{n}.sock" for n in range(12)])


@CASE
def what_is_wrong_is_named():
    """Each with what would be right."""
    assert "0 to 255 is right" in refused("card", "set", "nic0", "vfs", "256")
    assert "nic0 has no VF 12: 0 to 11 is right" in refused("vf", "del", "nic0", "12")
    assert "has a VF 5 already" in refused("vf", "add", "nic0", "5")
    assert "VF 7 is nothing that an 82576 has" in refused("card", "set", "nic1", "vfs", "8")
    assert "no VF 0 below VF 1" in refused("vf", "del", "nic1", "0")
    assert "VF 7 is nothing" in refused("card", "add", "nic2", "model", "82576", "vfs", "8", "strict-model", "on")
    assert "which no PF driver" in refused("qemu", "nic0", "pf")


@CASE
def a_pf_driver_is_refused_with_a_reason():
    """The card has more than it knows; then it owns the card, and the number stays."""
    d = World.daemon
    try:
        d.attach("pf")
        raise AssertionError("the PF was served beside 12 VFs")
    except vu.RemoteError as error:
        assert error.errno == 16, error
    except vu.Closed:
        pass
    wait_for("the log says why", lambda: "pf: client refused" in d.log() or "an 82576 and its PF driver" in d.log())
    d.ok("card", "set", "nic0", "vfs", "4")
    client = d.attach("pf")
    assert "belong to the PF driver in the guest" in refused("vf", "add", "nic0")
    client.close()
    d.settle_pf()
    d.ok("card", "set", "nic0", "vfs", "12")


@CASE
def a_removed_client_and_its_neighbour():
    """One is told to go, with the reason in the log; the other keeps its connection, memory and counters."""
    d = World.daemon
    stays, goes = Sender(d, 8), Sender(d, 9)
    stays.send(stays.frame(b"\xff" * 6))
    monitor = Monitor(d)
    fds = d.fds()
    d.ok("vf", "del", "nic0", "9")
    monitor.wait("detached", vf=9, reason="the VF was removed")
    monitor.wait("vf-del", vf=9)
    goes.client.wait_end()
    assert "nic0/vf9: client detached" in d.log() and ": the VF was removed" in d.log()
    stays.send(stays.frame(b"\xff" * 6))
    row = d.ask("vf", "show", "nic0", "8")
    assert row["attaches"] == 1 and row["attached"]["pid"] == os.getpid()
    d.settled_fds(fds)
    d.ok("vf", "add", "nic0", "9")
    monitor.wait("vf-add", vf=9)
    again = Sender(d, 9)
    assert again.mac == goes.mac
    again.send(again.frame(b"\xff" * 6))
    for sender in (stays, again):
        sender.client.close()
    d.settle(8)
    d.settle(9)


@CASE
def a_capture_ends_with_its_vf():
    """Of the VF alone; one of the whole card goes on."""
    d = World.daemon
    sender = Sender(d, 5)
    # pylint: disable-next=consider-using-with
    both = [subprocess.Popen([LADON, "--run-dir", d.run_dir, "capture", "nic0", *words, "-w", "-"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_env())
            for words in (("vf", "5"), ())]
    wait_for("two captures", lambda: d.ask("card", "show", "nic0")[0]["captures"] == 2)
    sender.send(sender.frame(b"\xff" * 6))
    d.ok("vf", "del", "nic0", "5")
    out, _ = both[0].communicate(timeout=20)
    assert b"nic0/vf5" in out and bytes(sender.mac) in out
    d.ok("vf", "add", "nic0", "5")
    assert d.ask("card", "show", "nic0")[0]["captures"] == 1
    os.set_blocking(both[1].stdout.fileno(), False)
    came = []
    wait_for("the card's capture shows the frame",
             lambda: came.append(both[1].stdout.read() or b"") or b"nic0/vf5" in b"".join(came))
    both[1].terminate()
    both[1].wait(timeout=20)
    sender.client.close()


@CASE
def the_largest_card_is_shown():
    """link show, top, the exporter and qemu with 255 VFs."""
    d = World.daemon
    d.ok("card", "set", "nic0", "vfs", "255")
    assert d.ok("link", "show", "nic0").count("link-state") == 255
    assert len(d.json("-s", "link", "show", "nic0")[0]["vfinfo_list"]) == 255
    assert d.socket(254) in d.ok("qemu", "nic0", "vf", "254")
    table = d.ok("top", "nic0", "every", "0.1", "count", "1").splitlines()
    assert len(table) == 256 and table[-1].startswith("nic0/vf254 "), table[-1]
    rids = {vf["ladon"]["rid"] for vf in d.ask("link", "show", "nic0")[0]["vfinfo_list"]}
    macs = {vf["address"] for vf in d.ask("link", "show", "nic0")[0]["vfinfo_list"]}
    assert len(rids) == len(macs) == 255
    exporter = os.path.join(BUILD, "ladon-exporter")
    if os.access(exporter, os.X_OK):
        import http.client  # pylint: disable=import-outside-toplevel
        with subprocess.Popen([exporter, "--run-dir", d.run_dir, "--listen", "127.0.0.1:0"], text=True,
                              stdout=subprocess.PIPE, env=clean_env()) as process:
            port = int(process.stdout.readline().split()[-1])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            connection.close()
            process.terminate()
        assert len(re.findall(r'^sriov_vf_rx_bytes\{.*pf="nic0".*\} 0$', text, re.M)) == 255
    d.ok("card", "set", "nic0", "vfs", "12")


@CASE
def top_fits_the_terminal():
    """Who is quiet is left out where there is no room, and counted."""
    d = World.daemon
    d.ok("card", "set", "nic0", "vfs", "60")
    sender = Sender(d, 50)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("<HHHH", 24, 100, 0, 0))
    with subprocess.Popen([LADON, "--run-dir", d.run_dir, "top", "nic0", "every", "0.1"], stdin=theirs, stdout=theirs,
                          env=clean_env()) as process:
        os.close(theirs)
        seen = ""
        for _ in range(400):
            sender.send(sender.frame(b"\xff" * 6))
            seen += os.read(ours, 65536).decode()
            screens = seen.split("\033[H\033[J")
            if any("nic0/vf50" in screen and "q quits" in screen for screen in screens):
                break
        os.write(ours, b"q")
        assert process.wait(20) == 0
    os.close(ours)
    screen = next(s for s in screens if "nic0/vf50" in s and "q quits" in s)
    lines = screen.replace("\r", "").rstrip("\n").split("\n")
    assert len(lines) <= 24, lines
    left_out = re.search(r"(\d+) quiet ones are left out", screen)
    assert left_out and int(left_out[1]) == 60 - sum(line.startswith("nic0/") for line in lines), screen
    sender.client.close()
    d.settle(50)
    d.ok("card", "set", "nic0", "vfs", "12")


@CASE
def nothing_is_left_behind():
    """Descriptors and memory after many changes."""
    d = World.daemon
    for _ in range(3):
        d.ask("card", "set", "nic0", "vfs", "64")
        d.ask("card", "set", "nic0", "vfs", "12")
    fds, memory = d.fds(), d.memory_kib()["VmRSS"]
    for i in range(100):
        d.ask("vf", "add", "nic0", str(20 + i))
        d.ask("card", "set", "nic0", "vfs", "12")
    for _ in range(5):
        d.ask("card", "set", "nic0", "vfs", "64")
        d.ask("card", "set", "nic0", "vfs", "12")
    assert d.fds() == fds
    grown = d.memory_kib()["VmRSS"] - memory
    assert grown < 1024 or "ASAN_OPTIONS" in os.environ, f"{grown} KiB"
    return f"{grown} KiB more after 350 VFs"


def main():
    """Runs all on one daemon."""
    need_build()
    World.daemon = Daemon(config=CONFIG)
    rc = SUITE.run()
    World.daemon.stop()
    return rc


if __name__ == "__main__":
    sys.exit(main())
