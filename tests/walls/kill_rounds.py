#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills one process of a busy container with SIGKILL at a random moment, again and again, and looks what is left.

    tests/walls/kill_rounds.py --runtime build/release/runsc/runsc [--rounds 50] [--seed N] [--victims sentry,stub]
    tests/walls/kill_rounds.py ... --seed N --victims sentry --round 17      # one round again

Victims: runsc (the foreground `run`), sentry, gofer, stub (any process below the sentry). The moment is drawn from the
start of the container until half a second after the guest's "ready". Then, within one second, no process and no mount may
be left, and no cgroup: of a container made by `create`, whose state lasts until `delete`, its empty cgroups may
(docs/decisions/007-what-a-death-leaves.md). `list` must show the container stopped, or not at all if `run` lived to delete
it; `delete` must work, after it nothing at all may be left, and `delete --force` must find nothing to complain of. A stub's
death is the death of one guest process: the container may go on, and must then end when it is killed. Every other round
makes the container with `create` and `start` instead of `run` (see --modes).
The last line is "N passed, M failed".
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import bundle, processes, runtime  # pylint: disable=wrong-import-position
from walls import common  # pylint: disable=wrong-import-position

VICTIMS = ("runsc", "sentry", "gofer", "stub")
START_TIMEOUT = 30
AFTER_READY = 0.5  # seconds


