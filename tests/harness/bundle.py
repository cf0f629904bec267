# SPDX-License-Identifier: Apache-2.0
"""OCI bundles for tests: a config.json that runc and runsc read alike, and small root filesystems."""

import copy
import json
import os
import pathlib
import shutil

_CAPABILITIES = [  # by number
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT",
    "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE",
    "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
    "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
]


def _own_capabilities():
    """The names in this process's bounding set: what a container can be given here at most."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    bits = int(status.split("CapBnd:")[1].split()[0], 16)
    return [name for number, name in enumerate(_CAPABILITIES) if bits >> number & 1]


CAPABILITIES = _own_capabilities()

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_TEMPLATE = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "args": [],
        "env": [f"PATH={PATH}", "HOME=/root", "LC_ALL=C"],
        "cwd": "/",
        "capabilities": {name: CAPABILITIES for name in ("bounding", "effective", "permitted", "inheritable")},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 4096, "soft": 1024}],
        "noNewPrivileges": False,
    },
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "guest",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
    },
}


def config(args, **process):
    """A config.json as a dictionary: root with all capabilities there are, running `args`; keywords replace process members."""
    result = copy.deepcopy(_TEMPLATE)
    result["process"]["args"] = list(args)
    result["process"].update(process)
    return result


def write(directory, configuration):
    """Writes config.json into the bundle `directory`, which must have (or get) a rootfs of its own."""
    pathlib.Path(directory, "config.json").write_text(json.dumps(configuration, indent=1), encoding="utf-8")


def link_or_copy(source, target):
    """Puts the file `source` at `target` without copying where the file system allows."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def make_busybox_rootfs(rootfs, busybox="/usr/bin/busybox", applets=("sh",)):
    """A minimal root: busybox with links for `applets`, the usual directories, passwd and group."""
    rootfs = pathlib.Path(rootfs)
    for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "tests"):
        (rootfs / name).mkdir(parents=True, exist_ok=True)
    (rootfs / "tmp").chmod(0o1777)
    shutil.copy2(busybox, rootfs / "bin" / "busybox")
    for applet in applets:
        link = rootfs / "bin" / applet
        if not link.exists():
            link.symlink_to("busybox")
    (rootfs / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")
    (rootfs / "etc" / "group").write_text("root:x:0:\nuser:x:1000:\n")
    return rootfs
