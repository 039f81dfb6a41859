# SPDX-License-Identifier: BSD-3-Clause
"""What hostile processes do. One function an attack, one row of CASES each; a row a line of the report."""
import contextlib
import fcntl
import json
import os
import random
import select
import signal
import socket
import struct
import time

import igbvf
import vfio_user as vu
from arena import Case, Neighbours
from ladond import memfd
from vfio_user import ACCESS, BAR0, CONFIG, IRQS, MAP, REGION, UNMAP

PAGE = 4096
MEM = 1 << 21
EVENT = vu.DATA_EVENTFD | vu.TRIGGER
CTRL, CTRL_RST = 0, 1 << 26
EICS, EIMS = 0x1520, 0x1524
SET_VLAN, VLAN_ADD = 4, 1 << 16
NOISE = random.Random(82576)


def posted(region, offset, value):
    """A register write that wants no answer."""
    return vu.message(vu.REGION_WRITE, ACCESS.pack(offset, region, 4) + struct.pack("<I", value), vu.NO_REPLY)


def ready(target, vf=2, memory=None):
    """A client with memory, bus mastering and a transmit queue of 256; returns (client, memory fd)."""
    client = target.attach(vf)
    memory = memfd(MEM) if memory is None else memory
    client.map(0, MEM, memory)
    igbvf.bus_master(client)
    mac = igbvf.handshake(client)
    frame = b"\xff" * 6 + mac + b"\x88\xb7" + bytes(1000)
    os.pwrite(memory, b"".join(igbvf.tx_desc(0x100000, len(frame)) for _ in range(256)), 0)
    os.pwrite(memory, frame, 0x100000)
    igbvf.start_tx(client, 0, 256)
    return client, memory


def flood(target, messages, vf=2):
    """The same bytes again and again, until time is over; then all of it has been executed."""
    with target.attach(vf) as client:
        igbvf.handshake(client)
        rounds = 0
        while target.go():
            client.raw(messages)
            rounds += 1
        client.get_info()
    return f"{rounds} rounds"


# ---- memory ----

def truncates_memory(target):
    """Shrinks the file under a running queue."""
    rounds = 0
    while target.go() or not rounds:
        client, memory = ready(target)
        igbvf.ring_tx(client, 100)
        os.truncate(memory, 0)
        with contextlib.suppress(vu.Closed):
            igbvf.ring_tx(client, 255)
        client.wait_end()
        client.close()
        os.close(memory)
        rounds += 1
    return f"{rounds} times"


def bad_maps(target):
    """Overlaps, wraps, unaligned and empty ranges, offsets beyond all files; then unmaps what was never there."""
    top = 1 << 64
    ranges = [(0, 2 * PAGE), (PAGE, PAGE), (0, 3 * PAGE), (top - PAGE, 2 * PAGE), (top - PAGE, top - 1), (1, PAGE),
              (PAGE * 9, 1), (PAGE * 9, 0), (top - 1, top - 1), (PAGE * 9, top - PAGE), (1 << 57, 1 << 62)]
    memory = memfd(16 * PAGE)
    with target.attach() as client:
        client.map(0, 2 * PAGE, memory)
        while target.go():
            for addr, size in ranges:
                for offset in (0, 1, PAGE, 1 << 40, top - PAGE):
                    expect_error(client, vu.DMA_MAP, MAP.pack(32, 3, offset, addr, size), [memory])
                expect_error(client, vu.DMA_UNMAP, UNMAP.pack(24, 0, addr, size)) if (addr, size) != ranges[0] else None
        client.unmap(0, 2 * PAGE)
    os.close(memory)


def expect_error(client, command, payload, fds=()):
    """The request is refused, and the connection lives."""
    client.send(command, payload, fds)
    reply = client.receive()
    assert reply.error, f"command {command} with {payload.hex()} was taken"


