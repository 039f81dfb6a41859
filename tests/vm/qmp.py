# SPDX-License-Identifier: BSD-3-Clause
"""A small QMP client: one command at a time, events kept aside."""

import json
import socket
import threading


class QmpError(Exception):
    """QEMU refused a command."""


class Qmp:
    """QEMU's monitor on a UNIX socket that is already connected."""

    def __init__(self, sock, timeout=30):
        """Greet and negotiate."""
        self.sock = sock
        self.sock.settimeout(timeout)
        self.file = sock.makefile("rwb")
        self.lock = threading.Lock()
        self.events = []
        self._read()
        self.command("qmp_capabilities")

    def _read(self):
        """Return one message."""
        line = self.file.readline()
        if not line:
            raise QmpError("QEMU closed its monitor")
        return json.loads(line)

    def command(self, name, **arguments):
        """Run a command and return its value."""
        with self.lock:
            message = {"execute": name, "arguments": arguments}
            try:
                self.file.write(json.dumps(message).encode() + b"\n")
                self.file.flush()
                while True:
                    answer = self._read()
                    if "event" not in answer:
                        break
                    self.events.append(answer)
            except socket.timeout as late:
                raise QmpError(f"{name}: no answer in {self.sock.gettimeout()} s") from late
        if "error" in answer:
            raise QmpError(f"{name}: {answer['error'].get('desc')}")
        return answer.get("return")

    def close(self):
        """Close the connection."""
        self.file.close()
        self.sock.close()
