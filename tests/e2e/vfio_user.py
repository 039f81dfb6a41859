# SPDX-License-Identifier: BSD-3-Clause
"""A raw vfio-user client, written from the specification alone: a second source for the protocol.

It packs its own headers, sends whatever it is told, right or wrong, and hands out replies as they came.
Nothing here is shared with src/vfio_user.
"""
import array
import json
import mmap
import os
import socket
import struct

HEADER = struct.Struct("<HHIII")  # msg_id, command, msg_size, flags, error
MAP = struct.Struct("<IIQQQ")  # argsz, flags, offset, addr, size
UNMAP = struct.Struct("<IIQQ")  # argsz, flags, addr, size
INFO = struct.Struct("<IIII")  # argsz, flags, regions, irqs; also irq info and io fds
REGION = struct.Struct("<IIIIQQ")  # argsz, flags, index, cap_offset, size, offset
SPARSE = struct.Struct("<HHIIIQQ")  # id, version, next, nr_areas, reserved, offset, size
IRQS = struct.Struct("<IIIII")  # argsz, flags, index, start, count
ACCESS = struct.Struct("<QII")  # offset, region, count
DMA = struct.Struct("<QQ")  # addr, count
FEATURE = struct.Struct("<II")  # argsz, flags

VERSION, DMA_MAP, DMA_UNMAP, GET_INFO, GET_REGION_INFO, GET_IO_FDS, GET_IRQ_INFO, SET_IRQS = range(1, 9)
REGION_READ, REGION_WRITE, DMA_READ, DMA_WRITE, DEVICE_RESET, DIRTY_PAGES = range(9, 15)
WRITE_MULTI, DEVICE_FEATURE, MIG_READ, MIG_WRITE = range(15, 19)

COMMAND, REPLY, NO_REPLY, ERROR = 0, 1, 0x10, 0x20
R, W, MODE_MMAP, MODE_FILE = 1, 2, 4, 8
REGION_MMAP, REGION_CAPS = 4, 8
DATA_NONE, DATA_BOOL, DATA_EVENTFD, MASK, UNMASK, TRIGGER = 1, 2, 4, 8, 16, 32
INTX, MSI, MSIX, ERR, REQ = range(5)
BAR0, BAR3, ROM, CONFIG, VGA = 0, 3, 6, 7, 8
MAX_FDS = 253  # SCM_MAX_FD of Linux

QEMU_CAPS = {"capabilities": {"max_msg_fds": 16, "max_data_xfer_size": 1048576, "max_dma_maps": 65535,
                              "pgsizes": 4096, "migration": {"pgsize": 4096, "max_bitmap_size": 268435456},
                              "write_multiple": True}}


class RemoteError(Exception):
    """An error reply; errno is what it carried."""

    def __init__(self, command, errno):
        super().__init__(f"command {command}: {os.strerror(errno)} ({errno})")
        self.errno = errno


class Closed(Exception):
    """The server ended the connection."""


class Message:
    """One message as it came."""

    def __init__(self, header, payload, fds):
        self.id, self.command, self.size, self.flags, self.error = header
        self.payload, self.fds = payload, fds

    @property
    def is_reply(self):
        """A reply, not a command of the server's."""
        return self.flags & 0xf == REPLY

    def close_fds(self):
        """Gives back what came with it."""
        while self.fds:
            os.close(self.fds.pop())


def version_payload(caps=None, major=0, minor=1):
    """caps None: no JSON at all (SPDK). bytes are sent as they are."""
    if caps is None:
        caps = b""
    elif not isinstance(caps, bytes):
        caps = json.dumps(caps).encode() + b"\0"
    return struct.pack("<HH", major, minor) + caps


def message(command, payload=b"", flags=COMMAND, msg_id=0, size=None, error=0):
    """A whole message as bytes; size lies when it is given."""
    size = HEADER.size + len(payload) if size is None else size
    return HEADER.pack(msg_id, command, size, flags, error) + payload


