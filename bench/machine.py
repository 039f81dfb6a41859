# SPDX-License-Identifier: BSD-3-Clause
"""What a comparison needs to know of the machine: who else uses its CPUs, huge pages, what it is."""
import os
import platform
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
KTHREADD = 2  # parent of the kernel's threads
HUGE = "/sys/kernel/mm/hugepages/hugepages-2048kB"


def read(path):
    """The text of a file."""
    with open(path, encoding="utf-8") as text:
        return text.read()


def stolen_ticks(stat):
    """Clock ticks that the hypervisor gave to others, of /proc/stat's text."""
    return int(stat.splitlines()[0].split()[8])


def process_ticks(stat):
    """(parent, ticks of the process and of its children that have ended), of /proc/PID/stat's text."""
    words = stat[stat.rindex(")") + 2:].split()
    return int(words[1]), sum(int(word) for word in words[11:15])


def tree(top, processes):
    """Process top and all below it. processes: pid -> (parent, ticks)."""
    found, new = set(), {top}
    while new:
        found |= new
        new = {pid for pid, (parent, _) in processes.items() if parent in new}
    return found


def other_ticks(top, processes):
    """Ticks of all processes but those of top and below, and but the kernel's threads: what those do, they do for packets."""
    left_out = tree(top, processes) | tree(KTHREADD, processes)
    return sum(ticks for pid, (_, ticks) in processes.items() if pid not in left_out)


def others_percent(before, after):
    """What others used between two looks, in per cent of one CPU. A look: (seconds, ticks of others, stolen ticks)."""
    seconds, used, stolen = (b - a for a, b in zip(before, after))
    return max(0.0, 100 * (used + stolen) / TICK / seconds) if seconds > 0 else 0.0


class Watch:
    """`with Watch() as watch: ...`; then watch.others is what processes other than ours and their children used."""

    def __init__(self):
        self.others = 0.0
        self._before = None

    @staticmethod
    def look():
        """Now: (seconds, ticks of others, stolen ticks)."""
        processes = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    processes[int(name)] = process_ticks(read(f"/proc/{name}/stat"))
                except (OSError, ValueError):
                    pass  # ended meanwhile
        return time.monotonic(), other_ticks(os.getpid(), processes), stolen_ticks(read("/proc/stat"))

    def __enter__(self):
        self._before = self.look()
        return self

    def __exit__(self, *_):
        self.others = others_percent(self._before, self.look())


def await_quiet(seconds, limit):
    """Waits until others use no more than limit per cent of a CPU, for so many seconds at most."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with Watch() as watch:
            time.sleep(min(0.2, seconds))
        if watch.others <= limit:
            return


class HugePages:
    """Room for so many pages of 2 MiB while it lasts; .why says why there is none."""

    def __init__(self, pages):
        self.pages = pages
        self.why = ""
        self._before = None

    def __enter__(self):
        try:
            total = int(read(f"{HUGE}/nr_hugepages"))
            lack = self.pages - int(read(f"{HUGE}/free_hugepages"))
            if lack > 0:
                self._before = total
                with open(f"{HUGE}/nr_hugepages", "w", encoding="utf-8") as file:
                    file.write(str(total + lack))
            if int(read(f"{HUGE}/free_hugepages")) < self.pages:
                self.why = f"the kernel has no {self.pages} pages of 2 MiB in one piece"
        except OSError as error:
            self.why = str(error)
        return self

    def __exit__(self, *_):
        if self._before is not None:
            try:
                with open(f"{HUGE}/nr_hugepages", "w", encoding="utf-8") as file:
                    file.write(str(self._before))
            except OSError:
                pass  # as it came: the pages were asked for, not needed


def version(*command):
    """The first line a program prints, or "" where there is none."""
    try:
        out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    except OSError:
        return ""
    return out.splitlines()[0].strip() if out else ""


def package(name):
    """The version of an installed Debian package, or ""."""
    try:
        return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False).stdout
    except OSError:
        return ""


def facts(root):
    """What was measured on, as {name: text}."""
    model = next((line.split(":", 1)[1].strip() for line in read("/proc/cpuinfo").splitlines()
                  if line.startswith("model name")), platform.machine())
    memory = int(read("/proc/meminfo").split()[1]) >> 20
    return {
        "date": time.strftime("%Y-%m-%d"),
        "CPU": f"{model}, {os.cpu_count()} CPUs" + (" (a VM's)" if " hypervisor" in read("/proc/cpuinfo") else ""),
        "memory": f"{memory} GiB",
        "kernel": platform.release(),
        "DPDK": package("dpdk-dev") or "none",
        "Ladon": version("git", "-C", root, "describe", "--always", "--dirty") or "?",
    }
