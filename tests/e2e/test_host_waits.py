#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ladon-host and a management host by hand that takes its time: it is alive, and says so, whatever it waits for."""
import os
import socket
import struct
import subprocess
import sys
import threading

import vfio_user as vu
from hosts import ASSIGN, BEAT, DONE, LADON_HOST, OPEN, Desk, write_token
from ladond import WAIT_S, Scratch, Skip, Suite, clean_env, need_build, wait_for

SUITE = Suite()
CASE = SUITE.test
BEATS = 5  # without one, three would end its lease


class Waiter:
    """A ladon-host that has joined a desk; its VF's function is this test, too."""

    def __init__(self):
        self.scratch = Scratch()
        self.desk = Desk(self.scratch / "fabric.sock")
        token = write_token(self.scratch / "token")
        self.dir, self.log = self.scratch / "run", self.scratch / "log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([LADON_HOST, "--join", self.scratch / "fabric.sock", "--name", "ch1", "--token-file", token,
                                             "--run-dir", self.dir, "--once"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=clean_env())
        self.desk.accept()

    def settle(self):
        """Serves what it asks for until it only beats."""
        quiet = 0
        while quiet < BEATS:
            message = self.desk.hear()
            assert message, self.said()
            quiet = quiet + 1 if message.type == BEAT else 0
            if message.type != BEAT:
                self.desk.serve(message)

    def said(self):
        """Its log."""
        with open(self.log, encoding="utf-8") as file:
            return f"it has gone: {file.read()}"

    def vm(self):
        """A VM attaches, and reads a word of configuration space: a thread, for it has to be served. Returns it and what it got."""
        got = []
        path = os.path.join(self.dir, "nic0-vf0.sock")
        wait_for("the VF is served", lambda: os.path.exists(path))

        def run():
            try:
                with vu.Client(path, timeout=WAIT_S * 2) as client:
                    got.append(client.read32(vu.CONFIG, 0))
            except (vu.Closed, OSError) as error:
                got.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread, got

    def open(self):
        """Serves until OPEN comes, and answers that; returns the function's end of the connection."""
        while (message := self.desk.hear()).type != OPEN:
            if message.type != BEAT:
                self.desk.serve(message)
        self.desk.slow()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.desk.say(DONE, seq=message.seq, fds=[theirs.fileno()])
        theirs.close()
        ours.settimeout(WAIT_S)
        return ours

    def close(self):
        """Ends both."""
        self.desk.close()
        self.process.wait(WAIT_S)


def request(sock):
    """The next request at the function: (id, command)."""
    header = sock.recv(vu.HEADER.size, socket.MSG_WAITALL)
    msg_id, command, size, _, _ = vu.HEADER.unpack(header)
    return msg_id, command, sock.recv(size - vu.HEADER.size, socket.MSG_WAITALL) if size > vu.HEADER.size else b""


def reply(sock, asked, payload):
    """Answers it."""
    sock.sendall(vu.message(asked[1], payload, flags=vu.REPLY, msg_id=asked[0]))


@CASE
def while_it_waits_for_answers():
    """Each offer and each write of a register is answered after five beats."""
    it = Waiter()
    it.desk.slow = lambda: it.desk.hear_beats(BEATS)
    it.settle()
    beats = it.desk.beats
    it.close()
    return f"{beats} beats"


@CASE
def while_it_waits_for_its_unit_and_for_the_function():
    """Its unit has done the queue after five beats, OPEN, VERSION and a register are answered after five."""
    it = Waiter()
    it.settle()
    it.desk.say(ASSIGN, struct.pack("<16sII", b"nic0", 0, 0x100))
    vm, got = it.vm()
    it.desk.slow = lambda: it.desk.hear_beats(BEATS)
    function = it.open()
    asked = request(function)
    assert asked[1] == vu.VERSION, asked
    it.desk.hear_beats(BEATS)
    reply(function, asked, vu.version_payload({}))
    # Tables for its memory, then what the VM asks for: a register.
    function.settimeout(0.001)
    while True:
        try:
            asked = request(function)
            break
        except TimeoutError:
            message = it.desk.hear()
            assert message, it.said()
            if message.type != BEAT:
                it.desk.serve(message)
    function.settimeout(WAIT_S)
    while asked[1] != vu.REGION_READ:
        it.desk.hear_beats(BEATS)
        reply(function, asked, vu.REGION.pack(vu.REGION.size, vu.R | vu.W, vu.CONFIG, 0, 4096, 0))
        asked = request(function)
    it.desk.hear_beats(BEATS)
    reply(function, asked, asked[2] + struct.pack("<I", 0x10ca8086))
    vm.join(WAIT_S * 2)
    assert got == [0x10ca8086], got
    function.close()
    it.close()


def main():
    """A ladon-host for each."""
    need_build()
    if not os.access(LADON_HOST, os.X_OK):
        raise Skip("ladon-host is missing")
    return SUITE.run()


if __name__ == "__main__":
    sys.exit(main())
