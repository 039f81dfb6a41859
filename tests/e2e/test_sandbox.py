#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a serving ladond has given up, as the kernel tells it, and that it serves all the same. The other suites run
with the sandbox, too: it is on unless told otherwise.
"""
import contextlib
import mmap
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

import igbvf
from ladond import (CARD, LADON, LADOND, WAIT_S, Daemon, Monitor, Scratch, Skip, Suite, clean_env, is_sanitized, memfd,
                    need_build, wait_for)

SUITE = Suite()
CASE = SUITE.test
TUN = "/dev/net/tun"
CAP_NET_ADMIN = 1 << 12
MEMORY = 1 << 20
RING, FRAME = 0, 0x1000


def status(pid):
    """{thread: {field: text}} of a process."""
    out = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/status", encoding="utf-8") as file:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        out[fields["Name"] + tid] = fields
    return out


def caps(fields):
    """The five sets in the order of the kernel's names, as numbers."""
    return {name: int(fields[f"Cap{name}"], 16) for name in ("Amb", "Bnd", "Eff", "Inh", "Prm")}


def helper_of(daemon):
    """Process ID of the helper."""
    with open(f"/proc/{daemon.pid}/task/{daemon.pid}/children", encoding="utf-8") as file:
        children = file.read().split()
    assert len(children) == 1, f"ladond has the children {children}"
    return int(children[0])


def check_confined(daemon, threads, root):
    """Each thread has nothing left. The bounding set of an ordinary user is nobody's to drop."""
    found = status(daemon.pid)
    assert len(found) == threads, f"threads: {sorted(found)}"
    for name, fields in found.items():
        sets = caps(fields)
        if not root:
            sets["Bnd"] = 0
        assert not any(sets.values()), f"{name} has the capabilities {sets}"
        assert fields["NoNewPrivs"] == "1", f"{name} may get new privileges"
        assert is_sanitized() or fields["Seccomp"] == "2", f"{name}: Seccomp {fields['Seccomp']}"


def send_frame(client, memory, tag):
    """The VF sends one broadcast frame; returns what is to be seen on the wire."""
    mac = igbvf.handshake(client)
    igbvf.bus_master(client)
    frame = b"\xff" * 6 + mac + b"\x88\xb5" + tag.ljust(60, b".")
    memory[FRAME:FRAME + len(frame)] = frame
    memory[RING:RING + igbvf.DESC.size] = igbvf.tx_desc(FRAME, len(frame))
    igbvf.start_tx(client, RING)
    igbvf.ring_tx(client, 1)
    wait_for("the frame is sent", lambda: igbvf.DESC.unpack(memory[RING:RING + igbvf.DESC.size])[2] & igbvf.DD)
    return frame


def files():
    """Memory files as VMMs have them: (kind, descriptor)."""
    yield "memfd", memfd(MEMORY)
    for folder in ("/dev/shm", "/tmp", os.getcwd()):
        with tempfile.TemporaryFile(dir=folder) as file:
            file.truncate(MEMORY)
            yield folder, os.dup(file.fileno())


@contextlib.contextmanager
def guest(daemon, vf, fd):
    """A client with that file as its memory, and a view of it."""
    with daemon.attach(vf) as client, mmap.mmap(fd, MEMORY) as memory:
        client.map(0, MEMORY, fd)
        yield client, memory


def need_tun():
    """A tap can be made here."""
    if os.geteuid() or not os.path.exists(TUN):
        raise Skip(f"needs root and {TUN}")


# ---- what it has given up ----

@CASE
def nothing_is_left():
    """Capabilities of all threads, privileges, filter: with cards, those made later included."""
    daemon = Daemon(config=CARD)
    check_confined(daemon, 3, os.geteuid() == 0)
    daemon.ok("card", "add", "late", "model", "82576", "vfs", "2")
    with daemon.attach(0, card="late") as client:
        igbvf.handshake(client)
        check_confined(daemon, 4, os.geteuid() == 0)
    daemon.ok("card", "del", "late")
    daemon.stop()


