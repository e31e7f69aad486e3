"""``arae-toolkit nli pretrain``: an encoder trained on pairs without their labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.nli.settings import (
    OF_CLASSIFIERS,
    PAIR_OBJECTIVES,
    PRETRAINING,
    Objective,
    check_pretrainable,
)
from arae_toolkit.recipes.nli.options import refuse_unused
from arae_toolkit.recipes.nli.seeds import draw_labels
from arae_toolkit.recipes.shared.child_processes import (
    first_goes_ahead,
    join,
    launch,
    options_given,
    own_device,
    processes_option,
    signals_noted,
)
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import open_pairs, run_name
from arae_toolkit.recipes.shared.options import (
    drawing_options,
    labels_option,
    names_of,
    open_word_vectors,
    overwrite_option,
    pairs_option,
    plain_options,
    refused_settings,
    run_options,
    set_option,
    with_plain_names,
    word_vectors_option,
)
from arae_toolkit.recipes.shared.progress import say, say_next
from arae_toolkit.recipes.shared.training_display import training_display
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision

LABELS_SEEN = ("labels", "draw", "label_seed", "draw_from")
"""Options of the labels that the encoder has seen, which a classifier over it may see as well."""


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit nli pretrain",
        "arae-toolkit nli pretrain --precision bf16 --set epochs=4",
        "arae-toolkit nli pretrain --processes 4",
        "arae-toolkit nli pretrain --objective cross-sentence --labels tiny",
    ],
)
@pairs_option
@click.option(
    "--objective",
    type=click.Choice(PAIR_OBJECTIVES),
    default="masked-pairs",
    help="masked-pairs: hidden words are predicted with the other sentence's help, and partners "
    "told from others; cross-sentence: the hypothesis is written from the premise as well.",
)
@labels_option("For cross-sentence: the labels that the writer may be told.  [default: none]")
@drawing_options
@click.option("--seed", type=click.IntRange(0), default=0, help="Of training.")
@processes_option("nli pretrain")
@set_option
@plain_options
@word_vectors_option
@overwrite_option
@run_options("Folder of the run.", default="runs/CORPUS-OBJECTIVE")
@click.pass_context
def pretrain(
    ctx: click.Context,
    /,
    corpus_name: str,
    objective: Objective,
    labels: str | None,
    draw: str,
    label_seed: int,
    draw_from: int,
    seed: int,
    processes: int,
    assignments: tuple[str, ...],
    word_vectors: Path | None,
    overwrite: bool,
    device: str,
    precision: Precision,
    out: Path | None,
    **plain: Any,
) -> None:
    """Train an encoder of two directions on a corpus's pairs, and print its folder.

    The encoder is where 'nli --model bilstm-max' and 'nli --model attention' start from. All pairs
    of train are used, their labels are not; the corpus's other sentences help as well. A run that
    was stopped goes on when the same command is given again, and a finished one trains on when more
    --epochs are asked for.
    """
    if labels is not None and objective != "cross-sentence":
        raise click.UsageError("--labels needs --objective cross-sentence")
    changes = with_plain_names(assignments, **plain)
    ranks = join(ctx, device)
    leads = ranks is None or ranks.leads
    with first_goes_ahead(ranks):
        corpus = open_pairs(corpus_name)
    with refused_settings():
        config = with_overrides(PRETRAINING, [f"seed={seed}", *changes])
        check_pretrainable(config.model)

    folder = out or run_folder(f"{run_name(corpus_name, corpus)}-{objective}")
    refuse_unused(changes, OF_CLASSIFIERS, folder=folder, used_by="arae-toolkit nli")
    size = config.model.embedding_size
    given = open_word_vectors(word_vectors, corpus.vocabulary, size=size)
    from arae_toolkit.devices import keep_freed_memory
    from arae_toolkit.nli.pretraining.experiment import pretrain_pair_encoder
    from arae_toolkit.training.experiment import set_aside

    labelled = None
    if labels is not None:
        labelled = draw_labels(corpus, labels, draw=draw, seed=label_seed, first=draw_from)
    if processes > 1:
        launch(processes, ctx)
        return
    keep_freed_memory()
    place = own_device(device)
    with first_goes_ahead(ranks):
        if overwrite and leads:
            set_aside(folder, note=say)
    pairs = int(corpus.manifest["pairs"]["train"]["pairs"])
    how: dict[str, Any] = {} if ranks is None else {"ranks": ranks}
    where = f", {place}, {precision}, to {folder}"
    shown = training_display(corpus, config, title=objective, place=where, pairs=pairs)
    with signals_noted() as stop_signal, shown as display:
        pretrain_pair_encoder(
            corpus,
            config,
            folder,
            objective=objective,
            labelled=labelled,
            device=place,
            precision=precision,
            listeners=[display],
            stop_signal=stop_signal,
            word_vectors=given,
            extend="epochs" in names_of(changes),
            **how,
        )
    if leads:
        click.echo(folder)
        others = [name for name in ctx.params if name not in LABELS_SEEN]
        known = (
            options_given(ctx, without=others) if labels else [f"--labels={fewest_labels(corpus)}"]
        )
        model = ("--model", "attention", "--encoder", folder)
        say_next(["nli", "--corpus", corpus_name, *known, *model])


def fewest_labels(corpus: Corpus) -> str:
    """Return the fewest labels that have a name, or all where there are no more than those."""
    from arae_toolkit.nli.label_splits import ALL, SPLITS

    counts = corpus.manifest["pairs"]["train"]
    name, fewest = min(SPLITS.items(), key=lambda split: split[1])
    return name if counts["pairs"] - counts.get("unlabelled", 0) > fewest else ALL
