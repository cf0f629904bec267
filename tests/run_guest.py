#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the guest tests in containers and compares each case with what is expected of the platform.

    tests/run_guest.py --runtime runc --platform native --guest build/release/guest
    tests/run_guest.py --runtime "build/release/runsc/runsc --platform=systrap" --platform systrap --guest ... [PROGRAM...]

Each test program (a static GoogleTest executable, *_test) runs in a container of its own: a root filesystem with busybox
and the program, root with all capabilities. tests/expectations/PLATFORM.txt lists the cases that fail, each with its
reason: "Suite.Case  # reason". A case that fails without being listed there fails the run, and so does one that is listed
and passes, and an entry that names no case. A program that crashes or hangs fails the case that was running; it is
started again for the cases behind it. The last line is "N passed, M failed".
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import bundle, runtime  # pylint: disable=wrong-import-position

HERE = pathlib.Path(__file__).resolve().parent

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
_EVENT = re.compile(r"^\[ +(RUN|OK|FAILED|SKIPPED) +\] ([\w/]+\.[\w/]+)(?:,.*)?(?: \(\d+ ms\))?$")


@dataclasses.dataclass
class Case:
    name: str  # Suite.Case
    outcome: str
    details: str = ""  # what the case printed, or why it counts as failed


def parse_list(text):
    """The case names of --gtest_list_tests, in order."""
    names, suite = [], ""
    for line in text.splitlines():
        line = line.split("#")[0].rstrip()
        if line and not line.startswith(" "):
            suite = line if line.endswith(".") else ""
        elif line and suite:
            names.append(suite + line.strip())
    return names


def parse_output(text):
    """(cases that ended, name of the case that was running at the end or None, what it had printed)."""
    cases, running, printed = [], None, []
    for line in text.splitlines():
        event = _EVENT.match(line)
        if not event:
            printed.append(line)
            continue
        kind, name = event.groups()
        if kind == "RUN":
            running, printed = name, []
        elif name == running:  # the summary at the end repeats names of cases that are over
            outcome = {"OK": PASSED, "FAILED": FAILED, "SKIPPED": SKIPPED}[kind]
            cases.append(Case(name, outcome, "\n".join(printed) if outcome != PASSED else ""))
            running, printed = None, []
    return cases, running, "\n".join(printed) if running else ""


def parse_expectations(text, path="expectations"):
    """{case name: reason} of an expectations file; ValueError with its line for an entry that is not well-formed."""
    expected = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = re.fullmatch(r"(\w[\w/]*\.[\w/]+)\s+#\s*(\S.*)", line.strip())
        if not entry:
            raise ValueError(f"{path}:{number}: want 'Suite.Case  # reason', not '{line.strip()}'")
        if entry.group(1) in expected:
            raise ValueError(f"{path}:{number}: {entry.group(1)} is listed twice")
        expected[entry.group(1)] = entry.group(2)
    return expected


@dataclasses.dataclass
class Verdict:
    passed: int
    skipped: int
    expected_failures: int
    problems: list  # (case name, why it fails the run, details)


def judge(cases, expected, all_names):
    """Compares outcomes with expectations. `all_names` are the cases that exist, run or not."""
    verdict = Verdict(0, 0, 0, [])
    for case in cases:
        if case.outcome == FAILED:
            if case.name in expected:
                verdict.expected_failures += 1
            else:
                verdict.problems.append((case.name, "failed", case.details))
        elif case.outcome == SKIPPED:
            verdict.skipped += 1
        elif case.name in expected:
            verdict.problems.append((case.name, f"passed, but is expected to fail: {expected[case.name]}", ""))
        else:
            verdict.passed += 1
    for name in sorted(set(expected) - set(all_names)):
        verdict.problems.append((name, "is in the expectations, but there is no such case", ""))
    return verdict


