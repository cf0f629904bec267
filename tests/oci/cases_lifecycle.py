# SPDX-License-Identifier: Apache-2.0
"""create, start, state, kill, delete, list, run, wait, pause, resume."""

import json
import os
import pathlib
import re
import signal
import subprocess

from oci.box import case, check, contains, equal, eventually


@case
def life_of_a_container(box):
    box.config("echo one; exec sleep 1000", annotations={"org.example.key": "value"})
    pid_file = box.directory / "pid"
    box.create("--pid-file", pid_file)
    state = box.state()
    equal(state["status"], "created", "status")
    equal(state["id"], box.id, "id")
    equal(state["bundle"], str(box.directory), "bundle")
    equal(state["annotations"], {"org.example.key": "value"}, "annotations")
    check(re.fullmatch(r"1\.\d+\.\d+(-\w+)?", state["ociVersion"]), "ociVersion", state["ociVersion"])
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", state["created"]), "created", state["created"])
    equal(pid_file.read_text(), str(state["pid"]), "the pid file")
    check(os.path.exists(f"/proc/{state['pid']}"), "no process", state["pid"])
    equal(box.output(), "", "output before start")
    box.start()
    equal(box.status(), "running", "status")
    box.until_printed("one\n")
    box.good("kill", box.id, "KILL")
    box.until("stopped")
    equal(box.state()["pid"], 0, "pid of a stopped container")
    box.good("delete", box.id)
    box.bad("state", box.id, message="does not exist")
    equal(box.leftovers(), [], "leftovers")


@case
def the_pid_file_names_a_process_whose_status_is_the_containers(box):
    box.config("exit 37")
    box.create("--pid-file", box.directory / "pid")
    pid = int((box.directory / "pid").read_text())
    box.start()
    # It came to us, its subreaper, as it comes to an engine's shim.
    _, status = os.waitpid(pid, 0)
    equal(os.waitstatus_to_exitcode(status), 37, "wait status")
    equal(box.status(), "stopped", "status")


@case
def an_id_is_taken_until_it_is_deleted(box):
    box.running()
    box.bad("create", "--bundle", box.directory, box.id, message="already exists")
    box.bad("run", "--bundle", box.directory, box.id, message="already exists")
    equal(box.status(), "running", "status of the first")
    box.good("delete", "--force", box.id)
    box.create()
    equal(box.status(), "created", "status")


@case
def start_is_for_created_containers(box):
    box.running("exit 0")
    box.until("stopped")
    box.bad("start", box.id, message="in state stopped")
    box.good("delete", box.id)
    box.config("exec sleep 1000")
    box.create()
    box.start()
    box.bad("start", box.id, message="in state running")


@case
def delete_is_for_stopped_and_created_containers(box):
    box.running()
    box.bad("delete", box.id, message="is not stopped")
    equal(box.status(), "running", "status")
    box.good("delete", "--force", box.id)
    box.bad("delete", box.id, message="does not exist")
    box.good("delete", "--force", box.id)
    box.create()
    box.good("delete", box.id)
    equal(box.leftovers(), [], "leftovers")


@case
def kill_by_name_and_number(box):
    script = "for s in HUP INT USR1 TERM; do trap \"echo got $s\" $s; done; echo ready; while :; do sleep 0.01; done"
    box.running(script)
    box.until_printed("ready\n")
    for text, name in (("HUP", "HUP"), ("SIGINT", "INT"), ("10", "USR1"), ("usr1", "USR1"), ("TERM", "TERM")):
        before = box.output().count(f"got {name}\n")
        box.good("kill", box.id, text)
        eventually(lambda n=name, b=before: box.output().count(f"got {n}\n") == b + 1, f"{text} is seen")
    box.good("kill", box.id)  # TERM
    eventually(lambda: box.output().count("got TERM\n") == 2, "the default is seen")
    box.bad("kill", box.id, "NOSUCH", message='unknown signal "NOSUCH"')
    box.bad("kill", box.id, "99", message='unknown signal "99"')
    box.good("kill", box.id, "9")
    box.until("stopped")
    box.bad("kill", box.id, "TERM", message="container not running")


@case
def kill_of_a_created_container(box):
    box.config("exit 0")
    box.create()
    box.good("kill", box.id, "KILL")
    box.until("stopped")
    box.good("delete", box.id)


@case
def kill_all_reaches_each_process(box):
    box.running("trap 'exit 5' TERM; sleep 1001 & sleep 1002 & echo ready; wait; wait")
    box.until_printed("ready\n")
    box.good("kill", "--all", box.id, "KILL")
    box.until("stopped")


@case
def run_passes_the_exit_status_through(box):
    for script, wanted in (("exit 0", 0), ("exit 1", 1), ("exit 77", 77), ("exit 255", 255), ("kill -TERM $$", 0),
                           ("sh -c 'kill -SEGV $$'; exit $?", 128 + signal.SIGSEGV)):
        box.config(script)
        equal(box.run()[0], wanted, script)
        box.bad("state", box.id)
    box.config("sh", "-c", "trap - TERM; sleep 1000 & kill -TERM $!; wait $!")
    equal(box.run()[0], 128 + signal.SIGTERM, "status of the shell's child")
    equal(box.leftovers(), [], "leftovers")


@case
def run_passes_input_and_output_through(box):
    data = os.urandom(3 << 20).hex()
    box.config("cat; echo end >&2")
    status, out, err = box.run(input=data, stdin=None)
    equal((status, len(out), err), (0, len(data), "end\n"), "run")
    check(out == data, "the data differ")


@case
def a_file_as_standard_input_is_read_from_where_it_is(box):
    (box.directory / "input").write_bytes(b"skipped" + b"x" * 100_000)
    box.config("cat | wc -c")
    with open(box.directory / "input", "rb", buffering=0) as given:
        given.seek(7)
        box.prints("100000\n", stdin=given)
        equal(given.tell(), 100_007, "the offset afterwards")


