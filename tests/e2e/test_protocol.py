#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The vfio-user protocol as a hostile client speaks it: every malformed message we could think of.

A wrong message is answered by the errno that the facts name, and the connection goes on; or the connection ends
and the daemon's log and monitor have the reason. A victim on another VF is served all the time.
"""
import errno
import json
import os
import socket
import struct
import sys

import vfio_user as vu
from ladond import Scratch, Suite, run_with_victim
from vfio_user import ACCESS, FEATURE, INFO, IRQS, MAP, REGION, UNMAP

PAGE = 4096
SUITE = Suite()
CASE = SUITE.test


class World:
    """The daemon under test; filled by main."""

    daemon = monitor = victim = None
    fresh = 0

    @classmethod
    def fresh_vf(cls):
        """A VF that nobody used yet: the log's rate limit counts for each."""
        card, vf = divmod(cls.fresh, 7)
        if vf == 0:
            cls.daemon.ok("card", "add", f"bad{card}", "model", "82576", "vfs", "7")
        cls.fresh += 1
        return vf, f"bad{card}"


def expect(wanted, function, *args, **kw):
    """function fails with this errno."""
    try:
        function(*args, **kw)
    except vu.RemoteError as error:
        assert error.errno == wanted, f"{error}, not {errno.errorcode[wanted]}"
        return
    raise AssertionError(f"it succeeded: {errno.errorcode[wanted]} is right")


def memfd(size=1 << 20):
    """A guest's memory."""
    fd = os.memfd_create("e2e")
    os.truncate(fd, size)
    return fd


# ---- negotiation: refused with EINVAL and the end of the connection ----

def ends(send, reason, errors):
    """send(client) ends the connection after replies with these errors; log and monitor tell the reason."""
    vf, card = World.fresh_vf()
    with World.daemon.attach(vf, card, negotiate=False) as client:
        try:
            send(client)
        except vu.Closed:
            pass
        got = client.wait_end()
    assert got == errors, f"replies before the end: {got}, not {errors}"
    told = World.monitor.wait("detached", card=card, vf=vf)["reason"]
    assert reason in told, f"the monitor says: {told}"
    lines = [l for l in World.daemon.log().splitlines() if f"{card}/vf{vf}: client detached" in l]
    assert len(lines) == 1 and reason in lines[0], f"the log says: {lines}"


def caps(**members):
    """VERSION with these capabilities."""
    return vu.version_payload({"capabilities": members})


NEGOTIATE = [
    ("3 bytes", b"\0\0\1", "shorter than 4"),
    ("nothing", b"", "shorter than 4"),
    ("major 1", vu.version_payload(major=1), "major"),
    ("major 65535", vu.version_payload(major=65535), "major"),
    ("no NUL behind the JSON", vu.version_payload(b'{"capabilities":{}}'), "NUL"),
    ("JSON that breaks off", vu.version_payload(b'{"capabilities":\0'), "does not parse"),
    ("JSON with a tail", vu.version_payload(b'{"capabilities":{}}}\0'), "does not parse"),
    ("JSON that is no object", vu.version_payload([1]), "not an object"),
    ("JSON 1000 deep", vu.version_payload(b"[" * 1000 + b"]" * 1000 + b"\0"), "does not parse"),
    ("JSON of 4097 bytes", vu.version_payload(b"{}" + b" " * 4094 + b"\0"), "4096"),
    ("JSON that is no UTF-8", vu.version_payload(b'{"capabilities":{"vf_token":"\xff"}}\0'), "does not parse"),
    ("capabilities no object", vu.version_payload({"capabilities": "x"}), "capabilities"),
    ("max_msg_fds a string", caps(max_msg_fds="16"), "max_msg_fds"),
    ("max_msg_fds -1", caps(max_msg_fds=-1), "max_msg_fds"),
    ("max_msg_fds 1025", caps(max_msg_fds=1025), "max_msg_fds"),
    ("max_data_xfer_size 0", caps(max_data_xfer_size=0), "max_data_xfer_size"),
    ("migration no object", caps(migration=1), "migration"),
    ("migration.pgsize a string", caps(migration={"pgsize": "4096"}), "migration"),
    ("migration.pgsize 4095", caps(migration={"pgsize": 4095}), "migration"),
    ("a VF token where there is none", caps(vf_token="2ab74924-c335-45f4-9b16-8569e5b08258"), "VF token"),
]
for _name, _payload, _reason in NEGOTIATE:
    SUITE.add(f"VERSION refused: {_name}",
              lambda p=_payload, r=_reason: ends(lambda c: c.send(vu.VERSION, p), r, [errno.EINVAL]))


