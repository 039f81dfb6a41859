#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A VF as its client sees it: configuration space, BAR sizing, resets, DMA by messages; the orders of QEMU,
Cloud Hypervisor and SPDK as transcripts. A victim on another VF is served all the time.
"""
import errno
import os
import struct
import sys

import igbvf
import vfio_user as vu
from ladond import Monitor, Suite, World, attach, memfd, run_with_victim, wait_for
from vfio_user import ACCESS, BAR0, BAR3, CONFIG, DMA, INFO, MAP, REGION, UNMAP

SUITE = Suite()
CASE = SUITE.test
MSIX_CAP, PCIE_CAP, AER_CAP, ARI_CAP = 0x70, 0xa0, 0x100, 0x150
DEVCTL, FLR = PCIE_CAP + 8, 0x8000
EVENT, FIRE = vu.DATA_EVENTFD | vu.TRIGGER, vu.DATA_NONE | vu.TRIGGER


# ---- configuration space ----

@CASE
def config_walk():
    """Header and both capability chains as lspci walks them."""
    with attach() as client:
        config = client.read(CONFIG, 0, 4096)
    vendor, device, command, status, revision = struct.unpack_from("<HHHHB", config)
    assert (vendor, device, revision) == (0x8086, 0x10ca, 1) and config[9:12] == b"\0\0\2"
    assert command == 0 and status & 0x10 and config[0x0e] == 0 and config[0x3d] == 0
    chain, at = {}, config[0x34]
    while at:
        assert at not in chain and at >= 0x40 and not at & 3, f"capability at {at:#x}"
        chain[at], at = config[at], config[at + 1]
    assert chain == {MSIX_CAP: 0x11, PCIE_CAP: 0x10}, chain
    extended, at = {}, 0x100
    while at:
        word, = struct.unpack_from("<I", config, at)
        assert at not in extended and word >> 16 & 0xf == 1, f"extended capability at {at:#x}: {word:#x}"
        extended[at], at = word & 0xffff, word >> 20
    assert extended == {AER_CAP: 1, ARI_CAP: 0xe}, extended
    control, table, pba = struct.unpack_from("<HII", config, MSIX_CAP + 2)
    assert (control & 0x7ff, table, pba) == (2, 3, 0x2003), "MSI-X: 3 vectors, table and PBA in BAR 3"
    assert struct.unpack_from("<I", config, PCIE_CAP + 4)[0] & 1 << 28, "no FLR capability"
    return "no PM capability (as the hardware's VF), so there is no D3hot"


@CASE
def config_by_pieces():
    """Bytes, words, dwords and odd runs read what the whole read; past the end is refused."""
    with attach() as client:
        config = client.read(CONFIG, 0, 4096)
        for size, step in ((1, 1), (2, 2), (4, 4), (8, 8), (3, 3), (255, 255)):
            end = 512 if size < 8 else 4096
            got = b"".join(client.read(CONFIG, at, min(size, end - at)) for at in range(0, end, step))
            assert got == config[:end], f"pieces of {size}"


@CASE
def bars_are_sized():
    """All ones read back as the size; 64-bit, prefetchable; absent BARs stay 0; an address sticks."""
    with attach() as client:
        for at in range(0x10, 0x28, 4):
            client.write32(CONFIG, at, 0xffffffff)
        got = [client.read32(CONFIG, at) for at in range(0x10, 0x28, 4)]
        assert got == [0xffffc00c, 0xffffffff, 0, 0xffffc00c, 0xffffffff, 0], [hex(x) for x in got]
        client.write32(CONFIG, 0x30, 0xfffff800)
        assert client.read32(CONFIG, 0x30) == 0, "there is no ROM"
        client.write32(CONFIG, 0x10, 0x12345678)
        client.write32(CONFIG, 0x14, 0x9)
        assert (client.read32(CONFIG, 0x10), client.read32(CONFIG, 0x14)) == (0x1234400c, 9)


@CASE
def read_only_bits_stay():
    """Ones and zeros all over the configuration space change only what may be changed."""
    with attach() as client:
        first = client.read(CONFIG, 0, 4096)
        for fill in (b"\xff", b"\0"):
            client.write(CONFIG, 0, fill * (PCIE_CAP + 9))
            client.write(CONFIG, PCIE_CAP + 10, fill * (4096 - PCIE_CAP - 10))
        now = client.read(CONFIG, 0, 4096)
        for at in (*range(0, 4), *range(8, 12), *range(0x2c, 0x30), 0x34, 0x3d, MSIX_CAP, MSIX_CAP + 1,
                   *range(MSIX_CAP + 4, MSIX_CAP + 12), *range(PCIE_CAP, PCIE_CAP + 8), *range(0x100, 0x104),
                   *range(0x150, 0x158)):
            assert now[at] == first[at], f"byte {at:#x} went from {first[at]:#x} to {now[at]:#x}"
        assert not any(now[0x180:]), "something appeared behind the last capability"


@CASE
def unknown_registers_are_harmless():
    """Every dword of both BARs can be read and written, in any size; absent ones read 0 or all ones."""
    with attach() as client:
        for region in (BAR0, BAR3):
            for at in range(0, 0x4000, 4):
                client.send(vu.REGION_READ, ACCESS.pack(at, region, 4), flags=vu.NO_REPLY)
                if at not in (0, igbvf.V2PMAILBOX):
                    client.send(vu.REGION_WRITE, ACCESS.pack(at, region, 4) + b"\xff" * 4, flags=vu.NO_REPLY)
            for size in (1, 2, 3, 8, 16, 4096, 0x4000):
                client.read(region, 0, size)
                client.write(region, 0x1000, bytes(min(size, 0x1000)))
        assert client.read(BAR3, 0x2000, 8) == bytes(8), "a PBA that says pending"


# ---- resets ----

def dirty(client, event, memory):
    """Puts state into every place that a reset must clear, and into those that it must not."""
    client.map(0, 1 << 20, memory)
    client.map(1 << 30, 1 << 20)
    client.set_irqs(vu.MSIX, EVENT, 0, 3, [event] * 3)
    client.write32(CONFIG, 0x10, 0xfebf0000)
    igbvf.bus_master(client)
    igbvf.handshake(client)
    igbvf.start_tx(client, 0)
    client.write(CONFIG, MSIX_CAP + 2, b"\0\x80")
    wait_for("the driver is seen", lambda: World.daemon.vf(0)["driver_active"])


def is_reset(client, event, config):
    """Registers, and configuration space if told, are at their reset values; maps and eventfds are what they were."""
    got = (client.read32(CONFIG, 0x10), client.read(CONFIG, 4, 2), client.read(CONFIG, MSIX_CAP + 2, 2))
    right = (0x0c, b"\0\0", b"\2\0") if config else (0xfebf000c, b"\6\0", b"\2\x80")
    assert got == right, f"BAR 0, COMMAND, MSI-X control are {got}, not {right}"
    assert client.read(CONFIG, DEVCTL + 1, 1)[0] & 0x80 == 0, "Initiate FLR reads 0 always"
    assert client.read32(BAR0, igbvf.TXDCTL) & igbvf.ENABLE == 0, "the transmit queue stayed enabled"
    now = World.daemon.vf(0)
    assert not now["driver_active"] and now["bus_master"] != config and not any(now["tx_queues"])
    assert now["memory"] == {"maps": 2, "bytes": 1 << 20, "bytes_without_file": 1 << 20}, now["memory"]
    client.set_irqs(vu.MSIX, FIRE, 0, 3)
    assert os.eventfd_read(event) == 3, "the eventfds did not outlive the reset"
    client.unmap(0, 1 << 20)
    client.unmap(1 << 30, 1 << 20)


def resets(way, reason, config=True):
    """way(client) resets; the monitor tells the reason; the card works again after it."""
    event, memory = os.eventfd(0, os.EFD_NONBLOCK), memfd(1 << 20)
    with attach() as client:
        dirty(client, event, memory)
        monitor = Monitor(World.daemon)
        way(client)
        told = monitor.wait("reset", card="nic0", vf=0)["reason"]
        monitor.close()
        assert reason in told, f"the reason is {told}"
        is_reset(client, event, config)
        igbvf.handshake(client)
    os.close(event)
    os.close(memory)


SUITE.add("reset by DEVICE_RESET keeps maps", lambda: resets(lambda c: c.reset(), "client"))
SUITE.add("reset by FLR, the word of DEVCTL",
          lambda: resets(lambda c: c.write(CONFIG, DEVCTL, struct.pack("<H", FLR)), "function-level"))
SUITE.add("reset by FLR, the one byte",
          lambda: resets(lambda c: c.write(CONFIG, DEVCTL + 1, b"\x80"), "function-level"))
SUITE.add("reset by FLR inside a longer write",
          lambda: resets(lambda c: c.write(CONFIG, PCIE_CAP + 4, bytes(5) + b"\x80" + bytes(6)), "function-level"))
SUITE.add("reset by the operator, as a PF resets its card",
          lambda: resets(lambda c: World.daemon.ok("vf", "reset", "nic0", "0"), "operator", config=False))


@CASE
def ctrl_rst_clears_the_queues_only():
    """CTRL.RST is the VF's own reset: queues and driver go, configuration space and maps stay."""
    event, memory = os.eventfd(0, os.EFD_NONBLOCK), memfd(1 << 20)
    with attach() as client:
        dirty(client, event, memory)
        client.write32(BAR0, 0, 1 << 26)
        assert client.read32(BAR0, igbvf.TXDCTL) & igbvf.ENABLE == 0
        assert client.read(CONFIG, 4, 2) == b"\6\0" and World.daemon.vf(0)["memory"]["maps"] == 2
        assert not World.daemon.vf(0)["driver_active"]
        igbvf.handshake(client)


