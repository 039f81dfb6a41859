#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Uplinks of a running ladond: frames both ways, and what happens when the other end stalls, vanishes and comes back."""
import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading

from ladond import CARD, WAIT_S, Daemon, Monitor, Scratch, Skip, Suite, is_sanitized, need_build, wait_for
from tenant import BROADCAST, Tenant

SUITE = Suite()
CASE = SUITE.test
ADD = "card add nic1 model 82576 vfs 2 uplink"


def refused(daemon, words, *wanted):
    """One sentence that names what is wrong, and no card is made."""
    done = daemon.ladon(*words.split())
    assert done.returncode > 0 and len(done.stderr.splitlines()) == 1, f"{words}: {done}"
    for word in wanted:
        assert word in done.stderr, f"{word!r} is missing: {done.stderr}"
    assert all(card["name"] != words.split()[2] for card in daemon.json("card", "show"))


def is_up(daemon, card="nic0"):
    """Has the card a wire with another end?"""
    link, = daemon.json("link", "show", card)
    assert (link["operstate"] == "UP") == ("LOWER_UP" in link["flags"]) == ("NO-CARRIER" not in link["flags"])
    return link["operstate"] == "UP"


def wait_up(daemon, up=True, card="nic0"):
    """Until the link is as wanted; card show says the same."""
    wait_for(f"the link of {card} is {'up' if up else 'down'}", lambda: is_up(daemon, card) == up)
    assert daemon.json("card", "show", card)[0]["uplink_up"] == up


def drops(daemon, why="uplink", way="rx", card="nic0"):
    """Frames that the uplink lost: rx did not leave the card, tx did not come in."""
    link, = daemon.json("-s", "link", "show", card)
    return link["ladon"][way + "_drops"].get(why, 0)


# ---- stream ----

class Peer:
    """The other end of a stream: whole frames after their length."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(WAIT_S)

    def _take(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            assert more, "ladond has closed the connection"
            data += more
        return data

    def receive(self):
        """The next frame."""
        return self._take(struct.unpack("!I", self._take(4))[0])

    def send(self, *frames):
        """Sends them in one go."""
        self.sock.sendall(b"".join(struct.pack("!I", len(frame)) + frame for frame in frames))

    def close(self):
        """Goes away."""
        self.sock.close()


def listen(path):
    """A server there."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(WAIT_S)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    sock.bind(path)
    sock.listen(1)
    return sock


def both_ways(tenant, peer, mark):
    """A frame out, three frames in."""
    frame = tenant.frame(b"out " + mark)
    tenant.send(frame)
    assert peer.receive() == frame
    frames = [BROADCAST + b"\x02" + bytes(4) + bytes([i]) + b"\x88\xb5" + mark.ljust(50 + i, b".") for i in range(3)]
    peer.send(*frames)
    for frame in frames:
        assert tenant.receive() == frame


@CASE
def stream_connect():
    """A server that comes late, vanishes and comes back; the VFs' links follow, events tell."""
    scratch = Scratch()
    path = scratch / "wire.sock"
    daemon = Daemon(config=f"{CARD} uplink stream:{path}")
    monitor = Monitor(daemon)
    assert not is_up(daemon) and "(down)" in daemon.ok("card", "show")
    server = listen(path)
    tenant = Tenant(daemon)
    for turn in range(3):
        peer = Peer(server.accept()[0])
        monitor.wait("link", card="nic0", vf=0, up=True)
        assert is_up(daemon)
        both_ways(tenant, peer, b"turn %d" % turn)
        if turn == 1:
            server.close()
            os.unlink(path)
        peer.close()
        monitor.wait("link", card="nic0", vf=0, up=False)
        if turn == 1:
            assert not is_up(daemon)
            server = listen(path)
    daemon.ok("card", "del", "nic0")
    tenant.client.wait_end()
    server.close()
    daemon.stop()


@CASE
def stream_listen():
    """Below the run directory; one peer after the other; the file goes with the card."""
    scratch = Scratch()
    run_dir = scratch / "run"
    path = run_dir + "/nic0/wire.sock"
    daemon = Daemon(run_dir=run_dir, config=f"{CARD} uplink stream:listen={path}")
    assert os.stat(path).st_mode & 0o777 == 0o600 and not is_up(daemon)
    tenant = Tenant(daemon)
    for turn in range(2):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(path)
        wait_up(daemon)
        both_ways(tenant, Peer(sock), b"turn %d" % turn)
        sock.close()
        wait_up(daemon, False)
    if not is_sanitized():
        refused(daemon, f"{ADD} stream:listen={scratch / 'wire.sock'}", "run directory")
    refused(daemon, f"{ADD} stream:listen={path}", "taken", "nic0")
    daemon.ok("card", "del", "nic0")
    assert not os.path.exists(path) and not os.path.exists(os.path.dirname(path))
    daemon.stop()


