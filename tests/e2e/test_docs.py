#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""--help of both programs and their manual pages tell the same: each command and option in one is in the other."""
import os
import re
import socket
import subprocess
import sys

from ladond import LADON, LADOND, Daemon, Suite, clean_env, need_build

SUITE = Suite()
CASE = SUITE.test
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = ("ladon.1", "ladond.8", "ladon-host.8", "ladon-exporter.8", "ladon.conf.5", "ladon.7")


def page(name):
    """Source of a manual page."""
    with open(os.path.join(ROOT, "man", name + ".scd"), encoding="utf-8") as file:
        return file.read()


def section(name, title):
    """Lines of one section."""
    found = re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", page(name), re.M | re.S)
    assert found, f"{name} has no section {title}"
    return found.group(1).splitlines()


def plain(text):
    """scdoc's *bold* and _underlined_ taken off."""
    return re.sub(r"(?<!\w)_([^_]+)_", r"\1", re.sub(r"\*([^*]+)\*", r"\1", text))


def help_of(program):
    """--help as lines."""
    return subprocess.run([program, "--help"], text=True, capture_output=True, check=True,
                          env=clean_env()).stdout.splitlines()


def heads(name, title):
    """The unindented lines of a section: what it describes."""
    return [plain(line) for line in section(name, title) if line.startswith("*")]


def usage_words(line):
    """A command's words, without what only says "again" or groups."""
    return re.sub(r"\s*\.\.\.$", "", line).split()


def options(lines):
    """{option: value's name or None} of lines such as "-j, --json  text" or "--cpu N"."""
    found = {}
    for line in lines:
        match = re.match(r"((?:-\w, )?--[a-z-]+)(?: ([A-Z]+))?", line.strip())
        if match:
            for option in match.group(1).split(", "):
                found[option] = match.group(2)
    return found


@CASE
def options_of_ladon():
    """Names, short forms, values."""
    help_options = options(line for line in help_of(LADON) if re.match(r" +-", line))
    assert len(help_options) == 11 and help_options == options(heads("ladon.1", "OPTIONS"))


@CASE
def options_of_ladond():
    """Names, short forms, values."""
    help_options = options(line for line in help_of(LADOND) if re.match(r" +-", line))
    assert len(help_options) == 13 and help_options == options(heads("ladond.8", "OPTIONS"))


@CASE
def commands_of_ladon():
    """Each command with all its words."""
    lines = help_of(LADON)
    lines = lines[lines.index("Commands:") + 1:lines.index("Options:")]
    from_help = [usage_words(line) for line in lines if re.match(r"  \S", line)]
    from_page = [usage_words(line) for line in heads("ladon.1", "COMMANDS")]
    assert len(from_help) == 34 and sorted(from_help) == sorted(from_page), \
        f"help {sorted(from_help)}\npage {sorted(from_page)}"


@CASE
def commands_of_the_daemon():
    """What the daemon serves is what ladon offers, but for ping and help, which are for programs; ladon does demo, lab,
    netdev, top and the generating of tokens itself."""
    daemon = Daemon()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(os.path.join(daemon.run_dir, "control.sock"))
        sock.sendall(b'{"id":1,"words":["help"]}\n')
        with sock.makefile("r", encoding="utf-8") as lines:
            usages = re.findall(r'"usage":"([^"]+)"', lines.readline())
    daemon.stop()
    nouns = {" ".join(re.findall(r"^[a-z]+(?: (?:add|del|show|set|reset|unlock|clear|generate|assign|map))?", u)) for u in usages}
    lines = help_of(LADON)
    own = {" ".join(re.findall(r"^[a-z]+(?: (?:add|del|show|set|reset|unlock|clear|generate|assign|map))?", line[2:])) for line in lines
           if re.match(r"  [a-z]", line)}
    assert nouns - {"ping", "help"} == own - {"demo", "lab", "netdev", "token generate", "host generate", "top"}, f"{nouns} {own}"


