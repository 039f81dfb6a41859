#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The comparison's own arithmetic, on stored text: what testpmd and /proc say, medians, ratios, the CSV. Nothing is timed."""
import os
import subprocess
import sys
import types
import unittest
import unittest.mock as mock
import xml.dom.minidom

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "bench"))
sys.dont_write_bytecode = True
import chart  # noqa: E402
import compare  # noqa: E402
import figures  # noqa: E402
import machine  # noqa: E402
import vm_figures as vms  # noqa: E402
from figures import Goal, Sample  # noqa: E402
from peers import dpdk, testpmd  # noqa: E402

STATS = """show port stats all\r

  ######################## NIC statistics for port 0  ########################
  RX-packets: 16906816   RX-missed: 0          RX-bytes:  0
  RX-errors: 0
  RX-nombuf:  0
  TX-packets: 16366112   TX-errors: 0          TX-bytes:  0

  Throughput (since last show)
  Rx-pps:     38359252          Rx-bps:            0
  Tx-pps:     38359259          Tx-bps:            0
  ############################################################################

  ######################## NIC statistics for port 1  ########################
  RX-packets: 16965664   RX-missed: 0          RX-bytes:  0

  Throughput (since last show)
  Rx-pps:     38358797          Rx-bps:            0
  Tx-pps:     38358903          Tx-bps:            0
  ############################################################################
testpmd> """

SUMMARY = """show port summary all\r
Number of available ports: 2
Port MAC Address       Name         Driver         Status   Link
0    56:48:4F:53:54:00 net_vhost0   net_vhost      {}     10 Gbps
1    56:48:4F:53:54:01 net_vhost1   net_vhost      up       10 Gbps
testpmd> """

PROC_STAT = "cpu  100 20 30 5000 7 1 2 4 900 0\ncpu0 50 10 15 2500 3 0 1 1 0 0\n"
PID_STAT = "77 (a ) b) S 42 77 77 0 -1 4194560 1 2 3 4 10 5 3 2 20 0 1 0 100 1 1"

A, B = ("switch", "ladon", 64), ("switch", "memif", 64)


def samples(*rows):
    """Rows of (round, (case, peer, size), value, others)."""
    return [Sample(r, *key, value, "Mpps", others) for r, key, value, others in rows]


class Peers(unittest.TestCase):
    """What peers say."""

    def test_rates_are_those_received(self):
        self.assertEqual(testpmd.rates(STATS), [38359252, 38358797])
        self.assertEqual(testpmd.rates("testpmd> "), [])

    def test_links(self):
        self.assertEqual(testpmd.links(SUMMARY.format("down")), [False, True])
        self.assertEqual(testpmd.links(SUMMARY.format("up  ")), [True, True])

    def test_lines_of_programs(self):
        text = "EAL: noise 1\nrate 3.25 Mpps\nback-p50 1e+06 us\nnot a number\ncopied 60 B\n"
        self.assertEqual(dpdk.lines(text), [("rate", 3.25, "Mpps"), ("back-p50", 1e6, "us"), ("copied", 60.0, "B")])

    def test_the_driver_alone_shares_its_buffers(self):
        card, driver = dpdk.memif_zero_copy("/d")
        self.assertEqual(["zero-copy=yes" in v for v in card + driver], [False, False, True, True])
        self.assertEqual([v.split(",")[0] for v in card], ["net_memif0", "net_memif1"])


class Machine(unittest.TestCase):
    """Whose CPU time it was."""

    def test_stolen_time_is_others(self):
        self.assertEqual(machine.stolen_ticks(PROC_STAT), 4)

    def test_a_process_and_its_dead_children(self):
        self.assertEqual(machine.process_ticks(PID_STAT), (42, 20))

    def test_others_are_neither_our_tree_nor_the_kernel(self):
        processes = {1: (0, 1000), 10: (1, 5), 11: (10, 7), 12: (11, 9), 13: (1, 500), 2: (0, 1), 3: (2, 70)}
        self.assertEqual(machine.other_ticks(10, processes), 1500)

    def test_others(self):
        tick = machine.TICK
        self.assertAlmostEqual(machine.others_percent((0, 0, 0), (2, 0.15 * tick, 0.05 * tick)), 10)
        self.assertEqual(machine.others_percent((0, 10, 0), (2, 9, 0)), 0)


