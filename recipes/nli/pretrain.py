"""``arae-toolkit nli pretrain``: an encoder trained on pairs without their labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.nli.settings import PAIR_OBJECTIVES, PRETRAINING, Objective
from arae_toolkit.recipes.nli.seeds import open_pairs
from arae_toolkit.recipes.shared.child_processes import signals_noted
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.options import (
    LABELS_METAVAR,
    device_option,
    drawing_options,
    known_labels,
    pairs_option,
    precision_option,
    set_option,
)
from arae_toolkit.recipes.shared.training_display import TrainingDisplay
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit nli pretrain",
        "arae-toolkit nli pretrain --precision bf16 --set epochs=4",
        "arae-toolkit nli pretrain --objective cross-sentence --labels tiny",
    ],
)
@pairs_option
@click.option(
    "--objective",
    type=click.Choice(PAIR_OBJECTIVES),
    default="masked-pairs",
    show_default=True,
    help="masked-pairs: hidden words are predicted with the other sentence's help, and partners "
    "told from others; cross-sentence: the hypothesis is written from the premise as well.",
)
@click.option(
    "--labels",
    callback=known_labels,
    metavar=LABELS_METAVAR,
    help="For cross-sentence: the labels that the writer may be told.  [default: none]",
)
@drawing_options
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of training.")
@set_option
@device_option
@precision_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the run.  [default: runs/CORPUS-OBJECTIVE]",
)
def pretrain(
    corpus_name: str,
    objective: Objective,
    labels: str | None,
    label_seed: int,
    draw_from: int,
    seed: int,
    assignments: tuple[str, ...],
    device: str,
    precision: Precision,
    out: Path | None,
) -> None:
    """Train an encoder of two directions on a corpus's pairs, and print its folder.

    The encoder is where 'nli --model bilstm-max' and 'nli --model attention' start from. All pairs
    of train are used, their labels are not; the corpus's other sentences help as well. A run that
    was stopped goes on when the same command is given again.
    """
    if labels is not None and objective != "cross-sentence":
        raise click.UsageError("--labels needs --objective cross-sentence")
    corpus = open_pairs(corpus_name)
    try:
        config = with_overrides(PRETRAINING, [f"seed={seed}", *assignments])
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--set'") from error

    from arae_toolkit.devices import choose_device, keep_freed_memory
    from arae_toolkit.nli.label_splits import choose_rows
    from arae_toolkit.nli.pretraining.experiment import pretrain_pair_encoder

    labelled = None
    if labels is not None:
        labelled = choose_rows(
            corpus.pair_labels("train"),
            labels,
            names=corpus.labels,
            seed=label_seed,
            first=draw_from,
            path=corpus.folder,
        )
    keep_freed_memory()
    place = choose_device(device)
    folder = out or run_folder(f"{corpus.name}-{objective}")
    training = config.training
    pairs = int(corpus.manifest["pairs"]["train"]["pairs"])
    batch_size = min(training.batch_size, pairs)
    per_epoch = pairs // batch_size
    display = TrainingDisplay(
        iterations=training.epochs * per_epoch, batch_size=batch_size, rows="pairs"
    )
    display.note(
        f"{objective} on {corpus.name}: {pairs:,} pairs, {training.epochs} epochs of "
        f"{per_epoch:,} iterations, {place}, {precision}, to {folder}"
    )
    with signals_noted() as received, display.live():
        pretrain_pair_encoder(
            corpus,
            config,
            folder,
            objective=objective,
            labelled=labelled,
            device=place,
            precision=precision,
            listeners=[display],
            stop_signal=lambda: received[0],
        )
    click.echo(folder)