def most_maps(target):
    """65535 mappings of a page each, with a file and without; one more is refused; all go at once."""
    memory = memfd(PAGE)
    notes = []
    for fds in ([memory], []):
        with target.attach() as client:
            taken = 0
            for first in range(0, 65536, 256):
                for i in range(first, first + 256):
                    client.raw(vu.message(vu.DMA_MAP, MAP.pack(32, 3, 0, 2 * i * PAGE, PAGE)), fds)
                taken += sum(client.receive().error == 0 for _ in range(256))
            assert taken <= 65535, f"{taken} mappings"
            notes.append(taken)
            bystander_maps(target)
            client.unmap(0, 0, flags=2)
    os.close(memory)
    return f"{notes[0]} with a file, {notes[1]} without"


def bystander_maps(target):
    """While somebody has mapped all he can, another function still maps its memory."""
    memory = memfd(MEM)
    with target.attach(3) as client:
        for i in range(16):
            client.map(i * MEM, MEM, memory)
    os.close(memory)


def map_storm(target):
    """Maps and unmaps under its own traffic: each unmap drains the data path."""
    rounds, extra = 0, memfd(MEM)
    client, memory = ready(target)
    batch = b"".join(vu.message(vu.DMA_UNMAP, UNMAP.pack(24, 0, MEM, MEM)) for _ in range(1))
    while target.go():
        igbvf.ring_tx(client, rounds * 100 % 256)
        client.raw(vu.message(vu.DMA_MAP, MAP.pack(32, 3, 0, MEM, MEM)), [extra])
        client.raw(batch)
        assert client.receive().error == client.receive().error == 0
        rounds += 1
    client.close()
    os.close(memory)
    os.close(extra)
    return f"{rounds} maps and unmaps"


def strange_fds():
    """(what, descriptor): everything that is not memory."""
    left, right = socket.socketpair()
    pipe, epoll = os.pipe(), select.epoll()
    sealed = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
    os.truncate(sealed, MEM)
    fcntl.fcntl(sealed, 1033, 0xf)  # F_ADD_SEALS: all of them, writing too
    read_only = os.open("/proc/self/exe", os.O_RDONLY)
    return [os.eventfd(0), left.detach(), right.detach(), *pipe, sealed, read_only, os.open("/", os.O_RDONLY),
            os.open("/dev/null", os.O_RDWR), os.open("/dev/zero", os.O_RDWR), os.open("/proc/self/mem", os.O_RDWR),
            os.open("/proc/self/maps", os.O_RDONLY), os.open("/tmp", os.O_PATH), os.dup(epoll.fileno()),
            os.pidfd_open(os.getpid()), memfd(0)]


def maps_strange_fds(target):
    """Maps what is no memory, and what it got from its own functions: their queue pages and sockets."""
    strange = strange_fds()
    with target.attach(3) as other, target.attach(2) as client:
        pages = [c.region_info(BAR0, argsz=256).fds for c in (other, client)]
        strange += pages[0] + pages[1]
        while target.go():
            for fd in strange + [other.sock.fileno(), client.sock.fileno()]:
                for flags in (1, 2, 3):
                    client.send(vu.DMA_MAP, MAP.pack(32, flags, 0, 0, PAGE), [fd])
                    if client.receive().error == 0:
                        client.unmap(0, PAGE)
                client.send(vu.SET_IRQS, IRQS.pack(20, EVENT, vu.MSIX, 0, 1), [fd])
                client.receive()
            igbvf.bus_master(client)
            client.write32(BAR0, EIMS, 7)
            client.write32(BAR0, EICS, 7)
        dma_into_queue_pages(client, pages[0] + pages[1])
    for fd in strange:
        os.close(fd)


def dma_into_queue_pages(client, pages):
    """The card reads its descriptors from, and writes its status to, the registers of the attacker's own VFs."""
    for i, fd in enumerate(pages):
        client.send(vu.DMA_MAP, MAP.pack(32, 3, 0x2000, i * MEM, PAGE), [fd])
        if client.receive().error:
            continue
        igbvf.bus_master(client)
        igbvf.handshake(client)
        igbvf.start_tx(client, i * MEM, 64)
        igbvf.ring_tx(client, 63)
        client.read32(BAR0, 8)


