"""Plots of the documentation, made from files of results and from nothing else."""

from __future__ import annotations

from pathlib import Path

from arae_toolkit.reports.markdown import Results
from arae_toolkit.reports.tables.sensitivity import SENSITIVITY
from arae_toolkit.reports.tables.transfer import TABLE3, metric_name, title_of
from arae_toolkit.storage.figure_files import save_picture

WIDTH, HEIGHT = 6.0, 3.2  # inches


def draw_transfer(results: Results, path: Path) -> None:
    """Plot transfer against BLEU to the input, systems that differ in asking alone joined."""
    from matplotlib.figure import Figure

    result = results["table3"]
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
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
        axes.plot(*zip(*points, strict=True), style, markersize=4, label=title_of(systems[0]))
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
    save_picture(path, figure)


def draw_trials(results: Results, path: Path) -> None:
    """Plot each measure of a search's trials against each of its settings."""
    from arae_toolkit.search.objectives import Objective
    from arae_toolkit.search.plots import draw_sensitivity
    from arae_toolkit.search.space import LOG, Varied
    from arae_toolkit.search.trials import TrialRecord, done

    details = results[SENSITIVITY]["details"]
    trials = [TrialRecord(**trial) for trial in details["trials"]]
    space = [
        Varied(key, log=text.startswith(LOG))
        if ":" in text
        else Varied(key, tuple(text.split(",")))
        for key, text in details["over"].items()
    ]
    objectives = [
        Objective(one["name"], maximize=one["direction"] == "maximize")
        for one in details["objectives"]
    ]
    settings = details["settings"]["model"] | details["settings"]["training"]
    own = {one.key: settings[one.key] for one in space}
    as_they_are = next((trial for trial in done(trials) if trial.parameters == own), None)
    shares = {(row["objective"], row["key"]): row["importance"] for row in details["sensitivity"]}
    save_picture(
        path, draw_sensitivity(trials, space, objectives, own=as_they_are, importances=shares)
    )