class Program:
    """One test program and its bundle, run as often as it takes to have an outcome for every case."""

    def __init__(self, path, options):
        self.path = pathlib.Path(path)
        self.options = options
        listed = subprocess.run([self.path, "--gtest_list_tests", f"--gtest_filter={options.filter}"],
                                capture_output=True, text=True, check=True, timeout=60)
        self.names = parse_list(listed.stdout)
        self.log = ""

    def run(self, runner):
        """Returns a Case for every name."""
        done = {}
        with tempfile.TemporaryDirectory(prefix=f"runsc-test-{self.path.name}-") as directory:
            rootfs = bundle.make_busybox_rootfs(os.path.join(directory, "rootfs"))
            shutil.copy2(self.path, rootfs / "tests" / self.path.name)
            while remaining := [name for name in self.names if name not in done]:
                ended = self._run_once(runner, directory, remaining)
                if not ended:
                    break
                done.update((case.name, case) for case in ended)
        return [done[name] for name in self.names]

    def _run_once(self, runner, directory, names):
        bundle.write(directory, bundle.config(
            [f"/tests/{self.path.name}", "--gtest_color=no", f"--gtest_filter={':'.join(names)}"]))
        result = runner.run(directory, timeout=self.options.timeout, idle_timeout=self.options.case_timeout, merge=True)
        text = result.stdout.decode(errors="replace")
        self.log += f"===== {self.path.name}: status {result.status} {result.hung}\n{text}"
        cases, running, printed = parse_output(text)
        cases = [case for case in cases if case.name in names]
        end = f"hung: {result.hung}" if result.hung else f"the program ended with status {result.status}"
        if running:
            cases.append(Case(running, FAILED, f"{end}\n{printed}"))
        elif not cases:
            last = "\n".join(text.splitlines()[-15:])
            cases = [Case(name, FAILED, f"never began: {end}\n{last}") for name in names]
        return cases


def show(problems, limit=25):
    shown = ""
    for name, why, details in problems:
        if details and details == shown:
            print(f"{name}: {why}, as above")
            continue
        print(f"{name}: {why}")
        shown = details
        lines = details.splitlines()
        for line in lines[:limit]:
            print(f"    {line}")
        if len(lines) > limit:
            print(f"    ... {len(lines) - limit} lines more")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", default="runc", help="runtime command line (default: %(default)s)")
    parser.add_argument("--platform", default="native", help="names the expectations file (default: %(default)s)")
    parser.add_argument("--guest", default="build/release/guest", help="directory of the test programs")
    parser.add_argument("--filter", default="*", help="GoogleTest filter of the cases to run")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one run of a program")
    parser.add_argument("--case-timeout", type=float, default=60, help="seconds without output until a case counts as hung")
    parser.add_argument("--jobs", "-j", type=int, default=os.cpu_count())
    parser.add_argument("--log", help="file for the whole output of all programs")
    parser.add_argument("programs", nargs="*", help="names of programs (default: all *_test)")
    options = parser.parse_args(arguments)

    guest = pathlib.Path(options.guest)
    paths = [guest / name for name in options.programs] or sorted(guest.glob("*_test"))
    if not paths:
        sys.exit(f"no test programs in {guest}")
    expectations = HERE / "expectations" / f"{options.platform}.txt"
    expected = parse_expectations(expectations.read_text(encoding="utf-8"), expectations)
    programs = [program for program in (Program(path, options) for path in paths) if program.names]
    names = [name for program in programs for name in program.names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        sys.exit(f"two programs have the same case: {', '.join(twice)}")
    if options.programs or options.filter != "*":
        expected = {name: reason for name, reason in expected.items() if name in names}

    cases = []
    with runtime.Runtime(options.runtime) as runner, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for program, ended in zip(programs, pool.map(lambda each: each.run(runner), programs)):
            cases += ended
            bad = [case.name for case in ended if case.outcome == FAILED and case.name not in expected]
            print(f"{program.path.name:28} {len(ended):4} cases{f', {len(bad)} failed' if bad else ''}", flush=True)
    if options.log:
        pathlib.Path(options.log).write_text("".join(program.log for program in programs), encoding="utf-8")
    verdict = judge(cases, expected, names)
    show(verdict.problems)
    if verdict.skipped or verdict.expected_failures:
        print(f"{verdict.skipped} skipped, {verdict.expected_failures} failed as expected")
    print(f"{verdict.passed} passed, {len(verdict.problems)} failed")
    return 1 if verdict.problems or not verdict.passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FileNotFoundError as error:
        sys.exit(f"run_guest.py: {error}\n0 passed, 1 failed")
