#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""How ladond starts and ends: options, configuration files, run directories, users, signals, crashes."""
import os
import pwd
import re
import signal
import socket
import subprocess
import sys

import igbvf
from ladond import (CARD, LADON, LADOND, WAIT_S, Daemon, Scratch, Skip, Suite, as_user, clean_env, need_build)

SUITE = Suite()
CASE = SUITE.test


def need_root():
    """Only root can become somebody else."""
    if os.geteuid():
        raise Skip("only root can become somebody else")


def refused(args, *wanted, user=None, env=None, run_dir=None):
    """ladond does not start: one line that names what was wrong, an exit code, no socket."""
    command = [*as_user(user), LADOND, *(["--run-dir", run_dir] if run_dir else []), *args]
    done = subprocess.run(command, text=True, capture_output=True, timeout=WAIT_S * 2, check=False, cwd="/",
                          env=clean_env(**(env or {})))
    assert done.returncode in (1, 2) and not done.stdout, f"exit code {done.returncode}, {done.stdout!r}"
    last = done.stderr.splitlines()[-1]
    # What a kernel lacks for the sandbox is no reason not to start.
    problems = [line for line in done.stderr.splitlines() if " info: " not in line and " sandbox: " not in line]
    assert len(problems) == 1 and problems[0] == last, f"stderr has {done.stderr!r}"
    for word in wanted:
        assert word in last, f"{word!r} is missing: {last}"
    if run_dir and os.path.isdir(run_dir):
        assert os.listdir(run_dir) == [], f"left behind: {os.listdir(run_dir)}"


# ---- options ----

OPTIONS = [
    (["--bad"], "--bad"), (["-x"], "no option"), (["--cpu"], "value"), (["--cpu", "x"], '"x"'),
    (["--cpu", "-1"], '"-1"'), (["--cpu", "1024"], "1024"), (["--idle-sleep-us", "0"], "1 to 1000000"),
    (["--idle-sleep-us", "1000001"], "1 to 1000000"), (["--idle-sleep-us", "1e3"], "1e3"),
    (["--log-level", "loud"], "err, warn, info or debug"), (["--run-dir", ""], "directory"),
    (["now"], '"now"'), (["--busy-poll=yes"], "--busy-poll"),
]
for _args, _wanted in OPTIONS:
    SUITE.add(f"option refused: {' '.join(_args)}",
              lambda a=_args, w=_wanted: refused([*a], w, env={"LADON_RUN_DIR": Scratch() / "run"}))


@CASE
def version_and_help():
    """To stdout, with 0; the version is the CLI's."""
    out = {word: subprocess.run([LADOND, word], text=True, capture_output=True, check=True).stdout
           for word in ("--version", "--help")}
    cli = subprocess.run([LADON, "--version"], text=True, capture_output=True, check=True).stdout
    assert re.fullmatch(r"ladond \d+\.\d+\.\d+\n", out["--version"]) and cli.split()[1] == out["--version"].split()[1]
    assert out["--help"].startswith("Usage: ladond")


@CASE
def options_in_force():
    """What show says of --busy-poll, --no-mapped-doorbells, --idle-sleep-us; --log-level err is silent."""
    daemon = Daemon("--busy-poll", "--no-mapped-doorbells", "--idle-sleep-us", "777", "--log-level", "err",
                    "--cpu", str(min(os.sched_getaffinity(0))), config=CARD)
    data = daemon.json("show")
    assert (data["busy_poll"], data["mapped_doorbells"], data["idle_sleep_us"]) == (True, False, 777)
    with daemon.attach(0) as client:
        reply = client.region_info(0, argsz=64)
        assert not reply.fds and len(reply.payload) == 32, "BAR 0 is offered for mapping"
    daemon.stop()
    assert daemon.log() == "", daemon.log()
    daemon = Daemon("--log-level", "debug", config=CARD)
    with daemon.attach(0) as client:
        client.get_info()
    daemon.stop()
    assert " debug: " in daemon.log()