@CASE
def no_power_states():
    """A VF has no PM capability; writes where QEMU's model has it change nothing and reset nothing."""
    with attach() as client:
        before = World.daemon.vf(0)["resets"]
        igbvf.bus_master(client)
        for state in (3, 0):
            client.write(CONFIG, 0x44, bytes([state, 0]))
            assert client.read(CONFIG, 0x44, 2) == b"\0\0"
        assert client.read(CONFIG, 4, 2) == b"\6\0" and World.daemon.vf(0)["resets"] == before


@CASE
def register_writes_around_resets():
    """Pipelined: resets between doorbells and BAR writes, none of it awaited."""
    memory = memfd(1 << 20)
    with attach() as client:
        client.map(0, 1 << 20, memory)
        batch = b""
        for i in range(300):
            for region, at, data in ((CONFIG, 4, b"\6\0"), (BAR0, igbvf.TDLEN, b"\x80\0\0\0"),
                                     (BAR0, igbvf.TXDCTL, b"\0\0\0\2"), (BAR0, igbvf.TDT, b"\7\0\0\0"),
                                     (CONFIG, 0x10, b"\0\0\xbf\xfe")):
                batch += vu.message(vu.REGION_WRITE, ACCESS.pack(at, region, len(data)) + data, vu.NO_REPLY)
            batch += vu.message(vu.DEVICE_RESET, flags=vu.NO_REPLY if i % 2 else 0, msg_id=i)
        client.raw(batch)
        for i in range(0, 300, 2):
            assert client.receive().id == i
        client.unmap(0, 1 << 20)
        assert client.read32(CONFIG, 0x10) == 0x0c
    os.close(memory)


