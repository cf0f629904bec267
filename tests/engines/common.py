# SPDX-License-Identifier: Apache-2.0
"""What the engine tests stand on: daemons of their own, started by hand and ended by their pid, and the list of cases.

Everything an engine keeps lies below one temporary directory, which must be short: unix sockets are made in it.
"""

import contextlib
import functools
import io
import json
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import bundle, processes  # pylint: disable=wrong-import-position
from oci.box import check, contains, equal, eventually  # pylint: disable=wrong-import-position

IMAGE = "localhost/runsc-test:latest"
APPLETS = ("sh", "cat", "echo", "env", "false", "grep", "hostname", "id", "kill", "ls", "mkdir", "ps", "pwd", "sleep", "stat",
           "stty", "test", "touch", "tr", "true", "tty", "wc")
TIMEOUT = 120  # seconds for one command of an engine
CASES = []


def case(engine):
    """Registers a case for the engine of that name: a function of an Engine that raises when something is wrong."""

    def register(function):
        CASES.append((engine, function.__name__, function))
        return function

    return register


class Absent(Exception):
    """The engine is not installed, or cannot run on this machine; the text says why."""


class Engine:
    """A command line with its global flags; `runtime` names the runtime in the engine's words."""

    name = ""
    program = ""

    def __init__(self, directory, runsc):
        self.directory = pathlib.Path(directory)
        self.runsc = runsc
        self.count = 0
        if not shutil.which(self.program):
            raise Absent(f"{self.program} is not installed")

    def argv(self, *arguments):
        raise NotImplementedError

    def new_name(self):
        self.count += 1
        return f"runsc-{self.name}-{os.getpid()}-{self.count}"

    def call(self, *arguments, **keywords):
        """One command to its end: (status, stdout, stderr) with text."""
        if "input" not in keywords:
            keywords.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(self.argv(*arguments), capture_output=True, timeout=TIMEOUT, check=False, text=True, **keywords)
        return done.returncode, done.stdout, done.stderr

    def good(self, *arguments, **keywords):
        status, out, err = self.call(*arguments, **keywords)
        equal(status, 0, f"{self.program} {arguments}: {err.strip()!r}: status")
        return out

    def close(self):
        pass


class Daemon:
    """A daemon started by hand: ended by its pid, its output kept in a file."""

    def __init__(self, argv, log):
        self.log = pathlib.Path(log)
        with open(log, "wb") as out:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)

    def wait_for(self, question, seconds=60):
        deadline = time.monotonic() + seconds
        while not question():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Absent(f"{self.process.args[0]} does not start: {self.log.read_text(errors='replace').strip()[-600:]}")
            time.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@functools.cache
def _root_tar():
    """A busybox root as the bytes of a tar archive."""
    import tempfile  # pylint: disable=import-outside-toplevel
    with tempfile.TemporaryDirectory(prefix="runsc-engines-root-") as directory:
        rootfs = bundle.make_busybox_rootfs(pathlib.Path(directory, "rootfs"), applets=APPLETS)
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            archive.add(rootfs, arcname=".")
        return data.getvalue()


def root_tar(directory):
    """That archive as a file, for `import`."""
    path = pathlib.Path(directory, "root.tar")
    path.write_bytes(_root_tar())
    return path


def image_archive(directory):
    """An image of that root as OCI's layout in a tar archive, for those who import no bare root."""
    blobs = {}

    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"digest": f"sha256:{digest}", "size": len(data)}

    layer = blob(_root_tar())
    config = blob(json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Env": [f"PATH={bundle.PATH}"], "Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}).encode())
    manifest = blob(json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer}]}).encode())
    index = json.dumps({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest,
        "annotations": {"io.containerd.image.name": IMAGE, "org.opencontainers.image.ref.name": IMAGE}}]}).encode()
    files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": index,
             **{f"blobs/sha256/{digest}": data for digest, data in blobs.items()}}
    path = pathlib.Path(directory, "image.tar")
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


@contextlib.contextmanager
def terminal():
    """(our end, the program's end) of a new pseudo-terminal."""
    ours, theirs = os.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


__all__ = ["Absent", "CASES", "Daemon", "Engine", "IMAGE", "case", "check", "contains", "equal", "eventually", "image_archive",
           "processes", "root_tar", "terminal"]