def after_version(*messages):
    """Sends messages as they are, after a right VERSION."""
    def send(client):
        client.version(vu.QEMU_CAPS)
        for data in messages:
            client.raw(data)
    return send


ENDS = [
    ("another command before VERSION", lambda c: c.send(vu.GET_INFO, INFO.pack(16, 0, 0, 0)), "not VERSION",
     [errno.EINVAL]),
    ("a second VERSION", after_version(vu.message(vu.VERSION, vu.version_payload())), "second VERSION",
     [errno.EINVAL]),
    ("VERSION of 1 MiB", lambda c: c.raw(vu.message(vu.VERSION, b"", size=1 << 20)), "sizes from 16",
     [errno.EINVAL]),
    ("a message of 0 bytes", after_version(vu.message(vu.GET_INFO, size=0)), "sizes from 16", [errno.EINVAL]),
    ("a message of 15 bytes", after_version(vu.message(vu.GET_INFO, size=15)), "sizes from 16", [errno.EINVAL]),
    ("a message of 4 GiB", after_version(vu.message(vu.REGION_WRITE, size=0xffffffff)), "sizes from 16",
     [errno.EINVAL]),
    ("a message of 2 MiB", after_version(vu.message(vu.REGION_WRITE, size=2 << 20)), "sizes from 16",
     [errno.EINVAL]),
    ("15 bytes without reply", after_version(vu.message(vu.GET_INFO, size=15, flags=vu.NO_REPLY)),
     "sizes from 16", []),
    ("a reply to nothing", after_version(vu.message(vu.DMA_READ, bytes(16), vu.REPLY)), "never sent", []),
    ("an error reply to nothing", after_version(vu.message(vu.DMA_WRITE, b"", vu.REPLY | vu.ERROR, error=14)),
     "never sent", []),
    ("a reply to its own command", after_version(vu.message(vu.GET_INFO, bytes(16), vu.REPLY, 2)), "never sent",
     []),
]
for _name, _send, _reason, _errors in ENDS:
    SUITE.add(f"ends the connection: {_name}", lambda s=_send, r=_reason, e=_errors: ends(s, r, e))


@CASE
def version_accepted():
    """No JSON, empty JSON, QEMU's, unknown keys; the lower minor is agreed; the reply fits QEMU's buffer."""
    tries = [(None, 0, 0), (b"\0", 0, 0), ({}, 1, 1), (vu.QEMU_CAPS, 0, 0), ({"capabilities": {"x": [1]}}, 65535, 1)]
    for sent, minor, agreed in tries:
        with World.daemon.attach(negotiate=False) as client:
            major, got, text = client.version(sent, minor=minor)
            assert (major, got) == (0, agreed), f"version {major}.{got}"
            said = json.loads(text)["capabilities"]
            assert len(text) + 1 + 4 + 16 <= 214, "the reply is longer than QEMU's request"
            assert said["max_msg_fds"] == 16 and said["max_data_xfer_size"] == 1 << 20
            assert said["max_dma_maps"] <= 65535 and said["pgsizes"] == 4096
            client.get_info()
        World.daemon.settle()


# ---- wrong requests: the errno, and the connection goes on ----

EINVAL, ENOENT, EEXIST, EACCES, ENOTSUP, ENOTTY = (errno.EINVAL, errno.ENOENT, errno.EEXIST, errno.EACCES,
                                                   errno.ENOTSUP, errno.ENOTTY)
TOP = (1 << 64) - PAGE


def dma_map(argsz=32, flags=3, offset=0, addr=0, size=PAGE):
    """Payload of DMA_MAP."""
    return MAP.pack(argsz, flags, offset, addr, size)


def set_irqs(flags, start=0, count=1, index=vu.MSIX, argsz=20, tail=b""):
    """Payload of SET_IRQS."""
    return IRQS.pack(argsz, flags, index, start, count) + tail


def access(offset, region, count, data=b""):
    """Payload of REGION_READ or REGION_WRITE."""
    return ACCESS.pack(offset, region, count) + data