# ---- DMA by messages ----

RING, BUFFER = 0x100000, 0x200000


def frame(src):
    """A broadcast of 60 bytes."""
    return b"\xff" * 6 + src + b"\x88\xb5" + bytes(46)


def message_mode(caps=None):
    """A client whose memory has no file, with one frame to send; returns it and the frame."""
    client = attach(0, caps=caps)
    client.map(0, 16 << 20)
    client.region_info(0)
    assert World.daemon.vf(0)["attached"]["message_mode"]
    igbvf.bus_master(client)
    sent = frame(igbvf.handshake(client))
    igbvf.start_tx(client, RING)
    igbvf.ring_tx(client, 1)
    return client, sent


def serve(client, sent, write_reply=True):
    """Answers the card's DMA until it wrote the descriptor back; returns the counts asked for."""
    memory = bytearray(16 << 20)
    memory[RING:RING + 16] = igbvf.tx_desc(BUFFER, len(sent))
    memory[BUFFER:BUFFER + len(sent)] = sent
    counts = []
    while not memory[RING + 12] & igbvf.DD:
        request = client.wait_request()
        addr, count = DMA.unpack_from(request.payload)
        counts.append(count)
        if request.command == vu.DMA_READ:
            assert len(request.payload) == 16
            client.answer(request, DMA.pack(addr, count) + memory[addr:addr + count])
        else:
            assert request.command == vu.DMA_WRITE and len(request.payload) == 16 + count
            memory[addr:addr + count] = request.payload[16:]
            client.answer(request, DMA.pack(addr, count) if write_reply else b"")
    return counts


