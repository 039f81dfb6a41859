#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ladon against a running ladond. Bad input: one sentence on stderr that names what was wrong, an exit code that
is not 0, and nothing half-made. Good input: what iproute2's users expect, in its words and keys.
"""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys

import igbvf
from ladond import (LADON, LADOND, CARD, Daemon, Monitor, Scratch, Skip, Suite, as_user, clean_env,
                    need_build, wait_for)

SUITE = Suite()
SOCKETS = ("control.sock", "fabric.sock")  # of a run directory without cards
CASE = SUITE.test


class World:
    """The daemon under test; filled by main."""

    daemon = None


def tree(top):
    """Every path below top."""
    return sorted(os.path.join(folder, name) for folder, folders, names in os.walk(top) for name in folders + names)


def state():
    """What a refused command must not change."""
    return World.daemon.json("link", "show"), World.daemon.json("card", "show"), tree(World.daemon.run_dir)


def one_sentence(done, *wanted):
    """A refusal as it should look."""
    assert done.returncode not in (0, None) and done.returncode > 0, f"exit code {done.returncode}"
    assert done.stdout == "", f"stdout has {done.stdout!r}"
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("ladon: "), f"stderr has {done.stderr!r}"
    for word in wanted:
        assert word in lines[0], f"{word!r} is missing: {lines[0]}"


# ---- bad input ----

ADD = "card add nic1 model 82576 vfs 2"
# words, what the sentence must name
BAD = [
    ("crad show", "crad"),
    ("card", "card add"),
    ("card shwo", "card shwo"),
    ("card show nic0 more", "more"),
    ("card show nope", "nope"),
    ("card del", "name"),
    ("card del nope", "nope"),
    ("card del nic0 nic1", "nic1"),
    ("card add", "name"),
    ("card add nic1", "model"),
    ("card add nic1 model 82576", "VFs"),
    ("card add nic1 vfs 2", "model"),
    ("card add nic1 model 82599 vfs 2", "82599"),
    ("card add nic1 model 82576 vfs 256", "0 to 255"),
    ("card add nic1 model 82576 vfs 8 strict-model on", "VFs 0 to 6 are right"),
    ("card set nic0", "nothing is to be set"),
    ("card set nic0 vfs 256", "0 to 255"),
    ("vf add nic0 255", "0 to 254"),
    ("vf add nic0 vf", "number is missing"),
    ("vf del nic0", "number is missing"),
    ("vf del nic0 vf 99", "has no VF 99"),
    ("card add nic1 model 82576 vfs -1", "-1"),
    ("card add nic1 model 82576 vfs 0x2", "0x2"),
    ("card add nic1 model 82576 vfs 4294967297", "4294967297"),
    ("card add nic1 model 82576 vfs 99999999999999999999", "0 to 255"),
    ("card add nic1 model 82576 vfs", "value after vfs"),
    ("card add nic0 model 82576 vfs 2", "already"),
    ("card add nic/1 model 82576 vfs 2", "nic/1"),
    ("card add ../nic1 model 82576 vfs 2", "../nic1"),
    ("card add .. model 82576 vfs 2", ".."),
    ("card add -nic model 82576 vfs 2", "-nic"),
    ("card add sixteen-letters- model 82576 vfs 2", "sixteen-letters-"),
    ("card add control.sock model 82576 vfs 2", "control.sock"),
    ("card add fabric.sock model 82576 vfs 2", "fabric.sock"),
    (ADD + " vfs 3", "twice"),
    (ADD + " color blue", "color"),
    (ADD + " mac 52:54:00:00:00", "52:54:00:00:00"),
    (ADD + " mac 53:54:00:00:00:01", "53:54:00:00:00:01"),
    (ADD + " mac 00:00:00:00:00:00", "00:00:00:00:00:00"),
    (ADD + " mac 52:54:00:00:00:0g", "0g"),
    (ADD + " cpu 1024", "1024"),
    (ADD + " cpu -1", "-1"),
    (ADD + " cpu 1023", "1023"),  # a number, but no CPU of this machine
    (ADD + " vf-offset 0", "1 to 65535"),
    (ADD + " vf-offset 0x", "0x"),
    (ADD + " vf-offset 0x10000", "0x10000"),
    (ADD + " vf-offset x80", "x80"),
    (ADD + " vf-stride 0", "vf-stride"),
    (ADD + " vf-offset 0x200", "0x1ff"),
    (ADD + " vf-stride 0x180", "0x1ff"),
    (ADD + " uplink eth0", "tap:"),
    (ADD + " uplink tap:", "tap:"),
    (ADD + " uplink tap:a/b", "tap:a/b"),
    (ADD + " uplink tap:sixteen-letters-", "sixteen"),
    (ADD + " uplink fd:", "fd:"),
    (ADD + " uplink fd:999", "fd:999"),
    (ADD + " uplink fd:99999", "fd:99999"),
    ("link", "link show"),
    ("link show nope", "nope"),
    ("link set", "name"),
    ("link set nic0", "vf"),
    ("link set nic0 0", "vf"),
    ("link set nic0 vf", "number"),
    ("link set nic0 vf 7 trust on", "0 to 6"),
    ("link set nic0 vf 256 trust on", "256"),
    ("link set nic0 vf x trust on", "x"),
    ("link set nope vf 0 trust on", "nope"),
    ("link set nic0 vf 0", "nothing to set"),
    ("link set nic0 vf 0 mac", "value after mac"),
    ("link set nic0 vf 0 mac 01:00:5e:00:00:01", "group"),
    ("link set nic0 vf 0 mac ff:ff:ff:ff:ff:ff", "group"),
    ("link set nic0 vf 0 mac 5254.0000.0001", "5254"),
    ("link set nic0 vf 0 vlan 4095", "4095"),
    ("link set nic0 vf 0 vlan -1", "-1"),
    ("link set nic0 vf 0 vlan 100 qos 8", "0 to 7"),
    ("link set nic0 vf 0 qos 3", "vlan"),
    ("link set nic0 vf 0 vlan 0 qos 3", "vlan 0"),
    ("link set nic0 vf 0 vlan 5 proto 802.1ah", "802.1ah"),
    ("link set nic0 vf 0 proto 802.1ad", "vlan"),
    ("link set nic0 vf 0 vlan 0 proto 802.1ad", "vlan 0"),
    (ADD + " strict-model maybe", "maybe"),
    ("link set nic0 vf 0 spoofchk yes", "on, off or arp"),
    ("link set nic0 vf 0 trust 1", "on or off"),
    ("link set nic0 vf 0 state up", "enable"),
    ("link set nic0 vf 0 trust on trust off", "twice"),
    ("link set nic0 vf 0 max_tx_rate -1", "-1"),
    ("link set nic0 vf 0 max_tx_rate 4294968", "4294967"),
    ("link set nic0 vf 0 rate 5 max_tx_rate 5", "the same"),
    ("link set nic0 vf 0 vlans 10,20-", "20-"),
    ("link set nic0 vf 0 storm_bcast_rate 4294967296 trust on", "storm_bcast_rate"),
    ("link set nic0 vf 0 storm_uucast_rate 1k", "1k"),
    ("link set nic0 vf 0 vlans 4095", "4095"),
    ("link set nic0 vf 0 vlans 30-20 trust on", "30-20"),
    ("link set nic0 vf 0 vlan 5 vlans 10", "vlan 5"),
    ("link set nic0 vf 0 vlans " + ",".join(str(1 + i % 4094) for i in range(5000)), "5000 entries"),
    ("link set nic0 vf 0 min_tx_rate -5", "-5"),
    ("link set nic0 vf 0 min_tx_rate 4294968", "4294967"),
    ("link set nic0 vf 0 min_tx_rate 4294967296", "4294967296"),
    ("link set nic0 vf 0 max_tx_rate 4294967296", "4294967296"),
    ("link set nic0 vf 0 min_tx_rate 6 max_tx_rate 5 trust on", "min_tx_rate 6 is above max_tx_rate 5"),
    (ADD + " link-rate 0", "link-rate"),
    ("link set nic0 vf 0 trust on vlan 5 colour red", "colour"),
    ("vf", "vf show"),
    ("vf show nic0", "number"),
    ("vf show nic0 7", "0 to 6"),
    ("vf show nic0 0 0", "too many"),
    ("vf reset nope 0", "nope"),
    ("qemu nic0 0", "vf"),
    ("qemu nic0 vf 7", "0 to 6"),
    ("vf set nic0 0", "nothing to set"),
    ("vf set nic0 0 allow-uid 0,", "user IDs"),
    ("vf set nic0 7 allow-uid any", "0 to 6"),
    ("vf unlock nic0 0 token-env", "value after token-env"),
    ("vf unlock nic0 0 token-fd 99999", "99999"),
    ("pf unlock nope token-file /dev/null", "/dev/null"),
    ("token", "token show"),
    ("token set nic0 11111111-1111-4111-8111-111111111111", "command line"),
    ("token set nic0 token-file /nope/nope", "/nope/nope"),
    ("token set nic0 token-env LADON_NO_SUCH", "LADON_NO_SUCH"),
    ("token clear nope", "nope"),
    ("token show nope", "nope"),
    ("token generate", "token generate CARD"),
    ("token generate nic0 token-fd 1", "token generate CARD"),
    (ADD + " allow-uid root", "root"),
    (ADD + " token-file /nope/nope", "/nope/nope"),
    ("faults nope", "nope"),
    ("show me", "me"),
    ("monitor all", "all"),
    ("registers", "model"),
    ("registers 82599 vf", "82599"),
    ("registers 82576 af", "pf or vf"),
    ("pf", "pf show"),
    ("pf show", "name"),
    ("pf show nope", "nope"),
    ("pf show nic0 0", "too many"),
    ("qemu nic0 pf 0", "too many"),
    ("demo now", "demo"),
    ("--jsno card show", "--jsno"),
    ("-x card show", "-x"),
    ("-jx card show", "-x"),
    ("--run-dir", "--run-dir"),
    ("card show --json", "--json"),
]


def refused(words, wanted):
    """Nothing changes, and the sentence names it."""
    before = state()
    one_sentence(World.daemon.ladon(*words.split(" ")), wanted)
    assert state() == before, "a refused command changed something"


for _words, _wanted in BAD:
    SUITE.add(f"refused: {_words[:100]}", lambda w=_words, n=_wanted: refused(w, n))


@CASE
def refused_strange_words():
    """Blanks, newlines, controls, NUL's absence, long words, many words: still one line."""
    before = state()
    for words in (["card", "del", "a b"], ["card", "del", "a\nb"], ["card", "del", "\x1b[31m"], ["card", "del", ""],
                  ["card", "del", "x" * 5000], ["", ""], ["card", "show"] + ["x"] * 500, ["card", "del", "\u00e4"],
                  ["card", "del", b"\xff\xfe"], ["link", "set", "nic0", "vf", "0", "mac", "%s%n"]):
        one_sentence(World.daemon.ladon(*words))
    assert state() == before


