# SPDX-License-Identifier: Apache-2.0
"""The ways to run a program that the benchmarks compare, and the root filesystems they run it in.

Every runtime gets the same root directory and the same mounts: native in a chroot in namespaces of its own, the others as
containers of one OCI bundle without a seccomp profile. A root has the benchmarks' own files in /bench, an empty directory
/scratch on its filesystem, a tmpfs on /dev/shm, and a directory of the host bound to /bind.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import platform
import select
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from harness import processes  # pylint: disable=wrong-import-position

TIMEOUT_SECONDS = 300
NAMESPACES = ("pid", "mount", "ipc", "uts", "network")
DIRECTORIES = ("bin", "bench", "bind", "dev", "proc", "sys", "tmp", "etc", "scratch")
CAPABILITIES = ("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_CHROOT")
FILE_SIZE = 1 << 20  # of /bench/file, as bench/guest/files.cc has it


class RunError(Exception):
    """A runtime did not do what was asked; the text says what it said."""


class NotApplicable(Exception):
    """The row has no meaning for this runtime."""


# ---- Root filesystems ------------------------------------------------------------------------------------------------------


def libraries_of(program):
    """The loader and the libraries of a dynamic program, as paths on this machine."""
    listed = subprocess.run(["/lib64/ld-linux-x86-64.so.2", "--list", str(program)], capture_output=True, text=True, check=True)
    found = [pathlib.Path("/lib64/ld-linux-x86-64.so.2")]
    for line in listed.stdout.splitlines():
        _, arrow, path = line.partition(" => ")
        if arrow:
            found.append(pathlib.Path(path.rsplit(" (", 1)[0]))
    return found


def add_programs(rootfs, guest):
    """Puts the benchmarks' files into a root: programs from the build directory `guest`, a file to read."""
    for name in DIRECTORIES:
        (rootfs / name).mkdir(parents=True, exist_ok=True)
    (rootfs / "scratch").chmod(0o777)
    (rootfs / "bench/lib").mkdir(exist_ok=True)
    for name in ("suite", "micro", "stopwatch", "true"):
        shutil.copy2(guest / f"bench_{name}", rootfs / "bench" / name)
    for library in libraries_of(guest / "bench_micro"):
        shutil.copy2(library, rootfs / "bench/lib" / library.name)
    (rootfs / "bench/file").write_bytes(b"benchmark\n" * (FILE_SIZE // 10 + 1))


def make_small_root(rootfs, guest):
    """A root of busybox and the benchmarks alone, so that every runtime has the same little to load."""
    add_programs(rootfs, guest)
    shutil.copy2("/bin/busybox", rootfs / "bin/busybox")
    for applet in ("sh", "true", "cat", "ls", "sleep"):
        (rootfs / "bin" / applet).symlink_to("busybox")
    (rootfs / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")


@contextlib.contextmanager
def overlay_root(directory, lower, guest):
    """A writable view of the pristine tree `lower`, as engines make it, with the benchmarks' files on top."""
    for name in ("upper", "work", "rootfs"):
        (directory / name).mkdir(parents=True)
    options = f"lowerdir={lower},upperdir={directory}/upper,workdir={directory}/work"
    subprocess.run(["mount", "-t", "overlay", "bench", "-o", options, str(directory / "rootfs")], check=True)
    try:
        add_programs(directory / "rootfs", guest)
        yield directory / "rootfs"
    finally:
        subprocess.run(["umount", str(directory / "rootfs")], check=True)


def make_bundle(directory, rootfs, bind, args, env=()):
    """An OCI bundle that runs ARGS as root in its own namespaces, without a seccomp profile."""
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": list(args),
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C", *env],
            "cwd": "/",
            "capabilities": {s: CAPABILITIES for s in ("bounding", "effective", "permitted")},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 4096, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": str(rootfs), "readonly": False},
        "hostname": "bench",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"]},
            {"destination": "/bind", "type": "bind", "source": str(bind), "options": ["rbind", "rw"]},
        ],
        "linux": {"namespaces": [{"type": n} for n in NAMESPACES]},
    }
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(config, indent=1))


