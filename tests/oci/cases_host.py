# SPDX-License-Identifier: Apache-2.0
"""What happens on the host: cgroups, hooks, deaths."""

import json
import os
import pathlib
import signal
import subprocess

from oci.box import OURS_FAILURE, bundle, case, check, contains, equal, processes

CGROUPS = pathlib.Path("/sys/fs/cgroup")
VERSION2 = (CGROUPS / "cgroup.controllers").exists()


def cgroup(path, controller):
    return CGROUPS / path if VERSION2 else CGROUPS / controller / path


def value(path, controller, version1, version2):
    return (cgroup(path, controller) / (version2 if VERSION2 else version1)).read_text().strip()


def members(directory):
    return {int(pid) for pid in (directory / "cgroup.procs").read_text().split()}


LIMITS = {"memory": {"limit": 256 << 20}, "cpu": {"shares": 512, "quota": 50000, "period": 100000}, "pids": {"limit": 100}}


@case
def limits_become_cgroups(box):
    path = box.id
    box.config("sleep 1001 & echo ready; exec sleep 1000", linux__cgroupsPath=f"/{path}", linux__resources=LIMITS)
    box.create()
    equal(value(path, "memory", "memory.limit_in_bytes", "memory.max"), str(256 << 20), "memory limit")
    if VERSION2:
        equal((cgroup(path, "cpu") / "cpu.max").read_text(), "50000 100000\n", "cpu.max")
    else:
        equal((cgroup(path, "cpu") / "cpu.shares").read_text(), "512\n", "cpu.shares")
        equal((cgroup(path, "cpu") / "cpu.cfs_quota_us").read_text(), "50000\n", "quota")
        equal((cgroup(path, "cpu") / "cpu.cfs_period_us").read_text(), "100000\n", "period")
    check(int(value(path, "pids", "pids.max", "pids.max")) >= 100, "pids.max")
    # Where engines look for a container's statistics.
    contains(pathlib.Path(f"/proc/{box.state()['pid']}/cgroup").read_text(), f"/{path}\n")
    box.start()
    box.until_printed("ready\n")
    box.good("delete", "--force", box.id)
    equal(processes.cgroups_named(path), [], "cgroups")


@case(ours="about our own processes")
def guests_are_in_a_cgroup_of_their_own_below_the_containers(box):
    box.running("sleep 1001 & sleep 1002 & echo ready; wait", linux__cgroupsPath=f"/{box.id}", linux__resources=LIMITS)
    box.until_printed("ready\n")
    roles = processes.roles()
    for role in ("sentry", "gofer", "stub"):
        check(roles[role], "no", role)
    freezer = cgroup(box.id, "freezer")
    below = members(freezer / "guest")
    equal({process.pid for process in roles["stub"]} - below, set(), "stubs elsewhere")
    own = {roles["sentry"][0].pid, roles["gofer"][0].pid}
    equal(members(freezer), own, "the container's own cgroup")
    memory = cgroup(box.id, "memory")
    everybody = members(memory) if not VERSION2 else own | below
    check(own | below <= everybody, "not everybody is under the memory limit")
    can_lower = "CAP_SYS_RESOURCE" in bundle.CAPABILITIES
    for process in roles["sentry"] + roles["gofer"] if can_lower else []:
        equal(pathlib.Path(f"/proc/{process.pid}/oom_score_adj").read_text(), "-1000\n", f"oom_score_adj of {process}")
    for process in roles["stub"]:
        check(int(pathlib.Path(f"/proc/{process.pid}/oom_score_adj").read_text()) >= 0, "oom_score_adj of", process)


