# SPDX-License-Identifier: Apache-2.0
"""containerd: a daemon of our own, driven by ctr through containerd-shim-runc-v2 with this binary."""

from engines.common import IMAGE, Daemon, Engine, case, check, contains, equal, eventually, image_archive

CONFIG = """version = 2
root = "{directory}/root"
state = "{directory}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{directory}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{directory}/opt"
"""


class Containerd(Engine):
    name, program = "containerd", "ctr"

    def __init__(self, directory, runsc):
        super().__init__(directory, runsc)
        config = self.directory / "config.toml"
        config.write_text(CONFIG.format(directory=directory))
        self.daemon = Daemon(["containerd", "--config", config, "--log-level", "warn"], self.directory / "containerd.log")
        try:
            self.daemon.wait_for(lambda: self.call("version")[0] == 0)
            self.good("images", "import", image_archive(directory))
        except BaseException:
            self.daemon.stop()
            raise

    def argv(self, *arguments):
        return ["ctr", "--address", f"{self.directory}/containerd.sock", "--namespace", "runsc-test", *map(str, arguments)]

    def run(self, *command, flags=("--rm",), **keywords):
        return self.call("run", *flags, "--runc-binary", self.runsc, IMAGE, self.new_name(), *command, **keywords)

    def start(self, script):
        name = self.new_name()
        self.good("run", "--detach", "--runc-binary", self.runsc, IMAGE, name, "sh", "-c", script)
        return name

    def status(self, name):
        lines = [line.split() for line in self.good("tasks", "list").splitlines()]
        return next((line[2] for line in lines if line[0] == name), "gone")

    def remove(self, name):
        self.good("tasks", "delete", "--force", name)
        self.good("containers", "delete", name)

    def close(self):
        for line in self.call("tasks", "list", "--quiet")[1].split():
            self.call("tasks", "delete", "--force", line)
        for line in self.call("containers", "list", "--quiet")[1].split():
            self.call("containers", "delete", line)
        self.daemon.stop()


@case("containerd")
def ctr_run_passes_output_and_status(containerd):
    equal(containerd.run("sh", "-c", "echo out; echo err >&2; exit 9"), (9, "out\n", "err\n"), "run")


@case("containerd")
def ctr_run_passes_input(containerd):
    equal(containerd.run("cat", input="typed\n")[:2], (0, "typed\n"), "run")


@case("containerd")
def ctr_run_tells_of_a_missing_program(containerd):
    status, out, err = containerd.run("/no/such")
    check(status != 0, "it succeeded")
    contains(out + err, "no such file or directory")


@case("containerd")
def ctr_exec_runs_beside(containerd):
    name = containerd.start("exec sleep 1000")
    equal(containerd.call("tasks", "exec", "--exec-id", "e1", name, "sh", "-c", "echo in; exit 3"), (3, "in\n", ""), "exec")
    # ctr lists pids of the host, one for each process and for each exec that still runs.
    pid = int(containerd.good("tasks", "ps", name).splitlines()[1].split()[0])
    with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
        equal(comm.read(), "sleep\n", "the name of that process on the host")
    containerd.remove(name)


@case("containerd")
def ctr_kill_passes_the_signal(containerd):
    # A shell that is pid 1 is not ended by a signal it has not asked for: the trap must have been set.
    name = containerd.start("trap 'exit 4' TERM; touch /ready; while :; do sleep 0.05; done")
    eventually(lambda: containerd.call("tasks", "exec", "--exec-id", containerd.new_name(), name, "test", "-e", "/ready")[0] == 0,
               "ready")
    containerd.good("tasks", "kill", "--signal", "TERM", name)
    eventually(lambda: containerd.status(name) == "STOPPED", "stopped")
    containerd.remove(name)


@case("containerd")
def ctr_pause_and_resume(containerd):
    name = containerd.start("exec sleep 1000")
    containerd.good("tasks", "pause", name)
    equal(containerd.status(name), "PAUSED", "status")
    containerd.good("tasks", "resume", name)
    equal(containerd.status(name), "RUNNING", "status")
    contains(containerd.good("tasks", "metrics", name), "memory.usage_in_bytes")
    containerd.remove(name)