# ---- Processes -------------------------------------------------------------------------------------------------------------


def wait_measured(argv, timeout=TIMEOUT_SECONDS):
    """Runs ARGV to its end; returns (seconds, stdout). Raises RunError when it fails or hangs."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            status = wait_status(process, start + timeout)
        finally:
            end = time.monotonic()
            if process.returncode is None:
                process.kill()
                process.wait()
        out.seek(0)
        err.seek(0)
        if status != 0:
            message = err.read().decode(errors="replace").strip().split("\n")[-1]
            raise RunError(f"{os.path.basename(argv[0])}: " + ("no end" if status is None else f"exit {status}: {message}"))
        return end - start, out.read().decode(errors="replace")


def wait_status(process, deadline):
    """The exit status, or None at the deadline. (Popen.wait(timeout) polls with sleeps, which would be part of the figure.)"""
    descriptor = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
            return None
        return process.wait()
    finally:
        os.close(descriptor)


def proportional_bytes(pids):
    """The memory of the processes, each shared page divided among all that map it (PSS)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += parse_pss(pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))
    return total


def parse_pss(text):
    """Bytes of the line "Pss:   123 kB" of smaps_rollup; 0 for a process without memory."""
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def parse_switches(text):
    """Context switches of a /proc/PID/task/TID/status."""
    return sum(int(line.split()[1]) for line in text.splitlines() if "ctxt_switches:" in line)


def switches(pids):
    """{(pid, tid): context switches so far} of all their threads."""
    found = {}
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found[pid, task.name] = parse_switches((task / "status").read_text(errors="replace"))
    return found


# ---- Runtimes --------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Runtime:
    """One way to run a bundle. `verb` makes an argument vector of (state directory, verb, arguments…); None for native."""
    name: str
    version: str
    verb: object = None

    @property
    def is_native(self):
        return self.verb is None


def oci_runtime(name, path, flags):

    def verb(state, word, *arguments):
        return [path, *flags, "--root", str(state), word, *map(str, arguments)]

    result = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10)
    version = " ".join([result.stdout.strip().split("\n")[0], *flags])
    return Runtime(name, version, verb)


def native_runtime():
    return Runtime("native", platform.release())


# $1 root directory, $2 what is bound to /bind; the rest is the command.
NATIVE_SCRIPT = """
set -e
root=$1 bind=$2
shift 2
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount --bind "$bind" "$root/bind"
ulimit -n 4096
exec chroot "$root" "$@"
"""


