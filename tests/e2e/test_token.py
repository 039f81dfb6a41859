#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The VF token over real sockets: vfio-pci's rules row by row with libladon and with a raw client, DEVICE_FEATURE,
unlocks and their races, a PF that comes back while VFs are in use, lists of uids, files, and that it stays secret.
"""
import errno
import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
import uuid

import vfio_user as vu
from ladond import BUILD, LADOND, WAIT_S, Daemon, Monitor, Skip, Scratch, Suite, as_user, clean_env, need_build, \
    wait_for

SUITE = Suite()
CASE = SUITE.test
ONE, TWO, THREE = (f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{digit * 12}" for digit in "123")
HELPER = os.path.join(BUILD, "tests", "e2e", "vf_open")
NOBODY = 65534


class World:
    """The daemon under test; filled by main."""

    daemon = scratch = None
    cards = 0


# ---- what the tests say ----

def new_card(token=None, words=""):
    """A card of two VFs with this token; its name."""
    World.cards += 1
    name = f"nic{World.cards}"
    World.daemon.ok(*f"card add {name} model 82576 vfs 2 {words}".split())
    if token:
        say_token("token set " + name, token)
    return name


def ladon(words, token, user=None):
    """ladon with a token on its standard input; the finished process."""
    return subprocess.run([*as_user(user), os.path.join(BUILD, "ladon"), "--run-dir", World.daemon.run_dir,
                           *words.split()], input=token + "\n", text=True, capture_output=True, check=False,
                          env=clean_env(), timeout=WAIT_S * 2)


def say_token(words, token):
    """The same, which must succeed in silence."""
    done = ladon(words, token)
    assert done.returncode == 0 and not done.stderr and not done.stdout, f"ladon {words}: {done}"


def caps_of(shown):
    """VERSION's JSON of a client that shows a token, or none."""
    return {"capabilities": {"vf_token": shown}} if shown is not None else None


def raw_open(card, name, shown, **how):
    """A raw client that is attached, or the errno; both as (client, errno)."""
    client = vu.Client(World.daemon.socket(name, card), negotiate=False, timeout=WAIT_S, **how)
    try:
        client.version(caps_of(shown))
        return client, 0
    except vu.RemoteError as error:
        assert client.wait_end() == [], "it was refused, and served on"
        client.close()
        return None, error.errno


