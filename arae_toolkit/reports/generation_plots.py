"""The plot of reverse against forward perplexity, as PNG or as a page, from a file of results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.errors import ToolkitError
from arae_toolkit.storage.figure_files import Table, check_suffix, save_picture, save_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 10.0, 6.0
SIDES = ("forward", "reverse")

ABOUT = """\
Low and left is better: forward perplexity is that of the samples by a model of real text,
reverse perplexity that of real text by a model of the samples. Bars are bootstrap intervals of
95 %. What lies far above every curve stands at the upper edge, with its figure."""
HIGHEST = 1.25
"""Upper edge of the whole plot, in parts of the highest point of a curve."""
CLOSE = (0.96, 1.2)
"""Edges of the enlarged part, in parts of the lowest point of a curve."""
MARKERS = "os^vDP"
"""One for each ten colours."""

Systems = Mapping[str, Mapping[str, Any]]
"""Measures by system, as ``evaluate generation --json`` prints them."""


def draw_perplexities(systems: Systems, curves: Mapping[str, Sequence[str]]) -> Figure:
    """Return the plot: each curve its systems by temperature, each other system a point.

    Where there are curves, what lies about their lowest points stands enlarged beside the whole.

    Args:
        systems: By name. Those without both perplexities, as held-out text, are left out.
        curves: Names of the systems on each curve, in the order in which they are joined.

    Raises:
        ToolkitError: If no system has both perplexities.
    """
    from matplotlib.figure import Figure

    shown = {
        name: found
        for name, found in systems.items()
        if found.get("forward_perplexity") and found.get("reverse_perplexity")
    }
    if not shown:
        raise ToolkitError("no system has both perplexities: there is nothing to draw")
    on_curves = {name for names in curves.values() for name in names}
    lines = {title: [name for name in names if name in shown] for title, names in curves.items()}
    lines |= {name: [name] for name in shown if name not in on_curves}
    lines = {title: names for title, names in lines.items() if names}
    heights = [_both(found)[1] for name, found in shown.items() if name in on_curves]
    figure = Figure(figsize=(WIDTH if heights else 0.6 * WIDTH, HEIGHT), layout="constrained")
    whole, *close = figure.subplots(1, 2 if heights else 1, squeeze=False)[0]
    edge = HIGHEST * max(heights, default=math.inf)
    _draw_lines(whole, shown, lines, edge)
    if any(_both(found)[1] > edge for found in shown.values()):
        whole.set_ylim(top=edge)
    for axes in close:
        low, high = (part * min(heights) for part in CLOSE)
        seen = [x for x, y in map(_both, shown.values()) if low <= y <= high]
        _draw_lines(axes, shown, lines, math.inf, bars=False)
        axes.set_xlim(0.93 * min(seen), 1.07 * max(seen))
        axes.set_ylim(low, high)
        axes.set_title("the same, enlarged, without intervals", fontsize="small")
    for axes in (whole, *close):
        _scale(axes)
    whole.set_ylabel("reverse perplexity, per token")
    figure.legend(
        *whole.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3 if heights else 2,
        fontsize="x-small",
        frameon=False,
    )
    return figure


def _both(found: Mapping[str, Any]) -> tuple[float, float]:
    """Return forward and reverse perplexity."""
    return float(found["forward_perplexity"]["value"]), float(found["reverse_perplexity"]["value"])


def _draw_lines(
    axes: Axes,
    shown: Systems,
    lines: Mapping[str, Sequence[str]],
    edge: float,
    *,
    bars: bool = True,
) -> None:
    """Draw each line with its temperatures; points above the edge stand at it.

    Args:
        axes: To draw on.
        shown: As for :func:`draw_perplexities`.
        lines: Names of systems by the title of their line.
        edge: Reverse perplexity.
        bars: Whether to draw intervals as well.
    """
    for index, (title, names) in enumerate(lines.items()):
        sides = [[shown[name][f"{side}_perplexity"] for name in names] for side in SIDES]
        x, y = ([point["value"] for point in side] for side in sides)
        x_bars, y_bars = (
            [[p["value"] - p["low"] for p in side], [p["high"] - p["value"] for p in side]]
            for side in sides
        )
        notes = [_temperature(shown[name]) if len(names) > 1 else "" for name in names]
        beyond = len(names) == 1 and y[0] > edge
        if beyond:
            y, notes = [edge], [f"↑ {y[0]:.0f}"]
        axes.errorbar(
            *(x, y),
            xerr=x_bars if bars else None,
            yerr=y_bars if bars and not beyond else None,
            marker=MARKERS[index // 10 % len(MARKERS)],
            linestyle="-" if len(names) > 1 else "",
            color=f"C{index % 10}",
            markersize=4,
            elinewidth=0.5,
            clip_on=not beyond,
            label=title,
        )
        for note, place in zip(notes, zip(x, y, strict=True), strict=True):
            if not note:
                continue
            axes.annotate(
                note,
                place,
                xytext=(6, -9) if beyond else (3, 3),
                textcoords="offset points",
                fontsize="xx-small",
                annotation_clip=True,
            )


def _scale(axes: Axes) -> None:
    """Make both axes logarithmic, with plain numbers."""
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        scale("log")
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter("")
    axes.set_xlabel("forward perplexity, per token")


def _temperature(found: Mapping[str, Any]) -> str:
    """Return at which temperature the words of a system were drawn, if that is known."""
    temperature = found.get("temperature")
    if temperature is None:
        return ""
    return f"{temperature:g}" if temperature else "greedy"


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
    figure = Figure(figsize=(1.1 * WIDTH, 0.7 * HEIGHT), layout="constrained")
    by_forward, by_price = figure.subplots(1, 2, sharey=True)
    for index, ((run, prior, best_of), rows) in enumerate(lines.items()):
        style = {"color": f"C{index % 10}", "marker": MARKERS[index // 10 % 4], "markersize": 4}
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