def keeps_queue_pages(target):
    """Keeps the mapping of its queue page, leaves, and writes there while the next one uses the function."""
    with target.attach(4) as client:
        page = client.queue_pages()
    nextone, memory = ready(target, 4)
    word = 0
    while target.go():
        for _ in range(1000):
            struct.pack_into("<I", page, NOISE.randrange(2048) * 4, NOISE.getrandbits(32))
        word = (word + 10) % 256
        igbvf.ring_tx(nextone, word)
        assert nextone.read32(BAR0, igbvf.TDT) == word, "the next one's register has another's value"
    assert nextone.read32(BAR0, igbvf.TXDCTL) & igbvf.ENABLE and nextone.read32(BAR0, igbvf.TDLEN) == 4096
    nextone.close()
    page.close()
    os.close(memory)


# ---- messages ----

RIGHT = [(vu.GET_INFO, vu.INFO.pack(16, 0, 0, 0)), (vu.GET_REGION_INFO, REGION.pack(32, 0, 0, 0, 0, 0)),
         (vu.GET_IRQ_INFO, vu.INFO.pack(16, 0, 2, 0)), (vu.REGION_READ, ACCESS.pack(8, 0, 4)),
         (vu.SET_IRQS, IRQS.pack(20, EVENT, vu.MSIX, 0, 3)), (vu.DEVICE_RESET, b""),
         (vu.DMA_MAP, MAP.pack(32, 3, 0, 1 << 30, PAGE)), (vu.DMA_UNMAP, UNMAP.pack(24, 0, 1 << 30, PAGE))]


def sends_253_fds(target):
    """The kernel's most with every message, and with every byte of one."""
    event = os.eventfd(0)
    rounds = 0
    with target.attach() as client:
        while target.go():
            for command, payload in RIGHT:
                client.send(command, payload, [event] * 253)
                client.receive().close_fds()
            for byte in vu.message(vu.GET_INFO, vu.INFO.pack(16, 0, 0, 0)):
                client.raw(bytes([byte]), [event] * 253)
            client.receive()
            rounds += 1
    os.close(event)
    return f"{rounds * (len(RIGHT) + 32) * 253} descriptors"


def never_reads(target):
    """Asks for megabytes and takes nothing."""
    batch = vu.message(vu.REGION_READ, ACCESS.pack(0, CONFIG, 4096)) * 100
    rounds = 0
    while target.go() or not rounds:
        with target.attach() as client, contextlib.suppress(vu.Closed):
            while True:
                client.raw(batch)
        rounds += 1
    return f"dropped {rounds} times"


def dribbles(target):
    """Sends a byte at a time, as fast as that goes; four functions at once; messages that never end."""
    message = vu.message(vu.GET_INFO, vu.INFO.pack(16, 0, 0, 0)) + vu.message(99)
    clients = [target.attach(vf) for vf in (2, 3, 4, 5)]
    while target.go():
        for byte in message:
            for client in clients:
                client.raw(bytes([byte]))
        for client in clients:
            client.receive()
            assert client.receive().error
    for client in clients:
        client.raw(message[:20])
        client.close()


def lies_about_lengths(target):
    """Sizes in headers, payloads, regions and argsz that are not true; each has its answer or its end."""
    sizes = (0, 1, 15, 17, 31, 0x7fffffff, 0xffffffff)
    bad = [vu.message(command, payload[:cut]) for command, payload in RIGHT for cut in range(0, len(payload), 3)]
    for offset in (0, 1, 0x3ffc, 0x4000, 1 << 31, 1 << 63, (1 << 64) - 1, (1 << 64) - 4):
        for count in (0, 1, 4, 0x4001, 1 << 20, 0xffffffff):
            bad += [vu.message(command, ACCESS.pack(offset, region, count))
                    for command in (vu.REGION_READ, vu.REGION_WRITE) for region in (0, 3, 7, 9, 0xffffffff)]
    bad += [vu.message(vu.SET_IRQS, IRQS.pack(20, EVENT, index, start, count))
            for index in (2, 5, 0xffffffff) for start in (0, 3, 0xffffffff) for count in (1, 4, 0xffffffff)]
    rounds = 0
    while target.go() or not rounds:
        for size in sizes:
            with target.attach() as client, contextlib.suppress(vu.Closed):
                client.raw(vu.message(NOISE.randrange(1, 19), bytes(NOISE.randrange(40)), size=size))
                client.sock.shutdown(socket.SHUT_WR)
                client.wait_end()
        with target.attach() as client:
            for at in range(0, len(bad), 50):
                part = bad[at:at + 50]
                client.raw(b"".join(part))
                for _ in part:
                    client.receive().close_fds()
        lies_in_json(target)
        rounds += 1
    return f"{rounds * (len(bad) + len(sizes) + 10)} lies"