@CASE
def refused_duplicate_address():
    """An address that another VF has, beside a VLAN: neither is set."""
    mac = World.daemon.json("link", "show", "nic0")[0]["vfinfo_list"][1]["address"]
    before = state()
    one_sentence(World.daemon.ladon("link", "set", "nic0", "vf", "0", "vlan", "5", "trust", "on", "mac", mac), mac)
    assert state() == before


@CASE
def refused_long_socket_path():
    """A card whose sockets' path would be longer than a socket address: how long it is, and what is right."""
    scratch = Scratch()
    run_dir = scratch / ("d" * 70)
    daemon = Daemon(run_dir=run_dir)
    done = daemon.ladon("card", "add", "a-longish-name", "model", "82576", "vfs", "7")
    one_sentence(done, "a-longish-name/vf254.sock", "107", "shorter")
    assert tree(run_dir) == [os.path.join(run_dir, name) for name in SOCKETS] and daemon.json("card", "show") == []
    daemon.ok("card", "add", "n", "model", "82576", "vfs", "1")
    daemon.stop()


@CASE
def refused_tap_without_permission():
    """A daemon without privileges: what to do about the tap, and no card is made."""
    if os.geteuid():
        raise Skip("only root can become somebody else")
    if not os.path.exists("/dev/net/tun"):
        raise Skip("there is no /dev/net/tun")
    daemon = Daemon(user="nobody")
    one_sentence(daemon.ladon("card", "add", "nic0", "model", "82576", "vfs", "2", "uplink", "tap:ladon-e2e"),
                 "tap:ladon-e2e", "permission", "ip tuntap add")
    assert daemon.json("card", "show") == [] and tree(daemon.run_dir) == [os.path.join(daemon.run_dir, name) for name in SOCKETS]
    daemon.stop()


