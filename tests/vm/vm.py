# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines for tests: QEMU 11.1 without KVM, driven from Python.

    with VM("a", kernel="6.1", modules=["igbvf"],
            devices=[vfio_user_device("/run/vf0.sock", 1)]) as vm:
        vm.wait_boot()
        print(vm.ok("ip link"))

A VM belongs to the thread that starts it: it dies with that thread, so start
VMs from the main one. They boot in parallel, for start() does not wait.
"""

import base64
import ctypes
import fcntl
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

import initramfs
import provision
from qmp import Qmp, QmpError

TEMP = pathlib.Path("/tmp")  # socket paths must stay below 108 bytes
TEMP_PREFIX = "lvm"
# What makes a guest boot fast under TCG; measured as a whole, not item by item (README.md).
APPEND = ("console=ttyS0 loglevel=4 quiet mitigations=off no_timer_check nokaslr "
          "random.trust_cpu=on cryptomgr.notests rcupdate.rcu_expedited=1 audit=0 "
          "selinux=0 apparmor=0 net.ifnames=0")
# RDRAND: randomness at once. With the rest TCP was fastest in both of two runs (README.md).
CPU = "qemu64,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt"
BOOT_TIMEOUT = 120
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class VmError(Exception):
    """A VM did not do what it should."""


@dataclass
class Result:
    """What a command in the guest gave."""
    rc: int
    data: bytes

    @property
    def out(self):
        """Return stdout and stderr as text."""
        return self.data.decode(errors="replace")


def wait_until(condition, timeout, what, interval=0.02):
    """Wait until condition() is true and return its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise VmError(f"{what}: not within {timeout} s")
        time.sleep(interval)


def die_with_parent():
    """Ask the kernel to kill this (child) process when the harness ends."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def temp_folder():
    """Make a temporary folder with a short path, and remove those of dead owners.

    Return the folder and its lock, to be kept open as long as the folder is used.
    """
    for old in TEMP.glob(TEMP_PREFIX + "*"):
        try:
            with open(old / ".lock", "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(old, ignore_errors=True)
        except OSError:
            pass  # in use, or not one of ours
    folder = pathlib.Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=TEMP))
    new = folder / ".lock.new"
    lock = open(new, "wb")  # pylint: disable=consider-using-with
    fcntl.flock(lock, fcntl.LOCK_EX)
    new.rename(folder / ".lock")
    return folder, lock


def connect(path, process, timeout=20):
    """Connect to a UNIX socket that a process is about to open."""
    end = time.monotonic() + timeout
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(str(path))
            return sock
        except OSError as error:
            sock.close()
            if process.poll() is not None:
                raise VmError(f"process {process.pid} ended with {process.returncode}") from error
            if time.monotonic() >= end:
                raise VmError(f"{path}: nobody listens after {timeout} s") from error
        time.sleep(0.02)


def vfio_user_device(socket_path, index, **properties):
    """Return the QEMU arguments of a vfio-user function behind a root port of its own."""
    device = {"driver": "vfio-user-pci", "id": f"vf{index}", "bus": f"rp{index}",
              "socket": {"type": "unix", "path": str(socket_path)},
              "x-msg-timeout": 20000, **properties}
    return ["-device", f"pcie-root-port,id=rp{index},chassis={index},slot={index}",
            "-device", json.dumps(device)]


def stream_nic(path, index, server, model="virtio-net-pci"):
    """Return the QEMU arguments of a QEMU network card on a UNIX stream socket."""
    return ["-netdev", f"stream,id=n{index},server={'on' if server else 'off'},"
            f"addr.type=unix,addr.path={path}" + ("" if server else ",reconnect-ms=100"),
            "-device", f"{model},netdev=n{index},mac=52:54:00:00:00:{index:02x}"]


def memory_arguments(size, backend, share):
    """Return the QEMU arguments of the guest's memory ('memfd' or 'ram')."""
    if backend == "ram":
        return ["-m", size]
    return ["-m", size, "-object",
            f"memory-backend-{backend},id=m,size={size},share={'on' if share else 'off'}",
            "-machine", "memory-backend=m"]