class Figures(unittest.TestCase):
    """What is made of samples."""

    def test_disturbed_ones_are_dropped_when_three_are_left(self):
        spread = figures.spread([(1, 0), (2, 0), (3, 5.0), (100, 5.1), (200, 50)])
        self.assertEqual(spread[:6], (1, 2, 3, 3, 2, 0))

    def test_disturbed_ones_are_kept_and_told_when_fewer_are(self):
        spread = figures.spread([(1, 0), (2, 0), (9, 60)])
        self.assertEqual(spread[:6], (1, 2, 9, 3, 0, 1))
        self.assertEqual(figures.count(spread), "3, 1 of them disturbed")
        self.assertIsNone(figures.spread([]))

    def test_a_ratio_is_made_within_a_round(self):
        # The machine is ten times as slow in round 1, for both: the ratio does not care. Round 2 lacks one of them.
        got = figures.ratio(samples((0, A, 6, 0), (0, B, 3, 0), (1, A, 0.6, 0), (1, B, 0.3, 0), (2, A, 50, 0)), A, B)
        self.assertEqual((got.least, got.median, got.most, got.num), (2, 2, 2, 2))
        self.assertIsNone(figures.ratio(samples((0, A, 6, 0)), A, B))

    def test_a_ratio_is_as_disturbed_as_the_worse_half(self):
        rows = [(r, key, 1 + r * (key == A), 30 if (r, key) == (3, B) else 0) for r in range(4) for key in (A, B)]
        got = figures.ratio(samples(*rows), A, B)
        self.assertEqual((got.most, got.num, got.dropped), (3, 3, 1))

    def test_a_ratio_is_of_cpus_as_near_each_other(self):
        # A hypervisor moves them: near in round 0, far in round 1, and moved between or within the samples of 2 and 3.
        line = {(0, A): 0.1, (0, B): 0.12, (1, A): 0.4, (1, B): 0.4, (2, A): 0.1, (2, B): 0.4, (3, A): figures.MOVED, (3, B): 0.1}
        rows = [Sample(r, *key, 1 + r * (key == A), "Mpps", 0.0, at) for (r, key), at in line.items()]
        got = figures.ratio(rows, A, B)
        self.assertEqual((got.least, got.most, got.num, got.apart), (1, 2, 2, 2))
        self.assertEqual(figures.count(got), "2, 2 of unlike distance left out")
        # Where no round is fair, and where nobody knows, all count.
        self.assertEqual(figures.ratio(rows[4:], A, B).num, 2)
        self.assertEqual(figures.ratio([s._replace(line=0.0) for s in rows], A, B).num, 4)

    def test_the_trip_of_a_sample(self):
        self.assertEqual([figures.trip(*t) for t in ((1, 2), (1, 2.1), (3, 1), (0, 1), (1, 0))],
                         [1.5, figures.MOVED, figures.MOVED, 0, 0])

    def test_verdicts(self):
        self.assertEqual([figures.verdict(Goal("", A, B, at_least=1.3), v) for v in (1.3, 1.29)], ["met", "missed"])
        self.assertEqual([figures.verdict(Goal("", A, B, at_most=1.0), v) for v in (1.0, 1.01)], ["met", "missed"])
        self.assertEqual(figures.verdict(Goal("", A, B), 0.1), "")

    def test_the_csv_comes_back(self):
        rows = samples((0, A, 6.5, 0), (1, B, 3.25, 12.5))
        rows[1] = rows[1]._replace(line=0.11)
        text = figures.to_csv(rows, {"kernel": "6.1: x"})
        self.assertEqual(text.splitlines(), [
            "# kernel: 6.1: x", "round,case,peer,size,value,unit,others,line,disturbed",
            "0,switch,ladon,64,6.5,Mpps,0.0,0,", "1,switch,memif,64,3.25,Mpps,12.5,0.11,yes"])
        self.assertEqual(figures.from_csv(text), (rows, {"kernel": "6.1: x"}))

    def test_tables(self):
        rows = samples((0, A, 6, 0), (0, B, 3, 0))
        goals = figures.goal_table(rows).splitlines()
        self.assertEqual(goals[2:], ["| VF to VF, 64 B, to memif | at least 1 | 2.00 | 2.00 | 2.00 | 1 | met |"])
        self.assertIn("| switch | ladon | 64 | 6.00 | 6.00 | 6.00 | Mpps | 1 |", figures.value_table(rows))

    def test_the_picture_shows_who_was_measured(self):
        svg = chart.draw(samples((0, A, 6, 0), (0, ("switch", "<memif>", 64), 3, 0)))
        xml.dom.minidom.parseString(svg)
        self.assertIn("&lt;memif&gt;", svg)
        self.assertEqual(svg.count("<rect"), 3)