@CASE
def refused_no_tap():
    """An interface that is there and is no tap."""
    if not os.path.exists("/dev/net/tun"):
        raise Skip("there is no /dev/net/tun")
    refused(ADD + " uplink tap:lo", "lo")


@CASE
def refused_without_a_daemon():
    """Nobody answers: where it looked, and what to do."""
    scratch = Scratch()
    for words in (["show"], ["monitor"], ["card", "show"]):
        done = subprocess.run([LADON, "--run-dir", scratch / "none", *words], text=True, capture_output=True,
                              check=False, env=clean_env())
        one_sentence(done, scratch / "none/control.sock", "ladond")


@CASE
def refused_to_others():
    """Another user cannot reach the control socket."""
    if os.geteuid():
        raise Skip("only root can become somebody else")
    one_sentence(World.daemon.ladon("show", user="nobody"), "Permission denied")


# ---- cards ----

@CASE
def card_life():
    """add, show, del: sockets of mode 0600 in a folder of mode 0700, and nothing left."""
    before = state()
    World.daemon.ok("card", "add", "nic1", "model", "82576", "vfs", "3", "mac", "52:54:00:00:01:00", "uplink", "none")
    folder = os.path.join(World.daemon.run_dir, "nic1")
    assert sorted(os.listdir(folder)) == ["pf.sock"] + [f"v{w}{n}.sock" for w in ("f", "iew") for n in range(3)]
    assert os.stat(folder).st_mode & 0o777 == 0o700
    assert all(os.stat(os.path.join(folder, s)).st_mode & 0o777 == 0o600 for s in os.listdir(folder))
    card, = World.daemon.json("card", "show", "nic1")
    assert (card["name"], card["model"], card["vfs"], card["uplink"]) == ("nic1", "82576", 3, "none")
    assert card["address"] == "52:54:00:00:01:00" and card["dir"] == folder
    assert (card["vf_offset"], card["vf_stride"], card["policy_owner"]) == (0x80, 2, "builtin")
    assert card["pf"] == {"attached": None, "vfs_enabled": 0, "socket": os.path.join(folder, "pf.sock")}
    link, = World.daemon.json("link", "show", "nic1")
    assert [vf["address"][-2:] for vf in link["vfinfo_list"]] == ["01", "02", "03"]
    text = World.daemon.ok("card", "show", "nic1")
    assert re.match(r"nic1: model 82576 vfs 3 uplink none\n", text) and folder in text
    with World.daemon.attach(1, "nic1") as client:
        World.daemon.ok("card", "del", "nic1")
        assert client.wait_end() == []
    assert state() == before


