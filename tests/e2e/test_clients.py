#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""How clients come, talk and go: pieces and batches, descriptors where none belong, deaths, crowds, clients that
do not read. Nothing may stay with the daemon, and a victim on another VF is served all the time.
"""
import os
import signal
import socket
import struct
import sys
import time

import igbvf
import vfio_user as vu
from ladond import Monitor, Suite, WAIT_S, World, attach, is_sanitized, memfd, run_with_victim, wait_for
from vfio_user import ACCESS, BAR0, CONFIG, FEATURE, INFO, IRQS, MAP, REGION, UNMAP

SUITE = Suite()
CASE = SUITE.test
PAGE = 4096
EVENT, FIRE = vu.DATA_EVENTFD | vu.TRIGGER, vu.DATA_NONE | vu.TRIGGER


# One right message of each command that a client may send: command, payload.
RIGHT = [
    (vu.DMA_MAP, MAP.pack(32, 3, 0, 0x100000, PAGE)),
    (vu.DMA_UNMAP, UNMAP.pack(24, 0, 0x100000, PAGE)),
    (vu.GET_INFO, INFO.pack(16, 0, 0, 0)),
    (vu.GET_REGION_INFO, REGION.pack(64, 0, 0, 0, 0, 0)),
    (vu.GET_IO_FDS, INFO.pack(16, 0, 0, 0)),
    (vu.GET_IRQ_INFO, INFO.pack(16, 0, 2, 0)),
    (vu.SET_IRQS, IRQS.pack(20, FIRE, vu.MSIX, 0, 3)),
    (vu.REGION_READ, ACCESS.pack(0, CONFIG, 4096)),
    (vu.REGION_WRITE, ACCESS.pack(0x3c, CONFIG, 1) + b"\7"),
    (vu.DEVICE_RESET, b""),
    (vu.WRITE_MULTI, struct.pack("<QQIIQ", 1, 0x3c, CONFIG, 1, 9)),
    (vu.DEVICE_FEATURE, FEATURE.pack(8, 1 << 18 | 1 << 16 | 1)),
    (vu.MIG_READ, struct.pack("<II", 8, 8)),
    (vu.MIG_WRITE, struct.pack("<II", 16, 8) + bytes(8)),
    (vu.DIRTY_PAGES, bytes(8)),
    (0, b""),
    (0xffff, b""),
]


# ---- how bytes arrive ----

@CASE
def no_reply_on_every_command():
    """Right or wrong, whole or without payload: No_reply means none, no fd, no error."""
    with attach() as client:
        fds = World.daemon.fds()
        for command, payload in RIGHT:
            for sent in (payload, b"", payload[:len(payload) // 2]):
                client.send(command, sent, flags=vu.NO_REPLY)
                client.get_info()  # its reply must be the next that comes
        assert World.daemon.fds() == fds
        client.map(0x100000, PAGE)
        client.send(vu.DMA_UNMAP, UNMAP.pack(24, 0, 0x100000, PAGE), flags=vu.NO_REPLY)
        client.map(0x100000, PAGE)  # the silent one was done


@CASE
def version_without_reply():
    """VERSION, too, may be silent."""
    with attach(negotiate=False) as client:
        client.send(vu.VERSION, vu.version_payload(vu.QEMU_CAPS), flags=vu.NO_REPLY)
        client.get_info()


@CASE
def pipelined_batch():
    """500 messages without waiting: replies in order, each with its id and command."""
    with attach(negotiate=False) as client:
        # 30 replies carry an fd: more than 32 that wait would be too many (never_reads_descriptors).
        sent = [(vu.VERSION, vu.version_payload())] + RIGHT * 30
        client.raw(b"".join(vu.message(command, payload, msg_id=i * 7 & 0xffff)
                            for i, (command, payload) in enumerate(sent)))
        for i, (command, _) in enumerate(sent):
            reply = client.receive()
            assert (reply.id, reply.command) == (i * 7 & 0xffff, command), f"reply {i}: {reply.id}, {reply.command}"
            reply.close_fds()


@CASE
def byte_by_byte():
    """A whole session, each byte a sendmsg of its own; the fd with the first byte, then with the last."""
    memory = memfd(PAGE)
    with attach(negotiate=False) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for first in (True, False):
            if first:
                session = vu.message(vu.VERSION, vu.version_payload(vu.QEMU_CAPS), msg_id=1)
                for i in range(len(session)):
                    client.raw(session[i:i + 1])
                client.receive()
            data = vu.message(vu.DMA_MAP, MAP.pack(32, 3, 0, 0, PAGE), msg_id=2)
            for i in range(len(data)):
                with_fd = i == (0 if first else len(data) - 1)
                client.raw(data[i:i + 1], [memory] if with_fd else [])
            assert client.receive().error == 0
            assert World.daemon.vf(0)["memory"]["bytes"] == PAGE, "the fd did not find its message"
            client.unmap(0, PAGE)
    os.close(memory)


@CASE
def header_split_everywhere():
    """Every way to cut two messages in two pieces, with an fd on either piece."""
    memory = memfd(PAGE)
    data = (vu.message(vu.DMA_MAP, MAP.pack(32, 3, 0, 0, PAGE), msg_id=1) +
            vu.message(vu.GET_INFO, INFO.pack(16, 0, 0, 0), msg_id=2))
    with attach() as client:
        fds = World.daemon.fds()
        for cut in range(1, len(data)):
            client.raw(data[:cut], [memory] if cut <= 48 else [])
            client.raw(data[cut:], [memory] if cut % 2 else [])
            first, second = client.receive(), client.receive()
            assert (first.id, second.id, second.error) == (1, 2, 0)
            client.unmap(0, 0, flags=2)
        assert World.daemon.fds() == fds
    os.close(memory)


@CASE
def large_writes():
    """A REGION_WRITE of a whole BAR; 1 MiB is refused, and the stream goes on behind it."""
    with attach() as client:
        client.write(vu.BAR3, 0, bytes(0x4000))
        for size in (1 << 20, (1 << 20) + 4000):
            try:
                client.call(vu.REGION_WRITE, ACCESS.pack(0, BAR0, size) + bytes(size))
                raise AssertionError("it succeeded")
            except vu.RemoteError as error:
                assert error.errno == 22
        client.get_info()


# ---- descriptors where none belong ----

def fds_on_message(command, payload):
    """1, 2, 16, 17, 100, 253 descriptors: the answer is that without them or EINVAL, none stays."""
    with attach(1) as client:
        before = World.daemon.fds()
        event = os.eventfd(0)
        for count in (1, 2, 16, 17, 100, 253):
            client.send(command, payload, [event] * count)
            reply = client.receive()
            assert reply.command == command
            reply.close_fds()
            client.unmap(0, 0, flags=2)
            assert World.daemon.fds() == before, f"{count} fds: {World.daemon.fds() - before} stayed"
        os.close(event)


for _command, _payload in RIGHT:
    SUITE.add(f"fds on command {_command}", lambda c=_command, p=_payload: fds_on_message(c, p))


@CASE
def fds_on_version():
    """VERSION has none to bring; they are closed and it is answered."""
    event = os.eventfd(0)
    World.daemon.settle(1)
    before = World.daemon.fds()
    for count in (1, 253):
        with World.daemon.attach(1, negotiate=False) as client:
            client.call(vu.VERSION, vu.version_payload(), [event] * count)
            assert World.daemon.fds() <= before + 2, "descriptors of VERSION stayed"
        World.daemon.settle(1)
    os.close(event)


@CASE
def many_fds_dribbled():
    """A message that collects 253 fds with each of its bytes, and never ends, holds no more than 16."""
    event = os.eventfd(0)
    with attach(1) as client:
        before = World.daemon.fds()
        for byte in vu.message(vu.SET_IRQS, IRQS.pack(20, EVENT, vu.MSIX, 0, 3))[:-1]:
            client.raw(bytes([byte]), [event] * 253)
        World.daemon.settled_fds(before + 16)
        client.raw(b"\0")
        assert client.receive().error == 22
        assert World.daemon.fds() == before
    os.close(event)


@CASE
def many_messages_with_fds_at_once():
    """100 messages with an fd each, in one go."""
    memory = memfd(PAGE)
    with attach(1) as client:
        before = World.daemon.fds()
        for i in range(100):
            client.raw(vu.message(vu.DMA_MAP, MAP.pack(32, 3, 0, i * PAGE, PAGE), msg_id=i), [memory])
        for i in range(100):
            reply = client.receive()
            assert (reply.id, reply.error) == (i, 0), f"map {i}: error {reply.error}"
        assert World.daemon.fds() == before and World.daemon.vf(1)["memory"]["bytes"] == 100 * PAGE
    os.close(memory)


# ---- how clients end ----

@CASE
def death_mid_message():
    """The client ends after every number of bytes of a message, fds on board; the next is welcome."""
    memory = memfd(PAGE)
    World.daemon.settle(2)
    before = World.daemon.fds()
    data = vu.message(vu.DMA_MAP, MAP.pack(32, 3, 0, 0, PAGE))
    for cut in range(1, len(data) + 1):
        with attach(2) as client:
            client.raw(data[:cut], [memory])
    World.daemon.settle(2)
    assert World.daemon.settled_fds(before) == before
    with attach(2) as client:
        client.raw(vu.message(vu.REGION_WRITE, ACCESS.pack(0, BAR0, 4096), size=32 + 4096) + bytes(2000))
    with attach(2) as client:
        client.map(0, PAGE, memory)
    os.close(memory)


@CASE
def death_before_version():
    """Connections that say nothing, or half a VERSION."""
    World.daemon.settle(2)
    before = World.daemon.fds()
    for sent in (b"", b"\0", vu.message(vu.VERSION, vu.version_payload(vu.QEMU_CAPS))[:30]):
        with attach(2, negotiate=False) as client:
            client.raw(sent)
        World.daemon.settle(2)
    assert World.daemon.settled_fds(before) == before
    attach(2).close()


def transmit_for_ever(path, told):
    """Body of a child: a full ring that the card is kept busy with, until it is killed."""
    memory = memfd(1 << 21)
    client = vu.Client(path)
    client.map(0, 1 << 21, memory)
    igbvf.bus_master(client)
    mac = igbvf.handshake(client)
    frame = b"\xff" * 6 + mac + b"\x88\xb5" + bytes(1000)
    ring = b"".join(igbvf.tx_desc(0x100000, len(frame)) for _ in range(256))
    os.pwrite(memory, ring, 0)
    os.pwrite(memory, frame, 0x100000)
    igbvf.start_tx(client, 0, 256)
    os.write(told, b"x")
    tail = 0
    while True:
        tail = (tail + 100) % 256
        igbvf.ring_tx(client, tail)


@CASE
def killed_mid_dma():
    """SIGKILL of a process whose frames are under way, several times; memory and fds are gone with it."""
    World.daemon.settle(2)
    before = World.daemon.fds()
    for _ in range(5):
        heard, told = os.pipe()
        child = os.fork()
        if not child:
            try:
                transmit_for_ever(World.daemon.socket(2), told)
            finally:
                os._exit(1)
        os.close(told)
        assert os.read(heard, 1) == b"x", "the child did not come to its work"
        os.close(heard)
        time.sleep(0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        World.daemon.settle(2)
    assert World.daemon.settled_fds(before) == before
    assert World.daemon.vf(2)["memory"]["maps"] == 0


@CASE
def truncated_memory():
    """A client that shrinks its memory file under the card is dropped with the reason; nobody else is hurt."""
    memory = memfd(1 << 21)
    with attach(2) as client:
        monitor = Monitor(World.daemon)
        client.map(0, 1 << 21, memory)
        igbvf.bus_master(client)
        igbvf.handshake(client)
        igbvf.start_tx(client, 0)
        os.truncate(memory, 0)
        igbvf.ring_tx(client, 1)
        client.wait_end()
        assert "truncated" in monitor.wait("detached", vf=2)["reason"]
        monitor.close()
    os.close(memory)


@CASE
def thousand_reconnects():
    """1000 clients one after the other, with memory and interrupts or without, ending well or badly: no fd stays."""
    memory, event = memfd(1 << 20), os.eventfd(0)
    World.daemon.settle(3)
    before, kib, refused = World.daemon.fds(), World.daemon.memory_kib()["RssAnon"], 0
    start = time.monotonic()
    for i in range(1000):
        try:
            with World.daemon.attach(3) as client:
                client.map(0, 1 << 20, memory)
                client.set_irqs(vu.MSIX, EVENT, 0, 3, [event] * 3)
                client.region_info(0, argsz=64).close_fds()
                if i % 3 == 1:
                    client.raw(b"\0" * 15, [event] * 16)
                elif i % 3 == 2:
                    client.send(vu.GET_REGION_INFO, REGION.pack(64, 0, 0, 0, 0, 0))
        except vu.Closed:  # the one before was not gone yet
            refused += 1
            World.daemon.settle(3)
    World.daemon.settle(3)
    assert World.daemon.settled_fds(before) == before
    grown = World.daemon.memory_kib()["RssAnon"] - kib
    os.close(memory)
    os.close(event)
    assert refused < 100, f"{refused} of 1000 were refused as busy"
    return f"{before} descriptors, {grown:+} KiB, {refused} came too early, {time.monotonic() - start:.1f} s"


# ---- crowds ----

@CASE
def second_client():
    """A busy socket: the newcomer is shown the door at once and counted; the first does not notice."""
    World.daemon.ok("card", "add", "busy0", "model", "82576", "vfs", "1")  # fresh: the log's limit counts for each VF
    with World.daemon.attach(0, "busy0") as first:
        for _ in range(3):
            with World.daemon.attach(0, "busy0", negotiate=False) as second:
                assert second.wait_end() == []
            first.get_info()
        assert World.daemon.vf(0, "busy0")["refusals"] == 3
        log = [line for line in World.daemon.log().splitlines() if "busy0/vf0: client refused" in line]
        assert len(log) == 3 and "another client is attached" in log[0], log
    World.daemon.settle(0, "busy0")
    World.daemon.attach(0, "busy0").close()
    World.daemon.ok("card", "del", "busy0")


@CASE
def crowd_at_a_busy_socket():
    """200 connections at once are all turned away; no fd stays."""
    with attach(2) as first:
        before = World.daemon.fds()
        crowd = [World.daemon.attach(2, negotiate=False) for _ in range(200)]
        for client in crowd:
            assert client.wait_end() == []
            client.close()
        first.get_info()
        assert World.daemon.settled_fds(before) == before


@CASE
def all_vfs_at_once():
    """Each VF has its own client, memory and registers."""
    clients = [attach(n) for n in range(6)]
    for n, client in enumerate(clients):
        client.write32(CONFIG, 0x10, n << 16)
        client.map(0, (n + 1) * PAGE)
    for n, client in enumerate(clients):
        assert client.read32(CONFIG, 0x10) == n << 16 | 0xc
        assert World.daemon.vf(n)["memory"]["bytes_without_file"] == (n + 1) * PAGE
        client.close()


# ---- clients that do not read, or hardly write ----

@CASE
def never_reads():
    """A flood of reads whose replies nobody takes: dropped with the reason, after a bounded number of bytes."""
    before = World.daemon.memory_kib()["VmHWM"]
    with attach(4) as client:
        monitor = Monitor(World.daemon)
        batch = vu.message(vu.REGION_READ, ACCESS.pack(0, CONFIG, 4096)) * 100
        end = time.monotonic() + WAIT_S
        try:
            while time.monotonic() < end:
                client.raw(batch)
            raise AssertionError("it was not dropped")
        except vu.Closed:
            pass
        assert "does not read its replies" in monitor.wait("detached", vf=4)["reason"]
        monitor.close()
    World.daemon.settle(4)
    kib = World.daemon.memory_kib()["VmHWM"] - before
    with attach(4) as client:
        client.get_info()
    assert is_sanitized() or kib < 16384, f"the daemon grew by {kib} KiB for it"
    return f"the daemon grew by {kib} KiB meanwhile"


@CASE
def never_reads_descriptors():
    """The same with replies that carry an fd each: no more than a few are kept."""
    World.daemon.settle(4)
    before = World.daemon.fds()
    with attach(4) as client:
        batch = vu.message(vu.GET_REGION_INFO, REGION.pack(64, 0, 0, 0, 0, 0)) * 10
        end, most = time.monotonic() + WAIT_S, 0
        try:
            while time.monotonic() < end:
                client.raw(batch)
                most = max(most, World.daemon.fds() - before)
            raise AssertionError("it was not dropped")
        except vu.Closed:
            pass
    World.daemon.settle(4)
    assert World.daemon.settled_fds(before) == before
    assert most <= 64, f"{most} descriptors were kept for it"


@CASE
def reads_late():
    """2 MiB of replies taken only at the end: slow is not wrong."""
    with attach(4) as client:
        for i in range(500):
            client.send(vu.REGION_READ, ACCESS.pack(0, CONFIG, 4096))
        for i in range(500):
            assert len(client.receive().payload) == 16 + 4096, f"reply {i}"


@CASE
def flood_of_posted_writes():
    """200,000 doorbells without reply, as fast as the socket takes them; all are done, others have their turn."""
    with attach(4) as client:
        traps = World.daemon.vf(4)["traps"]
        batch = vu.message(vu.REGION_WRITE, ACCESS.pack(0x1524, BAR0, 4) + bytes(4), vu.NO_REPLY) * 1000
        start = time.monotonic()
        for _ in range(200):
            client.raw(batch)
        client.get_info()
        took = time.monotonic() - start
        assert World.daemon.vf(4)["traps"] - traps == 200000
    return f"{200 / took:.0f} thousand a second"


@CASE
def slow_dribble():
    """Five clients that send one byte each at a time: all are answered in the end."""
    message = vu.message(vu.GET_INFO, INFO.pack(16, 0, 0, 0), msg_id=5)
    clients = [attach(n) for n in range(5)]
    for at in range(len(message)):
        for client in clients:
            client.raw(message[at:at + 1])
        time.sleep(0.01)
    for client in clients:
        assert client.receive().id == 5
        client.close()


@CASE
def silent_clients():
    """Five that connect and say nothing are kept, and cost nobody anything."""
    clients = [attach(n, negotiate=False) for n in range(5)]
    time.sleep(0.3)
    World.victim.check()
    for client in clients:
        client.version()
        client.close()


@CASE
def garbage():
    """Random bytes, with and without a right beginning: each connection ends or waits, the daemon lives."""
    import random
    noise = random.Random(82576)
    for i in range(300):
        with attach(5, negotiate=bool(i % 2)) as client:
            try:
                for _ in range(5):
                    body = noise.randbytes(noise.choice((0, 4, 16, 24, 32, 100)))
                    head = struct.pack("<HHIII", noise.getrandbits(16), noise.randrange(20),
                                       16 + len(body) if i % 4 else noise.getrandbits(32), noise.getrandbits(6), 0)
                    client.raw(head + body)
            except vu.Closed:
                pass
    wait_for("the daemon answers", lambda: World.daemon.alive() and World.daemon.vf(5))


@CASE
def a_silent_client_does_not_hold_the_socket():
    """Who connects and says nothing for five seconds makes room for others."""
    World.daemon.settle(0)
    with World.daemon.attach(0, negotiate=False) as silent:
        silent.wait_end()
    wait_for("the reason in the log", lambda: "no VERSION within 5 s" in World.daemon.log())
    attach(0).close()


if __name__ == "__main__":
    sys.exit(run_with_victim(SUITE, World))
