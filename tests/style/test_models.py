#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the models of docs/models through spin: what is right has no error, and whatever is left out has one."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
MODELS = os.path.join(ROOT, "docs", "models")
SAFETY = (["-DSAFETY"], [])
FORMULA = ([], ["-a", "-f"])
# (model, words that are defined, how it is searched, is it right?)
RUNS = [
    ("revoke", [], SAFETY, True),
    *[("revoke", [word], SAFETY, False) for word in (
        "NO_DRAIN", "NO_FORGET", "NO_TAKING_BACK", "NO_EPOCH", "NO_RESET", "OLD_PAGE", "LATE_DROP", "LAZY_DRAIN")],
    ("lease", [], SAFETY, True),
    *[("lease", [word], SAFETY, False) for word in ("NO_EPOCH", "SLEEP_COUNTS", "UNREAD")],
    ("lease", ["LIVENESS"], FORMULA, True),
    ("lease", ["LIVENESS", "NO_LEASE"], FORMULA, False),
]


def call(folder, *words):
    """What a program says; it has to end well."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def search(folder, model, words, how):
    """What pan says of the model."""
    flags, options = how
    shutil.copy(os.path.join(MODELS, model + ".pml"), folder)
    call(folder, "spin", *["-D" + word for word in words], "-a", model + ".pml")
    # What is wrong is found soon: there compiling takes longer.
    level = "-O2" if words in ([], ["LIVENESS"]) else "-O0"
    call(folder, "cc", level, "-w", *flags, "-o", "pan", "pan.c")
    return call(folder, "./pan", "-m300000", "-w22", *options)


def judge(said, right):
    """None, or what is wrong with what pan has said."""
    complete = "Search not completed" not in said and "max search depth too small" not in said
    if right:
        return None if "errors: 0" in said and complete else "there is an error"
    found = re.search(r"^pan:1: (assertion violated|acceptance cycle)(?! - invalid)", said, re.MULTILINE)
    return None if found else "what was left out is not missed"


def words_of(model):
    """The words that a model is changed by."""
    with open(os.path.join(MODELS, model + ".pml"), encoding="utf-8") as text:
        source = text.read()
    found = re.findall(r"^#(?:ifdef|ifndef) (\w+)|defined\((\w+)\)", source, re.MULTILINE)
    return {word for pair in found for word in pair if word}


def check_words():
    """Every word is run here, and said in docs/hosts.md."""
    with open(os.path.join(ROOT, "docs", "hosts.md"), encoding="utf-8") as text:
        told = text.read()
    for model in sorted({run[0] for run in RUNS}):
        run = {word for name, words, _, _ in RUNS if name == model for word in words}
        for word in sorted(words_of(model) ^ run):
            yield f"{model}: {word} is in the model or here, but not in both"
        for word in sorted(run):
            if f"`{word}`" not in told:
                yield f"{model}: docs/hosts.md does not say `{word}`"


def main():
    """0, 1, or 77 where spin is missing."""
    problems = list(check_words())
    if not shutil.which("spin") or not shutil.which("cc"):
        print("skipped: spin or a C compiler is missing")
        return 1 if problems else 77
    for model, words, how, right in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            said = search(folder, model, words, how)
        wrong = judge(said, right)
        print(" ".join([model, *words]) + ":", wrong or ("no error" if right else "an error, as there should be"))
        if wrong:
            problems.append(f"{model} {' '.join(words)}: {wrong}\n{said}")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
