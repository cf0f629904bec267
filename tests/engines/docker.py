# SPDX-License-Identifier: Apache-2.0
"""Docker: a dockerd of our own without any network, and what people do with containers every day."""

import json
import subprocess
import time

from engines.common import (CASES, IMAGE, Daemon, Engine, case, check, contains, equal, eventually, root_tar, terminal)


class Docker(Engine):
    name, program = "docker", "docker"

    def __init__(self, directory, runsc):
        super().__init__(directory, runsc)
        self.address = f"unix://{directory}/docker.sock"
        config = self.directory / "daemon.json"
        config.write_text(json.dumps({"runtimes": {"runsc": {"path": runsc}}}))
        # No bridge, no packet filter, no forwarding: nothing of the host's network is touched.
        self.daemon = Daemon(
            ["dockerd", "--config-file", config, "--data-root", self.directory / "data", "--exec-root", self.directory / "exec",
             "--pidfile", self.directory / "docker.pid", "--host", self.address, "--bridge=none", "--iptables=false",
             "--ip6tables=false", "--ip-forward=false", "--ip-masq=false", "--exec-opt", "native.cgroupdriver=cgroupfs",
             "--storage-driver=vfs", "--log-level=warn"], self.directory / "dockerd.log")
        try:
            self.daemon.wait_for(lambda: self.call("version")[0] == 0)
            self.good("import", root_tar(directory), IMAGE)
        except BaseException:
            self.daemon.stop()
            raise

    def argv(self, *arguments):
        return ["docker", "--host", self.address, *map(str, arguments)]

    def run_flags(self, runtime="runsc"):
        return ["--runtime", runtime, "--network", "none"]

    def run(self, *arguments, runtime="runsc", **keywords):
        """`docker run --rm` of flags, "--", the command."""
        split = arguments.index("--")
        return self.call("run", "--rm", *self.run_flags(runtime), *arguments[:split], IMAGE, *arguments[split + 1:], **keywords)

    def start(self, script, *flags):
        """A container in the background: its name."""
        name = self.new_name()
        self.good("run", "--detach", "--name", name, *self.run_flags(), *flags, IMAGE, "sh", "-c", script)
        return name

    def inspect(self, name, what):
        return self.good("inspect", "--format", "{{" + what + "}}", name).strip()

    def close(self):
        for container in self.call("ps", "--all", "--quiet")[1].split():
            self.call("rm", "--force", container)
        self.daemon.stop()


@case("docker")
def run_passes_output_and_status(docker):
    equal(docker.run("--", "sh", "-c", "echo out; echo err >&2; exit 7"), (7, "out\n", "err\n"), "run")


@case("docker")
def run_passes_input(docker):
    equal(docker.run("--interactive", "--", "tr", "a-z", "A-Z", input="typed\n")[:2], (0, "TYPED\n"), "run -i")


@case("docker")
def run_takes_user_directory_environment_and_name(docker):
    status, out, err = docker.run("--user", "1000:1000", "--workdir", "/tmp", "--env", "A=b", "--hostname", "box", "--", "sh", "-c",
                                  "id -u; pwd; echo $A; hostname")
    equal((status, out), (0, "1000\n/tmp\nb\nbox\n"), f"run ({err.strip()})")


@case("docker")
def run_tells_what_is_wrong_with_the_program_as_runc_does(docker):
    for program, status in (("/no/such", 127), ("no-such", 127), ("/etc/passwd", 126)):
        for runtime in ("runc", "runsc"):
            equal(docker.run("--", program, runtime=runtime)[0], status, f"{program} under {runtime}: status")


@case("docker")
def run_gives_a_terminal(docker):
    with terminal() as (ours, theirs):
        process = subprocess.Popen(
            docker.argv("run", "--rm", "--tty", "--interactive", *docker.run_flags(), IMAGE, "sh", "-c", "tty; stty size; read x; echo got $x"),
            stdin=theirs, stdout=theirs, stderr=theirs)
        with open(ours, "r+b", buffering=0, closefd=False) as stream:
            text = b""
            while b"\n" not in text.partition(b"/dev/pts/")[2]:
                text += stream.read(1000)
            stream.write(b"typed\n")
            while b"got typed" not in text:
                text += stream.read(1000)
        equal(process.wait(60), 0, "status")


