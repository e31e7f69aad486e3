"""``arae-toolkit sweep nli``: the settings of a classifier of sentence pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.nli.settings import MODELS, OBJECTIVES, OF_PRETRAINING, ModelName
from arae_toolkit.recipes.nli.options import classifier_name, refuse_unused
from arae_toolkit.recipes.nli.seeds import (
    draw_labels,
    fitted,
    identity_of,
    objective_for,
    open_encoder,
)
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import open_pairs, prepared, run_name
from arae_toolkit.recipes.shared.options import (
    drawing_options,
    labels_option,
    names_of,
    pairs_option,
    plain_options,
    refused_settings,
    set_option,
    with_plain_names,
)
from arae_toolkit.recipes.shared.training_display import training_display
from arae_toolkit.recipes.sweep.options import (
    named_folder,
    objective_option,
    over_option,
    run_options,
    search_options,
)
from arae_toolkit.recipes.sweep.search import Asked, search, space_of
from arae_toolkit.search.storage import check_installed

if TYPE_CHECKING:
    import torch

    from arae_toolkit.devices import Precision
    from arae_toolkit.nli.experiment import Task
    from arae_toolkit.search.sweep import Train

QUICK_CORPUS, QUICK_SIZE, QUICK_LABELS = "synthetic", 2_000, "300"
QUICK_MODEL: ModelName = "bilstm-max"
QUICK_OVER = ("rate=log:0.003:0.03", "dropout=0:0.5")
QUICK_SETTINGS = (
    *("embedding_size=16", "code_size=16", "hidden_size=16", "batch_size=16", "epochs=12"),
    *("warmup=5", "embedding_dropout=0", "dropout=0", "rate=0.01"),
)


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit sweep nli --quick",
        "arae-toolkit sweep nli --labels tiny --over dropout=0:0.5 --over rate=log:0.0003:0.01",
        "arae-toolkit sweep nli --model attention --encoder random --over hidden_size=128,256,512",
    ],
)
@labels_option("Labelled pairs to learn from; see nli.", default="tiny")
@pairs_option
@over_option
@objective_option("accuracy")
@search_options
@click.option("--model", type=click.Choice(list(MODELS)), default="paper", help="See nli.")
@click.option(
    "--pretrained-by",
    type=click.Choice(OBJECTIVES),
    help="What the encoder was pretrained by.  [default: arae for paper, else masked-pairs]",
)
@click.option(
    "--encoder",
    metavar="RUN|random",
    help="Where the encoder starts from.  [default: runs/CORPUS for arae, else "
    "runs/CORPUS-OBJECTIVE]",
)
@drawing_options
@set_option
@plain_options
@run_options
def nli(
    labels: str,
    corpus_name: str,
    over: tuple[str, ...],
    objective: str,
    model: ModelName,
    pretrained_by: str | None,
    encoder: str | None,
    draw: str,
    label_seed: int,
    draw_from: int,
    assignments: tuple[str, ...],
    device: str,
    precision: Precision,
    out: Path | None,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    **asked: Any,
) -> None:
    """Search the settings of a classifier of pairs, and print what the trials have reached.

    Every trial is a classifier of one seed in the sweep's folder, which holds its epoch that is
    best on dev; so does its row in the table. Choose by dev: the test pairs that are measured as
    well are for the classifier that is chosen. The settings that the encoder fixes, its sizes,
    cannot be varied without --encoder random.
    """
    check_installed()
    options = Asked(**asked)
    changes = with_plain_names(
        assignments, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate
    )
    fixed = names_of(changes)
    if options.quick:
        folder = named_folder(out, "nli-quick")
        from arae_toolkit.data_prep.options import PrepareOptions

        corpus = prepared(QUICK_CORPUS, folder / "corpus", PrepareOptions(size=QUICK_SIZE))
        labels, encoder, model = QUICK_LABELS, "random", QUICK_MODEL
        changes, over = (*QUICK_SETTINGS, *changes), over or QUICK_OVER
    else:
        corpus = open_pairs(corpus_name, measured=("dev", "test"))
        folder = named_folder(
            out,
            classifier_name(run_name(corpus_name, corpus), labels)
            + f"-{model}" * (model != "paper"),
        )
    from arae_toolkit.devices import choose_device, keep_freed_memory
    from arae_toolkit.nli.experiment import Task
    from arae_toolkit.search.objectives import objectives

    chosen = objective_for(model, pretrained_by)
    pretrained = open_encoder(encoder, chosen, run_name(corpus_name, corpus), corpus=corpus_name)
    if pretrained is None:
        chosen = "supervised"
    else:  # what it fixes has one value
        fixed |= {"kind", "embedding_size", "code_size"}
    with refused_settings():
        config = with_overrides(fitted(MODELS[model], pretrained), changes)
    refuse_unused(changes, OF_PRETRAINING, folder=folder, used_by="arae-toolkit nli pretrain")
    space = space_of(over, config, fixed=fixed, unused=OF_PRETRAINING)
    with refused_settings(option="'--objective'"):
        wanted = objectives(objective)
    labelled = draw_labels(corpus, labels, draw=draw, seed=label_seed, first=draw_from)
    task = Task(corpus, labelled, pretrained, None, chosen)
    place = choose_device(device)
    keep_freed_memory()
    search(
        folder,
        options,
        corpus=corpus,
        config=config,
        space=space,
        objectives=wanted,
        facts={"command": "nli", **task.facts},
        train=_training(task, device=place, precision=precision),
        device=place.type,
        precision=precision,
        about={"kind": model, "pretrained by": chosen, "labels": identity_of(labelled)},
    )


def _training(task: Task, *, device: torch.device, precision: Precision) -> Train:
    """Return what trains one trial."""
    from arae_toolkit.nli.experiment import train_classifier

    pairs = len(task.labelled.rows)

    def train(
        config: Any, folder: Path, *, title: str, listeners: Sequence[Any], stop_signal: Any
    ) -> None:
        place = f", to {folder}"
        shown = training_display(task.corpus, config, title=title, place=place, pairs=pairs)
        with shown as display:
            train_classifier(
                task,
                config,
                folder,
                device=device,
                precision=precision,
                listeners=[display, *listeners],
                stop_signal=stop_signal,
            )

    return train
