# SPDX-License-Identifier: Apache-2.0
"""Unit tests of run_guest.py: what it reads from GoogleTest and how it judges."""

import textwrap
import unittest

import run_guest
from run_guest import Case, FAILED, PASSED, SKIPPED


def outcomes(cases):
    return [(case.name, case.outcome) for case in cases]


class ParseListTest(unittest.TestCase):
    def test_joins_suite_and_case(self):
        text = "Running main() from gtest_main.cc\nPipeTest.\n  Reads\n  Writes\nInst/ParamTest.\n  Works/0  # GetParam() = 1\n"
        self.assertEqual(run_guest.parse_list(text), ["PipeTest.Reads", "PipeTest.Writes", "Inst/ParamTest.Works/0"])

    def test_empty_list(self):
        self.assertEqual(run_guest.parse_list("Running main() from gtest_main.cc\n"), [])


class ParseOutputTest(unittest.TestCase):
    FULL = textwrap.dedent("""\
        [==========] Running 3 tests from 1 test suite.
        [ RUN      ] PipeTest.Reads
        [       OK ] PipeTest.Reads (0 ms)
        [ RUN      ] PipeTest.Writes
        pipe_test.cc:3: Failure
        Expected: 1
        [  FAILED  ] PipeTest.Writes (12 ms)
        [ RUN      ] PipeTest.Avx
        no AVX
        [  SKIPPED ] PipeTest.Avx (0 ms)
        [==========] 3 tests from 1 test suite ran. (12 ms total)
        [  PASSED  ] 1 test.
        [  FAILED  ] 1 test, listed below:
        [  FAILED  ] PipeTest.Writes

         1 FAILED TEST
        """)

    def test_whole_run(self):
        cases, running, _ = run_guest.parse_output(self.FULL)
        self.assertEqual(outcomes(cases),
                         [("PipeTest.Reads", PASSED), ("PipeTest.Writes", FAILED), ("PipeTest.Avx", SKIPPED)])
        self.assertIn("Expected: 1", cases[1].details)
        self.assertIsNone(running)

    def test_case_that_was_running_is_named(self):
        text = "\n".join(self.FULL.splitlines()[:5])
        cases, running, printed = run_guest.parse_output(text)
        self.assertEqual(outcomes(cases), [("PipeTest.Reads", PASSED)])
        self.assertEqual(running, "PipeTest.Writes")
        self.assertEqual(printed, "pipe_test.cc:3: Failure")

    def test_parameterised_case(self):
        text = "[ RUN      ] I/P.W/0\n[  FAILED  ] I/P.W/0, where GetParam() = 4 (1 ms)\n"
        self.assertEqual(outcomes(run_guest.parse_output(text)[0]), [("I/P.W/0", FAILED)])

    def test_output_glued_to_an_event_keeps_the_case_running(self):
        _, running, _ = run_guest.parse_output("[ RUN      ] A.B\nnoise[       OK ] A.B (0 ms)\n")
        self.assertEqual(running, "A.B")

    def test_nothing(self):
        self.assertEqual(run_guest.parse_output("container_linux.go: no such file\n"), ([], None, ""))


class ExpectationsTest(unittest.TestCase):
    def test_names_and_reasons(self):
        text = "# heading\n\nPipeTest.Reads  # no pipes yet (#12)\nA.B/0 # x\n"
        self.assertEqual(run_guest.parse_expectations(text), {"PipeTest.Reads": "no pipes yet (#12)", "A.B/0": "x"})

    def test_malformed_entries(self):
        for line in ("PipeTest.Reads", "PipeTest.Reads #", "PipeTest # why", "PipeTest.* # all", "A.B # x\nA.B # y"):
            with self.subTest(line), self.assertRaises(ValueError):
                run_guest.parse_expectations(line)


class JudgeTest(unittest.TestCase):
    def judge(self, cases, expected):
        return run_guest.judge(cases, expected, [case.name for case in cases])

    def test_as_expected(self):
        verdict = self.judge([Case("A.A", PASSED), Case("A.B", FAILED), Case("A.C", SKIPPED)], {"A.B": "why"})
        self.assertEqual((verdict.passed, verdict.expected_failures, verdict.skipped, verdict.problems), (1, 1, 1, []))

    def test_unexpected_failure(self):
        verdict = self.judge([Case("A.A", FAILED, "because")], {})
        self.assertEqual(verdict.problems, [("A.A", "failed", "because")])

    def test_unexpected_pass(self):
        verdict = self.judge([Case("A.A", PASSED)], {"A.A": "why"})
        self.assertEqual(verdict.passed, 0)
        self.assertIn("expected to fail: why", verdict.problems[0][1])

    def test_stale_entry(self):
        verdict = self.judge([Case("A.A", PASSED)], {"A.Gone": "why"})
        self.assertEqual(verdict.problems[0][0], "A.Gone")


class FakeRunner:
    """Answers each run with the next prepared result and remembers the filters it was asked for."""

    def __init__(self, *results):
        self.results = list(results)
        self.runs = 0

    def run(self, *_args, **_keywords):
        self.runs += 1
        return self.results.pop(0)


class ProgramTest(unittest.TestCase):
    def program(self, names):
        program = run_guest.Program.__new__(run_guest.Program)
        program.path = run_guest.pathlib.Path("/bin/true")
        program.options = run_guest.argparse.Namespace(timeout=1, case_timeout=1, filter="*")
        program.names = names
        program.log = ""
        return program

    def result(self, text, status=0, hung=""):
        return run_guest.runtime.Result(status, text.encode(), b"", hung)

    def test_crash_fails_the_running_case_and_the_rest_runs_again(self):
        runner = FakeRunner(self.result("[ RUN      ] A.A\n", 139),
                            self.result("[ RUN      ] A.B\n[       OK ] A.B (0 ms)\n"))
        cases = self.program(["A.A", "A.B"]).run(runner)
        self.assertEqual(outcomes(cases), [("A.A", FAILED), ("A.B", PASSED)])
        self.assertIn("status 139", cases[0].details)

    def test_hang_names_the_case(self):
        runner = FakeRunner(self.result("[ RUN      ] A.A\n", -9, "no output for 60 s"))
        cases = self.program(["A.A"]).run(runner)
        self.assertEqual(outcomes(cases), [("A.A", FAILED)])
        self.assertIn("hung: no output for 60 s", cases[0].details)

    def test_program_that_never_begins_fails_all_cases_at_once(self):
        runner = FakeRunner(self.result("runsc: no such file", 128))
        cases = self.program(["A.A", "A.B"]).run(runner)
        self.assertEqual(outcomes(cases), [("A.A", FAILED), ("A.B", FAILED)])
        self.assertEqual(runner.runs, 1)


if __name__ == "__main__":
    unittest.main()
