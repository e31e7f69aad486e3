"""``arae-toolkit reproduce figure5``: words brought in by offset vectors, by ARAE and AE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.reproduce.plain_systems import (
    CODES,
    PlainChoices,
    PlainTable,
    table_options,
)
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.progress import progress, say
from arae_toolkit.reports.latent_plots import draw_figure5
from arae_toolkit.reports.markdown import text_table
from arae_toolkit.reports.results import Metric, summarise
from arae_toolkit.reports.tables.latent import CONTROLS, PAPER_OFFSETS
from arae_toolkit.reports.tables.latent import figure5 as markdown_table
from arae_toolkit.storage.json_files import significant

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.latent.offsets import Keep

ROWS = ("arae", "ae")
MEAN = "mean"
QUICK_COUNT, QUICK_DECODINGS = 50, 20
QUICK_TEMPERATURES, QUICK_SCALES = (0.3, 0.7), (1.0, 1.5)


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit reproduce figure5",
        "arae-toolkit reproduce figure5 --quick",
        "arae-toolkit reproduce figure5 --system arae --system ae-noise --seeds 1",
    ],
)
@table_options(
    systems=CODES,
    default=ROWS,
    corpus="snli",
    quick="On made-up captions and with small networks, in about a minute.",
)
@click.option(
    "--count", type=click.IntRange(1), default=1000, help="Generated sentences to be changed."
)
@click.option("--decodings", type=click.IntRange(1), default=100, help="Sampled for each sentence.")
@click.option(
    "--decoding-precision",
    type=click.Choice(["fp32", "bf16"]),
    default="fp32",
    help="Of matrix products while sentences are decoded.",
)
def figure5(
    count: int, decodings: int, decoding_precision: Precision, choices: PlainChoices
) -> None:
    """Measure Figure 5: how often an offset vector brings a word into generated sentences.

    Each model is trained into runs/reproduce/CORPUS, which the other tables share. For the six
    words of the paper match % and precision, beside decoding with no offset and with a random one
    of equal norm, at a temperature and a scale of the offset chosen on dev for each model. What is
    finished is left alone. A plot goes to the folder, Markdown with some sentences to stdout,
    everything to results/figure5.json, in which no sentence stands that the corpus has.
    """
    from arae_toolkit.evaluation.generation.cells import Cells
    from arae_toolkit.latent.arithmetic import SCALES, TEMPERATURES

    table = PlainTable("figure5", choices, ROWS)
    temperatures: tuple[float, ...] = TEMPERATURES
    scales: tuple[float, ...] = SCALES
    if choices.quick:
        count, decodings = min(count, QUICK_COUNT), min(decodings, QUICK_DECODINGS)
        temperatures, scales = QUICK_TEMPERATURES, QUICK_SCALES
    asked: dict[str, Any] = {
        "count": count,
        "decodings": decodings,
        "temperatures": temperatures,
        "scales": scales,
        "precision": decoding_precision,
    }
    cells, kept = dict[str, list[dict[str, Any]]](), Cells(table.folder / "cells")
    failed: list[str] = []
    for row, seed, run in table.trained():
        key = {**table.key_of(run), **asked, "words": list(PAPER_OFFSETS), "seed": seed}

        def keep(part: str, compute: Callable[[], Any], key: Any = key) -> dict[str, Any]:
            return kept.value("figure5-part", {**key, "part": part}, compute)

        measure = partial(_measured, run, table, seed=seed, keep=keep, **asked)
        say(f"{row.title}, seed {seed}")
        try:
            cells.setdefault(row.title, []).append(kept.value("figure5", key, measure))
        except ToolkitError as error:  # a collapsed model says too little: the others are measured
            failed.append(f"{row.title}, seed {seed}: {error}")
            say(f"arae-toolkit: warning: left out: {failed[-1]}")
    cells = {title: found for title, found in cells.items() if found}
    if not cells:
        raise ToolkitError(failed[0])
    left_out = _leave_out_known(cells, table.corpus)
    result = table.write(
        _metrics(cells),
        {
            **asked,
            "paper": PAPER_OFFSETS,
            "cells": significant(cells),
            "examples_left_out": left_out,
            "models_left_out": failed,
        },
        kept,
    )
    picture = table.folder / "figure5.png"
    draw_figure5(result, picture)
    say(str(picture))
    click.echo(f"{markdown_table(result)}\n\n{_examples(cells, left_out)}")


def _measured(
    run: Path,
    table: PlainTable,
    *,
    count: int,
    decodings: int,
    temperatures: Sequence[float],
    scales: Sequence[float],
    precision: Precision,
    seed: int,
    keep: Keep,
) -> dict[str, Any]:
    """Return what offsets reach in a trained model."""
    from arae_toolkit.latent.offsets import measure_offsets, settings_on_dev, word_transforms
    from arae_toolkit.latent.spaces import space_of
    from arae_toolkit.models.arae import ARAE

    model = ARAE.from_pretrained(run, device=table.device, precision=precision)
    space = space_of(model, "codes")

    def corpus() -> Corpus:
        return table.corpus

    transforms = word_transforms(model, space, corpus, list(PAPER_OFFSETS), seed=seed)
    how: dict[str, Any] = {"decodings": decodings, "seed": seed, "progress": progress}
    how["keep"] = keep
    tried: dict[str, Any] = {"temperatures": temperatures, "scales": scales}
    settings = settings_on_dev(model, space, transforms, corpus, **tried, **how)
    return measure_offsets(model, space, transforms, settings, count=count, **how)


def _metrics(cells: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Metric]:
    """Return the mean and the spread over seeds, by row, word and control."""
    metrics = {}
    for name, by_seed in cells.items():
        for word in (*by_seed[0]["transforms"], MEAN):
            for control in CONTROLS:
                for measure in ("match", "precision"):
                    values = [
                        (found[MEAN] if word == MEAN else found["transforms"][word])[control][
                            measure
                        ]
                        for found in by_seed
                    ]
                    if None not in values:
                        key = f"{name}, {word}, {control}, {measure}"
                        metrics[key] = summarise(values, "percent")
    return metrics


def _leave_out_known(cells: Mapping[str, Sequence[Mapping[str, Any]]], corpus: Corpus) -> int:
    """Remove the examples of which one side stands in the corpus; return how many there were."""
    from arae_toolkit.evaluation.generation.sample_statistics import CorpusTexts

    owners = [
        transform
        for by_seed in cells.values()
        for found in by_seed
        for transform in found["transforms"].values()
    ]
    texts = [
        example[side] or ""
        for own in owners
        for example in own["examples"]
        for side in ("text", "output")
    ]
    known = iter(CorpusTexts(corpus).hold(texts))
    left_out = 0
    for own in owners:
        kept = [example for example in own["examples"] if not (next(known) | next(known))]
        left_out += len(own["examples"]) - len(kept)
        own["examples"] = kept
    return left_out


def _examples(cells: Mapping[str, Sequence[Mapping[str, Any]]], left_out: int) -> str:
    """Return the first sentence for each word and what became of it, by the first seeds."""
    rows = [
        [word, name, example["text"], example["output"] or "-"]
        for word in PAPER_OFFSETS
        for name, by_seed in cells.items()
        for example in by_seed[0]["transforms"][word]["examples"][:1]
    ]
    shown = text_table(["word", "", "generated", "with the offset"], rows)
    return f"{shown}\n\n{left_out} examples that stand in the corpus are left out."