class Helper:
    """A libladon program that attaches and stays; the same face as a raw client."""

    def __init__(self, path, shown, user=None):
        self.process = subprocess.Popen([*as_user(user), HELPER, path], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env=clean_env(VF_TOKEN=shown))
        self.said = self.process.stdout.readline().strip()

    def close(self):
        """Detaches."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(WAIT_S)


def lib_open(card, name, shown, user=None):
    """The same by libladon."""
    helper = Helper(World.daemon.socket(name, card), shown, user)
    if helper.said == "ok":
        return helper, 0
    helper.close()
    return None, getattr(errno, helper.said)


def tokens(card):
    """token show as an object."""
    World.daemon.sync()
    shown, = World.daemon.ask("token", "show", card)
    return shown


def refused(card):
    """{why: how often}, without zeros."""
    return {why: count for why, count in tokens(card)["refused"].items() if count}


def busy(card, name):
    """Is somebody attached?"""
    World.daemon.sync()
    if isinstance(name, int):
        return World.daemon.ask("vf", "show", card, str(name))["attached"] is not None
    return World.daemon.ask("pf", "show", card)["attached"] is not None


def closed(client, card, name):
    """Closes a client and waits until the daemon has seen it."""
    client.close()
    if str(name).startswith("view"):
        World.daemon.sync()
    else:
        wait_for("it is gone", lambda: not busy(card, name))


# ---- the table ----

# who, a VF is in use, the card's token, shown, errno, counter, the card's token then
TABLE = [
    (0, False, ONE, None, errno.EACCES, "no_token", ONE),
    (0, False, ONE, TWO, errno.EACCES, "wrong_token", ONE),
    (0, False, ONE, ONE, 0, None, ONE),
    (0, True, ONE, ONE, 0, None, ONE),
    (0, True, ONE, TWO, errno.EACCES, "wrong_token", ONE),
    (0, True, ONE, None, errno.EACCES, "no_token", ONE),
    (0, False, None, None, 0, None, None),
    (0, False, None, ONE, errno.EINVAL, "token_not_needed", None),
    (0, False, ONE, "3333", errno.EINVAL, "malformed_token", ONE),
    (0, False, ONE, "", errno.EINVAL, "malformed_token", ONE),
    (0, False, None, "", errno.EINVAL, "malformed_token", None),
    ("pf", True, ONE, None, errno.EACCES, "no_token", ONE),
    ("pf", True, ONE, TWO, errno.EACCES, "wrong_token", ONE),
    ("pf", True, ONE, ONE, 0, None, ONE),
    ("pf", False, ONE, None, 0, None, ONE),
    ("pf", False, ONE, TWO, 0, None, TWO),
    ("pf", False, None, TWO, 0, None, TWO),
    ("pf", True, None, None, 0, None, None),
    ("pf", True, None, ONE, errno.EINVAL, "token_not_needed", None),
    ("pf", False, ONE, "3333", errno.EINVAL, "malformed_token", ONE),
    ("view0", True, ONE, None, errno.EACCES, "no_token", ONE),
    ("view0", True, ONE, TWO, errno.EACCES, "wrong_token", ONE),
    ("view0", True, ONE, ONE, 0, None, ONE),
    ("view0", False, ONE, None, 0, None, ONE),
    ("view0", False, ONE, TWO, errno.EACCES, "wrong_token", ONE),
    ("view0", False, None, ONE, errno.EINVAL, "token_not_needed", None),
]


def is_token(card, token):
    """The card has this token, and no other: a VF opens with it."""
    client, err = raw_open(card, 0, token)
    assert err == 0, f"the token is not {token} afterwards: {os.strerror(err)}"
    closed(client, card, 0)
    assert tokens(card)["set"] is (token is not None)


def row(who, in_use, token, shown, want, why, then, opener):
    """One row of the table: outcome, counter, event, what stays."""
    card = new_card(token)
    monitor = Monitor(World.daemon)
    user = raw_open(card, 1, token)[0] if in_use else None
    client, err = opener(card, who, shown)
    assert err == want, f"{os.strerror(err)}, not {os.strerror(want)}"
    assert refused(card) == ({why: 1} if why else {}), refused(card)
    assert tokens(card)["users"] == in_use + (who == 0 and not err)
    if why:
        event = monitor.wait("refused", card=card)
        assert event["uid"] == os.geteuid() and event["pid"] > 0, event
        assert re.search(rf"{card}/\w+: client refused \(pid \d+, uid \d+\): {re.escape(event['reason'])}",
                         World.daemon.log()), "the log does not say why"
    if client:
        closed(client, card, who)
    is_token(card, then)
    if user:
        user.get_info()
        user.close()
    monitor.close()
    World.daemon.ok("card", "del", card)


for _row in TABLE:
    for _opener in (raw_open, lib_open):
        SUITE.add(f"{_row[0]}, {'a VF in use' if _row[1] else 'no VF in use'}, the card has {str(_row[2])[:4]}, shown "
                  f"{str(_row[3])[:4]!r}, {_opener.__name__}", lambda r=_row, o=_opener: row(*r, opener=o))


# ---- DEVICE_FEATURE ----

GET, SET, PROBE = 1 << 16, 1 << 17, 1 << 18


def feature(client, flags, data=b"", argsz=None, number=0):
    """errno of a DEVICE_FEATURE."""
    argsz = 8 + len(data) if argsz is None else argsz
    try:
        client.call(vu.DEVICE_FEATURE, vu.FEATURE.pack(argsz, flags | number) + data)
        return 0
    except vu.RemoteError as error:
        return error.errno


@CASE
def feature_of_the_pf():
    """SET at any time; never GET; PROBE of SET alone; too short is an error; what is no PF has it not."""
    card = new_card()
    pf, _ = raw_open(card, "pf", None)
    monitor = Monitor(World.daemon)
    one = uuid.UUID(ONE).bytes
    rows = [(PROBE, b"", None, 0), (PROBE | SET, b"", None, 0), (PROBE | GET, b"", None, errno.EINVAL),
            (PROBE | GET | SET, b"", None, errno.EINVAL), (GET, bytes(16), None, errno.EINVAL), (0, one, None, errno.EINVAL),
            (GET | SET, one, None, errno.EINVAL), (SET, b"", None, errno.EINVAL), (SET, one[:15], None, errno.EINVAL),
            (SET, one, 8, errno.EINVAL), (SET, one, 23, errno.EINVAL), (SET, one, 7, errno.EINVAL)]
    for flags, data, argsz, want in rows:
        assert feature(pf, flags, data, argsz) == want, f"flags {flags:#x}, {len(data)} bytes, argsz {argsz}"
        assert not tokens(card)["set"]
    assert feature(pf, SET, one) == 0
    event = monitor.wait("token", card=card)
    assert event["set"] is True and event["by"] == "pf", event
    vf, err = raw_open(card, 0, ONE)
    assert err == 0
    assert feature(pf, SET, uuid.UUID(TWO).bytes + b"more") == 0, "it is replaced while VFs are in use"
    vf.get_info()
    assert raw_open(card, 1, ONE)[1] == errno.EACCES
    client, err = raw_open(card, 1, TWO)
    assert err == 0
    view, _ = raw_open(card, "view0", TWO)
    for other in (vf, view):
        assert feature(other, SET, one) == errno.ENOTTY and feature(other, PROBE) == errno.ENOTTY
        assert feature(other, GET, one) == errno.ENOTTY
    for each in (pf, vf, client, view):
        each.close()
    monitor.close()


@CASE
def rotation_does_not_evict():
    """By the operator: who is attached stays, the next needs the new one, and clear opens all."""
    card = new_card(ONE)
    first, _ = raw_open(card, 0, ONE)
    say_token("token set " + card, TWO)
    first.get_info()
    assert raw_open(card, 1, ONE)[1] == errno.EACCES
    second, err = lib_open(card, 1, TWO)
    assert err == 0 and tokens(card)["users"] == 2
    World.daemon.ok("token", "clear", card)
    first.get_info()
    closed(first, card, 0)
    assert raw_open(card, 0, TWO)[1] == errno.EINVAL
    first, err = raw_open(card, 0, None)
    assert err == 0
    closed(first, card, 0)
    closed(second, card, 1)


@CASE
def a_token_shown_before_it_is_set():
    """Who connected before and speaks after is judged by what is set then."""
    card = new_card()
    client = vu.Client(World.daemon.socket(0, card), negotiate=False)
    World.daemon.sync()
    say_token("token set " + card, ONE)
    try:
        client.version()
        raise AssertionError("it was admitted")
    except vu.RemoteError as error:
        assert error.errno == errno.EACCES
    client.close()


# ---- a PF that comes back ----

@CASE
def pf_comes_back_while_vfs_are_in_use():
    """It shows the token, or is unlocked, its views too; the policy stays the operator's until then."""
    card = new_card(ONE)
    pf, err = raw_open(card, "pf", None)
    assert err == 0 and World.daemon.pf(card)["policy_owner"] == "guest"
    pf.reset()
    vf, _ = raw_open(card, 0, ONE)
    closed(pf, card, "pf")
    for shown, want in ((None, errno.EACCES), (TWO, errno.EACCES), ("x", errno.EINVAL)):
        assert raw_open(card, "pf", shown)[1] == want
        wait_for("it is gone", lambda: not busy(card, "pf"))
        assert World.daemon.pf(card)["policy_owner"] == "builtin", "a rogue PF driver owned the policy"
    vf.get_info()
    for name in ("pf", "view0", "view1"):
        assert raw_open(card, name, None)[1] == errno.EACCES
    say_token("pf unlock " + card, ONE)
    assert tokens(card)["unlocks"] == 3
    opened = [raw_open(card, name, None) for name in ("view1", "pf", "view0")]
    assert [err for _, err in opened] == [0, 0, 0] and tokens(card)["unlocks"] == 0
    for client, _ in opened:
        client.close()
    wait_for("the PF is gone", lambda: not busy(card, "pf"))
    for name in ("pf", "view0", "view1"):
        assert raw_open(card, name, None)[1] == errno.EACCES, f"{name} was opened twice"
    assert refused(card)["unlock_used"] == 3
    closed(vf, card, 0)
    pf, err = raw_open(card, "pf", None)
    assert err == 0, "no VF is in use any more"
    pf.close()


