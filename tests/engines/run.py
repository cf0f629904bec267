#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Container engines with this runtime: Docker, containerd's ctr, Podman, each with daemons and directories of its own.

    tests/engines/run.py --runtime build/release/runsc/runsc [--engines docker,containerd,podman] [--cases 'ctr_*']

Afterwards no process, mount, cgroup or network interface may be left. An engine that cannot run on this machine is a failure:
name those that can. The last line is "N passed, M failed".
"""

import argparse
import fnmatch
import os
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from engines import common, containerd, docker, podman  # pylint: disable=wrong-import-position
from harness import processes  # pylint: disable=wrong-import-position
from walls.common import Tally  # pylint: disable=wrong-import-position

ENGINES = {engine.name: engine for engine in (docker.Docker, containerd.Containerd, podman.Podman)}


# Parents that the engines make for all their containers, and keep.
KEPT_CGROUPS = ("docker", "runsc-test", "libpod_parent", "conmon", "machine.slice")


def host_things():
    """What an engine may leave on the host besides processes: cgroups of its own and of its containers, interfaces."""
    cgroups = {os.path.join(top, name) for top, names, _ in os.walk("/sys/fs/cgroup") for name in names
               if re.search(r"[0-9a-f]{64}|^runsc-", name) or name in KEPT_CGROUPS}
    return cgroups | {f"interface {name}" for name in os.listdir("/sys/class/net")}


def leftovers(directory, before):
    left = [f"process {process}" for process in processes.wait_until_gone(10)]
    left += [f"mount {path}" for path in processes.mounts_below(directory)]
    left += [thing for thing in sorted(host_things() - before) if os.path.basename(thing) not in KEPT_CGROUPS]
    return left


def run_engine(name, runsc, pattern, tally):
    chosen = [(case, function) for engine, case, function in common.CASES if engine == name and fnmatch.fnmatchcase(case, pattern)]
    if not chosen:
        return
    before = host_things()
    with tempfile.TemporaryDirectory(prefix=f"re-{name[:3]}-", ignore_cleanup_errors=True) as directory:
        try:
            engine = ENGINES[name](directory, runsc)
        except (common.Absent, AssertionError) as error:
            tally.case(f"{name} starts", [str(error)])
            return
        try:
            for case, function in chosen:
                problems = []
                try:
                    function(engine)
                except Exception as error:  # pylint: disable=broad-exception-caught
                    problems.append(f"{type(error).__name__}: {error}")
                tally.case(f"{name}: {case}", problems)
        finally:
            engine.close()
            left = leftovers(directory, before)
            tally.case(f"{name} leaves nothing", left)
            if left:
                processes.kill_descendants()
    for cgroup in sorted(host_things() - before, reverse=True):
        if os.path.basename(cgroup) in KEPT_CGROUPS:
            try:
                os.rmdir(cgroup)
            except OSError:
                pass


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", default="build/release/runsc/runsc", help="path of the runtime (default: %(default)s)")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--cases", default="*", help="shell pattern of case names")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.engines.split(",") if name not in ENGINES]
    if unknown or os.geteuid() != 0:
        sys.exit(f"run.py: no engine {unknown[0]}" if unknown else "run.py: needs root")
    processes.become_subreaper()
    tally = Tally()
    for name in options.engines.split(","):
        run_engine(name, str(pathlib.Path(options.runtime).resolve()), options.cases, tally)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
