#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Fill the VM cache: QEMU 11.1 with the guest's tools, and Debian's kernels.

Everything comes from the Debian mirror this machine's own apt uses, through a
private apt state: the host's apt configuration and package database are read
for that one address and never written. Packages are unpacked, not installed,
so no maintainer script runs and nothing needs a chroot.

    provision.py            fill what is missing
    provision.py --list     print what is there
    provision.py --refresh  forget the cache and fill it anew
"""

import argparse
import contextlib
import fcntl
import gzip
import json
import lzma
import os
import pathlib
import re
import shlex
import shutil
import struct
import subprocess
import sys
import time

QEMU_SUITE = "trixie-backports"
QEMU_PACKAGES = ["qemu-system-x86", "busybox-static", "iproute2", "ethtool",
                 "iperf3", "pciutils", "kmod", "zstd", "dash"]
# The name in the issues -> where the kernel comes from. The key a kernel is
# filed under is its true major.minor; the name is an alias of it.
KERNELS = {"6.1": "bookworm", "6.12": "trixie", "7.2": "trixie-backports"}
SUITES = ["bookworm", "trixie", "trixie-backports"]
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
NEEDED_TOOLS = ["apt-get", "apt-cache", "dpkg-deb"]
# The parts of a module tree a network card's guest can want.
KEPT_MODULES = ["arch", "crypto", "lib", "net", "virt",
                "drivers/block", "drivers/char", "drivers/dca", "drivers/dma",
                "drivers/hwmon", "drivers/i2c", "drivers/infiniband/core",
                "drivers/infiniband/hw/irdma", "drivers/iommu", "drivers/irqchip",
                "drivers/mfd", "drivers/net", "drivers/pci", "drivers/pps",
                "drivers/ptp", "drivers/uio", "drivers/vfio", "drivers/vhost",
                "drivers/virtio", "drivers/xen", "fs/fuse", "fs/9p"]
DROPPED_MODULES = ["drivers/net/wireless", "drivers/net/usb", "drivers/net/wwan",
                   "net/mac80211", "net/wireless", "net/bluetooth"]
QEMU_SHARE_KEPT = {"qemu", "seabios", "misc"}
RECIPE = 1  # raise it when what is built from the same packages changes


class Unavailable(Exception):
    """Something outside the project is missing; a test that needs it is skipped."""


def say(text):
    """Print one progress line at once."""
    print(f"provision: {text}", flush=True)


def cache_dir():
    """Return the cache folder named by the environment."""
    named = os.environ.get("LADON_VM_CACHE")
    if named:
        return pathlib.Path(named).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "ladon" / "vm"


@contextlib.contextmanager
def locked(root):
    """Hold the cache's lock; a second provisioning waits and finds the work done."""
    root.mkdir(parents=True, exist_ok=True)
    with open(root / ".lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another provisioning of the same cache")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(argv, what, log, env=None):
    """Run a command with its output in a log; its tail is the error's text."""
    with open(log, "ab") as out:
        out.write(f"+ {shlex.join(map(str, argv))}\n".encode())
        out.flush()
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                              env=env, check=False)
    if done.returncode:
        tail = pathlib.Path(log).read_text(errors="replace").splitlines()[-12:]
        raise Unavailable(f"{what} failed:\n  " + "\n  ".join(tail))


