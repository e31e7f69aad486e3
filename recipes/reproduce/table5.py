"""``arae-toolkit reproduce table5``: three encoders by label splits, cell by cell."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.errors import DataError, TrainingDiverged
from arae_toolkit.nli.settings import MODELS, PairConfig
from arae_toolkit.recipes.reproduce.table5_encoders import QUICK_SIZE, pretrained_encoders
from arae_toolkit.recipes.shared.child_processes import options_given, signals_noted
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.options import (
    device_option,
    drawing_options,
    known_labels,
    precision_option,
    results_option,
)
from arae_toolkit.recipes.shared.progress import console, progress
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.nli.label_splits import LabelledRows
    from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder

PAPER_LABELS = ("medium", "small", "tiny")
EPOCHS = {"tiny": 4}
MORE_LABELS_EPOCHS = 3
"""Passes over the labels: one budget for all three encoders of a split."""
QUICK_LABELS = ("3000",)
WORDS, VOCABULARY = 60, 20_000
"""Of the corpus prepared: the plain autoencoder reads sentences of any length."""


def _label_names(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> Any:
    for name in value:
        known_labels(ctx, parameter, name)
    return value


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit reproduce table5",
        "arae-toolkit reproduce table5 --labels tiny --seeds 1",
        "arae-toolkit reproduce table5 --ae runs/snli-ae --arae runs/snli",
        "arae-toolkit reproduce table5 --quick",
    ],
)
@click.option(
    "--labels",
    multiple=True,
    callback=_label_names,
    metavar="tiny|small|medium|full|N",
    help="A label split; may be given again.  [default: medium, small and tiny]",
)
@click.option(
    "--seeds", type=click.IntRange(1), help="Of each cell.  [default: 3, and 1 for --quick]"
)
@click.option(
    "--corpus",
    "corpus_name",
    metavar="NAME|FOLDER",
    help="Prepared folder with pairs.  [default: snli, prepared with sentences of any length]",
)
@click.option("--ae", metavar="RUN", help="A plain autoencoder that is trained already.")
@click.option("--arae", metavar="RUN", help="An ARAE that is trained already.")
@drawing_options
@click.option(
    "--quick", is_flag=True, help="On synthetic pairs and with small networks, in about a minute."
)
@device_option
@precision_option
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of all runs.  [default: runs/table5]"
)
@results_option
@click.pass_context
def table5(
    ctx: click.Context,
    labels: tuple[str, ...],
    seeds: int | None,
    corpus_name: str | None,
    ae: str | None,
    arae: str | None,
    label_seed: int,
    draw_from: int,
    quick: bool,
    device: str,
    precision: Precision,
    out: Path | None,
    results: Path,
) -> None:
    """Measure Table 5: encoders from random weights, an AE and an ARAE, on few labels.

    The AE learns from all sentences, the ARAE from those of at most 15 words, as in the paper. All
    classifiers of a label split have one budget, and the epoch that is best on dev is kept. A
    split that the corpus has too few labels for is left out, and said so. The table is printed in
    Markdown.
    """
    began = time.monotonic()
    seeds = seeds or (1 if quick else 3)
    folder = out or run_folder("table5-quick" if quick else "table5")
    corpus = _open(corpus_name, folder, quick=quick)
    from arae_toolkit.devices import choose_device, keep_freed_memory

    keep_freed_memory()
    place = choose_device(device)
    wanted = labels or (QUICK_LABELS if quick else PAPER_LABELS)
    drawn = _draw(corpus, wanted, seed=label_seed, first=draw_from)
    with signals_noted() as received:
        encoders = pretrained_encoders(
            corpus,
            folder,
            given={"ae": ae, "arae": arae},
            quick=quick,
            device=place,
            precision=precision,
            stop_signal=lambda: received[0],
        )
        cells = {
            (name, objective): _cell(
                corpus,
                labelled,
                objective,
                encoder,
                folder,
                seeds=seeds,
                quick=quick,
                device=place,
                precision=precision,
                stop_signal=lambda: received[0],
            )
            for name, labelled in drawn.items()
            for objective, encoder in encoders.items()
        }
    from arae_toolkit.recipes.reproduce.table5_report import report

    failed = [cell for cell in cells.values() if isinstance(cell, TrainingDiverged)]
    command = shlex.join([*ctx.command_path.split(), *options_given(ctx, without=("results",))])
    report(
        corpus,
        drawn,
        {place: cell for place, cell in cells.items() if isinstance(cell, dict)},
        folder,
        encoders={kind: e.sha256 for kind, e in encoders.items() if e is not None},
        name="table5-quick" if quick else "table5",
        command=command,
        seeds=range(seeds),
        device=place,
        seconds=time.monotonic() - began,
        results=results,
    )
    if failed:
        raise failed[0]


def _open(name: str | None, folder: Path, *, quick: bool) -> Corpus:
    """Return the corpus, prepared into the table's folder unless it is given."""
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data_prep.options import PrepareOptions
    from arae_toolkit.data_prep.preparation import prepare_corpus
    from arae_toolkit.recipes.nli.seeds import open_pairs

    if name is not None:
        return open_pairs(name)
    if quick:
        options = PrepareOptions(size=QUICK_SIZE)
    else:
        options = PrepareOptions(max_length=WORDS, vocab_size=VOCABULARY)
    prepared = prepare_corpus(
        "synthetic" if quick else "snli",
        out=folder / "corpus",
        options=options,
        report=lambda text: console().print(text, markup=False, highlight=False),
        progress=progress,
    )
    return Corpus(prepared)


