#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unit tests of the benchmark driver's figures; nothing is measured here."""

import unittest

import run


class FakeBench:
    """Answers from a table instead of running containers."""

    def __init__(self, figures, broken=()):
        self.figures = figures
        self.broken = broken
        self.order = []

    def check(self, runtime):
        if runtime.name in self.broken:
            raise run.RunError("broken")

    def inside(self, runtime, row):
        self.order.append(runtime.name)
        if (runtime.name, row) not in self.figures:
            raise run.RunError(f"no {row}")
        return self.figures[(runtime.name, row)]

    def start(self, runtime):
        return self.inside(runtime, run.START_ROW)


def runtimes(*names):
    return [run.Runtime(name, "1", None, None) for name in names]


class FiguresTest(unittest.TestCase):

    def test_suite_line_gives_its_median(self):
        self.assertEqual(run.parse_suite("getppid 3.0 1.0 2.0\n", "getppid"), 2.0)

    def test_other_output_is_an_error(self):
        for output in ("", "getppid\n", "runsc version 1\n", "open-close 1.0\n"):
            with self.subTest(output=output), self.assertRaises(run.RunError):
                run.parse_suite(output, "getppid")

    def test_rounds_are_summed_by_median(self):
        rounds = [{"a": {"getppid": [1.0]}}, {"a": {"getppid": [9.0]}}, {"a": {"getppid": [2.0]}}]
        self.assertEqual(run.summarize(rounds)["a"]["getppid"], {"median": 2.0, "min": 1.0, "max": 9.0, "count": 3})

    def test_times_have_units(self):
        self.assertEqual([run.format_time(t) for t in (250, 1500, 2.5e6, 3e9)], ["250 ns", "1.5 µs", "2.5 ms", "3 s"])

    def test_table_has_multiples_of_native_and_the_peer(self):
        summary = run.summarize([{"native": {"getppid": [100.0]}, "ours": {"getppid": [200.0]}, "peer": {"getppid": [1000.0]}}])
        table = run.make_table(summary, ["getppid"], ["native", "ours", "peer"])
        self.assertEqual(table.splitlines()[-1], "| getppid | 100 ns | 200 ns (2×) | 1 µs (10×) | 5 |")

    def test_missing_figure_is_a_dash(self):
        table = run.make_table({"native": {}}, ["getppid"], ["native", "ours"])
        self.assertEqual(table.splitlines()[-1], "| getppid | – | – |")


class MeasureTest(unittest.TestCase):

    def test_runtimes_take_turns_in_being_first(self):
        bench = FakeBench({(n, "getppid"): 1.0 for n in "ab"})
        run.measure(bench, runtimes("a", "b"), ["getppid"], 2, 1, lambda text: None)
        self.assertEqual(bench.order, ["a", "b", "b", "a"])

    def test_a_failed_row_is_named_and_left_out(self):
        bench = FakeBench({("a", "getppid"): 1.0})
        results, errors = run.measure(bench, runtimes("a"), ["getppid", "open-close"], 2, 1, lambda text: None)
        self.assertEqual(results, [{"a": {"getppid": [1.0]}}] * 2)
        self.assertEqual(errors, {"a open-close": "no open-close"})

    def test_a_runtime_that_runs_nothing_is_not_measured(self):
        bench = FakeBench({(n, run.START_ROW): 1.0 for n in "ab"}, broken=("b",))
        results, errors = run.measure(bench, runtimes("a", "b"), [run.START_ROW], 1, 3, lambda text: None)
        self.assertEqual(results, [{"a": {run.START_ROW: [1.0, 1.0, 1.0]}}])
        self.assertEqual(errors, {"b": "broken"})


if __name__ == "__main__":
    unittest.main()