class Client:
    """A connection. timeout bounds each wait: a server that does not answer fails the test."""

    def __init__(self, path, timeout=10.0, negotiate=True, caps=None):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.next_id = 1
        self.requests = []  # the server's commands, in order
        try:
            self.sock.connect(path)  # blocking: with a time limit a full backlog would be an error
            self.sock.settimeout(timeout)
            if negotiate:
                self.version(caps)
        except BaseException:
            self.sock.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        """Leaves without a word, as all clients do."""
        for request in self.requests:
            request.close_fds()
        self.sock.close()

    # ---- bytes ----

    def raw(self, data, fds=()):
        """Sends all of data; fds go with its first byte."""
        data = memoryview(data)
        try:
            if fds:
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
                data = data[self.sock.sendmsg([data], ancillary):]
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed(str(error)) from error

    def _exactly(self, count, fds):
        data = bytearray()
        room = socket.CMSG_SPACE(MAX_FDS * 4)
        while len(data) < count:
            try:
                got, ancillary, flags, _ = self.sock.recvmsg(count - len(data), room)
            except ConnectionResetError as error:
                raise Closed(str(error)) from error
            if flags & socket.MSG_CTRUNC:
                raise AssertionError("file descriptors of a reply were lost")
            for level, kind, payload in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    whole = len(payload) - len(payload) % 4
                    fds.extend(array.array("i", payload[:whole]))
            if not got:
                raise Closed("end of file" + (f" after {len(data)} bytes" if data else ""))
            data += got
        return bytes(data)

    def receive(self):
        """The next message, whatever it is. A broken header is the server's fault and fails."""
        fds = []
        header = HEADER.unpack(self._exactly(HEADER.size, fds))
        if header[2] < HEADER.size or header[2] > (2 << 20):
            raise AssertionError(f"the server's message says {header[2]} bytes")
        return Message(header, self._exactly(header[2] - HEADER.size, fds), fds)

    # ---- messages ----

    def send(self, command, payload=b"", fds=(), flags=COMMAND):
        """Sends a command, does not wait; returns its id."""
        msg_id = self.next_id
        self.next_id = self.next_id % 0xffff + 1
        self.raw(message(command, payload, flags, msg_id), fds)
        return msg_id

    def wait_reply(self, msg_id, command):
        """The reply to msg_id, which must be the next reply; commands of the server are put by."""
        while True:
            reply = self.receive()
            if reply.is_reply:
                break
            self.requests.append(reply)
        assert reply.id == msg_id, f"the reply has id {reply.id}, not {msg_id}"
        assert reply.command == command, f"the reply is to command {reply.command}, not {command}"
        if reply.flags & ERROR:
            assert reply.flags == REPLY | ERROR, f"flags of an error reply: {reply.flags:#x}"
            assert reply.size == HEADER.size, "an error reply is a header and no more"
            raise RemoteError(command, reply.error)
        assert reply.flags == REPLY and not reply.error, f"flags of a reply: {reply.flags:#x}"
        return reply

    def wait_request(self):
        """The server's next command."""
        if self.requests:
            return self.requests.pop(0)
        request = self.receive()
        assert not request.is_reply, f"a reply to command {request.command} came unasked"
        return request

    def answer(self, request, payload=b"", flags=REPLY, error=0, msg_id=None, command=None):
        """Replies to a command of the server's; the defaults are right, the rest is not."""
        self.raw(message(request.command if command is None else command, payload, flags,
                         request.id if msg_id is None else msg_id, error=error))

    def ask(self, command, payload=b"", fds=()):
        """Sends and waits; returns the whole reply."""
        return self.wait_reply(self.send(command, payload, fds), command)

    def call(self, command, payload=b"", fds=()):
        """Sends and waits; returns the payload, keeps no fds."""
        reply = self.ask(command, payload, fds)
        reply.close_fds()
        return reply.payload

    def wait_end(self):
        """Reads until the server closes; returns the errors of the replies before that."""
        errors = []
        while True:
            try:
                reply = self.receive()
            except Closed:
                return errors
            reply.close_fds()
            errors.append(reply.error)

    # ---- what clients usually say ----

    def version(self, caps=None, major=0, minor=1):
        """VERSION; returns (major, minor, JSON text)."""
        payload = self.call(VERSION, version_payload(caps, major, minor))
        assert payload[-1:] == b"\0", "the reply's JSON does not end in NUL"
        return (*struct.unpack_from("<HH", payload), payload[4:-1].decode())

    def get_info(self, argsz=INFO.size):
        """(argsz, flags, regions, interrupt indices)"""
        return INFO.unpack(self.call(GET_INFO, INFO.pack(argsz, 0, 0, 0)))

    def region_info(self, index, argsz=REGION.size, room=0):
        """The reply whole: room bytes of zeros are sent behind the struct, as SPDK does."""
        payload = REGION.pack(argsz, 0, index, 0, 0, 0) + bytes(room)
        return self.ask(GET_REGION_INFO, payload)

    def queue_pages(self):
        """BAR0's queue registers, mapped: what is at 0x2000 ... 0x3fff. The caller closes it."""
        info = self.region_info(0, argsz=256)
        assert info.fds, "no queue page was offered"
        pages = mmap.mmap(info.fds[0], 8192, offset=REGION.unpack_from(info.payload)[5] + 0x2000)
        info.close_fds()
        return pages

    def irq_info(self, index, argsz=INFO.size):
        """(argsz, flags, index, count)"""
        return INFO.unpack(self.call(GET_IRQ_INFO, INFO.pack(argsz, 0, index, 0)))

    def set_irqs(self, index, flags, start, count, fds=(), bools=b"", argsz=None):
        """SET_IRQS, fds beside it or bools behind it."""
        argsz = IRQS.size + len(bools) if argsz is None else argsz
        self.call(SET_IRQS, IRQS.pack(argsz, flags, index, start, count) + bools, fds)

    def read(self, region, offset, count):
        """Bytes of a region."""
        payload = self.call(REGION_READ, ACCESS.pack(offset, region, count))
        assert payload[:ACCESS.size] == ACCESS.pack(offset, region, count), "another access was answered"
        assert len(payload) == ACCESS.size + count, f"{len(payload)} bytes for {count}"
        return payload[ACCESS.size:]

    def write(self, region, offset, data):
        """Bytes into a region."""
        payload = self.call(REGION_WRITE, ACCESS.pack(offset, region, len(data)) + data)
        assert payload == ACCESS.pack(offset, region, len(data)), "another access was answered"

    def read32(self, region, offset):
        """One register."""
        return struct.unpack("<I", self.read(region, offset, 4))[0]

    def write32(self, region, offset, value):
        """One register."""
        self.write(region, offset, struct.pack("<I", value))

    def map(self, addr, size, fd=-1, offset=0, flags=R | W):
        """DMA_MAP; the reply has no payload."""
        reply = self.call(DMA_MAP, MAP.pack(MAP.size, flags, offset, addr, size), (fd,) if fd >= 0 else ())
        assert reply == b"", "DMA_MAP was answered with a payload"

    def unmap(self, addr, size, flags=0, fds=()):
        """DMA_UNMAP; the reply repeats the request."""
        request = UNMAP.pack(UNMAP.size, flags, addr, size)
        assert self.call(DMA_UNMAP, request, fds) == request, "DMA_UNMAP was not answered with its echo"

    def reset(self):
        """DEVICE_RESET."""
        assert self.call(DEVICE_RESET) == b"", "DEVICE_RESET was answered with a payload"
