#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks from outside, with the host's tracer, which system calls the threads of stubs make natively.

    tests/walls/native_calls.py --runtime build/release/runsc/runsc [--weakened build/release/tests/walls/runsc_without_guest_filter]

The host reports a call to raw_syscalls:sys_enter when it has passed the seccomp filters, so what a filter stops or the
sentry answers is not there. A guest thread may make: rt_sigreturn, a wait on its slot, its first call (it installs its own
filter), its end, and the calls that the sentry's log says it let through, one for one. A helper makes the calls of its
table. With --weakened, a runsc whose guest threads have no filter of their own, the same test must find an intruder.
Needs root and tracefs. The last line is "N passed, M failed".
"""

import argparse
import collections
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import bundle, processes, runtime  # pylint: disable=wrong-import-position
from walls import common  # pylint: disable=wrong-import-position

# platform/systrap/stub_layout.h
SLOTS, SLOTS_END = 0x7fff10000000, 0x7fff10000000 + 0x40000000
FILTERS = 0x7fff00001000

MMAP, MPROTECT, MUNMAP, RT_SIGPROCMASK, RT_SIGRETURN, MREMAP, MSYNC, MADVISE = 9, 10, 11, 14, 15, 25, 26, 28
CLOSE, CLONE, EXIT, PRCTL, ARCH_PRCTL, FUTEX, SECCOMP = 3, 56, 60, 157, 158, 202, 317
# Calls that are vetted and let through, and how many of their arguments count.
CONTINUED = {MMAP: 6, MPROTECT: 3, MUNMAP: 2, MADVISE: 3, ARCH_PRCTL: 2}
HELPER = {CLOSE, MMAP, MPROTECT, MUNMAP, RT_SIGPROCMASK, MREMAP, MSYNC, MADVISE, CLONE, PRCTL, FUTEX, SECCOMP}
CLONE_THREAD = 0x10000
FUTEX_WAIT = 0

_ENTER = re.compile(r"-(\d+)\s+\[\d+\].*? sys_enter: NR (-?\d+) \(([^)]*)\)")
_TASK = re.compile(r" task_newtask: pid=(\d+) comm=.* clone_flags=([0-9a-f]+) ")
_LOGGED = re.compile(r" systrap: thread \d+ makes call (\d+) itself \(([^)]*)\)")

Call = collections.namedtuple("Call", "thread number arguments")


def parse_call(line):
    match = _ENTER.search(line)
    if not match:
        return None
    return Call(int(match[1]), int(match[2]), tuple(int(word, 16) for word in match[3].split(", ")))


def vetted(log):
    """The calls that the sentry's log lines say it let through: a multiset of (number, arguments that count)."""
    found = collections.Counter()
    for line in log:
        match = _LOGGED.search(line)
        if match:
            number = int(match[1])
            found[number, tuple(int(word, 16) for word in match[2].split(", "))[:CONTINUED.get(number, 0)]] += 1
    return found


def judge(trace, log):
    """What is wrong with the lines of the trace, as texts; and how many calls of guest threads were seen."""
    allowed = vetted(log)
    guests, newcomers, problems, seen = set(), set(), [], 0
    for line in trace:
        task = _TASK.search(line)
        if task:
            (guests.add if int(task[2], 16) & CLONE_THREAD else guests.discard)(int(task[1]))
            newcomers.add(int(task[1]))
            continue
        call = parse_call(line)
        if not call:
            continue
        number, arguments = call.number, call.arguments
        first = call.thread in newcomers
        newcomers.discard(call.thread)
        if call.thread not in guests:
            if number not in HELPER:
                problems.append(f"a helper: {line.strip()}")
            continue
        seen += 1
        if number in (RT_SIGRETURN, EXIT):
            continue
        if number == FUTEX and SLOTS <= arguments[0] < SLOTS_END and arguments[1] == FUTEX_WAIT:
            continue
        if number == SECCOMP and first and arguments[:3] == (1, 0, FILTERS):
            continue
        key = number, arguments[:CONTINUED.get(number, 0)]
        if number in CONTINUED and allowed[key] > 0:
            allowed[key] -= 1
            continue
        problems.append(f"a guest thread: {line.strip()}")
    return problems, seen


