#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""10,000 forks and 10,000 threads in a row, 500 processes alive and 1,000 threads blocked at once: what does it cost?

    tests/walls/endurance.py --runtime build/release/runsc/runsc [--first 1000 --last 10000 --alive 500 --blocked 1000]
    tests/walls/endurance.py ... --cases blocked

The guest stops after the first 1,000 and after 10,000; the sentry's and the gofer's memory, their descriptors and the number
of the sandbox's processes must then be where they were. After 500 processes have been alive and have ended, the descriptors
and processes must be back where they were before. While 1,000 threads are blocked, the system call of another one must cost
less than 15 microseconds at the median, for nothing may wait where the host looks through all that waits. Under a runtime without a sentry (runc) only the guest's own checks count.
The last line is "N passed, M failed".
"""

import argparse
import os
import select
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import bundle, processes, runtime  # pylint: disable=wrong-import-position
from walls import common  # pylint: disable=wrong-import-position

# What may differ between two moments that should be alike. Memory: allocators keep free lists, and a page here and there.
MEMORY_SLACK_KIB = 2048
MEMORY_SLACK = 0.05
DESCRIPTOR_SLACK = 4
CALL_LIMIT_NS = 15_000


class Guest:
    """A running storm container: read its lines, let it go on, measure its sandbox."""

    def __init__(self, runner, directory, arguments, timeout):
        self.runner, self.timeout = runner, timeout
        self.container = runner.new_id("walls")
        bundle.write(directory, bundle.config(["/tests/storm", *arguments]))
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(runner.argv("run", "--bundle", directory, self.container),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, bufsize=0)

    def read_line(self, wanted):
        """The next line; `wanted` says in errors what it should have been."""
        got = b""
        deadline = time.monotonic() + self.timeout
        while not got.endswith(b"\n"):
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            if not readable:
                raise RuntimeError(f"no '{wanted}' in {self.timeout} s")
            byte = os.read(self.process.stdout.fileno(), 1)
            if not byte:
                break
            got += byte
        return got.decode(errors="replace").rstrip("\n")

    def expect(self, line):
        """Reads the next line and raises RuntimeError unless it is this one."""
        got = self.read_line(line)
        if got != line:
            self.errors.seek(0)
            raise RuntimeError(f"want '{line}', got '{got}'; "
                               f"stderr: {self.errors.read().decode(errors='replace')[-2000:]}")

    def go_on(self):
        self.process.stdin.write(b"\n")

    def end(self):
        status = self.process.wait(self.timeout)
        if status:
            raise RuntimeError(f"the runtime ended with {status}")

    def abandon(self):
        if self.process.poll() is None:
            self.runner.destroy(self.container)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()

    def measure(self):
        """{figure: value} of the sandbox now; {} when there is no sentry."""
        found = processes.roles(self.process.pid)
        if not found["sentry"]:
            return {}
        figures = {"processes": sum(len(those) for those in found.values())}
        for role in ("sentry", "gofer"):
            figures[f"{role} descriptors"] = sum(processes.descriptors(each.pid) for each in found[role])
            figures[f"{role} KiB"] = sum(processes.resident_kib(each.pid) for each in found[role])
        return figures

    def settle(self, reference):
        """measure(), when it has come down to `reference` or one second has passed: what ends may take that long."""
        deadline = time.monotonic() + common.GONE_WITHIN
        while True:
            figures = self.measure()
            if not growth(reference, figures) or time.monotonic() > deadline:
                return figures
            time.sleep(0.02)


def growth(before, after, memory=True):
    """Lines that say which figure is larger after than before, beyond its slack."""
    lines = []
    for name, value in before.items():
        if name.endswith("KiB"):
            allowed = max(value * (1 + MEMORY_SLACK), value + MEMORY_SLACK_KIB) if memory else float("inf")
        else:
            allowed = value + DESCRIPTOR_SLACK
        if after.get(name, 0) > allowed:
            lines.append(f"{name}: {value} before, {after[name]} after")
    return lines


def sequence(guest, what, first, last):
    guest.expect(f"{what} {first}")
    before = guest.measure()
    guest.go_on()
    guest.expect(f"{what} {last}")
    after = guest.settle(before)
    print(f"{what}: after {first} {before}\n{what}: after {last} {after}", flush=True)
    guest.go_on()
    guest.end()
    return growth(before, after)


def alive(guest, count):
    guest.expect(f"alive {count}")
    high = guest.measure()
    problems = []
    if high and high["processes"] < count:
        problems.append(f"only {high['processes']} processes while {count} are alive")
    guest.go_on()
    guest.expect(f"ended {count}")
    # One guest process is left; what that costs is what a fresh container costs, so only a bound is known: far below.
    after = guest.settle({"processes": 16})
    print(f"alive: at {count} {high}\nalive: ended {after}", flush=True)
    problems += growth({"processes": 16, "sentry descriptors": high.get("sentry descriptors", 0) // 2 + 32}, after)
    guest.go_on()
    guest.end()
    return problems


def blocked(guest, count):
    quiet = guest.read_line("quiet NS")
    guest.expect(f"blocked {count}")
    high = guest.measure()
    guest.go_on()
    beside = guest.read_line("beside NS")
    print(f"blocked: a call costs {quiet} ns, beside {count} blocked threads {beside} ns\nblocked: at {count} {high}", flush=True)
    guest.expect(f"ended {count}")
    print(f"blocked: ended {guest.measure()}", flush=True)
    guest.go_on()
    guest.end()
    name, _, nanoseconds = beside.partition(" ")
    if name != "beside" or not nanoseconds.isdigit():
        return [f"want 'beside NS', got '{beside}'"]
    if int(nanoseconds) > CALL_LIMIT_NS:
        return [f"a call beside {count} blocked threads costs {nanoseconds} ns, more than {CALL_LIMIT_NS}"]
    return []


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_arguments(parser)
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--last", type=int, default=10000)
    parser.add_argument("--alive", type=int, default=500)
    parser.add_argument("--blocked", type=int, default=1000)
    parser.add_argument("--cases", default="forks,threads,alive,blocked", help="default: %(default)s")
    parser.add_argument("--timeout", type=float, default=300, help="seconds until the guest's next line")
    options = parser.parse_args(arguments)

    processes.become_subreaper()
    stops = f"{options.first},{options.last}"
    cases = {
        "forks": (["fork", stops], lambda guest: sequence(guest, "fork", options.first, options.last)),
        "threads": (["thread", stops], lambda guest: sequence(guest, "thread", options.first, options.last)),
        "alive": (["alive", str(options.alive)], lambda guest: alive(guest, options.alive)),
        "blocked": (["blocked", str(options.blocked)], lambda guest: blocked(guest, options.blocked)),
    }
    tally = common.Tally()
    with runtime.Runtime(options.runtime) as runner, tempfile.TemporaryDirectory(prefix="runsc-walls-") as directory:
        common.make_bundle(directory, options.guest)
        for name in options.cases.split(","):
            argv, check = cases[name]
            guest = Guest(runner, directory, argv, options.timeout)
            try:
                problems = check(guest)
            except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                problems = [str(error)]
            finally:
                guest.abandon()
            problems += [f"left: {line}" for line in common.leftovers(runner, guest.container, directory)]
            processes.kill_descendants()
            tally.case(name, problems)
    return tally.finish()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FileNotFoundError as error:
        sys.exit(f"endurance.py: {error}\n0 passed, 1 failed")