@CASE
def card_uplink_by_descriptor():
    """fd:N is what the daemon was started with, once: never its own sockets, files or standard streams."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    daemon = Daemon(config=CARD, pass_fds=[theirs.fileno()])
    handed = theirs.fileno()
    for fd in sorted(int(name) for name in os.listdir(f"/proc/{daemon.pid}/fd")):
        if fd != handed:
            one_sentence(daemon.ladon(*f"card add nic1 model 82576 vfs 1 uplink fd:{fd}".split()), f"fd:{fd} ")
    daemon.ok(*f"card add nic1 model 82576 vfs 1 uplink fd:{handed}".split())
    one_sentence(daemon.ladon(*f"card add nic2 model 82576 vfs 1 uplink fd:{handed}".split()), "in use")
    with daemon.attach(0, "nic1") as client:
        memory = os.memfd_create("e2e")
        os.truncate(memory, 1 << 20)
        client.map(0, 1 << 20, memory)
        igbvf.bus_master(client)
        frame = b"\xff" * 6 + igbvf.handshake(client) + b"\x88\xb5" + bytes(range(46))
        os.pwrite(memory, igbvf.tx_desc(0x1000, len(frame)), 0)
        os.pwrite(memory, frame, 0x1000)
        igbvf.start_tx(client, 0)
        igbvf.ring_tx(client, 1)
        ours.settimeout(20)
        assert ours.recv(2000) == frame, "another frame came out of the uplink"
        os.close(memory)
    daemon.stop()
    ours.close()
    theirs.close()


# ---- links ----

VF_KEYS = ["vf", "link_type", "address", "broadcast", "vlan_list", "rate", "spoofchk", "link_state", "trust",
           "query_rss_en", "stats", "ladon"]


def vf_json(n, *options):
    """One row of vfinfo_list."""
    return json.loads(World.daemon.ok("-j", *options, "link", "show", "nic0"))[0]["vfinfo_list"][n]


@CASE
def link_show_json():
    """The keys of ip -j -d link show in its order; a key under a condition comes only then."""
    link, = World.daemon.json("link", "show", "nic0")
    assert list(link)[:2] == ["ifname", "flags"] and link["num_vf"] == 7 and len(link["vfinfo_list"]) == 7
    assert {"mtu", "operstate", "link_type", "address", "broadcast"} <= set(link)
    plain = vf_json(2)
    assert list(plain) == [k for k in VF_KEYS if k not in ("vlan_list", "stats")], list(plain)
    assert (plain["vf"], plain["link_type"], plain["broadcast"]) == (2, "ether", "ff:ff:ff:ff:ff:ff")
    assert plain["rate"] == {"max_tx": 0, "min_tx": 0}
    assert (plain["spoofchk"], plain["link_state"], plain["trust"]) == (True, "auto", False)
    World.daemon.ok("link", "set", "nic0", "vf", "2", "vlan", "100")
    assert vf_json(2)["vlan_list"] == [{"vlan": 100}]
    World.daemon.ok("link", "set", "nic0", "vf", "2", "vlan", "100", "qos", "3")
    both = vf_json(2, "-s")
    assert list(both) == VF_KEYS and both["vlan_list"] == [{"vlan": 100, "qos": 3}]
    assert list(both["stats"]) == ["rx", "tx"]
    assert list(both["stats"]["rx"]) == ["bytes", "packets", "multicast", "broadcast", "dropped"]
    assert list(both["stats"]["tx"]) == ["tx_bytes", "tx_packets", "dropped"]
    World.daemon.ok("link", "set", "nic0", "vf", "2", "vlan", "0")
    assert vf_json(2) == plain
    assert World.daemon.json("link", "show") == World.daemon.json("link", "show", "nic0")


@CASE
def link_show_text():
    """The look of ip link."""
    World.daemon.ok("link", "set", "nic0", "vf", "3", "vlan", "100", "qos", "3", "mac", "52:54:00:00:00:33")
    text = World.daemon.ok("link", "show", "nic0")
    assert re.match(r"nic0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP\n    link/ether [0-9a-f:]{17} brd ", text)
    assert ("\n    vf 3     link/ether 52:54:00:00:00:33 brd ff:ff:ff:ff:ff:ff, vlan 100, qos 3, spoof checking on, "
            "link-state auto, trust off") in text, text
    assert len(re.findall(r"^    vf \d+ +link/ether", text, re.M)) == 7
    World.daemon.ok("link", "set", "nic0", "vf", "3", "vlan", "100", "qos", "3", "proto", "802.1ad")
    text = World.daemon.ok("link", "show", "nic0")
    assert "vlan 100, qos 3, vlan protocol 802.1ad, spoof checking on" in text, text
    stats = World.daemon.ok("-s", "link", "show", "nic0")
    assert stats.count("    RX: bytes  packets  mcast   bcast   dropped\n") == 7
    assert stats.count("    TX: bytes  packets   dropped\n") == 7
    World.daemon.ok("link", "set", "nic0", "vf", "3", "vlan", "0")


@CASE
def link_set_every_word():
    """Each word alone and all together; what is not said stays."""
    first = vf_json(4)
    tries = [("mac 52:54:00:00:00:44", {"address": "52:54:00:00:00:44"}),
             ("vlan 4094 qos 7", {"vlan_list": [{"vlan": 4094, "qos": 7}]}),
             ("vlan 1", {"vlan_list": [{"vlan": 1}]}),
             ("vlan 9 qos 1 proto 802.1ad", {"vlan_list": [{"vlan": 9, "qos": 1, "protocol": "802.1ad"}]}),
             ("vlan 1 proto 802.1q", {"vlan_list": [{"vlan": 1}]}),
             ("spoofchk off", {"spoofchk": False}),
             ("spoofchk arp", {"spoofchk": True}),
             ("spoofchk off", {"spoofchk": False}),
             ("query_rss on", {"query_rss_en": True}),
             ("query_rss off mtu 9000", {"query_rss_en": False}),
             ("trust on", {"trust": True}),
             ("state enable", {"link_state": "enable"}),
             ("state disable", {"link_state": "disable"}),
             ("max_tx_rate 200", {"tx_rate": 200, "rate": {"max_tx": 200, "min_tx": 0}}),
             ("min_tx_rate 200", {"rate": {"max_tx": 200, "min_tx": 200}}),
             ("rate 0", {"tx_rate": None, "rate": {"max_tx": 0, "min_tx": 200}}),
             ("min_tx_rate 0", {"rate": {"max_tx": 0, "min_tx": 0}}),
             ("trust off state auto vlan 0 spoofchk on",
              {"trust": False, "link_state": "auto", "vlan_list": None, "spoofchk": True}),
             ("state enable qos 2 trust on mac 52:54:00:00:00:45 vlan 7 spoofchk off",
              {"link_state": "enable", "vlan_list": [{"vlan": 7, "qos": 2}], "trust": True, "spoofchk": False,
               "address": "52:54:00:00:00:45"})]
    now = dict(first)
    for words, change in tries:
        World.daemon.ok("link", "set", "nic0", "vf", "4", *words.split())
        now.update(change)
        got = vf_json(4)
        for key, value in now.items():
            assert key == "ladon" or got.get(key) == value, f"{words}: {key} is {got.get(key)}, not {value}"
    for vf in (3, 5):
        assert vf_json(vf)["trust"] is False, "a neighbour was changed"


@CASE
def strict_model_keeps_to_the_hardware():
    """What an 82576 lacks is refused by name, beside a setting that is right: nothing changes."""
    World.daemon.ok("card", "add", "strict0", "model", "82576", "vfs", "1", "strict-model", "on")
    assert World.daemon.json("card", "show", "strict0")[0]["strict_model"] is True
    for words in ("vlan 5 proto 802.1ad", "min_tx_rate 10", "state enable"):
        before = World.daemon.json("link", "show", "strict0")
        one_sentence(World.daemon.ladon("link", "set", "strict0", "vf", "0", "trust", "on", *words.split()),
                     words.split()[-1], "82576", "strict0")
        assert World.daemon.json("link", "show", "strict0") == before
    World.daemon.ok("card", "del", "strict0")


@CASE
def minima_fit_into_the_link():
    """The sum of all min_tx_rate is within link-rate; what is too much is named, and what would be right."""
    World.daemon.ok("card", "add", "rate0", "model", "82576", "vfs", "3", "link-rate", "1000")
    assert World.daemon.json("card", "show", "rate0")[0]["link_rate"] == 1000
    World.daemon.ok("link", "set", "rate0", "vf", "0", "min_tx_rate", "600", "max_tx_rate", "800")
    World.daemon.ok("link", "set", "rate0", "vf", "1", "min_tx_rate", "300")
    text = World.daemon.ok("link", "show", "rate0")
    assert ", tx rate 800 (Mbps), max_tx_rate 800Mbps, min_tx_rate 600Mbps, spoof" in text, text
    before = World.daemon.json("link", "show", "rate0")
    for words, wanted in (("min_tx_rate 101", "at most 100 is right"),
                          ("trust on min_tx_rate 1001", "link's 1000 Mbit/s")):
        one_sentence(World.daemon.ladon("link", "set", "rate0", "vf", "2", *words.split()), wanted)
    one_sentence(World.daemon.ladon("link", "set", "rate0", "vf", "0", "rate", "599"),
                 "min_tx_rate 600", "max_tx_rate 599")
    assert World.daemon.json("link", "show", "rate0") == before
    World.daemon.ok("link", "set", "rate0", "vf", "2", "min_tx_rate", "100")
    World.daemon.ok("card", "del", "rate0")


@CASE
def link_state_is_seen_by_the_guest():
    """state disable and enable move the guest's link bit; a reset does not undo policy."""
    World.daemon.ok("link", "set", "nic0", "vf", "5", "mac", "52:54:00:00:00:55", "vlan", "5")
    with World.daemon.attach(5) as client:
        for word, up in (("disable", 0), ("enable", 2), ("auto", 2)):
            World.daemon.ok("link", "set", "nic0", "vf", "5", "state", word)
            assert client.read32(0, 8) & 2 == up, f"state {word}"
        client.reset()
        assert igbvf.handshake(client).hex(":") == "52:54:00:00:00:55"
    assert vf_json(5)["vlan_list"] == [{"vlan": 5}]


