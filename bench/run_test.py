#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unit tests of the benchmark driver's order, its reports and its lists of rows; nothing is measured here."""

import unittest

import figures
import macro
import micro
import run
from runtimes import NotApplicable, RunError, Runtime


class FakeBench:

    def __init__(self, broken=()):
        self.broken = broken

    def check(self, runtime):
        if runtime.name in self.broken:
            raise RunError("broken")


def runtimes(*names):
    return [Runtime(name, "1") for name in names]


def row(name, values, order=None):
    """A row whose figures come from a table {runtime: values or an exception}."""

    def measure(_, runtime):
        if order is not None:
            order.append(runtime.name)
        if isinstance(values[runtime.name], Exception):
            raise values[runtime.name]
        return values[runtime.name]

    return figures.Row(name, name, measure)


def measure(names, rows, rounds, broken=()):
    return run.measure(FakeBench(broken), runtimes(*names), rows, rounds, lambda text: None)


class MeasureTest(unittest.TestCase):

    def test_runtimes_take_turns_in_being_first(self):
        order = []
        measure("ab", [row("r", {"a": [1.0], "b": [1.0]}, order)], 2)
        self.assertEqual(order, ["a", "b", "b", "a"])

    def test_a_failed_row_is_named_and_left_out(self):
        order = []
        rows = [row("r", {"a": [1.0]}), row("s", {"a": RunError("no s")}, order)]
        self.assertEqual(measure("a", rows, 2), ([{"a": {"r": [1.0]}}] * 2, {"a s": "no s"}))
        self.assertEqual(order, ["a"])

    def test_a_row_without_meaning_is_left_out_silently(self):
        rows = [row("r", {"a": NotApplicable(), "b": [2.0]})]
        self.assertEqual(measure("ab", rows, 1), ([{"a": {}, "b": {"r": [2.0]}}], {}))

    def test_a_runtime_that_runs_nothing_is_not_measured(self):
        results, errors = measure("ab", [row("r", {"a": [1.0, 2.0]})], 1, broken=("b",))
        self.assertEqual(results, [{"a": {"r": [1.0, 2.0]}}])
        self.assertEqual(errors, {"b": "broken"})


class ReportTest(unittest.TestCase):
    FACTS = {"date": "2020-01-01", "commit": "abc", "machine": {"cores": 2, "cpu": "CPU", "kernel": "6", "load": 0.0},
             "rounds": 3, "versions": {"native": "6"}, "errors": {"peer r": "exit 1: no such thing"}}

    def test_says_what_was_not_measured(self):
        rows = [row("r", {})]
        report = run.make_report("micro", {"native": {}}, rows, ["native"], self.FACTS)
        self.assertIn("- not measured: peer r: exit 1: no such thing", report)

    def test_scaling_has_one_line_per_family(self):
        summary = figures.summarize([{"native": {r.name: [100.0] for r in micro.SCALING}}])
        report = run.make_report("scaling", summary, micro.SCALING, ["native"], self.FACTS)
        self.assertIn("| mappings: mmap + munmap | 100 ns → 100 ns → 100 ns → 100 ns (1×) |", report)


class RowsTest(unittest.TestCase):

    def test_names_are_unique_in_each_group(self):
        for group, rows in run.GROUPS.items():
            with self.subTest(group=group):
                self.assertEqual(len({r.name for r in rows}), len(rows))

    def test_patterns_select_in_order(self):
        self.assertEqual([r.name for r in run.select_rows(micro.MICRO, ["files/stat", "calls/get?id"])],
                         ["calls/getpid", "calls/gettid", "calls/getuid", "files/stat"])

    def test_targets_name_runtimes_there_are(self):
        named = {target.of for rows in run.GROUPS.values() for r in rows for target in r.targets}
        self.assertLessEqual(named, {None, *run.RUNTIMES})

    def test_every_group_has_its_defaults(self):
        self.assertEqual(set(run.GROUPS), set(run.DEFAULT_RUNTIMES))
        self.assertEqual(set(run.GROUPS), set(run.TITLES))


class MacroParsingTest(unittest.TestCase):

    def test_stopwatch(self):
        self.assertEqual(macro.parse_stopwatch("stopwatch 5 7\n"), [5.0, 7.0])

    def test_numbers_are_scaled(self):
        parse = macro.parse_number(r"^total time: +([\d.]+)s", 1000)
        self.assertEqual(parse("x\ntotal time:   1.5s\ntotal time: 2s\n"), [1500.0, 2000.0])
        with self.assertRaises(RunError):
            parse("nothing")

    def test_redis_line(self):
        [redis] = [r for r in macro.MACRO if r.name == "redis-get"]
        self.assertTrue(redis.more_is_better)
        parse = macro.parse_number(r'^"GET","([\d.]+)"')
        self.assertEqual(parse('"test","rps","avg"\n"GET","20345.50","0.1"\n'), [20345.5])

    def test_fio_adds_reads_and_writes(self):
        self.assertEqual(macro.parse_fio('note\n{"jobs": [{"read": {"iops": 3.5}, "write": {"iops": 1}}]}'), [4.5])
        for output in ("", "{}", '{"jobs": []}', '{"jobs": [{"read": {"iops": 0}, "write": {"iops": 0}}]}', "{broken"):
            with self.subTest(output=output), self.assertRaises(RunError):
                macro.parse_fio(output)


if __name__ == "__main__":
    unittest.main()
