"""``arae-toolkit reproduce table2``: sentences of both sentiments, and what each system writes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import click

from arae_toolkit.errors import TrainingDiverged
from arae_toolkit.recipes.reproduce.transfer.options import (
    QUICK_SYSTEMS,
    TableChoices,
    open_reviews,
    table_command,
    table_options,
)
from arae_toolkit.recipes.reproduce.transfer.systems import chosen_systems
from arae_toolkit.recipes.shared.child_processes import threads_of
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.reports.results import corpus_identity, read_result, summarise, write_result
from arae_toolkit.reports.tables.transfer import examples_table
from arae_toolkit.storage.atomic_files import write_text
from arae_toolkit.storage.paths import run_folder

ROWS = ("arae-1", "arae-10", "cross-aligned", "ae")
WORDS = (5, 15)
"""Of the sentences that are shown, fewest and most."""


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit reproduce table2",
        "arae-toolkit reproduce table2 --quick",
        "arae-toolkit reproduce table2 --system arae-1 --system infilling@c8 --count 6",
    ],
)
@click.option("--corpus", default="yelp", help="Name or prepared folder, with labels.")
@click.option("--count", type=click.IntRange(1), default=3, help="Sentences of each label.")
@click.option(
    "--quick", is_flag=True, help="On made-up reviews, by the small systems of table3 --quick."
)
@table_options
def table2(corpus: str, count: int, quick: bool, choices: TableChoices) -> None:
    """Show sentences as Table 2 does (Yelp): what the systems of table3 make of the same ones.

    The sentences are the first of each label in the test split with 5 to 15 words. Systems are
    those trained into runs/table3, and trained there where that has not been done. What stands in
    the corpus is left out and counted. The sentences go to stdout and into the folder;
    results/table2.json has the counts alone, since the inputs are rows of the corpus.
    """
    from arae_toolkit.devices import choose_device
    from arae_toolkit.evaluation.generation.sample_statistics import CorpusTexts
    from arae_toolkit.recipes.reproduce.transfer.runs import Sources, outputs_of, train_system
    from arae_toolkit.recipes.reproduce.transfer.table import trained
    from arae_toolkit.recipes.reproduce.transfer.tuning import check_rows, tuned

    began, name = time.monotonic(), "table2-quick" if quick else "table2"
    folder = choices.out or run_folder("table3-quick" if quick else "table3")
    opened = open_reviews(corpus, folder, quick=quick)
    own = click.get_current_context().params["systems"]
    if quick:
        choices = choices.quick(QUICK_SYSTEMS)
    elif not own:
        usual = tuple(chosen_systems(ROWS))
        choices = replace(choices, systems=usual + tuple(s for s in choices.systems if s.model))
    device, labels = choose_device(choices.device), opened.labels
    check_rows(choices, opened, folder)
    sources = Sources.first(opened, choices.split, count, words=WORDS)
    choices, _ = tuned(choices, opened, folder, device=device)
    written: dict[str, list[str | None]] = {}
    diverged: dict[str, TrainingDiverged] = {}
    train = partial(train_system, corpus=opened, choices=choices, device=device)
    for system in choices.systems:
        place = folder / system.run / "seed-0"
        if system.model is None and not trained(system, 0, place, train, diverged):
            continue
        how: dict[str, Any] = {"precision": choices.precision, "kept_as": "-examples"}
        outputs = outputs_of(system, place, sources, labels, **how)
        known = CorpusTexts(opened).hold(outputs)
        written[system.name] = [
            None if stands else output for output, stands in zip(outputs, known, strict=True)
        ]
    if not written:
        raise next(iter(diverged.values()))
    path = write_result(
        choices.results,
        name,
        command=table_command(),
        corpus=corpus_identity(opened),
        seeds=[0],
        device=device.type,
        seconds=time.monotonic() - began,
        metrics=_metrics(written),
        threads=threads_of(),
        details={
            "split": choices.split,
            "count": count,
            "words": list(WORDS),
            "sources_sha256": sources.sha256,
            "systems": list(written),
            "left_out": {run: str(error) for run, error in diverged.items()},
        },
    )
    say(str(path))
    asked = [
        (labels[label], labels[target], text)
        for label, target, text in zip(sources.labels, sources.targets, sources.texts, strict=True)
    ]
    text = examples_table(asked, written, read_result(choices.results, name))
    write_text(folder / f"{name}.md", f"{text}\n")
    click.echo(text)
    for error in diverged.values():
        raise error


def _metrics(written: Mapping[str, Sequence[str | None]]) -> dict[str, Any]:
    """Return how many sentences of each system are shown, and left out."""
    metrics = {}
    for name, outputs in written.items():
        left_out = sum(output is None for output in outputs)
        metrics[f"{name}, shown"] = summarise([len(outputs) - left_out], "sentences")
        metrics[f"{name}, left out"] = summarise([left_out], "sentences")
    return metrics
