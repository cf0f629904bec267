#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs others' test suites, unmodified, under a runtime and under runc, and compares the outcomes by the tests' names.

    tests/suites/run.py --runtime "build/release/runsc/runsc --platform=systrap" [--suite python] [--programs 'test_os*']

Only tests that the reference passes count. Those that are known to differ are in tests/expectations/suites.txt, by exact
name with a reason; one that is listed and does not differ fails the run, unless its reason begins with "unsteady:". For
each suite the share that differs, known or not, is printed. The last line is "N passed, M failed".
"""

import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from apps import rootfs  # pylint: disable=wrong-import-position
from harness import bundle, runtime  # pylint: disable=wrong-import-position
from suites import python_suite, stress_ng_suite  # pylint: disable=wrong-import-position
from suites.suite import differences  # pylint: disable=wrong-import-position

SUITES = {suite.name: suite for suite in (python_suite.SUITE, stress_ng_suite.SUITE)}
EXPECTATIONS = pathlib.Path(__file__).resolve().parent.parent / "expectations" / "suites.txt"


class Side:
    """One runtime with its own copy of a root filesystem."""

    def __init__(self, command, directory, root, logs):
        self.runner = runtime.Runtime(command)
        self.directory = directory
        self.logs = logs
        os.makedirs(directory)
        rootfs.MAKERS[root](os.path.join(directory, "rootfs"))

    def run(self, suite, program):
        """{test: outcome} of one program."""
        temporary = os.path.join(self.directory, "rootfs", "tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        os.mkdir(temporary)
        os.chmod(temporary, 0o1777)
        process = {"user": {"uid": program.uid, "gid": program.uid}}
        if program.uid:
            process["capabilities"] = {}
        config = bundle.config(program.argv, **process)
        if program.tmp_size:
            config["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
                                     "options": ["nosuid", "nodev", "mode=1777", f"size={program.tmp_size}"]})
        bundle.write(self.directory, config)
        result = self.runner.run(self.directory, timeout=program.timeout, merge=True)
        output = result.stdout.decode(errors="backslashreplace")
        if self.logs:
            pathlib.Path(self.logs, f"{suite.name}-{program.name.replace('/', '_')}-{os.path.basename(self.directory)}.log"
                         ).write_text(f"{output}\nstatus {result.status} {result.hung}\n", encoding="utf-8")
        return {"hung": result.hung} | suite.parse(program, -1 if result.hung else result.status, output)


def expectations(path):
    """{(suite, test): reason}, from lines "suite test  # reason"."""
    known = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, reason = line.partition("#")
        if name.strip():
            if not reason.strip():
                sys.exit(f"{path}: {name.strip()}: no reason")
            suite, _, test = name.strip().partition(" ")
            known[suite, test] = reason.strip()
    return known


def run_suite(suite, options, known):
    """Prints what differs; returns (passed, failed, all that differ)."""
    programs = [program for program in suite.programs() if fnmatch.fnmatchcase(program.name, options.programs)]
    if not programs:
        sys.exit(f"{suite.name}: no program matches {options.programs}")
    passed = failed = different = 0
    with tempfile.TemporaryDirectory(prefix="runsc-suites-") as directory, concurrent.futures.ThreadPoolExecutor(2) as pool:
        sides = [Side(command, os.path.join(directory, name), suite.root, options.logs)
                 for name, command in (("reference", options.reference), ("runtime", options.runtime))]
        with sides[0].runner, sides[1].runner:
            for program in programs:
                reference, candidate = pool.map(lambda side, program=program: side.run(suite, program), sides)
                for who, outcomes in (("reference", reference), ("runtime", candidate)):
                    if outcomes.pop("hung"):
                        print(f"{suite.name} {program.name}: the {who} hung", flush=True)
                differ = {name: there_here for name, *there_here in differences(suite, reference, candidate)}
                counted = [name for name, outcome in reference.items() if suite.ran(outcome)]
                for name in counted:
                    reason = known.get((suite.name, name), "")
                    different += name in differ
                    if name in differ and not reason:
                        failed += 1
                        print(f"{suite.name} {name}: {differ[name][0]} there, {differ[name][1]} here", flush=True)
                    elif name not in differ and reason and not reason.startswith("unsteady:"):
                        failed += 1
                        print(f"{suite.name} {name}: is equal, but tests/expectations/suites.txt lists it", flush=True)
                    elif name not in differ:
                        passed += 1
                print(f"{suite.name} {program.name}: {len(counted)} tests, {len(differ)} differ", flush=True)
    return passed, failed, different


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", default="runc", help="runtime command line (default: %(default)s)")
    parser.add_argument("--reference", default="runc", help="what it is compared with (default: %(default)s)")
    parser.add_argument("--suite", action="append", choices=sorted(SUITES), help="which suites (default: all)")
    parser.add_argument("--programs", default="*", help="shell pattern of the suites' programs")
    parser.add_argument("--logs", help="directory for the programs' output")
    options = parser.parse_args(arguments)
    known = expectations(EXPECTATIONS)
    passed = failed = 0
    for name in options.suite or sorted(SUITES):
        good, bad, different = run_suite(SUITES[name], options, known)
        print(f"{name}: {different} of {good + bad} differ ({100 * different / max(1, good + different):.1f} %)", flush=True)
        passed += good
        failed += bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (FileNotFoundError, RuntimeError) as error:
        sys.exit(f"run.py: {error}\n0 passed, 1 failed")