@CASE
def the_helper_has_one_capability():
    """CAP_NET_ADMIN, where it was there; no descriptor of the daemon's; it ends with the daemon."""
    for user in [None] if os.geteuid() else [None, "nobody"]:
        daemon = Daemon(config=CARD, user=user)
        pid = helper_of(daemon)
        (fields,) = status(pid).values()
        want = 0 if user or os.geteuid() else CAP_NET_ADMIN
        sets = caps(fields)
        assert sets["Eff"] == sets["Prm"] == want and not sets["Inh"] and not sets["Amb"], f"{user}: {sets}"
        assert fields["NoNewPrivs"] == "1" and (is_sanitized() or fields["Seccomp"] == "2")
        fds = {n: os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
        assert sorted(fds) == ["0", "2"] and fds["0"].startswith("socket:"), fds
        os.kill(pid, signal.SIGTERM)
        daemon.stop(signal.SIGTERM if user else signal.SIGINT)
        wait_for("the helper has ended", lambda p=pid: not os.path.exists(f"/proc/{p}"))
        assert "helper: ladond" not in daemon.log(), "it says that a daemon has died that ended well"


@CASE
def a_violent_death_is_told():
    """The helper outlives the daemon by a line that says where the reason is found."""
    daemon = Daemon(config=CARD)
    pid, own = helper_of(daemon), daemon.pid
    daemon.stop(signal.SIGKILL)
    wait_for("the helper has ended", lambda: not os.path.exists(f"/proc/{pid}"))
    assert f"ladond (pid {own}) has died" in daemon.log() and "SIGSYS" in daemon.log()


@CASE
def without_it():
    """--no-sandbox: everything is kept, nobody helps, and the log says so."""
    daemon = Daemon("--no-sandbox", config=CARD)
    for fields in status(daemon.pid).values():
        assert fields["Seccomp"] == "0" or status(os.getpid()).popitem()[1]["Seccomp"] == "2"
        assert os.geteuid() or caps(fields)["Eff"] == caps(status("self").popitem()[1])["Eff"]
    with open(f"/proc/{daemon.pid}/task/{daemon.pid}/children", encoding="utf-8") as file:
        assert not file.read().strip()
    assert re.search(r" warn: sandbox: off \(--no-sandbox\)", daemon.log())
    with daemon.attach(0) as client:
        igbvf.handshake(client)
    daemon.stop()


# ---- and that it serves all the same ----

@CASE
def all_verbs():
    """Each verb of the CLI that there is, as its --help tells."""
    daemon = Daemon(config=CARD)
    folder = tempfile.TemporaryDirectory()
    token = os.path.join(folder.name, "token")
    with open(os.open(token, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
        file.write("6c8e51f4-6c0e-4f6a-9a55-3d1c8a3b0001\n")
    text = subprocess.run([LADON, "--help"], text=True, capture_output=True, check=True, env=clean_env()).stdout
    known = set(re.findall(r"^  ([a-z]+(?: [a-z]+)?)\b", text.split("Options:")[0], re.M))
    lines = {
        "card add": "card add nic1 model 82576 vfs 2 cpu 0", "card show": "card show",
        "card set": "card set nic1 flow-control full control-frames pass", "link show": "link show",
        "link set": "link set nic1 vf 0 vlan 7 trust on", "vf show": "vf show nic1 0", "vf reset": "vf reset nic1 0",
        "card set": "card set nic1 vfs 3", "vf add": "vf add nic1 20", "vf del": "vf del nic1 20",
        "pf show": "pf show nic1", "qemu": "qemu nic1 pf", "top": "top nic1 every 0.1 count 1", "show": "show", "faults": "faults",
        "registers": "registers 82576 vf", "vf set": "vf set nic1 vf 0 allow-uid any",
        "token generate": "token generate nic1", "token set": f"token set nic1 token-file {token}",
        "token show": "token show", "vf unlock": f"vf unlock nic1 vf 0 token-file {token}",
        "pf unlock": f"pf unlock nic1 token-file {token}", "token clear": "token clear nic1", "host add": f"host add ch1 lease 2000 token-file {token}", "host generate": f"host generate ch2 token-file {token}2",
        "host show": "host show", "host map": "host map", "vf assign": "vf assign nic1 1 host ch1", "card del": "card del nic1",
        "host del": "host del ch1",
    }
    monitor = Monitor(daemon)
    apart = {"monitor", "capture", "demo", "lab", "netdev"}  # the last three have daemons and tests of their own
    assert known == set(lines) | apart, f"{known ^ (set(lines) | apart)}: here is a line for each verb"
    for line in lines.values():
        daemon.ok(*line.split())
    monitor.close()
    assert daemon.json("show")["memory_bytes"] > 1 << 20, "the resident memory is not known"
    daemon.stop()


@CASE
def guests_come_and_go():
    """Memory in all kinds of files, each mapped by one client after the other; frames from each."""
    daemon = Daemon(config=CARD)
    told = []
    for kind, fd in files():
        for _ in range(3):
            daemon.settle(0)
            with guest(daemon, 0, fd) as (client, memory):
                mapped = not daemon.vf(0)["memory"]["bytes_without_file"]
                if mapped:
                    send_frame(client, memory, kind.encode())
        told.append(f"{kind} {'mapped' if mapped else 'by messages'}")
        os.close(fd)
    assert "memfd mapped" in told and "/dev/shm mapped" in told, told
    daemon.stop()
    return ", ".join(told)


@CASE
def a_tap_made_later():
    """Traffic through a tap that the helper made when the daemon had nothing left; it goes with its card."""
    need_tun()
    daemon = Daemon(config=CARD)
    for turn in range(2):
        tap = f"lsb{os.getpid() % 100000}.{turn}"
        daemon.ok(*f"card add wired model 82576 vfs 2 uplink tap:{tap} mtu 1400".split())
        with open(f"/sys/class/net/{tap}/mtu", encoding="utf-8") as file:
            assert file.read() == "1400\n"
        fd = memfd(MEMORY)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5)) as wire, \
                daemon.attach(0, card="wired") as client, mmap.mmap(fd, MEMORY) as memory:
            wire.bind((tap, 0x88b5))
            wire.settimeout(WAIT_S)
            client.map(0, MEMORY, fd)
            frame = send_frame(client, memory, tap.encode())
            assert wire.recv(2000) == frame
        os.close(fd)
        daemon.ok("card", "del", "wired")
        wait_for("the tap goes with its card", lambda t=tap: not os.path.exists(f"/sys/class/net/{t}"))
    done = daemon.ladon(*"card add wired model 82576 vfs 1 uplink tap:lo".split())
    assert done.returncode == 1 and "no tap interface" in done.stderr, done.stderr
    daemon.stop()


@CASE
def a_tap_in_the_config_file():
    """The same when the card is made at start."""
    need_tun()
    tap = f"lsc{os.getpid() % 100000}"
    daemon = Daemon(config=f"{CARD} uplink tap:{tap}")
    assert os.path.exists(f"/sys/class/net/{tap}")
    check_confined(daemon, 3, True)
    daemon.stop()
    wait_for("the tap goes with the daemon", lambda: not os.path.exists(f"/sys/class/net/{tap}"))


@CASE
def no_helper_no_tap():
    """When the helper has been killed, a tap cannot be had and the error says what to do; all else goes on."""
    daemon = Daemon(config=CARD)
    os.kill(helper_of(daemon), signal.SIGKILL)
    done = daemon.ladon(*"card add wired model 82576 vfs 1 uplink tap:lsd0".split())
    assert done.returncode == 1 and "start ladond again" in done.stderr, done.stderr
    daemon.ok(*"card add unwired model 82576 vfs 1".split())
    daemon.stop()


@CASE
def ready_is_told_from_inside():
    """READY=1 to an abstract socket, which Landlock would hide by then."""
    name = f"\0ladon-sandbox-{os.getpid()}"
    run_dir = Scratch() / "run"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name)
        sock.settimeout(WAIT_S)
        with subprocess.Popen([LADOND, "--run-dir", run_dir], stderr=subprocess.PIPE, text=True,
                              env=clean_env(NOTIFY_SOCKET="@" + name[1:])) as process:
            assert sock.recv(100) == b"READY=1"
            process.terminate()
            assert sock.recv(100) == b"STOPPING=1"
            process.stderr.read()
            assert process.wait(WAIT_S) == 0


def main():
    """Each test has its own daemon."""
    need_build()
    with open(LADOND, "rb") as binary:
        if b"__tsan_init" in binary.read():
            print("skip: the runtime of ThreadSanitizer has a thread of its own, which gives up nothing")
            return 77
    return SUITE.run()


if __name__ == "__main__":
    sys.exit(main())