def lies_in_json(target):
    """VERSION payloads that are not what they should be."""
    texts = [b"{", b"{}", b"\xff\0", b'{"capabilities":' * 300 + b"\0", b"[" * 4000 + b"\0", b'"' + b"a" * 4000 + b'"\0',
             b'{"capabilities":{"max_msg_fds":-1}}\0', b'{"capabilities":{"max_msg_fds":1e999}}\0',
             b'{"capabilities":{"max_data_xfer_size":"x"}}\0', b'{"capabilities":{"migration":{"pgsize":3}}}\0']
    for text in texts:
        with target.attach(negotiate=False) as client, contextlib.suppress(vu.Closed):
            client.raw(vu.message(vu.VERSION, vu.version_payload(text)))
            client.sock.shutdown(socket.SHUT_WR)
            client.wait_end()


def garbage(target):
    """Random bytes after a right beginning."""
    while target.go():
        with target.attach() as client, contextlib.suppress(vu.Closed):
            for _ in range(20):
                body = NOISE.randbytes(NOISE.choice((0, 4, 16, 24, 32, 100)))
                client.raw(vu.HEADER.pack(NOISE.getrandbits(16), NOISE.randrange(20), 16 + len(body), NOISE.getrandbits(6),
                                          0) + body)


# ---- registers ----

def posted_writes(target):
    """Interrupt masks, written without waiting for anything."""
    return flood(target, posted(BAR0, EIMS, 0) * 1000)


def random_registers(target):
    """Any value anywhere in all regions."""
    return flood(target, b"".join(posted(NOISE.choice((0, 0, 0, 3)), NOISE.randrange(0x1000) * 4, NOISE.getrandbits(32))
                                  for _ in range(20000)))


def reset_storm(target):
    """Resets the function through its register: each drains the data path."""
    return flood(target, posted(BAR0, CTRL, CTRL_RST) * 200)


def flr_storm(target):
    """DEVICE_RESET, as fast as replies come."""
    resets = 0
    with target.attach() as client:
        while target.go():
            client.raw(vu.message(vu.DEVICE_RESET) * 50)
            for _ in range(50):
                client.receive()
            resets += 50
    return f"{resets} resets"


def mailbox_storm(target):
    """Joins and leaves VLANs and changes its address by mailbox: each publishes a new policy."""
    def ask(*words):
        return (posted(BAR0, igbvf.V2PMAILBOX, igbvf.VFU) +
                b"".join(posted(BAR0, igbvf.MBMEM + 4 * i, word) for i, word in enumerate(words)) +
                posted(BAR0, igbvf.V2PMAILBOX, igbvf.REQ) + posted(BAR0, igbvf.V2PMAILBOX, igbvf.ACK))
    batch = b"".join(ask(SET_VLAN | add, vid) for vid in range(1, 20) for add in (VLAN_ADD, 0))
    batch += b"".join(ask(2, 0x00000002, 0x0100 + n) for n in range(20))
    return flood(target, batch * 2)


def config_storm(target):
    """Bus mastering on and off, BARs moved, capabilities written over."""
    def write(offset, value):
        return vu.message(vu.REGION_WRITE, ACCESS.pack(offset, CONFIG, 4) + struct.pack("<I", value), vu.NO_REPLY)
    return flood(target, b"".join(write(4, 6) + write(4, 0) + write(NOISE.randrange(1024) * 4, NOISE.getrandbits(32))
                                  for _ in range(300)))


# ---- connections ----

def reconnects(target):
    """10,000 clients one after the other, with memory and interrupts or without, ending well or badly."""
    memory, event = memfd(MEM), os.eventfd(0)
    for i in range(10000):
        with target.attach(negotiate=i % 4 != 0) as client:
            if i % 4 == 1:
                client.map(0, MEM, memory)
                client.set_irqs(vu.MSIX, EVENT, 0, 3, [event] * 3)
            elif i % 4 == 2:
                client.raw(b"\0" * 15, [event] * 16)
    os.close(memory)
    os.close(event)


