# SPDX-License-Identifier: BSD-3-Clause
"""Build the test guest's initramfs: busybox, network tools, modules, the agent.

The archive is not compressed: unpacking it in an emulated CPU would cost more
than the host's page cache. It is filed in the cache under the hash of what went
into it, so that a second run finds it.
"""

import functools
import hashlib
import json
import lzma
import os
import pathlib
import platform
import re
import shutil
import stat
import subprocess
import tempfile
import time

import provision

GUEST = pathlib.Path(__file__).resolve().parent / "guest"
# Present in every guest, loaded only when asked for (by start() or modprobe).
STANDARD_MODULES = ["virtio_pci", "virtio_console", "virtio_net", "af_packet",
                    "igb", "igbvf", "ixgbe", "ixgbevf", "iavf", "8021q", "bridge",
                    "veth", "macvlan", "bonding", "vfio-pci", "vfio_iommu_type1", "dummy"]
PROGRAMS = ["usr/bin/ip", "usr/sbin/tc", "usr/sbin/ethtool", "usr/bin/iperf3",
            "usr/bin/lspci", "usr/bin/setpci", "usr/bin/dash"]
GUEST_PROGRAMS = ["agent", "canary", "blast", "frame", "vftoken", "regfuzz"]
# Loaded by name while running, so that no list of dependencies shows it.
LIBRARIES = ["libgcc_s.so.1"]
DIRECTORIES = ["dev", "proc", "sys", "tmp", "root", "run", "etc", "usr", "usr/bin",
               "usr/sbin", "usr/lib", "usr/lib64", "var", "var/run"]
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
KEPT_DAYS = 7
RECIPE = 1


class Cpio:
    """A writer of the newc format."""

    def __init__(self, out):
        """Write to a binary file."""
        self.out = out
        self.inode = 0
        self.seen = set()

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        """Write one header, name and contents."""
        self.inode += 1
        raw = name.encode() + b"\0"
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(raw), 0]
        head = b"070701" + b"".join(b"%08X" % value for value in fields) + raw
        self.out.write(head + b"\0" * (-len(head) % 4))
        self.out.write(data + b"\0" * (-len(data) % 4))

    def directory(self, name):
        """Add a directory and those above it, once."""
        if name in ("", ".") or name in self.seen:
            return
        self.directory(os.path.dirname(name))
        self.seen.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o755):
        """Add a regular file."""
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        """Add a symbolic link."""
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def node(self, name, major, minor):
        """Add a character device."""
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def end(self):
        """Write the trailer."""
        self._entry("TRAILER!!!", 0)


class Modules:
    """A kernel's module tree and its dependencies."""

    def __init__(self, kernel_dir):
        """Read modules.dep of the kernel filed in this folder."""
        self.base = next((kernel_dir / "lib/modules").iterdir())
        self.release = self.base.name
        self.needs, self.path_of = {}, {}
        for line in (self.base / "modules.dep").read_text().splitlines():
            path, _, needs = line.partition(":")
            self.needs[path] = needs.split()
            self.path_of[self.name(path)] = path
        self.builtin = {self.name(path) for path in
                        (self.base / "modules.builtin").read_text().split()}

    @staticmethod
    def name(path):
        """Return a module's name from its path or from another way to write it."""
        return re.sub(r"\.ko(\.\w+)?$", "", os.path.basename(path)).replace("-", "_")

    def closure(self, names, missing_ok=False):
        """Return the paths of modules and all they depend on."""
        paths = []
        for name in map(self.name, names):
            path = self.path_of.get(name)
            if path:
                paths += [p for p in [*self.needs[path], path] if p not in paths]
            elif name not in self.builtin and not missing_ok:
                raise KeyError(f"kernel {self.release} has no module {name}")
        return paths

    def data(self, path):
        """Return a module's bytes, decompressed."""
        raw = (self.base / path).read_bytes()
        return lzma.decompress(raw) if path.endswith(".xz") else raw

    def add_to(self, cpio, paths):
        """Add modules to an archive, with a modules.dep of exactly these."""
        where = f"usr/lib/modules/{self.release}"
        for path in paths:
            cpio.file(f"{where}/{path.removesuffix('.xz')}", self.data(path), 0o644)
        dep = "".join(f"{p}: {' '.join(self.needs[p])}\n" for p in paths).replace(".ko.xz", ".ko")
        cpio.file(f"{where}/modules.dep", dep.encode(), 0o644)
        for name in ("modules.builtin", "modules.order"):
            if (self.base / name).exists():
                cpio.file(f"{where}/{name}", (self.base / name).read_bytes(), 0o644)


