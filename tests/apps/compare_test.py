# SPDX-License-Identifier: Apache-2.0
"""Unit tests of compare.py: what counts as a difference."""

import os
import tempfile
import unittest

from apps import compare, rows_busybox, rows_debian
from apps.compare import Outcome, Row


class DifferenceTest(unittest.TestCase):
    EXACT = Row("x/exact", "busybox", ("true",))

    def test_equal_outcomes(self):
        self.assertEqual(compare.difference(self.EXACT, Outcome(3, "a", "b", ("f",)), Outcome(3, "a", "b", ("f",))), "")

    def test_each_part_counts(self):
        reference = Outcome(0, "a\n", "b\n", ("-rw f",))
        for other in (Outcome(1, "a\n", "b\n", ("-rw f",)), Outcome(0, "A\n", "b\n", ("-rw f",)),
                      Outcome(0, "a\n", "B\n", ("-rw f",)), Outcome(0, "a\n", "b\n", ()),
                      Outcome(0, "a\n", "b\n", ("-rw f",), hung="no end")):
            with self.subTest(other):
                self.assertNotEqual(compare.difference(self.EXACT, reference, other), "")

    def test_normaliser_applies_to_both(self):
        row = Row("x/n", "busybox", ("true",), normalise=lambda text: text.replace("1", "N").replace("2", "N"), reason="r")
        self.assertEqual(compare.difference(row, Outcome(0, "pid 1", ""), Outcome(0, "pid 2", "")), "")
        self.assertNotEqual(compare.difference(row, Outcome(0, "pid 1", ""), Outcome(0, "pid 3", "")), "")

    def test_predicate_must_hold_on_both_sides(self):
        row = Row("x/p", "busybox", ("true",), predicate=lambda outcome: "ok" in outcome.stdout, reason="r")
        self.assertEqual(compare.difference(row, Outcome(0, "ok 1", ""), Outcome(1, "2 ok", "")), "")
        self.assertIn("runtime: not so", compare.difference(row, Outcome(0, "ok", ""), Outcome(0, "no", "")))
        self.assertIn("reference: not so", compare.difference(row, Outcome(0, "no", ""), Outcome(0, "ok", "")))

    def test_inexact_rows_need_a_reason(self):
        with self.assertRaises(ValueError):
            Row("x", "busybox", (), normalise=str)
        with self.assertRaises(ValueError):
            Row("x", "busybox", (), reason="why")


class SnapshotTest(unittest.TestCase):
    def test_lists_type_mode_and_content(self):
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(os.path.join(directory, "d"), 0o750)
            with open(os.path.join(directory, "d", "f"), "w", encoding="ascii") as file:
                file.write("abc")
            os.symlink("d/f", os.path.join(directory, "l"))
            lines = compare.snapshot(directory)
        self.assertEqual([line.split()[0] for line in lines], ["drwxr-x---", "-rw-r--r--", "lrwxrwxrwx"])
        self.assertIn("d/f 3 ba7816bf8f01cfea", lines[1])
        self.assertTrue(lines[2].endswith("l -> d/f"))


class RowsTest(unittest.TestCase):
    def test_names_are_unique_and_tables_large_enough(self):
        names = [row.name for row in [*rows_busybox.ROWS, *rows_debian.ROWS]]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(rows_busybox.ROWS), 40)
        self.assertGreaterEqual(len(rows_debian.ROWS), 20)


if __name__ == "__main__":
    unittest.main()