# ---- the rest ----

@contextlib.contextmanager
def monitor_process(daemon):
    """ladon monitor, when it listens."""
    process = subprocess.Popen([LADON, "--run-dir", daemon.run_dir, "monitor"], stdout=subprocess.PIPE, text=True,
                               env=clean_env())

    def first_line():
        daemon.ok("vf", "reset", "nic0", "1")
        return process.stdout.readline()

    try:
        os.set_blocking(process.stdout.fileno(), False)
        wait_for("the monitor listens", first_line)
        os.set_blocking(process.stdout.fileno(), True)
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@CASE
def monitor_events():
    """One JSON line an event, with name, time, card and VF, in the order of what happened."""
    daemon, lines = World.daemon, []
    with monitor_process(daemon) as process:
        daemon.ok("card", "add", "nic1", "model", "82576", "vfs", "1")
        with daemon.attach(0, "nic1"):
            daemon.ok("link", "set", "nic1", "vf", "0", "state", "disable", "vlan", "3")
            daemon.ok("vf", "reset", "nic1", "0")
        daemon.settle(0, "nic1")
        daemon.ok("card", "del", "nic1")
        while not lines or lines[-1]["event"] != "card-del":
            event = json.loads(process.stdout.readline())
            if event["card"] == "nic1":
                lines.append(event)
    assert [e["event"] for e in lines] == ["card-add", "attached", "policy", "link", "reset", "detached", "card-del"]
    assert all(isinstance(e["time"], float) for e in lines) and all(e["vf"] == 0 for e in lines[1:-1])
    assert lines[1]["pid"] == os.getpid() and lines[1]["uid"] == os.getuid()
    assert lines[2]["set"] == {"vlan": 3, "qos": 0, "state": "disable"} and lines[3]["up"] is False
    assert "operator" in lines[4]["reason"] and "closed" in lines[5]["reason"]