# ---- configuration ----

CONFIGS = [
    ("crad add nic0 model 82576 vfs 1", 1, "crad"),
    ("# nothing\n\n  card add nic0 model 82576 vfs 1 # fine\ncard add nic1 model 82576 vfs 256", 4, "0 to 255"),
    ("card add nic0 model 82576 vfs 1\ncard add nic0 model 82576 vfs 1", 2, "already"),
    ("card add nic0 model 82576 vfs 1\nlink set nic0 vf 3 trust on", 2, "no VF 3"),
    ("card add nic0 model 82576 vfs 1\nlink set nic1 vf 0 trust on", 2, "nic1"),
    ("monitor", 1, "monitor"),
    ("show " + "x " * 100, 1, "too many words"),
    ("#" + "x" * 70000, 1, "too long"),
    ("show\0", 1, "NUL"),
    ("card add nic0 model 82576 vfs 1 uplink fd:77", 1, "fd:77"),
    ("card add nic0 model 82576 vfs 1\n\tcard\tadd nic1 model 82576 vfs 1 cpu 1023\r\n", 2, "cpu"),
]


def config_refused(text, line, wanted):
    """file:line and the reason; what the lines before made is gone."""
    scratch = Scratch()
    path = scratch / "some.conf"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    refused(["--config", path], f"{path}:{line}: ", wanted, run_dir=scratch / "run")


for _text, _line, _wanted in CONFIGS:
    SUITE.add(f"config refused, line {_line}: {_wanted}",
              lambda t=_text, l=_line, w=_wanted: config_refused(t, l, w))


@CASE
def config_without_a_file():
    """No file, a directory, one that may not be read."""
    scratch = Scratch()
    refused(["--config", scratch / "none"], scratch / "none", run_dir=scratch / "run")
    refused(["--config", scratch.path], scratch.path, run_dir=scratch / "run")


@CASE
def config_in_force():
    """Comments, blanks, CRLF; policy is there when the daemon says that it is ready."""
    daemon = Daemon(config="# cards\r\n\r\n  card  add nic0\tmodel 82576 vfs 2 # two\r\n"
                           "link set nic0 vf 1 vlan 7 trust on\r\nshow")
    vf = daemon.json("link", "show", "nic0")[0]["vfinfo_list"][1]
    assert vf["vlan_list"] == [{"vlan": 7}] and vf["trust"]
    daemon.stop()


# ---- the run directory ----

@CASE
def second_daemon_refused():
    """The first goes on; the second says whose the directory is."""
    daemon = Daemon(config=CARD)
    with daemon.attach(0) as client:
        for run_dir in (daemon.run_dir, daemon.run_dir + "/../run"):
            done = subprocess.run([LADOND, "--run-dir", run_dir], text=True, capture_output=True, check=False,
                                  env=clean_env(), timeout=WAIT_S)
            assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
            assert "another ladond" in done.stderr and "--run-dir" in done.stderr, done.stderr
        client.get_info()
    assert len(daemon.json("card", "show")) == 1 and os.path.exists(daemon.socket(6))
    daemon.stop()


@CASE
def run_dir_refused():
    """Paths that are too long, no directory, in a missing one, of another user, open to others."""
    scratch = Scratch()
    long = scratch / ("d" * 120)
    refused([], "control.sock", "long", run_dir=long)
    refused([], "long", run_dir="/" + "d/" * 3000)
    with open(scratch / "file", "w", encoding="utf-8"):
        pass
    refused([], "file", env={"LADON_RUN_DIR": scratch / "file"})
    refused([], "none/run", run_dir=scratch / "none/run")
    for mode in (0o777, 0o770, 0o702):
        os.mkdir(scratch / f"m{mode:o}")
        os.chmod(scratch / f"m{mode:o}", mode)
        refused([], "0700", run_dir=scratch / f"m{mode:o}")
    if os.geteuid() == 0:
        os.mkdir(scratch / "theirs", 0o700)
        os.chown(scratch / "theirs", pwd.getpwnam("nobody").pw_uid, -1)
        refused([], "belongs to", run_dir=scratch / "theirs")


