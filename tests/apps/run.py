#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs real programs under a runtime and under runc in the same bundle, and compares what they do.

    tests/apps/run.py --runtime "build/release/runsc/runsc --platform=systrap" [--rows 'debian/python-*'] ...
    tests/apps/run.py --runtime runc       # the reference against itself: every row must be stable

Rows are in rows_*.py; those of debian-* are heavy. Compared are the exit status, stdout, stderr and what is left in /tmp of the
bundle afterwards, exactly, unless the row gives a normaliser or a predicate with its reason. The last line is
"N passed, M failed".
"""

import argparse
import concurrent.futures
import fnmatch
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from apps import compare, rootfs, rows_busybox, rows_debian, rows_dev, rows_scripts, rows_servers  # pylint: disable=wrong-import-position
from harness import bundle, runtime  # pylint: disable=wrong-import-position

ROWS = [*rows_busybox.ROWS, *rows_debian.ROWS, *rows_scripts.ROWS, *rows_dev.ROWS,
        *rows_servers.ROWS]


class Side:
    """One runtime with its own copy of every root filesystem."""

    def __init__(self, command, directory, roots, timeout):
        self.runner = runtime.Runtime(command)
        self.directory = directory
        self.timeout = timeout
        for root in roots:
            os.makedirs(os.path.join(directory, root))
            rootfs.MAKERS[root](os.path.join(directory, root, "rootfs"))

    def run(self, row):
        home = os.path.join(self.directory, row.root)
        temporary = os.path.join(home, "rootfs", "tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        os.mkdir(temporary)
        os.chmod(temporary, 0o1777)
        bundle.write(home, bundle.config(row.argv))
        result = self.runner.run(home, timeout=self.timeout, stdin=row.stdin.encode())
        return compare.Outcome(result.status, result.stdout.decode(errors="backslashreplace"),
                               result.stderr.decode(errors="backslashreplace"), compare.snapshot(temporary), result.hung)


def expected_differences(path):
    """Names of rows that are known to differ, from lines "row  # reason"."""
    names = set()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            name, _, reason = line.partition("#")
            if name.strip():
                if not reason.strip():
                    sys.exit(f"{path}: {name.strip()}: no reason")
                names.add(name.strip())
    return names


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", default="runc", help="runtime command line (default: %(default)s)")
    parser.add_argument("--reference", default="runc", help="what it is compared with (default: %(default)s)")
    parser.add_argument("--rows", default="*", help="shell pattern of row names (default: all)")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one row under one runtime")
    parser.add_argument("--verbose", "-v", action="store_true", help="print each row's outcome under the reference")
    options = parser.parse_args(arguments)

    rows = [row for row in ROWS if fnmatch.fnmatchcase(row.name, options.rows)]
    if not rows:
        sys.exit(f"no row matches {options.rows}")
    roots = sorted({row.root for row in rows})
    known = expected_differences(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "expectations",
                                              "apps.txt")) if options.runtime != options.reference else set()
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="runsc-apps-") as directory, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        sides = [Side(command, os.path.join(directory, name), roots, options.timeout)
                 for name, command in (("reference", options.reference), ("runtime", options.runtime))]
        with sides[0].runner, sides[1].runner:
            for row in rows:
                outcomes = list(pool.map(lambda side, row=row: side.run(row), sides))
                different = compare.difference(row, *outcomes)
                if different and row.name in known:
                    print(f"{row.name}: differs, as expected", flush=True)
                elif row.name in known:
                    failed += 1
                    print(f"{row.name}: is equal, but tests/expectations/apps.txt lists it", flush=True)
                elif different:
                    failed += 1
                    print(f"{row.name}: differs\n    " + "\n    ".join(different.splitlines()[:40]), flush=True)
                else:
                    passed += 1
                if options.verbose:
                    print(f"{row.name}\n    " + "\n    ".join(outcomes[0].text().splitlines()), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (FileNotFoundError, RuntimeError) as error:
        sys.exit(f"run.py: {error}\n0 passed, 1 failed")
