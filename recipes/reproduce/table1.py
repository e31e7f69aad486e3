"""``arae-toolkit reproduce table1``: samples measured by language models, and their curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.reproduce.plain_systems import (
    SYSTEMS,
    PlainChoices,
    PlainSystem,
    PlainTable,
    table_options,
)
from arae_toolkit.recipes.reproduce.quick_form import quick_judge
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.reports.generation_plots import write_plot
from arae_toolkit.reports.results import Metric, summarise
from arae_toolkit.reports.tables.generation import measured_on, row_name
from arae_toolkit.reports.tables.generation import table1 as markdown_table
from arae_toolkit.storage.json_files import significant

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.evaluation.generation.measurement import GenerationMeasurement

DEFAULT_SYSTEMS = ("lm", "ae", "arae", "arae-drawn", "aae", "ae-flow")
QUICK_SYSTEMS = ("lm", "ae", "arae")
FIRST_SEED = 0
QUICK_COUNT, QUICK_SENTENCES, QUICK_TEMPERATURES = 1_500, 100, (1.0, 0.7)
MEASURES = {
    "reverse_perplexity": "per token",
    "forward_perplexity": "per token",
    "distinct_sentences": "percent",
    "diversity": "percent",
    "self_bleu": "BLEU",
    "found_in_train": "percent",
    "four_grams_in_train": "percent",
    "nearest_edits": "words",
    "words": "words",
}
"""What the file of results says of each row, with its unit."""


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit reproduce table1",
        "arae-toolkit reproduce table1 --quick",
        "arae-toolkit reproduce table1 --system lm --system arae --seeds 1 --count 20000",
    ],
)
@table_options(
    systems=tuple(SYSTEMS),
    default=DEFAULT_SYSTEMS,
    corpus="snli",
    quick="On made-up captions and with small networks, in about a minute.",
)
@click.option(
    "--count", type=click.IntRange(100), default=100_000, help="Samples drawn of each model."
)
@click.option(
    "--split", type=click.Choice(["test", "dev"]), default="test", help="Real text to be read."
)
def table1(count: int, split: str, choices: PlainChoices) -> None:
    """Measure Table 1: what language models learn from samples, and what they say of them.

    Each model is trained into runs/reproduce/CORPUS and sampled. Reverse perplexity is that of
    held-out text by a language model of the samples, forward perplexity that of the samples by a
    language model of a part of train that no system has seen. The language model's temperatures
    make a curve (the first seed's), drawn into the folder with every other row beside it. What is
    finished is left alone. Markdown goes to stdout, everything to results/table1.json.
    """
    from arae_toolkit.evaluation.generation.measurement import GenerationSettings
    from arae_toolkit.recipes.shared.generation_systems import measurement_of

    table = PlainTable("table1", choices, QUICK_SYSTEMS if choices.quick else DEFAULT_SYSTEMS)
    corpus, settings = table.corpus, GenerationSettings()
    if choices.quick:
        count = min(count, QUICK_COUNT)
        settings = GenerationSettings(
            judge=quick_judge(),
            forward_sentences=count,
            self_bleu_sentences=QUICK_SENTENCES,
            nearest_sentences=QUICK_SENTENCES,
        )
        table.rows = [
            replace(row, temperatures=QUICK_TEMPERATURES) if len(row.temperatures) > 1 else row
            for row in table.rows
        ]
    measurement = measurement_of(
        corpus, split, None, choices.device, table.precision, settings=settings
    )
    cells = _real(measurement, count)
    for row, seed, run in table.trained():
        for name, found in _measured(row, run, corpus, measurement, count, seed=seed).items():
            cells.setdefault(name, []).append(found)
    result = table.write(
        _metrics(cells),
        {
            "split": split,
            "count": count,
            "judge": asdict(measurement.settings.judge),
            "judge_split": corpus.judges_split,
            "cells": significant(cells),
        },
        measurement.cells,
    )
    _draw(table.folder, cells, table.rows, corpus)
    click.echo(f"{markdown_table(result)}\n\n{measured_on(result)}")


def _real(measurement: GenerationMeasurement, count: int) -> dict[str, list[dict[str, Any]]]:
    """Return the measures of held-out text, and of copies of train."""
    from arae_toolkit.evaluation.generation.measurement import real_subjects

    subjects = real_subjects(
        measurement.corpus, measurement.split, count, seed=measurement.settings.seed
    )
    return {
        name: [{"kind": "real", **measurement.of(name, subject)}]
        for name, subject in subjects.items()
    }


def measured_temperatures(row: PlainSystem, seed: int) -> tuple[float, ...]:
    """Return at which temperatures a seed is measured; all but the first draw the first's curve.

    Example:
        >>> [measured_temperatures(SYSTEMS["lm"], seed) for seed in (0, 1)]
        [(1.0, 1.1, 0.95, 0.9, 0.85, 0.8, 0.7), (1.0,)]
    """
    return row.temperatures if seed == FIRST_SEED else row.temperatures[:1]


def _measured(
    row: PlainSystem,
    run: Path,
    corpus: Corpus,
    measurement: GenerationMeasurement,
    count: int,
    *,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Return the measures of a trained system, by temperature."""
    from arae_toolkit.evaluation.generation.measurement import Subject
    from arae_toolkit.recipes.shared.generation_systems import (
        decodings_of,
        examples_of,
        load_system,
        samples_of,
    )

    device = measurement.device
    assert device is not None, "it was chosen"
    loaded = load_system(str(run), corpus, device, priors=[row.prior], start_scale=row.start_scale)
    system = replace(loaded, name=f"{row.title}, seed {seed}")
    found = {}
    temperatures = measured_temperatures(row, seed)
    asked = decodings_of(system, temperatures, most_words=corpus.max_length)
    for temperature, decoding in asked.items():
        sentences = samples_of(
            *(system, system.priors[0], decoding, count),
            start_scale=row.start_scale,
            seed=seed,
            corpus=corpus,
            cells=measurement.cells,
            best_of=row.best_of,
        )
        name = row_name(row.title, temperature, alone=len(row.temperatures) == 1)
        parameters = system.parameters + system.priors[0].parameters
        found[name] = {
            "kind": system.kind,
            "temperature": temperature,
            "weights_sha256": system.sha256,
            **measurement.of(f"{name}, seed {seed}", Subject(sentences, parameters)),
            **examples_of(measurement, sentences),
        }
    return found


def _metrics(cells: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Metric]:
    """Return the mean and the spread over seeds of each measure of each row."""
    metrics: dict[str, Metric] = {}
    for name, by_seed in cells.items():
        for measure, unit in MEASURES.items():
            values = [found.get(measure) for found in by_seed]
            numbers = [
                float(value["value"] if isinstance(value, dict) else value)
                for value in values
                if value is not None
            ]
            if len(numbers) == len(values):
                metrics[f"{name}, {measure}"] = summarise(numbers, unit)
    return metrics


def curves_of(rows: Sequence[PlainSystem]) -> dict[str, list[str]]:
    """Return the names of what is joined to a curve: a row's temperatures, from low to high.

    Example:
        >>> curves_of([SYSTEMS["arae"], SYSTEMS["lm"]])["language model"][-2:]
        ['language model, T=1', 'language model, T=1.1']
    """
    return {
        row.title: [row_name(row.title, t, alone=False) for t in sorted(row.temperatures)]
        for row in rows
        if len(row.temperatures) > 1
    }


def _draw(
    folder: Path,
    cells: Mapping[str, Sequence[Mapping[str, Any]]],
    rows: Sequence[PlainSystem],
    corpus: Corpus,
) -> None:
    """Draw reverse against forward perplexity of the first seed, as a picture and as a page."""
    systems = {name: by_seed[0] for name, by_seed in cells.items()}
    for suffix in (".png", ".html"):
        path = folder / f"table1{suffix}"
        write_plot(
            path,
            systems,
            curves_of(rows),
            title=f"Generated text on {corpus.name}, seed 0",
            tables=[],
            notes=[],
        )
        say(str(path))