def judged_frames():
    """Frames of VF 0 that came as far as the switch: broadcasts that nobody else is there to receive."""
    stats = World.daemon.json("-s", "link", "show", "nic0")[0]["vfinfo_list"][0]["stats"]
    return stats["tx"]["tx_packets"]


@CASE
def dma_by_messages():
    """A frame leaves a VM whose memory cannot be mapped; both forms of a DMA_WRITE reply are right."""
    for write_reply in (True, False):
        before = judged_frames()
        client, sent = message_mode()
        serve(client, sent, write_reply)
        client.get_info()
        client.close()
        assert judged_frames() == before + 1, "the frame was not sent"
    assert "has no file" in World.daemon.log()


@CASE
def dma_is_split_by_the_clients_limit():
    """max_data_xfer_size 16: no message asks for more."""
    before = judged_frames()
    client, sent = message_mode({"capabilities": {"max_data_xfer_size": 16}})
    counts = serve(client, sent)
    client.close()
    assert max(counts) <= 16, f"it asked for {max(counts)} bytes"
    assert judged_frames() == before + 1, "the frame was not sent"


# What is wrong with the reply, and what the daemon must say as it ends the connection (None: it goes on).
WRONG_REPLIES = [
    ("an error", lambda c, r: c.answer(r, flags=vu.REPLY | vu.ERROR, error=errno.ENODEV), None),
    ("an error without a number", lambda c, r: c.answer(r, flags=vu.REPLY | vu.ERROR), None),
    ("an error above 4095", lambda c, r: c.answer(r, flags=vu.REPLY | vu.ERROR, error=0xffffffff), None),
    ("no payload", lambda c, r: c.answer(r), None),
    ("no data", lambda c, r: c.answer(r, r.payload[:16]), None),
    ("a byte too few", lambda c, r: c.answer(r, r.payload[:16] + bytes(DMA.unpack(r.payload[:16])[1] - 1)), None),
    ("a byte too many", lambda c, r: c.answer(r, r.payload[:16] + bytes(DMA.unpack(r.payload[:16])[1] + 1)), None),
    ("another address", lambda c, r: c.answer(r, DMA.pack(0, DMA.unpack(r.payload)[1]) +
                                              bytes(DMA.unpack(r.payload)[1])), None),
    ("another id", lambda c, r: c.answer(r, r.payload[:16], msg_id=r.id ^ 1), "never sent"),
    ("another command", lambda c, r: c.answer(r, r.payload[:16], command=vu.DMA_WRITE), "never sent"),
    ("the same twice", lambda c, r: [c.answer(r, r.payload[:16] + bytes(DMA.unpack(r.payload)[1]))
                                     for _ in range(2)], "never sent"),
]