EVENT, NONE, BOOL = vu.DATA_EVENTFD | vu.TRIGGER, vu.DATA_NONE | vu.TRIGGER, vu.DATA_BOOL | vu.TRIGGER
# what, command, payload, errno, number of eventfds sent along
WRONG = [
    ("GET_INFO short", vu.GET_INFO, bytes(15), EINVAL, 0),
    ("GET_INFO argsz 8", vu.GET_INFO, INFO.pack(8, 0, 0, 0), EINVAL, 0),
    ("GET_REGION_INFO short", vu.GET_REGION_INFO, bytes(31), EINVAL, 0),
    ("GET_REGION_INFO argsz 31", vu.GET_REGION_INFO, REGION.pack(31, 0, 0, 0, 0, 0), EINVAL, 0),
    ("GET_REGION_INFO index 9", vu.GET_REGION_INFO, REGION.pack(32, 0, 9, 0, 0, 0), EINVAL, 0),
    ("GET_REGION_INFO index -1", vu.GET_REGION_INFO, REGION.pack(32, 0, 0xffffffff, 0, 0, 0), EINVAL, 0),
    ("GET_IRQ_INFO short", vu.GET_IRQ_INFO, bytes(15), EINVAL, 0),
    ("GET_IRQ_INFO argsz 15", vu.GET_IRQ_INFO, INFO.pack(15, 0, 0, 0), EINVAL, 0),
    ("GET_IRQ_INFO index 5", vu.GET_IRQ_INFO, INFO.pack(16, 0, 5, 0), EINVAL, 0),
    ("GET_IO_FDS short", vu.GET_IO_FDS, bytes(15), EINVAL, 0),
    ("GET_IO_FDS argsz 15", vu.GET_IO_FDS, INFO.pack(15, 0, 0, 0), EINVAL, 0),
    ("GET_IO_FDS flags", vu.GET_IO_FDS, INFO.pack(16, 1, 0, 0), EINVAL, 0),
    ("GET_IO_FDS count", vu.GET_IO_FDS, INFO.pack(16, 0, 0, 1), EINVAL, 0),
    ("GET_IO_FDS index 9", vu.GET_IO_FDS, INFO.pack(16, 0, 9, 0), EINVAL, 0),
    ("SET_IRQS short", vu.SET_IRQS, set_irqs(NONE)[:19], EINVAL, 0),
    ("SET_IRQS argsz 19", vu.SET_IRQS, set_irqs(NONE, argsz=19), EINVAL, 0),
    ("SET_IRQS argsz 4 GiB", vu.SET_IRQS, set_irqs(NONE, argsz=0xffffffff), EINVAL, 0),
    ("SET_IRQS index 5", vu.SET_IRQS, set_irqs(NONE, index=5), EINVAL, 0),
    ("SET_IRQS MASK and UNMASK", vu.SET_IRQS, set_irqs(vu.DATA_NONE | vu.MASK | vu.UNMASK), EINVAL, 0),
    ("SET_IRQS no action", vu.SET_IRQS, set_irqs(vu.DATA_NONE), EINVAL, 0),
    ("SET_IRQS NONE and BOOL", vu.SET_IRQS, set_irqs(NONE | vu.DATA_BOOL, tail=b"\1"), EINVAL, 0),
    ("SET_IRQS no data form", vu.SET_IRQS, set_irqs(vu.TRIGGER), EINVAL, 0),
    ("SET_IRQS unknown flag", vu.SET_IRQS, set_irqs(NONE | 64), EINVAL, 0),
    ("SET_IRQS start beyond", vu.SET_IRQS, set_irqs(NONE, start=3), EINVAL, 0),
    ("SET_IRQS count beyond", vu.SET_IRQS, set_irqs(NONE, count=4), EINVAL, 0),
    ("SET_IRQS start and count beyond", vu.SET_IRQS, set_irqs(NONE, 2, 2), EINVAL, 0),
    ("SET_IRQS start + count wraps", vu.SET_IRQS, set_irqs(NONE, 0xffffffff, 2), EINVAL, 0),
    ("SET_IRQS count wraps", vu.SET_IRQS, set_irqs(NONE, 2, 0xffffffff), EINVAL, 0),
    ("SET_IRQS of INTx", vu.SET_IRQS, set_irqs(EVENT, index=vu.INTX), EINVAL, 1),
    ("SET_IRQS of MSI", vu.SET_IRQS, set_irqs(EVENT, index=vu.MSI), EINVAL, 1),
    ("SET_IRQS ERR masked", vu.SET_IRQS, set_irqs(vu.DATA_NONE | vu.MASK, index=vu.ERR), EINVAL, 0),
    ("SET_IRQS ERR count 2", vu.SET_IRQS, set_irqs(NONE, count=2, index=vu.ERR), EINVAL, 0),
    ("SET_IRQS REQ masked", vu.SET_IRQS, set_irqs(vu.DATA_NONE | vu.MASK, index=vu.REQ), EINVAL, 0),
    ("SET_IRQS REQ count 2", vu.SET_IRQS, set_irqs(NONE, count=2, index=vu.REQ), EINVAL, 0),
    ("SET_IRQS start without count", vu.SET_IRQS, set_irqs(NONE, 1, 0), EINVAL, 0),
    ("SET_IRQS MASK without count", vu.SET_IRQS, set_irqs(vu.DATA_NONE | vu.MASK, count=0), EINVAL, 0),
    ("SET_IRQS BOOL without count", vu.SET_IRQS, set_irqs(BOOL, count=0), EINVAL, 0),
    ("SET_IRQS fds with NONE", vu.SET_IRQS, set_irqs(NONE), EINVAL, 1),
    ("SET_IRQS fds with BOOL", vu.SET_IRQS, set_irqs(BOOL, tail=b"\1"), EINVAL, 1),
    ("SET_IRQS 2 fds for 1", vu.SET_IRQS, set_irqs(EVENT), EINVAL, 2),
    ("SET_IRQS 1 fd for 2", vu.SET_IRQS, set_irqs(EVENT, count=2), EINVAL, 1),
    ("SET_IRQS 17 fds for 17", vu.SET_IRQS, set_irqs(EVENT, count=17), EINVAL, 17),
    ("SET_IRQS 253 fds for 3", vu.SET_IRQS, set_irqs(EVENT, count=3), EINVAL, 253),
    ("SET_IRQS bools too few", vu.SET_IRQS, set_irqs(BOOL, count=3, tail=b"\1\1"), EINVAL, 0),
    ("SET_IRQS bools too many", vu.SET_IRQS, set_irqs(BOOL, count=2, tail=b"\1\1\1"), EINVAL, 0),
    ("DMA_MAP short", vu.DMA_MAP, dma_map()[:31], EINVAL, 0),
    ("DMA_MAP argsz 31", vu.DMA_MAP, dma_map(argsz=31), EINVAL, 0),
    ("DMA_MAP argsz 4 GiB", vu.DMA_MAP, dma_map(argsz=0xffffffff), EINVAL, 0),
    ("DMA_MAP size 0", vu.DMA_MAP, dma_map(size=0), EINVAL, 0),
    ("DMA_MAP no permission", vu.DMA_MAP, dma_map(flags=0), EINVAL, 0),
    ("DMA_MAP unknown flag", vu.DMA_MAP, dma_map(flags=0x13), EINVAL, 0),
    ("DMA_MAP mmap without fd", vu.DMA_MAP, dma_map(flags=3 | vu.MODE_MMAP), EINVAL, 0),
    ("DMA_MAP file I/O without fd", vu.DMA_MAP, dma_map(flags=3 | vu.MODE_FILE), EINVAL, 0),
    ("DMA_MAP both modes", vu.DMA_MAP, dma_map(flags=15), EINVAL, 1),
    ("DMA_MAP half a page", vu.DMA_MAP, dma_map(size=2048), EINVAL, 0),
    ("DMA_MAP address off a page", vu.DMA_MAP, dma_map(addr=512), EINVAL, 0),
    ("DMA_MAP wraps", vu.DMA_MAP, dma_map(addr=TOP, size=2 * PAGE), EINVAL, 0),
    ("DMA_MAP the last page and one byte", vu.DMA_MAP, dma_map(addr=TOP, size=PAGE), EINVAL, 0),
    ("DMA_MAP all of 64 bits", vu.DMA_MAP, dma_map(size=TOP), EINVAL, 0),
    ("DMA_MAP above 48 bits", vu.DMA_MAP, dma_map(addr=1 << 48), EINVAL, 0),
    ("DMA_MAP 2 fds", vu.DMA_MAP, dma_map(), EINVAL, 2),
    ("DMA_MAP 17 fds", vu.DMA_MAP, dma_map(), EINVAL, 17),
    ("DMA_MAP 253 fds", vu.DMA_MAP, dma_map(), EINVAL, 253),
    ("DMA_UNMAP short", vu.DMA_UNMAP, bytes(23), EINVAL, 0),
    ("DMA_UNMAP argsz 23", vu.DMA_UNMAP, UNMAP.pack(23, 0, 0, PAGE), EINVAL, 0),
    ("DMA_UNMAP argsz 4 GiB", vu.DMA_UNMAP, UNMAP.pack(0xffffffff, 0, 0, PAGE), EINVAL, 0),
    ("DMA_UNMAP dirty bitmap", vu.DMA_UNMAP, UNMAP.pack(24, 1, 0, PAGE), EINVAL, 0),
    ("DMA_UNMAP unknown flag", vu.DMA_UNMAP, UNMAP.pack(24, 4, 0, PAGE), EINVAL, 0),
    ("DMA_UNMAP unknown range", vu.DMA_UNMAP, UNMAP.pack(24, 0, 0x123000, PAGE), ENOENT, 0),
    ("DMA_UNMAP size 0", vu.DMA_UNMAP, UNMAP.pack(24, 0, 0, 0), EINVAL, 0),
    ("DMA_UNMAP wraps", vu.DMA_UNMAP, UNMAP.pack(24, 0, TOP, 2 * PAGE), EINVAL, 0),
    ("DMA_UNMAP ALL with an address", vu.DMA_UNMAP, UNMAP.pack(24, 2, PAGE, 0), EINVAL, 0),
    ("DMA_UNMAP ALL with a size", vu.DMA_UNMAP, UNMAP.pack(24, 2, 0, PAGE), EINVAL, 0),
    ("DMA_UNMAP ALL with another flag", vu.DMA_UNMAP, UNMAP.pack(24, 3, 0, 0), EINVAL, 0),
    ("REGION_READ short", vu.REGION_READ, bytes(15), EINVAL, 0),
    ("REGION_READ of region 9", vu.REGION_READ, access(0, 9, 4), EINVAL, 0),
    ("REGION_READ of an absent region", vu.REGION_READ, access(0, 1, 4), EINVAL, 0),
    ("REGION_READ beyond the end", vu.REGION_READ, access(4094, vu.CONFIG, 4), EINVAL, 0),
    ("REGION_READ offset wraps", vu.REGION_READ, access((1 << 64) - 2, vu.CONFIG, 4), EINVAL, 0),
    ("REGION_READ of 1 MiB", vu.REGION_READ, access(0, vu.CONFIG, 1 << 20), EINVAL, 0),
    ("REGION_READ of 4 GiB", vu.REGION_READ, access(0, vu.CONFIG, 0xffffffff), EINVAL, 0),
    ("REGION_WRITE short", vu.REGION_WRITE, bytes(15), EINVAL, 0),
    ("REGION_WRITE without its data", vu.REGION_WRITE, access(0, vu.CONFIG, 4), EINVAL, 0),
    ("REGION_WRITE with half its data", vu.REGION_WRITE, access(0, vu.CONFIG, 4, b"\0\0"), EINVAL, 0),
    ("REGION_WRITE of region 9", vu.REGION_WRITE, access(0, 9, 4, bytes(4)), EINVAL, 0),
    ("REGION_WRITE beyond the end", vu.REGION_WRITE, access(0x3ffe, vu.BAR0, 4, bytes(4)), EINVAL, 0),
    ("REGION_WRITE offset wraps", vu.REGION_WRITE, access((1 << 64) - 4, vu.BAR0, 4, bytes(4)), EINVAL, 0),
    ("WRITE_MULTI", vu.WRITE_MULTI, bytes(32), ENOTSUP, 0),
    ("DEVICE_FEATURE short", vu.DEVICE_FEATURE, bytes(7), EINVAL, 0),
    ("DEVICE_FEATURE argsz 7", vu.DEVICE_FEATURE, FEATURE.pack(7, 1 << 16 | 1), EINVAL, 0),
    ("DEVICE_FEATURE GET and SET", vu.DEVICE_FEATURE, FEATURE.pack(8, 3 << 16 | 1), EINVAL, 0),
    ("DEVICE_FEATURE unknown flag", vu.DEVICE_FEATURE, FEATURE.pack(8, 1 << 19 | 1), EINVAL, 0),
    ("DEVICE_FEATURE PROBE migration", vu.DEVICE_FEATURE, FEATURE.pack(8, 5 << 16 | 1), ENOTTY, 0),
    ("MIG_DATA_READ", vu.MIG_READ, bytes(8), ENOTSUP, 0),
    ("MIG_DATA_WRITE", vu.MIG_WRITE, bytes(8), ENOTSUP, 0),
    ("command 0", 0, bytes(16), EINVAL, 0),
    ("command 14", vu.DIRTY_PAGES, bytes(16), EINVAL, 0),
    ("command 19", 19, bytes(16), EINVAL, 0),
    ("command 65535", 0xffff, bytes(16), EINVAL, 0),
    ("command DMA_READ from the client", vu.DMA_READ, bytes(16), EINVAL, 0),
    ("command DMA_WRITE from the client", vu.DMA_WRITE, bytes(16), EINVAL, 0),
] + [(f"no payload, command {c}", c, b"", EINVAL, 0) for c in
     (vu.DMA_MAP, vu.DMA_UNMAP, vu.GET_INFO, vu.GET_REGION_INFO, vu.GET_IO_FDS, vu.GET_IRQ_INFO, vu.SET_IRQS,
      vu.REGION_READ, vu.REGION_WRITE, vu.DEVICE_FEATURE)]


