# SPDX-License-Identifier: BSD-3-Clause
"""Samples of a comparison and what is made of them: medians, ratios, goals. Pure: no file is opened, nothing runs."""
import csv
import io
import statistics
from typing import NamedTuple

DISTURBED = 5.0  # per cent of a CPU that others may use
CLEAN_MIN = 3    # samples without disturbance that are enough to drop the others
APART = 2.0      # a cache line's trips that differ by more are of processors that were moved
MOVED = -1.0     # in place of the trip: it differed that much before and after


class Sample(NamedTuple):
    """One line of the CSV. size: bytes of a frame; others: per cent of a CPU that other processes used; line: µs that a
    cache line took between the two CPUs and back, before and after (0: nobody knows, or MOVED)."""
    round: int
    case: str
    peer: str
    size: int
    value: float
    unit: str
    others: float
    line: float = 0.0


class Spread(NamedTuple):
    """Of num values; dropped: how many were disturbed and left out; kept: disturbed ones among the num; apart: pairs
    left out because the CPUs were near each other at one of them, and far at the other."""
    least: float
    median: float
    most: float
    num: int
    dropped: int
    kept: int
    apart: int = 0


class Goal(NamedTuple):
    """The ratio top / bottom, each (case, peer, size). at_least and at_most: None = only shown."""
    what: str
    top: tuple
    bottom: tuple
    at_least: float = None
    at_most: float = None


LADON = ("switch", "ladon")
GOALS = [
    *(Goal(f"VF to VF, {size} B, to {peer}", (*LADON, size), ("switch", peer, size), at_least=least)
      for size, peer, least in ((64, "vhost-user", 1.3), (64, "memif", 1.0), (64, "memif zero-copy", None),
                                (64, "veth", None), (1500, "vhost-user", 1.5), (1500, "memif", None),
                                (1500, "memif zero-copy", 1.2), (1500, "veth", None))),
    Goal("VF to VF, 9000 B, to memcpy", ("bulk", "ladon", 9000), ("bulk", "memcpy", 9000), at_least=0.8),
    Goal("VF to VF, TSO 64 KiB, to memcpy", ("bulk", "ladon", 65000), ("bulk", "memcpy", 65000), at_least=0.8),
    Goal("one pass p50, to vhost-user", ("pass-p50", "ladon", 64), ("pass-p50", "vhost-user", 64), at_most=1.0),
    Goal("one pass p99, to vhost-user", ("pass-p99", "ladon", 64), ("pass-p99", "vhost-user", 64), at_most=1.0),
    Goal("there and back p50, to vhost-user", ("back-p50", "ladon", 64), ("back-p50", "vhost-user", 64), at_most=1.0),
    Goal("there and back p99, to vhost-user", ("back-p99", "ladon", 64), ("back-p99", "vhost-user", 64), at_most=1.0),
    Goal("one pass p50, to a cache line's round trip", ("pass-p50", "ladon", 64), ("line-p50", "cache line", 64),
         at_most=3.5),
    Goal("there and back p50, to a cache line's round trip", ("back-p50", "ladon", 64), ("line-p50", "cache line", 64)),
    Goal("full policy to none, 64 B", ("policy", "full", 64), ("policy", "none", 64), at_least=0.95),
    Goal("8 hops to 1, frames x hops", ("chain", "8 hops", 1518), ("chain", "1 hop", 1518), at_least=0.9),
    Goal("61 idle VFs beside, to none, 64 B", ("idle-vfs", "61 idle", 64), ("idle-vfs", "none idle", 64), at_least=0.95),
    Goal("61 idle VFs beside, to none, 1500 B", ("idle-vfs", "61 idle", 1500), ("idle-vfs", "none idle", 1500), at_least=0.95),
]


