# SPDX-License-Identifier: BSD-3-Clause
"""What a hostile VM on a compute host does, and a hostile compute host. One function an attack, one row of CASES each."""
import contextlib
import errno
import mmap
import os
import random
import socket
import struct
import time

import igbvf
import vfio_user as vu
from arena import Case
from attacks import EICS, EIMS, EVENT, strange_fds
from hosts import ASSIGN, BEAT, BRIDGE, BYE, DONE, OFFER, OPEN, READ, REG, SIZE, UNASSIGN, WELCOME, WITHDRAW, WRITE, Hand
from ladond import memfd, wait_for
from tenant import NUM, RDT, RX_RING, Tenant
from vfio_user import BAR0

NOISE = random.Random(82576)
PAGE, MIB = 4096, 1 << 20
TIB = 1 << 40  # a slice of the global map
FEE = 0xfee00000
WINDOW = 2 * MIB
HPA, MEM = 1 << 32, 8 * MIB  # evil's memory, as evil calls it
ROOT, CTX, PML4, PDPT, PD, IRT, QUEUE, STATUS, RING, FRAME = (i * PAGE for i in (0, 1, 2, 3, 4, 16, 1024, 1200, 512, 513))
RDH = 0x2810
EICR = 0x1580
GCMD, RTADDR, FSTS, IQT, IQA, IRTA = 0x18, 0x20, 0x34, 0x88, 0x90, 0xb8
TE, SRTP, QIE, IRE, SIRTP = (1 << n for n in (31, 30, 26, 25, 24))
GLOBAL_IOTLB, WAIT_STATUS = 2 | 1 << 4, 5 | 1 << 5
QUEUE_LEN = 32768
RID = 0x100  # evil's first function, as evil sees it
INTR_RANGES, NO_MEMORY, MH_IOMMU = (0x0e, 0x87), 0xf1, 0xf6
BAD_ENTRY, NO_DESCRIPTOR = 0x24, 0x27
COMPUTE_IOMMU = {0x05, 0x06, 0x79, 0x85, 0x86}  # not mapped there
NTB_REVOKED = 0xf3