@case
def run_detached(box):
    box.config("echo $0 $1; exec sleep 1000")
    with open(box.directory / "out", "wb") as out:
        done = subprocess.run(box.argv("run", "--detach", "--pid-file", box.directory / "pid", "--bundle", box.directory,
                                       box.id), stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=60, check=False)
    equal(done.returncode, 0, "status")
    equal(box.status(), "running", "status")
    equal(box.state()["pid"], int((box.directory / "pid").read_text()), "pid")
    box.until_printed("sh\n")


@case
def an_attached_run_passes_signals_on(box):
    box.config("for s in HUP USR1 USR2 TERM; do trap \"echo got $s\" $s; done; trap 'exit 9' INT; echo ready; "
               "while :; do sleep 0.01; done")
    with box.attached() as process:
        box.until_printed("ready\n")
        for name in ("HUP", "USR1", "USR2", "TERM"):
            process.send_signal(getattr(signal, f"SIG{name}"))
            box.until_printed(f"got {name}\n")
        process.send_signal(signal.SIGINT)
        equal(process.wait(20), 9, "exit status")
    equal(box.leftovers(), [], "leftovers")


@case(ours="runc leaves the container running")
def an_attached_run_that_is_killed_takes_all_with_it(box):
    box.config("sleep 1000 & echo ready; exec sleep 1000", linux__cgroupsPath=f"/{box.id}")
    with box.attached() as process:
        box.until_printed("ready\n")
        process.kill()
        process.wait()
    equal(box.leftovers(state_too=False), [], "leftovers")
    equal(box.status(), "stopped", "status")
    contains(box.good("list"), box.id)
    box.good("delete", box.id)


@case
def list_shows_all(box):
    box.running()
    line = next(line for line in box.good("list").splitlines() if line.startswith(box.id))
    words = line.split()
    equal(words[1:4], [str(box.state()["pid"]), "running", str(box.directory)], "the line")
    equal(box.good("list").split("\n")[0].split(), ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"], "the title")
    contains(box.good("list", "--quiet").split(), box.id)
    entry = next(entry for entry in json.loads(box.good("list", "--format", "json")) if entry["id"] == box.id)
    for key in ("ociVersion", "id", "pid", "status", "bundle", "created", "owner"):
        check(key in entry, "no", key, "in", entry)
    equal(entry["status"], "running", "status")
    box.bad("list", "--format", "xml", message="xml")
    box.good("kill", box.id, "KILL")
    box.until("stopped")
    line = next(line for line in box.good("list").splitlines() if line.startswith(box.id))
    equal(line.split()[1:3], ["0", "stopped"], "the line of a stopped one")


@case
def list_is_empty_without_containers(box):
    equal(box.good("list", "--quiet"), "", "list -q")
    check(box.good("list", "--format", "json").strip() in ("[]", "null"), "list of json")


@case
def ps_lists_processes(box):
    box.running("sleep 1001 & exec sleep 1000")
    table = eventually(lambda: (t := box.good("ps", box.id)).count("sleep") == 2 and t, "two processes")
    check({"UID", "PID", "PPID", "CMD"} <= set(table.splitlines()[0].split()), "title", table)
    pids = json.loads(box.good("ps", "--format", "json", box.id))
    equal(len(pids), 2, "pids")
    # The host's pids: an engine's `top` looks for them in the host's ps.
    names = {pathlib.Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids}
    equal(names, {"sleep"}, "what the host calls these processes")
    box.good("kill", box.id, "KILL")
    box.until("stopped")


@case(ours="runc has no wait")
def wait_prints_the_status(box):
    box.running("echo ready; sleep 0.3; exit 12")
    box.until_printed("ready\n")
    with subprocess.Popen(box.argv("wait", box.id), stdout=subprocess.PIPE, text=True) as waiting:
        out, _ = waiting.communicate(timeout=30)
    equal(json.loads(out), {"id": box.id, "exitStatus": 12}, "wait")


@case
def pause_and_resume(box):
    box.running("i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done", linux__cgroupsPath=f"/{box.id}")
    box.until_printed("3\n")
    box.bad("resume", box.id)
    box.good("pause", box.id)
    equal(box.status(), "paused", "status")
    box.bad("pause", box.id)
    before = box.output()
    box.bad("exec", box.id, "true")
    box.bad("delete", box.id)
    equal(box.output(), before, "output while paused")
    box.good("resume", box.id)
    equal(box.status(), "running", "status")
    last = before.split()[-1]
    box.until_printed(f"\n{int(last) + 3}\n")
    box.good("pause", box.id)
    box.good("delete", "--force", box.id)
    equal(box.leftovers(), [], "leftovers")


@case
def a_configuration_with_a_missing_root_leaves_nothing(box):
    box.config("exit 0", root__path="nowhere")
    box.bad("create", "--bundle", box.directory, box.id, message="nowhere")
    box.bad("state", box.id, message="does not exist")
    equal(box.leftovers(), [], "leftovers")


@case
def a_missing_program_is_told_by_create(box):
    box.config("no-such-program", "x")
    message = box.bad("create", "--bundle", box.directory, box.id, message="no-such-program")
    contains(message, "executable file not found in $PATH")
    box.bad("state", box.id, message="does not exist")
    # docker run makes 127 and 126 of these words, and of no others.
    for program, words in (("/no/such", "no such file or directory"), ("/etc/passwd", "permission denied")):
        box.config(program, "x")
        contains(box.bad("create", "--bundle", box.directory, box.id, message=program), words)
    equal(box.leftovers(), [], "leftovers")