def refused(command, payload, wanted, nfds):
    """The errno comes, twice, and after a silent third the next request is answered; no fd stays with the daemon."""
    fds = [os.eventfd(0)] * nfds
    with Rows.client() as client:
        before = World.daemon.fds()
        expect(wanted, client.call, command, payload, fds)
        expect(wanted, client.call, command, payload, fds)
        client.send(command, payload, fds, vu.NO_REPLY)
        assert client.get_info()[2:] == (9, 5)
        assert World.daemon.fds() == before, f"{World.daemon.fds() - before} descriptors stayed with the daemon"
    if fds:
        os.close(fds[0])


class Rows:
    """One connection for all rows: it must live through them."""

    shared = None

    @classmethod
    def client(cls):
        """Borrowed: leaving the with block does not close it."""
        if not cls.shared:
            cls.shared = World.daemon.attach(1)

        class Borrowed:
            """with-statement that keeps the connection."""
            def __enter__(self):
                return cls.shared

            def __exit__(self, *unused):
                pass
        return Borrowed()


for _name, _command, _payload, _errno, _nfds in WRONG:
    SUITE.add(f"{errno.errorcode[_errno]}: {_name}",
              lambda c=_command, p=_payload, e=_errno, n=_nfds: refused(c, p, e, n))


@CASE
def neither_command_nor_reply():
    """A message type that does not exist is EINVAL."""
    with World.daemon.attach(2) as client:
        client.raw(vu.message(vu.GET_INFO, INFO.pack(16, 0, 0, 0), flags=2, msg_id=77))
        reply = client.receive()
        assert (reply.id, reply.flags, reply.error) == (77, vu.REPLY | vu.ERROR, EINVAL)
        client.get_info()