class Order(unittest.TestCase):
    """Who is measured when."""

    def test_everybody_once_a_round_and_first_in_turn(self):
        seen, got, missing = [], [], {}

        def entry(name):
            return name, lambda setup: seen.append(name) or [("c", name, 64, 1.0, "x", 0.0)]

        def absent(setup):
            raise testpmd.PeerError("not here")

        groups = {"test": [entry("a"), entry("b"), ("absent", absent)]}
        setup = types.SimpleNamespace(patience=0, line=lambda: 0.1)
        with mock.patch.multiple(compare, GROUPS=groups, progress=lambda text: None):
            for number in range(3):
                compare.one_round(setup, number, ["test"], got, missing)
        self.assertEqual(seen, ["a", "b", "b", "a", "a", "b"])
        self.assertEqual([s.round for s in got], [0, 0, 1, 1, 2, 2])
        self.assertEqual(missing, {("test", "absent"): "not here"})

    def test_a_disturbed_sample_is_taken_again_while_there_is_patience(self):
        for patience, others in ((3600, [60.0, 60.0, 0.0]), (0, [60.0])):
            disturbed = iter(others)
            setup = types.SimpleNamespace(patience=patience, line=lambda: 0.1)
            with mock.patch.object(compare, "await_quiet"):
                rows = compare.undisturbed(setup, lambda _, rest=disturbed: [("c", "a", 64, 1.0, "x", next(rest))])
            self.assertEqual(rows[0][-2:], (others[-1], 0.1))

    def test_a_word_that_is_none_is_refused(self):
        done = subprocess.run([os.path.join(ROOT, "bench", "run"), "--only", "swich"], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn('ONLY: no "swich"; these are: switch ', done.stderr)

    def test_run_knows_all_groups(self):
        with open(os.path.join(ROOT, "bench", "run"), encoding="utf-8") as text:
            self.assertIn(f'compared="{" ".join(compare.GROUPS)}"', text.read())

    def test_goals_are_of_what_is_measured(self):
        sizes = {64, 1500, 1518, compare.JUMBO, compare.TSO}
        for goal in figures.GOALS:
            self.assertTrue({goal.top[2], goal.bottom[2]} <= sizes, goal)
        hops = {compare.hops_words(n) for n in range(1, 9)}
        names = {name for name, _ in compare.PEERS} | {"ladon"}
        for goal in figures.GOALS:
            self.assertTrue(goal.top[0] != "chain" or {goal.top[1], goal.bottom[1]} <= hops, goal)
            if goal.top[0] == "switch":
                self.assertTrue({goal.top[1], goal.bottom[1]} <= names, goal)


VM_ROWS = [
    vms.Sample(vms.LADON, 1, 600.0, 2.0, 30.0, 8.0, 9.0, 6.0, 7.0),
    vms.Sample(vms.LADON, 2, 800.0, 2.2, 28.0, 8.0, 9.0, 4.0, 7.0),
    vms.Sample(vms.JUMBO, 1, 900.0, None, 31.0, 8.0, 9.0, 6.0, 8.0),
    vms.Sample(vms.IGB, 1, 350.0, 3.0),
    vms.Sample(vms.VIRTIO, 1, 1400.0, 2.1),
    vms.Sample(vms.WIRE, 1, 500.0),
    vms.Sample(vms.JUMBO_VIRTIO, 1, 1500.0),
]


class Vms(unittest.TestCase):
    """bench/vm_figures.py."""

    def test_what_was_written_is_read(self):
        rows, facts = vms.from_csv(vms.to_csv(VM_ROWS, {"kernel": "6.1: x"}))
        self.assertEqual(rows, VM_ROWS)
        self.assertEqual(facts, {"kernel": "6.1: x"})

    def test_a_ratio_is_of_medians(self):
        self.assertEqual(vms.ratio(VM_ROWS, "tcp_mbps", vms.LADON, vms.IGB), 2.0)
        self.assertIsNone(vms.ratio(VM_ROWS, "tcp_mbps", vms.LADON, vms.TRAPPED))

    def test_goals(self):
        self.assertEqual(vms.goal_table(VM_ROWS).splitlines()[2:],
                         ["| TCP, to QEMU's igb | at least 2 | 2.00 | met |", "| TCP, to virtio-net | at least 1 | 0.50 | missed |",
                          "| ping, to QEMU's igb | at most 1 | 0.70 | met |", "| ping, to virtio-net | at most 1 | 1.00 | met |",
                          "| traps for 1,000 packets | at most 20 | 29.00 | missed |"])
        self.assertEqual(vms.goal_table(VM_ROWS[2:]).count("\n"), 2)

    def test_tables(self):
        text = vms.tables(VM_ROWS)
        self.assertIn(f"| {vms.IGB} | 350 (350-350) | 2.00 | 3.000 (3.000-3.000) | 0.70 | - |", text)
        self.assertIn(f"| {vms.TRAPPED} | - | - | - | - | - |", text)
        self.assertIn(f"| {vms.WIRE} | 500 (500-500) | {vms.LADON} | 1.40 |", text)
        self.assertIn(f"| {vms.JUMBO_VIRTIO} | 1500 (1500-1500) | {vms.JUMBO} | 0.60 |", text)
        self.assertIn(f"| {vms.LADON} | 8.0 (8.0-8.0) | 9.0 (9.0-9.0) | 5.0 (4.0-6.0) | 7.0 (7.0-7.0) |", text)


if __name__ == "__main__":
    unittest.main()
