# SPDX-License-Identifier: BSD-3-Clause
"""What every VM scenario shares: options, verdicts, the daemon, clean-up, network checks.

A scenario is a script with a function run(scenario). It exits 0 when every
verdict was good, 1 when one was not, 77 when something it needs is missing.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback

import provision
from qmp import QmpError
from vm import VM, VmError, connect, die_with_parent, temp_folder, wait_until

SKIP = 77
REPO = pathlib.Path(__file__).resolve().parents[2]
STOP_TIMEOUT = 15


class Failed(Exception):
    """A scenario cannot go on."""


class Ladon:
    """A running ladond and the ladon command for it."""

    def __init__(self, build, folder, config="", options=()):
        """Start ladond with a configuration text; wait for its control socket."""
        self.run_dir = folder / "run"
        self.run_dir.mkdir()
        self.cli_path = build / "ladon"
        self.log_path = folder / "ladond.log"
        (folder / "ladond.conf").write_text(config)
        self.argv = [str(build / "ladond"), "--run-dir", str(self.run_dir),
                     "--config", str(folder / "ladond.conf"), *options]
        self.process = None
        self.start()

    def start(self):
        """Start it (again, upon what a killed one left behind) and wait until it serves."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=die_with_parent)
        try:
            connect(self.run_dir / "control.sock", self.process).close()
        except VmError as error:
            self.kill()
            raise Failed(f"ladond did not start: {error}\n{self.log_tail()}") from error

    def cli(self, *words, check=True):
        """Run `ladon WORDS` and return what it printed."""
        argv = [str(self.cli_path), "--run-dir", str(self.run_dir), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        if check and done.returncode:
            raise Failed(f"ladon {' '.join(words)}: exit code {done.returncode}: "
                         f"{done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def json(self, *words):
        """Run `ladon -j -s WORDS` and return the decoded answer."""
        return json.loads(self.cli("-j", "-s", *words))

    def socket(self, card, index):
        """Return the path of a VF's socket, once it is there."""
        path = self.run_dir / card / f"vf{index}.sock"
        wait_until(path.exists, 10, f"{path} appears")
        return path

    def alive(self):
        """Tell whether the daemon runs."""
        return self.process.poll() is None

    def log(self):
        """Return the daemon's log."""
        return self.log_path.read_text(errors="replace")

    def log_tail(self, lines=30):
        """Return the log's end, for an error message."""
        return "--- ladond log:\n" + "\n".join(self.log().splitlines()[-lines:])

    def stop(self):
        """End the daemon with SIGTERM and return its exit code."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        """Kill the daemon if it still runs."""
        if self.alive():
            self.process.kill()
        self.process.wait()


class Scenario:
    """One run of a scenario: its options, what it started, its verdicts."""

    def __init__(self, options):
        """Keep the options; clean-up is done by close()."""
        self.options = options
        self.stack = contextlib.ExitStack()
        self.good = self.bad = 0
        self.start = time.monotonic()
        self.daemon = None
        self.vms = []

    def step(self, text):
        """Say what is done next."""
        print(f"[{time.monotonic() - self.start:6.1f}] {text}", flush=True)

    def verdict(self, good, text, detail=""):
        """Print one verdict; return whether it was good."""
        self.good, self.bad = self.good + bool(good), self.bad + (not good)
        print(f"[{time.monotonic() - self.start:6.1f}] {'ok  ' if good else 'FAIL'} {text}", flush=True)
        if detail and not good:
            print("         " + str(detail).strip().replace("\n", "\n         "), flush=True)
        return bool(good)

    def folder(self):
        """Return a temporary folder with a short path, removed at the end."""
        folder, lock = temp_folder()
        self.stack.callback(lock.close)
        self.stack.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def vm(self, name, **settings):
        """Start a VM of the scenario's kernel; it is killed at the end."""
        settings.setdefault("kernel", self.options.kernel)
        machine = VM(name, **settings)
        self.stack.callback(machine.close)
        self.vms.append(machine)
        return machine.start()

    def boot(self, *machines):
        """Wait for VMs that were started."""
        for machine in machines:
            machine.wait_boot()
            self.step(f"{machine.name} booted in {machine.boot_seconds:.1f} s: "
                      f"Linux {machine.ok('uname -r').strip()}")

    def ladond(self, *lines, options=()):
        """Start ladond with a configuration of these lines; it is stopped at the end."""
        build = pathlib.Path(os.environ.get("LADON_BUILD") or REPO / "build").absolute()
        for name in ("ladond", "ladon"):
            if not os.access(build / name, os.X_OK):
                raise provision.Unavailable(f"{build / name} is not built")
        self.daemon = Ladon(build, self.folder(), "".join(f"{line}\n" for line in lines), options)
        self.stack.callback(self.daemon.kill)
        self.step(f"ladond runs: {'; '.join(lines)}")
        return self.daemon

    def stop_ladond(self):
        """End the daemon as a service manager would; its exit code is a verdict."""
        if self.daemon:
            code = self.daemon.stop()
            self.verdict(code == 0, "ladond ends with exit code 0 on SIGTERM",
                         f"exit code {code}\n{self.daemon.log_tail()}")

    def close(self):
        """Remove all that the scenario started."""
        self.stack.close()

    # Network checks

    def addresses(self, *machines, net="10.0.0", device="eth0"):
        """Give VMs the addresses NET.1, NET.2 ... and wait for their links."""
        for number, machine in enumerate(machines, 1):
            machine.ok(f"ip addr add {net}.{number}/24 dev {device} && ip link set {device} up")
        for machine in machines:
            wait_carrier(machine, device)

    def silence(self, source, address, what):
        """Verdict: nobody answers."""
        report = source.run(f"ping -c 3 -i 0.2 -W 1 {address}")
        return self.verdict("100% packet loss" in report.out, what, report.out[-600:])

    def ping(self, source, address, count=100, interval=0.05, size=56, what=None, tries=1):
        """Verdict: pings without a loss, at the first try or the last."""
        for _ in range(tries):
            source.wait_ok(f"ping -c 1 -W 1 {address}", 15)
            report = source.run(f"ping -i {interval} -c {count} -s {size} {address}", 60 + count * interval)
            loss = re.search(r"([\d.]+)% packet loss", report.out)
            if loss and float(loss[1]) == 0:
                break
        return self.verdict(loss and float(loss[1]) == 0,
                            f"{what or source.name + ' pings ' + address}: {count} packets, "
                            f"{loss[1] if loss else '?'} % loss{round_trip(report.out)}", report.out[-600:])

    def iperf(self, client, server, address, seconds=3, options="", what="TCP"):
        """Verdict: iperf3 moves data; print the figure and return bit/s."""
        serving = server.start_job("iperf3 -s -1 --forceflush")
        serving.wait_output("listening", 15)
        result = client.run(f"iperf3 -c {address} -t {seconds} -J {options}", seconds + 40)
        try:
            end = json.loads(result.out)["end"]
            rate = (end.get("sum_received") or end["sum"])["bits_per_second"]
            lost = end.get("sum", {}).get("lost_percent")
        except (ValueError, KeyError):
            rate, lost = 0, None
        serving.kill()
        extra = "" if lost is None else f", {lost:.1f} % lost"
        self.verdict(rate > 0, f"iperf3 {what} {client.name} -> {server.name}: "
                     f"{rate / 1e6:.0f} Mbit/s{extra}", result.out[-1200:])
        return rate

    def transfer(self, source, target, address, megabytes=64, what="", port=5555):
        """Verdict: a random file arrives with the same sha256."""
        source.ok(f"[ -f /tmp/f{megabytes} ] || dd if=/dev/urandom of=/tmp/f{megabytes} "
                  f"bs=1M count={megabytes} 2>/dev/null", 120)
        # A pipe opened for both reading and writing never ends: with an input
        # that ends, nc would close the connection early.
        listening = target.start_job("[ -p /tmp/open ] || mkfifo /tmp/open; "
                                     f"nc -l -p {port} <> /tmp/open | sha256sum")
        target.wait_ok(f"netstat -ltn | grep -q :{port}", 10)
        begin = time.monotonic()
        sent = source.run(f"nc {address} {port} < /tmp/f{megabytes}", 180)
        took = time.monotonic() - begin
        arrived = listening.wait(60).out.split()[:1]
        expected = source.ok(f"sha256sum /tmp/f{megabytes}", 120).split()[:1]
        return self.verdict(arrived == expected and sent.rc == 0,
                            f"{megabytes} MiB {source.name} -> {target.name} "
                            f"sha256 equal{what and ', ' + what} ({took:.1f} s)",
                            f"sent {expected}, arrived {arrived}, nc: {sent.rc} {sent.out}")


def round_trip(report):
    """Return the average round trip in a ping report as text."""
    found = re.search(r"= [\d.]+/([\d.]+)/", report)
    return f", {found[1]} ms" if found else ""


def wait_carrier(machine, device="eth0", timeout=30):
    """Wait until a device of a guest has its link up."""
    machine.wait_ok(f"[ \"$(cat /sys/class/net/{device}/carrier)\" = 1 ]", timeout)


def options_of(text, add_options):
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=text.strip().splitlines()[0])
    parser.add_argument("--kernel", default="6.1", help=f"guest kernel: {', '.join(provision.KERNELS)}")
    if add_options:
        add_options(parser)
    return parser.parse_args()


def execute(scenario, body):
    """Run a scenario's body; return its exit code."""
    try:
        if os.geteuid():
            raise provision.Unavailable("must be root")
        provision.provision()
        body(scenario)
        scenario.stop_ladond()
    except provision.Unavailable as why:
        print(f"skipped: {why}", flush=True)
        return SKIP
    except (Failed, VmError, QmpError, subprocess.SubprocessError) as error:
        scenario.verdict(False, "the scenario can go on", error)
        diagnose(scenario)
    except Exception:  # pylint: disable=broad-except
        scenario.verdict(False, "the scenario has no error of its own", traceback.format_exc())
        diagnose(scenario)
    return 1 if scenario.bad or not scenario.good else 0


def diagnose(scenario):
    """Print the ends of all logs."""
    for machine in scenario.vms:
        print(machine.diagnosis(), flush=True)
    if scenario.daemon:
        print(scenario.daemon.log_tail(), flush=True)


def main(body, text, add_options=None):
    """Entry point of a scenario script."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scenario = Scenario(options_of(text, add_options))
    try:
        code = execute(scenario, body)
    finally:
        scenario.close()
    words = {0: "passed", 1: "FAILED", SKIP: "skipped"}
    print(f"{pathlib.Path(sys.argv[0]).name} --kernel {scenario.options.kernel}: {words[code]}, "
          f"{scenario.good} good, {scenario.bad} bad, {time.monotonic() - scenario.start:.1f} s", flush=True)
    sys.exit(code)