class Job:
    """A command that runs in a guest."""

    def __init__(self, vm, ident, command):
        """Belongs to a VM; made by VM.start_job."""
        self.vm, self.ident, self.command = vm, ident, command
        self.data = bytearray()
        self.rc = None
        self.lost = None

    @property
    def text(self):
        """Return what it has printed so far."""
        return bytes(self.data).decode(errors="replace")

    def done(self):
        """Tell whether it has ended."""
        return self.rc is not None or self.lost is not None

    def wait(self, timeout=60):
        """Wait for the end and return the result; on timeout kill it and raise."""
        with self.vm.changed:
            self.vm.changed.wait_for(self.done, timeout)
        if self.rc is not None:
            return Result(self.rc, bytes(self.data))
        if self.lost:
            raise VmError(f"{self.vm.name}: {self.lost} during: {self.command}")
        self.kill()
        raise VmError(f"{self.vm.name}: not done in {timeout} s: {self.command}\n"
                      f"output so far: {self.text[-2000:]}{self.vm.diagnosis()}")

    def wait_output(self, text, timeout=30):
        """Wait until the output holds a text."""
        with self.vm.changed:
            self.vm.changed.wait_for(lambda: text in self.text or self.done(), timeout)
        if text not in self.text:
            raise VmError(f"{self.vm.name}: no {text!r} from: {self.command}\n{self.text[-2000:]}")

    def kill(self):
        """Kill it with all it started in its process group."""
        self.vm.send_line(f"K {self.ident}")


class Shell:
    """Runs commands to their end, for a class that has a name and can start_job(command)."""

    def run(self, command, timeout=60):
        """Run a shell command and return its result."""
        return self.start_job(command).wait(timeout)

    def ok(self, command, timeout=60):
        """Run a command that must succeed and return its output."""
        result = self.run(command, timeout)
        if result.rc:
            raise VmError(f"{self.name}: exit code {result.rc} from: {command}\n{result.out[-2000:]}")
        return result.out

    def wait_ok(self, command, timeout=30):
        """Repeat a command until it succeeds; return its output."""
        result = wait_until(lambda: (lambda r: r if r.rc == 0 else None)(self.run(command, timeout)),
                            timeout, f"{self.name}: {command}", 0.1)
        return result.out