@case(ours="runc's words are its own")
def a_death_at_the_start_tells_its_reason(box):
    """In a chroot that is no mount point, the sandbox cannot make its mounts private."""
    box.config("exit 0")
    root = box.directory / "chroot"
    for name in ("usr", "proc", "dev", "tmp"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    program = pathlib.Path(box.runner.command[0]).resolve()
    (root / "runsc").touch()
    script = (f"for d in usr proc dev; do mount --rbind /$d {root}/$d; done; mount --bind {program} {root}/runsc;"
              f"exec chroot {root} /runsc --root /tmp do -- true")
    done = subprocess.run(["unshare", "--mount", "sh", "-ec", script], capture_output=True, text=True, timeout=60,
                          check=False)
    equal(done.returncode, OURS_FAILURE, "exit status")
    contains(done.stderr, "Invalid argument")


@case(ours="runc names the file instead")
def a_limit_that_the_host_refuses_is_named_and_undone(box):
    box.config("exit 0", linux__cgroupsPath=f"/{box.id}", linux__resources={"cpu": {"period": 1}})
    box.bad("run", "--bundle", box.directory, box.id, message="config.json: linux.resources.cpu.")
    equal(box.leftovers(), [], "leftovers")
    box.flags = ["--ignore-cgroups"]
    equal(box.run()[0], 0, "run without cgroups")


@case
def a_cgroup_that_is_not_absolute(box):
    box.config("exit 0", linux__cgroupsPath=f"some/{box.id}")
    equal(box.run()[0], 0, "run")


@case
def the_memory_limit_kills_the_guest_alone(box):
    # A process that takes 200 MiB of the 64 there are; its parent goes on and tells.
    script = ("(dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null); echo status $?; echo goes on")
    box.config(script, linux__cgroupsPath=f"/{box.id}", linux__resources={"memory": {"limit": 64 << 20, "swap": 64 << 20}})
    status, out, err = box.run()
    equal(status, 0, f"run ({err!r})")
    contains(out, "goes on\n")
    check("status 0\n" not in out, "it got more memory than there is:", out)
    equal(box.leftovers(), [], "leftovers")


def hook(path, *args, **members_of_it):
    return {"path": path, "args": [os.path.basename(path), *args], **members_of_it}


@case
def hooks_run_in_order_with_the_state_on_standard_input(box):
    log = box.directory / "log"
    kinds = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
    hooks = {kind: [hook("/bin/sh", "-c", f"echo {kind} $X $(cat) >> {log}", env=["X=y", "PATH=/bin:/usr/bin"])]
             for kind in kinds}
    box.config("exit 0", hooks=hooks, annotations={"k": "v"})
    box.create()
    pid = box.state()["pid"]
    box.start()
    box.until("stopped")
    box.good("delete", box.id)
    lines = [line.split(" ", 2) for line in log.read_text().splitlines()]
    equal([line[0] for line in lines], kinds, "the order")
    wanted = {"prestart": ["creating"], "createRuntime": ["creating"], "createContainer": ["creating"],
              "poststart": ["created", "running", "stopped"],  # runc: created
              "poststop": ["stopped"]}
    for kind, environment, text in lines:
        equal(environment, "y", f"{kind}: environment")
        state = json.loads(text)
        equal((state["id"], state["bundle"], state["annotations"]), (box.id, str(box.directory), {"k": "v"}), kind)
        check(state["status"] in wanted[kind], kind, "status", state["status"])
        if kind in ("prestart", "createRuntime"):
            equal(state["pid"], pid, f"{kind}: pid")


@case
def a_create_container_hook_changes_what_the_container_sees(box):
    (box.directory / "more").mkdir()
    (box.directory / "more" / "file").write_text("mounted by a hook\n")
    box.config("cat /tests/file", hooks={"createContainer": [
        hook("/bin/sh", "-c", f"mount --bind {box.directory}/more {box.rootfs}/tests", env=["PATH=/bin:/usr/bin"])]})
    box.prints("mounted by a hook\n")


@case
def a_failing_hook_undoes_the_creation(box):
    ran = box.directory / "poststop-ran"
    for kind in ("prestart", "createRuntime", "createContainer"):
        box.config("exit 0", hooks={kind: [hook("/bin/sh", "-c", "echo oh no >&2; exit 3")],
                                    "poststop": [hook("/bin/touch", str(ran))]})
        box.bad("create", "--bundle", box.directory, box.id, message=f"hooks.{kind}[0]: /bin/sh: exited with 3: oh no")
        box.bad("state", box.id)
        equal(box.leftovers(), [], f"leftovers of {kind}")


@case
def a_hook_that_takes_too_long_is_killed(box):
    box.config("exit 0", hooks={"createRuntime": [hook("/bin/sleep", "1000", timeout=1)]})
    box.bad("create", "--bundle", box.directory, box.id, message="hooks.createRuntime[0]: /bin/sleep: took longer than 1 s")
    equal(box.leftovers(), [], "leftovers")


@case
def a_start_container_hook_runs_inside(box):
    box.config("cat /tmp/made-by-hook; echo $$", hooks={"startContainer": [
        hook("/bin/sh", "-c", "cat > /tmp/made-by-hook; echo >> /tmp/made-by-hook")]})
    status, out, err = box.run()
    equal(status, 0, f"run ({err!r})")
    first, rest = out.split("\n", 1)
    equal(json.loads(first)["id"], box.id, "the state")
    equal(rest.strip(), "1", "the process's pid")
    os.unlink(box.rootfs / "tmp/made-by-hook")


@case(ours="runc's start does not wait for the hook")
def a_failing_start_container_hook_fails_start(box):
    box.config("echo must not run", hooks={"startContainer": [hook("/bin/sh", "-c", "exit 4")]})
    box.create()
    box.bad("start", box.id, message="hooks.startContainer[0]")
    box.until("stopped")
    check("must not run" not in box.output(), "it ran")


@case
def late_hooks_that_fail_change_nothing(box):
    box.config("exit 4", hooks={"poststop": [hook("/bin/false")]})
    equal(box.run()[0], 4, "run")
    equal(box.leftovers(), [], "leftovers")


@case(ours="about our own processes")
def whichever_process_dies_the_others_follow(box):
    for role in ("sentry", "gofer"):
        box.running("sleep 1001 & echo ready; exec sleep 1000")
        box.until_printed("ready\n")
        os.kill(processes.roles()[role][0].pid, signal.SIGKILL)
        equal(box.leftovers(state_too=False), [], f"left after the {role}'s death")
        equal(box.status(), "stopped", "status")
        box.good("delete", box.id)