@CASE
def a_vf_that_was_refused_is_not_in_use():
    """Neither is one that has connected and not spoken."""
    card = new_card(ONE)
    assert raw_open(card, 0, TWO)[1] == errno.EACCES
    silent = vu.Client(World.daemon.socket(1, card), negotiate=False)
    World.daemon.sync()
    assert tokens(card)["users"] == 0
    pf, err = raw_open(card, "pf", None)
    assert err == 0
    pf.close()
    silent.close()


# ---- unlocks ----

@CASE
def unlock_for_one_connection():
    """A client that says no token attaches once; another VF stays locked."""
    card = new_card(ONE)
    monitor = Monitor(World.daemon)
    say_token(f"vf unlock {card} vf 0", ONE)
    assert monitor.wait("unlock", card=card, vf=0)["seconds"] == 60
    shown = World.daemon.vf(0, card)["unlock"]
    assert 55 <= shown["left_s"] <= 60 and shown["uid"] is None and shown["pid"] is None, shown
    assert raw_open(card, 1, None)[1] == errno.EACCES
    first, err = lib_open(card, 0, None)
    assert err == 0 and World.daemon.vf(0, card)["unlock"] is None
    closed(first, card, 0)
    assert raw_open(card, 0, None)[1] == errno.EACCES
    assert refused(card) == {"no_token": 1, "unlock_used": 1}
    monitor.close()