@CASE
def run_dir_of_nobody():
    """Without root: no default, no directory below root's."""
    need_root()
    refused([], "--run-dir", "LADON_RUN_DIR", user="nobody")
    refused([], "Permission denied", user="nobody", run_dir=Scratch() / "run")


@CASE
def run_dir_by_environment():
    """LADON_RUN_DIR for both programs; XDG_RUNTIME_DIR/ladon when it is not set; the option before both."""
    scratch = Scratch()
    for name, env in (("a", {"LADON_RUN_DIR": scratch / "a", "XDG_RUNTIME_DIR": scratch / "b"}),
                      ("xdg/ladon", {"XDG_RUNTIME_DIR": scratch / "xdg"})):
        os.makedirs(scratch / "xdg", 0o700, exist_ok=True)
        daemon = Daemon(run_dir=scratch / name, env=env)
        assert os.path.exists(scratch / name + "/control.sock")
        assert os.stat(scratch / name).st_mode & 0o777 == 0o700
        done = subprocess.run([LADON, "-j", "show"], text=True, capture_output=True, check=True, env=clean_env(**env))
        assert f'"run_dir":"{scratch / name}"' in done.stdout
        daemon.stop()
    env = {"LADON_RUN_DIR": scratch / "wrong", "XDG_RUNTIME_DIR": scratch / "wrong"}
    daemon = Daemon("--run-dir", scratch / "c", run_dir=scratch / "c", env=env)
    assert daemon.ladon("show", **env).returncode == 0
    daemon.stop()


@CASE
def only_its_own_files():
    """Files of others in the run directory survive start and end; a file in a card's place is an error."""
    scratch = Scratch()
    run_dir = scratch / "run"
    os.makedirs(os.path.join(run_dir, "nic0"), 0o700)
    os.chmod(run_dir, 0o700)
    for name in ("keep", "nic0/keep"):
        with open(os.path.join(run_dir, name), "w", encoding="utf-8"):
            pass
    daemon = Daemon(config=CARD, run_dir=run_dir)
    daemon.stop()
    assert sorted(os.listdir(run_dir)) == ["keep", "nic0"] and os.listdir(run_dir + "/nic0") == ["keep"]
    daemon = Daemon(run_dir=run_dir)
    done = daemon.ladon("card", "add", "keep", "model", "82576", "vfs", "1")
    assert done.returncode == 1 and "keep" in done.stderr
    daemon.stop()


# ---- ends and crashes ----

@CASE
def signals_end_it_well():
    """SIGTERM and SIGINT: clients are disconnected, no socket is left, the exit code is 0."""
    for sig in (signal.SIGTERM, signal.SIGINT):
        daemon = Daemon(config=CARD)
        clients = [daemon.attach(n) for n in range(7)]
        daemon.stop(sig)
        for client in clients:
            assert client.wait_end() == []
            client.close()
        assert os.listdir(daemon.run_dir) == [], f"left behind: {os.listdir(daemon.run_dir)}"
        assert signal.Signals(sig).name in daemon.log()
        assert daemon.said == ["STOPPING=1"], f"it told the service manager {daemon.said}"


@CASE
def nobody_reads_its_log():
    """A stderr whose other end is closed does not end it."""
    run_dir = Scratch() / "run"
    process = subprocess.Popen([LADOND, "--run-dir", run_dir], stderr=subprocess.PIPE, text=True, env=clean_env())
    assert any("serves" in line for line in process.stderr), "it did not start"
    process.stderr.close()
    for words in (CARD, "link set nic0 vf 0 trust on", "card del nic0"):
        done = subprocess.run([LADON, "--run-dir", run_dir, *words.split()], check=False, env=clean_env())
        assert done.returncode == 0 and process.poll() is None
    process.terminate()
    assert process.wait(WAIT_S) == 0


