#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks from outside at the descriptors and roots of a sandbox's processes: nothing of the caller's may get in.

    tests/walls/descriptors.py --runtime build/release/runsc/runsc

The runtime is started with descriptors that it could pass on: a file, a directory, a pipe, a socket, a memory file. No
process of the sandbox may have one of them, but those that --preserve-fds names: with that, the same look must find them
(the test of the test). A stub may hold nothing but its two shared memory files and files that were donated for mapping:
regular files of the container and memory files, those that the guest cannot have opened for writing read-only. No process
may have a directory of the host, and sentry and stubs a root directory that is empty. The last line is "N passed, M failed".
"""

import argparse
import collections
import contextlib
import os
import pathlib
import socket
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import bundle, processes, runtime  # pylint: disable=wrong-import-position
from walls import common  # pylint: disable=wrong-import-position

# The caller's descriptors get these numbers, so that those --preserve-fds=2 names are known and others lie far off.
NUMBERS = (3, 4, 5, 6, 7, 40, 200)
STUB_SHARED = ("/memfd:runsc-commands", "/memfd:runsc-slots")
STUB_DONATED = ("/memfd:tmpfs", "/memfd:shared")
WRITABLE_BY_GUEST = "/tmp/"
# What an anonymous descriptor of the sentry may be. Nobody else's hold any.
SENTRY_ANONYMOUS = ("eventfd", "eventpoll", "timerfd", "signalfd", "pidfd", "seccomp", "seccomp notify")

Descriptor = collections.namedtuple("Descriptor", "number link key mode writable")


def look(pid):
    """The open descriptors of a process; what goes away meanwhile is left out."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                status = os.stat(f"/proc/{pid}/fd/{name}")
                flags = [line.split()[1] for line in pathlib.Path(f"/proc/{pid}/fdinfo/{name}").read_text().splitlines()
                         if line.startswith("flags:")]
                found.append(Descriptor(int(name), os.readlink(f"/proc/{pid}/fd/{name}").removesuffix(" (deleted)"),
                                        (status.st_dev, status.st_ino), status.st_mode,
                                        int(flags[0], 8) & os.O_ACCMODE != os.O_RDONLY))
    return found


def judge_stub(descriptor, device):
    """What is wrong with a descriptor of a stub at rest, or "". `device` is that of the container's files."""
    if descriptor.link in STUB_SHARED or descriptor.link in STUB_DONATED:
        return ""
    if not stat.S_ISREG(descriptor.mode) or descriptor.key[0] != device:
        return "not a file of the container"
    if descriptor.writable and not descriptor.link.startswith(WRITABLE_BY_GUEST):
        return "writable, though the guest never opened it so"
    return ""


def judge_sentry(descriptor, device):
    if stat.S_ISSOCK(descriptor.mode) or stat.S_ISCHR(descriptor.mode) or descriptor.link.startswith("/memfd:"):
        return ""
    kind = descriptor.link.removeprefix("anon_inode:").strip("[]")
    if descriptor.link.startswith("anon_inode:"):
        return "" if kind in SENTRY_ANONYMOUS else "an unknown kind of descriptor"
    if stat.S_ISREG(descriptor.mode) and descriptor.key[0] == device:
        return ""
    # Its own procfs: the directory, and the memory of stubs.
    if os.major(descriptor.key[0]) == 0 and (descriptor.link == "/" or descriptor.link.endswith("/mem")):
        return ""
    return "neither the container's, nor of a kind that it needs"


def root_entries(pid):
    """The names in the root directory of a process; () when the process is gone."""
    try:
        return tuple(os.listdir(f"/proc/{pid}/root/"))
    except OSError:
        return ()


class Caller:
    """The descriptors of this process that a sandbox must not get, at NUMBERS; inherited by what Popen(pass_fds=NUMBERS)
    starts."""

    def __init__(self, directory):
        path = os.path.join(directory, "of-the-caller")
        opened = [os.open(path, os.O_CREAT | os.O_RDWR, 0o600), os.open(directory, os.O_RDONLY | os.O_DIRECTORY), *os.pipe(),
                  os.memfd_create("of-the-caller"), os.open("/", os.O_PATH | os.O_DIRECTORY)]
        pair = socket.socketpair()
        opened += [pair[0].detach()]
        self.peer = pair[1]
        high = [os.dup2(fd, 300 + index, inheritable=False) for index, fd in enumerate(opened)]
        for fd in opened:
            os.close(fd)
        for fd, number in zip(high, NUMBERS):
            os.dup2(fd, number)
            os.close(fd)
        self.keys = {}
        for number in NUMBERS:
            status = os.fstat(number)
            self.keys[status.st_dev, status.st_ino] = number


class Watch:
    """Looks at all processes of one runtime, again and again."""

    def __init__(self, caller, device, stdio, main=None):
        self.caller, self.device, self.stdio, self.main = caller, device, stdio, main
        self.problems = {}  # text: None; in order
        self.seen = collections.Counter()  # role: descriptors looked at
        self.passed = set()  # (role, number of the caller's descriptor)

    def look(self, settled):
        """One look; `settled`: no process is being made, so that stubs are held to what they may have at rest."""
        for role, those in processes.roles(self.main).items():
            for process in those if role in ("sentry", "gofer", "stub") else ():
                for descriptor in look(process.pid):
                    self.seen[role] += 1
                    why = self._judge(role, descriptor, settled)
                    if why:
                        self.problems[f"{role} {process.argv[:3]} has {descriptor.number} -> {descriptor.link}: {why}"] = None
                if settled and role in ("sentry", "stub") and root_entries(process.pid):
                    self.problems[f"{role} {process.argv[:3]} sees {root_entries(process.pid)} in its root"] = None

    def _judge(self, role, descriptor, settled):
        number = self.caller.keys.get(descriptor.key)
        if number is not None:
            self.passed.add((role, number))
            return ""
        if not settled or (descriptor.key in self.stdio and role != "stub"):
            return ""
        if role == "stub":
            return judge_stub(descriptor, self.device)
        return judge_sentry(descriptor, self.device) if role == "sentry" else ""


