"""``arae-toolkit reproduce figure2``: digits sampled and walked between, and measured."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.reproduce.plain_systems import SYSTEMS, table_options, train_system
from arae_toolkit.recipes.shared.child_processes import command_line, threads_of
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import open_corpus
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.reports.image_tables import figure2 as markdown_table
from arae_toolkit.reports.results import (
    Metric,
    corpus_identity,
    read_results,
    summarise,
    write_result,
)
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision
    from arae_toolkit.evaluation.image_samples import DigitClassifier

ROWS = ("ae", "arae", "aae", "vae")
QUICK_ROWS = ("ae", "arae")
COLUMNS, SAMPLE_ROWS, WALKS = 12, 8, 6
UNITS = {
    "confidence": "probability",
    "least_digit": "percent",
    "frechet": "squared distance",
    "distinct": "percent",
}


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit reproduce figure2",
        "arae-toolkit reproduce figure2 --quick",
        "arae-toolkit reproduce figure2 --corpus digits --system ae --system arae --seeds 3",
    ],
)
@table_options(
    systems=ROWS,
    default=ROWS,
    corpus="mnist",
    count=10_000,
    quick="On the small digits of scikit-learn, one seed, in two minutes.",
    out="runs/figure2",
)
def figure2(
    names: tuple[str, ...],
    seeds: int,
    count: int,
    corpus_name: str,
    preset: str,
    quick: bool,
    device: str,
    precision: Precision,
    out: Path | None,
    results: Path,
) -> None:
    """Measure Figure 2: digits that models make, by a classifier that no model has met.

    Each model is trained into runs/figure2. A picture for each, in the folder, has samples above
    and ways between test images below. The classifier learns from dev and is told by its accuracy
    on test. What is finished is left alone. Markdown goes to stdout, everything to
    results/figure2.json.
    """
    began = time.monotonic()
    import numpy as np

    from arae_toolkit.data.image_batches import binarised
    from arae_toolkit.devices import choose_device
    from arae_toolkit.evaluation.image_samples import DigitClassifier

    title = "figure2-quick" if quick else "figure2"
    folder, place = out or run_folder(title), choose_device(device)
    corpus = open_corpus("digits" if quick else corpus_name)
    seeds = 1 if quick else seeds
    images = {split: binarised(corpus.pixels(split)).numpy() > 0 for split in ("dev", "test")}
    labels = {split: np.load(corpus.folder / f"{split}.labels.npy") for split in images}
    classifier = DigitClassifier(images["dev"], labels["dev"])
    real = images["test"]
    cells: dict[str, list[dict[str, Any]]] = {"real test": [_real(real, classifier)]}
    for name in names or (QUICK_ROWS if quick else ROWS):
        row = SYSTEMS[name]
        for seed in range(seeds):
            run = folder / name / f"seed-{seed}"
            train_system(
                row,
                corpus,
                run,
                seed=seed,
                named_preset=preset,
                changes=(),
                flow_changes=(),
                device=place,
                precision=precision,
            )
            picture = folder / f"{name}-seed-{seed}.png"
            found = _measured(run, real, classifier, count, picture, seed=seed)
            cells.setdefault(row.title, []).append(found)
            say(f"{row.title}, seed {seed}: {picture}")
    path = write_result(
        results,
        title,
        command=command_line(),
        corpus=corpus_identity(corpus),
        seeds=range(seeds),
        device=place.type,
        seconds=time.monotonic() - began,
        metrics={
            **_metrics(cells),
            "classifier_accuracy": summarise(
                [classifier.accuracy(real, labels["test"])], "percent"
            ),
        },
        threads=threads_of(),
        details={"count": count, "preset": preset, "cells": cells},
    )
    say(str(path))
    click.echo(markdown_table(read_results(results)[title]))


def _real(real: Any, classifier: DigitClassifier) -> dict[str, Any]:
    """Return what the classifier says of real images; their distance to themselves is nothing."""
    from arae_toolkit.evaluation.image_samples import measure_samples

    return asdict(measure_samples(real, real, classifier))


def _measured(
    run: Path, real: Any, classifier: DigitClassifier, count: int, picture: Path, *, seed: int
) -> dict[str, Any]:
    """Return the measures of a trained model, and draw what it makes."""
    import torch

    from arae_toolkit.evaluation.image_grid import grid, save_picture
    from arae_toolkit.evaluation.image_samples import measure_samples
    from arae_toolkit.models.image_arae import ImageARAE, walks

    model = ImageARAE.from_pretrained(run)
    samples = model.sample(count, seed=seed)
    ways = walks(model, torch.from_numpy(real[: 2 * WALKS]), steps=COLUMNS)
    shape = model.image_shape
    blocks = [samples[: COLUMNS * SAMPLE_ROWS], ways]
    save_picture(picture, [grid(part, image_shape=shape, columns=COLUMNS) for part in blocks])
    return asdict(measure_samples((samples >= 0.5).numpy(), real, classifier))


def _metrics(cells: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Metric]:
    """Return the mean and the spread over seeds of each measure of each row."""
    return {
        f"{name}, {measure}": summarise([float(found[measure]) for found in by_seed], unit)
        for name, by_seed in cells.items()
        for measure, unit in UNITS.items()
    }