@CASE
def monitor_ends_with_the_daemon():
    """The stream ends, and so does ladon."""
    daemon = Daemon(config=CARD)
    with monitor_process(daemon) as process:
        daemon.stop()
        assert process.wait(20) == 0


@CASE
def faults():
    """A descriptor ring outside of the client's memory: who, where, why; in JSON, text and as an event."""
    monitor = Monitor(World.daemon)
    assert World.daemon.ok("faults") == "no DMA faults\n" and World.daemon.json("faults") == []
    with World.daemon.attach(1) as client:
        igbvf.bus_master(client)
        igbvf.handshake(client)
        igbvf.start_tx(client, 0x123000)
        igbvf.ring_tx(client, 1)
        event = monitor.wait("fault")
        fault = World.daemon.json("faults", "nic0")[0]
    monitor.close()
    assert list(fault) == ["time", "function", "rid", "address", "access", "host", "level", "code", "reason"], list(fault)
    assert fault["host"] == "local" and fault["level"] == "management-host IOMMU", fault
    assert (fault["function"], fault["address"], fault["access"]) == ("nic0/vf1", "0x123000", "read")
    assert re.fullmatch(r"[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", fault["rid"]) and fault["reason"]
    assert fault["rid"] == World.daemon.vf(1)["rid"]
    assert {k: event[k] for k in fault if k != "time"} == {k: v for k, v in fault.items() if k != "time"}
    line = World.daemon.ok("faults").splitlines()[0]
    for word in ("nic0/vf1", "0x123000", "read", fault["rid"], fault["reason"]):
        assert word in line, line
    assert World.daemon.json("show")["faults"] == len(World.daemon.json("faults"))


