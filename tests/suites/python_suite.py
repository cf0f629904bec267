# SPDX-License-Identifier: Apache-2.0
"""CPython's own tests of what it needs from the kernel, from libpython3.11-testsuite."""

import re

from suites.suite import Program, Suite

_MODULES = ("os", "posix", "subprocess", "signal", "threading", "multiprocessing_fork", "select", "selectors", "mmap",
            "fcntl", "pty", "io", "fileio", "shutil", "tempfile", "time", "eintr")

_START = re.compile(r"^(\w+) \(([\w.]+)\)")
_END = re.compile(r"(?:^|\.\.\. |\S)(ok|FAIL|ERROR|expected failure|unexpected success|skipped .*)$")
_WORDS = {"FAIL": "failed", "ERROR": "failed", "expected failure": "ok", "unexpected success": "failed"}


def _programs():
    # Without the tests that need a network, a sound card or gigabytes.
    # A shell is the container's init: some tests leave orphans.
    return [Program(f"test_{name}", ("sh", "-c", f"python3 -m test -v -u cpu,subprocess test_{name}; exit $?"),
                    timeout=600) for name in _MODULES]


def parse(_program, _status, output):
    """Outcomes by test, of regrtest's verbose output: "name (module.Class.name) ... ok", perhaps on several lines."""
    outcomes = {}
    current = None
    for line in output.splitlines():
        line = line.rstrip()
        if line.startswith("====") or line.startswith("Ran "):
            current = None
        start = _START.match(line)
        if start and "." in start[2] and start[2].endswith("." + start[1]):
            current = start[2].removeprefix("test.")
            outcomes[current] = "did not end"
        end = _END.search(line)
        if current and end:
            word = "skipped" if end[1].startswith("skipped") else end[1]
            outcomes[current] = _WORDS.get(word, word)
            current = None
    return outcomes


SUITE = Suite("python", "debian-suites", _programs, parse)