def wrong_reply(answer, reason):
    """The connection goes on and a fault is recorded, or it ends with the reason."""
    faults = World.daemon.ask("show")["faults"]
    client, _ = message_mode()
    request = client.wait_request()
    assert request.command == vu.DMA_READ
    monitor = Monitor(World.daemon)
    answer(client, request)
    if reason:
        client.wait_end()
        told = monitor.wait("detached", card="nic0", vf=0)["reason"]
        assert reason in told, f"the monitor says {told}"
    else:
        client.get_info()
        wait_for("the fault", lambda: World.daemon.ask("show")["faults"] == faults + 1)
        client.reset()
        assert World.daemon.vf(0)["attached"]
    client.close()
    monitor.close()


for _name, _answer, _reason in WRONG_REPLIES:
    SUITE.add(f"reply to DMA_READ: {_name}", lambda a=_answer, r=_reason: wrong_reply(a, r))


@CASE
def dma_that_is_never_answered():
    """The daemon waits for nobody: commands are answered, resets and unmaps finish, the client may vanish."""
    client, _ = message_mode()
    client.wait_request()
    client.get_info()
    client.reset()
    client.unmap(0, 16 << 20)
    client.close()
    client, _ = message_mode()
    client.wait_request()
    client.close()
    with attach() as again:
        again.get_info()


# ---- transcripts ----

@CASE
def qemu_transcript():
    """VERSION 0.0 with its JSON; maps unawaited; the order of realize and of the machine's reset."""
    memory = memfd(64 << 20)
    with attach(negotiate=False) as client:
        client.version(vu.QEMU_CAPS, minor=0)
        maps = [client.send(vu.DMA_MAP, MAP.pack(32, 3, 0, 0, 0xa0000), [memory]),
                client.send(vu.DMA_MAP, MAP.pack(32, 3, 0x100000, 0x100000, 63 << 20), [memory]),
                client.send(vu.DMA_MAP, MAP.pack(32, 1, 0, 0xfffc0000, 0x40000))]
        info = client.send(vu.GET_INFO, INFO.pack(16, 0, 0, 0))
        for msg_id in maps:
            client.wait_reply(msg_id, vu.DMA_MAP)
        assert INFO.unpack(client.wait_reply(info, vu.GET_INFO).payload) == (16, 3, 9, 5)
        for index in (0, 1, 2, 3, 4, 5, 7):
            reply = client.region_info(index)
            argsz, flags = struct.unpack_from("<II", reply.payload)
            assert len(reply.payload) == 32 and not flags & vu.REGION_CAPS
            reply.close_fds()
            if argsz > 32:
                reply = client.region_info(index, argsz=argsz)
                assert len(reply.payload) == argsz and len(reply.fds) <= 1
                reply.close_fds()
        assert client.irq_info(vu.ERR)[3] == 0
        config = client.read(CONFIG, 0, 4096)
        client.write32(CONFIG, 0x30, 0xfffff800)
        client.write32(CONFIG, 0x30, struct.unpack_from("<I", config, 0x30)[0])
        for at in (0x10, 0x14, 0x1c, 0x20):
            client.read32(CONFIG, at)
        assert client.irq_info(vu.MSIX)[1:] == (1, 2, 3)
        client.set_irqs(vu.INTX, FIRE, 0, 0)
        client.write(CONFIG, 4, b"\0\0")
        client.reset()
        for at in range(0x10, 0x28, 4):
            client.write32(CONFIG, at, 0)
        event = os.eventfd(0, os.EFD_NONBLOCK)
        client.set_irqs(vu.MSIX, EVENT, 0, 1)
        for vector in range(3):
            client.set_irqs(vu.MSIX, EVENT, vector, 1, [event])
        client.unmap(0, 0xa0000)
        client.map(0, 0xc0000, memory)
        assert World.daemon.vf(0)["attached"]["client"] == "qemu"
        os.close(event)
    os.close(memory)


