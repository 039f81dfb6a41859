# SPDX-License-Identifier: BSD-3-Clause
"""What the Python end-to-end tests share: a ladond of their own, the control socket, verdicts.

Needs LADON_BUILD, the folder of the built ladond and ladon; without it a test ends with 77.
"""
import atexit
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import vfio_user

BUILD = os.environ.get("LADON_BUILD", "")
LADOND = os.path.join(BUILD, "ladond")
LADON = os.path.join(BUILD, "ladon")
WAIT_S = 20.0  # for anything that must come; generous, for sanitizers on a busy machine
SANITIZER_SIGNS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:", "Assertion")
CARD = "card add nic0 model 82576 vfs 7"


class Skip(Exception):
    """This test needs what the machine has not."""


def need_build():
    """Ends with 77 when there is nothing to test."""
    for path in (LADOND, LADON):
        if not BUILD or not os.access(path, os.X_OK):
            print(f"skip: {path} is missing: LADON_BUILD is to be the build folder")
            sys.exit(77)


def is_sanitized():
    """Was ladond built with AddressSanitizer?"""
    with open(LADOND, "rb") as binary:
        return b"__asan_init" in binary.read()


def wait_for(what, condition):
    """The first true value of condition; fails when none comes."""
    end = time.monotonic() + WAIT_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: it did not come within {WAIT_S:.0f} s")
        time.sleep(0.005)


def clean_env(**more):
    """The environment without what would lead ladond or ladon elsewhere; None takes a name away."""
    env = {k: v for k, v in os.environ.items()
           if k not in ("LADON_RUN_DIR", "XDG_RUNTIME_DIR", "NOTIFY_SOCKET", "JOURNAL_STREAM")}
    env.update({k: v for k, v in more.items() if v is not None})
    return env


def as_user(user):
    """What a command needs in front to run as user."""
    if user is None:
        return []
    entry = pwd.getpwnam(user)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups",
            "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]


class Scratch:
    """A folder with a short path, for sockets; removed at the end of the test."""

    def __init__(self, user=None):
        self.path = tempfile.mkdtemp(prefix="ladon-", dir="/tmp")
        if user:
            entry = pwd.getpwnam(user)
            os.chown(self.path, entry.pw_uid, entry.pw_gid)
        atexit.register(shutil.rmtree, self.path, ignore_errors=True)

    def __truediv__(self, name):
        return os.path.join(self.path, name)


class Notify:
    """The service manager's end of sd_notify(3)."""

    def __init__(self, path):
        self.path = path
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.settimeout(WAIT_S)
        self.sock.bind(path)
        os.chmod(path, 0o666)

    def rest(self):
        """What came and was not read yet."""
        out = []
        self.sock.setblocking(False)
        while True:
            try:
                out.append(self.sock.recv(4096).decode())
            except BlockingIOError:
                return out

    def close(self):
        """Ends it and removes its socket."""
        self.sock.close()
        os.unlink(self.path)


def with_workers(config):
    """Cards with as many workers as E2E_WORKERS says: any test can be run so by hand."""
    workers = os.environ.get("E2E_WORKERS")
    return re.sub(r"(?m)^(card add \S+ model \S+ vfs \d+)", rf"\1 workers {workers}", config) if workers else config