class Evil:
    """A compute host that has joined; its memory is offered, its VF attached, with a transmit queue."""

    def __init__(self, target, dma=True):
        self.target = target
        self.hand = join(target)
        self.fd = memfd(MEM)
        self.memory = mmap.mmap(self.fd, MEM)
        self.states, self.tail, self.client, self.base = 0, 0, None, HPA
        self.at, self.number, self.beaten = 0, 0, time.monotonic()  # of its queue
        err, why = self.hand.offer(HPA, MEM, self.fd)
        assert err == 0, why
        if dma:
            self.client = self.open()
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.client:
            self.client.close()
        self.hand.sock.close()
        self.memory.close()
        os.close(self.fd)

    def open(self, vf=2):
        """A connection to the VF."""
        done = wait_for("the VF opens", lambda: (d := self.hand.ask(OPEN, vf_body(vf))).fds and d)
        client = vu.Client.__new__(vu.Client)
        client.sock, client.next_id, client.requests = socket.socket(fileno=done.fds[0]), 1, []
        client.sock.settimeout(20)
        client.version()
        return client

    def start(self):
        """A queue of frames for nobody."""
        igbvf.bus_master(self.client)
        mac = igbvf.handshake(self.client)
        frame = b"\xff" * 6 + mac + b"\x88\xb7" + bytes(50)
        self.memory[FRAME:FRAME + len(frame)] = frame
        for i in range(256):
            self.memory[RING + 16 * i:RING + 16 * i + 16] = igbvf.tx_desc(self.base + FRAME, len(frame))
        igbvf.start_tx(self.client, self.base + RING, 256)

    def ring(self, frames=20):
        """The card fetches descriptors."""
        self.tail = (self.tail + frames) % 256
        igbvf.ring_tx(self.client, self.tail)

    def reg(self, offset, value, size=8):
        """A write to its remapping unit."""
        done = self.hand.ask(REG, struct.pack("<IIQ", offset, size, value))
        assert done and done.type == DONE, "the write of a register was not answered"

    def command(self, bit, stays=True):
        """GCMD with one more bit."""
        self.states |= bit if stays else 0
        self.reg(GCMD, self.states | bit, 4)

    def words(self, at, *words):
        """64-bit words of its memory."""
        struct.pack_into(f"<{len(words)}Q", self.memory, at, *words)

    def tables(self):
        """Right ones: IOVA 0 ... MEM is its memory."""
        self.words(ROOT + 16 * (RID >> 8), HPA + CTX | 1, 0)
        self.words(CTX + 16 * (RID & 0xff), HPA + PML4 | 1, 2 | 7 << 8)
        self.words(PML4, HPA + PDPT | 3)
        self.words(PDPT, HPA + PD | 3)
        self.words(PD, *(HPA + i * WINDOW | 3 | 1 << 7 for i in range(MEM // WINDOW)))

    def translate(self):
        """Translation and the queue on, with right tables."""
        self.tables()
        self.reg(IQA, HPA + QUEUE | 7)
        self.command(QIE)
        self.reg(RTADDR, HPA + ROOT)
        self.command(SRTP, stays=False)
        self.command(TE)
        self.base = 0
        igbvf.handshake(self.client)
        self.start()

    def flush(self):
        """What was translated is forgotten, and it is waited for."""
        self.queue([(GLOBAL_IOTLB, 0)])

    def queue(self, descs):
        """Runs these through the invalidation queue, then a wait; waits for its status."""
        number = self.number = self.number + 1
        for lo, hi in [*descs, (WAIT_STATUS | number << 32, HPA + STATUS)]:
            self.words(QUEUE + 16 * self.at, lo, hi)
            self.at = (self.at + 1) % QUEUE_LEN
        self.reg(IQT, 16 * self.at)
        self.status(number)

    def status(self, number):
        """Waits for it, and keeps its lease meanwhile."""
        def look():
            self.beat()
            return struct.unpack_from("<I", self.memory, STATUS)[0] == number
        wait_for("the unit's status", look)

    def beat(self):
        """Once a second."""
        if time.monotonic() > self.beaten + 1:
            self.hand.say(BEAT)
            self.beaten = time.monotonic()

    def sends(self):
        """It can still do what is right."""
        self.tables()
        self.reg(FSTS, 0x11, 4)
        self.command(SRTP, stays=False)
        self.flush()
        self.client.reset()
        igbvf.handshake(self.client)
        self.start()
        self.tail = 0
        self.ring(1)
        wait_for("its own frame goes", lambda: self.memory[RING + 12] & igbvf.DD)


def vf_body(vf, card=b"nic0"):
    """Of OPEN."""
    return struct.pack("<16sII", card, vf, 0)


def join(target):
    """The host by hand, in as soon as the one before has gone."""
    def once():
        hand = Hand(target.daemon)
        message = hand.join("evil", target.daemon.evil_token)
        if message and message.type == WELCOME:
            return hand
        hand.sock.close()
        return None
    return wait_for("evil joins", once)


def anywhere(bases=(0, TIB, 2 * TIB, 3 * TIB, HPA, FEE)):
    """An address that is somebody's, or nobody's."""
    return NOISE.choice((NOISE.choice(bases) + NOISE.randrange(MEM), NOISE.getrandbits(52), NOISE.getrandbits(64)))


# ---- a VM ----

def level(addr):
    """Who has to refuse it: codes of faults."""
    return {MH_IOMMU} if addr >= TIB or FEE <= addr < FEE + MIB else COMPUTE_IOMMU


def every_address(target):
    """Reads and writes at all slices, its own among them, at local addresses, in the interrupt window, anywhere."""
    slices = [row["slice_base"] for row in target.daemon.ask("host", "show")]
    addrs = [a + off for a in (*slices, 3 * TIB, 63 * TIB) for off in (0, HPA, HPA + WINDOW, FEE, TIB - PAGE)]
    addrs += [2 * MIB, HPA, HPA + WINDOW, HPA + MEM, TIB - PAGE, FEE, FEE + 0x10, FEE + MIB - PAGE, (1 << 48) - PAGE]
    addrs += [NOISE.getrandbits(64) & ~0xfff | TIB for _ in range(16)]
    tenant, helper = Tenant(target.daemon.ch1, 3), Tenant(target.daemon, 4)
    seen = {access: set() for access in ("read", "write")}
    for addr in addrs:
        at = tenant.sent % NUM
        struct.pack_into("<QII", tenant.memory, 16 * at, addr, igbvf.EOP | igbvf.IFCS | igbvf.DEXT | igbvf.DATA | 60, 60 << 14)
        tenant.sent += 1
        igbvf.ring_tx(tenant.client, tenant.sent % NUM)
        seen["read"] |= expect_fault(target, addr, "read")
    frame = helper.frame(b"into somebody's memory", to=tenant.mac)
    for addr in addrs:
        for i in range(NUM):
            struct.pack_into("<QQ", tenant.memory, RX_RING + 16 * i, addr & ~1, 0)
        tenant.client.write32(BAR0, RDT, (tenant.client.read32(BAR0, RDH) - 1) % NUM)
        helper.send(frame)
        seen["write"] |= expect_fault(target, addr, "write")
    for one in (tenant, helper):
        one.close()
    assert all(MH_IOMMU in codes and codes & COMPUTE_IOMMU for codes in seen.values()), seen
    return f"{2 * len(addrs)} accesses refused, by both IOMMUs"


def expect_fault(target, addr, access):
    """The last record is of this access, and at the level that had to refuse; returns its code."""
    def look():
        last = target.daemon.ask("faults")[-1:]
        return last and int(last[0]["address"], 0) == addr & ~1 and last[0]["access"] == access and last[0]
    fault = wait_for(f"the fault of a {access} at {addr:#x}", look)
    assert fault["function"] == "nic0/vf3" and fault["host"] == "ch1" and fault["code"] in level(addr), f"{addr:#x}: {fault}"
    assert fault["level"] == ("management-host IOMMU" if fault["code"] == MH_IOMMU else "compute-host IOMMU"), fault
    return {fault["code"]}


# ---- a compute host ----

def random_tables(target):
    """Writes random words into its tables while DMA runs; in the end right ones serve it again."""
    rounds = 0
    with Evil(target) as evil:
        evil.translate()
        while target.go() or not rounds:
            for _ in range(200):
                table = NOISE.choice((ROOT, CTX, PML4, PDPT, PD))
                evil.words(table + NOISE.randrange(32) * 8, anywhere() & ~0xfff | NOISE.getrandbits(8))
            evil.ring()
            for bit in (SRTP, SRTP | TE):
                evil.reg(GCMD, QIE | bit, 4)
            rounds += 1
        evil.sends()
    return f"{rounds} times"


def points_anywhere(target):
    """Its second stage leads to others' memory; no byte comes back, and it is refused where it would end."""
    rounds = 0
    places = (0, 2 * MIB, TIB, 2 * TIB, TIB + HPA, 2 * TIB + HPA, FEE & ~(WINDOW - 1), HPA - WINDOW, HPA + MEM, (1 << 46) - WINDOW)
    with Evil(target) as evil:
        evil.translate()
        while target.go() or rounds < len(places):
            before = target.daemon.ask("show")["faults"]
            evil.words(PD + 8, places[rounds % len(places)] | 3 | 1 << 7)
            evil.flush()
            evil.ring(1)
            wait_for("its fault", lambda n=before: target.daemon.ask("show")["faults"] > n)
            last = target.daemon.ask("faults")[-1]
            assert last["code"] in (NO_MEMORY, *INTR_RANGES), last
            assert last["level"] == ("compute-host memory" if last["code"] == NO_MEMORY else "compute-host IOMMU"), last
            rounds += 1
        evil.sends()
    return f"{rounds} places"


def random_unit(target):
    """Any value in any register, while its VF works; then it does so again under a new joining."""
    rounds = 0
    while target.go() or not rounds:
        with Evil(target) as evil:
            for i in range(300):
                value = NOISE.choice((anywhere(), HPA + NOISE.randrange(MEM), NOISE.getrandbits(64)))
                evil.reg(NOISE.randrange(0, 0x100, 4), value, NOISE.choice((4, 8)))
                if i % 20 == 0:
                    evil.ring()
        rounds += 1
    return f"{rounds * 300} writes"


def fills_the_queue(target):
    """32,767 descriptors at a time, each of which waits for the data path."""
    rounds = 0
    with Evil(target) as evil:
        evil.translate()
        for i in range(QUEUE_LEN):
            evil.words(QUEUE + 16 * i, *((WAIT_STATUS, HPA + STATUS) if i % 16 else (GLOBAL_IOTLB, 0)))
        while target.go() or not rounds:
            evil.ring()
            evil.queue([])
            at = (evil.at - 1) % QUEUE_LEN  # all of the ring but one
            evil.words(QUEUE + 16 * ((at - 1) % QUEUE_LEN), WAIT_STATUS | 0x55555555 << 32, HPA + STATUS)
            evil.reg(IQT, 16 * at)
            evil.status(0x55555555)
            evil.at = at
            rounds += 1
    return f"{rounds * (QUEUE_LEN - 1)} descriptors"


def forges_rids(target):
    """Its remapping entries carry others' RIDs, name any destination, or are noise; it raises interrupts all the time."""
    fds = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(3)]
    rounds = 0
    with Evil(target) as evil:
        evil.client.set_irqs(vu.MSIX, EVENT, 0, 3, fds)
        evil.reg(IRTA, HPA + IRT | 15 - 4)
        evil.command(SIRTP, stays=False)
        evil.command(IRE)
        evil.client.write32(BAR0, EIMS, 7)
        while target.go() or rounds < 4:
            for i in range(64):
                rid = NOISE.choice((RID + 1, 0x10, NOISE.getrandbits(16)))
                entry = ((1 | NOISE.randrange(65536) << 32, rid | 1 << 18), (NOISE.getrandbits(64), NOISE.getrandbits(64)),
                         (1 | NOISE.getrandbits(32) << 32, 0))[NOISE.choice((0, 1, 2)) if rounds else 0]
                evil.words(IRT + 16 * i, *entry)
            for _ in range(10):
                evil.client.write32(BAR0, EICS, 7)
            rounds += 1
        faults = [fault for fault in target.daemon.ask("faults") if fault["access"] == "interrupt"]
        assert faults and all(f["level"] == "interrupt remapping" and f["host"] == "evil" for f in faults), faults[-3:]
    for fd in fds:
        os.close(fd)
    return f"{rounds} tables"


def post(target, evil, pda, more=0):
    """Its entry 0 posts to pda, and something is raised through it; returns the fault's code."""
    before = target.daemon.ask("show")["faults"]
    evil.words(IRT, 1 | 1 << 15 | 67 << 16 | (pda & 0xffffffff) >> 6 << 38 | more, RID | 1 << 18 | pda >> 32 << 32)
    evil.client.write32(BAR0, EICR, 7)
    evil.client.write32(BAR0, EICS, 1)
    wait_for(f"the fault of posting to {pda:#x}", lambda: target.daemon.ask("show")["faults"] > before)
    last = target.daemon.ask("faults")[-1]
    assert last["function"] == "nic0/vf2", last
    return last["code"]


def posts_anywhere(target):
    """Its entries name descriptors in others' memory, in what it took back, in what is nobody's: nothing is written."""
    slices = [row["slice_base"] for row in target.daemon.ask("host", "show")]
    places = [a + off for a in (*slices, 3 * TIB, 63 * TIB) for off in (0, 2 * MIB, FEE) if a + off]
    places += [a + HPA + off for a in slices if a for off in (0, WINDOW)] + [HPA - 64, HPA + MEM, (1 << 46) + HPA, (1 << 64) - 64]
    spare, event, rounds = memfd(WINDOW), os.eventfd(0, os.EFD_NONBLOCK), 0
    with Evil(target) as evil:
        evil.client.set_irqs(vu.MSIX, EVENT, 0, 1, [event])
        evil.reg(IRTA, HPA + IRT | 15 - 4)
        evil.command(SIRTP, stays=False)
        evil.command(IRE)
        evil.client.write32(BAR0, EIMS, 1)
        while target.go() or rounds < len(places):
            assert post(target, evil, places[rounds % len(places)]) == NO_DESCRIPTOR
            rounds += 1
        assert post(target, evil, HPA + FRAME, more=1 << 37) == BAD_ENTRY  # bit 5 of the address
        for perm in (READ, READ | WRITE):
            err, why = evil.hand.offer(HPA + MEM, WINDOW, spare, perm=perm)
            assert err == 0, why
            if perm == READ:
                assert post(target, evil, HPA + MEM) == NO_DESCRIPTOR
            evil.hand.ask(WITHDRAW, struct.pack("<Q", HPA + MEM))
            assert post(target, evil, HPA + MEM) == NO_DESCRIPTOR
        assert os.pread(spare, WINDOW, 0) == bytes(WINDOW), "a descriptor was written that it had taken back"
    os.close(spare)
    os.close(event)
    return f"{rounds} places"


def replays(target):
    """Says under every new epoch what it said under the old one, and what it invents."""
    fd = memfd(WINDOW)
    rounds = 0
    while target.go() or not rounds:
        hand = join(target)
        old = hand.epoch
        said = [(OFFER, struct.pack("<QQQI", HPA, WINDOW, 0, 3), [fd]), (WITHDRAW, struct.pack("<Q", HPA), []),
                (REG, struct.pack("<IIQ", GCMD, 4, TE), []), (OPEN, vf_body(2), []), (BEAT, b"", [])]
        for kind, body, fds in said[:3]:
            hand.ask(kind, body, fds)
        hand.sock.close()
        for kind, body, fds in said:
            for epoch in (old, 0, old + 100, (1 << 64) - 1):
                with join(target) as again:
                    again.say(kind, body, fds, epoch=epoch)
                    bye = again.ended()
                    assert bye.type == BYE and "epoch" in bye.why, f"{kind} under {epoch}: {bye.type}"
                rounds += 1
    os.close(fd)
    return f"{rounds} messages"


def storm(target):
    """Offers and withdraws under its own DMA, and as much as it may: the rest of its slice."""
    rest = TIB - HPA - MEM
    spare, huge = memfd(WINDOW), memfd(rest)
    rounds = 0
    with Evil(target) as evil:
        while target.go() or not rounds:
            evil.ring()
            for fd, at, size in ((spare, HPA + MEM, WINDOW), (huge, HPA + MEM, rest), (spare, HPA + MEM, WINDOW)) * 4:
                evil.hand.say(OFFER, struct.pack("<QQQI", at, size, 0, 3), [fd])
                evil.hand.say(WITHDRAW, struct.pack("<Q", at))
            for _ in range(24):
                message = evil.hand.hear()
                assert message.type == DONE and message.err == 0, message.why
            evil.hand.ask(WITHDRAW, struct.pack("<Q", HPA))
            evil.ring()
            err, why = evil.hand.offer(HPA, MEM, evil.fd)
            assert err == 0, why
            rounds += 1
    for fd in (spare, huge):
        os.close(fd)
    return f"{rounds * 13} windows"


def bad_offers(target):
    """What overlaps, wraps, is too large, is no memory; then as many as it may; the other clients still map theirs."""
    fd = memfd(16 * PAGE)
    strange = strange_fds()
    rows = [(HPA, PAGE), (HPA + MEM - PAGE, 2 * PAGE), (HPA - PAGE, MEM), (1 << 63, PAGE), ((1 << 64) - PAGE, PAGE),
            (2 * HPA, (1 << 64) - PAGE), (TIB, PAGE), (2 * HPA, 2 * TIB), (2 * HPA, 17 * PAGE), (2 * HPA, 0), (2 * HPA + 1, PAGE), (0, PAGE)]
    refused = 0
    with Evil(target) as evil:
        while target.go() or not refused:
            for hpa, size in rows:
                assert evil.hand.offer(hpa, size, fd)[0], f"{hpa:#x} {size:#x}"
            for one in strange:
                err, why = evil.hand.offer(2 * HPA, PAGE, one)
                if err == 0:  # sealed, /proc/self/exe: never
                    raise AssertionError(f"{os.readlink(f'/proc/self/fd/{one}')} was taken: {why}")
            refused += len(rows) + len(strange)
            evil.ring()
        taken = 0
        while evil.hand.offer(2 * HPA + taken * WINDOW, PAGE, fd)[0] == 0:
            taken += 1
        assert 16 < taken < 4096, taken
        with target.attach(4) as other:
            for i in range(16):
                other.map(i * WINDOW, 16 * PAGE, fd)
    for one in (*strange, fd):
        os.close(one)
    return f"{refused} refused, {taken} taken"


def truncates(target):
    """Tables, rings and frames are gone while they are used; it is shown out each time."""
    rounds = 0
    while target.go() or not rounds:
        with Evil(target) as evil:
            evil.translate()
            evil.ring(100)
            os.truncate(evil.fd, 0)
            with contextlib.suppress(vu.Closed, AssertionError, BrokenPipeError, ConnectionResetError):
                evil.ring(100)
                evil.hand.say(REG, struct.pack("<IIQ", GCMD, 4, SRTP | TE | QIE))
                evil.hand.say(REG, struct.pack("<IIQ", IQT, 8, 1024))
            bye = evil.hand.ended()
            assert bye.type == BYE and "truncated" in bye.why, f"{bye.type} {bye.why}"
            os.truncate(evil.fd, MEM)
        rounds += 1
    return f"{rounds} times"


def keeps_what_it_had(target):
    """Its connection to the VF, the queue pages and its memory, when its joining is over and it is in again."""
    first = Evil(target)
    page = first.client.queue_pages()
    before = bytes(first.memory[:RING])
    first.hand.say(REG, struct.pack("<IIQ", GCMD, 4, 0), epoch=first.hand.epoch - 1)
    assert "epoch" in first.hand.ended().why
    with contextlib.suppress(vu.Closed):
        while True:
            first.client.get_info()
    rounds = 0
    with Evil(target) as second:
        while target.go() or not rounds:
            for _ in range(500):
                struct.pack_into("<I", page, NOISE.randrange(2048) * 4, NOISE.getrandbits(32))
            second.ring(10)
            assert second.client.read32(BAR0, igbvf.TDT) == second.tail, "the next one's register has another's value"
            rounds += 1
        assert second.client.read32(BAR0, igbvf.TDLEN) == 4096
    assert first.memory[:RING] == before, "the card wrote into memory of an epoch that is over"
    page.close()
    first.__exit__()
    return f"{rounds} rounds"


def refused_at_the_bridge(target):
    """What the port has refused because the way was shut, and whether the last fault says so."""
    last = [fault for fault in target.daemon.ask("faults") if fault["code"] == NTB_REVOKED and fault["host"] == "evil"][-1:]
    assert all(fault["level"] == "NTB window" for fault in last), last
    refused = target.daemon.ask("host", "show", "evil")[0]["port"]["refused"]
    return refused["link_down"] + refused["revoked"] if last else 0


def much_to_do(evil, num=4096):
    """A ring so long that the card is at it for a while."""
    at = 600 * PAGE
    evil.memory[at:at + 16 * num] = igbvf.tx_desc(evil.base + FRAME, 64) * num
    evil.client.reset()
    igbvf.bus_master(evil.client)
    igbvf.handshake(evil.client)
    igbvf.start_tx(evil.client, evil.base + at, num)


def uses_what_is_revoked(target):
    """It rings its doorbell on and on, mapped, while its joining ends: DMA under way finds the windows of the bridge shut."""
    rounds = 0
    while not refused_at_the_bridge(target) or target.go():
        assert rounds < 500, "no DMA was under way when the windows were shut"
        with Evil(target) as evil:
            page = evil.client.queue_pages()
            much_to_do(evil)
            for i in range(400):
                struct.pack_into("<I", page, 0x1818, 4000 if i % 2 else 2000)
                if i == 200:
                    evil.hand.say(BEAT, epoch=evil.hand.epoch - 1)
            assert "epoch" in evil.hand.ended().why
            page.close()
        rounds += 1
    port = target.daemon.ask("host", "show", "evil")[0]["port"]
    assert port["last"] and all(row["rid"] and row["address"].startswith("0x") for row in port["last"]), port
    return f"{refused_at_the_bridge(target)} accesses refused at the bridge in {rounds} joinings"


def registers(hand):
    """Page and eventfds of the bridge's registers: evil's own, and the management host's."""
    dones = [hand.ask(BRIDGE, struct.pack("<I", part)) for part in range(3)]
    assert all(done.err == 0 and len(done.fds) == 1 for done in dones), [done.why for done in dones]
    page, own, theirs = (done.fds[0] for done in dones)
    mapped = mmap.mmap(page, PAGE)
    os.close(page)
    return mapped, own, theirs


def vandalizes_registers(target):
    """Any word anywhere in the registers it shares with the management host, doorbells rung all the time, the lease kept
    by a scratchpad; then it fills its eventfd and lets it block."""
    rounds = 0
    while target.go() or not rounds:
        with join(target) as hand:
            page, own, theirs = registers(hand)
            for part in (3, 1 << 31):
                assert hand.ask(BRIDGE, struct.pack("<I", part)).err == errno.EINVAL
            for i in range(3000):
                struct.pack_into("<I", page, NOISE.randrange(PAGE // 4) * 4, NOISE.getrandbits(32))
                struct.pack_into("<Q", page, 0, (1 << 64) - 1)  # all doorbells of the management host
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_write(theirs, NOISE.choice((1, (1 << 64) - 2)))
                if i % 100 == 0:
                    struct.pack_into("<I", page, 192, i)  # its beat
            page.close()
            for fd in (own, theirs):
                os.close(fd)
        rounds += 1
    with join(target) as hand:
        page, own, theirs = registers(hand)
        struct.pack_into("<I", page, 256 + 76, 1)  # its link is enabled: it will be rung
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(own)
        os.eventfd_write(own, (1 << 64) - 2)
        os.set_blocking(own, True)
        said = hand.ended()  # the next ring is within a second
        assert said.type == BYE and "block" in said.why, said.why
        page.close()
        for fd in (own, theirs):
            os.close(fd)
    return f"{rounds * 6000} words and rings"


def opens_others(target):
    """Functions that are another's or nobody's; its own again and again; then it does not read the answers."""
    rounds = 0
    with Evil(target) as evil:
        while target.go() or not rounds:
            for vf, card in ((0, b"nic0"), (1, b"nic0"), (3, b"nic0"), (99, b"nic0"), (2, b"nic1"), (2, b""), (1 << 31, b"nic0")):
                done = evil.hand.ask(OPEN, vf_body(vf, card))
                assert done.err == errno.ENODEV and not done.fds, f"{card} {vf}: {done.err} {done.why}"
            for _ in range(50):
                done = evil.hand.ask(OPEN, vf_body(2))
                assert done.err == errno.EBUSY and not done.fds, f"{done.err} {done.why}"
            rounds += 1
    with Evil(target, dma=False) as evil, contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
        evil.hand.sock.settimeout(2)
        for _ in range(20000):
            evil.hand.say(OPEN, vf_body(2))
        raise AssertionError("it may ask without end and read nothing")
    return f"{rounds * 57} requests"


def rubbish(target):
    """Random messages, wrong sizes, descriptors with each, empty messages with descriptors; with the key and without."""
    event = os.eventfd(0)
    rounds = 0
    while target.go() or not rounds:
        for size, fds in ((0, 1), (0, 200), (1, 1), (SIZE, 2), (SIZE, 253), (SIZE - 1, 0), (SIZE * 2, 1), (SIZE, 1), (60000, 1)):
            for hand in (Hand(target.daemon), join(target)):
                with hand, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    socket.send_fds(hand.sock, [NOISE.randbytes(size)], [event] * fds)
                    hand.ended()
        for kind in (WELCOME, DONE, ASSIGN, UNASSIGN, 12, 0, 1 << 31):
            with join(target) as hand:
                hand.say(kind)
                hand.ended()
        with Hand(target.daemon) as hand:
            hand.join("evil", "00000000-0000-0000-0000-000000000000")
        rounds += 1
    os.close(event)
    return f"{rounds * 26} connections"


def floods_doorbells(target):
    """Any tail into the queue pages, mapped, as fast as that goes."""
    rounds = 0
    with Evil(target) as evil:
        page = evil.client.queue_pages()
        while target.go() or not rounds:
            for _ in range(2000):
                struct.pack_into("<I", page, NOISE.choice((0x818, 0x1818, NOISE.randrange(2048) * 4)),
                                 NOISE.getrandbits(32) if rounds % 2 else NOISE.randrange(256))
            rounds += 1
        page.close()
    return f"{rounds * 2000} stores"


def an_honest_one_joins(target):
    """After all that, under evil's name and key: its unit is new, its VF works."""
    hand = join(target)
    hand.say(REG, struct.pack("<IIQ", IQA, 8, HPA | 7))
    hand.say(REG, struct.pack("<IIQ", GCMD, 4, QIE))
    hand.ask(REG, struct.pack("<IIQ", IQT, 8, 160))
    hand.sock.close()
    with Evil(target) as evil:
        evil.translate()
        evil.sends()
        time.sleep(0.1)


CASES = [
    Case("a VM: every address of the map", every_address, ["faults", "vf3.attaches"], r"nic0/vf3: DMA fault"),
    Case("random tables during DMA", random_tables, ["faults"], r"nic0/vf2: DMA fault"),
    Case("second stage at others' memory", points_anywhere, ["faults"], r"nic0/vf2: DMA fault: read of .*no memory"),
    Case("random unit registers", random_unit, ["evil.joins"], r"host evil: host-left"),
    Case("a full invalidation queue", fills_the_queue, ["evil.joins"], r"host evil: host-left"),
    Case("forged RIDs, noise in the IRT", forges_rids, ["faults"], r"nic0/vf2: DMA fault: interrupt"),
    Case("posts at others' memory", posts_anywhere, ["faults"], r"nic0/vf2: DMA fault: interrupt .*descriptor lies outside"),
    Case("old epochs", replays, ["evil.joins"], r"host evil: host-left: it spoke under an epoch that is over"),
    Case("windows come and go", storm, ["evil.joins"], r"host evil: host-left"),
    Case("bad offers, too many", bad_offers, ["evil.joins"], r"host evil: host-left"),
    Case("truncates memory in use", truncates, ["evil.joins"], r"host evil: host-left: memory that it offered was truncated"),
    Case("keeps what it had", keeps_what_it_had, ["evil.joins"], r"host evil: host-left: it spoke under an epoch"),
    Case("uses windows while they are revoked", uses_what_is_revoked, ["evil.joins", "faults"],
         r"nic0/vf2: DMA fault: .*\(NTB window\)"),
    Case("writes any shared register", vandalizes_registers, ["evil.joins"], r"host evil: host-left: its doorbell was made to block"),
    Case("opens others' VFs, floods OPEN", opens_others, ["evil.joins"], r"host evil: host-left: it does not read"),
    Case("rubbish, with descriptors", rubbish, ["evil.joins", "evil.refused"], r"host evil: host-left: what it said is no message"),
    Case("floods doorbells", floods_doorbells, ["vf2.attaches"], r"nic0/vf2: client attached"),
    Case("an honest one joins", an_honest_one_joins, ["evil.joins"], r"host evil: host-joined"),
]
