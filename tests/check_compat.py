#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether docs/COMPAT.md is what the runtime says of itself: check_compat.py --runtime RUNSC. Exits 1 when it is not."""

import argparse
import pathlib
import subprocess
import sys

COMPAT = pathlib.Path(__file__).resolve().parent.parent / "docs/COMPAT.md"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", required=True)
    runtime = parser.parse_args().runtime
    told = subprocess.run([runtime, "syscalls", "--format=md"], check=True, capture_output=True, text=True).stdout
    good = told == COMPAT.read_text()
    if not good:
        print(f"{COMPAT} is out of date: {runtime} syscalls --format=md > {COMPAT}")
    print("1 passed, 0 failed" if good else "0 passed, 1 failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
