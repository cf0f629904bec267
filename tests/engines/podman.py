# SPDX-License-Identifier: Apache-2.0
"""Podman: no daemon; conmon between it and the runtime. Its storage is one of our own."""

from engines.common import IMAGE, Engine, case, contains, equal, eventually, root_tar


class Podman(Engine):
    name, program = "podman", "podman"

    def __init__(self, directory, runsc):
        super().__init__(directory, runsc)
        self.good("import", root_tar(directory), IMAGE)

    def argv(self, *arguments):
        return ["podman", "--root", f"{self.directory}/root", "--runroot", f"{self.directory}/runroot", "--tmpdir",
                f"{self.directory}/tmp", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file",
                "--runtime", self.runsc, *map(str, arguments)]

    def run(self, *command, flags=("--rm",), **keywords):
        return self.call("run", *flags, "--network", "none", IMAGE, *command, **keywords)

    def start(self, script):
        name = self.new_name()
        self.good("run", "--detach", "--name", name, "--network", "none", IMAGE, "sh", "-c", script)
        return name

    def close(self):
        self.call("rm", "--all", "--force", "--time", "0")
        self.call("rmi", "--all", "--force")
        self.call("unshare", "true")


@case("podman")
def podman_run_passes_output_and_status(podman):
    equal(podman.run("sh", "-c", "echo out; echo err >&2; exit 7"), (7, "out\n", "err\n"), "run")


@case("podman")
def podman_run_passes_input(podman):
    equal(podman.run("cat", flags=("--rm", "--interactive"), input="typed\n")[:2], (0, "typed\n"), "run -i")


@case("podman")
def podman_run_tells_what_is_wrong_with_the_program(podman):
    equal(podman.run("/no/such")[0], 127, "status of a missing program")
    equal(podman.run("/etc/passwd")[0], 126, "status of what is no program")


@case("podman")
def podman_exec_logs_stop(podman):
    name = podman.start("trap 'echo asked; exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    eventually(lambda: "ready" in podman.good("logs", name), "ready")
    equal(podman.call("exec", name, "sh", "-c", "echo in; exit 3")[:2], (3, "in\n"), "exec")
    podman.good("stop", "--time", "30", name)
    equal(podman.good("inspect", "--format", "{{.State.ExitCode}}", name).strip(), "5", "exit code")
    contains(podman.good("logs", name), "asked")
    podman.good("rm", name)


@case("podman")
def podman_build_runs_in_a_sandbox(podman):
    context = podman.directory / "context"
    context.mkdir(exist_ok=True)
    (context / "Containerfile").write_text(f"FROM {IMAGE}\nRUN echo built > /built && chmod 600 /built\nCMD cat /built\n")
    podman.good("build", "--isolation", "oci", "--network", "none", "--tag", "localhost/built", context)
    equal(podman.good("run", "--rm", "--network", "none", "localhost/built"), "built\n", "what the image prints")
