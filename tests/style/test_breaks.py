#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds SECURITY.md's table, tests/run-breaks and the switches LADON_BREAK_X in src to each other."""
import importlib.machinery
import importlib.util
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


def read(*path):
    """The text of a file of the tree."""
    with open(os.path.join(ROOT, *path), encoding="utf-8") as text:
        return text.read()


def texts(top, ends):
    """The texts of all files below top with one of these endings."""
    for folder, _, names in os.walk(os.path.join(ROOT, top)):
        for name in sorted(names):
            if name.endswith(ends):
                yield read(folder, name)


def breaks():
    """BREAKS of tests/run-breaks."""
    loader = importlib.machinery.SourceFileLoader("run_breaks", os.path.join(ROOT, "tests", "run-breaks"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_breaks", loader))
    loader.exec_module(module)
    return module.BREAKS


def rows():
    """(mechanism, tests, switches) of each row of SECURITY.md's table: the lists of what stands there as code."""
    for line in read("SECURITY.md").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if line.startswith("|") and len(cells) == 6 and cells[1] not in ("threat", "---"):
            yield [re.findall(r"`([^`]+)`", cell) for cell in cells[2:5]]


def named(case, everything):
    """Is there such a case? Those of Python have blanks where their function has none, or are strings."""
    return case in everything or case.replace(" ", "_") in everything


def check_table(table, problems):
    """Files and cases are there; a row with a switch names the tests that run-breaks runs for it."""
    everything = "\n".join([*texts("tests", (".c", ".py")), *texts("src", (".c",))])
    proven = breaks()
    for files, tests, words in table:
        for path in files:
            if not os.path.exists(os.path.join(ROOT, "src", path)):
                problems.append(f"SECURITY.md: there is no src/{path}")
                return
        for word in words:
            if not any(f"LADON_BREAK_{word.upper()}" in read("src", path) for path in files):
                problems.append(f"SECURITY.md: the switch {word} is not in {' or '.join(files)}")
        for test in tests:
            if not named(test.split(": ", 1)[-1], everything):
                problems.append(f"SECURITY.md: there is no case {test}")
        want = {f"{test}: {case}" for word in words for test, case, _ in proven.get(word, [])}
        for test in sorted(want - set(tests)):
            problems.append(f"SECURITY.md: the row of {', '.join(words)} lacks the test `{test}`")


def main():
    """Prints every problem; 1 when there is one."""
    problems, table = [], list(rows())
    in_src = {word.lower() for text in texts("src", (".c", ".h")) for word in re.findall(r"LADON_BREAK_(\w+)", text)}
    in_table = {word for _, _, words in table for word in words}
    places = {"src": in_src, "tests/run-breaks": set(breaks()), "SECURITY.md": in_table}
    for name, words in places.items():
        for word in sorted(set().union(*places.values()) - words):
            problems.append(f"{name} lacks \"{word}\", which {', '.join(p for p in places if word in places[p])} has")
    check_table(table, problems)
    for problem in problems:
        print(problem)
    print(f"{len(table)} rows, {len(in_table)} switches, {len(problems)} problems")
    return 1 if problems or not table else 0


if __name__ == "__main__":
    sys.exit(main())
