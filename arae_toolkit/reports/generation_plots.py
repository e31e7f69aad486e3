"""The plot of reverse against forward perplexity, as PNG or as a page, from a file of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.errors import ToolkitError
from arae_toolkit.storage.figure_files import Table, check_suffix, save_picture, save_plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 7.0, 4.2

ABOUT = """\
Low and left is better: forward perplexity is that of the samples by a model of real text,
reverse perplexity that of real text by a model of the samples. Bars are bootstrap intervals of
95 %."""

Systems = Mapping[str, Mapping[str, Any]]
"""Measures by system, as ``evaluate generation --json`` prints them."""


def draw_perplexities(systems: Systems, curves: Mapping[str, Sequence[str]]) -> Figure:
    """Return the plot: each curve its systems by temperature, each other system a point.

    Args:
        systems: By name. Those without both perplexities, as held-out text, are left out.
        curves: Names of the systems on each curve, in the order in which they are joined.

    Raises:
        ToolkitError: If no system has both perplexities.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    shown = {
        name: found
        for name, found in systems.items()
        if found.get("forward_perplexity") and found.get("reverse_perplexity")
    }
    if not shown:
        raise ToolkitError("no system has both perplexities: there is nothing to draw")
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots()
    on_curves = {name for names in curves.values() for name in names}
    lines = {title: [name for name in names if name in shown] for title, names in curves.items()}
    lines |= {name: [name] for name in shown if name not in on_curves}
    for index, (title, names) in enumerate((t, n) for t, n in lines.items() if n):
        points = [
            tuple(shown[name][f"{side}_perplexity"] for side in ("forward", "reverse"))
            for name in names
        ]
        x, y = ([point[side]["value"] for point in points] for side in (0, 1))
        spreads = [
            [
                [point[side]["value"] - point[side]["low"] for point in points],
                [point[side]["high"] - point[side]["value"] for point in points],
            ]
            for side in (0, 1)
        ]
        style = "o-" if len(names) > 1 else "s"
        axes.errorbar(
            *(x, y),
            xerr=spreads[0],
            yerr=spreads[1],
            fmt=style,
            color=f"C{index % 10}",
            markersize=4,
            elinewidth=0.8,
            label=title,
        )
        for name, forward, reverse in zip(names, x, y, strict=True):
            temperature = shown[name].get("temperature")
            if len(names) > 1 and temperature is not None:
                axes.annotate(
                    f"{temperature:g}" if temperature else "greedy",
                    (forward, reverse),
                    textcoords="offset points",
                    xytext=(4, 4),
                    fontsize="x-small",
                )
    for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        scale("log")
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter("")
    axes.set_xlabel("forward perplexity, per token")
    axes.set_ylabel("reverse perplexity, per token")
    axes.legend(frameon=False, fontsize="x-small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def draw_frontier(results: Mapping[str, Any], path: Path) -> None:
    """Plot what settings were chosen by: reverse against forward perplexity, and its price.

    Left, every setting beside the language model's curve; right, the same against what
    reconstruction costs, for settings that reconstruct. A line joins temperatures of a setting.
    """
    from matplotlib.figure import Figure

    lines: dict[tuple[str, str, int], list[Mapping[str, Any]]] = {}
    for row in results["frontier"]["details"]["rows"].values():
        if "run" in row:
            setting = (row["run"], row["prior"], row.get("best_of", 1))
            lines.setdefault(setting, []).append(row)
    figure = Figure(figsize=(1.6 * WIDTH, HEIGHT), layout="constrained")
    by_forward, by_price = figure.subplots(1, 2, sharey=True)
    for index, ((run, prior, best_of), rows) in enumerate(lines.items()):
        style = {"color": f"C{index % 10}", "marker": "os^v"[index // 10 % 4], "markersize": 4}
        reverse = [row["reverse_perplexity"]["value"] for row in rows]
        forward = [row["forward_perplexity"]["value"] for row in rows]
        label = run if prior == "own" else f"{run}, {prior}"
        label += f", best of {best_of}" if best_of > 1 else ""
        by_forward.plot(forward, reverse, label=label, **style)
        if rows[0]["nats_per_sentence"] is not None:
            by_price.plot([row["nats_per_sentence"] for row in rows], reverse, **style)
    by_forward.set_xlabel("forward perplexity of samples")
    by_price.set_xlabel("reconstruction of dev, nats per sentence")
    by_forward.set_ylabel("reverse perplexity of dev")
    figure.legend(frameon=False, fontsize="x-small", loc="outside right center")
    save_picture(path, figure)


def write_plot(
    path: Path,
    systems: Systems,
    curves: Mapping[str, Sequence[str]],
    *,
    title: str,
    tables: Sequence[Table],
    notes: Sequence[str],
) -> None:
    """Write the plot: a picture, or a page that holds it beside the numbers and needs no other.

    Args:
        path: Ends in ``.png`` or ``.html``.
        systems: As for :func:`draw_perplexities`.
        curves: As for :func:`draw_perplexities`.
        title: Of the page.
        tables: Shown on the page.
        notes: Lines under the tables.

    Raises:
        ValueError: If the path ends otherwise.
        ToolkitError: If there is nothing to draw, or the file cannot be written.
    """
    check_suffix(path)
    figure = draw_perplexities(systems, curves)
    save_plot(path, figure, title=title, about=ABOUT, tables=tables, notes=notes)
