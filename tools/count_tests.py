#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the test cases of a ctest run.

    tools/count_tests.py JUNIT.xml

Reads ctest's --output-junit file (with whole outputs: --test-output-size-passed) and prints, on the last line,
"N passed, M failed, K skipped". A ctest test that runs GoogleTest counts as its cases; one that prints a line
"N passed, M failed" itself counts as that; any other counts as one. A test that failed without a failed case (a crash, a
timeout, a wrong exit code) adds one failure. The lines before name each failure.
"""

import re
import sys
import xml.etree.ElementTree


def count_output(output, status):
    """(passed, failed case names, skipped) of one ctest test, status being "run", "fail" or "notrun"/"disabled"."""
    skipped = len(set(re.findall(r"^\[  SKIPPED \] (\S+) \(\d+ ms\)", output, re.M)))
    passed = len(re.findall(r"^\[       OK \] \S+", output, re.M))
    failed = re.findall(r"^\[  FAILED  \] (\S+?),? .*\(\d+ ms\)$", output, re.M)
    ended = set(re.findall(r"^\[(?:       OK |  FAILED  |  SKIPPED )\] ([^\s,]+)", output, re.M))
    failed += [f"{name} (did not end)" for name in re.findall(r"^\[ RUN      \] (\S+)", output, re.M) if name not in ended]
    if not re.search(r"^\[==========\] Running", output, re.M):
        own = re.findall(r"^(\d+) passed, (\d+) failed$", output, re.M)
        if own:
            passed = int(own[-1][0])
            failed = ["(see its output)"] * int(own[-1][1])
        elif status == "run":
            passed = 1
    if status != "run" and not failed:
        failed = ["(no case failed: crash, time-out, wrong exit code or not built)"]
    return passed, failed, skipped


def count_file(path):
    """Sums count_output over a JUnit file; returns (passed, failed names, skipped, ctest tests)."""
    passed, failed, skipped, tests = 0, [], 0, 0
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        tests += 1
        output = case.findtext("system-out") or ""
        ok, bad, skip = count_output(output, case.get("status", "run"))
        passed += ok
        skipped += skip
        failed += [f"{case.get('name')} {name}" for name in bad]
    return passed, failed, skipped, tests


def main():
    passed, failed, skipped, _ = count_file(sys.argv[1])
    for name in failed:
        print(f"  failed: {name}")
    print(f"{passed} passed, {len(failed)} failed, {skipped} skipped")


if __name__ == "__main__":
    main()
