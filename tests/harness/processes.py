# SPDX-License-Identifier: Apache-2.0
"""All processes that a runtime started, found however it hid them, and what else it may leave behind.

A process that calls become_subreaper() stays the ancestor of everything that descends from it: an orphan comes back to
it instead of to init. So the descendants are exactly what a test started, on a machine full of other people's processes.
"""

import ctypes
import dataclasses
import os
import pathlib
import signal
import time

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


@dataclasses.dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    state: str
    started: int  # clock ticks since boot: with the pid it names a process for good
    argv: tuple

    def __str__(self):
        return f"{self.pid} ({self.state}, parent {self.parent}) {' '.join(self.argv) or '?'}"


def parse_stat(text):
    """(parent, state, start time) of a /proc/PID/stat line; the name in it may hold anything."""
    fields = text[text.rindex(")") + 2:].split()
    return int(fields[1]), fields[0], int(fields[19])


def _read(pid):
    try:
        parent, state, started = parse_stat(pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace"))
        argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Process(pid, parent, state, started, tuple(word.decode(errors="replace") for word in argv.split(b"\0")[:-1]))


def descendants(root=None):
    """{pid: Process} of all that descends from `root` (default: this process), without it."""
    root = root or os.getpid()
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            process = _read(int(name))
            if process:
                table[process.pid] = process
    children = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process)
    found, queue = {}, [root]
    while queue:
        for child in children.get(queue.pop(), ()):
            found[child.pid] = child
            queue.append(child.pid)
    return found


def reap_adopted(managed=()):
    """Reaps zombies that came to this process as a subreaper; those in `managed` have an owner that waits for them."""
    for process in descendants().values():
        if process.state == "Z" and process.parent == os.getpid() and process.pid not in managed:
            try:
                os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:
                pass


def roles(main_pid=None, root=None):
    """{role: [Process]} of a runtime's live processes: runsc (main_pid), sentry, gofer, stub (what descends from a
    sentry), other. A process says what it is by its argv[0]; a stub carries its guest's, but descends from the sentry."""
    table = {pid: process for pid, process in descendants(root).items() if process.state != "Z"}
    result = {"runsc": [], "sentry": [], "gofer": [], "stub": [], "other": []}
    sentries = {pid for pid, process in table.items() if process.argv[:1] == ("runsc-sandbox",)}

    def below_sentry(process):
        while process:
            if process.parent in sentries:
                return True
            process = table.get(process.parent)
        return False

    for process in table.values():
        if process.pid == main_pid:
            role = "runsc"
        elif below_sentry(process):
            role = "stub"
        elif process.pid in sentries:
            role = "sentry"
        elif process.argv[:1] == ("runsc-gofer",):
            role = "gofer"
        else:
            role = "other"
        result[role].append(process)
    return result


def _reap(process):
    """Whether a zombie was ours to reap, and is gone. One whose threads are still alive is not."""
    try:
        return process.parent == os.getpid() and os.waitpid(process.pid, os.WNOHANG)[0] == process.pid
    except ChildProcessError:
        return False


def wait_until_gone(seconds, managed=(), ignore=()):
    """Waits until no descendant is left (zombies of ours are reaped); returns those that are, as text, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        # On a busy host a look at all processes takes long: what died during the last one is as dead.
        last = time.monotonic() > deadline
        reap_adopted(managed)
        left = [process for pid, process in descendants().items() if pid not in ignore and
                not (process.state == "Z" and (pid in managed or _reap(process)))]
        if not left or last:
            return [str(process) for process in left]
        time.sleep(0.005)


def kill_descendants():
    """Ends whatever a failed test left, one pid at a time, and reaps it."""
    for _ in range(100):
        left = descendants()
        for pid, process in left.items():
            if process.state != "Z":
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        reap_adopted()
        if not left:
            return
        time.sleep(0.02)


def mounts_below(*prefixes):
    """Mount points of this mount namespace at or below the paths, from /proc/self/mountinfo."""
    found = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        point = line.split()[4]
        if any(point == str(prefix) or point.startswith(f"{prefix}/") for prefix in prefixes):
            found.append(point)
    return found


def cgroups_named(part):
    """Directories of the cgroup hierarchies whose path contains `part`."""
    found = []
    for directory, names, _ in os.walk("/sys/fs/cgroup"):
        found += [os.path.join(directory, name) for name in names if part in name]
    return found


def members_of_cgroup(path):
    """The pids in a cgroup's directory; none when it is gone."""
    try:
        return [int(line) for line in pathlib.Path(path, "cgroup.procs").read_text().split()]
    except OSError:
        return []


def descriptors(pid):
    """How many descriptors the process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_kib(pid):
    """Memory of the process in KiB: private and its share of what is shared, so memfds count once."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
