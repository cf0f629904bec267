#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unit tests of count_tests.py."""

import unittest

import count_tests

GTEST = """[==========] Running 4 tests from 1 test suite.
[ RUN      ] A.Good
[       OK ] A.Good (0 ms)
[ RUN      ] A.Bad
a.cc:1: Failure
[  FAILED  ] A.Bad (2 ms)
[ RUN      ] A.Skip
[  SKIPPED ] A.Skip (0 ms)
[ RUN      ] A.Param/0
[  FAILED  ] A.Param/0, where GetParam() = 8-byte object <01> (2 ms)
[==========] 4 tests from 1 test suite ran. (2 ms total)
[  PASSED  ] 1 test.
[  SKIPPED ] 1 test, listed below:
[  SKIPPED ] A.Skip
[  FAILED  ] 2 tests, listed below:
[  FAILED  ] A.Bad
[  FAILED  ] A.Param/0, where GetParam() = 8-byte object <01>
"""


class CountTest(unittest.TestCase):

    def test_gtest_cases(self):
        self.assertEqual(count_tests.count_output(GTEST, "fail"), (1, ["A.Bad", "A.Param/0"], 1))

    def test_crash_adds_one_failure(self):
        output = "[==========] Running 2 tests\n[ RUN      ] A.B\n[       OK ] A.B (0 ms)\n[ RUN      ] A.C\n"
        passed, failed, _ = count_tests.count_output(output, "fail")
        self.assertEqual((passed, len(failed)), (1, 1))

    def test_crash_after_a_failure_counts_both(self):
        output = "[==========] Running 2 tests\n[ RUN      ] A.B\n[  FAILED  ] A.B (0 ms)\n[ RUN      ] A.C\n"
        self.assertEqual(count_tests.count_output(output, "fail"), (0, ["A.B", "A.C (did not end)"], 0))

    def test_script_with_its_own_count(self):
        self.assertEqual(count_tests.count_output("x\n3 passed, 0 failed\n", "run"), (3, [], 0))

    def test_script_that_fails_after_its_own_count(self):
        passed, failed, _ = count_tests.count_output("3 passed, 0 failed\n", "fail")
        self.assertEqual((passed, len(failed)), (3, 1))

    def test_plain_program(self):
        self.assertEqual(count_tests.count_output("hello\n", "run"), (1, [], 0))
        self.assertEqual(len(count_tests.count_output("hello\n", "fail")[1]), 1)

    def test_not_built(self):
        passed, failed, _ = count_tests.count_output("", "notrun")
        self.assertEqual((passed, len(failed)), (0, 1))


if __name__ == "__main__":
    unittest.main()
