#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The PF as the VM that drives it sees it: QEMU's and Linux' order of messages when SR-IOV is set up, what VFs' own
clients see of it, and who owns the policy. A victim on VF 6 is served all the time.
"""
import contextlib
import errno
import json
import os
import random
import re
import shlex
import struct
import sys

import vfio_user as vu
from ladond import Daemon, Monitor, Suite, World, attach, memfd, run_with_victim
from vfio_user import BAR0, BAR3, CONFIG, INFO, REGION

SUITE = Suite()
CASE = SUITE.test
COMMAND, ROM, PIN, BARS = 0x04, 0x30, 0x3d, 0x10
PM_CAP, MSIX_CAP, PCIE_CAP, ARI, SRIOV = 0x40, 0x70, 0xa0, 0x150, 0x160
DEVCTL, FLR = PCIE_CAP + 8, 0x8000
# Of the SR-IOV capability.
CONTROL, INITIAL, TOTAL, NUM, OFFSET, STRIDE = SRIOV + 8, SRIOV + 0xc, SRIOV + 0xe, SRIOV + 0x10, SRIOV + 0x14, SRIOV + 0x16
VF_ENABLE, VF_MSE, ARI_HIERARCHY = 1, 8, 0x10
ENABLED = VF_ENABLE | VF_MSE | ARI_HIERARCHY
EVENT, FIRE = vu.DATA_EVENTFD | vu.TRIGGER, vu.DATA_NONE | vu.TRIGGER
VF_STATUS, ONES = 0x8, 0xffffffff


# ---- what a client does ----

def read16(client, offset):
    """A word of configuration space."""
    return struct.unpack("<H", client.read(CONFIG, offset, 2))[0]


def write16(client, offset, value):
    """A word of configuration space."""
    client.write(CONFIG, offset, struct.pack("<H", value))


def size(client, offset):
    """Read, all ones, read, write back: what the ones read as."""
    old = client.read32(CONFIG, offset)
    client.write32(CONFIG, offset, ONES)
    mask = client.read32(CONFIG, offset)
    client.write32(CONFIG, offset, old)
    return mask


@contextlib.contextmanager
def eventfd():
    """An event descriptor of ours."""
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        yield fd
    finally:
        os.close(fd)


def fired(fd):
    """How often an event descriptor was written since the last look."""
    try:
        return os.eventfd_read(fd)
    except BlockingIOError:
        return 0


def realize(client, intx):
    """What QEMU sends until the device is realised; returns configuration space as it read it."""
    memory = memfd(4 << 20)
    client.map(0, 0xa0000, memory)
    client.map(0xc0000, 0x20000, flags=vu.R)
    client.map(0x100000, 0x300000, memory, 0x100000)
    os.close(memory)
    assert client.get_info() == (INFO.size, 3, 9, 5)
    for index in (*range(6), 7):
        client.region_info(index).close_fds()
    assert client.irq_info(vu.ERR)[3] == 0
    config = client.read(CONFIG, 0, 4096)
    size(client, ROM)
    for bar in range(6):
        client.read32(CONFIG, BARS + 4 * bar)
    client.read(CONFIG, MSIX_CAP + 2, 2)
    client.read32(CONFIG, MSIX_CAP + 4)
    client.read32(CONFIG, MSIX_CAP + 8)
    client.irq_info(vu.MSIX)
    if client.read(CONFIG, PIN, 1) != b"\0":
        client.set_irqs(vu.INTX, EVENT, 0, 1, [intx])
    return config


def machine_reset(client, intx):
    """What QEMU sends when the machine starts, and whenever it is reset."""
    pin = client.read(CONFIG, PIN, 1) != b"\0"
    if pin:
        client.set_irqs(vu.INTX, FIRE, 0, 0)
    write16(client, COMMAND, read16(client, COMMAND) & ~7)
    read16(client, PM_CAP + 4)
    client.reset()
    if pin:
        client.set_irqs(vu.INTX, EVENT, 0, 1, [intx])
    for bar in range(6):
        client.write32(CONFIG, BARS + 4 * bar, 0)


@contextlib.contextmanager
def booted():
    """A client on the PF that is as far as a guest's firmware."""
    World.daemon.settle_pf()
    with eventfd() as intx, World.daemon.attach("pf", caps=vu.QEMU_CAPS) as client:
        realize(client, intx)
        machine_reset(client, intx)
        yield client


