#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures six rows natively, under runc, under this runsc and, with --peer PATH, under a runsc-compatible peer.

The runtimes alternate within one go, so that a busy minute of the machine hits all of them alike. All run the same static
programs on the same minimal root filesystem: "native" in a chroot, the others as containers of the same OCI bundle without a
seccomp profile. Figures are medians: of a program's samples first, of the rounds then.

    sudo bench/run.py [--build build/release] [--rounds N] [--rows ROW,…] [--runtimes native,runc,ours,peer]
                      [--peer PATH] [--out docs/bench] [--name NAME]

Writes NAME.md and NAME.json into --out and the table to stdout. Exits 1 when a runtime could not be measured.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
INSIDE_ROWS = ("getppid", "pipe-write-read", "open-close", "mmap-munmap", "fork-exit-wait")
START_ROW = "run-true"
ROWS = INSIDE_ROWS + (START_ROW,)
ROW_TITLES = {
    "getppid": "getppid",
    "pipe-write-read": "pipe write + read, 1 byte",
    "open-close": "open + close",
    "mmap-munmap": "mmap + munmap, 64 KiB",
    "fork-exit-wait": "fork + exit + wait",
    "run-true": "run `true`, start to end",
}
TIMEOUT_SECONDS = 120
NAMESPACES = ("pid", "mount", "ipc", "uts", "network")


class RunError(Exception):
    """A runtime did not do what was asked; the text says what it said."""


# ---- What is run -----------------------------------------------------------------------------------------------------------


def make_rootfs(directory, suite):
    """A root filesystem of static programs only, so that every runtime has the same to load."""
    for name in ("bin", "bench", "dev", "proc", "sys", "tmp", "etc"):
        (directory / name).mkdir(parents=True)
    shutil.copy2("/bin/busybox", directory / "bin/busybox")
    for applet in ("sh", "true", "cat", "ls"):
        (directory / "bin" / applet).symlink_to("busybox")
    shutil.copy2(suite, directory / "bench/suite")
    (directory / "bench/file").write_text("benchmark\n")
    (directory / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")


def make_bundle(directory, rootfs, args):
    """An OCI bundle that runs ARGS as root in its own namespaces, without a seccomp profile."""
    capabilities = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_CHROOT"]
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": list(args),
            "env": ["PATH=/bin"],
            "cwd": "/",
            "capabilities": {s: capabilities for s in ("bounding", "effective", "permitted")},
            "noNewPrivileges": True,
        },
        "root": {"path": str(rootfs), "readonly": False},
        "hostname": "bench",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
        ],
        "linux": {"namespaces": [{"type": n} for n in NAMESPACES]},
    }
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(config, indent=1))