@CASE
def qemu_line():
    """$( ) splits it into two words; the second is JSON with the socket's path, whatever the path holds."""
    scratch = Scratch()
    for name in ("plain", "a b", "s*r[x]?", 'q"\'$(x)`y`\\z', "t\tn"):
        daemon = Daemon(run_dir=scratch / name, config="card add nic0 model 82576 vfs 1")
        script = 'for word in $("$0" --run-dir "$1" qemu nic0 vf 0); do printf "%s\\n" "$word"; done'
        for shell in ("sh", "bash"):
            out = subprocess.run([shell, "-c", script, LADON, daemon.run_dir], text=True, capture_output=True,
                                 check=True, env=clean_env(), cwd=scratch.path).stdout.splitlines()
            assert out[0] == "-device" and len(out) == 2, f"{name!r}: {shell} makes {out}"
            device = json.loads(out[1])
            assert device == {"driver": "vfio-user-pci", "socket": {"type": "unix", "path": daemon.socket(0)}}, device
        assert "share=on" in daemon.json("qemu", "nic0", "vf", "0")["need"]
        daemon.stop()


@CASE
def show():
    """The daemon: its version, process and run directory."""
    data = World.daemon.json("show")
    assert data["pid"] == World.daemon.pid and data["run_dir"] == os.path.realpath(World.daemon.run_dir)
    assert data["cards"] == 1 and data["functions"] == 8 and data["memory_bytes"] > 0
    assert len(data["data_paths"]) == 1
    text = World.daemon.ok("show")
    for key in data:
        assert re.search(rf"^{key} +\S", text, re.M), f"{key} is missing in the text"
    version = World.daemon.ok("--version")
    assert version == f"ladon {data['version']}\n" == World.daemon.ok("-V")


