#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The OCI command line, verb by verb, under a runtime and under runc.

    tests/oci/run.py --runtime build/release/runsc/runsc [--cases 'exec_*'] [--reference runc]

Each case is a function in cases_*.py. It must hold for the reference too (otherwise the case is wrong), unless it is about
something only this runtime has. Afterwards nothing may be left on the host. The last line is "N passed, M failed".
"""

import argparse
import fnmatch
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import bundle, processes, runtime  # pylint: disable=wrong-import-position
from oci import box, cases_cli, cases_exec, cases_host, cases_lifecycle, cases_settings  # pylint: disable=wrong-import-position,unused-import
from walls import common  # pylint: disable=wrong-import-position


def problems_of(function, runner, rootfs, is_ours):
    """What is wrong with how the runtime takes the case, as lines."""
    with tempfile.TemporaryDirectory(prefix="runsc-oci-") as directory:
        one = box.Box(runner, directory, rootfs, is_ours)
        problems = []
        try:
            function(one)
        except Exception as error:  # pylint: disable=broad-exception-caught
            problems.append(f"{type(error).__name__}: {error}")
        runner.destroy(one.id)
        problems += [f"left: {line}" for line in one.leftovers()]
        if problems:
            processes.kill_descendants()
        return problems


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", default="build/release/runsc/runsc", help="runtime command line; empty: none (default: %(default)s)")
    parser.add_argument("--reference", default="runc", help="what must do the same; empty: nothing (default: %(default)s)")
    parser.add_argument("--cases", default="*", help="shell pattern of case names")
    options = parser.parse_args(arguments)

    processes.become_subreaper()
    tally = common.Tally()
    with tempfile.TemporaryDirectory(prefix="runsc-oci-root-") as top:
        rootfs = bundle.make_busybox_rootfs(pathlib.Path(top, "rootfs"), applets=box.APPLETS)
        for is_ours, command in ((True, options.runtime), (False, options.reference)):
            if not command:
                continue
            with runtime.Runtime(command) as runner:
                for name, function, ours in box.CASES:
                    if fnmatch.fnmatchcase(name, options.cases) and (is_ours or not ours):
                        label = name if is_ours else f"{name} under {command}"
                        tally.case(label, problems_of(function, runner, rootfs, is_ours))
    return tally.finish()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FileNotFoundError as error:
        sys.exit(f"run.py: {error}\n0 passed, 1 failed")
