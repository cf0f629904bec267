#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A person at an interactive shell in a container, scripted: job control, resizing, hang-up, exec with a terminal.

    tests/apps/terminal.py --runtime runc
    tests/apps/terminal.py --runtime "build/release/runsc/runsc --platform=systrap"

The containers' terminals come through --console-socket, as an engine gets them. The last line is "N passed, M failed".
"""

import argparse
import fcntl
import json
import os
import pathlib
import select
import socket
import struct
import sys
import tempfile
import termios
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from apps import rootfs  # pylint: disable=wrong-import-position
from harness import bundle, runtime  # pylint: disable=wrong-import-position

TIMEOUT = 60
PROMPT = "ready> "


class Terminal:
    """The master of a container's terminal."""

    def __init__(self, fd):
        self.fd = fd
        self.seen = ""

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def send(self, text):
        os.write(self.fd, text.encode())

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, text):
        """Reads until `text` came; returns what came before it. What comes behind it is kept."""
        deadline = time.monotonic() + TIMEOUT
        while text not in self.seen:
            if not self._read(deadline):
                raise AssertionError(f"the terminal ended; no {text!r} in {self.seen!r}")
        before, _, self.seen = self.seen.partition(text)
        return before

    def poll(self, seconds):
        """Reads what comes within the time."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if ready:
            self._read(time.monotonic() + seconds)

    def expect_end(self):
        deadline = time.monotonic() + TIMEOUT
        while self._read(deadline):
            pass

    def _read(self, deadline):
        ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise AssertionError(f"nothing more came; so far {self.seen!r}")
        try:
            data = os.read(self.fd, 4096)
        except OSError:
            data = b""
        self.seen += data.decode(errors="replace")
        return data


class Console:
    """A socket an engine listens on for a terminal's master."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "console.sock")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.listener.settimeout(TIMEOUT)

    def accept(self):
        connection, _ = self.listener.accept()
        with connection:
            _, fds, _, _ = socket.recv_fds(connection, 4096, 1)
        return Terminal(fds[0])

    def close(self):
        self.listener.close()
        os.unlink(self.path)


class Shell:
    """bash in a container of its own, with a terminal."""

    def __init__(self, runner, directory):
        self.runner = runner
        self.directory = directory
        self.container = runner.new_id("terminal")
        runner.live.add(self.container)
        console = Console(directory)
        try:
            result = runner.call("run", "--detach", "--console-socket", console.path, "--bundle", directory,
                                 self.container)
            if result.returncode:
                raise AssertionError(f"run: {result.stderr.decode()}")
            self.terminal = console.accept()
        finally:
            console.close()
        self.terminal.expect(PROMPT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.terminal.close()
        self.runner.destroy(self.container)

    def command(self, text):
        """Types a command; returns what it printed."""
        self.terminal.send(text + "\n")
        self.terminal.expect("\r\n")
        return self.terminal.expect(PROMPT).replace("\r\n", "\n")

    def start(self, program):
        """Starts a program in the foreground; returns when it is there (the shell has handed the terminal over then)."""
        self.terminal.send(f"sh -c 'echo there-$((1+1)); exec {program}'\n")
        self.terminal.expect("there-2\r\n")

    def exec(self, *arguments):
        console = Console(self.directory)
        result = self.runner.call("exec", "--detach", "--tty", "--console-socket", console.path, self.container,
                                  *arguments)
        if result.returncode:
            raise AssertionError(f"exec: {result.stderr.decode()}")
        terminal = console.accept()
        console.close()
        return terminal

    def status(self):
        return json.loads(self.runner.call("state", self.container).stdout)["status"]

    def wait_stopped(self):
        deadline = time.monotonic() + TIMEOUT
        while self.status() != "stopped":
            if time.monotonic() > deadline:
                raise AssertionError("the container does not stop")
            time.sleep(0.05)


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"{got!r}, not {wanted!r}")


def test_the_terminal_is_there(shell):
    equal(shell.command("tty"), "/dev/pts/0\n")
    equal(shell.command("test -t 0 -a -t 1 -a -t 2; echo $?"), "0\n")
    equal(shell.command("echo text > /dev/tty"), "text\n")
    equal(shell.command("stat -c '%F %t:%T' /dev/pts/0"), "character special file 88:0\n")
    equal(shell.command("ps -o tty= -p $$"), "pts/0\n")
    equal(shell.command("stty -a | grep -c isig"), "1\n")
    equal(shell.command("test -c /dev/console; echo $?"), "0\n")


def test_line_editing(shell):
    equal(shell.command("echo abx\x7fc"), "abc\n")
    equal(shell.command("echo two\x01\x05\x1b[D\x1b[Dw"), "twwo\n")
    shell.start("cat")
    shell.terminal.send("wrong\x15right\n\x04")
    shell.terminal.expect("right\r\n")
    shell.terminal.expect("right\r\n")
    shell.terminal.expect(PROMPT)


