#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unit tests of the benchmarks' parsing, arithmetic and tables."""

import json
import unittest

import figures
import runtimes
from figures import Row, Target


def summary(**values):
    """summary(native={"r": 1.0}): each with its one value."""
    return figures.summarize([{name: {row: [value] for row, value in rows.items()} for name, rows in values.items()}])


def row(*targets, unit="ns"):
    return Row("r", "the row", None, targets, unit)


class ParsingTest(unittest.TestCase):

    def test_suite_line_gives_its_samples(self):
        self.assertEqual(figures.parse_suite("getppid 3.0 1.0 2.0\n", "getppid"), [3.0, 1.0, 2.0])

    def test_other_output_is_an_error(self):
        for output in ("", "getppid\n", "runsc version 1\n", "open-close 1.0\n"):
            with self.subTest(output=output), self.assertRaises(runtimes.RunError):
                figures.parse_suite(output, "getppid")

    def test_benchmark_gives_its_repetitions_in_nanoseconds(self):
        one = {"name": "a/b/real_time", "run_type": "iteration", "time_unit": "us"}
        listed = [dict(one, real_time=1.5), dict(one, real_time=2), dict(one, run_type="aggregate", real_time=9),
                  dict(one, name="a/b/1/real_time", real_time=9)]
        output = "a warning\n" + json.dumps({"context": {}, "benchmarks": listed})
        self.assertEqual(figures.parse_benchmark(output, "a/b"), [1500.0, 2000.0])

    def test_broken_benchmark_output_is_an_error(self):
        for output in ("", "{", '{"benchmarks": []}', '{"benchmarks": [{"name": "a/b/real_time"}]}', '{"benchmarks": 3}'):
            with self.subTest(output=output), self.assertRaises(runtimes.RunError):
                figures.parse_benchmark(output, "a/b")

    def test_pss(self):
        self.assertEqual(runtimes.parse_pss("Rss:  900 kB\nPss:   12 kB\nPss_Anon: 5 kB\n"), 12 * 1024)
        self.assertEqual(runtimes.parse_pss(""), 0)

    def test_switches(self):
        self.assertEqual(runtimes.parse_switches("Name: x\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t2\n"), 7)


class ArithmeticTest(unittest.TestCase):

    def test_rounds_are_summed_by_median(self):
        rounds = [{"a": {"r": [1.0]}}, {"a": {"r": [9.0]}}, {"a": {"r": [2.0]}}]
        self.assertEqual(figures.summarize(rounds)["a"]["r"], {"median": 2.0, "min": 1.0, "max": 9.0, "spread": 1.0, "count": 3})

    def test_spread_is_half_the_quartiles_distance(self):
        self.assertEqual(figures.spread([10.0, 20.0, 30.0, 40.0, 50.0]), 1 / 3)
        self.assertEqual(figures.spread([5.0]), 0)
        self.assertEqual(figures.spread([0.0, 0.0]), 0)

    def test_ratio_needs_both_figures(self):
        found = summary(native={"r": 100.0, "zero": 0.0}, systrap={"r": 150.0, "zero": 1.0})
        self.assertEqual(figures.ratio(found, "systrap", "r"), 1.5)
        self.assertIsNone(figures.ratio(found, "systrap", "zero"))
        self.assertIsNone(figures.ratio(found, "runc", "r"))

    def test_targets_are_judged(self):
        found = summary(native={"r": 100.0}, systrap={"r": 150.0}, runc={"r": 400.0})
        for target, met in ((Target(1.5), True), (Target(1.4), False), (Target(0.5, "runc"), True), (Target(0.3, "runc"), False),
                            (Target(150, None), True), (Target(149, None), False), (Target(1.5, at_least=True), True),
                            (Target(1.6, at_least=True), False), (Target(1, "peer"), None)):
            with self.subTest(target=target):
                self.assertEqual(figures.judge(found, row(), target), met)

    def test_a_count_of_zero_meets_a_target_of_zero(self):
        self.assertTrue(figures.judge(summary(systrap={"r": 0.0}), row(unit=""), Target(0, None)))

    def test_advantage_turns_round_where_more_is_better(self):
        found = summary(systrap={"r": 2.0}, peer={"r": 10.0})
        self.assertEqual(figures.advantage(found, row()), 5)
        self.assertEqual(figures.advantage(found, row(unit="1/s")), 0.2)

    def test_growth_is_from_the_first_to_the_last(self):
        rows = [Row(n, n, None) for n in "xyz"]
        self.assertEqual(figures.growth(summary(a={"x": 2.0, "y": 90.0, "z": 6.0}), "a", rows), 3)
        self.assertIsNone(figures.growth(summary(a={"x": 2.0}), "a", rows))


class TextTest(unittest.TestCase):

    def test_values_have_units(self):
        self.assertEqual([figures.format_value(t, "ns") for t in (2.5, 250, 1500, 2.5e6, 3e9)],
                         ["2.5 ns", "250 ns", "1.5 µs", "2.5 ms", "3 s"])
        self.assertEqual([figures.format_value(v, "1/s") for v in (12.34, 45678.9)], ["12.34 /s", "45.7 k/s"])
        self.assertEqual(figures.format_value(3 * 2**20, "B"), "3 MiB")
        self.assertEqual(figures.format_value(17, ""), "17")

    def test_table_has_multiples_the_peer_and_the_verdict(self):
        found = summary(native={"r": 100.0}, systrap={"r": 200.0}, peer={"r": 1000.0})
        table = figures.make_table(found, [row(Target(1.5))], ["native", "systrap", "peer"])
        self.assertEqual(table.splitlines()[-1], "| the row | 100 ns | 200 ns (2×) | 1 µs (10×) | 5 | ≤ 1.5 N | **not met** |")

    def test_spread_is_shown(self):
        found = figures.summarize([{"native": {"r": [90.0, 100.0, 110.0]}}])
        self.assertEqual(figures.format_cell(found, "native", row()), "100 ns ±5 %")

    def test_missing_figure_is_a_dash(self):
        table = figures.make_table({"native": {}}, [row(Target(1))], ["native", "systrap"])
        self.assertEqual(table.splitlines()[-1], "| the row | – | – | ≤ 1 N | – |")

    def test_climbing_is_told(self):
        rows = [Row(n, n, None) for n in "xz"]
        found = summary(native={"x": 1.0, "z": 1.0}, systrap={"x": 10.0, "z": 16.0})
        self.assertIn("**yes**", figures.make_growth_table(found, {"t": rows}, ["native", "systrap"]))
        found = summary(native={"x": 1.0, "z": 2.0}, systrap={"x": 10.0, "z": 16.0})
        self.assertIn("| no |", figures.make_growth_table(found, {"t": rows}, ["native", "systrap"]))

    def test_verdicts_are_counted(self):
        found = summary(native={"r": 100.0}, systrap={"r": 200.0}, peer={"r": 1000.0})
        self.assertEqual(figures.count_verdicts(found, [row(Target(1), Target(3))]),
                         "Targets met: 1 of 2; not met: the row. Better than the peer: 1 of 1 rows.")


if __name__ == "__main__":
    unittest.main()
