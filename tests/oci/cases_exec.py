# SPDX-License-Identifier: Apache-2.0
"""exec."""

import json
import os
import pathlib
import signal
import subprocess

from oci.box import case, check, contains, equal, eventually


@case
def exec_passes_status_and_streams_through(box):
    box.running()
    equal(box.exec("echo", "hello"), (0, "hello\n", ""), "echo")
    equal(box.exec("sh", "-c", "cat; echo oops >&2; exit 7", stdin=None, input="typed\n"), (7, "typed\n", "oops\n"), "sh")
    for status in (0, 1, 126, 127, 255):
        equal(box.exec("sh", "-c", f"exit {status}")[0], status, "exit status")
    equal(box.exec("sh", "-c", "kill -KILL $$")[0], 128 + signal.SIGKILL, "status of a killed process")


@case
def what_follows_the_id_is_the_commands_own(box):
    box.running()
    equal(box.call("exec", box.id, "echo", "--cwd", "-d", "--help", "--")[1], "--cwd -d --help --\n", "echo")
    equal(box.exec("--cwd", "/tmp", "--", "pwd")[1], "/tmp\n", "pwd")


@case
def exec_takes_what_it_is_not_told_from_the_container(box):
    box.running(process__env=["PATH=/bin", "OF=container", "HOME=/tmp"], process__cwd="/tests")
    equal(box.exec("sh", "-c", "echo $OF; pwd; id -u")[1], "container\n/tests\n0\n", "output")


@case
def exec_flags_change_the_process(box):
    box.running(process__cwd="/")
    equal(box.exec("--cwd", "/tmp", "--", "pwd")[1], "/tmp\n", "--cwd")
    equal(box.exec("--env", "A=1", "--env", "B=x y", "--", "sh", "-c", "echo $A $B")[1], "1 x y\n", "--env")
    equal(box.exec("--user", "1000", "--", "id", "-u")[1], "1000\n", "--user")
    equal(box.exec("--user", "1000:1001", "--", "sh", "-c", "id -u; id -g")[1], "1000\n1001\n", "--user with a group")
    groups = box.exec("-u", "1000:1000", "-g", "7", "-g", "8", "--", "id", "-G")[1].split()
    equal(sorted(groups), ["1000", "7", "8"], "groups")
    contains(box.exec("--no-new-privs", "--", "grep", "NoNewPrivs", "/proc/self/status")[1], "\t1\n")
    if not box.is_ours:
        return  # runc's wording
    box.bad("exec", "--user", "root", box.id, "id", message='--user: "root"')
    box.bad("exec", "--cap", "CAP_NONE", box.id, "id", message='--cap: unknown capability "CAP_NONE"')
    box.bad("exec", "--nonsense", box.id, "id", message="--nonsense")


@case
def exec_capabilities(box):
    box.running(process__capabilities={name: ["CAP_KILL"] for name in ("bounding", "effective", "permitted")})
    line = "CapEff:\t0000000000000020\n"
    equal(box.exec("grep", "CapEff", "/proc/self/status")[1], line, "the container's")
    wider = box.exec("--cap", "CAP_SYS_CHROOT", "--", "grep", "CapEff", "/proc/self/status")[1]
    equal(int(wider.split()[1], 16) & 0x40020, 0x40020, "with one more")


@case
def exec_of_a_process_description(box):
    box.running()
    path = pathlib.Path(box.directory, "process.json")
    process = {"terminal": False, "user": {"uid": 5, "gid": 6, "additionalGids": [7]}, "args": ["sh", "-c", "id -u; id -g; "
               "pwd; echo $X; ulimit -n"], "env": ["PATH=/bin", "X=y"], "cwd": "/tmp",
               "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 99, "soft": 88}]}
    path.write_text(json.dumps(process))
    equal(box.exec("--process", path, "--"), (0, "5\n6\n/tmp\ny\n88\n", ""), "exec --process")
    if not box.is_ours:
        return
    path.write_text('{"args": [], "cwd": "/"}')
    box.bad("exec", "--process", path, box.id, message="process.json: args")
    path.write_text('{"args": ["x"], "cwd": "/", "user": {"uid": "root"}}')
    box.bad("exec", "--process", path, box.id, message="process.json: user.uid")
    box.bad("exec", "--process", "/nowhere.json", box.id, message="/nowhere.json: No such file or directory")


@case
def a_detached_exec_leaves_a_process_with_the_status(box):
    box.running()
    pid_file = box.directory / "exec-pid"
    with open(box.directory / "exec-out", "wb") as out:
        done = subprocess.run(box.argv("exec", "--detach", "--pid-file", pid_file, box.id, "sh", "-c",
                                       "echo started; while [ ! -e /tmp/go ]; do sleep 0.01; done; rm /tmp/go; exit 23"),
                              stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=60, check=False)
    equal(done.returncode, 0, "status of exec")
    pid = int(pid_file.read_text())
    check(os.path.exists(f"/proc/{pid}"), "there is no process", pid)
    eventually(lambda: (box.directory / "exec-out").read_text() == "started\n", "its output")
    equal(box.exec("touch", "/tmp/go")[0], 0, "touch")
    _, status = os.waitpid(pid, 0)
    equal(os.waitstatus_to_exitcode(status), 23, "wait status")


@case
def a_signal_to_a_detached_execs_process_reaches_it(box):
    box.running()
    pid_file = box.directory / "exec-pid"
    with open(box.directory / "exec-out", "wb") as out:
        subprocess.run(box.argv("exec", "--detach", "--pid-file", pid_file, box.id, "sh", "-c",
                                "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done"),
                       stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=60, check=True)
    eventually(lambda: (box.directory / "exec-out").read_text() == "ready\n", "its output")
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGTERM)
    _, status = os.waitpid(pid, 0)
    equal(os.waitstatus_to_exitcode(status), 5, "wait status")


@case
def the_containers_end_ends_exec(box):
    box.running("echo ready; while [ ! -e /tmp/end ]; do sleep 0.01; done; rm /tmp/end; exit 3")
    box.until_printed("ready\n")
    with subprocess.Popen(box.argv("exec", box.id, "sh", "-c", "touch /tmp/end; sleep 1000"), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        equal(process.wait(30), 128 + signal.SIGKILL, "status of exec")
    box.until("stopped")


@case
def exec_needs_a_running_container(box):
    box.bad("exec", box.id, "true", message="does not exist")
    box.running("exit 0")
    box.until("stopped")
    box.bad("exec", box.id, "true", message="in state stopped")


@case
def exec_tells_what_is_wrong_with_the_program(box):
    box.running()
    contains(box.bad("exec", box.id, "no-such-program", message="no-such-program"), "executable file not found in $PATH")
    contains(box.bad("exec", box.id, "/no/such", message="/no/such"), "no such file or directory")
    contains(box.bad("exec", box.id, "/etc/passwd", message="/etc/passwd"), "permission denied")
    contains(box.bad("exec", "--cwd", "/nowhere", box.id, "true", message="/nowhere").lower(), "no such file or directory")
    equal(box.status(), "running", "status")


@case(ours="runc has no command either, but asks for --process first")
def exec_needs_a_command(box):
    box.running()
    box.bad("exec", box.id, message="no command given")
    box.bad("exec", message="id is required")


@case
def many_execs_at_once(box):
    box.running()
    processes = [subprocess.Popen(box.argv("exec", box.id, "sh", "-c", f"echo {n}; exit {n}"), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True) for n in range(8)]
    for n, process in enumerate(processes):
        out, _ = process.communicate(timeout=60)
        equal((process.returncode, out), (n, f"{n}\n"), "exec")