class Daemon:
    """A running ladond. It is ready, or has ended (ended), when start returns."""

    def __init__(self, *args, config=None, run_dir=None, user=None, env=None,
                 pass_fds=()):
        self.scratch = Scratch(user)
        self.run_dir = run_dir or self.scratch / "run"
        self.user, self.args, self.pass_fds = user, list(args), pass_fds
        if env is None:
            self.args += ["--run-dir", self.run_dir]
        if config is not None:
            with open(self.scratch / "ladon.conf", "w", encoding="utf-8") as file:
                file.write(with_workers(config) + "\n")
            os.chmod(self.scratch / "ladon.conf", 0o644)
            self.args += ["--config", self.scratch / "ladon.conf"]
        self.env = env or {}
        self.log_path = self.scratch / "log"
        self.process, self.notify, self.watcher = None, None, None
        self.control = None  # a connection that stays, as a file
        self.said = []  # to the service manager, complete after stop
        atexit.register(self.kill)
        self.start()

    def start(self):
        """Starts it (again) in the same run directory."""
        self.notify = Notify(self.scratch / "notify")
        env = clean_env(NOTIFY_SOCKET=self.notify.path, **self.env)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*as_user(self.user), LADOND, *self.args], env=env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                            pass_fds=self.pass_fds)
        self.watcher = threading.Thread(target=self._wake_when_over, daemon=True)
        self.watcher.start()
        said = self.notify.sock.recv(4096)
        if said != b"READY=1":
            self.process.wait()
            raise AssertionError(f"ladond did not start: {self.log()[-2000:]}")

    def _wake_when_over(self):
        """Makes the wait for READY=1 end when the daemon does not live to say it."""
        process, path = self.process, self.notify.path
        process.wait()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            try:
                sock.sendto(b"ended", path)
            except OSError:
                pass

    @property
    def pid(self):
        """Process id."""
        return self.process.pid

    def alive(self):
        """Does it run?"""
        return self.process.poll() is None

    def log(self):
        """All it said so far."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self, sig=signal.SIGTERM):
        """Ends it; it must end well and have no complaint of a sanitizer's in its log."""
        self._hang_up()
        self.process.send_signal(sig)
        rc = self.process.wait(WAIT_S * 2)
        self.watcher.join()
        log = self.log()
        self.said = [word for word in self.notify.rest() if word != "ended"]
        self.notify.close()
        assert rc == (0 if sig in (signal.SIGTERM, signal.SIGINT) else -sig), f"exit code {rc}: {log[-2000:]}"
        for sign in SANITIZER_SIGNS:
            assert sign not in log, f"the log has: {log[max(0, log.find(sign) - 200):][:3000]}"

    def kill(self):
        """Nothing is left behind when a test failed."""
        self._hang_up()
        if self.process and self.alive():
            self.process.kill()
            self.process.wait()

    def socket(self, vf, card="nic0"):
        """Path of the socket of a VF (its number), of "pf", or of a view ("view0")."""
        return os.path.join(self.run_dir, card, f"vf{vf}.sock" if isinstance(vf, int) else f"{vf}.sock")

    def attach(self, vf=0, card="nic0", **how):
        """A vfio-user client on a VF, or what else socket() knows."""
        return vfio_user.Client(self.socket(vf, card), **how)

    # ---- what the kernel knows of it ----

    def fds(self):
        """How many descriptors it has open, when it has seen the end of all connections that ended before."""
        self.sync()
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory_kib(self):
        """{field: KiB} of smaps_rollup and status."""
        out = {}
        for name in ("smaps_rollup", "status"):
            with open(f"/proc/{self.pid}/{name}", encoding="utf-8") as file:
                for line in file:
                    word = line.split()
                    if len(word) == 3 and word[2] == "kB":
                        out[word[0].rstrip(":")] = int(word[1])
        return out

    def cpu_s(self):
        """Seconds of CPU time so far."""
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # ---- control ----

    def _hang_up(self):
        if self.control:
            self.control.close()
            self.control = None

    def ask(self, *words):
        """The data of a request on a connection that stays: no process, no descriptors that come and go."""
        if not self.control:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(WAIT_S)
                sock.connect(os.path.join(self.run_dir, "control.sock"))
                self.control = sock.makefile("rw", encoding="utf-8")
        self.control.write(json.dumps({"words": words}) + "\n")
        self.control.flush()
        reply = json.loads(self.control.readline())
        assert reply["ok"], reply
        return reply["data"]

    def ladon(self, *words, user=None, **env):
        """Runs the CLI; returns the finished process with text in stdout and stderr."""
        return subprocess.run([*as_user(user), LADON, "--run-dir", self.run_dir, *words], text=True,
                              env=clean_env(**env), capture_output=True, timeout=WAIT_S * 2, check=False)

    def ok(self, *words):
        """Runs the CLI, which must succeed in silence on stderr; returns its stdout."""
        done = self.ladon(*words)
        assert done.returncode == 0 and not done.stderr, f"ladon {' '.join(words)}: {done.stderr}"
        return done.stdout

    def json(self, *words):
        """What ladon -j prints, parsed."""
        return json.loads(self.ok("-j", *words))

    def sync(self):
        """When it returns, the daemon has seen what clients did before.

        Each request is a round of its loop at least. A client that came, spoke and went takes four: accepted, read,
        found to have ended, freed. epoll does not promise more order than that.
        """
        for _ in range(5):
            self.ask("ping")

    def vf(self, n, card="nic0"):
        """vf show as an object."""
        self.sync()
        return self.ask("vf", "show", card, str(n))

    def pf(self, card="nic0"):
        """pf show as an object."""
        self.sync()
        return self.ask("pf", "show", card)

    def settle_pf(self, card="nic0"):
        """Until nobody is attached to the PF."""
        wait_for(f"{card}/pf is free", lambda: self.pf(card).get("attached") is None)

    def settle(self, vf=0, card="nic0"):
        """Until nobody is attached to a VF."""
        wait_for(f"{card}/vf{vf} is free", lambda: self.vf(vf, card).get("attached") is None)

    def settled_fds(self, at_most):
        """Waits until no more than at_most descriptors are open; returns the number then."""
        return wait_for(f"no more than {at_most} descriptors (now {self.fds()})",
                        lambda: (n := self.fds()) <= at_most and n)