@CASE
def stream_stalls():
    """A peer that does not read costs frames, which are counted, and nothing else; then it reads on."""
    scratch = Scratch()
    server = listen(scratch / "wire.sock")
    daemon = Daemon(config=f"{CARD} uplink stream:connect={scratch / 'wire.sock'}")
    peer = Peer(server.accept()[0])
    wait_up(daemon)
    tenant, other = Tenant(daemon), Tenant(daemon, 1)
    frame = tenant.frame(b"x" * 1400, to=b"\x02\0\0\0\0\x01")
    count = 0
    while not drops(daemon):
        for _ in range(50):
            tenant.send(frame)
        count += 50
    assert count > 100 and is_up(daemon)
    local = tenant.frame(b"local", to=other.mac)
    tenant.send(local)
    assert other.receive() == local
    lost = drops(daemon)
    for _ in range(count - lost):
        assert peer.receive() == frame
    both_ways(tenant, peer, b"awake")
    assert drops(daemon) == lost
    daemon.stop()


@CASE
def stream_nonsense():
    """Frames too long and too short are counted; a length that nobody sends ends the connection."""
    scratch = Scratch()
    server = listen(scratch / "wire.sock")
    daemon = Daemon(config=f"{CARD} uplink stream:{scratch / 'wire.sock'}")
    peer = Peer(server.accept()[0])
    tenant = Tenant(daemon)
    wait_up(daemon)
    peer.send(bytes(60000), bytes(9), b"")
    both_ways(tenant, peer, b"still there")
    assert drops(daemon, "size", "tx") == 1 and drops(daemon, "malformed", "tx") == 2
    peer.sock.sendall(b"\xff" * 8)
    assert peer.sock.recv(1) == b""
    both_ways(tenant, Peer(server.accept()[0]), b"again")
    daemon.stop()


@CASE
def stream_refused():
    """Wrong places, and a server of another user's."""
    scratch = Scratch()
    daemon = Daemon(config=f"{CARD} uplink stream:{scratch / 'a'}")
    refused(daemon, f"{ADD} stream:{scratch / 'a'}", "taken", "nic0")
    refused(daemon, f"{ADD} stream:wire.sock", "begins with /")
    refused(daemon, f"{ADD} stream:/{'x' * 107}", "107")
    refused(daemon, f"{ADD} stream:", "stream:PATH")
    daemon.stop()
    if os.geteuid() == 0:
        os.chmod(scratch.path, 0o755)
        path = scratch / "root.sock"
        with listen(path):
            os.chmod(path, 0o600)
            daemon = Daemon(user="nobody")
            refused(daemon, f"{ADD} stream:{path}", "may not open", path)
            daemon.stop()


def arp(tenant, address, own):
    """Who has address?"""
    return tenant.frame(struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + tenant.mac + own + bytes(6) + address,
                        kind=b"\x08\x06")