def mirror():
    """Return the Debian mirror of this machine's apt configuration."""
    fields = "$(REPO_URI) $(LABEL) $(CODENAME) $(CREATED_BY)"
    done = subprocess.run(["apt-get", "indextargets", "--format", fields],
                          capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        words = line.split()
        if len(words) >= 3 and words[1] == "Debian" and "security" not in words[0]:
            return words[0].rstrip("/")
    # The label is known only after an update; before it, the usual path tells.
    done = subprocess.run(["apt-get", "indextargets", "--no-release-info", "--format",
                           "$(REPO_URI)"], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if re.search(r"/debian/?$", line):
            return line.rstrip("/")
    raise Unavailable("apt's configuration names no Debian mirror "
                      "(looked for an archive labelled 'Debian'); run apt-get update first")


class Apt:
    """A private apt state that knows the suites and believes nothing is installed."""

    def __init__(self, where):
        """Write the configuration below `where` and fetch the package lists."""
        self.where = where
        self.log = where / "apt.log"
        for sub in ("lists/partial", "cache/archives/partial"):
            (where / sub).mkdir(parents=True)
        (where / "status").touch()
        if not os.path.exists(KEYRING):
            raise Unavailable(f"{KEYRING} is missing (package debian-archive-keyring)")
        uri = mirror()
        say(f"package lists of {', '.join(SUITES)} from {uri}")
        (where / "sources.list").write_text("".join(
            f"deb [signed-by={KEYRING}] {uri} {suite} main\n" for suite in SUITES))
        (where / "apt.conf").write_text(self._settings())
        self.env = dict(os.environ, APT_CONFIG=str(where / "apt.conf"), LC_ALL="C")
        run(["apt-get", "-o", "Acquire::Retries=3", "-o", "APT::Update::Error-Mode=any",
             "update"], "fetching Debian's package lists", self.log, self.env)

    def _settings(self):
        """Return the text of apt.conf."""
        return (f'Dir::State "{self.where}";\nDir::State::lists "{self.where}/lists";\n'
                f'Dir::State::status "{self.where}/status";\n'
                f'Dir::Cache "{self.where}/cache";\n'
                f'Dir::Etc::sourcelist "{self.where}/sources.list";\n'
                'Dir::Etc::sourceparts "/dev/null";\nDir::Etc::preferences "/dev/null";\n'
                'Dir::Etc::preferencesparts "/dev/null";\nDebug::NoLocking "true";\n'
                'APT::Sandbox::User "root";\nAPT::Install-Recommends "false";\n'
                'APT::Install-Suggests "false";\nAcquire::Languages "none";\n')

    def show(self, package):
        """Return the stanzas of a package (every version) as dictionaries."""
        done = subprocess.run(["apt-cache", "show", package], env=self.env,
                              capture_output=True, text=True, check=False)
        return [dict(re.findall(r"^([\w-]+): (.*)$", text, re.M))
                for text in done.stdout.split("\n\n") if text.strip()]

    def closure(self, suite, packages):
        """Download packages with all they depend on; return the files."""
        run(["apt-get", "-y", "-o", "Acquire::Retries=3", "-o",
             f'APT::Default-Release={suite}', "--download-only", "install", *packages],
            f"downloading {' '.join(packages)}", self.log, self.env)
        return self._take()

    def one(self, names):
        """Download exactly the packages named (name=version); return the files."""
        into = self.where / "one"
        into.mkdir(exist_ok=True)
        with contextlib.chdir(into):
            run(["apt-get", "-o", "Acquire::Retries=3", "download", *names],
                f"downloading {' '.join(names)}", self.log, self.env)
        return sorted(into.glob("*.deb"))

    def _take(self):
        """Return what the last download left in the archive folder."""
        return sorted((self.where / "cache/archives").glob("*.deb"))


class QemuRoot:
    """An unpacked tree whose programs run through its own dynamic loader."""

    def __init__(self, path):
        """Name the tree."""
        self.path = pathlib.Path(path)
        self.loader = self.path / "usr/lib64/ld-linux-x86-64.so.2"
        self.libs = self.path / "usr/lib/x86_64-linux-gnu"

    def argv(self, program, name=None):
        """Return the command line that runs a program of the tree from outside."""
        return [str(self.loader), "--argv0", name or os.path.basename(program),
                "--library-path", str(self.libs), str(self.path / program)]

    def qemu(self):
        """Return QEMU's command line, its firmware folders included."""
        return self.argv("usr/bin/qemu-system-x86_64") + [
            "-L", str(self.path / "usr/share/qemu"),
            "-L", str(self.path / "usr/share/seabios")]

    def env(self):
        """Return the environment QEMU needs: where its own modules are."""
        return dict(os.environ, QEMU_MODULE_DIR=str(self.libs / "qemu"))


def unpack(debs, into, log):
    """Unpack packages over each other."""
    for deb in debs:
        run(["dpkg-deb", "-x", deb, into], f"unpacking {deb.name}", log)


def merge_usr(root):
    """Move what older packages put in /bin, /lib ... below /usr and link it there."""
    for name in ("bin", "sbin", "lib", "lib64"):
        old, new = root / name, root / "usr" / name
        if old.is_dir() and not old.is_symlink():
            shutil.copytree(old, new, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(old)
        if not old.exists():
            old.symlink_to(f"usr/{name}")


def build_qemu(apt, into):
    """Build the QEMU tree in the folder `into`; return what to record of it."""
    say(f"downloading QEMU from {QEMU_SUITE} and the guest's tools")
    debs = apt.closure(QEMU_SUITE, QEMU_PACKAGES)
    size = sum(deb.stat().st_size for deb in debs) / 1e6
    say(f"unpacking {len(debs)} packages, {size:.0f} MB")
    unpack(debs, into, apt.log)
    merge_usr(into)
    for share in (into / "usr/share").iterdir():
        if share.name not in QEMU_SHARE_KEPT and share.is_dir() and not share.is_symlink():
            shutil.rmtree(share)
    for extra in ("usr/share/qemu/slof.bin", "usr/share/qemu/skiboot.lid", "etc", "var"):
        path = into / extra
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    root = QemuRoot(into)
    done = subprocess.run(root.qemu() + ["--version"], env=root.env(),
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"the unpacked QEMU does not run: {done.stderr.strip()}")
    return {"version": done.stdout.splitlines()[0]}


def kernel_packages(apt, suite_key):
    """Return (key, version, [name=version ...]) of the kernel an issue calls `suite_key`."""
    found = []
    for stanza in apt.show("linux-image-amd64"):
        key = re.match(r"\d+\.\d+", stanza["Version"]).group()
        backport = "~bpo" in stanza["Version"]
        suite = QEMU_SUITE if backport else "trixie" if "+deb13" in stanza["Depends"] else "bookworm"
        if suite == KERNELS[suite_key]:
            found.append((key, stanza))
    if not found:
        raise Unavailable(f"the mirror has no linux-image-amd64 in {KERNELS[suite_key]}")
    key, stanza = found[0]
    todo, names = [stanza["Depends"]], {}
    while todo:  # newer kernels split image, modules and files of both
        for name, version in re.findall(
                r"(linux-(?:image|modules|binary|base)-\d[^ ,]*) \(= ([^)]*)\)", todo.pop()):
            if name not in names:
                names[name] = version
                todo += [s.get("Depends", "") + ", " + s.get("Pre-Depends", "")
                         for s in apt.show(name) if s["Version"] == version]
    return key, stanza["Version"], [f"{n}={v}" for n, v in names.items()]


def decompressed(payload, root):
    """Return a kernel's payload decompressed, or nothing if its format is unknown."""
    if payload.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x1f\x8b"):
        return gzip.decompress(payload)
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        done = subprocess.run(root.argv("usr/bin/zstd") + ["-dcq"], input=payload,
                              capture_output=True, check=False)
        return done.stdout
    return b""


def extract_vmlinux(bzimage, root):
    """Return the ELF kernel inside a bzImage, or nothing.

    Decompressing a kernel in an emulated CPU takes seconds; the host does it once.
    """
    image = bzimage.read_bytes()
    setup = (image[0x1f1] + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    elf = decompressed(image[setup + offset:setup + offset + length], root)
    return elf if elf.startswith(b"\x7fELF") else b""


def build_kernel(apt, root, name, into):
    """Build the folder of one kernel; return what to record of it."""
    key, version, packages = kernel_packages(apt, name)
    say(f"downloading kernel {version} ({KERNELS[name]})")
    tree = into / "tree"
    debs = apt.one(packages)
    unpack(debs, tree, apt.log)
    for deb in debs:
        deb.unlink()
    modules = next(path for base in ("lib/modules", "usr/lib/modules")
                   for path in sorted((tree / base).glob("*")))
    release = modules.name
    bzimage = next(p for p in (tree / "boot" / f"vmlinuz-{release}", modules / "vmlinuz")
                   if p.exists())
    say(f"reading the modules of {release}")
    shutil.move(bzimage, into / "vmlinuz")
    keep_modules(modules, into / "lib/modules" / release)
    shutil.rmtree(tree)
    run(root.argv("usr/bin/kmod", "depmod") + ["-b", str(into), release],
        f"depmod of {release}", apt.log)
    elf = extract_vmlinux(into / "vmlinuz", root)
    if elf:
        (into / "vmlinux").write_bytes(elf)
    return {"key": key, "release": release, "package": version}


def keep_modules(source, target):
    """Move the parts of a module tree that a guest can want."""
    for name in DROPPED_MODULES:
        shutil.rmtree(source / "kernel" / name, ignore_errors=True)
    target.mkdir(parents=True)
    for name in KEPT_MODULES:
        if (source / "kernel" / name).is_dir():
            (target / "kernel" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(source / "kernel" / name, target / "kernel" / name)
    for path in source.glob("modules.*"):
        shutil.move(path, target / path.name)


def complete(path):
    """Return the record of a finished component, or None."""
    with contextlib.suppress(OSError, ValueError):
        record = json.loads((path / "record.json").read_text())
        if record.get("recipe") == RECIPE:
            return record
    return None


def build_into(root, name, builder):
    """Build one component beside its place, then rename it there in one step."""
    final, temp = root / name, root / f".building.{os.getpid()}.{name}"
    temp.mkdir(parents=True)
    start = time.monotonic()
    record = builder(temp)
    record["recipe"] = RECIPE
    (temp / "record.json").write_text(json.dumps(record, indent=1) + "\n")
    if final.exists():
        shutil.rmtree(final)
    temp.rename(final)
    say(f"{name} ready in {time.monotonic() - start:.1f} s")
    return record


def sweep(root):
    """Remove what a killed provisioning left; the lock is held, so nobody builds it."""
    for path in root.glob(".building.*"):
        shutil.rmtree(path)


def provision(refresh=False, kernels=tuple(KERNELS)):
    """Fill the cache with what is missing; return the cache folder."""
    root = cache_dir()
    wanted = ["qemu"] + [f"kernel-{name}" for name in kernels]
    if not refresh and all(complete(root / name) for name in wanted):
        return root
    for tool in NEEDED_TOOLS:
        if not shutil.which(tool):
            raise Unavailable(f"{tool} is not installed")
    with locked(root):
        sweep(root)
        missing = [n for n in wanted if refresh or not complete(root / n)]
        if missing:
            fill(root, missing)
    return root


def fill(root, missing):
    """Build the components named, through one private apt state."""
    start = time.monotonic()
    state = root / f".building.{os.getpid()}.apt"
    try:
        apt = Apt(state)
        for name in missing:
            if name == "qemu":
                build_into(root, name, lambda into: build_qemu(apt, into))
            else:
                build_into(root, name, lambda into, n=name: build_kernel(
                    apt, QemuRoot(root / "qemu"), n.removeprefix("kernel-"), into))
    finally:
        sweep(root)
    say(f"cache filled in {time.monotonic() - start:.0f} s: {root}")


def kernel_dir(name):
    """Return the folder of a kernel by the issue's name or its true major.minor."""
    root = cache_dir()
    if complete(root / f"kernel-{name}"):
        return root / f"kernel-{name}"
    for path in root.glob("kernel-*"):
        if (complete(path) or {}).get("key") == name:
            return path
    if name in KERNELS:
        raise Unavailable(f"kernel {name} is not in {root}; run provision.py")
    raise Unavailable(f"no kernel {name!r}; there are: {', '.join(KERNELS)}")


def listing(root):
    """Print what the cache holds."""
    for name in ["qemu"] + [f"kernel-{k}" for k in KERNELS]:
        record = complete(root / name)
        text = record and (record.get("version") or f"Linux {record['release']} ({record['package']})")
        print(f"{name}: {text or 'missing'}")
    size = sum(p.lstat().st_size for p in root.rglob("*") if not p.is_dir()) / 1e6
    print(f"size: {size:.0f} MB in {root}")


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print what is there and stop")
    parser.add_argument("--refresh", action="store_true", help="build everything anew")
    options = parser.parse_args()
    if options.list:
        listing(cache_dir())
        return 0
    try:
        listing(provision(options.refresh))
    except Unavailable as why:
        print(f"provision: {why}", file=sys.stderr)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