@case("docker")
def exec_runs_beside(docker):
    name = docker.start("touch /tmp/here; exec sleep 1000")
    equal(docker.call("exec", name, "sh", "-c", "echo in; exit 3"), (3, "in\n", ""), "exec")
    equal(docker.call("exec", "--interactive", name, "cat", input="typed\n")[:2], (0, "typed\n"), "exec -i")
    contains(docker.good("exec", "--tty", name, "tty"), "/dev/pts/")
    equal(docker.good("exec", "--user", "1000", "--workdir", "/tmp", name, "sh", "-c", "id -u; pwd"), "1000\n/tmp\n", "exec -u -w")
    status, out, err = docker.call("exec", name, "/no/such")
    contains(out + err, "no such file or directory")
    check(status in (126, 127), "exec of nothing:", status)
    docker.good("rm", "--force", name)


@case("docker")
def logs_have_both_streams(docker):
    name = docker.start("echo out; echo err >&2")
    equal(docker.good("wait", name).strip(), "0", "wait")
    equal(docker.call("logs", name), (0, "out\n", "err\n"), "logs")
    docker.good("rm", name)


@case("docker")
def stop_asks_first_and_kill_does_not(docker):
    script = "trap 'echo asked; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    name = docker.start(script)
    eventually(lambda: "ready" in docker.good("logs", name), "ready")
    docker.good("stop", "--time", "30", name)
    equal(docker.inspect(name, ".State.ExitCode"), "5", "exit code after stop")
    contains(docker.good("logs", name), "asked")
    docker.good("start", name)
    equal(docker.inspect(name, ".State.Status"), "running", "status after start")
    docker.good("kill", name)
    eventually(lambda: docker.inspect(name, ".State.Status") == "exited", "exited")
    equal(docker.inspect(name, ".State.ExitCode"), "137", "exit code after kill")
    docker.good("rm", name)


@case("docker")
def kill_passes_the_signal(docker):
    name = docker.start("trap 'echo usr1' USR1; echo ready; while :; do sleep 0.05; done")
    eventually(lambda: "ready" in docker.good("logs", name), "ready")
    docker.good("kill", "--signal", "USR1", name)
    eventually(lambda: "usr1" in docker.good("logs", name), "the signal")
    docker.good("rm", "--force", name)
    check(name not in docker.good("ps", "--all"), "it is still listed")


@case("docker")
def pause_stops_everything(docker):
    name = docker.start("while :; do echo tick; sleep 0.05; done")
    eventually(lambda: "tick" in docker.good("logs", name), "a tick")
    docker.good("pause", name)
    equal(docker.inspect(name, ".State.Status"), "paused", "status")
    before = docker.good("logs", name)
    time.sleep(0.5)
    equal(docker.good("logs", name), before, "what it printed while paused")
    docker.good("unpause", name)
    eventually(lambda: docker.good("logs", name) != before, "ticks after unpause")
    docker.good("rm", "--force", name)


@case("docker")
def top_and_stats_see_the_processes(docker):
    name = docker.start("sleep 1001 & exec sleep 1000", "--memory", "64m")
    eventually(lambda: docker.good("top", name).count("sleep") == 2, "two processes in top")
    stats = json.loads(docker.good("stats", "--no-stream", "--format", "{{json .}}", name))
    contains(stats["MemUsage"], "/ 64MiB")
    check(int(stats["PIDs"]) >= 2, "PIDs", stats)
    docker.good("rm", "--force", name)


@case("docker")
def memory_limit_kills(docker):
    name = docker.new_name()
    # The shell's memory grows until the limit.
    script = "x=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; while :; do x=$x$x; done"
    status, _, _ = docker.call("run", "--name", name, "--memory", "32m", "--memory-swap", "32m", *docker.run_flags(), IMAGE, "sh", "-c",
                               script)
    equal(status, 137, "status")
    docker.good("rm", name)


@case("docker")
def restart_keeps_the_files(docker):
    name = docker.start("echo more >> /tmp/log; cat /tmp/log; exec sleep 1000")
    docker.good("restart", "--time", "0", name)
    eventually(lambda: docker.good("logs", name) == "more\nmore\nmore\n", "the file of both lives")
    contains(docker.good("diff", name), "A /tmp/log")
    docker.good("rm", "--force", name)


@case("docker")
def volumes_and_readonly_roots(docker):
    shared = docker.directory / "shared"
    shared.mkdir(exist_ok=True)
    status, out, err = docker.run("--read-only", "--volume", f"{shared}:/shared", "--tmpfs", "/scratch", "--", "sh", "-c",
                                  "echo x > /shared/x; echo y > /scratch/y; touch /no 2>/dev/null || echo refused")
    equal((status, out), (0, "refused\n"), f"run ({err.strip()})")
    equal((shared / "x").read_text(), "x\n", "what was written into the volume")


__all__ = ["CASES", "Docker"]
