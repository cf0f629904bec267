# SPDX-License-Identifier: Apache-2.0
"""Runs containers under an OCI runtime command, with a time limit on everything and no process left behind."""

import dataclasses
import itertools
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

_counter = itertools.count()


@dataclasses.dataclass(frozen=True)
class Result:
    """How a container ended. `status` is the runtime's exit status; `hung` tells why when the harness killed it."""
    status: int
    stdout: bytes
    stderr: bytes
    hung: str = ""


class Runtime:
    """A runtime command line ("runc", "build/release/runsc/runsc --platform=ptrace") with a state directory of its own.

    Use as a context manager in the main thread: leaving it, also by SIGTERM, deletes the containers that are left and
    the state directory.
    """

    def __init__(self, command):
        self.command = shlex.split(command) if isinstance(command, str) else list(command)
        found = shutil.which(self.command[0])
        if not found:
            raise FileNotFoundError(f"no runtime {self.command[0]}")
        self.command[0] = os.path.abspath(found)
        self.state = pathlib.Path(tempfile.mkdtemp(prefix="runsc-test-state-"))
        self.live = set()

    def __enter__(self):
        # A test runner's time limit is a SIGTERM: unwind then, so that nothing is left.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        return self

    def __exit__(self, *_):
        for container in list(self.live):
            self.destroy(container)
        shutil.rmtree(self.state, ignore_errors=True)

    def argv(self, *arguments):
        return [*self.command, "--root", str(self.state), *map(str, arguments)]

    def new_id(self, stem="test"):
        return f"{stem}-{os.getpid()}-{next(_counter)}"

    def call(self, *arguments, timeout=60, **keywords):
        """Runs one runtime command to its end; subprocess.TimeoutExpired when it does not end."""
        keywords.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(self.argv(*arguments), capture_output=True, timeout=timeout, check=False, **keywords)

    def run(self, bundle, *, timeout, idle_timeout=None, stdin=b"", merge=False, container=None):
        """Runs the bundle's container to its end and deletes it.

        `timeout` bounds the whole run in seconds, `idle_timeout` the time without new output. `merge` puts the
        guest's stderr into stdout, in order. Output goes through files, so a leaked process cannot hold the run.
        """
        container = container or self.new_id()
        self.live.add(container)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            process = subprocess.Popen(self.argv("run", "--bundle", bundle, container), stdin=given, stdout=out,
                                       stderr=out if merge else err, start_new_session=True)
            hung = self._wait(process, out, err, timeout, idle_timeout)
            if hung:
                self._stop(process, container)
            self.destroy(container)
            out.seek(0)
            err.seek(0)
            return Result(process.returncode, out.read(), err.read(), hung)

    @staticmethod
    def _wait(process, out, err, timeout, idle_timeout):
        """Waits for the process; returns "" or why it counts as hung."""
        start = last_change = time.monotonic()
        last_size = 0
        pause = 0.002
        while True:
            try:
                process.wait(pause)
                return ""
            except subprocess.TimeoutExpired:
                pause = min(pause * 2, 0.1)
            now = time.monotonic()
            size = os.fstat(out.fileno()).st_size + os.fstat(err.fileno()).st_size
            if size != last_size:
                last_size, last_change = size, now
            if now - start > timeout:
                return f"did not end in {timeout} s"
            if idle_timeout and now - last_change > idle_timeout:
                return f"no output for {idle_timeout} s"

    def _stop(self, process, container):
        """Ends a hung run: asks the runtime first, then kills the process we started and its session's group."""
        try:
            self.call("kill", container, "KILL", timeout=10)
            process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        if process.poll() is None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()

    def destroy(self, container):
        """Deletes the container if it is there; never raises."""
        try:
            self.call("delete", "--force", container, timeout=30)
        except subprocess.TimeoutExpired:
            pass
        self.live.discard(container)