@CASE
def cloud_hypervisor_transcript():
    """VERSION 0.1 with JSON; all region infos; config by small reads; 16 fds at once; BAR sizing; no errors."""
    memory = memfd(64 << 20)
    with attach(negotiate=False) as client:
        text = client.version({"capabilities": {"max_msg_fds": 1, "max_data_xfer_size": 1048576}}, minor=1)[2]
        assert '"capabilities"' in text
        _, flags, regions, irqs = client.get_info()
        assert flags & 1, "without the RESET flag it would reset"
        for index in range(regions):
            reply = client.region_info(index)
            argsz = struct.unpack_from("<I", reply.payload)[0]
            reply.close_fds()
            reply = client.region_info(index, argsz=argsz)
            assert struct.unpack_from("<I", reply.payload)[0] == len(reply.payload) == argsz
            reply.close_fds()
        for size in (1, 2, 4):
            for at in range(0, 256, size):
                client.read(CONFIG, at, size)
        for index in range(irqs):
            client.irq_info(index)
        client.map(0, 64 << 20, memory)
        for at in (0x10, 0x14, 0x1c, 0x20):
            client.write32(CONFIG, at, 0xffffffff)
            client.read32(CONFIG, at)
        events = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(3)]
        client.set_irqs(vu.MSIX, EVENT, 0, 3, events)
        # For a device with more vectors it would send 16 at once, whatever max_msg_fds says.
        fds = World.daemon.fds()
        reply = client.ask(vu.GET_INFO, INFO.pack(16, 0, 0, 0), events[:1] * 16)
        assert len(reply.payload) == 16 and World.daemon.fds() == fds
        client.set_irqs(vu.MSIX, FIRE, 0, 3)
        assert [os.eventfd_read(e) for e in events] == [1, 1, 1]
        client.unmap(0, 64 << 20)
        for event in events:
            os.close(event)
    os.close(memory)


@CASE
def spdk_transcript():
    """VERSION without JSON; every id 0; region infos of 4064 bytes; IOVA = VA; a descriptor on DMA_UNMAP."""
    memory = memfd(2 << 20)
    address = 0x7f1234600000

    def ask(client, command, payload, fds=()):
        client.raw(vu.message(command, payload), fds)
        reply = client.receive()
        assert (reply.id, reply.command, reply.flags) == (0, command, vu.REPLY), f"flags {reply.flags:#x}"
        assert reply.size <= 4096
        reply.close_fds()
        return reply.payload

    with attach(negotiate=False) as client:
        ask(client, vu.VERSION, vu.version_payload(None, minor=1))
        assert INFO.unpack(ask(client, vu.GET_INFO, INFO.pack(16, 0, 0, 0))) == (16, 3, 9, 5)
        for index in range(9):
            payload = REGION.pack(4064, 0, index, 0, 0, 0)
            got = ask(client, vu.GET_REGION_INFO, payload + bytes(4064 - len(payload)))
            assert struct.unpack_from("<I", got)[0] == len(got)
        ask(client, vu.DMA_MAP, MAP.pack(32, 3, 0, address, 2 << 20), [memory])
        ask(client, vu.REGION_READ, ACCESS.pack(0, CONFIG, 4))
        ask(client, vu.REGION_WRITE, ACCESS.pack(4, CONFIG, 2) + b"\6\0")
        fds = World.daemon.fds()
        ask(client, vu.DMA_UNMAP, UNMAP.pack(24, 0, address, 2 << 20), [memory])
        assert World.daemon.fds() <= fds and World.daemon.vf(0)["memory"]["maps"] == 0
    os.close(memory)


if __name__ == "__main__":
    sys.exit(run_with_victim(SUITE, World))