@CASE
def unlock_needs_the_token():
    """A wrong one, none, none set: nothing is unlocked, and the sentence says why; no token is in it."""
    card, bare = new_card(ONE), new_card()
    for words, token, want in ((f"vf unlock {card} 0", TWO, "not the VF token"), (f"pf unlock {card}", TWO, "not the"),
                               (f"vf unlock {card} 0", "x", "no UUID"), (f"vf unlock {bare} 0", ONE, "no VF token"),
                               (f"vf unlock {card} 0", "", "empty"), (f"vf unlock {card} 2", ONE, "0 to 1"),
                               (f"vf unlock {card} 0 for 0", ONE, "for"), (f"vf unlock {card} 0 for 86401", ONE, "for"),
                               (f"vf unlock {card} 0 for s", ONE, "for"), (f"vf unlock {card} 0 uid root", ONE, "uid"),
                               (f"vf unlock {card} 0 pid 0", ONE, "pid"), (f"vf unlock {card}", ONE, "number")):
        done = ladon(words, token)
        assert done.returncode == 1 and want in done.stderr and len(done.stderr.splitlines()) == 1, done
        assert ONE not in done.stderr and TWO not in done.stderr
    assert tokens(card)["unlocks"] == 0 and refused(card) == {"wrong_token": 2}
    assert "an unlock was refused" in World.daemon.log()