def compare_passed(passed, wanted):
    """Lines about descriptors of the caller that got in, and those that did not though they were to."""
    return [f"the caller's descriptor {number} is in a {role}" for role, number in sorted(passed - wanted)] + \
        [f"descriptor {number}, passed on purpose, is not seen in the {role}" for role, number in sorted(wanted - passed)]


def busy(runner, directory, caller, options):
    """A busy guest made by `run`: many looks, from the first moment on."""
    bundle.write(directory, bundle.config(["/tests/storm", "busy"]))
    container = runner.new_id("walls")
    device = os.stat(os.path.join(directory, "rootfs")).st_dev
    with tempfile.TemporaryFile() as output:
        status = os.fstat(output.fileno())
        stdio = {(status.st_dev, status.st_ino)}
        process = subprocess.Popen(runner.argv("run", "--bundle", directory, container), stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=output, pass_fds=NUMBERS)
        watch = Watch(caller, device, stdio, process.pid)
        end = None
        while process.poll() is None and (end is None or time.monotonic() < end):
            if end is None and b"ready" in os.pread(output.fileno(), 4096, 0):
                end = time.monotonic() + options.seconds
            watch.look(settled=end is not None)
        problems = [] if end else [f"run ended with {process.returncode} before the guest was ready"]
        runner.destroy(container)
        process.wait(30)
    print(f"busy: {dict(watch.seen)} descriptors looked at", flush=True)
    problems += [f"no descriptor of a {role} was seen" for role in ("sentry", "gofer", "stub") if not watch.seen[role]]
    return problems + list(watch.problems) + compare_passed(watch.passed, set())


def list_fds(text):
    """The numbers in the output of `ls /proc/self/fd`, without the one that ls has of the directory."""
    numbers = sorted(int(word) for word in text.split() if word.isdigit())
    return numbers[:-1]


def inside(runner, directory, caller, _):
    """What guests made by create and start, and by exec, see themselves."""
    del caller
    container = runner.new_id("walls")
    bundle.write(directory, bundle.config(["/bin/sh", "-c", "ls /proc/self/fd; sleep 1000"]))
    problems = []
    with tempfile.TemporaryFile() as output:
        for verb in (("create", "--bundle", directory, container), ("start", container)):
            done = subprocess.run(runner.argv(*verb), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                  pass_fds=NUMBERS, timeout=60, check=False)
            if done.returncode:
                problems.append(f"{verb[0]} ended with {done.returncode}")
        deadline = time.monotonic() + 20
        text = ""
        while len(text.split()) < 4 and time.monotonic() < deadline:
            text = os.pread(output.fileno(), 4096, 0).decode(errors="replace")
            time.sleep(0.01)
        if list_fds(text) != [0, 1, 2]:
            problems.append(f"the container's process has: {text}")
    done = runner.call("exec", container, "/bin/ls", "/proc/self/fd", pass_fds=NUMBERS)
    if list_fds(done.stdout.decode()) != [0, 1, 2]:
        problems.append(f"a process of exec has: {(done.stdout + done.stderr).decode(errors='replace')}")
    runner.destroy(container)
    return problems


def preserved(runner, directory, caller, _):
    """--preserve-fds=2: descriptors 3 and 4 and no others, in the guest and in the sentry, which stands for it."""
    container = runner.new_id("walls")
    # It tells what it has, then waits for the end of its input, while it is looked at.
    bundle.write(directory, bundle.config(["/bin/sh", "-c", "ls /proc/self/fd; echo listed; cat"]))
    device = os.stat(os.path.join(directory, "rootfs")).st_dev
    process = subprocess.Popen(runner.argv("run", "--preserve-fds", "2", "--bundle", directory, container),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=NUMBERS)
    watch = Watch(caller, device, set(), process.pid)
    text = ""
    for line in iter(process.stdout.readline, b""):
        if line == b"listed\n":
            break
        text += line.decode(errors="replace")
    watch.look(settled=False)
    process.stdin.close()
    process.wait(60)
    runner.destroy(container)
    problems = compare_passed(watch.passed, {("sentry", 3), ("sentry", 4)})
    if list_fds(text) != [0, 1, 2, 3, 4]:
        problems.append(f"the guest has: {text}")
    return problems


CASES = {"busy": busy, "inside": inside, "preserved": preserved}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_arguments(parser)
    parser.add_argument("--seconds", type=float, default=3, help="how long the busy guest is looked at (default: %(default)s)")
    options = parser.parse_args(arguments)

    processes.become_subreaper()
    tally = common.Tally()
    with tempfile.TemporaryDirectory(prefix="runsc-walls-") as directory:
        rootfs = common.make_bundle(directory, options.guest)
        (rootfs / "bin" / "ls").symlink_to("busybox")
        caller = Caller(directory)
        with runtime.Runtime(options.runtime) as runner:
            for name, function in CASES.items():
                try:
                    problems = function(runner, directory, caller, options)
                except (subprocess.TimeoutExpired, OSError) as error:
                    problems = [f"{type(error).__name__}: {error}"]
                tally.case(name, problems)
    return tally.finish()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FileNotFoundError as error:
        sys.exit(f"descriptors.py: {error}\n0 passed, 1 failed")