def knocks_at_the_neighbours(target):
    """Thousands of connections to sockets that are in use; each is shown the door."""
    knocks = 0
    while target.go():
        crowd = []
        for vf in (0, 1) * 50:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.connect(target.path(vf))
            crowd.append(sock)
        for sock in crowd:
            assert sock.recv(1) == b"", "a second client was let in"
            sock.close()
        knocks += len(crowd)
    return f"{knocks} knocks"


def dies_in_dma(target):
    """SIGKILL in the middle of its traffic, again and again."""
    deaths = 0
    while target.go() or not deaths:
        process = target.program("flood", "frames", target.path(2), target.path(3), "0")
        if process.stdout.read(1):
            time.sleep(NOISE.random() / 100)
            deaths += 1
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return f"{deaths} deaths"


def silent(target):
    """Connects everywhere and says nothing, until it is shown the door."""
    clients = [target.attach(vf, negotiate=False) for vf in (2, 3, 4)]
    for client in clients:
        client.wait_end()
        client.close()


def blocks_eventfds(target):
    """Full eventfds that block whoever writes them, for both threads of the daemon."""
    for vf, poke in ((5, lambda c: c.send(vu.SET_IRQS, IRQS.pack(20, vu.DATA_NONE | vu.TRIGGER, vu.MSIX, 0, 1))),
                     (6, lambda c: c.raw(posted(BAR0, EICS, 1)))):
        client, fd = target.attach(vf), os.eventfd(0, os.EFD_NONBLOCK)
        client.set_irqs(vu.MSIX, EVENT, 0, 1, [fd])
        client.write32(BAR0, EIMS, 7)
        os.write(fd, struct.pack("<Q", 2 ** 64 - 2))
        fcntl.fcntl(fd, fcntl.F_SETFL, 0)
        poke(client)
        client.wait_end()
        client.close()
        os.close(fd)


# ---- the data path ----

def flooding(what):
    """An attack by hostile_flood."""
    def attack(target):
        target.run("flood", what, target.path(2), target.path(3), str(int(target.seconds * 1000)))
    return attack


def racing(what):
    """An attack by hostile_race."""
    def attack(target):
        return target.run("race", what, target.path(2), target.path(3), "02:de:ad:be:ef:01",
                          str(int(target.seconds * 1000))).strip()
    return attack


def nothing_forged(_, note):
    """The observer got frames, and none that it should not have got."""
    seen = json.loads(note)
    assert seen["received"] > 0, f"the race was not run: {seen}"
    assert seen["forged"] == 0 and seen["alien"] == 0, f"what was judged is not what arrived: {seen}"


# ---- the PF ----

def second_card(arena):
    """A card whose PF is the attacker's, with traffic of its own between its VFs."""
    arena.daemon.ok("card", "add", "nic1", "model", "82576", "vfs", "2")


def pf_registers(target):
    """A PF driver gone mad: random registers, also with SR-IOV on and off, while its VFs have traffic."""
    pair = Neighbours(target.daemon, (0, 1), "nic1")
    with target.attach("pf", "nic1", timeout=60) as client:
        client.write(CONFIG, 4, b"\x06\0")
        while target.go():
            batch = b"".join(posted(BAR0, NOISE.randrange(0x8000) * 4, NOISE.getrandbits(32)) for _ in range(2000))
            client.raw(batch + posted(CONFIG, 0x160 + 8, NOISE.getrandbits(4)))
            client.get_info()
            client.raw(posted(BAR0, 0, CTRL_RST))
    seen = pair.mark()
    pair.process.kill()
    assert seen["wrong"] == 0 and seen["strangers"] == 0, f"the PF reached into its VFs' frames: {seen}"
    return f"{seen['received']} frames of its VFs got through, none changed"


