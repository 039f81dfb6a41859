# SPDX-License-Identifier: BSD-3-Clause
"""Compute hosts for tests: ladon-host as a process with name spaces of its own, and one by hand that says what it likes.

The layout of messages is written down here a second time, from docs/hosts.md: nothing is shared with src/fabric.
"""
import atexit
import mmap
import os
import shutil
import socket
import struct
import subprocess
import time
import uuid

import vfio_user
from ladond import BUILD, WAIT_S, clean_env, wait_for

LADON_HOST = os.path.join(BUILD, "ladon-host")
APART = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
SIZE, HEADER = 120, struct.Struct("<IIQ")  # type, seq, epoch
JOIN, WELCOME, BYE, OFFER, WITHDRAW, REG, DONE, ASSIGN, UNASSIGN, OPEN, BEAT, BRIDGE = range(1, 13)
READ, WRITE = 1, 2


def apart():
    """The words in front of a program that gives it name spaces; none where that is not allowed."""
    if not shutil.which("unshare") or subprocess.run([*APART, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        return []
    return APART


def write_token(path):
    """A new token in a file of ours."""
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{uuid.uuid4()}\n")
    return path


class Host:
    """A running ladon-host; it has joined when start returns."""

    def __init__(self, daemon, scratch, name, token, *args, before=()):
        self.daemon, self.name, self.args, self.before = daemon, name, args, before
        self.token, self.dir, self.log_path = token, scratch / name, scratch / f"{name}.log"
        self.process = None
        atexit.register(self.kill)
        self.start()

    def start(self):
        """Starts it (again)."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*apart(), *self.before, LADON_HOST, "--join", os.path.join(self.daemon.run_dir, "fabric.sock"), "--name", self.name,
                 "--token-file", self.token, "--run-dir", self.dir, *self.args], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=clean_env())
        self.joined()

    def joined(self):
        """Waits until it has joined."""
        wait_for(f"{self.name} has joined (its log: {self.log()[-500:]})", lambda: self.show()["state"] == "joined")

    def absent(self):
        """Waits until the daemon has given it up."""
        wait_for(f"{self.name} is absent", lambda: self.show()["state"] == "absent")

    def show(self):
        """host show as an object."""
        return self.daemon.ask("host", "show", self.name)[0]

    def log(self):
        """All it said so far."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def path(self, vf, card="nic0"):
        """The socket of a VF."""
        return os.path.join(self.dir, f"{card}-vf{vf}.sock")

    def has(self, vf, card="nic0"):
        """Waits for the VF to be served here."""
        wait_for(f"{self.name} serves {card}/vf{vf}", lambda: os.path.exists(self.path(vf, card)))

    def has_not(self, vf, card="nic0"):
        """Waits until it is not served here any more."""
        wait_for(f"{self.name} does not serve {card}/vf{vf}", lambda: not os.path.exists(self.path(vf, card)))

    def attach(self, vf=0, card="nic0", **how):
        """A vfio-user client on a VF. A socket that has its name, but does not listen yet, refuses."""
        self.has(vf, card)
        end = time.monotonic() + WAIT_S
        while True:
            try:
                return vfio_user.Client(self.path(vf, card), **how)
            except ConnectionRefusedError:
                assert time.monotonic() < end, f"{self.name} refuses {card}/vf{vf}"
                time.sleep(0.01)

    def fds(self):
        """How many descriptors it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        """Ends it; returns its exit code."""
        self.process.terminate()
        return self.process.wait(WAIT_S * 2)

    def kill(self):
        """Nothing is left behind when a test failed."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Message:
    """What the management host said."""

    def __init__(self, data, fds):
        assert len(data) == SIZE, f"{len(data)} bytes"
        self.type, self.seq, self.epoch = HEADER.unpack_from(data)
        self.body, self.fds = data[HEADER.size:], fds

    @property
    def err(self):
        """Of DONE and BYE: 0 or an errno."""
        return -struct.unpack_from("<i", self.body)[0]

    @property
    def why(self):
        """Likewise: its sentence."""
        return self.body[4:100].split(b"\0")[0].decode()


class Hand:
    """A compute host by hand."""

    def __init__(self, daemon):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(WAIT_S)
        self.sock.connect(os.path.join(daemon.run_dir, "fabric.sock"))
        self.epoch, self.seq, self.base = 0, 0, 0

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.sock.close()

    def raw(self, data, fds=()):
        """Sends bytes as one message."""
        socket.send_fds(self.sock, [data], fds)

    def say(self, kind, body=b"", fds=(), epoch=None):
        """Sends a message of the right size; returns its number."""
        self.seq += 1
        epoch = self.epoch if epoch is None else epoch
        self.raw((HEADER.pack(kind, self.seq, epoch) + body).ljust(SIZE, b"\0"), fds)
        return self.seq

    def hear(self):
        """The next message that is no beat; None at the end."""
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self.sock, 4096, 16)
            except ConnectionResetError:
                return None
            if not data:
                return None
            message = Message(data, fds)
            if message.type != BEAT:
                return message

    def join(self, name, token, version=1):
        """Asks to be let in; returns what was said."""
        key = uuid.UUID(token).bytes
        self.say(JOIN, struct.pack("<I16s16s", version, name.encode(), key), epoch=0)
        message = self.hear()
        if message and message.type == WELCOME:
            self.epoch = message.epoch
            self.base = struct.unpack_from("<Q", message.body)[0]
        return message

    def ask(self, kind, body=b"", fds=(), epoch=None):
        """Says it and waits for the answer; None when the connection is over."""
        seq = self.say(kind, body, fds, epoch)
        while True:
            message = self.hear()
            if not message or message.type == BYE or (message.type == DONE and message.seq == seq):
                return message

    def offer(self, hpa, size, fd=-1, offset=0, perm=READ | WRITE):
        """Offers memory; returns the errno of the answer and its sentence."""
        done = self.ask(OFFER, struct.pack("<QQQI", hpa, size, offset, perm), [fd] if fd >= 0 else [])
        return done.err, done.why

    def ended(self):
        """Waits for the end; returns the last message before it."""
        last = None
        while True:
            message = self.hear()
            if not message:
                return last
            last = message


class Desk:
    """The management host by hand: ladon-host joins it, and it answers when the test says so. Register writes have their effect only
    as far as a test of ladon-host's waiting needs: where the invalidation queue is, and its wait descriptor's status."""

    IQT, IQA = 0x88, 0x90

    def __init__(self, path, beat_ms=10):
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listening.bind(path)
        self.listening.listen()
        self.listening.settimeout(WAIT_S)
        self.sock, self.beat_ms, self.beats = None, beat_ms, 0
        self.memory, self.queue = {}, 0  # files by their address
        self.slow = lambda: None  # called before each answer, and before the unit has done its queue

    def close(self):
        """Hangs up."""
        self.listening.close()
        if self.sock:
            self.sock.close()
        for memory, _ in self.memory.values():
            memory.close()

    def say(self, kind, body=b"", seq=0, fds=()):
        """Sends a message under the one epoch there is."""
        socket.send_fds(self.sock, [(HEADER.pack(kind, seq, 1) + body).ljust(SIZE, b"\0")], fds)

    def hear(self):
        """The next message, also a beat, which is counted; None at the end."""
        data, fds, _, _ = socket.recv_fds(self.sock, 4096, 16)
        if not data:
            return None
        message = Message(data, fds)
        self.beats += message.type == BEAT
        return message

    def hear_beats(self, count):
        """Waits for so many, and for nothing else."""
        for _ in range(count):
            message = self.hear()
            assert message, "it has gone: it waited for an answer, and did not beat"
            assert message.type == BEAT, f"it said {message.type} while it waited for an answer"

    def accept(self):
        """It joins."""
        self.sock = self.listening.accept()[0]
        self.sock.settimeout(WAIT_S)
        assert self.hear().type == JOIN
        self.say(WELCOME, struct.pack("<QQII", 1 << 40, 1 << 40, self.beat_ms, 3))

    def serve(self, message):
        """OFFER, WITHDRAW and REG are done, slowly."""
        self.slow()
        if message.type == OFFER:
            hpa, size = struct.unpack_from("<QQ", message.body)
            self.memory[hpa] = mmap.mmap(message.fds[0], size), size
        elif message.type == REG:
            offset, _, value = struct.unpack_from("<IIQ", message.body)
            self.queue = value & ~0xfff if offset == self.IQA else self.queue
        for fd in message.fds:
            os.close(fd)
        self.say(DONE, seq=message.seq)
        if message.type == REG and offset == self.IQT and value:
            self.slow()
            self.finish((value - 16) % 4096)

    def at(self, hpa):
        """The file at an address, and where in it."""
        return next((memory, hpa - base) for base, (memory, size) in self.memory.items() if base <= hpa < base + size)

    def finish(self, offset):
        """The wait descriptor there is done."""
        low, status = struct.unpack_from("<QQ", *self.at(self.queue + offset))
        struct.pack_into("<I", *self.at(status), low >> 32)
