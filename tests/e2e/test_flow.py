#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Flow control of a running ladond: two cards back to back, settings changed live, and what is shown of them."""
import sys

from ladond import CARD, Daemon, Suite, need_build, wait_for
from tenant import Tenant

SUITE = Suite()
CASE = SUITE.test
# At 1 Mb/s the longest pause lasts 33 seconds: none ends by itself here.
BACK_TO_BACK = CARD + " uplink link:nic1 link-rate 1\ncard add nic1 model 82576 vfs 2 uplink link:nic0 mac 52:54:00:00:01:00"
CONTROL = b"\x01\x80\xc2\0\0\x01"
XOFF, XON = b"\0\x01\xff\xff", b"\0\x01\0\0"


def shown(daemon, card="nic0"):
    """What `link show -s` says besides ip's keys."""
    return daemon.json("-s", "link", "show", card)[0]["ladon"]


def refused(daemon, words, *wanted):
    """One sentence that says what is right, and nothing is changed."""
    before = daemon.json("card", "show")
    done = daemon.ladon(*words.split())
    assert done.returncode > 0 and len(done.stderr.splitlines()) == 1, f"{words}: {done}"
    for word in wanted:
        assert word in done.stderr, f"{word!r} is missing: {done.stderr}"
    assert daemon.json("card", "show") == before


@CASE
def a_vf_pauses_the_other_card_where_the_operator_lets_it():
    """Dropped, let out but not obeyed, obeyed; then XON."""
    daemon = Daemon(config=BACK_TO_BACK)
    wait_for("the link is up", lambda: daemon.json("link", "show", "nic0")[0]["operstate"] == "UP")
    victim, there = Tenant(daemon, 0, "nic0"), Tenant(daemon, 0, "nic1")
    attacker = Tenant(daemon, 1, "nic1")
    pause = attacker.frame(XOFF, to=CONTROL, kind=b"\x88\x08")
    attacker.send(pause)
    assert daemon.json("-s", "link", "show", "nic1")[0]["vfinfo_list"][1]["ladon"]["tx_drops"] == {"pause": 1}
    daemon.ok(*"card set nic1 control-frames pass".split())
    assert "any VF can stop the whole link" in daemon.log()
    attacker.send(pause)
    wait_for("it comes over", lambda: shown(daemon)["uplink_stats"]["tx"]["tx_packets"] == 1)
    victim.send(victim.frame(b"free", to=there.mac))
    there.receive(lambda frame: b"free" in frame)
    daemon.ok(*"card set nic0 flow-control rx".split())
    attacker.send(pause)
    wait_for("it is obeyed", lambda: shown(daemon)["flow"]["xoff_rx"] == 1)
    victim.send(victim.frame(b"held", to=there.mac))
    wait_for("a frame waits", lambda: shown(daemon)["flow"]["queued"] == 1)
    assert there.next() is None
    attacker.send(attacker.frame(XON, to=CONTROL, kind=b"\x88\x08"))
    there.receive(lambda frame: b"held" in frame)
    assert "flow control rx: xon_rx 1 xoff_rx 1" in daemon.ladon("-s", "link", "show", "nic0").stdout
    daemon.stop()


@CASE
def off_lets_go_at_once():
    """What waits leaves when flow control is switched off, and when the card goes nothing is left behind."""
    daemon = Daemon(config=BACK_TO_BACK)
    wait_for("the link is up", lambda: daemon.json("link", "show", "nic0")[0]["operstate"] == "UP")
    daemon.ok(*"card set nic1 control-frames pass".split())
    victim, there = Tenant(daemon, 0, "nic0"), Tenant(daemon, 0, "nic1")
    attacker = Tenant(daemon, 1, "nic1")
    for turn in range(2):
        daemon.ok(*"card set nic0 flow-control full".split())
        attacker.send(attacker.frame(XOFF, to=CONTROL, kind=b"\x88\x08"))
        wait_for("it is obeyed", lambda n=turn + 1: shown(daemon)["flow"]["xoff_rx"] == n)
        victim.send(victim.frame(b"held", to=there.mac))
        wait_for("a frame waits", lambda n=turn + 1: shown(daemon)["flow"]["queued"] == n)
        if turn == 0:
            daemon.ok(*"card set nic0 flow-control off".split())
            there.receive(lambda frame: b"held" in frame)
    daemon.ok("card", "del", "nic0")
    daemon.stop()


@CASE
def it_is_shown():
    """card add, card set, card show and link show agree."""
    daemon = Daemon(config=CARD)
    card, = daemon.json("card", "show")
    assert (card["flow_control"], card["control_frames"]) == ("off", "drop")
    assert "flow" not in daemon.ladon("card", "show").stdout
    for mode in ("rx", "tx", "full", "off"):
        daemon.ok("card", "set", "nic0", "flow-control", mode)
        assert daemon.json("card", "show")[0]["flow_control"] == mode == shown(daemon)["flow_control"]
    daemon.ok(*"card add nic1 model 82576 vfs 2 flow-control tx control-frames pass".split())
    assert "nic1: model 82576 vfs 2 uplink none flow-control tx control-frames pass" in \
        daemon.ladon("card", "show").stdout
    daemon.ok(*"card set nic1 flow-control off control-frames drop".split())
    assert shown(daemon, "nic1")["control_frames"] == "drop"
    assert set(shown(daemon)["flow"].values()) == {0} and "flow" not in daemon.json("link", "show")[0]["ladon"]
    daemon.stop()


@CASE
def nonsense_is_refused():
    """With what is right."""
    daemon = Daemon(config=CARD)
    refused(daemon, "card set nic0 flow-control on", "off, rx", "full is right")
    refused(daemon, "card set nic0 control-frames off", "drop is right", "stop the whole link")
    refused(daemon, "card set nic0", "nothing is to be set", "flow-control")
    refused(daemon, "card set nic9 flow-control rx", "nic9", "nic0")
    refused(daemon, "card set nic0 flow-control rx control-frames maybe", "control-frames")
    refused(daemon, "card set nic0 flow-control rx flow-control off", "flow-control")
    refused(daemon, "card add nic1 model 82576 vfs 2 flow-control 1", "full is right")
    daemon.stop()


if __name__ == "__main__":
    need_build()
    sys.exit(SUITE.run())