def test_interrupt(shell):
    shell.start("sleep 1000")
    shell.terminal.send("\x03")
    shell.terminal.expect(PROMPT)
    equal(shell.command("echo $?"), "130\n")


def test_job_control(shell):
    shell.start("sleep 1000")
    shell.terminal.send("\x1a")
    shell.terminal.expect("Stopped")
    shell.terminal.expect(PROMPT)
    assert "Stopped" in shell.command("jobs")
    shell.command("bg")
    assert "Running" in shell.command("jobs")
    shell.terminal.send("fg\n")
    # Told before the terminal is handed over: until then the character is for nobody.
    shell.terminal.expect("exec sleep 1000'\r\n")
    deadline = time.monotonic() + TIMEOUT
    while "^C" not in shell.terminal.seen or PROMPT not in shell.terminal.seen:
        assert time.monotonic() < deadline
        shell.terminal.send("\x03")
        shell.terminal.poll(0.2)
    shell.terminal.expect(PROMPT)
    while "end-2" not in shell.command("echo end-$((1+1))"):
        assert time.monotonic() < deadline
    equal(shell.command("jobs"), "")


def test_background_reader_stops(shell):
    shell.command("cat &")
    deadline = time.monotonic() + TIMEOUT
    while "Stopped" not in shell.command("jobs"):
        assert time.monotonic() < deadline
    shell.terminal.send("fg\n")
    shell.terminal.expect("cat\r\n")
    shell.terminal.send("hello\n")
    shell.terminal.expect("hello\r\nhello\r\n")
    shell.terminal.send("\x04")
    shell.terminal.expect(PROMPT)


def test_resize(shell):
    shell.terminal.resize(33, 77)
    deadline = time.monotonic() + TIMEOUT
    while shell.command("stty size") != "33 77\n":
        assert time.monotonic() < deadline
    shell.command("trap 'echo new size $(stty size)' WINCH")
    shell.terminal.resize(44, 99)
    shell.terminal.expect("new size")


def test_end_of_file_ends_the_shell(shell):
    shell.terminal.send("\x04")
    shell.terminal.expect("exit")
    shell.terminal.expect_end()
    shell.wait_stopped()


def test_hangup_ends_the_shell(shell):
    shell.terminal.close()
    shell.wait_stopped()


def test_exec_with_a_terminal(shell):
    terminal = shell.exec("bash", "--norc", "--noprofile", "-i")
    terminal.expect(PROMPT)
    terminal.send("tty; stty size\n")
    terminal.expect("/dev/pts/1\r\n")
    terminal.resize(21, 43)
    deadline = time.monotonic() + TIMEOUT
    while True:
        terminal.send("stty size; echo end-$((1+1))\n")
        if "21 43" in terminal.expect("end-2"):
            break
        assert time.monotonic() < deadline
    terminal.send("exit\n")
    terminal.expect_end()
    terminal.close()
    equal(shell.command("echo still here"), "still here\n")


_PTY_PROGRAM = """
import os
import pty

pid, fd = pty.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", "tty; echo $((6*7))"])
out = b""
while True:
    try:
        data = os.read(fd, 100)
    except OSError:
        break
    if not data:
        break
    out += data
print(out, os.waitpid(pid, 0)[1])
"""


def test_python_pty(shell):
    pathlib.Path(shell.directory, "rootfs/tmp/terminal.py").write_text(_PTY_PROGRAM, encoding="ascii")
    equal(shell.command("python3 /tmp/terminal.py"), "b'/dev/pts/1\\r\\n42\\r\\n' 0\n")


TESTS = [value for name, value in sorted(globals().items()) if name.startswith("test_")]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", default="runc", help="runtime command line (default: %(default)s)")
    parser.add_argument("tests", nargs="*", help="parts of the names of tests (default: all)")
    options = parser.parse_args(arguments)
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="runsc-terminal-") as directory, \
            runtime.Runtime(options.runtime) as runner:
        rootfs.make_debian(os.path.join(directory, "rootfs"))
        config = bundle.config(["bash", "--norc", "--noprofile", "-i"], terminal=True)
        config["process"]["env"] += [f"PS1={PROMPT}", "TERM=dumb", "INPUTRC=/dev/null"]
        config["process"]["consoleSize"] = {"height": 24, "width": 200}
        bundle.write(directory, config)
        pathlib.Path(directory, "rootfs/dev").mkdir(exist_ok=True)
        for test in TESTS:
            if options.tests and not any(part in test.__name__ for part in options.tests):
                continue
            try:
                with Shell(runner, directory) as shell:
                    test(shell)
                passed += 1
                print(f"{test.__name__}: passed", flush=True)
            except Exception:  # pylint: disable=broad-exception-caught
                failed += 1
                print(f"{test.__name__}: failed\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
