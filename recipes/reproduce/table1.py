"""``arae-toolkit reproduce table1``: samples measured by language models, and their curve."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.recipes.reproduce.plain_systems import (
    SYSTEMS,
    PlainSystem,
    table_options,
    train_system,
)
from arae_toolkit.recipes.shared.child_processes import command_line, threads_of
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import open_corpus, prepared
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.shared.row_streams import significant
from arae_toolkit.reports.generation_plots import write_plot
from arae_toolkit.reports.generation_tables import measured_on, row_name
from arae_toolkit.reports.generation_tables import table1 as markdown_table
from arae_toolkit.reports.results import (
    Metric,
    corpus_identity,
    read_results,
    summarise,
    write_result,
)
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.evaluation.generation.measurement import GenerationMeasurement

DEFAULT_SYSTEMS = ("lm", "ae", "arae", "aae", "ae-noise-flow")
QUICK_SYSTEMS = ("lm", "ae", "arae", "ae-noise-flow")
QUICK_SIZE, QUICK_COUNT, QUICK_SENTENCES = 6_000, 3_000, 500
QUICK_CHANGES = ("epochs=4", "adversarial_warmup=100", "evaluation_sentences=200")
QUICK_FLOW = ("iterations=400",)
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
    count=100_000,
    quick="On made-up captions and with small networks, in some minutes.",
    out="runs/table1",
)
@click.option(
    "--split", type=click.Choice(["test", "dev"]), default="test", help="Real text to be read."
)
def table1(
    names: tuple[str, ...],
    seeds: int,
    count: int,
    split: str,
    corpus_name: str,
    preset: str,
    quick: bool,
    device: str,
    precision: Precision,
    out: Path | None,
    results: Path,
) -> None:
    """Measure Table 1: what language models learn from samples, and what they say of them.

    Each model is trained into runs/table1 and sampled. Reverse perplexity is that of held-out text
    by a language model of the samples, forward perplexity that of the samples by a language model
    of a part of train that no system has seen. The language model's temperatures make a curve,
    drawn into the folder with every other row beside it. What is finished is left alone. Markdown
    goes to stdout, everything to results/table1.json.
    """
    began = time.monotonic()
    from arae_toolkit.devices import choose_device
    from arae_toolkit.evaluation.generation.measurement import GenerationSettings
    from arae_toolkit.evaluation.language_model import LanguageModelSettings
    from arae_toolkit.recipes.shared.generation_systems import measurement_of

    title = "table1-quick" if quick else "table1"
    folder = out or run_folder(title)
    changes: tuple[str, ...] = ()
    settings = GenerationSettings()
    if quick:
        changes, preset = QUICK_CHANGES, "demo"
        seeds, count = 1, min(count, QUICK_COUNT)
        corpus = prepared("synthetic", folder / "corpus", PrepareOptions(size=QUICK_SIZE))
        judge = LanguageModelSettings(embedding_size=64, hidden_size=96, iterations=600)
        settings = GenerationSettings(judge=judge, nearest_sentences=QUICK_SENTENCES)
    else:
        corpus = open_corpus(corpus_name)
    rows = [SYSTEMS[name] for name in names or (QUICK_SYSTEMS if quick else DEFAULT_SYSTEMS)]
    place = choose_device(device)
    measurement = measurement_of(corpus, split, None, device, precision, settings=settings)
    train = partial(
        train_system,
        named_preset=preset,
        changes=changes,
        flow_changes=QUICK_FLOW if quick else (),
        device=place,
        precision=precision,
    )
    cells = _real(measurement, count)
    for row in rows:
        for seed in range(seeds):
            run = folder / row.run / f"seed-{seed}"
            train(row, corpus, run, seed=seed)
            for name, found in _measured(row, run, corpus, measurement, count, seed=seed).items():
                cells.setdefault(name, []).append(found)
    path = write_result(
        results,
        title,
        command=command_line(),
        corpus=corpus_identity(corpus),
        seeds=range(seeds),
        device=place.type,
        seconds=time.monotonic() - began,
        metrics=_metrics(cells),
        threads=threads_of(),
        details={
            "split": split,
            "count": count,
            "preset": preset,
            "changes": list(changes),
            "rows": {row.title: asdict(row) for row in rows},
            "judge": asdict(measurement.settings.judge),
            "judge_split": corpus.judges_split,
            "cells": significant(cells),
        },
    )
    say(str(path))
    result = read_results(results)[title]
    _draw(folder, cells, rows, corpus)
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
    loaded = load_system(str(run), corpus, device, priors=[row.prior], start_scale=None)
    system = replace(loaded, name=f"{row.title}, seed {seed}")
    none: dict[str, Any] = {"top_k": None, "top_p": None, "beam_size": None}
    found = {}
    asked = decodings_of(system, row.temperatures, most_words=corpus.max_length, **none)
    for temperature, decoding in asked.items():
        sentences = samples_of(
            *(system, system.priors[0], decoding, count),
            start_scale=None,
            seed=seed,
            corpus=corpus,
            cells=measurement.cells,
        )
        name = row_name(row.title, temperature, alone=len(asked) == 1)
        parameters = system.parameters + system.priors[0].parameters
        found[name] = {
            "kind": system.kind,
            "temperature": temperature,
            "weights_sha256": system.sha256,
            **measurement.of(f"{name}, seed {seed}", Subject(sentences, parameters)),
            **examples_of(corpus, sentences),
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


def _draw(
    folder: Path,
    cells: Mapping[str, Sequence[Mapping[str, Any]]],
    rows: Sequence[PlainSystem],
    corpus: Corpus,
) -> None:
    """Draw reverse against forward perplexity of the first seed, as a picture and as a page."""
    systems = {name: by_seed[0] for name, by_seed in cells.items()}
    curves = {}
    for row in rows:
        names = [row_name(row.title, t, alone=False) for t in row.temperatures]
        if len(names) > 1:
            curves[row.title] = [name for name in names if name in systems]
    for suffix in (".png", ".html"):
        path = folder / f"table1{suffix}"
        write_plot(
            path,
            systems,
            curves,
            title=f"Generated text on {corpus.name}, seed 0",
            tables=[],
            notes=[],
        )
        say(str(path))
