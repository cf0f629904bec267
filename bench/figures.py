# SPDX-License-Identifier: Apache-2.0
"""What is made of the measured values: medians, spreads, ratios, verdicts on targets, and the tables."""

import dataclasses
import json
import math
import statistics

from runtimes import RunError

OURS = "systrap"  # the runtime that the targets are about


@dataclasses.dataclass(frozen=True)
class Target:
    """`limit` times the figure of the runtime `of`, or `limit` itself if that is None. At the most, or `at_least`."""
    limit: float
    of: str | None = "native"
    at_least: bool = False

    def text(self, unit):
        amount = format_value(self.limit, unit) if self.of is None else f"{self.limit:g} {'N' if self.of == 'native' else self.of}"
        return ("≥ " if self.at_least else "≤ ") + amount


@dataclasses.dataclass(frozen=True)
class Row:
    """One thing that is measured. `measure(bench, runtime)` gives values in `unit`: "ns", "1/s", "B" or "" (a count)."""
    name: str
    title: str
    measure: object
    targets: tuple = ()
    unit: str = "ns"
    prepare: str = ""  # a script for the Debian root

    @property
    def more_is_better(self):
        return self.unit == "1/s"


# ---- Parsing ---------------------------------------------------------------------------------------------------------------


def parse_suite(output, row):
    """The samples of the suite's line "ROW NS NS …"."""
    try:
        name, *samples = output.split()
        if name == row and samples:
            return [float(s) for s in samples]
    except ValueError:
        pass
    raise RunError(f"printed no figures for {row} but '{output[:80].strip()}'")


def parse_benchmark(output, row):
    """Nanoseconds of each repetition of the row ROW in the JSON that a Google Benchmark program prints."""
    try:
        listed = json.loads(output[output.index("{"):])["benchmarks"]
        scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
        values = [one["real_time"] * scale[one["time_unit"]] for one in listed
                  if one["run_type"] == "iteration" and one["name"] == f"{row}/real_time"]
    except (ValueError, KeyError, TypeError):
        values = []
    if not values:
        raise RunError(f"printed no figures for {row} but '{output[-80:].strip()}'")
    return values


# ---- Arithmetic ------------------------------------------------------------------------------------------------------------


def spread(values):
    """Half the distance between the quartiles, as a share of the median."""
    middle = statistics.median(values)
    if len(values) < 2 or not middle:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / abs(middle)


def summarize(rounds):
    """{runtime: {row: {"median", "min", "max", "spread", "count"}}} of [{runtime: {row: [value, …]}}]."""
    collected = {}
    for one in rounds:
        for runtime, rows in one.items():
            for row, values in rows.items():
                collected.setdefault(runtime, {}).setdefault(row, []).extend(values)
    return {
        runtime: {
            row: {"median": statistics.median(values), "min": min(values), "max": max(values), "spread": spread(values),
                  "count": len(values)} for row, values in rows.items()
        } for runtime, rows in collected.items()
    }


def median_of(summary, runtime, row):
    return summary.get(runtime, {}).get(row, {}).get("median")


def ratio(summary, runtime, row, other="native"):
    """The runtime's median as a multiple of the other's; None when one is missing or the other's is 0."""
    mine, theirs = median_of(summary, runtime, row), median_of(summary, other, row)
    return None if mine is None or not theirs else mine / theirs


def judge(summary, row, target, runtime=OURS):
    """True or False, or None when a figure is missing."""
    value = median_of(summary, runtime, row.name) if target.of is None else ratio(summary, runtime, row.name, target.of)
    if value is None:
        return None
    return value >= target.limit if target.at_least else value <= target.limit


def advantage(summary, row, peer="peer"):
    """How many times better ours is than the peer; None when a figure is missing."""
    value = ratio(summary, peer, row.name, OURS)
    return None if value is None else (1 / value if row.more_is_better and value else value)