# ---- right requests at their edges ----

@CASE
def info_of_device_regions_and_interrupts():
    """Counts, sizes, flags, caps; argsz too small for caps; longer requests; no caps where nothing is."""
    with World.daemon.attach(2) as client:
        assert client.get_info() == client.get_info(argsz=32) == (16, 3, 9, 5)
        assert [client.irq_info(i)[3] for i in range(5)] == [0, 0, 3, 0, 0]
        assert client.irq_info(vu.MSIX)[1] == 1, "MSI-X: EVENTFD, and NORESIZE clear"
        sizes = {vu.BAR0: 0x4000, vu.BAR3: 0x4000, vu.CONFIG: 4096}
        for index in range(9):
            reply = client.region_info(index, argsz=4096)
            argsz, flags, got, cap, size, _ = REGION.unpack_from(reply.payload)
            assert (got, size) == (index, sizes.get(index, 0))
            assert len(reply.fds) == (index == vu.BAR0) and argsz == len(reply.payload)
            assert bool(flags & vu.REGION_CAPS) == bool(cap) == (index == vu.BAR0)
            assert bool(flags & vu.REGION_MMAP) == (index == vu.BAR0)
            assert flags & 3 == (3 if size else 0)
            if cap:
                assert vu.SPARSE.unpack_from(reply.payload, cap) == (1, 1, 0, 1, 0, 0x2000, 0x2000)
                assert os.fstat(reply.fds[0]).st_size >= 0x4000 or REGION.unpack_from(reply.payload)[5] == 0
            reply.close_fds()
        for argsz in range(32, 65):
            reply = client.region_info(0, argsz=argsz)
            whole = argsz >= 64
            want, flags, _, cap, _, _ = REGION.unpack_from(reply.payload)
            assert (want, len(reply.payload)) == (64, 64 if whole else 32), f"argsz {argsz}"
            assert bool(flags & vu.REGION_CAPS) == bool(cap) == whole
            reply.close_fds()