@CASE
def stream_passt():
    """passt answers ARP, and again after it was started anew; nobody needs root."""
    passt = shutil.which("passt", path=os.environ.get("PATH", "") + ":" + os.environ.get("LADON_PASST", ""))
    if not passt:
        raise Skip("there is no passt")
    scratch = Scratch()
    os.chmod(scratch.path, 0o777)
    path = scratch / "passt.sock"
    daemon = Daemon(config=f"{CARD} uplink stream:{path}", user=None if os.geteuid() else "nobody")
    tenant = Tenant(daemon)
    for _ in range(2):
        process = subprocess.Popen([passt, "-f", "-s", path, "-m", "1500", "-a", "10.9.9.2", "-n", "24",
                                    "-g", "10.9.9.1"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            wait_for("passt listens", lambda: os.path.exists(path) or process.poll() is not None)
            if process.poll() is not None:
                raise Skip(f"passt does not start here: {process.stderr.read().decode().strip()[-200:]}")
            os.chmod(path, 0o666)
            wait_up(daemon)
            tenant.send(arp(tenant, bytes([10, 9, 9, 1]), bytes([10, 9, 9, 2])))
            answer = tenant.receive(lambda f: f[12:14] == b"\x08\x06" and f[20:22] == b"\0\x02")
            assert answer[28:32] == bytes([10, 9, 9, 1]) and answer[:6] == tenant.mac
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
        wait_up(daemon, False)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    daemon.stop()


# ---- link ----

BACK_TO_BACK = CARD + " uplink link:nic1\ncard add nic1 model 82576 vfs 2 uplink link:nic0 mac 52:54:00:00:01:00"


def exchange(one, other, mark):
    """A frame each way, and the longest."""
    for sender, receiver in ((one, other), (other, one)):
        for frame in (sender.frame(mark), sender.frame(mark * 100, to=receiver.mac),
                      sender.frame(b"." * 1500, to=receiver.mac)):
            sender.send(frame)
            assert receiver.receive() == frame


@CASE
def link_both_ways():
    """Two cards of one daemon; one goes while the other sends, and comes back."""
    daemon = Daemon(config=BACK_TO_BACK)
    wait_up(daemon, card="nic0")
    wait_up(daemon, card="nic1")
    one, other = Tenant(daemon, 0, "nic0"), Tenant(daemon, 0, "nic1")
    monitor = Monitor(daemon)
    exchange(one, other, b"first")
    for turn in range(3):
        with Flood(one) as flood:
            daemon.ok("card", "del", "nic1")
            monitor.wait("link", card="nic0", vf=0, up=False)
            flood.more()
            daemon.ok(*BACK_TO_BACK.splitlines()[1].split())
            monitor.wait("link", card="nic0", vf=0, up=True)
            flood.more()
        other.client.wait_end()
        other.drop()
        other = Tenant(daemon, 0, "nic1")
        exchange(one, other, b"turn %d" % turn)
    link, = daemon.json("-s", "link", "show", "nic0")
    lost = link["vfinfo_list"][0]["ladon"]["tx_drops"]
    assert sum(lost.values()) + drops(daemon) > 0, "what was sent to no card is counted nowhere"
    daemon.stop()


class Flood:
    """A thread that sends without end."""

    def __init__(self, tenant):
        self.tenant, self.over, self.count = tenant, False, 0
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        frame = self.tenant.frame(b"flood", to=b"\x02\0\0\0\0\x01")
        while not self.over:
            self.tenant.send(frame)
            self.count += 1

    def more(self):
        """Until it has sent some more."""
        now = self.count
        wait_for("the flood goes on", lambda: self.count > now + 20)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.over = True
        self.thread.join()


@CASE
def link_refused():
    """To itself, to a card with another wire, to one that is taken; waiting for one that is not there is right."""
    daemon = Daemon(config=CARD)
    refused(daemon, f"{ADD} link:nic1", "both")
    refused(daemon, f"{ADD} link:nic0", "nic0 has uplink none")
    refused(daemon, f"{ADD} link:sixteen-letters-", "link:CARD")
    refused(daemon, f"{ADD} link:", "link:CARD")
    daemon.ok(*f"{ADD} link:nic2".split())
    assert not is_up(daemon, "nic1")
    refused(daemon, "card add nic3 model 82576 vfs 2 uplink link:nic1", "nic1 has uplink link:nic2")
    refused(daemon, "card add nic3 model 82576 vfs 2 uplink link:nic2", "taken", "nic1")
    daemon.ok(*"card add nic2 model 82576 vfs 2 uplink link:nic1".split())
    wait_up(daemon, card="nic1")
    wait_up(daemon, card="nic2")
    daemon.stop()


# ---- pcap ----

PCAP_HEAD = struct.Struct("<IHHiIII")
PCAP_RECORD = struct.Struct("<IIII")


def write_pcap(path, frames, step_us=1000):
    """A file as tcpdump -w writes it."""
    with open(path, "wb") as file:
        file.write(PCAP_HEAD.pack(0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, frame in enumerate(frames):
            file.write(PCAP_RECORD.pack(1000, i * step_us, len(frame), len(frame)) + frame)


def read_pcap(path):
    """The frames of a record, whose times must not go back."""
    with open(path, "rb") as file:
        data = file.read()
    assert PCAP_HEAD.unpack_from(data) == (0xa1b23c4d, 2, 4, 0, 0, 262144, 1)
    at, last, frames = PCAP_HEAD.size, (0, 0), []
    while at < len(data):
        seconds, part, length, wire = PCAP_RECORD.unpack_from(data, at)
        assert length == wire and (seconds, part) >= last
        last, at = (seconds, part), at + PCAP_RECORD.size + length
        frames.append(data[at - length:at])
    return frames


def pcap_life(daemon, scratch, make):
    """A card with both files, made by make(); what is replayed comes, what is sent is in the record."""
    frames = [BROADCAST + b"\x02\0\0\0\0\x99\x88\xb5" + bytes([i]) * 60 for i in range(20)]
    write_pcap(scratch / "in.pcap", frames)
    make()
    tenant = Tenant(daemon, 0, "nic1")
    for frame in frames:
        assert tenant.receive() == frame
    sent = [tenant.frame(bytes([i]) * (60 + 60 * i)) for i in range(20)]
    for frame in sent:
        tenant.send(frame)
    wait_for("the record is complete", lambda: len(read_pcap(scratch / "out.pcap")) == len(sent))
    assert read_pcap(scratch / "out.pcap") == sent
    daemon.ok("card", "del", "nic1")
    tenant.client.wait_end()
    assert read_pcap(scratch / "out.pcap") == sent


@CASE
def pcap_by_ladon():
    """ladon opens the files; the daemon could not. Nothing stays open."""
    scratch = Scratch()
    daemon = Daemon(config=CARD)
    before = daemon.fds()
    spec = f"pcap:replay={scratch / 'in.pcap'},speed=0.5,record={scratch / 'out.pcap'}"
    for _ in range(2):
        pcap_life(daemon, scratch, lambda: daemon.ok(*f"{ADD} {spec}".split()))
    daemon.settled_fds(before)
    daemon.stop()


@CASE
def pcap_by_the_file():
    """The configuration's are opened before the sandbox is entered."""
    scratch = Scratch()
    write_pcap(scratch / "empty.pcap", [])
    spec = f"pcap:record={scratch / 'out.pcap'},speed=max,replay={scratch / 'in.pcap'}"
    frames = [BROADCAST + b"\x02\0\0\0\0\x99\x88\xb5" + bytes([i]) * 60 for i in range(40)]
    write_pcap(scratch / "in.pcap", frames, 1)
    daemon = Daemon(config=f"{CARD} uplink pcap:replay={scratch / 'empty.pcap'}\n{ADD} {spec}")
    tenant = Tenant(daemon, 1, "nic1")
    for frame in frames:
        assert tenant.receive() == frame
    frame = tenant.frame(b"out")
    tenant.send(frame)
    wait_for("it is written", lambda: read_pcap(scratch / "out.pcap") == [frame])
    refused(daemon, f"card add nic2 model 82576 vfs 1 uplink pcap:record={scratch / 'out.pcap'}", "out.pcap", "busy")
    daemon.stop()


@CASE
def pcap_refused():
    """Wrong files and words, by name; a full disk takes the link down and is told of."""
    scratch = Scratch()
    daemon = Daemon(config=CARD)
    with open(scratch / "text", "w", encoding="utf-8") as file:
        file.write("this is no pcap file at all\n")
    write_pcap(scratch / "cut.pcap", [bytes(60)])
    os.truncate(scratch / "cut.pcap", 70)
    before = daemon.fds()
    refused(daemon, f"{ADD} pcap:", "pcap:replay=FILE")
    refused(daemon, f"{ADD} pcap:replay=a,speed=0", "speed=max")
    refused(daemon, f"{ADD} pcap:replay={scratch / 'none'}", scratch / "none", "No such file")
    refused(daemon, f"{ADD} pcap:replay={scratch / 'text'}", scratch / "text", "no pcap file")
    refused(daemon, f"{ADD} pcap:replay={scratch / 'cut.pcap'}", "cut.pcap", "middle of a frame")
    refused(daemon, f"{ADD} pcap:replay={scratch.path}", scratch.path, "regular file")
    refused(daemon, f"{ADD} pcap:record={scratch / 'none/out'}", scratch / "none/out", "No such file")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(os.path.join(daemon.run_dir, "control.sock"))
        words = f"{ADD} pcap:replay={scratch / 'text'}".split()
        sock.sendall(json.dumps({"words": words}).encode() + b"\n")
        assert b"hands it over" in sock.recv(4096)
        with open("/dev/full", "rb") as full:  # more files than there are places for, and no line yet
            socket.send_fds(sock, [b"{"], [full.fileno()] * 5)
    daemon.settled_fds(before)
    refused(daemon, f"{ADD} pcap:record=/dev/full", "/dev/full")
    daemon.stop()


if __name__ == "__main__":
    need_build()
    sys.exit(SUITE.run())