class Bench:
    """The roots and bundles, and the verbs on them. Everything lies below `directory`; use as a context manager."""

    def __init__(self, directory, guest, debian=None):
        """`debian` makes the pristine Debian root and returns its path; it is asked when a row first needs it."""
        self.directory = pathlib.Path(directory)
        self.guest = guest
        self._debian = debian
        self._roots = {}
        self._prepared = set()
        self._count = 0
        self._stack = contextlib.ExitStack()
        self.bind = self.directory / "bind"
        self.bind.mkdir()
        self.bind.chmod(0o777)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def root(self, name):
        """The root directory "small" or "debian"."""
        if name not in self._roots:
            if name == "small":
                make_small_root(self.directory / "small", self.guest)
                self._roots[name] = self.directory / "small"
            else:
                made = overlay_root(self.directory / "debian", self._debian(), self.guest)
                self._roots[name] = self._stack.enter_context(made)
        return self._roots[name]

    def state(self, runtime):
        state = self.directory / f"state-{runtime.name}"
        state.mkdir(exist_ok=True)
        return state

    @contextlib.contextmanager
    def container(self, runtime, args, root):
        """(bundle directory, id) of a new bundle; what is left of the container afterwards is deleted."""
        self._count += 1
        container = f"bench-{os.getpid()}-{self._count}"
        bundle = self.directory / container
        make_bundle(bundle, self.root(root), self.bind, args)
        try:
            yield bundle, container
        except RunError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(runtime.verb(self.state(runtime), "delete", "--force", container), capture_output=True, check=False,
                               timeout=30)
            raise
        finally:
            shutil.rmtree(bundle)

    def native_command(self, args, root):
        """In a mount and a pid namespace, so that the mounts and all processes go with it."""
        return ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--", "/bin/sh", "-c",
                NATIVE_SCRIPT, "sh", str(self.root(root)), str(self.bind), *args]

    def run(self, runtime, args, root="small", timeout=TIMEOUT_SECONDS):
        """Runs ARGS to their end; (seconds, stdout)."""
        if runtime.is_native:
            return wait_measured(self.native_command(args, root), timeout)
        with self.container(runtime, args, root) as (bundle, container):
            return wait_measured(runtime.verb(self.state(runtime), "run", "--bundle", bundle, container), timeout)

    def check(self, runtime):
        """Raises RunError unless a container of this runtime really runs its program. Warms everything up, too."""
        _, output = self.run(runtime, ["/bin/busybox", "echo", "it runs"], timeout=60)
        if output != "it runs\n":
            raise RunError(f"the program's output was '{output[:80].strip()}' in place of 'it runs'")

    def prepare(self, script):
        """Runs a script in the Debian root, natively and only once."""
        if script and script not in self._prepared:
            self.run(native_runtime(), ["/bin/sh", "-ec", script], "debian")
            self._prepared.add(script)

    def run_true(self, runtime):
        """Nanoseconds from the start of the command to its end, /bin/true having run; natively in a mere chroot."""
        if runtime.is_native:
            return wait_measured(["/usr/sbin/chroot", str(self.root("small")), "/bin/true"])[0] * 1e9
        return self.run(runtime, ["/bin/true"])[0] * 1e9

    def create_start_delete(self, runtime):
        """Nanoseconds of the three commands for a container that ends at once; the wait for its end is left out."""
        if runtime.is_native:
            raise NotApplicable()
        state = self.state(runtime)
        with self.container(runtime, ["/bin/true"], "small") as (bundle, container):
            seconds = wait_measured(runtime.verb(state, "create", "--bundle", bundle, container))[0]
            seconds += wait_measured(runtime.verb(state, "start", container))[0]
            deadline = time.monotonic() + 30
            while json.loads(wait_measured(runtime.verb(state, "state", container))[1])["status"] != "stopped":
                if time.monotonic() > deadline:
                    raise RunError("the container does not stop")
            return (seconds + wait_measured(runtime.verb(state, "delete", container))[0]) * 1e9

    @contextlib.contextmanager
    def idle(self, runtime):
        """A sandbox whose only program sleeps: the pids of all its processes."""
        processes.become_subreaper()
        before = set(processes.descendants())
        with self.container(runtime, ["/bin/sleep", "1000"], "small") as (bundle, container):
            if runtime.is_native:
                process = subprocess.Popen(["/usr/sbin/chroot", str(self.root("small")), "/bin/sleep", "1000"])
            else:
                wait_measured(runtime.verb(self.state(runtime), "run", "--detach", "--bundle", bundle, container))
            try:
                time.sleep(2)  # what follows the start shall be over
                yield sorted(set(processes.descendants()) - before)
            finally:
                if runtime.is_native:
                    process.kill()
                    process.wait()
                else:
                    self._delete_adopted(runtime, container)
                    left = processes.wait_until_gone(10, ignore=before)
                    if left:
                        raise RunError(f"left: {left}")

    def _delete_adopted(self, runtime, container):
        """Deletes a container whose processes are children of this one by now: a runtime may wait until they are reaped."""
        process = subprocess.Popen(runtime.verb(self.state(runtime), "delete", "--force", container), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise RunError("delete: no end")
            processes.reap_adopted(managed={process.pid})
            time.sleep(0.01)
        if process.returncode != 0:
            raise RunError(f"delete: exit {process.returncode}")

    def idle_bytes(self, runtime):
        with self.idle(runtime) as pids:
            return proportional_bytes(pids)

    def idle_switches(self, runtime, seconds=10):
        """How often any thread of the sandbox got the processor in that time."""
        with self.idle(runtime) as pids:
            before = switches(pids)
            time.sleep(seconds)
            after = switches(pids)
            return sum(count - before.get(task, 0) for task, count in after.items())
