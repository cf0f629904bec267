# SPDX-License-Identifier: Apache-2.0
"""Charts of a run, as SVG by matplotlib."""

from figures import median_of, ratio

COLORS = {"runc": "#888888", "systrap": "#1f77b4", "ptrace": "#9467bd", "systrap-never": "#17becf", "peer": "#d62728",
          "native": "#000000"}


def _pyplot():
    """matplotlib without a display; text stays text, and the file is the same for the same figures."""
    import matplotlib  # pylint: disable=import-outside-toplevel
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 8})
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel
    return pyplot


def _save(pyplot, figure, path):
    figure.savefig(path, format="svg", metadata={"Date": None}, bbox_inches="tight")
    pyplot.close(figure)


def draw_ratios(summary, rows, names, path):
    """One line per row: each runtime's multiple of native, and the limit of a target that is one."""
    pyplot = _pyplot()
    rows = [row for row in rows if median_of(summary, "native", row.name)]
    figure, axes = pyplot.subplots(figsize=(8, 1 + 0.22 * len(rows)))
    for name in names:
        if name == "native":
            continue
        points = [(ratio(summary, name, row.name), -i) for i, row in enumerate(rows)]
        points = [(x, y) for x, y in points if x]
        axes.plot([x for x, _ in points], [y for _, y in points], "o", markersize=5, color=COLORS.get(name), label=name, alpha=0.8)
    for i, row in enumerate(rows):
        limits = [target.limit for target in row.targets if target.of == "native"]
        axes.plot(limits, [-i] * len(limits), "|", markersize=12, color="green", label="target" if limits and i == 0 else None)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks([-i for i in range(len(rows))], [row.title + (" (more is better)" if row.more_is_better else "") for row in rows])
    axes.set_xlabel("multiple of native")
    axes.grid(axis="x", which="both", alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncol=6)
    _save(pyplot, figure, path)


def draw_growth(summary, families, counts, names, path):
    """One panel per family: the operation's cost over the number of things there are."""
    pyplot = _pyplot()
    columns = 2
    figure, panels = pyplot.subplots((len(families) + 1) // columns, columns, figsize=(9, 2.4 * ((len(families) + 1) // columns)))
    panels = list(panels.flat)
    for panel, (title, rows) in zip(panels, families.items()):
        for name in names:
            points = [(count, median_of(summary, name, row.name)) for count, row in zip(counts, rows)]
            points = [(x, y / 1000) for x, y in points if y]
            panel.plot([x for x, _ in points], [y for _, y in points], "o-", markersize=3, color=COLORS.get(name), label=name)
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_title(title)
        panel.set_ylabel("µs")
        panel.grid(alpha=0.3)
    for panel in panels[len(families):]:
        panel.set_visible(False)
    panels[0].legend()
    figure.tight_layout()
    _save(pyplot, figure, path)