class VM(Shell):
    """One virtual machine."""

    def __init__(self, name, kernel="6.1", mem="256M", cpus=1, devices=(), modules=(),
                 extra_modules=(), append="", memory_backend="memfd", share=True,
                 timeout=600, files=None, cpu=CPU):
        """Describe a VM; nothing runs before start().

        modules: loaded at boot. extra_modules: only present for modprobe, beside
        initramfs.STANDARD_MODULES. devices: lists of QEMU arguments. timeout: the
        longest it may run, in seconds. files: further guest files (name -> bytes).
        """
        self.name, self.kernel, self.timeout = name, kernel, timeout
        self.settings = {"mem": mem, "cpus": cpus, "devices": devices, "modules": list(modules),
                         "extra": list(extra_modules), "append": append, "cpu": cpu,
                         "backend": memory_backend, "share": share, "files": files}
        self.process = self.monitor = self.agent = self.folder = self.lock = None
        self.timer = None
        self.expired = False
        self.boots, self.boot_id = 0, None
        self.changed = threading.Condition()
        self.sending = threading.Lock()
        self.jobs, self.next_id = {}, 0
        self.started = self.boot_seconds = None

    # Life

    def arguments(self):
        """Return QEMU's command line."""
        s, kernel_dir = self.settings, provision.kernel_dir(self.kernel)
        image = kernel_dir / "vmlinux"
        archive = initramfs.build(self.kernel, s["modules"] + s["extra"], s["files"])
        append = (f"{APPEND} {initramfs.clock_arguments()} ladon.host={self.name} "
                  f"ladon.modules={','.join(s['modules'])} {s['append']}")
        argv = provision.QemuRoot(provision.cache_dir() / "qemu").qemu() + [
            "-name", self.name, "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "q35,accel=tcg", "-cpu", s["cpu"], "-smp", str(s["cpus"]),
            *memory_arguments(s["mem"], s["backend"], s["share"]),
            "-kernel", str(image if image.exists() else kernel_dir / "vmlinuz"),
            "-initrd", str(archive), "-append", append,
            "-serial", f"file:{self.folder}/console.log",
            "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off",
            "-chardev", f"socket,id=agent,path={self.folder}/agent,server=on,wait=off",
            "-device", "virtio-serial-pci", "-device",
            "virtserialport,chardev=agent,name=ladon.agent"]
        for group in s["devices"]:
            argv += [group] if isinstance(group, str) else group
        return argv

    def start(self):
        """Start QEMU; the guest boots meanwhile."""
        if threading.current_thread() is not threading.main_thread():
            raise VmError("start VMs from the main thread: they die with the thread that starts them")
        provision.provision(kernels=(self.kernel,) if self.kernel in provision.KERNELS
                            else tuple(provision.KERNELS))
        self.folder, self.lock = temp_folder()
        argv = self.arguments()
        (self.folder / "command").write_text(shlex.join(argv) + "\n")
        self.boots, self.boot_id, self.expired = 0, None, False
        self.jobs = {}
        self.started = time.monotonic()
        with open(self.folder / "qemu.log", "wb") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=provision.QemuRoot(provision.cache_dir() / "qemu").env(),
                preexec_fn=die_with_parent)
        self.timer = threading.Timer(self.timeout, self._expire)
        self.timer.daemon = True
        self.timer.start()
        try:
            self.agent = connect(self.folder / "agent", self.process)
            self.monitor = Qmp(connect(self.folder / "qmp", self.process))
        except (VmError, QmpError, OSError) as error:
            text = f"{self.name}: QEMU did not start: {error}{self.diagnosis()}"
            self.close()
            raise VmError(text) from error
        threading.Thread(target=self._listen, args=(self.agent,), daemon=True).start()
        return self

    def _expire(self):
        """Kill a VM that ran longer than it may."""
        self.expired = True
        self.process.kill()

    def wait_boot(self, timeout=BOOT_TIMEOUT, boots=1):
        """Wait until the guest's agent has greeted (for the n-th time)."""
        with self.changed:
            self.changed.wait_for(lambda: self.boots >= boots or self.dead(), timeout)
        if self.boots < boots:
            raise VmError(f"{self.name}: no boot in {timeout} s{self.diagnosis()}")
        if boots == 1:
            self.boot_seconds = self.boot_seconds or time.monotonic() - self.started
        return self

    def dead(self):
        """Tell whether QEMU is gone."""
        return self.process is None or self.process.poll() is not None

    def reboot(self, timeout=BOOT_TIMEOUT):
        """Let the guest reboot itself and wait for its agent."""
        boots = self.boots
        self.start_job("reboot -f")
        self.wait_boot(timeout, boots + 1)

    def reset(self, timeout=BOOT_TIMEOUT):
        """Press the reset button and wait for the agent."""
        boots = self.boots
        self.qmp("system_reset")
        self.wait_boot(timeout, boots + 1)

    def pause(self):
        """Stop the virtual CPUs."""
        self.qmp("stop")

    def cont(self):
        """Let the virtual CPUs run again."""
        self.qmp("cont")

    def qmp(self, command, **arguments):
        """Run a QMP command; write its argument names with '_' for '-'."""
        return self.monitor.command(command, **{k.replace("_", "-"): v for k, v in arguments.items()})

    def kill9(self):
        """Kill QEMU as a crash would, and wait for its end."""
        self.process.kill()
        self.process.wait()

    def shutdown(self, timeout=30):
        """Let the guest power off and wait for QEMU's end; then clean up."""
        if not self.dead():
            self.start_job("poweroff -f")
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired as late:
                raise VmError(f"{self.name}: no power-off in {timeout} s{self.diagnosis()}") from late
        self.close()

    def close(self):
        """Kill QEMU if it runs, and remove its folder. May be called again."""
        if self.timer:
            self.timer.cancel()
        if self.process and self.process.poll() is None:
            self.kill9()
        for connection in (self.agent, self.monitor):
            if connection:
                connection.close()
        self.agent = self.monitor = None
        if self.folder:
            self._keep_logs()
            shutil.rmtree(self.folder, ignore_errors=True)
            self.lock.close()
            self.folder = None

    def _keep_logs(self):
        """Copy the logs to the folder LADON_VM_LOGS names, if it does."""
        target = os.environ.get("LADON_VM_LOGS")
        if target:
            pathlib.Path(target).mkdir(parents=True, exist_ok=True)
            for name in ("console.log", "qemu.log", "command"):
                if (self.folder / name).exists():
                    shutil.copy(self.folder / name, pathlib.Path(target) / f"{self.name}.{name}")

    def __enter__(self):
        """Start if not yet started."""
        if self.process is None:
            self.start()
        return self

    def __exit__(self, *_):
        """Clean up."""
        self.close()

    def diagnosis(self, lines=25):
        """Return the tails of QEMU's and the console's logs, for an error message."""
        text = ["\n--- the VM ran into its time limit" if self.expired else ""]
        if self.process and self.process.poll() is not None:
            text.append(f"--- QEMU ended with {self.process.returncode}")
        for name in ("qemu.log", "console.log"):
            path = self.folder / name if self.folder else None
            if path and path.exists():
                tail = path.read_text(errors="replace").splitlines()[-lines:]
                text += [f"--- {self.name} {name}:", *tail]
        return "\n".join(text)

    # Commands

    def _listen(self, sock):
        """Read what the agent sends until the connection ends (a thread)."""
        try:
            with sock.makefile("rb") as stream:
                for line in stream:
                    self._obey(line.rstrip().split(b" ", 2))
        except (OSError, ValueError):
            pass
        with self.changed:
            self._lose("QEMU ended")
            self.changed.notify_all()

    def _obey(self, words):
        """Take one line of the agent."""
        with self.changed:
            if words[0] == b"HELLO" and len(words) > 1:
                self._lose("the guest rebooted")
                self.boots += 1
                self.boot_id = words[1].decode()
            elif words[0] in (b"O", b"X") and len(words) == 3:
                job = self.jobs.get(words[1].decode())
                if job and words[0] == b"O":
                    job.data += base64.b64decode(words[2])
                elif job:
                    job.rc = int(words[2])
                    del self.jobs[job.ident]
            self.changed.notify_all()

    def _lose(self, why):
        """Give up the jobs that can no longer answer."""
        for job in self.jobs.values():
            job.lost = why
        self.jobs = {}

    def send_line(self, line):
        """Send one line to the agent."""
        try:
            with self.sending:
                self.agent.sendall(line.encode() + b"\n")
        except (OSError, AttributeError) as error:
            raise VmError(f"{self.name}: the guest's agent is gone{self.diagnosis()}") from error

    def start_job(self, command):
        """Start a shell command in the guest and return its job."""
        with self.changed:
            self.next_id += 1
            job = Job(self, f"{self.boots}.{self.next_id}", command)
            self.jobs[job.ident] = job
        self.send_line(f"R {job.ident} {base64.b64encode(command.encode()).decode()}")
        return job

    # Files

    def put_file(self, path, data, mode=0o644):
        """Write a small file in the guest."""
        quoted = shlex.quote(path)
        self.ok(f": > {quoted} && chmod {mode:o} {quoted}")
        for at in range(0, len(data), 49152):
            chunk = base64.b64encode(data[at:at + 49152]).decode()
            self.ok(f"echo {chunk} | base64 -d >> {quoted}")

    def get_file(self, path):
        """Return the contents of a small file of the guest."""
        result = self.run(f"cat {shlex.quote(path)}")
        if result.rc:
            raise VmError(f"{self.name}: {result.out.strip()}")
        return result.data
