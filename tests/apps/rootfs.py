# SPDX-License-Identifier: Apache-2.0
"""The root filesystems of the application tests: busybox, and several of Debian 12, made by mmdebstrap and kept in a cache."""

import fcntl
import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from harness import bundle

CACHE = pathlib.Path(os.environ.get("RUNSC_TEST_CACHE", "/var/cache/runsc-tests"))
SUITE = "bookworm"
PACKAGES = ("bash", "coreutils", "findutils", "gawk", "grep", "gzip", "perl", "procps", "python3", "sed", "tar")
# What the other Debian roots have besides.
MORE_PACKAGES = {
    "debian-dev": ("apt", "bc", "bzip2", "dpkg", "file", "gcc", "git", "less", "libc6-dev", "make", "openssl", "patch",
                   "sqlite3", "vim-tiny", "xz-utils", "zstd"),
    "debian-languages": ("gcc", "golang-go", "libc6-dev", "nodejs", "openjdk-17-jdk-headless", "rustc"),
    "debian-servers": ("postgresql-15", "redis-server", "sqlite3"),
    "debian-suites": ("libpython3.11-testsuite", "stress-ng"),
}
_RECIPE = 1  # counts changes of how the tree is made

# What rows find in /data.
_WORDS = "pear\napple\nfig\napple\nbanana\ncherry\nfig\ndate\n"
_TABLE = "name,age,city\nann,41,berlin\nbob,7,paris\ncid,23,oslo\ndee,23,berlin\n"


def busybox_applets():
    listed = subprocess.run(["/usr/bin/busybox", "--list"], capture_output=True, text=True, check=True)
    return listed.stdout.split()


def make_busybox(rootfs):
    """A busybox root with every applet."""
    bundle.make_busybox_rootfs(rootfs, applets=busybox_applets())
    _add_data(rootfs)


def make_debian(rootfs, name="debian"):
    """A copy of the cached Debian root of that name, made first when the cache has none."""
    subprocess.run(["cp", "-a", "--reflink=auto", debian_cache(name), rootfs], check=True)
    _add_data(rootfs)


def debian_cache(name="debian"):
    """Path of the pristine Debian root of that name. Safe to call from several processes at once."""
    packages = PACKAGES + MORE_PACKAGES.get(name, ())
    digest = hashlib.sha256(repr((SUITE, packages, _RECIPE)).encode()).hexdigest()[:12]
    target = CACHE / f"{name.replace('debian', 'debian12', 1)}-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{target.name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _bootstrap(target, packages)
    return target


def _bootstrap(target, packages):
    with tempfile.TemporaryDirectory(prefix="new-", dir=CACHE) as directory:
        made = os.path.join(directory, "rootfs")
        # The sources are named: the host's list may have repositories that a test must not depend on.
        made_by = subprocess.run(
            ["mmdebstrap", "--quiet", "--mode=root", "--variant=essential", f"--include={','.join(packages)}",
             "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
             "--dpkgopt=path-exclude=/usr/share/locale/*",
             # Java's alternatives have manual pages.
             '--essential-hook=mkdir -p "$1/usr/share/man/man1"', SUITE, made,
             f"deb http://deb.debian.org/debian {SUITE} main"],
            capture_output=True, text=True, timeout=1800, check=False)
        if made_by.returncode:
            raise RuntimeError(f"mmdebstrap failed with {made_by.returncode}:\n{made_by.stderr[-3000:]}")
        for unneeded in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(os.path.join(made, unneeded), ignore_errors=True)
        os.rename(made, target)


def _add_data(rootfs):
    """Puts the rows' input files into /data, with fixed times."""
    data = pathlib.Path(rootfs, "data")
    (data / "tree" / "a" / "b").mkdir(parents=True)
    (data / "words.txt").write_text(_WORDS)
    (data / "table.csv").write_text(_TABLE)
    (data / "numbers.txt").write_text("".join(f"{(i * 7919) % 1000}\n" for i in range(500)))
    (data / "binary").write_bytes(bytes(i * 37 % 256 for i in range(5000)))
    (data / "tree" / "one.txt").write_text("one\n")
    (data / "tree" / "a" / "two.log").write_text("two\ntwo again\n")
    (data / "tree" / "a" / "b" / "three.txt").write_text("three\n")
    (data / "tree" / "link").symlink_to("a/two.log")
    for path in [data, *data.rglob("*")]:
        os.utime(path, (1_000_000_000, 1_000_000_000), follow_symlinks=False)


# How each root filesystem is made: MAKERS[name](path).
MAKERS = {"busybox": make_busybox, "debian": make_debian,
          **{name: functools.partial(make_debian, name=name) for name in MORE_PACKAGES}}
