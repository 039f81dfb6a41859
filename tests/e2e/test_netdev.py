#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""VFs as kernel interfaces in network namespaces: `ladon netdev`. All runs in network and mount namespaces of its own,
so that nothing is left behind, whatever happens.
"""
import atexit
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys

from ladond import CARD, LADON, WAIT_S, Daemon, Skip, Suite, as_user, clean_env, need_build, wait_for

SUITE = Suite()
CASE = SUITE.test
TAG = f"l{os.getpid() % 100000}"
RED, BLUE = f"red{TAG}", f"blue{TAG}"
ADDRESS = {RED: "10.9.0.1", BLUE: "10.9.0.2"}
TUN = "/dev/net/tun"

# Both ends of a transfer: python3 -c TRANSFER serve|send ADDRESS BYTES; what the server prints is what came.
TRANSFER = """
import hashlib, socket, sys
what, address, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
info = socket.getaddrinfo(address, 7007, type=socket.SOCK_STREAM)[0]
data = bytes(i * i % 251 for i in range(9973)) * (size // 9973 + 1)
if what == "serve":
    listener = socket.socket(info[0], info[1])
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(info[4])
    listener.listen()
    print("ready", flush=True)
    sock, got = listener.accept()[0], hashlib.sha256()
    for part in iter(lambda: sock.recv(1 << 16), b""):
        got.update(part)
    print(got.hexdigest())
else:
    with socket.create_connection(info[4][:2]) as sock:
        sock.sendall(data[:size])
    print(hashlib.sha256(data[:size]).hexdigest())
"""

# python3 -c DATAGRAMS listen|send ADDRESS, to a group when it is one.
DATAGRAMS = """
import socket, struct, sys
what, address, own = sys.argv[1:4]
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sizes = [0, 1, 17, 1471, 1472, 5001]
if what == "listen":
    sock.bind(("", 7008))
    if address.startswith("239."):
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(address) + socket.inet_aton(own))
    print("ready", flush=True)
    sock.settimeout(20)
    seen = set()
    while len(seen) < len(sizes):
        data = sock.recv(9000)
        assert data == bytes(i % 250 for i in range(len(data)))
        seen.add(len(data))
    print("all came")
else:
    import time
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
    for i in range(2000):
        for size in sizes:
            sock.sendto(bytes(i % 250 for i in range(size)), (address, 7008))
        time.sleep(0.01)
"""

# A frame of another's address.
SPOOF = """
import socket, sys
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind((sys.argv[1], 0))
sock.send(b"\\xff" * 6 + b"\\x02\\0\\0\\0\\0\\x66\\x88\\xb5" + b"." * 60)
"""

# Frames with a tag of VLAN 0 as a driver gets them, checksums and segments left to the card; and what came of them.
TAGGED = """
import socket, struct, sys
PACKET_VNET_HDR, PACKET_AUXDATA, SOL_PACKET, PAYLOAD = 15, 8, 263, bytes(i % 239 for i in range(4500))
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
sock.bind(("eth1", 3))
if sys.argv[1] == "send":
    import time
    sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    head = bytes.fromhex(sys.argv[3]) + bytes.fromhex(sys.argv[2]) + b"\\x81\\0\\x60\\0\\x08\\0"
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(PAYLOAD), 1, 0, 64, 6, 0, b"\\x0a\\x09\\0\\x01", b"\\x0a\\x09\\0\\x02")
    tcp = struct.pack("!HHIIBBHHH", 7, 9, 1000, 0, 0x50, 0x10, 500, 0, 0)
    for _ in range(500):
        sock.send(struct.pack("=BBHHHH", 1, 1, 58, 1000, 38, 16) + head + ip + tcp + PAYLOAD)
        time.sleep(0.02)
