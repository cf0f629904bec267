#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gives the runtime what it must refuse: malformed bundles, bad programs, bad ids, unknown flags.

    tests/walls/bad_inputs.py --runtime build/release/runsc/runsc [--cases 'config/*']

Each time the exit status must be 128, the message on stderr must name what is wrong and where (the file, the JSON path, the
program), and nothing may be left: no process, mount, cgroup or state. The last line is "N passed, M failed".
"""

import argparse
import dataclasses
import fnmatch
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import Callable, Sequence, Union

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import bundle, processes, runtime  # pylint: disable=wrong-import-position
from walls import common  # pylint: disable=wrong-import-position

FAILURE_STATUS = 128


@dataclasses.dataclass(frozen=True)
class Case:
    """One thing to refuse. `bundle` changes the configuration dictionary, or returns the text of config.json itself, or
    None for no config.json; `argv` replaces "run --bundle DIR ID"; `message` are patterns the message must match."""
    name: str
    message: Sequence[str]
    bundle: Callable[[dict], Union[dict, str, None]] = lambda configuration: configuration
    argv: Callable[[str, str], list] = lambda directory, container: ["run", "--bundle", directory, container]


def setting(path, value):
    """Sets configuration[a][b]... for "a.b"; a number is a list's index."""
    keys = [int(key) if key.isdigit() else key for key in path.split(".")]

    def change(configuration):
        target = configuration
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value
        return configuration
    return change


def without(path):
    *parents, last = path.split(".")

    def change(configuration):
        target = configuration
        for key in parents:
            target = target[key]
        del target[last]
        return configuration
    return change


def config(name, change, *message):
    return Case(f"config/{name}", (r"config\.json", *message), bundle=change)


def program(name, path, *message):
    return Case(f"program/{name}", (re.escape(path), *message), bundle=setting("process.args", [path]))


def command(name, argv, *message):
    return Case(f"command/{name}", message, argv=lambda directory, container: argv(directory, container))


def identifier(name, text):
    # Only a quote of it is asked for, as a message may shorten or escape it.
    return Case(f"id/{name}", (r"(?i)\bid\b", ), argv=lambda directory, _: ["run", "--bundle", directory, text])


