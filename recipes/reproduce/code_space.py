"""``arae-toolkit reproduce figure3`` and ``figure4``: the code space of ARAE and AE (section 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.reproduce.plain_systems import (
    CODES,
    PlainChoices,
    PlainTable,
    table_options,
)
from arae_toolkit.recipes.reproduce.quick_form import quick_judge
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.progress import progress, say
from arae_toolkit.reports.latent_plots import draw_figure3, draw_figure4
from arae_toolkit.reports.markdown import text_table
from arae_toolkit.reports.results import Metric, summarise
from arae_toolkit.reports.tables.latent import figure3 as figure3_table
from arae_toolkit.reports.tables.latent import figure4 as figure4_table
from arae_toolkit.reports.tables.latent import mean_curve
from arae_toolkit.storage.atomic_files import write_text
from arae_toolkit.storage.json_files import significant

if TYPE_CHECKING:
    from arae_toolkit.data.packed_sequence import Indices
    from arae_toolkit.evaluation.language_model import LanguageModel

COURSE = ("ae", "arae", "arae-tanh")
PAIR = ("ae", "arae")
QUICK_COUNT, EXAMPLES = 500, 2
MEASURES = {
    "nats_per_sentence": "nats per sentence",
    "restored": "percent",
    "kept": "percent",
    "perplexity": "per token",
}
"""What the file of results says of each row of Figure 4 and number of swaps, with its unit."""


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit reproduce figure3",
        "arae-toolkit reproduce figure3 --quick",
        "arae-toolkit reproduce figure3 --system arae --system aae --seeds 1",
    ],
)
@table_options(
    systems=CODES,
    default=COURSE,
    corpus="snli",
    quick="On made-up captions and with small networks, in about a minute.",
)
def figure3(choices: PlainChoices) -> None:
    """Measure Figure 3: how norms, variances and cosines of codes go during training.

    Each model is trained into runs/reproduce/CORPUS, which the other tables share, and its log of
    dev is read: norms of codes and generated codes, their summed variances, the cosine of
    sentences within five word edits. A generator that ends on the sphere has norm 1 by
    construction, so that one that ends in tanh stands beside, as in the paper. What is finished is
    left alone. A plot goes to the folder, Markdown to stdout, everything to results/figure3.json.
    """
    from arae_toolkit.evaluation.code_space import training_curve

    table = PlainTable("figure3", choices, COURSE)
    curves: dict[str, list[Any]] = {}
    for row, _, run in table.trained():
        curves.setdefault(row.title, []).append(training_curve(run))
    metrics = {
        f"{name}, {when}{key}": summarise([curve[at][key] for curve in by_seed], "")
        for name, by_seed in curves.items()
        for at, when in ((0, "first "), (-1, ""))
        for key in by_seed[0][at]
        if all(key in curve[at] for curve in by_seed)
    }
    result = table.write(metrics, {"curves": significant(curves)})
    picture = table.folder / "figure3.png"
    shown = {name: {"curve": mean_curve(by_seed)} for name, by_seed in curves.items()}
    draw_figure3(shown, picture)
    say(str(picture))
    click.echo(figure3_table(result))


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit reproduce figure4",
        "arae-toolkit reproduce figure4 --quick",
        "arae-toolkit reproduce figure4 --system ae --system ae-noise --system arae --seeds 1",
    ],
)
@table_options(
    systems=CODES,
    default=PAIR,
    corpus="snli",
    quick="On made-up captions and with small networks, in about a minute.",
)
@click.option(
    "--count", type=click.IntRange(20), default=2000, help="At most so many sentences of test."
)
@click.option("--swaps", type=click.IntRange(1), default=4, help="Most swaps of a sentence, k.")
def figure4(count: int, swaps: int, choices: PlainChoices) -> None:
    """Measure Figure 4: what sentences with words swapped cost, and what is written out of them.

    Each model is trained into runs/reproduce/CORPUS, which the other tables share. For every k the
    original's nats given the code of the input with k neighbouring words swapped, how many
    originals come back, and the perplexity of what is written, by a language model of a part of
    train that no system has seen. What is finished is left alone. A plot goes to the folder,
    Markdown with some sentences to stdout, all numbers to results/figure4.json, which has no
    sentence of the corpus.
    """
    import numpy as np

    from arae_toolkit.evaluation.generation.cells import Cells
    from arae_toolkit.evaluation.kept_judges import kept_language_model

    table = PlainTable("figure4", choices, PAIR)
    if choices.quick:
        count = min(count, QUICK_COUNT)
    settings = quick_judge() if choices.quick else None
    judge = kept_language_model(
        table.corpus, settings=settings, device=table.device, note=say, progress=progress
    )
    every = np.random.default_rng(0).permutation(table.corpus.rows("test"))
    rows = np.sort(every[:count])
    cells, kept = dict[str, list[dict[str, Any]]](), Cells(table.folder / "cells")
    for row, seed, run in table.trained():
        key = {
            **table.key_of(run),
            "judge": asdict(judge.settings),
            "count": len(rows),
            "swaps": swaps,
        }
        with progress(f"{row.title}, seed {seed}: swapping words", swaps + 1) as advance:
            measure = partial(_swapped, run, table, judge, rows, swaps=swaps, advance=advance)
            cells.setdefault(row.title, []).append(kept.value("figure4", key, measure))
    too_short = next(iter(cells.values()))[0]["too_short"]
    result = table.write(
        _metrics(cells),
        {
            "count": len(rows) - too_short,
            "too_short": too_short,
            "swaps": swaps,
            # Without the sentences, of which originals and inputs are the corpus's.
            "cells": {
                name: [significant(found["points"]) for found in by_seed]
                for name, by_seed in cells.items()
            },
        },
        kept,
    )
    picture = table.folder / "figure4.png"
    draw_figure4(
        {name: {"swaps": mean_curve(_points(own))} for name, own in cells.items()}, picture
    )
    say(str(picture))
    text = f"{figure4_table(result)}\n\n{_examples(cells)}"
    write_text(table.folder / "figure4.md", f"{text}\n")
    click.echo(text)


def _swapped(
    run: Path,
    table: PlainTable,
    judge: LanguageModel,
    rows: Indices,
    *,
    swaps: int,
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """Return what swaps cost a trained model, and what it writes."""
    from arae_toolkit.data.token_batches import TokenStore
    from arae_toolkit.evaluation.corrupted_reconstruction import swap_curve
    from arae_toolkit.models.arae import ARAE

    model = ARAE.from_pretrained(run, device=table.device)
    store = TokenStore(table.corpus.split("test"), device=table.device)
    how: dict[str, Any] = {"examples": EXAMPLES, "advance": advance}
    return asdict(swap_curve(model, store, judge, most_swaps=swaps, seed=0, rows=rows, **how))


def _points(by_seed: Sequence[Mapping[str, Any]]) -> list[list[dict[str, float]]]:
    """Return the curve of each seed."""
    return [found["points"] for found in by_seed]


def _metrics(cells: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Metric]:
    """Return the mean and the spread over seeds, by row and number of swaps."""
    metrics = {}
    for name, by_seed in cells.items():
        for points in zip(*_points(by_seed), strict=True):
            where = f"{points[0]['swaps']} swaps"
            for measure, unit in MEASURES.items():
                values = [point[measure] for point in points]
                metrics[f"{name}, {where}, {measure}"] = summarise(values, unit)
            read = points[0]["input_perplexity"]
            metrics[f"inputs, {where}, perplexity"] = summarise([read], "per token")
    return metrics


def _examples(cells: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return some sentences, what swaps made of them, and what the first seeds wrote."""
    rows = []
    shown = {name: by_seed[0]["examples"] for name, by_seed in cells.items()}
    for examples in zip(*shown.values(), strict=True):
        first = examples[0]
        outputs = [example["output"] for example in examples]
        rows.append([str(first["swaps"]), first["original"], first["input"], *outputs])
    return text_table(["swaps", "original", "noised", *shown], rows)
