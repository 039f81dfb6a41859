#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ladon-exporter is scraped: the names and labels that dashboards expect, the daemon's own figures, and what an HTTP
server on a machine with tenants has to refuse."""
import http.client
import json
import os
import re
import socket
import subprocess
import sys

from ladond import BUILD, Daemon, Scratch, Suite, clean_env, need_build, wait_for
from sender import Sender

SUITE = Suite()
CASE = SUITE.test
EXPORTER = os.path.join(BUILD, "ladon-exporter")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LABELS = {"numa_node", "pciAddr", "pf", "vf"}
# sriov-network-metrics-exporter's.
SRIOV = {f"sriov_vf_{way}_{what}" for way in ("rx", "tx") for what in ("bytes", "packets", "dropped")} | \
    {"sriov_vf_rx_broadcast", "sriov_vf_rx_multicast"}
SERIES = re.compile(r'([a-z_]+)(?:\{((?:[a-zA-Z_]+="(?:[^"\\]|\\.)*",?)*)\})? (\d+)')


class World:
    """The daemon, the exporter and its port; filled by main."""

    daemon = exporter = port = sender = None


def start(*args, **env):
    """An exporter that listens; its process and port."""
    process = subprocess.Popen([EXPORTER, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=clean_env(**env))
    return process, int(process.stdout.readline().split()[-1])


def ask(method="GET", path="/metrics", port=None, body=None):
    """Status and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port or World.port, timeout=20)
    connection.request(method, path, body)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, text


def parse(text):
    """{(name, sorted labels): value}; each name has HELP and TYPE first, no series comes twice."""
    found, typed = {}, {}
    for line in text.splitlines():
        if line.startswith("# "):
            kind, name, rest = line[2:].split(" ", 2)
            assert kind in ("HELP", "TYPE") and rest
            if kind == "TYPE":
                assert name not in typed and rest in ("counter", "gauge"), line
                typed[name] = rest
            continue
        match = SERIES.fullmatch(line)
        assert match and match.group(1) in typed, line
        labels = tuple(sorted(re.findall(r'([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"', match.group(2) or "")))
        assert (match.group(1), labels) not in found, line
        found[match.group(1), labels] = int(match.group(3))
    return found


def metrics(port=None):
    """What a scrape finds."""
    status, text = ask(port=port)
    assert status == 200
    return parse(text)


def of_vf(found, name, vf, **more):
    """The value of a VF's series."""
    values = [v for (n, labels), v in found.items() if n == name
              and {"vf": str(vf), **more}.items() <= dict(labels).items()]
    assert len(values) == 1, f"{name} of VF {vf} {more}: {values}"
    return values[0]


@CASE
def names_and_labels_of_the_sriov_exporter():
    """Dashboards made for it work unchanged."""
    found = metrics()
    assert SRIOV <= {name for name, _ in found}
    for (name, labels) in found:
        if name.startswith("sriov_vf_"):
            assert {key for key, _ in labels} == LABELS, (name, labels)
            assert re.fullmatch(r"0000:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", dict(labels)["pciAddr"]), labels
    assert len({labels for name, labels in found if name == "sriov_vf_rx_bytes"}) == 3
    rid = World.daemon.vf(1)["rid"]
    assert of_vf(found, "sriov_vf_rx_bytes", 1, pciAddr=f"0000:{rid}", pf="nic0") == 0


@CASE
def the_daemons_own_figures():
    """After traffic: counters, and drops by reason."""
    s = World.sender
    s.send(*[s.frame(b"\xff" * 6, length=100)] * 7, *[s.frame(b"\xff" * 6, 0x8808)] * 5,
           s.frame(b"\xff" * 6, source=b"\x02\0\0\0\0\1"))
    found = metrics()
    assert of_vf(found, "sriov_vf_tx_packets", 0) == 7 and of_vf(found, "sriov_vf_tx_bytes", 0) == 700
    assert of_vf(found, "sriov_vf_tx_dropped", 0) == 6
    assert of_vf(found, "ladon_vf_drops_total", 0, reason="pause") == 5
    assert of_vf(found, "ladon_vf_drops_total", 0, reason="spoof") == 1
    assert of_vf(found, "ladon_vf_attached", 0) == 1 and of_vf(found, "ladon_vf_attached", 1) == 0
    assert of_vf(found, "ladon_vf_link_up", 0) == 1
    assert found["ladon_up", ()] == 1 and found["ladon_uplink_tx_packets_total", (("pf", "nic0"),)] == 7
    assert found["ladon_flow_control_total", (("event", "xoff_rx"), ("pf", "nic0"))] == 0
    version = World.daemon.json("show")["version"]
    assert found["ladon_build_info", (("version", version),)] == 1


