# SPDX-License-Identifier: Apache-2.0
"""The command line itself: flags, messages, the log, and the verbs that need no container."""

import json
import os
import re
import subprocess

from oci.box import OURS_FAILURE, case, check, contains, equal


def plain(box, *words, **keywords):
    """The runtime with these words alone: (status, stdout, stderr)."""
    done = subprocess.run([*box.runner.command, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False, **keywords)
    return done.returncode, done.stdout, done.stderr


@case
def version(box):
    status, out, _ = plain(box, "--version")
    equal(status, 0, "status")
    # As containerd, docker and podman look for it.
    check(re.match(r"^(runc|runsc) version \S+\n", out), "first line", out)
    check(re.search(r"^spec: 1\.\d+\.\d+", out, re.MULTILINE), "spec line", out)
    equal(plain(box, "-v")[:2], (0, out), "-v")


@case
def help_is_on_stdout(box):
    for words in (["--help"], ["-h"], ["help"], ["run", "--help"], ["exec", "--help"], ["create", "-h"]):
        status, out, err = plain(box, *words)
        equal((status, err), (0, ""), f"{words}")
        check(len(out) > 100, words, "prints little:", out)
    out = plain(box, "--help")[1]
    for verb in ("create", "start", "state", "kill", "delete", "list", "exec", "ps", "run", "spec", "features", "pause",
                 "resume", "events"):
        check(re.search(rf"^\s+{verb}\b", out, re.MULTILINE), "no", verb, "in --help")


@case
def features(box):
    found = json.loads(plain(box, "features")[1])
    for key in ("ociVersionMin", "ociVersionMax", "hooks", "mountOptions", "linux"):
        check(key in found, "no", key)
    check({"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"} <=
          set(found["hooks"]), "hooks", found["hooks"])
    check({"pid", "network", "mount", "ipc", "uts"} <= set(found["linux"]["namespaces"]), "namespaces")
    check("CAP_CHOWN" in found["linux"]["capabilities"], "capabilities")


@case(ours="no such verb in runc")
def syscalls(box):
    listed = json.loads(plain(box, "syscalls", "--format", "json")[1])
    text = json.dumps(listed)
    for name in ("read", "execve", "io_uring_setup"):
        check(f'"{name}"' in text, "no", name)
    check(plain(box, "syscalls")[1].count("\n") > 300, "a short list")


@case(ours="no such verb in runc")
def do(box):
    home = os.path.dirname(os.path.abspath(__file__))
    status, out, err = plain(box, "--root", box.runner.state, "do", "--", "sh", "-c", "pwd; touch /new-file; ls /new-file; exit 6",
                             cwd=home)
    equal((status, out), (6, f"{home}\n/new-file\n"), err)
    check(not os.path.exists("/new-file"), "written through")
    status, out, err = plain(box, "--root", box.runner.state, "do", "--cwd", "/tmp", "pwd")
    equal((status, out), (0, "/tmp\n"), err)
    equal(plain(box, "--root", box.runner.state, "do")[0], OURS_FAILURE, "without a command")
    equal(plain(box, "--root", box.runner.state, "do", "--", "no-such-program")[0], OURS_FAILURE, "without a program")


@case
def errors_are_written_to_the_log_as_engines_read_them(box):
    log = box.directory / "log.json"
    box.flags = ["--log", str(log), "--log-format", "json"]
    box.bad("state", box.id, message="does not exist")
    entry = json.loads(log.read_text().splitlines()[-1])
    equal(entry["level"], "error", "level")
    contains(entry["msg"], "does not exist")
    check(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", entry["time"]), "time", entry["time"])
    log.unlink()
    box.flags = ["--log", str(log), "--log-format", "text"]
    box.bad("state", box.id)
    contains(log.read_text(), "level=error")


@case
def flags_of_engines_are_taken(box):
    box.flags = ["--log", str(box.directory / "log"), "--log-format", "json", "--debug"]
    box.config("exit 0")
    equal(box.run("--no-pivot", "--no-new-keyring")[0], 0, "run")
    box.flags = ["--debug=false", "--rootless=false"]
    equal(box.run()[0], 0, "run")


@case(ours="the messages are ours")
def bad_command_lines(box):
    for words, message in ((["--nonsense"], "unknown flag --nonsense"), (["nonsense"], 'unknown command "nonsense"'),
                           (["state"], "state: id is required"), (["state", "a", "b"], "state: "),
                           (["run", "--nonsense", "x"], "run: "), (["--root"], "--root: a value is missing"),
                           (["--platform=none", "list"], "--platform: invalid value"),
                           (["create", "--preserve-fds", "x", "y"], "create: "), (["kill"], "kill: id is required")):
        status, out, err = plain(box, *words)
        equal(status, OURS_FAILURE, f"{words}")
        contains(err, message)
        check(err.startswith("runsc: "), "message", err)
        equal(out, "", f"{words}: stdout")


@case
def events_of_a_running_container(box):
    box.running(linux__cgroupsPath=f"/{box.id}", linux__resources={"memory": {"limit": 128 << 20}, "pids": {"limit": 50}})
    event = json.loads(box.good("events", "--stats", box.id))
    equal((event["type"], event["id"]), ("stats", box.id), "event")
    data = event["data"]
    equal(data["memory"]["usage"]["limit"], 128 << 20, "memory limit")
    check(data["memory"]["usage"]["usage"] > 0, "memory usage")
    check(data["cpu"]["usage"]["total"] > 0, "cpu usage")
    check(data["pids"]["current"] >= 1, "pids")
    box.good("kill", box.id, "KILL")
    box.until("stopped")
    box.bad("events", "--stats", box.id)


@case
def update_changes_limits(box):
    box.running(linux__cgroupsPath=f"/{box.id}", linux__resources={"memory": {"limit": 128 << 20, "swap": 128 << 20}})
    box.good("update", "--resources", "-", box.id, stdin=None,
             input=json.dumps({"memory": {"limit": 256 << 20, "swap": 256 << 20}, "cpu": {"shares": 777}}))
    limit = json.loads(box.good("events", "--stats", box.id))["data"]["memory"]["usage"]["limit"]
    equal(limit, 256 << 20, "memory limit")
