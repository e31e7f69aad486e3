"""Plots of trained models, made from the files of results and from nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from arae_toolkit.reports.markdown import Result, Results
from arae_toolkit.reports.pages import MODELS, PAPER_NATS, kind_of, title_of, trained_models
from arae_toolkit.reports.tables.transfer import TABLE3, metric_name
from arae_toolkit.reports.tables.transfer import title_of as system_title
from arae_toolkit.storage.atomic_files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

HEIGHT, DOTS_PER_INCH = 3.2, 100


def draw_training_curve(results: Results, path: Path) -> None:
    """Plot the held-out reconstruction of each trained model over the epochs of training."""
    figure = _figure(width=6.0)
    axes = figure.subplots()
    models = trained_models(results)
    in_paper = dict(PAPER_NATS)
    for index, model in enumerate(models):
        line = _line(axes, model, "nats_per_sentence", title_of(model, models), f"C{index}-")
        if (kind := kind_of(model)) in in_paper:  # once, however many models there are of a kind
            nats, label = in_paper.pop(kind)[0], f"paper's {MODELS[kind]}"
            axes.axhline(nats, color=line.get_color(), linestyle=":", linewidth=1, label=label)
    axes.set_ylabel("dev, nats per sentence")
    _finish(axes)
    _save(figure, path)


def draw_code_space(results: Results, path: Path) -> None:
    """Plot what Figure 3 of the paper shows: norms, summed variances and edit neighbours."""
    figure = _figure(width=10.0)
    norms, variances, neighbours = figure.subplots(1, 3)
    models = trained_models(results)
    for index, model in enumerate(models):
        title, codes, prior = title_of(model, models), f"C{index}-", f"C{index}--"
        _line(norms, model, "code_norm", f"{title}, codes", codes)
        _line(norms, model, "generated_norm", f"{title}, prior", prior)
        _line(variances, model, "code_variance", f"{title}, codes", codes)
        _line(variances, model, "generated_variance", f"{title}, prior", prior)
        _line(neighbours, model, "neighbour_cosine", title, codes)
    norms.set_title("norm")
    variances.set_title("summed variance")
    neighbours.set_title("cosine of edit neighbours")
    for axes in (norms, variances, neighbours):
        _finish(axes)
    _save(figure, path)


def draw_transfer(results: Results, path: Path) -> None:
    """Plot transfer against BLEU to the input, systems that differ in asking alone joined."""
    result = results["table3"]
    figure = _figure(width=6.0)
    axes = figure.subplots()
    runs: dict[str, list[str]] = {}
    for system in result["details"]["systems"]:
        runs.setdefault(system.partition("@")[0], []).append(system)
    for index, systems in enumerate(runs.values()):
        points = sorted(
            (
                result["metrics"][metric_name(system, "overall", "source_bleu")]["value"],
                result["metrics"][metric_name(system, "overall", "accuracy ngrams")]["value"],
            )
            for system in systems
        )
        style = "o-" if index < 10 else "s-"
        axes.plot(*zip(*points, strict=True), style, markersize=4, label=system_title(systems[0]))
    papers = [figures[:2] for figures in TABLE3.values()]
    axes.plot(
        [bleu for _, bleu in papers],
        [transfer for transfer, _ in papers],
        "kx",
        label="the paper's",
    )
    axes.set_xlabel("BLEU to the input")
    axes.set_ylabel("transfer, percent")
    axes.legend(frameon=False, fontsize="x-small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(figure, path)


def _line(axes: Axes, model: Result, key: str, label: str, style: str) -> Line2D:
    """Draw one of a model's measurements over the epochs of its training."""
    points = [(row["epoch"], row[key]) for row in model["details"]["curve"] if key in row]
    epochs, values = [epoch for epoch, _ in points], [value for _, value in points]
    (line,) = axes.plot(epochs, values, style, marker=".", markersize=4, label=label)
    return line


def _finish(axes: Axes) -> None:
    """Scale from zero to a little above the highest point, and label."""
    from matplotlib.ticker import MaxNLocator

    axes.set_ylim(0, 1.1 * axes.dataLim.y1)
    axes.set_xlabel("epochs")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize="small")


def _figure(*, width: float) -> Figure:
    """Return an empty figure, of so many inches, that no other figure knows of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, HEIGHT), layout="constrained")


def _save(figure: Figure, path: Path) -> None:
    """Write a PNG, whole or not at all, the same bytes for the same numbers."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