def to_csv(samples, facts):
    """The text of a CSV file: facts as comments, then a line a sample."""
    out = io.StringIO()
    for name, text in facts.items():
        out.write(f"# {name}: {text}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*Sample._fields, "disturbed"])
    for s in samples:
        writer.writerow([s.round, s.case, s.peer, s.size, f"{s.value:.6g}", s.unit, f"{s.others:.1f}", f"{s.line:.3g}",
                         "yes" if s.others > DISTURBED else ""])
    return out.getvalue()


def from_csv(text):
    """(samples, facts) of such a text."""
    lines = text.splitlines()
    facts = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    samples = [Sample(int(row["round"]), row["case"], row["peer"], int(row["size"]), float(row["value"]), row["unit"],
                      float(row["others"]), float(row["line"])) for row in csv.DictReader(line for line in lines if line[:1] != "#")]
    return samples, facts


def spread(pairs):
    """Spread of (value, others) pairs, or None of none. Disturbed ones are dropped where enough are left."""
    clean = [value for value, others in pairs if others <= DISTURBED]
    used = clean if len(clean) >= CLEAN_MIN else [value for value, _ in pairs]
    if not used:
        return None
    return Spread(min(used), statistics.median(used), max(used), len(used), len(pairs) - len(used),
                  len(used) - len(clean))


def of(samples, key):
    """{round: sample} of the samples of (case, peer, size)."""
    return {s.round: s for s in samples if (s.case, s.peer, s.size) == key}


def spread_of(samples, key):
    """Spread of the values of (case, peer, size)."""
    return spread([(s.value, s.others) for s in of(samples, key).values()])


def trip(before, after):
    """A sample's line, of what was measured before and after it."""
    if not before or not after:
        return 0.0
    return MOVED if max(before, after) > APART * min(before, after) else (before + after) / 2


def apart(one, other):
    """Were the CPUs as near at one sample as at the other? What nobody knows is not held against them."""
    if MOVED in (one.line, other.line):
        return True
    return max(one.line, other.line) > APART * min(one.line, other.line) > 0


def ratio(samples, top, bottom):
    """Spread of top / bottom, each with the other of its own round; None where no round has both."""
    over, under = of(samples, top), of(samples, bottom)
    pairs = [(over[r], under[r]) for r in sorted(over) if r in under and under[r].value > 0]
    fair = [(a, b) for a, b in pairs if not apart(a, b)]
    got = spread([(a.value / b.value, max(a.others, b.others)) for a, b in fair or pairs])
    return got and got._replace(apart=len(pairs) - len(fair) if fair else 0)


def verdict(goal, value):
    """"met", "missed" or "" (nothing was asked)."""
    if goal.at_least is None and goal.at_most is None:
        return ""
    good = value >= goal.at_least if goal.at_least is not None else value <= goal.at_most
    return "met" if good else "missed"


def asked(goal):
    """The goal in words."""
    if goal.at_least is not None:
        return f"at least {goal.at_least:g}"
    return f"at most {goal.at_most:g}" if goal.at_most is not None else ""


def count(s):
    """How many samples a spread is of, in words."""
    left = f", {s.dropped} disturbed left out" if s.dropped else ""
    left += f", {s.apart} of unlike distance left out" if s.apart else ""
    return f"{s.num}{left}" + (f", {s.kept} of them disturbed" if s.kept else "")


def shown(value):
    """A figure as people write it: three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def keys(samples):
    """Each (case, peer, size, unit) once, in the order of their appearance in the first rounds."""
    return sorted({(s.case, s.peer, s.size, s.unit) for s in samples}, key=lambda k: (k[0], k[2], k[1]))


def goal_table(samples):
    """Markdown: each ratio that the samples can tell, beside its goal."""
    lines = ["| ratio | goal | median | min | max | rounds | |", "|---|---|---|---|---|---|---|"]
    for goal in GOALS:
        s = ratio(samples, goal.top, goal.bottom)
        if s:
            lines.append(f"| {goal.what} | {asked(goal)} | {shown(s.median)} | {shown(s.least)} | {shown(s.most)} | "
                         f"{count(s)} | {verdict(goal, s.median)} |")
    return "\n".join(lines) + "\n"


def value_table(samples):
    """Markdown: every figure."""
    lines = ["| case | who | B | median | min | max | unit | samples |", "|---|---|---|---|---|---|---|---|"]
    for case, peer, size, unit in keys(samples):
        s = spread_of(samples, (case, peer, size))
        lines.append(f"| {case} | {peer} | {size} | {shown(s.median)} | {shown(s.least)} | {shown(s.most)} | {unit} | "
                     f"{count(s)} |")
    return "\n".join(lines) + "\n"
