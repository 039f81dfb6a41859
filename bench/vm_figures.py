# SPDX-License-Identifier: BSD-3-Clause
"""Samples of pairs of VMs and what is made of them: the CSV, tables, goals. Pure: no file is opened, nothing runs."""
import csv
import io
import statistics
from typing import NamedTuple, Optional

LADON, TRAPPED, IGB, VIRTIO = "Ladon, igbvf", "the same, trapped doorbells", "QEMU's igb, stream", "virtio-net, taps"
# The same pairs set up otherwise, to see what a difference is made of. TCP only.
WIRE = "virtio-net, its receiver gets frames of 1514 bytes"
CUT = "the same, its sender hands over such frames, too"
JUMBO, JUMBO_VIRTIO = "Ladon, MTU 9000", "virtio-net, MTU 9000"
JUMBO_WIRE = "the same, its receiver gets frames of 9014 bytes"
# Whose TCP beside Ladon's, with what of Ladon's.
BESIDE = [(WIRE, LADON), (CUT, LADON), (JUMBO_VIRTIO, JUMBO), (JUMBO_WIRE, JUMBO)]
INTERRUPTS = ["sender_sent", "sender_received", "receiver_sent", "receiver_received"]


class Sample(NamedTuple):
    """One line of the CSV. traps and interrupts: for 1,000 packets that arrived under TCP, at both VMs together; None
    (empty): not measured."""
    pair: str
    round: int
    tcp_mbps: float
    ping_ms: Optional[float] = None
    traps: Optional[float] = None
    sender_sent: Optional[float] = None
    sender_received: Optional[float] = None
    receiver_sent: Optional[float] = None
    receiver_received: Optional[float] = None


class Goal(NamedTuple):
    """Of Ladon: field of pair (over that of to, None: as it is) at least or at most bound."""
    what: str
    field: str
    to: Optional[str]
    bound: float
    least: bool = False


GOALS = [
    Goal("TCP, to QEMU's igb", "tcp_mbps", IGB, 2.0, True),
    Goal("TCP, to virtio-net", "tcp_mbps", VIRTIO, 1.0, True),
    Goal("ping, to QEMU's igb", "ping_ms", IGB, 1.0),
    Goal("ping, to virtio-net", "ping_ms", VIRTIO, 1.0),
    Goal("traps for 1,000 packets", "traps", None, 20.0),
]


def to_csv(samples, facts):
    """The text of a CSV file: facts as comments, then a line a sample."""
    out = io.StringIO()
    out.writelines(f"# {name}: {text}\n" for name, text in facts.items())
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Sample._fields)
    writer.writerows([f"{v:.3f}" if isinstance(v, float) else v for v in s] for s in samples)
    return out.getvalue()


def from_csv(text):
    """(samples, facts) of such a text."""
    lines = text.splitlines()
    facts = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    rows = csv.DictReader(line for line in lines if not line.startswith("# "))
    return [Sample(row["pair"], int(row["round"]), *(float(row[f]) if row[f] else None for f in Sample._fields[2:]))
            for row in rows], facts


def values(samples, pair, field):
    """What a pair's rounds gave."""
    return [getattr(s, field) for s in samples if s.pair == pair and getattr(s, field) is not None]


def ratio(samples, field, top, bottom):
    """Median of top over median of bottom; None where one of them is missing."""
    over, under = values(samples, top, field), values(samples, bottom, field)
    return statistics.median(over) / statistics.median(under) if over and under else None


def spread(got, digits):
    """Median with minimum and maximum, in words."""
    if not got:
        return "-"
    return f"{statistics.median(got):.{digits}f} ({min(got):.{digits}f}-{max(got):.{digits}f})"


def shown(value):
    """A ratio in words."""
    return "-" if value is None else f"{value:.2f}"


def row(*cells):
    """A line of a table."""
    return f"| {' | '.join(cells)} |\n"


def main_table(samples):
    """Each pair beside Ladon's."""
    text = row("two VMs on", "TCP Mbit/s", "Ladon / it", "ping ms", "Ladon / it", "traps for 1,000 packets") + "|---" * 6 + "|\n"
    for name in (LADON, TRAPPED, IGB, VIRTIO):
        cells = [name]
        for field, digits in (("tcp_mbps", 0), ("ping_ms", 3)):
            cells += [spread(values(samples, name, field), digits), shown(ratio(samples, field, LADON, name))]
        text += row(*cells, spread(values(samples, name, "traps"), 1))
    return text


def beside_table(samples):
    """What the difference to virtio-net is made of."""
    text = row("the same VMs, set up otherwise", "TCP Mbit/s", "beside", "Ladon / it") + "|---" * 4 + "|\n"
    text += row(JUMBO, spread(values(samples, JUMBO, "tcp_mbps"), 0), "", "")
    for name, mine in BESIDE:
        text += row(name, spread(values(samples, name, "tcp_mbps"), 0), mine, shown(ratio(samples, "tcp_mbps", mine, name)))
    return text


def interrupt_table(samples):
    """Which interrupts the traps are."""
    text = row("interrupts for 1,000 packets", "sender, for what it sent", "for what it received",
               "receiver, for what it sent", "for what it received") + "|---" * 5 + "|\n"
    for name in (LADON, TRAPPED):
        text += row(name, *(spread(values(samples, name, field), 1) for field in INTERRUPTS))
    return text


def goal_table(samples):
    """Each goal, and whether it is met."""
    text = row("goal", "asked", "got", "") + "|---" * 4 + "|\n"
    for goal in GOALS:
        mine = values(samples, LADON, goal.field)
        got = ratio(samples, goal.field, LADON, goal.to) if goal.to else statistics.median(mine) if mine else None
        if got is not None:
            good = got >= goal.bound if goal.least else got <= goal.bound
            text += row(goal.what, f"at {'least' if goal.least else 'most'} {goal.bound:g}", f"{got:.2f}",
                        "met" if good else "missed")
    return text


def tables(samples):
    """All of them."""
    return "\n".join(table(samples) for table in (main_table, goal_table, beside_table, interrupt_table))