def compiled(name, folder):
    """Return the path of a guest program, compiled statically if it changed."""
    source = GUEST / f"{name}.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    target = folder / f"guest-{name}-{digest}"
    if not target.exists():
        if not shutil.which("gcc"):
            raise provision.Unavailable("gcc is not installed; the guest's agent needs it")
        temp = folder / f".{name}.{os.getpid()}"
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-static", "-s", "-o", temp, source],
                       check=True)
        temp.rename(target)
    return target


@functools.lru_cache(maxsize=None)
def clock_arguments():
    """Return the kernel argument that tells a guest its counter's true frequency."""
    if platform.machine() != "x86_64":
        return ""
    folder = provision.cache_dir() / "initramfs"
    folder.mkdir(exist_ok=True)
    done = subprocess.run([compiled("tsckhz", folder)], capture_output=True, text=True, check=True)
    return f"tsc=reliable tsc_early_khz={done.stdout.strip()}"


def libraries(root, programs):
    """Return the shared libraries programs need, by the tree's own loader."""
    found = set()
    for program in programs:
        argv = [str(root.loader), "--library-path", str(root.libs), "--list", str(root.path / program)]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        found.update(re.findall(rf"=> ({re.escape(str(root.libs))}/\S+)", done.stdout))
    return sorted(map(pathlib.Path, found))


def applets(root):
    """Return busybox's applets that no other program of the guest replaces."""
    done = subprocess.run([str(root.path / "usr/bin/busybox"), "--list"],
                          capture_output=True, text=True, check=True)
    # Not its shell: that one runs busybox's own "ip" whatever PATH says.
    taken = {os.path.basename(p) for p in PROGRAMS} | {"busybox", "sh"}
    return [name for name in done.stdout.split() if name not in taken]


def write_archive(out, root, modules, paths, binaries, extra):
    """Write the whole archive."""
    cpio = Cpio(out)
    for name in DIRECTORIES:
        cpio.directory(name)
    for name, target in LINKS.items():
        cpio.link(name, target)
    cpio.node("dev/console", 5, 1)
    cpio.node("dev/null", 1, 3)
    cpio.file("init", (GUEST / "init").read_bytes())
    cpio.file("usr/bin/busybox", (root.path / "usr/bin/busybox").read_bytes())
    cpio.link("usr/bin/sh", "dash")
    for name in applets(root):
        cpio.link(f"usr/bin/{name}", "busybox")
    for program in PROGRAMS:
        cpio.file(program, (root.path / program).read_bytes())
    cpio.file("usr/lib64/" + root.loader.name, root.loader.read_bytes())
    for library in libraries(root, PROGRAMS) + [root.libs / name for name in LIBRARIES]:
        cpio.file(f"usr/lib/x86_64-linux-gnu/{library.name}", library.read_bytes())
    for path in binaries:
        cpio.file("usr/bin/" + path.name.split("-")[1], path.read_bytes())
    for name, data in extra.items():
        cpio.file(name, data)
    modules.add_to(cpio, paths)
    cpio.end()


def fingerprint(record, kernel_record, paths, binaries, extra):
    """Return the name under which an archive of these contents is filed."""
    digest = hashlib.sha256(json.dumps(
        [RECIPE, record, kernel_record, paths, [p.name for p in binaries],
         (GUEST / "init").read_text(), STANDARD_MODULES, PROGRAMS]).encode())
    for name, data in sorted(extra.items()):
        digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    digest.update(pathlib.Path(__file__).read_bytes())
    return digest.hexdigest()[:20]


def forget_old(folder):
    """Remove archives that nobody used for a week."""
    for path in folder.glob("initramfs-*"):
        if path.stat().st_mtime < time.time() - KEPT_DAYS * 86400:
            path.unlink(missing_ok=True)


def build(kernel, modules=(), extra=None):
    """Return the path of an initramfs for a kernel that holds the modules named.

    `extra` maps further file names in the guest to their bytes.
    """
    cache = provision.cache_dir()
    kernel_dir = provision.kernel_dir(kernel)
    root = provision.QemuRoot(cache / "qemu")
    tree = Modules(kernel_dir)
    paths = tree.closure(STANDARD_MODULES, missing_ok=True)
    paths += [p for p in tree.closure(modules) if p not in paths]
    folder = cache / "initramfs"
    folder.mkdir(exist_ok=True)
    binaries = [compiled(name, folder) for name in GUEST_PROGRAMS]
    name = fingerprint(provision.complete(root.path), provision.complete(kernel_dir),
                       paths, binaries, extra or {})
    target = folder / f"initramfs-{name}.cpio"
    if target.exists():
        os.utime(target)
        return target
    forget_old(folder)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".new-", delete=False) as out:
        write_archive(out, root, tree, paths, binaries, extra or {})
    os.rename(out.name, target)
    return target