CASES = [
    Case("a busy process beside", lambda t: [None for _ in iter(t.go, False)] and "", [], ""),
    Case("truncates memory during DMA", truncates_memory, ["vf2.kicks"], r"nic0/vf2: .*truncated"),
    Case("253 fds a message, a byte", sends_253_fds, ["vf2.bad_requests"], r"nic0/vf2: .*bad requests"),
    Case("never reads its socket", never_reads, ["vf2.kicks"], r"nic0/vf2: .*does not read its replies"),
    Case("dribbles bytes, four VFs", dribbles, ["vf2.bad_requests"], r"nic0/vf2: .*bad requests"),
    Case("lies about lengths", lies_about_lengths, ["vf2.bad_requests", "vf2.kicks"], r"nic0/vf2: .*sizes from 16"),
    Case("random messages", garbage, ["vf2.bad_requests"], r"nic0/vf2: .*bad requests"),
    Case("floods posted register writes", posted_writes, ["vf2.traps"], r"nic0/vf2: client attached"),
    Case("writes random registers", random_registers, ["vf2.unknown_regs"], r"nic0/vf2: client attached"),
    Case("resets its VF all the time", reset_storm, ["vf2.resets"], r"nic0/vf2: client attached"),
    Case("function resets all the time", flr_storm, ["vf2.resets"], r"nic0/vf2: reset"),
    Case("mailbox storm", mailbox_storm, ["vf2.mailbox_msgs"], r"nic0/vf2: client attached"),
    Case("configuration space storm", config_storm, ["vf2.attaches"], r"nic0/vf2: client attached"),
    Case("reconnects 10,000 times", reconnects, ["vf2.attaches"], r"lines like the next were left out"),
    Case("knocks at the neighbours' door", knocks_at_the_neighbours, ["vf0.refusals", "vf1.refusals"],
         r"nic0/vf0: client refused \(pid \d+, uid \d+\): another client"),
    Case("dies inside DMA", dies_in_dma, ["vf2.attaches"], r"nic0/vf2: client detached"),
    Case("overlapping and wrapping maps", bad_maps, ["vf2.bad_requests"], r"nic0/vf2: mapping .* was refused"),
    Case("65535 maps", most_maps, ["vf2.bad_requests"], r"nic0/vf2: mapping .* was refused"),
    Case("maps and unmaps under DMA", map_storm, ["vf2.attaches"], r"nic0/vf2: client attached"),
    Case("maps what is no memory", maps_strange_fds, ["vf2.bad_requests"], r"nic0/vf2: mapping .* was refused"),
    Case("writes a queue page it kept", keeps_queue_pages, ["vf4.attaches"], r"nic0/vf4: client attached"),
    Case("floods broadcasts", flooding("frames"), ["vf2.tx_broadcast"], r"nic0/vf2: client attached"),
    Case("TSO into the smallest segments", flooding("tso"), ["vf2.attaches"], r"nic0/vf2: client attached"),
    Case("DMA to unmapped addresses", flooding("faults"), ["vf2.tx_drops.iommu", "faults"], r"nic0/vf2: DMA fault"),
    Case("frames of 40 pieces", flooding("chains"), ["vf2.tx_broadcast"], r"nic0/vf2: client attached"),
    Case("only context descriptors", flooding("contexts"), ["vf2.attaches"], r"nic0/vf2: client attached"),
    Case("rings at the end of memory", flooding("edge"), ["faults"], r"nic0/vf2: DMA fault"),
    Case("garbage rings", flooding("garbage"), ["vf2.tx_drops.malformed"], r"nic0/vf2: client attached"),
    Case("races: source address", racing("mac"), ["vf2.tx_drops.spoof"], r"nic0/vf2: client", after=nothing_forged),
    Case("races: VLAN", racing("vlan"), ["vf2.tx_drops.vlan"], r"nic0/vf2: client", after=nothing_forged),
    Case("races: control frames", racing("pause"), ["vf2.tx_drops.pause"], r"nic0/vf2: client", after=nothing_forged),
    Case("races: descriptors", racing("desc"), ["faults"], r"nic0/vf2: DMA fault", after=nothing_forged),
    Case("PF: random registers", pf_registers, ["pf.traps"], r"nic1/pf: client attached", prepare=second_card,
         card="nic1"),
    Case("says nothing for 5 s", silent, ["vf2.kicks"], r"nic0/vf2: .*no VERSION within 5 s"),
    Case("blocks its eventfds", blocks_eventfds, ["vf5.kicks", "vf6.kicks"], r"nic0/vf5: .*made to block"),
]
