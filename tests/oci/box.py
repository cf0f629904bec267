# SPDX-License-Identifier: Apache-2.0
"""What the OCI cases stand on: a bundle of busybox, one runtime, and the questions they ask of both."""

import contextlib
import functools
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import bundle, processes, runtime  # pylint: disable=wrong-import-position

APPLETS = ("sh", "cat", "echo", "env", "id", "ls", "mkdir", "pwd", "sleep", "stat", "touch", "true", "false", "kill", "ps",
           "head", "hostname", "dd", "wc", "grep", "test", "readlink", "tr", "mknod", "chown")
OURS_FAILURE = 128
CASES = []


def case(function=None, *, ours=""):
    """Registers a case: a function of a Box that raises when something is wrong. It must hold under runc as well, unless
    `ours` tells why it is about this runtime alone."""
    if function is None:
        return functools.partial(case, ours=ours)
    CASES.append((function.__name__, function, ours))
    return function


class Wrong(AssertionError):
    pass


def check(condition, *what):
    if not condition:
        raise Wrong(" ".join(str(part) for part in what))


def equal(found, wanted, *what):
    check(found == wanted, *what, f"is {found!r}, not {wanted!r}")


def contains(text, part):
    check(part in text, f"no {part!r} in {text!r}")


def eventually(question, what, seconds=20):
    """Waits until question() is true; for what has no event to wait for from outside."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        check(time.monotonic() < deadline, f"not within {seconds} s: {what}")
        time.sleep(0.005)


class Box:
    """One case's container: its bundle directory, its id, and the runtime's verbs on it."""

    def __init__(self, runner, directory, rootfs, is_ours):
        self.runner, self.directory, self.is_ours = runner, pathlib.Path(directory), is_ours
        self.rootfs = pathlib.Path(rootfs)
        self.id = runner.new_id("oci")
        runner.live.add(self.id)
        self.flags = []  # global ones

    def config(self, *args, **members):
        """Writes config.json for a process of `args` (a single text is a shell script). Members: "process.cwd"-like with
        "__" for the dot, e.g. process__cwd="/tmp", or linux__maskedPaths=[...]."""
        args = ["sh", "-c", args[0]] if len(args) == 1 else list(args)
        configuration = bundle.config(args)
        configuration["root"]["path"] = str(self.rootfs)
        for path, value in members.items():
            *parents, last = path.split("__")
            target = configuration
            for key in parents:
                target = target.setdefault(key, {})
            target[last] = value
        bundle.write(self.directory, configuration)
        return configuration

    def argv(self, verb, *arguments):
        return [*self.runner.command, "--root", str(self.runner.state), *self.flags, verb, *map(str, arguments)]

    def call(self, verb, *arguments, **keywords):
        """One command to its end: (status, stdout, stderr) with text."""
        keywords.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(self.argv(verb, *arguments), capture_output=True, timeout=60, check=False, text=True,
                              **keywords)
        return done.returncode, done.stdout, done.stderr

    def good(self, verb, *arguments, **keywords):
        """A command that must succeed: what it prints."""
        status, out, err = self.call(verb, *arguments, **keywords)
        equal(status, 0, f"{verb} {arguments}: {err.strip()!r}: status")
        return out

    def bad(self, verb, *arguments, message="", **keywords):
        """A command that must fail; with a message of ours, if it is us."""
        status, out, err = self.call(verb, *arguments, **keywords)
        check(status != 0, f"{verb} {arguments}: succeeded")
        if self.is_ours:
            equal(status, OURS_FAILURE, f"{verb} {arguments}: {err.strip()!r}: status")
            check(err.startswith("runsc: ") and err.count("\n") == 1, f"{verb}: the message is {err!r}")
            contains(err, message)
            equal(out, "", f"{verb}: stdout")
        return err

    def run(self, *flags, **keywords):
        """`run` to the end: (status, stdout, stderr)."""
        return self.call("run", "--bundle", self.directory, *flags, self.id, **keywords)

    def prints(self, wanted, *flags, **keywords):
        status, out, err = self.run(*flags, **keywords)
        equal((status, out), (0, wanted), f"run ({err.strip()!r})")

    def create(self, *flags):
        """`create`, with output to the file "out" in the bundle, as an engine gives pipes of its own."""
        with open(self.directory / "out", "wb") as out, open(self.directory / "err", "wb") as err:
            done = subprocess.run(self.argv("create", "--bundle", self.directory, *flags, self.id),
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=60, check=False)
        equal(done.returncode, 0, f"create: {(self.directory / 'err').read_text()!r}: status")

    def output(self):
        return (self.directory / "out").read_text()

    def start(self):
        self.good("start", self.id)

    def running(self, script="exec sleep 1000", *flags, **members):
        """Creates and starts a container of that script."""
        self.config(script, **members)
        self.create(*flags)
        self.start()

    def state(self):
        return json.loads(self.good("state", self.id))

    def status(self):
        return self.state()["status"]

    def until(self, status):
        eventually(lambda: self.status() == status, f"status {status}")

    def until_printed(self, text):
        eventually(lambda: text in self.output(), f"{text!r} in the output")

    def exec(self, *arguments, **keywords):
        """`exec FLAGS... -- COMMAND`: flags before "--"."""
        split = arguments.index("--") if "--" in arguments else 0
        flags, command = arguments[:split], arguments[split + 1 if "--" in arguments else 0:]
        return self.call("exec", *flags, self.id, *command, **keywords)

    @contextlib.contextmanager
    def attached(self, *flags):
        """An attached `run` in the background: a Popen with its output in "out"."""
        with open(self.directory / "out", "wb") as out:
            process = subprocess.Popen(self.argv("run", "--bundle", self.directory, *flags, self.id),
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def leftovers(self, state_too=True):
        """What is left of the container on the host."""
        left = [f"process {process}" for process in processes.wait_until_gone(1.0)]
        left += [f"cgroup {path}" for path in processes.cgroups_named(self.id)]
        left += [f"mount {path}" for path in processes.mounts_below(self.directory, self.runner.state)]
        if state_too:
            left += [f"state {path}" for path in pathlib.Path(self.runner.state).rglob("*") if self.id in path.name]
        return left


__all__ = ["Box", "CASES", "Wrong", "bundle", "case", "check", "contains", "equal", "eventually", "processes", "runtime"]
