# SPDX-License-Identifier: Apache-2.0
"""What a suite is: programs of a Debian package, run as they are, and how their output names tests and outcomes."""

import dataclasses
from typing import Callable


@dataclasses.dataclass(frozen=True)
class Program:
    """One run in a container of its own."""
    name: str
    argv: tuple
    timeout: float = 300
    uid: int = 0
    tmp_size: str = ""  # of a tmpfs on /tmp; "": a directory of the root filesystem


@dataclasses.dataclass(frozen=True)
class Suite:
    """parse(program, status, output) gives {test: outcome}; outcomes are words such as "ok", "failed", "skipped"."""
    name: str
    root: str  # which root file system; see apps/rootfs.py
    programs: Callable[[], list]
    parse: Callable[[Program, int, str], dict]
    ran: Callable[[str], bool] = lambda outcome: outcome == "ok"  # outcomes of the reference that count as a test


def differences(suite, reference, candidate):
    """[(test, outcome there, outcome here)] of the tests that the reference ran and that ended differently here."""
    return [(name, outcome, candidate.get(name, "absent")) for name, outcome in sorted(reference.items())
            if suite.ran(outcome) and candidate.get(name, "absent") != outcome]