@CASE
def the_sparse_area_is_the_queue_page():
    """What is written through the mapped area is what a trapped read of the same register sees."""
    import mmap
    with World.daemon.attach(2) as client:
        reply = client.region_info(0, argsz=64)
        offset = REGION.unpack_from(reply.payload)[5]
        with mmap.mmap(reply.fds[0], 0x2000, offset=offset + 0x2000) as area:
            area[0x800:0x804] = struct.pack("<I", 0xabcd0000)  # RDBAL(0), at 0x2800 of BAR0
            assert client.read32(vu.BAR0, 0x2800) == 0xabcd0000
        reply.close_fds()


@CASE
def io_fds_are_none():
    """GET_REGION_IO_FDS counts no ioeventfd."""
    with World.daemon.attach(2) as client:
        for index in range(9):
            assert INFO.unpack(client.call(vu.GET_IO_FDS, INFO.pack(4096, 0, index, 0))) == (16, 0, index, 0)


@CASE
def access_of_nothing():
    """count 0 is answered by a header alone; zero-length writes too."""
    with World.daemon.attach(2) as client:
        assert client.call(vu.REGION_READ, access(0, vu.CONFIG, 0)) == b""
        assert client.call(vu.REGION_WRITE, access(0, vu.CONFIG, 0)) == b""