def enable(client, num):
    """echo num > sriov_numvfs, the accesses of Linux."""
    assert read16(client, INITIAL) == 7
    write16(client, NUM, num)
    assert (read16(client, OFFSET), read16(client, STRIDE)) == (0x80, 2)
    write16(client, CONTROL, ENABLED)


def disable(client):
    """echo 0 > sriov_numvfs."""
    write16(client, CONTROL, ARI_HIERARCHY)
    write16(client, NUM, 0)


def there(client):
    """Does the VF answer?"""
    return client.read32(BAR0, VF_STATUS) != ONES


def seen(clients):
    """Which of the VFs' clients have a VF."""
    return [there(client) for client in clients]


@contextlib.contextmanager
def vfs(num):
    """Clients on the first VFs."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(attach(n)) for n in range(num)]


def chain(config):
    """{offset: id} of the extended capabilities."""
    found, at = {}, 0x100
    while at:
        word, = struct.unpack_from("<I", config, at)
        found[at], at = word & 0xffff, word >> 20
    return found


# ---- SR-IOV, as QEMU and Linux set it up ----

@CASE
def regions_and_interrupts():
    """Four BARs, nothing mapped; INTx, MSI and ten MSI-X vectors."""
    with World.daemon.attach("pf") as client:
        sizes = []
        for index in range(9):
            reply = client.region_info(index)
            _, flags, _, _, length, _ = REGION.unpack(reply.payload)
            assert not reply.fds and flags == (3 if length else 0), f"region {index}: flags {flags:#x}"
            sizes.append(length)
        assert sizes == [0x20000, 0x400000, 0x20, 0x4000, 0, 0, 0, 4096, 0], sizes
        assert [client.irq_info(i)[1::2] for i in range(5)] == [(7, 1), (1, 1), (1, 10), (0, 0), (0, 0)]
        assert client.read(CONFIG, 0, 4) == struct.pack("<HH", 0x8086, 0x10c9)
        assert client.read(vu.BAR0 + 1, 0x1234, 4) == b"\xff" * 4 and client.read(BAR3, 0x2000, 8) == bytes(8)


@CASE
def nothing_above_ff_until_the_first_reset():
    """The bulk read and all others there give zeros, writes vanish; each new connection starts so again."""
    for _ in range(2):
        World.daemon.settle_pf()
        with eventfd() as intx, World.daemon.attach("pf", caps=vu.QEMU_CAPS) as client:
            config = realize(client, intx)
            assert config[0x100:] == bytes(0xf00) and struct.unpack_from("<H", config) == (0x8086,)
            assert client.read(CONFIG, 0xfe, 4)[2:] == b"\0\0" and client.read32(CONFIG, SRIOV) == 0
            client.write(CONFIG, 0xf8, bytes(8) + b"\xff" * (4096 - 0x100))
            client.write(CONFIG, NUM, b"\3\0")
            write16(client, CONTROL, ENABLED)
            machine_reset(client, intx)
            assert chain(client.read(CONFIG, 0, 4096)) == {0x100: 1, 0x140: 3, ARI: 0xe, SRIOV: 0x10}
            assert read16(client, CONTROL) == 0 and read16(client, NUM) == 0
            machine_reset(client, intx)
            assert client.read32(CONFIG, SRIOV) & 0xffff == 0x10, "a later reset hid it again"
            write16(client, DEVCTL, FLR)
            assert client.read32(CONFIG, SRIOV) & 0xffff == 0x10, "an FLR hid it again"


@CASE
def linux_sets_sriov_up():
    """Enumeration, sizing, and the walk of NumVFs, access for access."""
    with booted() as client:
        assert client.read32(CONFIG, 0x100) & 0xffff == 1 and client.read32(CONFIG, SRIOV) == 0x10010
        read16(client, CONTROL)
        write16(client, CONTROL, ARI_HIERARCHY)
        assert read16(client, TOTAL) == 7 and client.read32(CONFIG, SRIOV + 0x1c) == 0x553
        client.write32(CONFIG, SRIOV + 0x20, 1)
        masks = []
        for bar in range(6):
            write16(client, COMMAND, 0)
            masks.append(size(client, SRIOV + 0x24 + 4 * bar))
            write16(client, COMMAND, 2)
        assert masks == [0xffffc00c, ONES, 0, 0xffffc00c, ONES, 0], [hex(m) for m in masks]
        assert read16(client, SRIOV + 0x1a) == 0x10ca
        client.read32(CONFIG, SRIOV + 4)
        client.read(CONFIG, SRIOV + 0x12, 1)
        for num in range(7, -1, -1):
            write16(client, NUM, num)
            assert (read16(client, OFFSET), read16(client, STRIDE)) == (0x80, 2)
        client.read32(CONFIG, ARI + 4)
        client.write32(CONFIG, SRIOV + 0x24, 0xfe000000)
        client.write32(CONFIG, SRIOV + 0x28, 0)
        assert client.read32(CONFIG, SRIOV + 0x24) == 0xfe00000c
        assert read16(client, CONTROL) == ARI_HIERARCHY and World.daemon.pf()["vfs_enabled"] == 0


@CASE
def vfs_follow_vf_enable():
    """Clients of VFs keep their connections; without VF Enable, or VF MSE, all registers read ones."""
    with vfs(3) as clients:
        assert seen(clients) == [True] * 3
        with booted() as client:
            assert seen(clients) == [False] * 3
            enable(client, 2)
            assert seen(clients) == [True, True, False] and World.daemon.pf()["vfs_enabled"] == 2
            assert [World.daemon.vf(n)["exists"] for n in range(3)] == [True, True, False]
            write16(client, CONTROL, VF_ENABLE | ARI_HIERARCHY)
            assert seen(clients) == [False] * 3
            write16(client, CONTROL, ENABLED)
            assert seen(clients) == [True, True, False]
            disable(client)
            assert seen(clients) == [False] * 3
            enable(client, 7)
            assert seen(clients) == [True] * 3
            disable(client)
        World.daemon.settle_pf()
        assert seen(clients) == [True] * 3
        assert [c.read32(CONFIG, 0) for c in clients] == [0x10ca8086] * 3


@CASE
def resets_of_the_pf_clear_vf_enable():
    """FLR, D3hot to D0 and DEVICE_RESET: SR-IOV is off, and the VFs are gone."""
    def power():
        write16(client, PM_CAP + 4, 3)
        write16(client, PM_CAP + 4, 0)

    with vfs(1) as clients, booted() as client:
        for reset in (lambda: write16(client, DEVCTL, FLR), power, client.reset):
            enable(client, 1)
            assert seen(clients) == [True]
            reset()
            assert read16(client, CONTROL) == 0 and read16(client, NUM) == 0
            assert seen(clients) == [False] and World.daemon.pf()["vfs_enabled"] == 0


@CASE
def hostile_num_vfs():
    """Beyond TotalVFs, or changed while enabled: ignored, counted, and the log names the first."""
    with vfs(3) as clients, booted() as client:
        before = World.daemon.pf()["bad_config"]
        for num in (8, 0xff, 0x100, 0xffff):
            write16(client, NUM, num)
            assert read16(client, NUM) == 0
        enable(client, 2)
        for num in (0, 1, 7, 0xffff):
            write16(client, NUM, num)
            assert read16(client, NUM) == 2 and seen(clients) == [True, True, False]
        write16(client, TOTAL, 64)
        assert read16(client, TOTAL) == 7
        assert World.daemon.pf()["bad_config"] == before + 8
        disable(client)
        assert f"nic0/pf: a write of 0x8 (2 bytes) to configuration space at {NUM:#x} was ignored" in World.daemon.log()


@CASE
def enabled_without_vfs():
    """VF Enable with NumVFs 0 is legal: no VF exists."""
    with vfs(1) as clients, booted() as client:
        enable(client, 0)
        assert read16(client, CONTROL) == ENABLED and seen(clients) == [False]


@CASE
def random_configuration_writes():
    """Ten thousand of any size and place: the daemon serves on, and a reset gives a card that works."""
    dice = random.Random(82576)
    with booted() as client:
        for _ in range(10000):
            offset = dice.choice((SRIOV, COMMAND, PCIE_CAP, MSIX_CAP, PM_CAP, 0)) + dice.randrange(0x40)
            client.send(vu.REGION_WRITE, vu.ACCESS.pack(offset, CONFIG, 4) + dice.randbytes(4),
                        flags=vu.COMMAND | vu.NO_REPLY)
        client.reset()
        enable(client, 3)
        assert World.daemon.pf()["vfs_enabled"] == 3
        return f"{World.daemon.pf()['bad_config']} of them forbidden"


# ---- views ----

@CASE
def views_are_config_only():
    """Vendor and device FFFFh, all else true, hidden above ff until a reset; registers read ones."""
    with World.daemon.attach("view1", caps=vu.QEMU_CAPS) as view, eventfd() as unused:
        config = realize(view, unused)
        assert config[:4] == b"\xff" * 4 and config[8:12] == b"\1\0\0\2" and config[0x0e] == 0
        assert config[0x2c:0x30] == struct.pack("<HH", 0x8086, 0xa03c) and config[0x100:] == bytes(0xf00)
        assert view.irq_info(vu.MSIX)[1::2] == (1, 3) and view.irq_info(vu.INTX)[3] == 0
        sizes = [REGION.unpack(view.region_info(i).payload)[4] for i in range(9)]
        assert sizes == [0x4000, 0, 0, 0x4000, 0, 0, 0, 4096, 0], sizes
        machine_reset(view, unused)
        assert chain(view.read(CONFIG, 0, 4096)) == {0x100: 1, ARI: 0xe}
        view.write32(BAR0, 0, 0)
        assert view.read32(BAR0, VF_STATUS) == ONES and view.read(BAR3, 0, 8) == b"\xff" * 8
        view.unmap(0, 0xa0000)


@CASE
def an_flr_of_a_view_resets_the_vf():
    """Only the VF of that number, and only while it exists; its own client keeps its bus mastering."""
    def resets(n):
        return World.daemon.vf(n)["resets"]

    with World.daemon.attach("view1") as view, vfs(2) as clients, booted() as client:
        view.reset()
        before = resets(0), resets(1)
        write16(view, DEVCTL, FLR)
        assert (resets(0), resets(1)) == before, "a VF that does not exist was reset"
        enable(client, 2)
        write16(clients[1], COMMAND, 6)
        before = resets(0), resets(1)
        write16(view, DEVCTL, FLR)
        assert (resets(0), resets(1)) == (before[0], before[1] + 1)
        assert World.daemon.vf(1)["bus_master"] is True and seen(clients) == [True, True]


# ---- interrupts ----

@CASE
def intx_is_masked_and_unmasked():
    """MASK and UNMASK in all forms of data; MASK by eventfd is nothing vfio has."""
    with booted() as client, eventfd() as intx, eventfd() as resample:
        client.set_irqs(vu.INTX, EVENT, 0, 1, [intx])
        client.set_irqs(vu.INTX, FIRE, 0, 1)
        assert fired(intx) == 1
        for off, on in ((dict(flags=vu.DATA_NONE | vu.MASK), dict(flags=vu.DATA_NONE | vu.UNMASK)),
                        (dict(flags=vu.DATA_BOOL | vu.MASK, bools=b"\1"),
                         dict(flags=vu.DATA_BOOL | vu.UNMASK, bools=b"\1"))):
            client.set_irqs(vu.INTX, start=0, count=1, **off)
            client.set_irqs(vu.INTX, FIRE, 0, 1)
            assert fired(intx) == 0, "it fired while masked"
            client.set_irqs(vu.INTX, start=0, count=1, **on)
            client.set_irqs(vu.INTX, FIRE, 0, 1)
            assert fired(intx) >= 1
        client.set_irqs(vu.INTX, vu.DATA_BOOL | vu.MASK, 0, 1, bools=b"\0")
        client.set_irqs(vu.INTX, FIRE, 0, 1)
        assert fired(intx) >= 1, "a false bool masked it"
        client.set_irqs(vu.INTX, vu.DATA_EVENTFD | vu.UNMASK, 0, 1, [resample])
        client.set_irqs(vu.INTX, vu.DATA_NONE | vu.MASK, 0, 1)
        os.eventfd_write(resample, 1)
        World.daemon.sync()
        client.set_irqs(vu.INTX, FIRE, 0, 1)
        assert fired(intx) >= 1, "the resample descriptor did not unmask it"
        client.set_irqs(vu.INTX, vu.DATA_NONE | vu.MASK, 0, 1)
        os.eventfd_write(resample, 1)
        World.daemon.sync()
        client.set_irqs(vu.INTX, FIRE, 0, 1)
        assert fired(intx) >= 1, "the resample descriptor worked only once"
        client.set_irqs(vu.INTX, vu.DATA_EVENTFD | vu.UNMASK, 0, 1)
        try:
            client.set_irqs(vu.INTX, vu.DATA_EVENTFD | vu.MASK, 0, 1, [resample])
            raise AssertionError("MASK by eventfd was accepted")
        except vu.RemoteError as error:
            assert error.errno == errno.ENOTTY
        write16(client, COMMAND, 0x400)
        client.set_irqs(vu.INTX, FIRE, 0, 1)
        assert fired(intx) == 0, "it fired although COMMAND disables it"
        write16(client, COMMAND, 0)
        client.set_irqs(vu.INTX, FIRE, 0, 1)
        assert fired(intx) >= 1


@CASE
def one_kind_of_interrupt_at_a_time():
    """Descriptors of another index end the former's, and the former's are closed."""
    with booted() as client, contextlib.ExitStack() as stack:
        fds = [stack.enter_context(eventfd()) for _ in range(10)]
        client.set_irqs(vu.INTX, FIRE, 0, 0)
        base = World.daemon.fds()
        kinds = []
        for index, count in ((vu.INTX, 1), (vu.MSI, 1), (vu.MSIX, 10), (vu.INTX, 1)):
            client.set_irqs(index, EVENT, 0, count, fds[:count])
            assert World.daemon.fds() == base + count, f"index {index}: {World.daemon.fds() - base} descriptors"
            client.set_irqs(index, FIRE, 0, count)
            assert [fired(fd) for fd in fds] == [1] * count + [0] * (10 - count)
            kinds.append(World.daemon.pf()["irqs"])
        assert kinds == ["intx", "msi", "msix", "intx"]
        client.set_irqs(vu.MSIX, FIRE, 0, 0)
        assert World.daemon.pf()["irqs"] == "intx", "disabling another index disabled this one"
        client.set_irqs(vu.MSIX, EVENT, 0, 1)
        assert World.daemon.pf()["irqs"] == "msix" and World.daemon.fds() == base, "QEMU turns MSI-X on so"
        client.set_irqs(vu.MSIX, FIRE, 0, 0)
        assert World.daemon.pf()["irqs"] == "none"
        for index, start, count in ((vu.MSIX, 0, 11), (vu.MSIX, 10, 1), (vu.MSI, 1, 1), (vu.INTX, 0, 2)):
            try:
                client.set_irqs(index, FIRE, start, count)
                raise AssertionError(f"index {index}: {start} + {count} was accepted")
            except vu.RemoteError as error:
                assert error.errno == errno.EINVAL


# ---- whose policy ----

def owner():
    """Who owns the policy, as card show has it."""
    World.daemon.sync()
    return World.daemon.ask("card", "show", "nic0")[0]["policy_owner"]


def link(n):
    """A row of link show."""
    return World.daemon.ask("link", "show", "nic0")[0]["vfinfo_list"][n]


@CASE
def a_silent_client_owns_nothing():
    """Connected without VERSION: the built-in PF goes on, and the VFs are there."""
    World.daemon.settle_pf()
    with vfs(1) as clients, World.daemon.attach("pf", negotiate=False) as client:
        assert World.daemon.pf()["attached"]["pid"] == os.getpid()
        assert owner() == "builtin" and seen(clients) == [True]
        World.daemon.ok("link", "set", "nic0", "vf", "0", "state", "enable")
        client.version()
        assert owner() == "guest" and seen(clients) == [False]
    World.daemon.settle_pf()
    World.daemon.ok("link", "set", "nic0", "vf", "0", "state", "auto")


@CASE
def the_policy_is_handed_over_and_back():
    """Refused with the reason while a guest owns it; what was set before is in force again afterwards."""
    words = ("link", "set", "nic0", "vf", "1", "vlan", "100")
    with vfs(2) as clients:
        World.daemon.ok("link", "set", "nic0", "vf", "1", "vlan", "7", "qos", "2", "max_tx_rate", "50")
        mine = link(1)
        for _ in range(3):
            with booted() as client:
                enable(client, 2)
                done = World.daemon.ladon(*words)
                want = (f"policy of nic0 belongs to the PF driver in the guest attached to "
                        f"{os.path.realpath(World.daemon.socket('pf'))} (pid {os.getpid()}): use \"ip link set ... "
                        "vf 1\" there, or detach it")
                assert done.returncode == 1 and want in done.stderr, done.stderr
                World.daemon.ok("link", "set", "nic0", "vf", "1", "mirror", "vf", "0", "rx")  # nothing of the guest's
                theirs = link(1)
                assert theirs["ladon"].pop("mirror") == [{"vf": 0, "direction": "rx"}]
                World.daemon.ok("link", "set", "nic0", "vf", "1", "mirror", "none")
                assert theirs["ladon"]["exists"] is True and "trust" not in theirs
                assert theirs["link_state"] == "auto" and theirs.get("vlan_list") != mine["vlan_list"]
                assert "policy of the PF driver in a guest" in World.daemon.ok("link", "show", "nic0")
                assert f"policy of the guest of pid {os.getpid()}, 2 VFs enabled" in World.daemon.ok("card", "show")
            World.daemon.settle_pf()
            now = link(1)
            assert {k: v for k, v in now.items() if k != "ladon"} == {k: v for k, v in mine.items() if k != "ladon"}
            assert owner() == "builtin" and seen(clients) == [True, True]
            assert "vlan 7, qos 2, tx rate 50 (Mbps), max_tx_rate 50Mbps" in World.daemon.ok("link", "show", "nic0")
        World.daemon.ok("link", "set", "nic0", "vf", "1", "vlan", "0", "rate", "0")


@CASE
def events_of_the_pf():
    """attached, owner, reset, sriov, owner, detached: in the monitor, in this order."""
    World.daemon.settle_pf()
    monitor = Monitor(World.daemon)
    with booted() as client:
        enable(client, 2)
        disable(client)
    got = [monitor.wait("attached", pf=True)]
    got += [monitor.wait("owner", policy_owner="guest"), monitor.wait("reset", pf=True)]
    got += [monitor.wait("sriov", pf=True, vfs=2), monitor.wait("sriov", pf=True, vfs=0)]
    got += [monitor.wait("owner", policy_owner="builtin"), monitor.wait("detached", pf=True)]
    monitor.close()
    assert all(e["card"] == "nic0" and "vf" not in e for e in got) and got[0]["pid"] == os.getpid()


@CASE
def a_second_client_is_turned_away():
    """One PF driver at a time; the first does not notice."""
    with booted() as client:
        try:
            with World.daemon.attach("pf"):
                raise AssertionError("a second client was let in")
        except (vu.Closed, ConnectionError):
            pass
        assert client.read32(CONFIG, 0) == 0x10c98086 and owner() == "guest"


@CASE
def pf_show():
    """Text and JSON, with a client and without."""
    for _ in range(2):
        data = World.daemon.json("pf", "show", "nic0")
        text = World.daemon.ok("pf", "show", "nic0")
        for key in data:
            assert re.search(rf"^{key} +\S", text, re.M), f"{key} is missing in the text"
        with booted():
            assert World.daemon.pf()["ext_config_shown"] is True
            assert World.daemon.pf()["policy_owner"] == "guest" and len(World.daemon.pf()["interrupts"]) == 10
        World.daemon.settle_pf()


# ---- the command line ----

def qemu(place):
    """(devices of a card made so, its daemon)"""
    daemon = Daemon(config=f"card add nic0 model 82576 {place}")
    words = shlex.split(daemon.ok("qemu", "nic0", "pf").replace('"', '\\"'))
    assert words[::2] == ["-device"] * (len(words) // 2)
    return [json.loads(word) for word in words[1::2]], daemon


def places(devices, daemon):
    """{socket's name: (bus, address, multifunction)}"""
    out = {}
    for device in devices:
        assert device["driver"] == "vfio-user-pci" and device["socket"]["type"] == "unix"
        folder, name = os.path.split(device["socket"]["path"])
        assert folder == os.path.realpath(os.path.join(daemon.run_dir, "nic0"))
        out[name] = (device["bus"], device["addr"], device.get("multifunction", False))
    return out


@CASE
def qemu_line_behind_a_root_port():
    """offset 1, stride 1: eight functions of one slot."""
    devices, daemon = qemu("vfs 7 vf-offset 1 vf-stride 0x1")
    port, others = devices[0], devices[1:]
    assert (port["driver"], port["id"], port["bus"]) == ("pcie-root-port", "ladon-nic0-rp", "pcie.0")
    want = {f"view{n}.sock": ("ladon-nic0-rp", f"00.{n + 1}", False) for n in range(7)}
    assert places(others, daemon) == {"pf.sock": ("ladon-nic0-rp", "00.0", True), **want}
    daemon.stop()


@CASE
def qemu_line_on_the_root_complex():
    """The hardware's 0x80 and 2: slots 18h and 19h, function 0 of each as one of many."""
    devices, daemon = qemu("vfs 7")
    want = {f"view{n}.sock": ("pcie.0", f"{0x18 + n // 4:02x}.{n % 4 * 2}", n % 4 == 0) for n in range(7)}
    assert places(devices, daemon) == {"pf.sock": ("pcie.0", "08.0", True), **want}
    daemon.stop()


@CASE
def qemu_line_that_fits_nowhere():
    """Beyond the bus of a VM: what is right is said."""
    daemon = Daemon(config="card add nic0 model 82576 vfs 7 vf-offset 0xb0 vf-stride 2")
    done = daemon.ladon("qemu", "nic0", "pf")
    assert done.returncode == 1 and "vf-offset 1 vf-stride 1" in done.stderr, done.stderr
    assert daemon.vf(6)["rid"] == "01:17.4"
    daemon.stop()


if __name__ == "__main__":
    sys.exit(run_with_victim(SUITE, World))