else:
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.settimeout(20)
    print("ready", flush=True)
    got = {}
    while sum(map(len, got.values())) < len(PAYLOAD):
        data, extra, _, _ = sock.recvmsg(9000, 100)
        tags = [struct.unpack("=IIIHHHH", d)[5] for _, t, d in extra if t == PACKET_AUXDATA]
        if data[12:14] != b"\\x08\\0" or data[23] != 6 or data[34:38] != b"\\0\\7\\0\\x09":
            continue
        size = struct.unpack("!H", data[16:18])[0] - 20
        segment = data[34:34 + size]
        assert tags == [0x6000], tags
        assert sum(struct.unpack("!10H", data[14:34])) % 0xffff == 0, "IP checksum"
        words = struct.unpack("!%dH" % (size // 2), segment[:size // 2 * 2]) + struct.unpack("!4H", data[26:34])
        assert size % 2 == 0 and (sum(words) + 6 + size) % 0xffff == 0, "TCP checksum"
        got[struct.unpack("!I", segment[4:8])[0]] = segment[20:]
    assert sorted(got) == [1000, 2000, 3000, 4000, 5000] and b"".join(v for _, v in sorted(got.items())) == PAYLOAD
    print("all came")
"""


def run(*words, check=True):
    """A command; its output."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=WAIT_S * 2)
    assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stderr}{done.stdout}"
    return done.stdout


def inside(ns, *words, check=True):
    """The same in a namespace."""
    return run("ip", "netns", "exec", ns, *words, check=check)


@contextlib.contextmanager
def started(*words, **how):
    """A process with pipes, which ends with the block."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, **how) as process:
        atexit.register(process.kill)
        try:
            yield process
        finally:
            process.kill()
            atexit.unregister(process.kill)


def link(ns, name="eth1"):
    """The interface as ip(8) sees it, None when there is none."""
    out = run("ip", "-n", ns, "-j", "-d", "link", "show", check=False)
    return next((i for i in json.loads(out or "[]") if i.get("ifname") == name), None)


class Netdev:
    """A running `ladon netdev`, ready; or it has ended with an error."""

    def __init__(self, daemon, vf, *words, user=None):
        self.log_path = daemon.scratch / f"netdev{vf}"
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([*as_user(user), LADON, "--run-dir", daemon.run_dir, "-j", "netdev", "nic0", "vf",
                                             str(vf), *words], stdout=subprocess.PIPE, stderr=log, text=True,
                                            env=clean_env())
        atexit.register(self.process.kill)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(WAIT_S)
        self.made = json.loads(line) if line else None

    def log(self):
        """What it said on stderr."""
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def ended(self):
        """Its exit code, once it has ended by itself."""
        rc = self.process.wait(WAIT_S)
        self.process.stdout.close()
        return rc

    def stop(self):
        """Ends it, which must go well."""
        self.process.send_signal(signal.SIGTERM)
        rc = self.ended()
        assert rc == 0 and "Sanitizer" not in self.log() and "runtime error" not in self.log(), f"{rc} {self.log()}"


@contextlib.contextmanager
def pair(config=CARD, words=()):
    """A daemon, and VF 0 in red, VF 1 in blue, with addresses."""
    daemon = Daemon(config=config)
    ends = []
    for vf, ns in enumerate((RED, BLUE)):
        run("ip", "netns", "add", ns)
        inside(ns, "sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad")
        ends.append(Netdev(daemon, vf, "netns", ns, "name", "eth1", *words))
        assert ends[vf].made, ends[vf].log()
        run("ip", "-n", ns, "address", "add", ADDRESS[ns] + "/24", "dev", "eth1")
    try:
        yield daemon, *ends
    finally:
        for end in ends:
            if end.process.poll() is None:
                end.stop()
        for ns in (RED, BLUE):
            run("ip", "netns", "del", ns, check=False)
    daemon.stop()


def pings(ns, address, *words):
    """Does an answer come? Asked once."""
    return "bytes from" in inside(ns, "ping", "-c", "1", "-W", "1", *words, address, check=False)


def wait_ping(ns=RED, address=ADDRESS[BLUE], *words):
    """Until an answer comes."""
    wait_for(f"an answer of {address} in {ns}", lambda: pings(ns, address, *words))


def transfer(sender, receiver, address, size):
    """A TCP stream; what came must be what was sent."""
    python = ("ip", "netns", "exec")
    with started(*python, receiver, sys.executable, "-c", TRANSFER, "serve", address, str(size)) as server:
        assert server.stdout.readline() == "ready\n"
        sent = inside(sender, sys.executable, "-c", TRANSFER, "send", address, str(size))
        assert server.stdout.readline() == sent


def datagrams(address):
    """UDP of some lengths, from red to blue, or to a group that blue joins."""
    python = ("ip", "netns", "exec")
    with started(*python, BLUE, sys.executable, "-c", DATAGRAMS, "listen", address, ADDRESS[BLUE]) as listener:
        assert listener.stdout.readline() == "ready\n"
        with started(*python, RED, sys.executable, "-c", DATAGRAMS, "send", address, ADDRESS[RED]):
            assert listener.stdout.readline() == "all came\n"


def link_local(ns):
    """The interface's own IPv6 address."""
    def look():
        info = json.loads(run("ip", "-n", ns, "-j", "-6", "address", "show", "dev", "eth1"))
        return next((a["local"] for i in info for a in i.get("addr_info", []) if a["scope"] == "link"), None)
    return wait_for("a link-local address", look)


def drops(daemon, vf, reason):
    """How many frames of a VF were dropped for a reason."""
    stats = json.loads(daemon.ok("-j", "-s", "link", "show", "nic0"))[0]["vfinfo_list"][vf]
    return stats["ladon"]["drops"].get(reason, 0)


@CASE
def two_namespaces():
    """Pings of both kinds, both ways; who it is; what it may; nothing is left at the end."""
    with pair() as (daemon, red, blue):
        address = daemon.json("link", "show", "nic0")[0]["vfinfo_list"][0]["address"]
        assert link(RED)["address"] == address == red.made["address"] and link(RED)["mtu"] == 1500
        wait_for("the link is up", lambda: link(RED)["operstate"] == "UP")
        wait_ping()
        wait_ping(BLUE, ADDRESS[RED])
        wait_ping(RED, link_local(BLUE) + "%eth1")
        with open(f"/proc/{red.process.pid}/status", encoding="utf-8") as file:
            assert not int(re.search(r"CapPrm:\s*(\w+)", file.read()).group(1), 16)
        blue.stop()
        assert link(BLUE) is None
        daemon.settle(1)


@CASE
def streams_arrive_whole():
    """TCP with segmentation and checksums by the card, over both families and both ways; UDP, fragments, a group."""
    with pair() as (daemon, _red, _blue):
        wait_ping()
        transfer(RED, BLUE, ADDRESS[BLUE], 20_000_000)
        transfer(BLUE, RED, ADDRESS[RED], 3_000_001)
        for ns, address in ((RED, "fd00::1"), (BLUE, "fd00::2")):
            run("ip", "-n", ns, "address", "add", address + "/64", "dev", "eth1", "nodad")
        wait_ping(RED, "fd00::2")
        transfer(RED, BLUE, "fd00::2", 5_000_000)
        datagrams(ADDRESS[BLUE])
        datagrams("239.1.2.3")
        stats = json.loads(daemon.ok("-j", "-s", "link", "show", "nic0"))[0]["vfinfo_list"][0]["stats"]
        assert stats["tx"]["tx_bytes"] > 20_000_000, stats
        assert not {"malformed", "iommu", "spoof"} & set(daemon.vf(0).get("drops", {})), daemon.vf(0)


def add_vlan(ns):
    """An interface of VLAN 5 on top."""
    words = ["ip", "-n", ns, "link", "add", "link", "eth1", "name", "eth1.5", "type", "vlan", "id", "5"]
    if "Unknown device type" in subprocess.run(words, capture_output=True, text=True, check=False).stderr:
        raise Skip("this kernel has no 802.1Q interfaces")


@CASE
def vlan_on_top():
    """Its VLAN is joined, and left; segmentation inside it; a reset of the VF joins it again."""
    with pair() as (daemon, _red, _blue):
        for ns, host in ((RED, 1), (BLUE, 2)):
            add_vlan(ns)
            run("ip", "-n", ns, "address", "add", f"10.9.5.{host}/24", "dev", "eth1.5")
            run("ip", "-n", ns, "link", "set", "eth1.5", "up")
        wait_ping(RED, "10.9.5.2")
        transfer(RED, BLUE, "10.9.5.2", 2_000_000)
        assert daemon.vf(1)["vlans"] == 1
        daemon.ok("vf", "reset", "nic0", "1")
        wait_ping(RED, "10.9.5.2")
        run("ip", "-n", BLUE, "link", "del", "eth1.5")
        wait_for("it is left", lambda: daemon.vf(1)["vlans"] == 0)


@CASE
def tagged_frames():
    """A tag in a frame that is segmented by the card; one that the receiver's card took out is there again."""
    with pair() as (_daemon, red, blue):
        wait_ping()
        python = ("ip", "netns", "exec")
        with started(*python, BLUE, sys.executable, "-c", TAGGED, "receive") as receiver:
            assert receiver.stdout.readline() == "ready\n"
            with started(*python, RED, sys.executable, "-c", TAGGED, "send", red.made["address"].replace(":", ""),
                         blue.made["address"].replace(":", "")):
                assert receiver.stdout.readline() == "all came\n"


@CASE
def macvlan_on_top():
    """It gets the frames of its own address, without promiscuous mode."""
    with pair() as (daemon, _red, blue):
        run("ip", "-n", BLUE, "link", "add", "link", "eth1", "name", "mv0", "type", "macvlan")
        run("ip", "-n", BLUE, "address", "add", "10.9.6.2/24", "dev", "mv0")
        run("ip", "-n", BLUE, "link", "set", "mv0", "up")
        run("ip", "-n", RED, "address", "add", "10.9.6.1/24", "dev", "eth1")
        wait_ping(RED, "10.9.6.2")
        assert daemon.vf(1)["mac_filters"] == 1 and not daemon.vf(1)["promisc"] and "refuses" not in blue.log()


@CASE
def long_frames():
    """MTU 9000 from the start, and changed while it runs."""
    with pair(words=("mtu", "9000")) as (_daemon, _red, blue):
        wait_ping(RED, ADDRESS[BLUE], "-M", "do", "-s", "8972")
        transfer(RED, BLUE, ADDRESS[BLUE], 5_000_000)
        for mtu in ("1500", "9000"):
            run("ip", "-n", BLUE, "link", "set", "eth1", "mtu", mtu)
            wait_ping(BLUE, ADDRESS[RED], "-M", "do", "-s", str(int(mtu) - 28))
        assert blue.log().count("another mtu") == 2, blue.log()


@CASE
def addresses_are_the_policys():
    """A change inside reaches the VF; the operator's address locks it, and comes to the interface with the next reset."""
    with pair() as (daemon, red, _blue):
        run("ip", "-n", RED, "link", "set", "eth1", "address", "02:00:00:00:00:11")
        wait_for("the VF has it", lambda: daemon.vf(0)["address"] == "02:00:00:00:00:11")
        wait_ping(BLUE, ADDRESS[RED])
        daemon.ok("link", "set", "nic0", "vf", "0", "mac", "02:00:00:00:00:22")
        daemon.ok("vf", "reset", "nic0", "0")
        wait_for("the interface has it", lambda: link(RED)["address"] == "02:00:00:00:00:22")
        run("ip", "-n", RED, "link", "set", "eth1", "address", "02:00:00:00:00:33")
        wait_for("it is set back", lambda: link(RED)["address"] == "02:00:00:00:00:22")
        assert "refuses address 02:00:00:00:00:33" in red.log(), red.log()
        run("ip", "-n", BLUE, "neighbour", "flush", "dev", "eth1")
        wait_ping(BLUE, ADDRESS[RED])


@CASE
def policy_holds():
    """Spoofed frames, port VLANs, promiscuous mode, the VF's link."""
    with pair() as (daemon, red, _blue):
        wait_ping()
        before = drops(daemon, 0, "spoof")
        inside(RED, sys.executable, "-c", SPOOF, "eth1")
        wait_for("it is counted", lambda: drops(daemon, 0, "spoof") > before)
        daemon.ok("link", "set", "nic0", "vf", "0", "vlan", "100")
        assert not pings(RED, ADDRESS[BLUE])
        daemon.ok("link", "set", "nic0", "vf", "1", "vlan", "100")
        wait_ping()
        run("ip", "-n", RED, "link", "set", "eth1", "promisc", "on")
        wait_for("it is said", lambda: "refuses promiscuous mode" in red.log())
        daemon.ok("link", "set", "nic0", "vf", "0", "state", "disable")
        wait_for("no carrier", lambda: "NO-CARRIER" in link(RED)["flags"])
        daemon.ok("link", "set", "nic0", "vf", "0", "state", "auto")
        wait_for("carrier", lambda: "LOWER_UP" in link(RED)["flags"])
        wait_ping()


@CASE
def resets_and_restarts():
    """The operator resets the VF; the card is made anew; ladond ends and comes back. With once it ends."""
    with pair() as (daemon, red, blue):
        wait_ping()
        daemon.ok("vf", "reset", "nic0", "0")
        wait_for("it has seen that", lambda: "the VF was reset" in red.log())
        wait_ping()
        daemon.process.terminate()
        daemon.process.wait(WAIT_S)
        daemon.watcher.join()
        daemon.notify.close()
        wait_for("no carrier", lambda: "NO-CARRIER" in link(RED)["flags"] and "NO-CARRIER" in link(BLUE)["flags"])
        daemon.start()
        wait_for("carrier", lambda: "LOWER_UP" in link(RED)["flags"] and "LOWER_UP" in link(BLUE)["flags"])
        wait_ping()
        assert "is gone" in blue.log() and "is back" in blue.log(), blue.log()
        only = Netdev(daemon, 2, "netns", RED, "name", "eth2", "once")
        daemon.ok("card", "del", "nic0")
        assert only.ended() == 1 and link(RED, "eth2") is None
        daemon.ok(*CARD.split())
        wait_ping()


@CASE
def wrong_words():
    """Each mistake has its name; nothing is made."""
    with pair() as (daemon, _red, _blue):
        def refused(line, *signs):
            done = daemon.ladon("netdev", *line.split())
            assert done.returncode in (1, 2) and not done.stdout, f"{line}: {done.stdout}"
            for sign in signs:
                assert sign in done.stderr, f"{line}: {done.stderr}"
        pid = str(daemon.vf(1)["attached"]["pid"])
        refused(f"nic0 vf 1 netns {BLUE} name eth2", "in use by process " + pid)
        refused(f"nic0 vf 2 netns {BLUE} name eth1", "eth1 already")
        refused(f"nic0 vf 2 netns {BLUE} name lo", "lo already")
        refused("nic0 vf 2 netns nobodys", "no such network namespace")
        refused("nic0 vf 2 netns /nobodys", "No such file")
        refused("nic0 vf 2 netns /etc/passwd", "no network namespace")
        refused("nic0 vf 2 netns pid:0", "pid:PID")
        refused("nic0 vf 2 netns pid:99999999", "no such process")
        refused(f"nic0 vf 99 netns {BLUE}", "no VF 99")
        refused(f"nic9 vf 1 netns {BLUE}", "nic9")
        refused(f"../nic0 vf 1 netns {BLUE}", "netdev CARD vf N")
        refused("nic0 2", "netdev CARD vf N")
        refused("nic0 vf two", "netdev CARD vf N")
        refused("nic0 vf 2 mtu 20", "68 to 9216")
        refused("nic0 vf 2 mtu 9217", "68 to 9216")
        refused("nic0 vf 2 mac 01:00:5e:00:00:01", "unicast")
        refused("nic0 vf 2 name sixteen-letters-", "1 to 15")
        refused("nic0 vf 2 name a/b", "1 to 15")
        refused("nic0 vf 2 netns", "missing")
        refused("nic0 vf 2 colour red", "colour", "netns, name")
        refused(f"nic0 vf 2 netns {RED} name eth2 pidfile /no/such/folder", "/no/such/folder")
        daemon.ok("link", "set", "nic0", "vf", "2", "mac", "02:00:00:00:00:44")
        refused(f"nic0 vf 2 netns {RED} name eth2 mac 02:00:00:00:00:45", "refuses this address")
        assert link(RED, "eth2") is None and link(BLUE, "eth2") is None


@CASE
def it_ends_when_its_place_does():
    """Interface deleted, moved away, its namespace deleted, the process of the namespace ended; renamed it goes on."""
    with pair() as (daemon, red, blue):
        run("ip", "-n", RED, "link", "set", "eth1", "down")
        run("ip", "-n", RED, "link", "set", "eth1", "name", "wan0")
        run("ip", "-n", RED, "link", "set", "wan0", "up")
        wait_ping()
        run("ip", "-n", RED, "link", "del", "wan0")
        assert red.ended() == 1 and "deleted" in red.log(), red.log()
        run("ip", "-n", BLUE, "link", "set", "eth1", "netns", RED)
        assert blue.ended() == 1 and "moved" in blue.log() and link(RED) is None, blue.log()
        daemon.settle(0)
        red = Netdev(daemon, 0, "netns", f"/run/netns/{RED}", "name", "eth1", "down")
        assert "UP" not in link(RED)["flags"]
        run("ip", "netns", "del", RED)
        assert red.ended() == 1 and "namespace was deleted" in red.log(), red.log()
        with started("unshare", "-n", "sh", "-c", "echo; cat", stdin=subprocess.PIPE) as holder:
            holder.stdout.readline()
            blue = Netdev(daemon, 1, "netns", f"pid:{holder.pid}")
            assert blue.made and blue.made["ifname"] == "nic0v1", blue.log()
        assert blue.ended() == 1 and "has ended" in blue.log(), blue.log()


@CASE
def in_the_background():
    """The command returns when the interface is up; the process is in the file; the file goes with it."""
    with pair() as (daemon, _red, _blue):
        path = daemon.scratch / "pid"
        made = json.loads(daemon.ok("-j", "netdev", "nic0", "vf", "2", "netns", RED, "name", "eth2", "background", "pidfile",
                                    path))
        with open(path, encoding="ascii") as file:
            assert int(file.read()) == made["pid"] == daemon.vf(2)["attached"]["pid"]
        atexit.register(lambda: os.path.exists(path) and os.kill(made["pid"], signal.SIGKILL))
        wait_for("its link is up", lambda: "LOWER_UP" in link(RED, "eth2")["flags"])
        os.kill(made["pid"], signal.SIGTERM)
        wait_for("it ends", lambda: link(RED, "eth2") is None and not os.path.exists(path))
        done = daemon.ladon("netdev", "nic0", "vf", "0", "netns", RED, "background")
        assert done.returncode == 1 and "in use" in done.stderr, done


@CASE
def with_a_token():
    """A card with a VF token wants it; it is shown again when ladond comes back."""
    with pair() as (daemon, _red, _blue):
        path = daemon.scratch / "token"
        daemon.ok("token", "generate", "nic0", "token-file", path)
        done = daemon.ladon("netdev", "nic0", "vf", "2", "netns", RED)
        assert done.returncode == 1 and "token" in done.stderr, done
        third = Netdev(daemon, 2, "netns", RED, "name", "eth2", "token-file", path)
        assert third.made, third.log()
        third.stop()


@CASE
def idle_it_sleeps():
    """Two seconds of nothing take next to none of the processor's time."""
    with pair() as (_daemon, red, _blue):
        wait_ping()

        def ticks():
            with open(f"/proc/{red.process.pid}/stat", encoding="utf-8") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        before = ticks()
        with contextlib.suppress(subprocess.TimeoutExpired):
            red.process.wait(2)
        spent = ticks() - before
        assert spent < 0.5, f"{spent} s"


@CASE
def of_an_ordinary_user():
    """ladond, and a container with a user namespace, all of one user who is not root."""
    node = os.path.join("/run/netns", "tun")  # a file system of our own
    os.mknod(node, 0o600 | 0o020000, os.makedev(10, 200))
    os.chmod(node, 0o666)
    if subprocess.run(["mount", "--bind", node, TUN], check=False, stderr=subprocess.DEVNULL).returncode:
        raise Skip("/dev/net/tun cannot be made everybody's")
    daemon = Daemon(config=CARD, user="nobody")
    try:
        with started(*as_user("nobody"), "unshare", "-Urn", "sh", "-c", "echo; cat", stdin=subprocess.PIPE) as holder:
            if not holder.stdout.readline():
                raise Skip("there are no user namespaces for users here")
            own = Netdev(daemon, 0, "netns", f"pid:{holder.pid}", "name", "eth1", user="nobody")
            assert own.made and own.made["ifname"] == "eth1", own.log()
            shown = run("nsenter", "-t", str(holder.pid), "-n", "ip", "-j", "link", "show", "eth1")
            assert json.loads(shown)[0]["address"] == own.made["address"]
            done = daemon.ladon("netdev", "nic0", "vf", "1", "netns", "pid:1", user="nobody")
            assert done.returncode == 1 and "permission" in done.stderr, done
            own.stop()
            # Root becomes the user whose card it is.
            rooted = Netdev(daemon, 0, "netns", f"pid:{holder.pid}", "name", "eth1")
            assert rooted.made and os.stat(f"/proc/{rooted.process.pid}/cwd", follow_symlinks=False), rooted.log()
            assert daemon.vf(0)["attached"]["uid"] == os.stat(daemon.run_dir).st_uid
            rooted.stop()
    finally:
        run("umount", TUN)
    daemon.stop()


def main():
    """In namespaces of its own."""
    need_build()
    if os.geteuid() or not os.access(TUN, os.R_OK | os.W_OK) or \
            any(not shutil.which(tool) for tool in ("ip", "unshare", "nsenter", "ping")):
        print("skip: this needs root, /dev/net/tun, ip, ping, unshare and nsenter")
        return 77
    if "LADON_IN_NETNS" in os.environ:
        run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
        return SUITE.run()
    os.makedirs("/run/netns", exist_ok=True)
    if subprocess.run(["unshare", "-nm", "mount", "-t", "tmpfs", "tmpfs", "/run/netns"], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        print("skip: there are no network and mount namespaces here")
        return 77
    os.environ["LADON_IN_NETNS"] = "1"
    os.execvp("unshare", ["unshare", "-nm", sys.executable, *sys.argv])
    return 1


if __name__ == "__main__":
    sys.exit(main())