CASES = [
    config("missing", lambda _: None, r"(?i)no such file"),
    config("empty", lambda _: ""),
    config("not-json", lambda _: "ociVersion: 1.0.2\n", r"(?i)json|parse"),
    config("cut-short", lambda c: json.dumps(c)[:200], r"(?i)json|parse"),
    config("trailing-garbage", lambda c: json.dumps(c) + "}", r"(?i)json|parse"),
    config("a-list", lambda _: "[]"),
    config("deep-nesting", lambda _: "[" * 100000),
    config("not-utf8", lambda c: json.dumps(c).replace("guest", "\udcff")),
    config("without-version", without("ociVersion"), "ociVersion"),
    config("version-of-the-future", setting("ociVersion", "9.0.0"), "ociVersion", r"9\.0\.0"),
    config("version-as-number", setting("ociVersion", 1), "ociVersion"),
    config("without-process", without("process"), r"\bprocess\b"),
    config("without-root", without("root"), r"\broot\b"),
    config("root-missing", setting("root.path", "nowhere"), r"root\.path|nowhere", r"(?i)no such file"),
    config("root-is-a-file", setting("root.path", "config.json"), r"root\.path|config\.json", r"(?i)not a directory"),
    config("args-empty", setting("process.args", []), r"process\.args"),
    config("args-not-strings", setting("process.args", ["/bin/sh", 7]), r"process\.args(\[1\]|\.1)"),
    config("args-with-nul", setting("process.args", ["/bin/sh\0x"]), r"process\.args"),
    config("cwd-relative", setting("process.cwd", "bin"), r"process\.cwd"),
    config("env-not-a-list", setting("process.env", "A=1"), r"process\.env"),
    config("uid-negative", setting("process.user.uid", -1), r"process\.user\.uid"),
    config("uid-too-large", setting("process.user.uid", 2**40), r"process\.user\.uid"),
    config("capabilities-not-a-list", setting("process.capabilities.bounding", "CAP_CHOWN"),
           r"process\.capabilities\.bounding"),
    config("unknown-rlimit", setting("process.rlimits", [{"type": "RLIMIT_NONE", "hard": 1, "soft": 1}]),
           r"process\.rlimits", "RLIMIT_NONE"),
    config("rlimit-twice", setting("process.rlimits", [{"type": "RLIMIT_CORE", "hard": 1, "soft": 1}] * 2),
           r"process\.rlimits", "RLIMIT_CORE"),
    config("mount-without-destination", setting("mounts", [{"type": "tmpfs", "source": "tmpfs"}]), "mounts"),
    config("mount-of-unknown-type", setting("mounts", [{"destination": "/mnt", "type": "nofs", "source": "x"}]),
           "mounts", "nofs"),
    config("mount-source-missing",
           setting("mounts", [{"destination": "/mnt", "type": "bind", "source": "/nowhere", "options": ["bind"]}]),
           "/nowhere"),
    config("unknown-namespace", setting("linux.namespaces", [{"type": "none"}]), r"linux\.namespaces"),
    config("namespace-twice", setting("linux.namespaces", [{"type": "pid"}, {"type": "pid"}]), r"linux\.namespaces"),
    config("namespace-path-missing", setting("linux.namespaces", [{"type": "network", "path": "/nowhere"}]),
           r"linux\.namespaces", "/nowhere"),

    config("process-is-a-list", setting("process", []), r"\bprocess\b"),
    config("args-missing", without("process.args"), r"process\.args"),
    config("cwd-missing", without("process.cwd"), r"process\.cwd"),
    config("cwd-is-a-file", setting("process.cwd", "/etc/passwd"), r"process\.cwd|/etc/passwd", r"(?i)not a directory"),
    config("terminal-as-text", setting("process.terminal", "yes"), r"process\.terminal"),
    config("env-without-a-name", setting("process.env", ["=x"]), r"process\.env\[0\]"),
    config("env-with-nul", setting("process.env", ["A=\0"]), r"process\.env\[0\]"),
    config("uid-as-text", setting("process.user.uid", "root"), r"process\.user\.uid"),
    config("uid-as-fraction", setting("process.user.uid", 0.5), r"process\.user\.uid"),
    config("additional-gid-negative", setting("process.user.additionalGids", [1, -1]), r"process\.user\.additionalGids\[1\]"),
    config("unknown-capability", setting("process.capabilities.effective", ["CAP_CHOWN", "CAP_NONE"]),
           r"process\.capabilities\.effective\[1\]", "CAP_NONE"),
    config("rlimit-soft-above-hard", setting("process.rlimits", [{"type": "RLIMIT_CORE", "hard": 1, "soft": 2}]),
           r"process\.rlimits\[0\]"),
    config("rlimit-without-hard", setting("process.rlimits", [{"type": "RLIMIT_CORE", "soft": 2}]),
           r"process\.rlimits\[0\]\.hard"),
    config("root-path-empty", setting("root.path", ""), r"root\.path"),
    config("root-path-as-number", setting("root.path", 3), r"root\.path"),
    config("hostname-as-number", setting("hostname", 7), r"\bhostname\b"),
    config("mounts-not-a-list", setting("mounts", {"destination": "/x"}), r"\bmounts\b"),
    config("mount-options-as-text", setting("mounts", [{"destination": "/x", "type": "tmpfs", "options": "ro"}]),
           r"mounts\[0\]\.options"),
    config("mount-bad-tmpfs-option", setting("mounts", [{"destination": "/x", "type": "tmpfs", "options": ["size=wrong"]}]),
           r"mounts\[0\]\.options"),
    config("mount-on-a-file", setting("mounts", [{"destination": "/etc/passwd/x", "type": "tmpfs", "source": "tmpfs"}]),
           r"mounts\[0\]", r"(?i)not a directory"),
    config("namespace-without-type", setting("linux.namespaces", [{"path": "/x"}]), r"linux\.namespaces\[0\]\.type"),
    config("namespace-path-is-no-namespace", setting("linux.namespaces", [{"type": "network", "path": "/etc/passwd"}]),
           r"linux\.namespaces|/etc/passwd"),
    config("id-mapping-of-nothing", setting("linux.uidMappings", [{"containerID": 0, "hostID": 0, "size": 0}]),
           r"linux\.uidMappings\[0\]"),
    config("masked-path-relative", setting("linux.maskedPaths", ["proc/kcore"]), r"linux\.maskedPaths\[0\]"),
    config("read-only-path-relative", setting("linux.readonlyPaths", ["/proc/sys", "x"]), r"linux\.readonlyPaths\[1\]"),
    config("device-of-unknown-type", setting("linux.devices", [{"path": "/dev/x", "type": "q", "major": 1, "minor": 3}]),
           r"linux\.devices\[0\]\.type"),
    config("device-not-allowed", setting("linux.devices", [{"path": "/dev/mem", "type": "c", "major": 1, "minor": 1}]),
           r"linux\.devices\[0\]", "/dev/mem"),
    config("memory-limit-as-text", setting("linux.resources.memory", {"limit": "1g"}),
           r"linux\.resources\.memory\.limit"),
    config("cpu-shares-negative", setting("linux.resources.cpu", {"shares": -1}), r"linux\.resources\.cpu\.shares"),
    config("cpu-period-refused-by-the-host", lambda c: setting("linux.resources.cpu", {"period": 1})(
        setting("linux.cgroupsPath", "/bad-inputs-cgroup")(c)), r"linux\.resources\.cpu\.period"),
    config("cgroups-path-upwards", setting("linux.cgroupsPath", "/a/../../b"), r"linux\.cgroupsPath"),
    config("sysctl-as-number", setting("linux.sysctl", {"kernel.shmmax": 5}), r"linux\.sysctl"),
    config("seccomp-unknown-action", setting("linux.seccomp", {"defaultAction": "SCMP_ACT_NONE"}),
           r"linux\.seccomp\.defaultAction", "SCMP_ACT_NONE"),
    config("hook-path-relative", setting("hooks", {"createRuntime": [{"path": "bin/true"}]}),
           r"hooks\.createRuntime\[0\]\.path"),
    config("hook-timeout-zero", setting("hooks", {"poststop": [{"path": "/bin/true", "timeout": 0}]}),
           r"hooks\.poststop\[0\]\.timeout"),
    config("hook-missing", setting("hooks", {"prestart": [{"path": "/no/hook"}]}), r"hooks\.prestart\[0\]", "/no/hook"),
    config("hook-fails", setting("hooks", {"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "echo why >&2; exit 9"]}]}),
           r"hooks\.createContainer\[0\]", "9", "why"),
    config("annotations-not-texts", setting("annotations", {"a": 1}), r"annotations"),
    config("annotation-of-an-unknown-flag", setting("annotations", {"dev.runsc.flag.none": "1"}), r"annotations", "none"),

    program("missing", "/tests/none", r"(?i)no such file"),
    program("not-in-path", "no-such-program", r"(?i)not found|no such file"),
    program("not-executable", "/etc/passwd", r"(?i)permission denied"),
    program("a-directory", "/tests", r"(?i)permission denied|is a directory"),
    program("garbage", "/tests/garbage", r"(?i)exec format"),
    program("cut-short", "/tests/cut", r"(?i)exec format|input/output|invalid"),
    program("script-without-interpreter", "/tests/script", r"(?i)no such file"),
    program("other-architecture", "/tests/arm", r"(?i)exec format"),

    identifier("empty", ""),
    identifier("dot-dot", ".."),
    identifier("slash", "a/b"),
    identifier("space", "a b"),
    identifier("newline", "a\nb"),
    identifier("too-long", "x" * 2000),

    command("none", lambda d, c: [], r"(?i)command"),
    command("unknown-command", lambda d, c: ["frobnicate"], "frobnicate"),
    command("unknown-global-flag", lambda d, c: ["--frobnicate", "run", "--bundle", d, c], "frobnicate"),
    command("bad-flag-value", lambda d, c: ["--platform=none", "run", "--bundle", d, c], "platform", "none"),
    command("unknown-flag-of-run", lambda d, c: ["run", "--frobnicate", "--bundle", d, c], "frobnicate"),
    command("missing-id", lambda d, c: ["run", "--bundle", d], r"(?i)\bid\b|argument"),
    command("extra-argument", lambda d, c: ["run", "--bundle", d, c, "extra"], r"extra|(?i:argument)"),
    command("missing-bundle", lambda d, c: ["run", "--bundle", "/nowhere", c], "/nowhere", r"(?i)no such file"),
    command("state-of-nothing", lambda d, c: ["state", c], r"(?i)does not exist|no such container|not found"),
    command("kill-of-nothing", lambda d, c: ["kill", c, "TERM"], r"(?i)does not exist|no such container|not found"),
    command("start-of-nothing", lambda d, c: ["start", c], r"(?i)does not exist|no such container|not found"),
    command("delete-of-nothing", lambda d, c: ["delete", c], r"(?i)does not exist|no such container|not found"),
    command("unwritable-pid-file", lambda d, c: ["run", "--bundle", d, "--pid-file", "/nowhere/pid", c], "/nowhere/pid"),
]


def add_broken_programs(rootfs):
    tests = pathlib.Path(rootfs, "tests")
    elf = pathlib.Path(rootfs, "bin/busybox").read_bytes()
    (tests / "garbage").write_bytes(b"this is no program\n")
    (tests / "cut").write_bytes(elf[:100])
    (tests / "script").write_bytes(b"#!/tests/no-interpreter\n")
    (tests / "arm").write_bytes(elf[:18] + b"\xb7\x00" + elf[20:4096])  # e_machine: AArch64
    for name in ("garbage", "cut", "script", "arm"):
        (tests / name).chmod(0o755)


def check(case, runner, directory):
    """What is wrong with how the runtime takes the case."""
    configuration = case.bundle(bundle.config(["/bin/sh", "-c", "echo the guest ran"]))
    path = pathlib.Path(directory, "config.json")
    path.unlink(missing_ok=True)
    if isinstance(configuration, dict):
        bundle.write(directory, configuration)
    elif configuration is not None:
        path.write_bytes(configuration.encode(errors="surrogateescape"))
    container = runner.new_id("bad")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(runner.argv(*case.argv(directory, container)), stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=err)
        try:
            status = process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            processes.kill_descendants()
            return ["did not end in 30 s"]
        out.seek(0)
        err.seek(0)
        printed, message = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    problems = []
    if status != FAILURE_STATUS:
        problems.append(f"ended with {status}, not {FAILURE_STATUS}")
    problems += [f"the message does not match /{pattern}/" for pattern in case.message
                 if not re.search(pattern, message)]
    if "the guest ran" in printed:
        problems.append("the guest ran")
    if re.search(r"Aborted|Assertion|terminate called|Sanitizer|runtime error", message):
        problems.append("it crashed")
    problems += [f"left: {line}" for line in common.leftovers(runner, container, directory)]
    problems += [f"left: state {entry}" for entry in pathlib.Path(runner.state).iterdir() if entry.is_dir()]
    if problems:
        problems += [f"stderr: {line[:300]}" for line in message.splitlines()[:5]]
        runner.destroy(container)
        processes.kill_descendants()
    return problems


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_arguments(parser)
    parser.add_argument("--cases", default="*", help="shell pattern of case names")
    options = parser.parse_args(arguments)

    processes.become_subreaper()
    tally = common.Tally()
    with runtime.Runtime(options.runtime) as runner, tempfile.TemporaryDirectory(prefix="runsc-walls-") as directory:
        add_broken_programs(common.make_bundle(directory, options.guest))
        for case in CASES:
            if fnmatch.fnmatchcase(case.name, options.cases):
                tally.case(case.name, check(case, runner, directory))
    return tally.finish()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FileNotFoundError as error:
        sys.exit(f"bad_inputs.py: {error}\n0 passed, 1 failed")