@CASE
def unlock_expires():
    """Judged when the client speaks, not when it connects."""
    card = new_card(ONE)
    say_token(f"vf unlock {card} 0 for 1s", ONE)
    early = vu.Client(World.daemon.socket(0, card), negotiate=False)
    wait_for("it expires", lambda: World.daemon.vf(0, card)["unlock"] is None)
    try:
        early.version()
        raise AssertionError("it was admitted after the time")
    except vu.RemoteError as error:
        assert error.errno == errno.EACCES
    early.close()
    wait_for("it is gone", lambda: not busy(card, 0))
    assert raw_open(card, 0, None)[1] == errno.EACCES
    assert refused(card) == {"unlock_expired": 2}
    say_token(f"vf unlock {card} 0 for 60", ONE)
    client, err = raw_open(card, 0, None)
    assert err == 0, "it may be unlocked again"
    client.close()


@CASE
def unlock_for_a_pid():
    """Another process is refused and does not use it up."""
    card = new_card(ONE)
    say_token(f"vf unlock {card} 0 pid {os.getpid()} uid {os.geteuid()}", ONE)
    assert lib_open(card, 0, None)[1] == errno.EACCES
    assert refused(card) == {"unlock_pid": 1}
    client, err = raw_open(card, 0, None)
    assert err == 0
    client.close()


@CASE
def unlock_for_a_uid():
    """Another user's."""
    card = new_card(ONE)
    say_token(f"vf unlock {card} 0 uid {os.geteuid() + 1}", ONE)
    assert lib_open(card, 0, None)[1] == errno.EACCES and refused(card) == {"unlock_uid": 1}
    say_token(f"vf unlock {card} 0 uid {os.geteuid()}", ONE)
    client, err = lib_open(card, 0, None)
    assert err == 0
    client.close()


@CASE
def unlock_ends_with_its_token():
    """The token is replaced: what was unlocked with the old one is not any more."""
    card = new_card(ONE)
    say_token(f"vf unlock {card} 0", ONE)
    say_token("token set " + card, TWO)
    assert raw_open(card, 0, None)[1] == errno.EACCES and refused(card) == {"unlock_changed": 1}