def wait_measured(argv):
    """Runs ARGV to its end; returns (seconds, stdout). Raises RunError when it fails or hangs."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            status = wait_status(process, start + TIMEOUT_SECONDS)
        finally:
            end = time.monotonic()
            if process.returncode is None:
                process.kill()
                process.wait()
        out.seek(0)
        err.seek(0)
        if status != 0:
            message = err.read().decode(errors="replace").strip().split("\n")[-1]
            raise RunError(f"{os.path.basename(argv[0])}: " + ("no end" if status is None else f"exit {status}: {message}"))
        return end - start, out.read().decode(errors="replace")


def wait_status(process, deadline):
    """The exit status, or None at the deadline. (Popen.wait(timeout) polls with sleeps, which would be part of the figure.)"""
    descriptor = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
            return None
        return process.wait()
    finally:
        os.close(descriptor)


@dataclasses.dataclass
class Runtime:
    """One way to run a bundle. `command` and `cleanup` make the argument vectors from (bundle, id, state directory)."""
    name: str
    version: str
    command: object
    cleanup: object


def oci_runtime(name, path, flags):

    def command(bundle, container, state):
        return [path, *flags, "--root", str(state), "run", "--bundle", str(bundle), container]

    def cleanup(container, state):
        return [path, *flags, "--root", str(state), "delete", "--force", container]

    return Runtime(name, version_of(path), command, cleanup)


def native_runtime(rootfs):

    def command(bundle, container, state):
        del container, state
        args = json.loads((bundle / "config.json").read_text())["process"]["args"]
        return ["/usr/sbin/chroot", str(rootfs), *args]

    return Runtime("native", platform.release(), command, None)


def version_of(path):
    result = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10)
    return result.stdout.strip().split("\n")[0]


class Bench:
    """The bundles, and one measurement of each kind. Everything lies below `directory`."""

    def __init__(self, directory, suite, samples, sample_ms):
        self.directory = directory
        self.rootfs = directory / "rootfs"
        make_rootfs(self.rootfs, suite)
        self._suite_args = ["/bench/suite", "--samples", str(samples), "--sample-ms", str(sample_ms)]
        self._count = 0

    def _run(self, runtime, args):
        self._count += 1
        container = f"bench-{os.getpid()}-{self._count}"
        state = self.directory / f"state-{runtime.name}"
        state.mkdir(exist_ok=True)
        bundle = self.directory / container
        make_bundle(bundle, self.rootfs, args)
        try:
            return wait_measured(runtime.command(bundle, container, state))
        except RunError:
            if runtime.cleanup:
                subprocess.run(runtime.cleanup(container, state), capture_output=True, check=False, timeout=30)
            raise
        finally:
            shutil.rmtree(bundle)

    def check(self, runtime):
        """Raises RunError unless a container of this runtime really runs its program. Warms everything up, too."""
        _, output = self._run(runtime, ["/bin/busybox", "echo", "it runs"])
        if output != "it runs\n":
            raise RunError(f"the program's output was '{output[:80].strip()}' in place of 'it runs'")

    def inside(self, runtime, row):
        """Nanoseconds of one operation of ROW: the median of the program's samples."""
        _, output = self._run(runtime, self._suite_args + [row])
        return parse_suite(output, row)

    def start(self, runtime):
        """Nanoseconds from the start of the command to its end, /bin/true having run."""
        seconds, _ = self._run(runtime, ["/bin/true"])
        return seconds * 1e9


# ---- Figures ---------------------------------------------------------------------------------------------------------------


def parse_suite(output, row):
    """The median of the suite's line "ROW NS NS …"."""
    try:
        name, *samples = output.split()
        if name == row:
            return statistics.median(float(s) for s in samples)
    except ValueError:
        pass
    raise RunError(f"printed no figures for {row} but '{output[:80].strip()}'")


def summarize(rounds):
    """{runtime: {row: {"median", "min", "max", "rounds"}}} of [{runtime: {row: [ns, …]}}]."""
    collected = {}
    for one in rounds:
        for runtime, rows in one.items():
            for row, values in rows.items():
                collected.setdefault(runtime, {}).setdefault(row, []).extend(values)
    return {
        runtime: {
            row: {"median": statistics.median(values), "min": min(values), "max": max(values), "count": len(values)}
            for row, values in rows.items()
        } for runtime, rows in collected.items()
    }


def format_time(nanoseconds):
    if nanoseconds < 1e3:
        return f"{nanoseconds:.0f} ns"
    if nanoseconds < 1e6:
        return f"{nanoseconds / 1e3:.3g} µs"
    return f"{nanoseconds / 1e6:.4g} ms" if nanoseconds < 1e9 else f"{nanoseconds / 1e9:.3g} s"


def make_table(summary, rows, names):
    """A markdown table: medians; behind them the multiple of native; and how ours compares with the peer."""
    compare = "ours" in names and "peer" in names
    header = ["", *names] + (["peer / ours"] if compare else [])
    lines = ["| " + " | ".join(header) + " |", "|---|" + "--:|" * (len(header) - 1)]
    for row in rows:
        cells = [ROW_TITLES[row]]
        native = summary.get("native", {}).get(row)
        for name in names:
            figure = summary.get(name, {}).get(row)
            if not figure:
                cells.append("–")
                continue
            text = format_time(figure["median"])
            if native and name != "native":
                text += f" ({figure['median'] / native['median']:.3g}×)"
            cells.append(text)
        if compare:
            ours, peer = summary.get("ours", {}).get(row), summary.get("peer", {}).get(row)
            cells.append(f"{peer['median'] / ours['median']:.3g}" if ours and peer else "–")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def describe_machine():
    model = "unknown CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"kernel": platform.release(), "cpu": model, "cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}


def describe_commit():
    result = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True,
                            check=False)
    return result.stdout.strip() or "unknown"


# ---- The whole -------------------------------------------------------------------------------------------------------------