@CASE
def interrupts_given_fired_and_taken():
    """EVENTFD gives, updates and takes; NONE and BOOL fire; disable takes all; the daemon's fds come and go."""
    with World.daemon.attach(2) as client:
        before = World.daemon.fds()
        old, new = os.eventfd(0, os.EFD_NONBLOCK), os.eventfd(0, os.EFD_NONBLOCK)
        client.set_irqs(vu.MSIX, EVENT, 0, 1)  # QEMU's first: enable with no fd
        client.set_irqs(vu.MSIX, EVENT, 0, 3, [old, old, old])
        assert World.daemon.fds() == before + 3
        client.set_irqs(vu.MSIX, EVENT, 1, 1, [new])
        assert World.daemon.fds() == before + 3
        client.set_irqs(vu.MSIX, NONE, 1, 1)
        assert os.eventfd_read(new) == 1
        client.set_irqs(vu.MSIX, BOOL, 0, 3, bools=b"\1\0\1")
        assert os.eventfd_read(old) == 2
        for action in (vu.MASK, vu.UNMASK):
            client.set_irqs(vu.MSIX, vu.DATA_NONE | action, 0, 3)
        client.set_irqs(vu.MSIX, EVENT, 0, 1)
        assert World.daemon.fds() == before + 2
        client.set_irqs(vu.MSIX, NONE, 0, 1)  # fires nothing
        client.set_irqs(vu.MSIX, NONE, 0, 0)
        assert World.daemon.fds() == before
        client.set_irqs(vu.INTX, NONE, 0, 0)
        for fd in (old, new):
            try:
                os.eventfd_read(fd)
                raise AssertionError("an eventfd that was taken back was fired")
            except BlockingIOError:
                os.close(fd)


@CASE
def interrupts_want_eventfds():
    """A pipe, a file, a socket in the place of an eventfd is EINVAL; those beside it are not taken either."""
    pair = socket.socketpair()
    read_end, write_end = os.pipe()
    wrong = [read_end, write_end, memfd(), pair[0].fileno(), os.open("/dev/null", os.O_RDWR), os.open("/", os.O_RDONLY)]
    good = os.eventfd(0)
    with World.daemon.attach(2) as client:
        before = World.daemon.fds()
        for fd in wrong:
            expect(EINVAL, client.set_irqs, vu.MSIX, EVENT, 0, 1, [fd])
            expect(EINVAL, client.set_irqs, vu.MSIX, EVENT, 0, 3, [good, good, fd])
        assert World.daemon.fds() == before
    for fd in (*wrong[:3], *wrong[4:], good):
        os.close(fd)


@CASE
def eventfds_of_a_lost_client_are_closed():
    """After the client is gone the daemon has none of its eventfds and mappings."""
    World.daemon.settle(2)
    before = World.daemon.fds()
    event, memory = os.eventfd(0), memfd()
    with World.daemon.attach(2) as client:
        client.set_irqs(vu.MSIX, EVENT, 0, 3, [event] * 3)
        client.map(0, 1 << 20, memory)
        assert World.daemon.vf(2)["memory"] == {"maps": 1, "bytes": 1 << 20, "bytes_without_file": 0}
    World.daemon.settle(2)
    assert World.daemon.settled_fds(before) == before
    assert World.daemon.vf(2)["memory"]["maps"] == 0
    os.close(event)
    os.close(memory)


# ---- memory ----

