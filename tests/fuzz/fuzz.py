#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs syscall_fuzzer in a sandbox for a while and sees whether the sandbox bears it.

    tests/fuzz/fuzz.py --runtime build/asan-ubsan/runsc/runsc --guest build/asan-ubsan/guest [--seconds 60] [--seed N]

The sandbox must run to the end, with nothing on its standard error, no process that cannot be killed, and nothing left:
no process, mount, cgroup or state. Build with a sanitizer: then its reports count too. The root filesystem is a tmpfs of
this script's own mount namespace, the container's memory is limited: the host comes to no harm. Prints calls per second.
The last line is "N passed, M failed".
"""

import argparse
import ctypes
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import bundle, processes, runtime  # pylint: disable=wrong-import-position
from walls import common  # pylint: disable=wrong-import-position

SILENCE = 120  # seconds without a line of the supervisor until it counts as hung
MEMORY_LIMIT = 4 << 30
_MODULE_OFFSET = re.compile(r"\((\S+)\+(0x[0-9a-f]+)\)")
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18


def private_tmpfs(directory):
    """Moves this process to a mount namespace of its own, with a small tmpfs at `directory`."""
    libc = ctypes.CDLL(None, use_errno=True)

    def check(result, what):
        if result != 0:
            raise OSError(ctypes.get_errno(), what)
    check(libc.unshare(CLONE_NEWNS), "unshare")
    check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate /")
    check(libc.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", 0, b"size=256m,nr_inodes=100k"), "mount tmpfs")


def states(pid):
    """Where each thread of a process is, as lines."""
    lines = []
    for task in sorted(pathlib.Path(f"/proc/{pid}/task").glob("*")):
        try:
            what = [(task / name).read_text(errors="replace").strip() for name in ("comm", "wchan", "syscall")]
        except OSError:
            continue
        lines.append(f"thread {task.name}: {' | '.join(what)}")
    return lines


def symbolized(text, symbolizer=shutil.which("llvm-symbolizer-19") or shutil.which("llvm-symbolizer")):
    """The text with "(module+0xoffset)" replaced by functions and lines, where the module is a file here."""
    def name(match):
        if not symbolizer or not os.path.exists(match[1]):
            return match[0]
        done = subprocess.run([symbolizer, "--output-style=LLVM", "--inlining=false", f"--obj={match[1]}", match[2]],
                              capture_output=True, text=True, check=False)
        return " ".join(done.stdout.split("\n")[:2]) if done.returncode == 0 else match[0]
    return _MODULE_OFFSET.sub(name, text)


def judge(lines, errors, status):
    """What is wrong with a run that ended, as texts: from the supervisor's lines, standard error, the exit status."""
    problems = [line for line in lines if line.startswith("fuzz: ") and not re.match(r"fuzz: (seed|calls|done) \d+$", line)]
    if not any(line.startswith("fuzz: done") for line in lines):
        problems.append(f"the supervisor did not come to its end; last: {lines[-1:]}")
    if status != 0:
        problems.append(f"the sandbox ended with status {status}")
    if errors.strip():
        problems.append(f"on standard error:\n{errors}")
    return problems


def calls_made(lines):
    """The last figure of "fuzz: calls N" or "fuzz: done N"."""
    figures = [int(match[1]) for match in (re.match(r"fuzz: (?:calls|done) (\d+)$", line) for line in lines) if match]
    return figures[-1] if figures else 0


class Run:
    def __init__(self, runner, directory, options):
        self.runner, self.directory, self.options = runner, directory, options
        self.container = runner.new_id("fuzz")

    def run(self):
        """Returns (problems, lines of the supervisor, seconds)."""
        argv = ["/tests/syscall_fuzzer", "--seed", str(self.options.seed), "--seconds", str(self.options.seconds), "--workers",
                str(self.options.workers)]
        configuration = bundle.config(argv)
        configuration["linux"]["resources"]["memory"] = {"limit": MEMORY_LIMIT}
        configuration["linux"]["cgroupsPath"] = f"/{self.container}"
        bundle.write(self.directory, configuration)
        begin = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            command = self.runner.argv(*self.options.flags, "run", "--bundle", self.directory, self.container)
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err) as process:
                silent = self._wait(process, out)
                threads = []
                if silent:
                    threads = ["the supervisor or what it made hangs", *self._states(process.pid)]
                    if self.options.keep:
                        input("left as it is; Enter to go on")
                    self.runner.destroy(self.container)
                    processes.kill_descendants()
                status = process.wait(30)
            seconds = time.monotonic() - begin
            lines, errors = (self._read(file) for file in (out, err))
        lines = lines.splitlines()
        problems = judge(lines, symbolized(errors), status) + threads
        problems += [f"left: {line}" for line in common.leftovers(self.runner, self.container, self.directory)]
        return problems, lines, seconds

    @staticmethod
    def _read(file):
        file.seek(0)
        return file.read().decode(errors="replace")

    @staticmethod
    def _wait(process, out):
        """Waits for the end of the process; True when it says nothing for too long, or that it hangs."""
        size, changed = 0, time.monotonic()
        while True:
            try:
                process.wait(0.2)
                return False
            except subprocess.TimeoutExpired:
                pass
            now = os.fstat(out.fileno()).st_size
            if now != size:
                size, changed = now, time.monotonic()
            if time.monotonic() - changed > SILENCE or b"that is all" in os.pread(out.fileno(), 1 << 20, 0):
                return True

    @staticmethod
    def _states(main):
        found = processes.roles(main)
        return [f"{role} {process}: {line}" for role in ("sentry", "gofer") for process in found[role]
                for line in states(process.pid)]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_arguments(parser)
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--workers", type=int, default=4, help="processes that make calls (default: %(default)s)")
    parser.add_argument("--flags", type=lambda text: text.split(), default=[], help="more flags for the runtime")
    parser.add_argument("--keep", action="store_true", help="when it hangs, wait for Enter before it is ended")
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)

    processes.become_subreaper()
    tally = common.Tally()
    with tempfile.TemporaryDirectory(prefix="runsc-fuzz-") as directory:
        private_tmpfs(directory)
        home = os.path.join(directory, "bundle")
        rootfs = bundle.make_busybox_rootfs(os.path.join(home, "rootfs"), applets=("sh", "cat"))
        shutil.copy2(os.path.join(options.guest, "syscall_fuzzer"), rootfs / "tests")
        with runtime.Runtime(options.runtime) as runner:
            problems, lines, seconds = Run(runner, home, options).run()
        calls = calls_made(lines)
        print(f"fuzz: {calls} calls in {seconds:.0f} s, {calls / seconds:.0f} a second", flush=True)
        tally.LINES = 100
        tally.case(f"fuzz --seed {options.seed} --seconds {options.seconds}", problems)
        ctypes.CDLL(None).umount2(os.fsencode(directory), 2)
    return tally.finish()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (FileNotFoundError, OSError) as error:
        sys.exit(f"fuzz.py: {error}\n0 passed, 1 failed")
