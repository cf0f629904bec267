# SPDX-License-Identifier: Apache-2.0
"""The Debian 12 root filesystem of the macro rows: made by mmdebstrap, kept in the tests' cache, never written to."""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

CACHE = pathlib.Path(os.environ.get("RUNSC_TEST_CACHE", "/var/cache/runsc-tests"))
SUITE = "bookworm"
PACKAGES = ("bash", "coreutils", "findutils", "gawk", "grep", "gzip", "perl", "procps", "python3", "sed", "tar",
            "fio", "gcc", "git", "libc6-dev", "make", "postgresql-15", "redis-server", "sqlite3", "stress-ng", "sysbench",
            "xz-utils")
_RECIPE = 1  # counts changes of how the tree is made


def pristine_root():
    """The path of the tree, made first when the cache has none. Safe to call from several processes at once."""
    digest = hashlib.sha256(repr((SUITE, PACKAGES, _RECIPE)).encode()).hexdigest()[:12]
    target = CACHE / f"debian12-bench-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{target.name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _bootstrap(target)
    return target


def _bootstrap(target):
    with tempfile.TemporaryDirectory(prefix="new-", dir=CACHE) as directory:
        made = os.path.join(directory, "rootfs")
        # The sources are named: the host's list may have repositories that a benchmark must not depend on.
        done = subprocess.run(
            ["mmdebstrap", "--quiet", "--mode=root", "--variant=essential", f"--include={','.join(PACKAGES)}",
             "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
             "--dpkgopt=path-exclude=/usr/share/locale/*", SUITE, made, f"deb http://deb.debian.org/debian {SUITE} main"],
            capture_output=True, text=True, timeout=1800, check=False)
        if done.returncode:
            raise RuntimeError(f"mmdebstrap failed with {done.returncode}:\n{done.stderr[-3000:]}")
        for unneeded in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(os.path.join(made, unneeded), ignore_errors=True)
        os.rename(made, target)