class Monitor:
    """Events of a daemon, straight from its control socket."""

    def __init__(self, daemon):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(WAIT_S)
        self.sock.connect(os.path.join(daemon.run_dir, "control.sock"))
        self.sock.sendall(b'{"id":1,"words":["monitor"]}\n')
        self.lines = self.sock.makefile("r", encoding="utf-8")
        assert json.loads(self.lines.readline())["ok"]

    def wait(self, event, **members):
        """The next event with this name and these members."""
        for line in self.lines:
            got = json.loads(line)
            if got["event"] == event and all(got.get(k) == v for k, v in members.items()):
                return got
        raise AssertionError(f"the daemon ended without the event {event} {members}")

    def close(self):
        """Hears no more."""
        self.lines.close()
        self.sock.close()


class Victim:
    """A client that does nothing wrong while others do. Each of its round trips must be answered."""

    def __init__(self, daemon, vf=6):
        self.client = daemon.attach(vf, timeout=WAIT_S)
        self.trips, self.worst, self.problem, self.over = 0, 0.0, None, False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.over:
                start = time.monotonic()
                ids = self.client.read32(vfio_user.CONFIG, 0)
                self.worst = max(self.worst, time.monotonic() - start)
                assert ids == 0x10ca8086, f"vendor and device read {ids:#x}"
                self.trips += 1
                time.sleep(0.0005)
        except Exception as error:  # pylint: disable=broad-except
            self.problem = f"the victim after {self.trips} round trips: {error!r}"

    def check(self):
        """It is served now, as it was all the time."""
        before = self.trips
        wait_for("the victim is served", lambda: self.problem or self.trips > before)
        assert not self.problem, self.problem

    def stop(self):
        """Ends it; returns a sentence."""
        self.over = True
        self.thread.join(WAIT_S)
        self.client.close()
        assert not self.problem, self.problem
        return f"{self.trips} round trips of the victim, the slowest {self.worst * 1000:.1f} ms"


# ---- verdicts ----

class Suite:
    """Test functions in order; each prints one line."""

    def __init__(self):
        self.tests = []

    def test(self, function):
        """Decorator: the function's name and first line of its text are the verdict's."""
        self.add(function.__name__.replace("_", " "), function)
        return function

    def add(self, name, function):
        """A test under a name of its own (rows of tables)."""
        self.tests.append((name, function))

    def run(self, after_each=None):
        """Runs all, or those whose names hold the first argument; returns the exit code."""
        only = sys.argv[1] if len(sys.argv) > 1 else ""
        count = {"ok": 0, "FAIL": 0, "skip": 0}
        for name, function in self.tests:
            if only not in name:
                continue
            verdict, why = "ok", ""
            try:
                why = function() or ""
                if after_each:
                    after_each()
            except Skip as reason:
                verdict, why = "skip", str(reason)
            except Exception as error:  # pylint: disable=broad-except
                verdict, why = "FAIL", f"{type(error).__name__}: {error}"
                traceback.print_exc(limit=-4, file=sys.stdout)
            count[verdict] += 1
            print(f"{verdict:4} {name}{': ' if why else ''}{why}", flush=True)
        print(f"{count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped", flush=True)
        if count["FAIL"]:
            return 1
        return 0 if count["ok"] else 77


class World:
    """The daemon under test; filled by main."""

    daemon = victim = None


def attach(vf=0, **how):
    """A client on a VF that is free."""
    World.daemon.settle(vf)
    return World.daemon.attach(vf, **how)


def memfd(size):
    """A guest's memory."""
    fd = os.memfd_create("e2e")
    os.truncate(fd, size)
    return fd


def run_with_victim(suite, world, monitor=False):
    """Runs a suite on one daemon, while a victim on another VF is served all the time; returns the exit code."""
    need_build()
    world.daemon = Daemon(config=CARD)
    if monitor:
        world.monitor = Monitor(world.daemon)
    world.victim = Victim(world.daemon)
    rc = suite.run(after_each=world.victim.check)
    print(world.victim.stop())
    world.daemon.stop()
    return rc


def run_on_a_wire(world, suite):
    """Runs suite on world.daemon, whose card nic0 has the other end of world.uplink, a datagram socket; the exit code."""
    need_build()
    world.uplink, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    world.uplink.setblocking(False)
    world.daemon = Daemon(config=f"card add nic0 model 82576 vfs 7 uplink fd:{theirs.fileno()}",
                          pass_fds=[theirs.fileno()])
    theirs.close()
    rc = suite.run()
    world.daemon.stop()
    return rc
