"""What a sweep shows of its trials: tables on stdout, plots in its folder, a file of results."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.config.overrides import to_dict
from arae_toolkit.recipes.shared.child_processes import command_line, threads_of
from arae_toolkit.recipes.shared.progress import print_table, say
from arae_toolkit.reports.results import Metric, corpus_identity, summarise, write_result

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.recipes.sweep.search import Asked
    from arae_toolkit.search.sweep import Sweep
    from arae_toolkit.search.trials import Sensitivity, TrialRecord

FRONT, SENSITIVITY = "front", "sensitivity"
SUFFIXES = (".png", ".html")
NOT_OF_TRIALS = ("results", "as_json", "storage")
"""Options that are not how the trials were made."""


def report(
    sweep: Sweep, asked: Asked, *, corpus: Corpus, device: str, about: Mapping[str, Any]
) -> int:
    """Print the trials, draw their plots and write their file; return how many are done.

    Args:
        sweep: Worked off as far as it is.
        asked: The options that every sweep has.
        corpus: That its runs learned from.
        device: Where they were computed.
        about: What the file says of them beside.
    """
    from arae_toolkit.search.trials import done, in_order, records, sensitivities

    trials = records(sweep)
    finished, found = done(trials), sensitivities(sweep, trials)
    heads, rows = trial_table(sweep, in_order(trials, sweep.plan.objectives))
    if asked.as_json:
        click.echo(json.dumps(_as_json(sweep, trials, found), indent=2))
    else:
        print_table(heads, rows)
        if found:
            click.echo()
            print_table(*sensitivity_table(found))
    for trial in trials:
        if trial.state == "running":
            say(
                f"trial {trial.number} is in the hands of another worker; should that one be gone, "
                "the same command goes on with it where its folder lies"
            )
    if finished:
        for path in write_plots(sweep, trials, found, tables=[[heads, *rows]]):
            say(f"plot: {path}")
        path = _write_file(sweep, asked, trials, found, corpus=corpus, device=device, about=about)
        say(f"results: {path}")
    return len(finished)


def trial_table(sweep: Sweep, trials: Sequence[TrialRecord]) -> tuple[list[str], list[list[str]]]:
    """Return the head and rows of the table of trials, one of the best marked by a star.

    Their precision stands there where it is not the same for all.
    """
    from arae_toolkit.search.trials import precisions

    mixed = len(precisions(trials)) > 1
    keys = [one.key for one in sweep.plan.space]
    names = [one.name for one in sweep.plan.objectives]
    rows = []
    for trial in trials:
        values = [_text(value) for value in trial.values] or [""] * len(names)
        parameters = [_text(trial.parameters.get(key)) for key in keys]
        number = f"{trial.number}{' *' * trial.best}"
        rows.append([number, trial.state, *values, *parameters, f"{trial.seconds:.0f}"])
        if mixed:
            rows[-1].append(trial.precision)
    return ["trial", "state", *names, *keys, "seconds", *["precision"] * mixed], rows


def sensitivity_table(found: Sequence[Sensitivity]) -> tuple[list[str], list[list[str]]]:
    """Return the head and rows of the table of how the objectives move with the settings."""
    rows = [
        [
            one.objective,
            one.key,
            "" if one.importance is None else f"{one.importance:.2f}",
            "; ".join(f"{name}: {_text(value)}" for name, value in one.medians.items()),
        ]
        for one in found
    ]
    return ["objective", "setting", "importance", "median by value"], rows


def write_plots(
    sweep: Sweep,
    trials: Sequence[TrialRecord],
    found: Sequence[Sensitivity],
    *,
    tables: Sequence[Sequence[Sequence[str]]],
) -> list[Path]:
    """Write the plots of a sweep into its folder, as pictures and as pages; return their paths."""
    from arae_toolkit.search.plots import (
        ABOUT_FRONT,
        ABOUT_SENSITIVITY,
        draw_front,
        draw_sensitivity,
    )
    from arae_toolkit.search.trials import own_trial
    from arae_toolkit.storage.figure_files import save_plot

    plan, own = sweep.plan, own_trial(sweep, trials)
    shares = {(one.objective, one.key): one.importance for one in found if one.importance}
    drawn = {
        SENSITIVITY: (
            draw_sensitivity(trials, plan.space, plan.objectives, own=own, importances=shares),
            ABOUT_SENSITIVITY,
        )
    }
    if len(plan.objectives) > 1:
        drawn[FRONT] = draw_front(trials, plan.objectives, own=own), ABOUT_FRONT
    if found:
        heads, rows = sensitivity_table(found)
        tables = [*tables, [heads, *rows]]
    written = []
    for name, (figure, text) in drawn.items():
        for suffix in SUFFIXES:
            path = sweep.folder / f"{name}{suffix}"
            title = f"{sweep.folder.name}: {name}"
            save_plot(path, figure, title=title, about=text, tables=tables)
            written.append(path)
    return written


def _write_file(
    sweep: Sweep,
    asked: Asked,
    trials: Sequence[TrialRecord],
    found: Sequence[Sensitivity],
    *,
    corpus: Corpus,
    device: str,
    about: Mapping[str, Any],
) -> Path:
    """Write the file of results; return its path."""
    plan = sweep.plan
    return write_result(
        asked.results,
        sweep.folder.resolve().name,
        command=command_line(without=NOT_OF_TRIALS),
        corpus=corpus_identity(corpus),
        seeds=[plan.config.training.seed],
        device=device,
        seconds=sum(trial.seconds for trial in trials),
        metrics=_metrics(sweep, trials, found),
        threads=threads_of(),
        details={
            **about,
            "split": "dev",
            "objectives": [{"name": o.name, "direction": o.direction} for o in plan.objectives],
            "over": {one.key: one.text for one in plan.space},
            "sampler": sweep.sampler,
            "settings": to_dict(plan.config),
            "trials": [asdict(trial) for trial in trials],
            "sensitivity": [asdict(one) for one in found],
        },
    )


def _metrics(
    sweep: Sweep, trials: Sequence[TrialRecord], found: Sequence[Sensitivity]
) -> dict[str, Metric]:
    """Return the best of each objective, that of the settings as they are, and what matters."""
    from arae_toolkit.search.trials import done, own_trial

    metrics: dict[str, Metric] = {}
    own = own_trial(sweep, trials)
    for place, one in enumerate(sweep.plan.objectives):
        values = [trial.values[place] for trial in done(trials)]
        best = max(values) if one.maximize else min(values)
        metrics[f"best {one.name}"] = summarise([best], one.unit)
        metrics[f"median {one.name}"] = summarise([statistics.median(values)], one.unit)
        if own is not None:
            metrics[f"unvaried {one.name}"] = summarise([own.values[place]], one.unit)
    for row in found:
        if row.importance is not None:
            name = f"importance of {row.key} for {row.objective}"
            metrics[name] = summarise([row.importance], "share of variance")
    return metrics


def _as_json(
    sweep: Sweep, trials: Sequence[TrialRecord], found: Sequence[Sensitivity]
) -> dict[str, Any]:
    """Return all that the tables show, ready for JSON."""
    return {
        "folder": str(sweep.folder),
        "objectives": {one.name: one.direction for one in sweep.plan.objectives},
        "over": {one.key: one.text for one in sweep.plan.space},
        "trials": [asdict(trial) for trial in trials],
        "sensitivity": [asdict(one) for one in found],
    }


def _text(value: Any) -> str:
    """Return a number in five digits, nothing for what there is not."""
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