def growth(summary, runtime, rows):
    """The last row's median as a multiple of the first's: how the cost grows along the rows."""
    first, last = median_of(summary, runtime, rows[0].name), median_of(summary, runtime, rows[-1].name)
    return None if not first or last is None else last / first


# ---- Text ------------------------------------------------------------------------------------------------------------------


def format_value(value, unit):
    if unit == "ns":
        if value < 1e3:
            return f"{value:.0f} ns" if value >= 10 else f"{value:.2g} ns"
        if value < 1e6:
            return f"{value / 1e3:.3g} µs"
        return f"{value / 1e6:.4g} ms" if value < 1e9 else f"{value / 1e9:.3g} s"
    if unit == "B":
        return f"{value / 2**20:.3g} MiB"
    if unit == "1/s":
        return f"{value / 1e3:.3g} k/s" if value >= 1e4 else f"{value:.4g} /s"
    return f"{value:g}"


def format_cell(summary, runtime, row):
    figure = summary.get(runtime, {}).get(row.name)
    if not figure:
        return "–"
    text = format_value(figure["median"], row.unit)
    if figure["spread"] >= 0.005:
        text += f" ±{figure['spread'] * 100:.0f} %"
    multiple = ratio(summary, runtime, row.name)
    if multiple is not None and runtime != "native":
        text += f" ({multiple:.3g}×)"
    return text


def format_verdicts(summary, row):
    """(the targets, met or not) of a row as two cells."""
    verdicts = {True: "met", False: "**not met**", None: "–"}
    return (", ".join(t.text(row.unit) for t in row.targets) or "",
            ", ".join(verdicts[judge(summary, row, t)] for t in row.targets) or "")


def markdown(header, lines):
    """A table whose first column is left-aligned."""
    return "\n".join(["| " + " | ".join(header) + " |", "|---|" + "--:|" * (len(header) - 1),
                      *("| " + " | ".join(cells) + " |" for cells in lines)])


def make_table(summary, rows, names):
    """Medians with their spread; behind them the multiple of native; how ours compares with the peer; the targets."""
    compare = OURS in names and "peer" in names
    judged = OURS in names and any(row.targets for row in rows)
    header = ["", *names] + ["peer / ours"] * compare + ["target", ""] * judged
    lines = []
    for row in rows:
        cells = [row.title, *(format_cell(summary, name, row) for name in names)]
        if compare:
            better = advantage(summary, row)
            cells.append("–" if better is None else f"{better:.3g}")
        if judged:
            cells += format_verdicts(summary, row)
        lines.append(cells)
    return markdown(header, lines)


def make_growth_table(summary, families, names):
    """{title: rows}: what the operation costs along the rows, and how many times more at the end than at the beginning."""
    lines = []
    for title, rows in families.items():
        cells = [title]
        for name in names:
            medians = [median_of(summary, name, row.name) for row in rows]
            grown = growth(summary, name, rows)
            text = " → ".join("–" if m is None else format_value(m, "ns") for m in medians)
            cells.append(text + ("" if grown is None else f" ({grown:.3g}×)"))
        ours, native = growth(summary, OURS, rows), growth(summary, "native", rows)
        if OURS in names:
            cells.append("–" if ours is None or native is None else "no" if ours <= 1.5 * max(1, native) else "**yes**")
        lines.append(cells)
    return markdown(["", *names] + ["climbs where native does not"] * (OURS in names), lines)


def count_verdicts(summary, rows):
    """One sentence: how many targets are met, which are not, and how ours stands against the peer."""
    verdicts = [(row, judge(summary, row, t)) for row in rows for t in row.targets]
    known = [(row, met) for row, met in verdicts if met is not None]
    text = f"Targets met: {sum(met for _, met in known)} of {len(known)}"
    missed = list(dict.fromkeys(row.title for row, met in known if not met))
    text += f"; not met: {', '.join(missed)}." if missed else "."
    better = [a for a in (advantage(summary, row) for row in rows) if a is not None and not math.isinf(a)]
    if better:
        text += f" Better than the peer: {sum(a > 1 for a in better)} of {len(better)} rows."
    return text