@CASE
def race_for_an_unlock():
    """40 clients at once for one unlock: one attaches; when it has gone none of the others does."""
    card = new_card(ONE)
    say_token(f"vf unlock {card} 0", ONE)
    won, lost, start = [], [], threading.Barrier(40)

    def one():
        start.wait()
        try:
            client, err = raw_open(card, 0, None)
            (lost.append(err) if err else won.append(client))
        except vu.Closed:  # another was attached
            lost.append(errno.EBUSY)

    threads = [threading.Thread(target=one) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and len(lost) == 39, (won, lost)
    closed(won[0], card, 0)
    for _ in range(5):
        assert raw_open(card, 0, None)[1] == errno.EACCES
    return f"{lost.count(errno.EBUSY)} found it busy"


@CASE
def race_of_rotation_and_clients():
    """The token changes all the time while clients come with one or the other: each is judged by one of them."""
    card, over, seen = new_card(ONE), threading.Event(), {0: 0, errno.EACCES: 0}

    def rotate():
        while not over.is_set():
            for token in (TWO, ONE):
                say_token("token set " + card, token)

    thread = threading.Thread(target=rotate)
    thread.start()
    try:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            client, err = raw_open(card, 0, ONE)
            seen[err] += 1
            if client:
                client.close()
            wait_for("it is gone", lambda: not busy(card, 0))
    finally:
        over.set()
        thread.join()
    assert raw_open(card, 0, THREE)[1] == errno.EACCES
    return f"{seen[0]} admitted, {seen[errno.EACCES]} refused"


# ---- uids and modes ----

def open_door(card):
    """Everybody may open VF 0 of card, as far as files go."""
    daemon = World.daemon
    for path in (daemon.scratch.path, daemon.run_dir, os.path.join(daemon.run_dir, card)):
        os.chmod(path, 0o711)
    for name in (0, 1, "pf"):
        os.chmod(daemon.socket(name, card), 0o666)


@CASE
def allow_uid():
    """The card's list and a VF's own, at the door: no VERSION is answered, and log and counter say why."""
    own = os.geteuid()
    card = new_card(words=f"allow-uid {own}")
    client, err = raw_open(card, 0, None)
    assert err == 0 and World.daemon.vf(0, card)["allow_uid"] == [own]
    closed(client, card, 0)
    World.daemon.ok("vf", "set", card, "0", "allow-uid", f"{own + 1},{own + 2}")
    client = vu.Client(World.daemon.socket(0, card), negotiate=False)
    assert client.wait_end() == []
    client.close()
    assert refused(card) == {"uid_not_allowed": 1} and World.daemon.vf(0, card)["allow_uid"] == [own + 1, own + 2]
    assert re.search(rf"{card}/vf0: client refused \(pid {os.getpid()}, uid {own}\): its uid is not", World.daemon.log())
    client, err = raw_open(card, 1, None)
    assert err == 0, "the other VF has the card's list"
    closed(client, card, 1)
    for word, shown in (("any", None), ("card", [own])):
        World.daemon.ok("vf", "set", card, "vf", "0", "allow-uid", word)
        assert World.daemon.vf(0, card)["allow_uid"] == shown
        client, err = raw_open(card, 0, None)
        assert err == 0
        closed(client, card, 0)


@CASE
def allow_uid_of_others():
    """A user who may open the file, and is on the list or not; the PF has the card's list."""
    if os.geteuid():
        raise Skip("only root can become somebody else")
    card = new_card(words="allow-uid 0,1000")
    open_door(card)
    path = World.daemon.socket(0, card)
    if subprocess.run([*as_user("nobody"), "test", "-x", HELPER, "-a", "-w", path], check=False).returncode:
        raise Skip("nobody cannot run the helper where it was built")
    for name in (0, "pf"):
        assert lib_open(card, name, None, user="nobody")[1] in (errno.ECONNRESET, errno.EPIPE)
    assert refused(card) == {"uid_not_allowed": 2}
    World.daemon.ok("vf", "set", card, "0", "allow-uid", f"0,{NOBODY}")
    client, err = lib_open(card, 0, None, user="nobody")
    assert err == 0 and World.daemon.vf(0, card)["attached"]["uid"] == NOBODY
    closed(client, card, 0)
    say_token("token set " + card, ONE)
    assert lib_open(card, 0, None, user="nobody")[1] == errno.EACCES, "a list is no token"
    say_token(f"vf unlock {card} 0 uid {NOBODY}", ONE)
    assert lib_open(card, 0, None)[1] == errno.EACCES and refused(card)["unlock_uid"] == 1
    client, err = lib_open(card, 0, None, user="nobody")
    assert err == 0
    closed(client, card, 0)


@CASE
def files_are_our_own():
    """Every socket has mode 0600, every directory 0700, whatever the umask; others cannot open them."""
    scratch = Scratch()
    old = os.umask(0)
    try:
        daemon = Daemon(config="card add nic0 model 82576 vfs 2", run_dir=scratch / "run")
    finally:
        os.umask(old)
    for folder, folders, names in os.walk(daemon.run_dir):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700, folder
        for name in names:
            mode = os.lstat(os.path.join(folder, name)).st_mode
            assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, f"{name} {mode:o}"
        assert folders or len(names) == 5
    os.mkdir(os.path.join(daemon.run_dir, "nic1"))
    os.chmod(os.path.join(daemon.run_dir, "nic1"), 0o777)
    done = daemon.ladon(*"card add nic1 model 82576 vfs 1".split())
    assert done.returncode == 1 and "may be written" in done.stderr, done
    assert os.listdir(os.path.join(daemon.run_dir, "nic1")) == []
    daemon.stop()


# ---- where a token comes from ----

def token_file(name, text, mode=0o600):
    """A file with a token."""
    path = World.scratch / name
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


@CASE
def sources_of_the_cli():
    """File, descriptor, environment, standard input; a file that others may read is refused."""
    card, path = new_card(), token_file("one", ONE + "\n")
    daemon = World.daemon
    daemon.ok("token", "set", card, "token-file", path)
    is_token(card, ONE)
    assert daemon.ladon("token", "set", card, "token-env", "MY_TOKEN", MY_TOKEN=TWO).returncode == 0
    is_token(card, TWO)
    with open(path, encoding="utf-8") as file:
        done = subprocess.run([os.path.join(BUILD, "ladon"), "--run-dir", daemon.run_dir, "token", "set", card, "token-fd",
                               str(file.fileno())], pass_fds=[file.fileno()], env=clean_env(), check=False)
    assert done.returncode == 0
    is_token(card, ONE)
    daemon.ok("vf", "unlock", card, "1", "for", "9", "token-file", path, "uid", "0")
    assert daemon.vf(1, card)["unlock"]["uid"] == 0
    wide = token_file("wide", TWO, 0o640)
    for words, want in ((("token-file", wide), "0600"), (("token-file", path + "x"), "No such file"),
                        (("token-fd", "99"), "descriptor"), (("token-env", "NO_SUCH"), "no such variable"),
                        (("token-file",), "missing"), (("token-file", path, "token-env", "HOME"), "one of them"),
                        ((TWO,), "command line"), (("token-fd", "1x"), "number")):
        done = daemon.ladon("token", "set", card, *words)
        assert done.returncode and want in done.stderr and len(done.stderr.splitlines()) == 1, done
        assert TWO not in done.stderr
    is_token(card, ONE)


@CASE
def card_add_with_a_token():
    """From the start there is no moment without it; a bad file makes no card."""
    daemon, path = World.daemon, token_file("add", ONE)
    daemon.ok(*f"card add tok0 model 82576 vfs 1 token-file {path}".split())
    assert raw_open("tok0", 0, None)[1] == errno.EACCES
    is_token("tok0", ONE)
    daemon.ok("card", "del", "tok0")
    for mode, text in ((0o644, ONE), (0o600, "no-uuid"), (0o600, "")):
        done = daemon.ladon(*f"card add tok0 model 82576 vfs 1 token-file {token_file('add', text, mode)}".split())
        assert done.returncode and "oken" in done.stderr, done
        assert daemon.ladon("card", "show", "tok0").returncode == 1


@CASE
def config_with_a_token():
    """token-file in a config file, which names file and line when it cannot be used."""
    path = token_file("conf", ONE + "\n")
    line = f"card add nic0 model 82576 vfs 2 token-file {path}"
    daemon = Daemon(config=f"{line}\ntoken set nic0 token-file {path}")
    shown, = daemon.ask("token", "show")
    assert shown["set"] is True
    daemon.stop()
    assert ONE not in daemon.log()
    os.chmod(path, 0o604)
    config = token_file("ladon.conf", f"# a tenant\n{line}\n")
    done = subprocess.run([LADOND, "--run-dir", World.scratch / "run2", "--config", config], text=True,
                          capture_output=True, env=clean_env(), check=False, timeout=WAIT_S)
    assert done.returncode == 1 and f"{config}:2: token-file {path} cannot be used: others" in done.stderr, done.stderr


@CASE
def generate():
    """A version 4 UUID, printed or in a new file of mode 0600; nothing is written over, nothing is left behind."""
    card, path = new_card(), World.scratch / "generated"
    first = World.daemon.ok("token", "generate", card).strip()
    assert uuid.UUID(first).version == 4
    is_token(card, first)
    World.daemon.ok("token", "generate", card, "token-file", path)
    with open(path, encoding="utf-8") as file:
        second = file.read().strip()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600 and second != first
    is_token(card, second)
    assert "File exists" in World.daemon.ladon("token", "generate", card, "token-file", path).stderr
    is_token(card, second)
    os.unlink(path)
    assert World.daemon.ladon("token", "generate", "nope", "token-file", path).returncode == 1
    assert not os.path.exists(path)


# ---- it stays secret ----

def memory_holds(daemon, wanted):
    """Which of wanted stand in the daemon's memory."""
    found = set()
    try:
        with open(f"/proc/{daemon.pid}/maps", encoding="utf-8") as maps, open(f"/proc/{daemon.pid}/mem", "rb") as memory:
            for line in maps:
                match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                if not match:
                    continue
                start, end = (int(number, 16) for number in match.groups())
                if end - start > 64 << 20:
                    continue
                try:
                    memory.seek(start)
                    data = memory.read(end - start)
                except OSError:
                    continue
                found |= {name for name, value in wanted.items() if value in data}
    except PermissionError as error:
        raise Skip(f"the daemon's memory cannot be read: {error}") from error
    return found


@CASE
def never_shown():
    """Not in the log, in events, in any answer; and when it is cleared not in the daemon's memory."""
    token = str(uuid.uuid4())
    daemon = Daemon(config="card add nic0 model 82576 vfs 2", run_dir=World.scratch / "run3")
    path = token_file("secret", token)
    monitor = Monitor(daemon)
    wanted = {"text": token.encode(), "bytes": uuid.UUID(token).bytes}
    daemon.ok("token", "set", "nic0", "token-file", path)
    assert "bytes" in memory_holds(daemon, wanted), "the search finds nothing"
    daemon.ok("vf", "unlock", "nic0", "1", "token-file", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:  # stays, and says nothing more
        control.connect(os.path.join(daemon.run_dir, "control.sock"))
        control.sendall(json.dumps({"words": ["token", "set", "nic0"], "token": token}).encode() + b"\n")
        assert json.loads(control.recv(4096))["ok"]
        left = walk_through(daemon, token, wanted)
    events = [monitor.wait("token", set=False)]
    assert token not in str(events)
    monitor.close()
    daemon.stop()
    assert token[:8] not in daemon.log(), "the log has it"
    assert not left, f"it stands in the daemon's memory as {left}"


def walk_through(daemon, token, wanted):
    """Clients with the right token, a wrong one, an unlock, a PF that sets it; what memory holds when it is cleared."""
    for n in (0, 1):
        client = vu.Client(daemon.socket(n), caps=caps_of(token if n == 0 else None))
        client.get_info()
        client.close()
        daemon.settle(n)
    pf = vu.Client(daemon.socket("pf"), caps=caps_of(token))
    assert feature(pf, SET, uuid.UUID(token).bytes) == 0
    try:
        vu.Client(daemon.socket(0), caps=caps_of(token[:-1] + ("0" if token[-1] != "0" else "1")))
        raise AssertionError("a wrong token was right")
    except vu.RemoteError:
        pass
    answers = [daemon.ok("-j", *words.split()) for words in
               ("show", "card show", "link show", "vf show nic0 0", "pf show nic0", "token show")]
    assert all(token not in answer for answer in answers)
    pf.close()
    daemon.settle_pf()
    daemon.ok("token", "clear", "nic0")
    return memory_holds(daemon, wanted)


@CASE
def floods_of_refusals_are_counted_not_logged():
    """300 wrong tokens: each is counted, few lines are written, and the right one is served."""
    card = new_card(ONE)
    for _ in range(300):
        assert raw_open(card, 0, TWO)[1] == errno.EACCES
        World.daemon.sync()
    lines = World.daemon.log().count(f"{card}/vf0: client refused")
    assert refused(card) == {"wrong_token": 300} and World.daemon.vf(0, card)["refusals"] == 300
    assert lines < 200, f"{lines} lines"
    is_token(card, ONE)
    return f"{lines} lines"


def main():
    """One daemon for all but those that need their own."""
    need_build()
    World.scratch = Scratch()
    World.daemon = Daemon()
    code = SUITE.run()
    World.daemon.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