@CASE
def drop_reasons():
    """The words of nic_drop.h are those of the page."""
    with open(os.path.join(ROOT, "src/nic/nic_drop.h"), encoding="utf-8") as file:
        words = set(re.findall(r'X\([A-Z]+, "([a-z]+)"', file.read())) - {"none"}
    text = re.sub(r"\([^)]*\)", "", " ".join(section("ladon.1", "DROP REASONS")))
    assert words and words == set(re.findall(r"[a-z]+", text)), f"{words} {text}"


@CASE
def pages_that_are_named_exist():
    """SEE ALSO leads nowhere wrong; each page has a NAME line of its own name."""
    for name in PAGES:
        bare, number = re.match(r"([a-z.-]+)\.(\d)$", name).groups()
        text = page(name)
        assert text.startswith(f"{bare}({number})\n"), f"{name}: {text[:40]!r}"
        for other in re.findall(r"\*(ladon[a-z.-]*)\*\((\d)\)", text):
            assert ".".join(other) in PAGES, f"{name} names {other}"


@CASE
def pages_render():
    """scdoc takes them, when it is there."""
    if subprocess.run(["which", "scdoc"], capture_output=True, check=False).returncode:
        return "scdoc is not installed"
    for name in PAGES:
        out = subprocess.run(["scdoc"], input=page(name), text=True, capture_output=True, check=False)
        assert out.returncode == 0 and ".SH NAME" in out.stdout, f"{name}: {out.stderr}"
    return None


@CASE
def the_configuration_example():
    """ladon.conf(5)'s example is accepted but for its tap."""
    lines = [plain(line.strip()).replace("++", "") for line in section("ladon.conf.5", "EXAMPLE") if line.strip()]
    config = "\n".join(lines).replace("uplink tap:ladon0", "uplink none")
    daemon = Daemon(config=config)
    assert daemon.json("link", "show", "nic0")[0]["vfinfo_list"][1]["address"] == "52:54:00:00:00:11"
    daemon.stop()


@CASE
def commands_of_vf_token_md():
    """Its shell lines run as they stand, but for QEMU's."""
    with open(os.path.join(ROOT, "docs", "vf-token.md"), encoding="utf-8") as file:
        blocks = re.findall(r"^```sh\n(.*?)^```", file.read(), re.M | re.S)
    lines = "".join(blocks).replace("\\\n", "").splitlines()
    assert len(lines) > 5
    daemon = Daemon()
    script = "\n".join(line for line in lines if not line.startswith("qemu"))
    env = clean_env(LADON_RUN_DIR=daemon.run_dir, PATH=os.path.dirname(LADON) + ":" + os.environ["PATH"])
    done = subprocess.run(["sh", "-euc", script], env=env, cwd=daemon.scratch.path, text=True, capture_output=True,
                          check=False)
    assert done.returncode == 0 and not done.stderr, done
    assert daemon.vf(1)["unlock"]["uid"] == 1000 and daemon.vf(1, "nic1")["allow_uid"] == [1000]
    daemon.stop()


@CASE
def commands_of_hosts_md():
    """Its five lines run as they stand, and VF 3 is the compute host's."""
    with open(os.path.join(ROOT, "docs", "hosts.md"), encoding="utf-8") as file:
        script = "".join(re.findall(r"^```sh\n(.*?)^```", file.read(), re.M | re.S))
    assert len(script.splitlines()) == 5
    daemon = Daemon()
    env = clean_env(LADON_RUN_DIR=daemon.run_dir, PATH=os.path.dirname(LADON) + ":" + os.environ["PATH"])
    over = "until test -S $LADON_RUN_DIR/../ch1/nic0-vf3.sock; do sleep 0.05; done; kill $!; wait $!"
    done = subprocess.run(["sh", "-euc", script + over], env=env, cwd=daemon.scratch.path, text=True, capture_output=True,
                          check=False, timeout=60)
    assert done.returncode == 0 and "ch1" in done.stdout and "joined /" in done.stderr, done
    assert daemon.vf(3)["host"] == "ch1"
    daemon.stop()


def main():
    """Needs both programs and the source tree."""
    need_build()
    return SUITE.run()


if __name__ == "__main__":
    sys.exit(main())
