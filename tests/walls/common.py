# SPDX-License-Identifier: Apache-2.0
"""What the wall scripts share: a bundle with the storm program, and the question whether anything is left."""

import os
import pathlib
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import bundle, processes  # pylint: disable=wrong-import-position

GONE_WITHIN = 1.0  # seconds from a death until nothing may be left


def add_arguments(parser):
    parser.add_argument("--runtime", default="build/release/runsc/runsc", help="runtime command line (default: %(default)s)")
    parser.add_argument("--guest", default="build/release/guest", help="directory of the guest programs")


def make_bundle(directory, guest):
    """A bundle directory with busybox and storm; config.json is the caller's."""
    rootfs = bundle.make_busybox_rootfs(os.path.join(directory, "rootfs"), applets=("sh", "sleep", "cat"))
    shutil.copy2(os.path.join(guest, "storm"), rootfs / "tests" / "storm")
    return rootfs


def leftovers(runner, container, directory, *, seconds=GONE_WITHIN, managed=(), state_too=True, empty_cgroups_too=True):
    """What of the container is still there after at most `seconds`, as lines: processes that descend from this one,
    cgroups that carry its name (without `empty_cgroups_too` only those with a process in them), mounts in the bundle or
    the state directory, and with `state_too` its state."""
    left = [f"process {process}" for process in processes.wait_until_gone(seconds, managed)]
    left += [f"cgroup {path}" for path in processes.cgroups_named(container)
             if empty_cgroups_too or processes.members_of_cgroup(path)]
    left += [f"mount {path}" for path in processes.mounts_below(directory, runner.state)]
    if state_too:
        left += [f"state {path}" for path in pathlib.Path(runner.state).rglob("*") if container in path.name]
    return left


class Tally:
    """Counts cases and prints the failed ones; the last line is what ./dev test reads."""

    LINES = 15  # of each failed case

    def __init__(self):
        self.passed = self.failed = 0

    def case(self, name, problems):
        if problems:
            self.failed += 1
            lines = [line for problem in problems for line in problem.splitlines()]
            print(f"{name}: failed", *(f"    {line}" for line in lines[:self.LINES]), sep="\n", flush=True)
            if len(lines) > self.LINES:
                print(f"    ... {len(lines) - self.LINES} lines more", flush=True)
        else:
            self.passed += 1

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0