def measure(bench, runtimes, rows, rounds, starts, log):
    """([{runtime: {row: [ns, …]}}] of the rounds, {"runtime" or "runtime row": message} of what failed and was then left out)."""
    results, errors, good = [], {}, []
    for runtime in runtimes:
        try:
            bench.check(runtime)
            good.append(runtime)
        except RunError as error:
            errors[runtime.name] = str(error)
    runtimes = good
    for number in range(rounds if runtimes else 0):
        result = {runtime.name: {} for runtime in runtimes}
        # Another one begins each round, so that none is always the first after a pause.
        order = runtimes[number % len(runtimes):] + runtimes[:number % len(runtimes)]
        for row in rows:
            for runtime in order:
                if f"{runtime.name} {row}" in errors:
                    continue
                try:
                    if row == START_ROW:
                        result[runtime.name][row] = [bench.start(runtime) for _ in range(starts)]
                    else:
                        result[runtime.name][row] = [bench.inside(runtime, row)]
                except RunError as error:
                    errors[f"{runtime.name} {row}"] = str(error)
        results.append(result)
        log(f"round {number + 1} of {rounds}")
    return results, errors


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release", help="the build of runsc and the programs")
    parser.add_argument("--peer", help="another runtime with gVisor's command line")
    parser.add_argument("--peer-flags", default="--rootless=false --network=none", help="its global flags")
    parser.add_argument("--ours-flags", default="", help="our global flags")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--starts", type=int, default=5, help="starts of `true` in each round")
    parser.add_argument("--samples", type=int, default=9, help="samples of each row in each round")
    parser.add_argument("--sample-ms", type=int, default=10)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--runtimes", help="default: native,runc,ours and, with --peer, peer")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/bench")
    parser.add_argument("--name", default="six-rows")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    rows = arguments.rows.split(",")
    names = arguments.runtimes.split(",") if arguments.runtimes else ["native", "runc", "ours"] + ["peer"] * bool(arguments.peer)
    unknown = [r for r in rows if r not in ROWS] + [n for n in names if n not in ("native", "runc", "ours", "peer")]
    if unknown or ("peer" in names and not arguments.peer):
        sys.exit(f"bench: unknown {unknown}" if unknown else "bench: the peer needs --peer PATH")
    if os.geteuid() != 0:
        sys.exit("bench: needs root")
    machine = describe_machine()
    if machine["load"] > 0.5 * machine["cores"]:
        print(f"bench: the machine is busy (load {machine['load']:.1f}); trust the ratios more than the figures", file=sys.stderr)

    with tempfile.TemporaryDirectory(prefix="runsc-bench-") as directory:
        bench = Bench(pathlib.Path(directory), arguments.build / "guest/bench_suite", arguments.samples, arguments.sample_ms)
        makers = {
            "native": lambda: native_runtime(bench.rootfs),
            "runc": lambda: oci_runtime("runc", "runc", []),
            "ours": lambda: oci_runtime("ours", str(arguments.build / "runsc/runsc"), arguments.ours_flags.split()),
            "peer": lambda: oci_runtime("peer", arguments.peer, arguments.peer_flags.split()),
        }
        runtimes = [makers[name]() for name in names]
        results, errors = measure(bench, runtimes, rows, arguments.rounds, arguments.starts,
                                  lambda text: print(f"bench: {text}", file=sys.stderr))

    summary = summarize(results)
    table = make_table(summary, rows, names)
    date = datetime.date.today().isoformat()
    lines = [
        "# Six rows", "", f"Measured {date} at {describe_commit()} with `bench/run.py`: medians of {arguments.rounds} rounds, the "
        f"runtimes in turn. {machine['cores']} cores of {machine['cpu']}, Linux {machine['kernel']}, load {machine['load']:.1f} at the "
        "start. In parentheses: multiples of native.", "", table, "",
        *(f"- {runtime.name}: {runtime.version}" for runtime in runtimes),
        *(f"- not measured: {what}: {message}" for what, message in sorted(errors.items())),
    ]
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / f"{arguments.name}.md").write_text("\n".join(lines) + "\n")
    record = {"date": date, "commit": describe_commit(), "machine": machine, "versions": {r.name: r.version for r in runtimes},
              "rounds": arguments.rounds, "nanoseconds": summary, "errors": errors}
    (arguments.out / f"{arguments.name}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(table)
    for what, message in sorted(errors.items()):
        print(f"not measured: {what}: {message}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
