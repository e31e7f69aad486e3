"""Plots of the code space: Figures 3 to 5 of the paper, and the smoothness of walks.

They are made from what ``evaluate latent`` and ``reproduce`` measure, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.reports.markdown import Result
from arae_toolkit.storage.figure_files import save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Models = Mapping[str, Mapping[str, Any]]
HEIGHT, WIDTH = 3.2, 3.4  # inches
NORMS = ("code_norm", "generated_norm")
VARIANCES = ("code_variance", "generated_variance")


def draw_figure3(models: Models, path: Path) -> None:
    """Plot norms, summed variances and the cosine of edit neighbours over training (Figure 3).

    A model whose training is not known is a point at the end.
    """
    figure, (norms, variances, cosines) = _panels(3)
    for index, (name, model) in enumerate(models.items()):
        curve = model["curve"] or [{"epoch": 0, **model["code_space"]}]
        for axes, (code, generated) in ((norms, NORMS), (variances, VARIANCES)):
            _line(axes, curve, code, name, f"C{index}.-")
            _line(axes, curve, generated, "", f"C{index}.--")
        _line(cosines, curve, "neighbour_cosine", name, f"C{index}.-")
        _line(cosines, curve, "random_cosine", "", f"C{index}.:")
    titles = (
        "norm: codes, prior (dashed)",
        "summed variance: codes, prior (dashed)",
        "cosine: edit neighbours, random (dotted)",
    )
    for axes, title in zip((norms, variances, cosines), titles, strict=True):
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        _finish(axes, title, "epochs", with_legend=False)
    _legend_below(figure, norms if norms.lines else cosines)
    save_picture(path, figure)


def draw_figure4(models: Models, path: Path) -> None:
    """Plot what corrupted inputs cost, and what is written out of them (Figure 4)."""
    figure, (nats, perplexity, restored) = _panels(3)
    for index, (name, model) in enumerate(models.items()):
        swaps = model["swaps"]
        numbers = [row["swaps"] for row in swaps]
        style = f"C{index}.-"
        nats.plot(numbers, [row["nats_per_sentence"] for row in swaps], style, label=name)
        restored.plot(numbers, [row["restored"] for row in swaps], style, label=name)
        read = [(row["swaps"], row["perplexity"]) for row in swaps if "perplexity" in row]
        if read:
            perplexity.plot(*zip(*read, strict=True), style, label=name)
            if index == 0:
                inputs = [row["input_perplexity"] for row in swaps]
                perplexity.plot(numbers, inputs, "k:", label="the inputs")
    perplexity.set_yscale("log")
    titles = (
        "nats per sentence, original",
        "perplexity of what is written",
        "original restored, %",
    )
    for axes, title in zip((nats, perplexity, restored), titles, strict=True):
        _finish(axes, title, "swaps", with_legend=False)
    _legend_below(figure, perplexity if perplexity.lines else nats)
    save_picture(path, figure)


def draw_figure5(result: Result, path: Path) -> None:
    """Plot match % of each word and model, with the offset and without, and the paper's."""
    details = result["details"]
    words, names = list(details["paper"]), list(details["cells"])
    figure, panels = _panels(2)
    width = 0.8 / (len(names) + 1)
    for axes, measure, place in zip(panels, ("match", "precision"), (0, 1), strict=True):
        for index, name in enumerate(names):
            for control in ("offset", "none"):
                keys = [f"{name}, {word}, {control}, {measure}" for word in words]
                metrics = [result["metrics"].get(key) for key in keys]
                axes.bar(
                    [number + index * width for number in range(len(words))],
                    [metric["value"] if metric else 0.0 for metric in metrics],
                    width,
                    facecolor=f"C{index}",
                    fill=control == "offset",
                    linestyle="-" if control == "offset" else ":",
                    edgecolor="black" if control == "none" else f"C{index}",
                    label=name if control == "offset" else f"{name}, no offset",
                )
        axes.plot(
            [number + len(names) * width for number in range(len(words))],
            [details["paper"][word][place] for word in words],
            "k_",
            label="paper's ARAE",
        )
        axes.set_xticks(range(len(words)), words, rotation=30)
        axes.set_ylim(0, 100)
        axes.set_title(f"{measure}, percent", fontsize="medium")
    _legend_below(figure, panels[0])
    save_picture(path, figure)


def draw_walks(models: Models, path: Path) -> None:
    """Plot what changes along walks: perplexity by step, word edits a step, and the jump."""
    figure, (perplexity, changed, jump) = _panels(3)
    bars: list[tuple[str, float, float]] = []
    for index, (name, model) in enumerate(models.items()):
        for style, (through, walks) in zip((".-", ".--"), model["walks"].items(), strict=False):
            label = f"{name}, {through}"
            if "perplexity" in walks:
                steps = range(1, len(walks["perplexity"]) + 1)
                perplexity.plot(steps, walks["perplexity"], f"C{index}{style}", label=label)
            bars.append((label, walks["changed"], walks["largest"]))
    names = [label for label, _, _ in bars]
    changed.barh(names, [mean for _, mean, _ in bars])
    jump.barh(names, [largest for _, _, largest in bars])
    for axes in (changed, jump):
        axes.invert_yaxis()
    _finish(perplexity, "perplexity along the way", "step")
    changed.set_title("word edits a step", fontsize="medium")
    jump.set_title("largest jump, word edits", fontsize="medium")
    save_picture(path, figure)


def _panels(count: int) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure of so many panels side by side, that no other figure knows of."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(count * WIDTH, HEIGHT), layout="constrained")
    return figure, list(figure.subplots(1, count))


def _legend_below(figure: Figure, axes: Axes) -> None:
    """Put one legend under all panels: what is drawn in one of them."""
    drawn = axes.get_legend_handles_labels()
    figure.legend(*drawn, frameon=False, fontsize="x-small", loc="outside lower center", ncols=5)


def _line(axes: Axes, curve: Sequence[Mapping[str, Any]], key: str, label: str, style: str) -> None:
    """Draw one measurement over the epochs."""
    points = [(row["epoch"], row[key]) for row in curve if row.get(key) is not None]
    if points:
        axes.plot(*zip(*points, strict=True), style, markersize=4, label=label)


def _finish(axes: Axes, title: str, below: str, *, with_legend: bool = True) -> None:
    """Label, and say where nothing was measured."""
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title, fontsize="medium")
    axes.set_xlabel(below)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not axes.get_legend_handles_labels()[1]:
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes)
    elif with_legend:
        axes.legend(frameon=False, fontsize="x-small", handlelength=3.5)