class Round:
    """One container and the death of one of its processes."""

    def __init__(self, runner, directory, victim, number, seed, mode):
        self.runner, self.directory, self.victim, self.mode = runner, directory, victim, mode
        self.container = f"walls-{os.getpid()}-{victim}-{number}"
        self.random = random.Random(f"{seed}/{victim}/{number}")
        self.problems = []
        self.main = None  # the foreground runtime

    def run(self):
        """Returns what was wrong, as a list of texts."""
        with tempfile.TemporaryFile() as output:
            try:
                self._start(output)
                killed = self._kill(output)
                if killed:
                    self._check_after(killed)
            except (subprocess.TimeoutExpired, OSError) as error:
                self.problems.append(f"{type(error).__name__}: {error}")
            finally:
                self._clean_up()
            if self.problems:
                output.seek(0)
                self.problems += ["the runtime and the guest said: " + line
                                  for line in output.read().decode(errors="replace").splitlines()[-10:]]
        return self.problems

    def _start(self, output):
        configuration = bundle.config(["/tests/storm", "busy"])
        configuration["linux"]["cgroupsPath"] = f"/{self.container}"
        bundle.write(self.directory, configuration)
        if self.mode == "run":
            argv = self.runner.argv("run", "--bundle", self.directory, self.container)
            self.main = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            return
        for argv in (("create", "--bundle", self.directory, self.container), ("start", self.container)):
            # Its output is a file, not a pipe: the container inherits it and lives on.
            done = subprocess.run(self.runner.argv(*argv), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                  timeout=START_TIMEOUT, check=False)
            if done.returncode:
                raise OSError(f"{argv[0]} ended with {done.returncode}")

    def _managed(self):
        return (self.main.pid,) if self.main else ()

    def _candidates(self):
        return processes.roles(self.main.pid if self.main else None)[self.victim]

    def _kill(self, output):
        """Kills the victim at its moment; returns it, or None when it never appeared."""
        # Either a moment of the start or, three times of four, one when the guest is at work.
        early = self.random.random() < 0.25
        delay = self.random.uniform(0, 0.3 if early else AFTER_READY)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            candidates = self._candidates()
            if candidates and (early or self._said_ready(output)):
                break
            if self.main and self.main.poll() is not None:
                self.problems.append(f"the runtime ended with {self.main.returncode} before the guest was ready")
                return None
            if time.monotonic() > deadline:
                self.problems.append(f"no {self.victim}, or no 'ready', in {START_TIMEOUT} s")
                return None
            time.sleep(0.001)
        time.sleep(delay)  # the random moment itself
        victim = self.random.choice(sorted(self._candidates() or candidates, key=lambda process: process.pid))
        try:
            os.kill(victim.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # a short-lived stub may have ended by itself: then it is as dead
        return victim

    @staticmethod
    def _said_ready(output):
        size = os.fstat(output.fileno()).st_size
        return b"ready" in os.pread(output.fileno(), size, 0)

    def _check_after(self, killed):
        if self.victim == "stub" and self._goes_on(killed):
            done = self.runner.call("kill", self.container, "KILL", timeout=10)
            if done.returncode:
                self.problems.append(f"kill ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
        left = common.leftovers(self.runner, self.container, self.directory, managed=self._managed(), state_too=False,
                                empty_cgroups_too=self.mode == "run")
        self.problems += [f"left after {common.GONE_WITHIN} s: {line}" for line in left]
        status = self.main.wait(5) if self.main else None
        if self.main and self.victim != "runsc" and status == 0:
            self.problems.append("run ended with 0 though its container was killed")
        self._check_list(deleted_by_run=self.main is not None and self.victim != "runsc")

    def _goes_on(self, killed):
        """Whether the container outlives the stub. Settled within the time in which it would have to be gone."""
        deadline = time.monotonic() + common.GONE_WITHIN
        while time.monotonic() < deadline:
            processes.reap_adopted(self._managed())
            found = processes.roles(self.main.pid if self.main else None)
            if not found["sentry"]:
                return False
            time.sleep(0.01)
        same = [process for process in found["stub"] if (process.pid, process.started) == (killed.pid, killed.started)]
        if same:
            self.problems.append(f"the killed stub is still there: {same[0]}")
        return True

    def _check_list(self, deleted_by_run):
        listed = self._list()
        if listed is None:
            return
        if self.container not in listed:
            # Either `run` deleted it, or runsc died before there was a state.
            if not deleted_by_run and self.mode == "create":
                self.problems.append("list does not show the container")
        elif listed[self.container] != "stopped":
            self.problems.append(f"list shows the container {listed[self.container]}")
        if self.container in listed:
            done = self.runner.call("delete", self.container, timeout=10)
            if done.returncode:
                self.problems.append(f"delete ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
        done = self.runner.call("delete", "--force", self.container, timeout=10)
        if done.returncode:
            self.problems.append(f"delete --force ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
        left = common.leftovers(self.runner, self.container, self.directory, managed=self._managed())
        self.problems += [f"left after delete: {line}" for line in left]

    def _list(self):
        """{id: status}, or None with a problem noted."""
        done = self.runner.call("list", "--format", "json", timeout=10)
        try:
            return {entry["id"]: entry["status"] for entry in json.loads(done.stdout) or []}
        except (ValueError, KeyError, TypeError):
            self.problems.append(f"list ended with {done.returncode} and is not readable: "
                                 f"{(done.stdout + done.stderr).decode(errors='replace')}")
            return None

    def _clean_up(self):
        if self.problems:
            self.runner.destroy(self.container)
            processes.kill_descendants()
        if self.main:
            if self.main.poll() is None:
                self.main.kill()
            self.main.wait()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=50, help="rounds for each victim (default: %(default)s)")
    parser.add_argument("--round", type=int, help="only the round of this number")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--victims", default=",".join(VICTIMS), help="default: %(default)s")
    parser.add_argument("--modes", default="run,create", help="how containers are made, in turn (default: %(default)s)")
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)

    processes.become_subreaper()
    tally = common.Tally()
    numbers = range(options.rounds) if options.round is None else [options.round]
    modes = options.modes.split(",")
    with runtime.Runtime(options.runtime) as runner, tempfile.TemporaryDirectory(prefix="runsc-walls-") as directory:
        common.make_bundle(directory, options.guest)
        for victim in options.victims.split(","):
            for number in numbers:
                # There is no foreground runsc to kill in a container made by create.
                mode = "run" if victim == "runsc" else modes[number % len(modes)]
                problems = Round(runner, directory, victim, number, options.seed, mode).run()
                tally.case(f"{victim} round {number} ({mode}; --seed {options.seed} --victims {victim} --round {number})",
                           problems)
    return tally.finish()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FileNotFoundError as error:
        sys.exit(f"kill_rounds.py: {error}\n0 passed, 1 failed")
