"""``arae-toolkit reproduce figure2``: digits sampled and walked between, and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.reproduce.plain_systems import PlainChoices, PlainTable, table_options
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.reports.results import Metric, summarise
from arae_toolkit.reports.tables.images import figure2 as markdown_table

if TYPE_CHECKING:
    from arae_toolkit.evaluation.image_samples import DigitClassifier

ROWS = ("ae", "arae", "aae", "vae")
QUICK_ROWS = ("ae", "arae")
QUICK_COUNT = 2_000
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
    quick="On the small digits of scikit-learn, one seed, in about a minute.",
)
@click.option(
    "--count", type=click.IntRange(100), default=10_000, help="Samples drawn of each model."
)
def figure2(count: int, choices: PlainChoices) -> None:
    """Measure Figure 2: digits that models make, by a classifier that no model has met.

    Each model is trained into runs/reproduce/CORPUS. A picture for each, in the folder, has samples
    above and ways between test images below. The classifier learns from dev and is told by its
    accuracy on test. What is finished is left alone. Markdown goes to stdout, everything to
    results/figure2.json.
    """
    import numpy as np

    from arae_toolkit.data.image_batches import binarised
    from arae_toolkit.evaluation.image_samples import DigitClassifier

    rows = QUICK_ROWS if choices.quick else ROWS
    table = PlainTable("figure2", choices, rows, quick_corpus="digits")
    corpus = table.corpus
    if choices.quick:
        count = min(count, QUICK_COUNT)
    images = {split: binarised(corpus.pixels(split)).numpy() > 0 for split in ("dev", "test")}
    labels = {split: np.load(corpus.folder / f"{split}.labels.npy") for split in images}
    classifier = DigitClassifier(images["dev"], labels["dev"])
    real = images["test"]
    cells: dict[str, list[dict[str, Any]]] = {"real test": [_real(real, classifier)]}
    for row, seed, run in table.trained():
        picture = table.folder / f"figure2-{row.run}-seed-{seed}.png"
        found = _measured(run, real, classifier, count, picture, seed=seed)
        cells.setdefault(row.title, []).append(found)
        say(f"{row.title}, seed {seed}: {picture}")
    accuracy = classifier.accuracy(real, labels["test"])
    result = table.write(
        {**_metrics(cells), "classifier_accuracy": summarise([accuracy], "percent")},
        {"count": count, "cells": cells},
    )
    click.echo(markdown_table(result))


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