def _draw(
    corpus: Corpus, names: tuple[str, ...], *, seed: int, first: int
) -> dict[str, LabelledRows]:
    """Draw the label splits; say which ones the corpus is too small for.

    Raises:
        DataError: If there is none that it is large enough for.
    """
    from arae_toolkit.nli.label_splits import choose_rows

    drawn: dict[str, LabelledRows] = {}
    problem: DataError | None = None
    for name in names:
        try:
            drawn[name] = choose_rows(
                corpus.pair_labels("train"),
                name,
                names=corpus.labels,
                seed=seed,
                first=first,
                path=corpus.folder,
            )
        except DataError as error:
            problem = error
            click.echo(f"arae-toolkit: warning: {error}; left out", err=True)
    if problem is not None and not drawn:
        raise problem
    for name, labelled in drawn.items():
        click.echo(f"{name}: {len(labelled.rows):,} pairs, sha256 {labelled.sha256}", err=True)
    return drawn


def _cell(
    corpus: Corpus,
    labelled: LabelledRows,
    objective: str,
    encoder: PretrainedEncoder | None,
    folder: Path,
    *,
    seeds: int,
    quick: bool,
    device: torch.device,
    precision: Precision,
    stop_signal: Callable[[], int],
) -> dict[int, Any] | TrainingDiverged:
    """Train the seeds of one cell, those finished left alone.

    Returns:
        What they measured, or why one of them has learned nothing.
    """
    from arae_toolkit.nli.experiment import Task
    from arae_toolkit.recipes.nli.seeds import train_seeds

    try:
        return train_seeds(
            Task(corpus, labelled, encoder, None, objective),
            _settings(labelled.name, quick=quick, encoder=encoder),
            folder / f"{labelled.name}-{objective}",
            range(seeds),
            device=device,
            precision=precision,
            stop_signal=stop_signal,
        )
    except TrainingDiverged as error:
        cell = f"{labelled.name} labels, {objective}"
        click.echo(f"arae-toolkit: warning: {cell}: {error}; left out", err=True)
        return error


def _settings(labels: str, *, quick: bool, encoder: PretrainedEncoder | None) -> PairConfig:
    """Return the settings of a cell."""
    config = MODELS["paper"]
    epochs = 5 if quick else EPOCHS.get(labels, MORE_LABELS_EPOCHS)
    config = replace(config, training=replace(config.training, epochs=epochs))
    if quick:
        config = replace(
            config, model=replace(config.model, embedding_size=96, code_size=96, hidden_size=96)
        )
    return config if encoder is None else replace(config, model=encoder.fitted(config.model))