@CASE
def crash_and_restart():
    """SIGKILL: the sockets stay, and the next daemon in the directory simply uses them anew."""
    daemon = Daemon(config=CARD)
    client = daemon.attach(0)
    daemon.ok("card", "add", "other", "model", "82576", "vfs", "3")
    for _ in range(3):
        daemon.stop(signal.SIGKILL)
        assert client.wait_end() == []
        client.close()
        assert os.path.exists(daemon.socket(0)) and os.path.exists(daemon.run_dir + "/control.sock")
        daemon.start()
        assert [c["name"] for c in daemon.json("card", "show")] == ["nic0"]
        assert not os.path.exists(daemon.run_dir + "/other"), "what the dead one made was not swept"
        client = daemon.attach(0)
        client.get_info()
        daemon.ok("card", "add", "other", "model", "82576", "vfs", "3")
    client.close()
    daemon.stop()
    assert os.listdir(daemon.run_dir) == []


@CASE
def abstract_notify_socket():
    """systemd's other form of NOTIFY_SOCKET, and one that leads nowhere."""
    name = f"ladon-e2e-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name)
        sock.settimeout(WAIT_S)
        process = subprocess.Popen([LADOND, "--run-dir", Scratch() / "run"], stderr=subprocess.DEVNULL,
                                   env=clean_env(NOTIFY_SOCKET="@" + name))
        assert sock.recv(100) == b"READY=1"
        process.terminate()
        assert process.wait(WAIT_S) == 0 and sock.recv(100) == b"STOPPING=1"
    with subprocess.Popen([LADOND, "--run-dir", Scratch() / "run"], stderr=subprocess.PIPE, text=True,
                          env=clean_env(NOTIFY_SOCKET="/nonexistent/notify")) as process:
        for line in process.stderr:
            if "service manager" in line:
                break
        else:
            raise AssertionError("it did not say that READY=1 was not heard")
        process.terminate()
        process.stderr.read()
        assert process.wait(WAIT_S) == 0


@CASE
def journal_lines():
    """With stderr in the journal each line has its priority and no time of day."""
    scratch = Scratch()
    with open(scratch / "journal", "w+", encoding="utf-8") as file:
        st = os.fstat(file.fileno())
        process = subprocess.Popen([LADOND, "--run-dir", scratch / "none/run"], stderr=file,
                                   env=clean_env(JOURNAL_STREAM=f"{st.st_dev}:{st.st_ino}"))
        process.wait(WAIT_S)
        file.seek(0)
        assert file.read().startswith("<3>run directory")


@CASE
def without_privileges():
    """All of it as nobody, with no capability at all."""
    need_root()
    daemon = Daemon(config=CARD, user="nobody")
    uid = pwd.getpwnam("nobody").pw_uid
    assert os.stat(f"/proc/{daemon.pid}").st_uid in (uid, 0)
    with open(f"/proc/{daemon.pid}/status", encoding="utf-8") as file:
        status = file.read()
    assert re.search(r"^CapEff:\t0+$", status, re.M) and re.search(rf"^Uid:\t{uid}\t", status, re.M)
    assert os.stat(daemon.socket(0)).st_uid == uid
    done = daemon.ladon("-j", "card", "show", user="nobody")
    assert done.returncode == 0 and '"nic0"' in done.stdout, done.stderr
    memory = os.memfd_create("e2e")
    os.truncate(memory, 1 << 20)
    with daemon.attach(0) as client:
        client.map(0, 1 << 20, memory)
        igbvf.handshake(client)
    os.close(memory)
    daemon.stop()
    assert os.listdir(daemon.run_dir) == []


def main():
    """Each test has its own daemon."""
    need_build()
    return SUITE.run()


if __name__ == "__main__":
    sys.exit(main())