@CASE
def vf_show():
    """One VF in text and JSON, with a client and without."""
    assert World.daemon.vf(0)["attached"] is None
    with World.daemon.attach(0):
        data = World.daemon.vf(0)
        assert data["attached"]["pid"] == os.getpid() and data["function"] == "nic0/vf0"
        assert data["socket"] == os.path.realpath(World.daemon.socket(0))
        text = World.daemon.ok("vf", "show", "nic0", "0")
        for key in data:
            assert re.search(rf"^{key} +\S", text, re.M), f"{key} is missing in the text"
        assert ", attached\n" in World.daemon.ok("link", "show", "nic0")


@CASE
def registers_are_markdown():
    """A table that renders: one header, one separator, as many cells in each row, rows in order."""
    rows = World.daemon.ok("registers", "82576", "vf").splitlines()
    cells = [row.strip("|").split("|") for row in rows]
    assert all(row.startswith("| ") or i == 1 for i, row in enumerate(rows)) and set(rows[1]) == {"|", "-"}
    assert {len(c) for c in cells} == {len(cells[0])}, "rows of different lengths"
    offsets = [int(c[1], 16) for c in cells[2:]]
    assert offsets == sorted(offsets) and len(offsets) > 40
    assert [c[0].strip() for c in cells[2:]] == [r["name"] for r in World.daemon.json("registers", "82576", "vf")]


@CASE
def json_looks():
    """-j is one line, -p many, --pretty --json the same as -p -j; both parse to the same."""
    assert World.daemon.ok("-j", "show").count("\n") == 1
    plain, pretty = (World.daemon.ok(*o, "card", "show") for o in (["-j"], ["-j", "-p"]))
    assert pretty.count("\n") > 5 and json.loads(plain) == json.loads(pretty)
    assert World.daemon.ok("--pretty", "--json", "card", "show") == pretty == World.daemon.ok("-jp", "card", "show")


@CASE
def help_asked_for():
    """--help and help go to stdout with 0; no words at all is a mistake."""
    for words in (["--help"], ["-h"], ["help"]):
        assert "Usage: ladon" in World.daemon.ok(*words)
    done = World.daemon.ladon()
    assert done.returncode == 2 and "Usage: ladon" in done.stderr and not done.stdout


@CASE
def demo():
    """The demo proves itself, also for nobody, who may not look into the build folder."""
    for user in (None, "nobody") if os.geteuid() == 0 else (None,):
        place = Scratch(user)
        for program in (LADON, LADOND):
            shutil.copy(program, place.path)
        done = subprocess.run([*as_user(user), place / "ladon", "demo"], text=True, capture_output=True,
                              check=False, env=clean_env(), timeout=120)
        assert done.returncode == 0, f"as {user}: {done.stdout}{done.stderr}"


def main():
    """One daemon for all."""
    need_build()
    World.daemon = Daemon(config=CARD)
    rc = SUITE.run()
    World.daemon.stop()
    return rc


if __name__ == "__main__":
    sys.exit(main())
