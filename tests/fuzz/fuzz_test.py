# SPDX-License-Identifier: Apache-2.0
"""Unit tests of what fuzz.py makes of a run."""

import unittest

from fuzz import fuzz


class JudgeTest(unittest.TestCase):
    GOOD = ["fuzz: seed 1", "fuzz: calls 10", "fuzz: calls 25", "fuzz: done 30"]

    def test_good_run(self):
        self.assertEqual(fuzz.judge(self.GOOD, "", 0), [])
        self.assertEqual(fuzz.calls_made(self.GOOD), 30)

    def test_each_fault_is_told(self):
        self.assertEqual(len(fuzz.judge(self.GOOD[:-1], "", 0)), 1)
        self.assertEqual(len(fuzz.judge(self.GOOD, "", 132)), 1)
        self.assertEqual(len(fuzz.judge(self.GOOD, "==1==ERROR: AddressSanitizer: ...", 0)), 1)
        self.assertEqual(len(fuzz.judge([*self.GOOD, "fuzz: hung: that is all"], "", 0)), 1)
        self.assertEqual(len(fuzz.judge([*self.GOOD, "fuzz: failed: the supervisor had signal 11"], "", 0)), 1)

    def test_calls_of_a_run_that_was_cut_short(self):
        self.assertEqual(fuzz.calls_made(self.GOOD[:3]), 25)
        self.assertEqual(fuzz.calls_made([]), 0)


if __name__ == "__main__":
    unittest.main()
