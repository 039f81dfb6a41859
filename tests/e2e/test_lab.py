#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ladon lab, cut short: the verdicts, which are about counts, the tables, and the pictures."""
import csv
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

from ladond import LADON, Scratch, Suite, clean_env, need_build

SUITE = Suite()
CASE = SUITE.test
SVG = "{http://www.w3.org/2000/svg}"


def lab(*words, cwd=None):
    """ladon lab, run to its end."""
    return subprocess.run([LADON, "lab", *words], text=True, capture_output=True, check=False, env=clean_env(),
                          timeout=110, cwd=cwd)


def experiment(name, *words):
    """One that must succeed: the figures of its verdict and the rows of its CSV. Looks at its files as well."""
    place = Scratch()
    done = lab(name, "-o", place.path, "--csv", *words)
    assert done.returncode == 0, f"{done.returncode}: {done.stdout}{done.stderr}"
    assert done.stderr == "" and "\r" not in done.stdout, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(name + ": ") and lines[-1].startswith("verdict: ok: "), done.stdout
    assert f"picture: {place / f'lab-{name}.svg'}" in lines, done.stdout
    picture = ElementTree.parse(place / f"lab-{name}.svg").getroot()
    assert picture.tag == SVG + "svg" and len(list(picture.iter(SVG + "path"))) >= 2
    with open(place / f"lab-{name}.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert None not in row and None not in row.values() and all(float(v or 0) is not None for v in row.values()), row
    print(lines[-1])
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", lines[-1])], rows


@CASE
def chain():
    """Nothing is lost or out of order, and the card has switched each frame once a hop."""
    (delivered, switched, lost, disordered, *_), rows = experiment("chain", "seconds", "0.5")
    assert delivered == switched > 0 and lost == 0 and disordered == 0
    assert [int(r["hops"]) for r in rows] == list(range(1, len(rows) + 1)) and len(rows) >= 6
    assert all(float(r["frames_per_s"]) > 0 for r in rows)


@CASE
def incast():
    """Frames are lost without flow control, and all losses are counted."""
    (lost_off, _, sent, received, dropped), rows = experiment("incast", "seconds", "0.5")
    assert lost_off > 0 and sent == received + dropped
    assert len(rows) >= 7 and all(int(r["rounds_off"]) >= 3 and int(r["rounds_on"]) >= 3 for r in rows)
    assert float(rows[-1]["lost_percent_off"]) > 0, rows[-1]


@CASE
def pause():
    """The filter drops each of the attacker's frames, and the other end obeys none."""
    (_, _, _, _, _, dropped, sent, obeyed), rows = experiment("pause", "seconds", "4")
    assert dropped == sent > 0 and obeyed == 0
    assert [int(r["attack_frames_per_s"]) for r in rows] == list(range(0, 401, 50))


@CASE
def rates():
    """It comes to an end, with all rows; so short, its figures say nothing."""
    place = Scratch()
    done = lab("rates", "-o", place.path, "seconds", "0.5")
    assert done.returncode in (0, 1) and done.stdout.splitlines()[-1].startswith("verdict: "), done.stdout
    assert os.listdir(place.path) == ["lab-rates.svg"]
    assert re.search(r"^ *10000 .*9018", done.stdout, re.M), done.stdout


BAD = [
    (["hops"], "hops"),
    (["chain", "incast"], "incast"),
    (["chain", "chain"], "chain"),
    (["seconds"], "value"),
    (["seconds", "0"], "0.1 to 600"),
    (["seconds", "-1"], "-1"),
    (["seconds", "nan"], "nan"),
    (["seconds", "inf"], "inf"),
    (["seconds", "1e9"], "1e9"),
    (["seconds", "5s"], "5s"),
    (["seconds", ""], "0.1 to 600"),
    (["seconds", "1", "seconds", "2"], "twice"),
    (["-o"], "value"),
    (["-o", "/nonexistent"], "/nonexistent"),
    (["-o", "/dev/null"], "/dev/null"),
    (["-o", ".", "-o", "."], "twice"),
    (["--svg"], "--svg"),
    ([""], "rates"),
]


@CASE
def bad_words():
    """One sentence that names the word, 2, and nothing was started or written."""
    place = Scratch()
    for words, wanted in BAD:
        done = lab(*words, cwd=place.path)
        assert done.returncode == 2 and done.stdout == "", f"{words}: {done.returncode} {done.stdout}"
        assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("ladon: lab: "), done.stderr
        assert wanted in done.stderr, f"{words}: {done.stderr}"
    done = subprocess.run([LADON, "-j", "lab", "chain"], text=True, capture_output=True, check=False, env=clean_env(),
                          cwd=place.path)
    assert done.returncode == 2 and "--csv" in done.stderr
    assert os.listdir(place.path) == []


@CASE
def file_that_cannot_be_written():
    """Named, and the exit code says so."""
    place = Scratch()
    os.mkdir(place / "lab-chain.svg")
    done = lab("chain", "-o", place.path, "seconds", "0.1")
    assert done.returncode == 1 and "lab-chain.svg: Is a directory" in done.stderr, done.stderr
    assert "verdict" not in done.stdout


def main():
    """Each experiment has a daemon of its own."""
    need_build()
    return SUITE.run()


if __name__ == "__main__":
    sys.exit(main())
