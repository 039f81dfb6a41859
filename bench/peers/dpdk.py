# SPDX-License-Identifier: BSD-3-Clause
"""The peers that DPDK drives, in the shape of a card with two VFs: a process on one CPU that forwards between two ports,
and one on another that sends and receives on both. The forwarder looks at nothing: no address, no policy."""
import contextlib
import os
import shutil
import subprocess
import tempfile
import time

from machine import Watch
from peers.testpmd import PeerError, Testpmd, rates

PORTS = (0, 1)
MEMIF = "socket-abstract=no,bsize=2048,rsize=9"
PACKET = "blocksz=4096,framesz=2048,framecnt=512,qpairs=1"


def memory(huge, role):
    """DPDK's words for 256 MiB that can be shared; each process has a role of its own."""
    if huge:
        return ["--in-memory", "--single-file-segments", "-m", "256"]
    return ["--no-huge", "--no-shconf", f"--file-prefix=ladon-bench-{role}", "-m", "256"]


def vhost(folder):
    """Virtual devices of forwarder and driver: vhost-user with split rings."""
    return ([f"net_vhost{i},iface={folder}/v{i},queues=1" for i in PORTS],
            [f"virtio_user{i},path={folder}/v{i},queue_size=256" for i in PORTS])


def memif(folder, more=""):
    """The same by memif; more: further words for the driver's end."""
    return tuple([f"net_memif{i},role={role},id={i},socket={folder}/m{i},{MEMIF}{words}" for i in PORTS]
                 for role, words in (("server", ""), ("client", more)))


def memif_zero_copy(folder):
    """And with the driver's buffers shared with the forwarder."""
    return memif(folder, ",zero-copy=yes")


def veth(_):
    """Two veth pairs, as packet sockets see them."""
    return tuple([f"net_af_packet{i},iface={end}{i},{PACKET}" for i in PORTS] for end in "ab")


def run(*words):
    """A command that must succeed."""
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError as error:
        raise PeerError(str(error)) from error
    if done.returncode:
        raise PeerError(f"{' '.join(words)}: {done.stdout.strip()}")


@contextlib.contextmanager
def namespaces():
    """Two network namespaces, joined by two veth pairs. Yields the commands that run something in each."""
    names = [f"ladon-bench-{os.getpid()}-{end}" for end in "ab"]
    try:
        for name in names:
            run("ip", "netns", "add", name)
            # Nobody but the two processes says anything there.
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                "net.ipv6.conf.default.disable_ipv6=1")
        for i in PORTS:
            run("ip", "link", "add", f"a{i}", "netns", names[0], "type", "veth", "peer", "name", f"b{i}", "netns", names[1])
            for end, name in zip("ab", names):
                run("ip", "-n", name, "link", "set", f"{end}{i}", "up")
        yield [["ip", "netns", "exec", name] for name in names]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


@contextlib.contextmanager
def folder_of_sockets():
    """A directory that goes away."""
    folder = tempfile.mkdtemp(prefix="ladon-bench.")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def forwarder(setup, devices, prefix=()):
    """A testpmd that forwards on the card's CPU."""
    pmd = Testpmd(setup.card, devices, memory(setup.huge, "card"), ["--forward-mode=io"], prefix)
    try:
        pmd.command("start")
        yield pmd
    finally:
        pmd.close()


def measure(setup, vdevs, size, prefixes=((), ())):
    """(Mpps received on both ports together, what others used of a CPU). size counts the FCS."""
    with folder_of_sockets() as folder:
        ends = vdevs(folder)
        with forwarder(setup, ends[0], prefixes[0]):
            driver = Testpmd(setup.driver, ends[1], memory(setup.huge, "driver"),
                             ["--forward-mode=io", f"--txpkts={size - 4}"], prefixes[1])
            try:
                driver.await_links(len(PORTS))
                driver.command("start tx_first 32")
                time.sleep(0.3)
                driver.command("show port stats all")
                with Watch() as watch:
                    time.sleep(setup.seconds)
                    got = rates(driver.command("show port stats all"))
            finally:
                driver.close()
    if len(got) != len(PORTS) or not min(got):
        raise PeerError(f"no packets came ({got})")
    return sum(got) / 1e6, watch.others


def measure_veth(setup, size):
    """The same through the kernel."""
    with namespaces() as prefixes:
        return measure(setup, veth, size, prefixes)


def measure_round(setup, vdevs):
    """[(case, value, unit)] of one frame under way, and what others used."""
    program = os.path.join(setup.build, "bench", "dpdk_round")
    if not os.path.exists(program):
        raise PeerError("bench/dpdk_round is not built: libdpdk was not there")
    with folder_of_sockets() as folder:
        ends = vdevs(folder)
        with forwarder(setup, ends[0]):
            words = [program, "--lcores", f"0@{setup.driver}", "--no-pci", "--no-telemetry", "--log-level=error",
                     *memory(setup.huge, "driver")]
            for vdev in ends[1]:
                words += ["--vdev", vdev]
            with Watch() as watch:
                done = subprocess.run([*words, "--", str(int(setup.seconds * 1000))], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    if done.returncode:
        raise PeerError((done.stderr.strip().splitlines() or [f"dpdk_round ended with {done.returncode}"])[-1])
    return lines(done.stdout), watch.others


def lines(text):
    """[(name, value, unit)] of lines "NAME VALUE UNIT"; other lines are somebody's remarks."""
    split = [line.split() for line in text.splitlines()]
    return [(words[0], float(words[1]), words[2]) for words in split
            if len(words) == 3 and words[1].replace(".", "", 1).replace("e+", "").isdigit()]