@contextlib.contextmanager
def tracing(comm):
    """Records the native calls of threads named `comm`; gives a function that returns the lines."""
    with tempfile.TemporaryDirectory(prefix="runsc-trace-") as point:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"none", point.encode(), b"tracefs", 0, None) != 0:
            raise OSError(ctypes.get_errno(), "mounting tracefs")
        instance = pathlib.Path(point, "instances", f"runsc-walls-{os.getpid()}")
        try:
            instance.mkdir()
            (instance / "buffer_size_kb").write_text("16384")
            (instance / "events/raw_syscalls/sys_enter/filter").write_text(f'comm == "{comm}"')
            for event in ("raw_syscalls/sys_enter", "task/task_newtask"):
                (instance / "events" / event / "enable").write_text("1")

            def lines():
                (instance / "tracing_on").write_text("0")
                for stats in instance.glob("per_cpu/cpu*/stats"):
                    if not re.search(r"^overrun: 0$", stats.read_text(), re.MULTILINE):
                        raise RuntimeError("the tracer lost events")
                return (instance / "trace").read_text(errors="replace").splitlines()
            yield lines
        finally:
            if instance.exists():
                instance.rmdir()
            libc.umount2(point.encode(), 2)


def observe(runner, directory, program, arguments, seconds):
    """Runs the program for that long; (trace, log, what it wrote)."""
    comm = f"wall-{os.getpid() % 10**9}"
    rootfs = pathlib.Path(directory, "rootfs")
    shutil.copy2(rootfs / "tests" / program, rootfs / "tests" / comm)
    bundle.write(directory, bundle.config([f"/tests/{comm}", *arguments]))
    container = runner.new_id("walls")
    with tempfile.TemporaryDirectory(prefix="runsc-log-") as logs, tracing(comm) as lines:
        argv = runner.argv("--debug", "--debug-log", f"{logs}/", "run", "--bundle", directory, container)
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                runner.destroy(container)
                output, _ = process.communicate(timeout=30)
        time.sleep(0.1)  # for the tracer: threads that were dying
        log = [line for path in pathlib.Path(logs).glob("*sentry*") for line in path.read_text(errors="replace").splitlines()]
        return lines(), log, output.decode(errors="replace")


def check(runner, directory, program, arguments, seconds, expected):
    trace, log, output = observe(runner, directory, program, arguments, seconds)
    problems, seen = judge(trace, log)
    print(f"{program} {' '.join(arguments)}: {seen} native calls of guest threads, {sum(vetted(log).values())} vetted, "
          f"{len(problems)} that nobody allowed", flush=True)
    if seen < 10:
        problems.append(f"only {seen} calls were seen")
    if expected not in output:
        problems.append(f"no '{expected}' in: {output[-500:]}")
    return problems


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_arguments(parser)
    parser.add_argument("--weakened", help="a runsc without the filter of guest threads: must be found out")
    parser.add_argument("--seconds", type=float, default=3, help="how long the busy guest runs (default: %(default)s)")
    options = parser.parse_args(arguments)

    processes.become_subreaper()
    tally = common.Tally()
    with tempfile.TemporaryDirectory(prefix="runsc-walls-") as directory:
        rootfs = common.make_bundle(directory, options.guest)
        shutil.copy2(os.path.join(options.guest, "intruder"), rootfs / "tests" / "intruder")
        with runtime.Runtime(options.runtime) as runner:
            tally.case("busy", check(runner, directory, "storm", ["busy"], options.seconds, "ready"))
            tally.case("intruder", check(runner, directory, "intruder", [], 60, "tried"))
        if options.weakened:
            with runtime.Runtime(options.weakened) as runner:
                problems = check(runner, directory, "intruder", [], 60, "")
                tally.case("weakened", [] if any(f"NR {MUNMAP} " in problem for problem in problems)
                           else ["without the guest threads' own filter, too, nothing was found"] + problems)
    return tally.finish()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (FileNotFoundError, OSError) as error:
        sys.exit(f"native_calls.py: {error}\n0 passed, 1 failed")