@CASE
def the_dashboard_asks_for_what_there_is():
    """Every name in packaging/grafana/ladon.json is exported."""
    with open(os.path.join(ROOT, "packaging/grafana/ladon.json"), encoding="utf-8") as file:
        board = json.load(file)
    texts = [t["expr"] for panel in board["panels"] for t in panel["targets"]]
    texts += [v["query"]["query"] for v in board["templating"]["list"] if isinstance(v["query"], dict)]
    asked = {name for text in texts for name in re.findall(r"\b(?:sriov|ladon)_[a-z_]+", text)}
    have = {name for name, _ in metrics()}
    assert len(asked) > 8 and asked <= have, asked - have


@CASE
def other_paths_and_methods():
    """Only GET and HEAD, only what there is."""
    assert ask(path="/")[0] == 200 and ask(path="/nope")[0] == 404 and ask("HEAD") == (200, "")
    for method in ("POST", "PUT", "DELETE"):
        assert ask(method, body="x" * 100000 if method != "DELETE" else None)[0] == 405, method


@CASE
def garbage_hurts_nobody():
    """No HTTP, endless headers, half a request, more connections than are taken."""
    held = []
    for data in (b"\0" * 100, b"GET /metrics HTTP/1.1\r\n" + b"X: " + b"y" * 200000, b"GET /met", b""):
        for _ in range(10):
            sock = socket.create_connection(("127.0.0.1", World.port), timeout=20)
            held.append(sock)
            try:
                sock.sendall(data)
            except OSError:
                pass  # it hung up already: that is right
    for sock in held:
        sock.close()
    wait_for("it serves again", lambda: ask()[0] == 200)
    assert World.exporter.poll() is None


@CASE
def a_unix_socket():
    """Nobody else may open it; it is gone in the end."""
    path = Scratch() / "metrics.sock"
    process = subprocess.Popen([EXPORTER, "--run-dir", World.daemon.run_dir, "--listen", f"unix:{path}"],
                               stderr=subprocess.PIPE, env=clean_env())
    wait_for("the socket", lambda: os.path.exists(path))
    assert os.stat(path).st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        with sock.makefile("rb") as reply:
            assert b"ladon_up 1" in reply.read()
    process.terminate()
    assert process.wait() == 0 and not process.stderr.read() and not os.path.exists(path)
    process.stderr.close()


@CASE
def the_directory_that_ladond_takes_when_none_is_said():
    """That of LADON_RUN_DIR, else ladon in that of XDG_RUNTIME_DIR."""
    run_dir, xdg = World.daemon.run_dir, Scratch()
    os.symlink(run_dir, xdg / "ladon")
    for env in ({"LADON_RUN_DIR": run_dir, "XDG_RUNTIME_DIR": "/nowhere"}, {"XDG_RUNTIME_DIR": xdg.path}):
        process, port = start("--listen", "127.0.0.1:0", **env)
        assert metrics(port)["ladon_up", ()] == 1, env
        process.terminate()
        assert process.wait() == 0, process.stderr.read()
        process.stdout.close()
        process.stderr.close()


@CASE
def wrong_options():
    """One sentence each."""
    for args, wanted in ((["--listen", "nowhere"], "ADDRESS:PORT"), (["--listen", "127.0.0.1:99999"], "ADDRESS:PORT"),
                         (["--listen", "localhost:1"], "ADDRESS:PORT"), (["more"], "more"), (["--listen", "unix:"], "unix:"),
                         (["--listen", f"127.0.0.1:{World.port}"], "in use"), (["--listen", "[::1:5"], "ADDRESS:PORT")):
        done = subprocess.run([EXPORTER, *args], text=True, capture_output=True, timeout=20, check=False,
                              env=clean_env())
        assert done.returncode in (1, 2) and wanted in done.stderr and done.stderr.count("\n") == 1, f"{args}: {done}"


@CASE
def a_daemon_that_is_gone_is_a_metric():
    """ladon_up is 0, and 1 again when it is back."""
    World.sender.client.close()
    World.daemon.stop()
    found = metrics()
    assert found["ladon_up", ()] == 0 and {name for name, _ in found} == {"ladon_up", "ladon_build_info"}
    World.daemon.start()
    assert metrics()["ladon_up", ()] == 1


def main():
    """A card of three VFs, whose uplink is a socket of ours, and an exporter on a port of the kernel's choice."""
    need_build()
    if not os.access(EXPORTER, os.X_OK):
        print("skip: ladon-exporter was not built: libmicrohttpd is missing")
        return 77
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    World.daemon = Daemon(config=f"card add nic0 model 82576 vfs 3 uplink fd:{theirs.fileno()}",
                          pass_fds=[theirs.fileno()])
    World.exporter, World.port = start("--run-dir", World.daemon.run_dir, "--listen", "127.0.0.1:0")
    World.sender = Sender(World.daemon, 0)
    rc = SUITE.run()
    World.exporter.terminate()
    assert World.exporter.wait() == 0, World.exporter.stderr.read()
    World.daemon.stop()
    ours.close()
    return rc


if __name__ == "__main__":
    sys.exit(main())