@CASE
def maps_overlap_and_touch():
    """Any overlap is EEXIST, also the same again; neighbours are fine; a part cannot be unmapped."""
    fd = memfd()
    with World.daemon.attach(3) as client:
        client.map(0x10000, 0x4000, fd)
        for addr, size in ((0x10000, 0x4000), (0x10000, 0x1000), (0x13000, 0x1000), (0xf000, 0x2000),
                           (0x13000, 0x8000), (0, 0x20000), (0x11000, 0x1000)):
            expect(EEXIST, client.map, addr, size, fd)
            expect(EEXIST, client.map, addr, size)
        client.map(0xf000, 0x1000, fd)
        client.map(0x14000, 0x1000, fd, 0x4000)
        for addr, size in ((0x10000, 0x3000), (0x11000, 0x3000), (0xf000, 0x5000), (0x10000, 0x5000)):
            expect(ENOENT, client.unmap, addr, size)
        client.unmap(0x10000, 0x4000)
        expect(ENOENT, client.unmap, 0x10000, 0x4000)
        assert World.daemon.vf(3)["memory"]["maps"] == 2
        client.unmap(0, 0, flags=2)
        assert World.daemon.vf(3)["memory"]["maps"] == 0
        client.unmap(0, 0, flags=2)
        client.map((1 << 48) - PAGE, PAGE, fd)  # the last page that there is
        client.unmap((1 << 48) - PAGE, PAGE)
    os.close(fd)


@CASE
def what_is_no_memory():
    """Directory, FIFO, eventfd, /dev/zero, socket, O_PATH; a file that is too short, or opened the wrong way."""
    scratch = Scratch()
    os.mkfifo(scratch / "fifo")
    pair = socket.socketpair()
    fd = memfd(2 * PAGE)
    path = f"/proc/self/fd/{fd}"
    wrong = {"directory": os.open("/", os.O_RDONLY), "FIFO": os.open(scratch / "fifo", os.O_RDWR),
             "eventfd": os.eventfd(0), "/dev/zero": os.open("/dev/zero", os.O_RDWR), "socket": pair[0].fileno(),
             "O_PATH": os.open(path, os.O_PATH), "pipe": os.pipe()[0]}
    with World.daemon.attach(*World.fresh_vf()) as client:
        before = World.daemon.fds()
        expect(EINVAL, client.map, 0, 4 * PAGE, fd)
        for what, bad in wrong.items():
            try:
                expect(EINVAL, client.map, 0, PAGE, bad)
            except AssertionError as error:
                raise AssertionError(f"{what}: {error}") from error
        expect(EINVAL, client.map, 0, PAGE, fd, 2 * PAGE)
        expect(EINVAL, client.map, 0, PAGE, fd, TOP)
        expect(EINVAL, client.map, 0, PAGE, fd, 1 << 62)
        expect(EINVAL, client.map, 0, PAGE, fd, 100)
        expect(EACCES, client.map, 0, PAGE, os.open(path, os.O_RDONLY))
        expect(EACCES, client.map, 0, PAGE, os.open(path, os.O_WRONLY))
        client.map(0, PAGE, os.open(path, os.O_RDONLY), flags=vu.R)
        client.map(PAGE, PAGE, fd, PAGE, flags=vu.W)
        assert World.daemon.fds() == before, "a descriptor of a client's memory stayed open"
    for reason in ("must be a regular file", "reaches beyond the end"):
        assert reason in World.daemon.log(), f"the log does not say: {reason}"


@CASE
def a_file_that_may_block_is_used_by_messages():
    """procfs cannot be trusted to be mapped: the range is kept, without a file, and the log says so."""
    fd, where = os.open("/proc/self/mem", os.O_RDWR), World.fresh_vf()
    with World.daemon.attach(*where) as client:
        client.map(0, PAGE, fd)
        assert World.daemon.vf(*where)["memory"] == {"maps": 1, "bytes": 0, "bytes_without_file": PAGE}
    os.close(fd)
    assert "is used by messages" in World.daemon.log()


@CASE
def as_many_maps_as_promised():
    """65535 ranges are taken, the next is ENOSPC, and it all goes away with one message."""
    def batch(start, stop):
        return b"".join(vu.message(vu.DMA_MAP, dma_map(addr=i * 2 * PAGE), msg_id=i & 0xffff)
                        for i in range(start, stop))
    World.daemon.settle(3)
    with World.daemon.attach(3) as client:
        for start in range(0, 65535, 1000):
            stop = min(start + 1000, 65535)
            client.raw(batch(start, stop))
            for i in range(start, stop):
                reply = client.receive()
                assert (reply.id, reply.error) == (i, 0), f"map {i}: error {reply.error}"
        expect(errno.ENOSPC, client.map, 1 << 40, PAGE)
        assert World.daemon.vf(3)["memory"]["maps"] == 65535
        client.unmap(0, 0, flags=2)
        client.map(1 << 40, PAGE)


if __name__ == "__main__":
    sys.exit(run_with_victim(SUITE, World, monitor=True))
