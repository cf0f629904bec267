#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures rows natively, under runc, under this runsc on its platforms and, with --peer PATH, under another runsc.

    sudo bench/run.py [GROUP…] [--peer PATH] [--rows PATTERN,…] [--runtimes NAME,…] [--rounds N] [--out docs/bench]

Groups: micro (the default: one operation each), busy (more busy threads than processors), scaling (an operation while there
are 1 to 1,000 of something), macro (whole programs in a Debian root), six-rows (the first six figures). Runtimes: native,
runc, systrap, ptrace, systrap-never (systrap with --hot-calls=never), peer.

The runtimes alternate within one go, so that a busy minute of the machine hits all of them alike. Figures are medians of all
samples of all rounds. Writes GROUP.md, GROUP.json and GROUP.svg into --out and the table to stdout. What could not be measured
is listed there with what the runtime said. Exits 1 when that was native, runc or one of ours.
"""

import argparse
import datetime
import fnmatch
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

import debian
import figures
import macro
import micro
from runtimes import Bench, NotApplicable, ROOT, RunError, native_runtime, oci_runtime

GROUPS = {"six-rows": micro.SIX_ROWS, "micro": micro.MICRO, "busy": micro.BUSY, "scaling": micro.SCALING, "macro": macro.MACRO}
RUNTIMES = ("native", "runc", "systrap", "ptrace", "systrap-never", "peer")
DEFAULT_RUNTIMES = {
    "six-rows": "native,runc,systrap",
    "micro": "native,runc,systrap,ptrace",
    "busy": "native,systrap,systrap-never",
    "scaling": "native,runc,systrap",
    "macro": "native,runc,systrap",
}
TITLES = {
    "six-rows": "Six rows",
    "micro": "One operation each",
    "busy": "More busy threads than processors",
    "scaling": "Cost as work grows",
    "macro": "Whole programs",
}


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


def select_rows(rows, patterns):
    """The rows whose name matches one of the shell patterns, in their own order."""
    return [row for row in rows if any(fnmatch.fnmatchcase(row.name, pattern) for pattern in patterns)]


def measure(bench, runtimes, rows, rounds, log):
    """([{runtime: {row: [value, …]}}] of the rounds, {"runtime" or "runtime row": message} of what failed and was then left out)."""
    results, errors, good, skipped = [], {}, [], set()
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
                if (runtime.name, row.name) in skipped:
                    continue
                try:
                    values = row.measure(bench, runtime)
                    result[runtime.name][row.name] = values
                    log(f"round {number + 1}, {row.name}, {runtime.name}: "
                        f"{figures.format_value(figures.statistics.median(values), row.unit)}")
                except NotApplicable:
                    skipped.add((runtime.name, row.name))
                except RunError as error:
                    skipped.add((runtime.name, row.name))
                    errors[f"{runtime.name} {row.name}"] = str(error)
                    log(f"round {number + 1}, {row.name}, {runtime.name}: not measured: {error}")
        results.append(result)
        log(f"round {number + 1} of {rounds} is done")
    return results, errors


def make_report(group, summary, rows, names, facts):
    """The markdown page of a group. `facts`: date, commit, machine, versions, rounds, errors."""
    machine = facts["machine"]
    lines = [
        f"# {TITLES[group]}", "",
        f"Measured {facts['date']} at {facts['commit']} with `./dev bench {group}`: medians of {facts['rounds']} rounds, the runtimes "
        f"in turn. {machine['cores']} cores of {machine['cpu']}, Linux {machine['kernel']}, load {machine['load']:.1f} at the start. "
        "After ±: half the distance between the quartiles. In parentheses: multiples of native.", ""
    ]
    if group == "scaling":
        families = {title: kept for title, family in micro.SCALING_FAMILIES.items() if (kept := [r for r in family if r in rows])}
        lines += [f"What the operation costs while there are {', '.join(map(str, micro.COUNTS))} of the things; in parentheses the "
                  "last as a multiple of the first.", "", figures.make_growth_table(summary, families, names), ""]
    else:
        lines += [figures.make_table(summary, rows, names), ""]
        if any(row.targets for row in rows) and figures.OURS in names:
            lines += [figures.count_verdicts(summary, rows), ""]
    lines += [f"- {name}: {version}" for name, version in facts["versions"].items()]
    lines += [f"- not measured: {what}: {message}" for what, message in sorted(facts["errors"].items())]
    return "\n".join(lines) + "\n"


def draw(group, summary, rows, names, path):
    try:
        import chart  # pylint: disable=import-outside-toplevel
        if group == "scaling":
            chart.draw_growth(summary, micro.SCALING_FAMILIES, micro.COUNTS, names, path)
        else:
            chart.draw_ratios(summary, rows, names, path)
    except ImportError as error:
        print(f"bench: no chart: {error}", file=sys.stderr)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release", help="the build of runsc and the programs")
    parser.add_argument("--runsc", help="measure this binary in place of the build's")
    parser.add_argument("--peer", help="another runtime with gVisor's command line")
    parser.add_argument("--peer-flags", default="--rootless=false --network=none", help="its global flags")
    parser.add_argument("--ours-flags", default="", help="our global flags")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=5, help="samples of each row in each round (one-operation rows)")
    parser.add_argument("--sample-ms", type=int, default=20)
    parser.add_argument("--starts", type=int, default=5, help="starts of `true` in each round of six-rows")
    parser.add_argument("--rows", default="*", help="shell patterns of row names")
    parser.add_argument("--runtimes", help="default: the group's and, with --peer, the peer")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/bench")
    parser.add_argument("--list", action="store_true", help="print the rows and end")
    return parser.parse_args()


def run_group(group, arguments, bench):
    """Measures and reports one group; True when all of native, runc and ours could be measured."""
    names = (arguments.runtimes or DEFAULT_RUNTIMES[group] + ",peer" * bool(arguments.peer)).split(",")
    rows = select_rows(GROUPS[group], arguments.rows.split(","))
    ours = arguments.runsc or str(arguments.build / "runsc/runsc")
    flags = arguments.ours_flags.split()
    makers = {
        "native": native_runtime,
        "runc": lambda: oci_runtime("runc", "runc", []),
        "systrap": lambda: oci_runtime("systrap", ours, ["--platform=systrap", *flags]),
        "ptrace": lambda: oci_runtime("ptrace", ours, ["--platform=ptrace", *flags]),
        "systrap-never": lambda: oci_runtime("systrap-never", ours, ["--platform=systrap", "--hot-calls=never", *flags]),
        "peer": lambda: oci_runtime("peer", arguments.peer, arguments.peer_flags.split()),
    }
    runtimes = [makers[name]() for name in names]
    machine = describe_machine()
    if machine["load"] > 0.5 * machine["cores"]:
        print(f"bench: the machine is busy (load {machine['load']:.1f}); trust the ratios more than the figures", file=sys.stderr)
    results, errors = measure(bench, runtimes, rows, arguments.rounds, lambda text: print(f"bench: {text}", file=sys.stderr))
    summary = figures.summarize(results)
    facts = {"date": datetime.date.today().isoformat(), "commit": describe_commit(), "machine": machine, "rounds": arguments.rounds,
             "versions": {runtime.name: runtime.version for runtime in runtimes}, "errors": errors}
    report = make_report(group, summary, rows, names, facts)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / f"{group}.md").write_text(report)
    record = {**facts, "units": {row.name: row.unit for row in rows}, "figures": summary}
    (arguments.out / f"{group}.json").write_text(json.dumps(record, indent=1) + "\n")
    draw(group, summary, rows, names, arguments.out / f"{group}.svg")
    print(report)
    return not any(what.split()[0] != "peer" for what in errors)


def main():
    arguments = parse_arguments()
    groups = arguments.groups or ["micro"]
    chosen = arguments.runtimes.split(",") if arguments.runtimes else []
    unknown = [g for g in groups if g not in GROUPS] + [n for n in chosen if n not in RUNTIMES]
    if unknown:
        sys.exit(f"bench: unknown {', '.join(unknown)}; groups: {', '.join(GROUPS)}; runtimes: {', '.join(RUNTIMES)}")
    if "peer" in chosen and not arguments.peer:
        sys.exit("bench: the peer needs --peer PATH")
    if arguments.list:
        for group in groups:
            for row in select_rows(GROUPS[group], arguments.rows.split(",")):
                print(f"{group} {row.name}: {row.title}", *(t.text(row.unit) for t in row.targets))
        return 0
    if not any(select_rows(GROUPS[group], arguments.rows.split(",")) for group in groups):
        sys.exit(f"bench: no row matches {arguments.rows}")
    if os.geteuid() != 0:
        sys.exit("bench: needs root")
    micro.EFFORT = micro.Effort(arguments.samples, arguments.sample_ms, arguments.starts)
    good = True
    with tempfile.TemporaryDirectory(prefix="runsc-bench-") as directory, \
            Bench(directory, arguments.build / "guest", debian.pristine_root) as bench:
        for group in groups:
            good = run_group(group, arguments, bench) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
