"""``arae-toolkit sweep transfer``: the settings of a model that transfers labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.config.model_kinds import KINDS
from arae_toolkit.recipes.pretrain.settings import run_settings
from arae_toolkit.recipes.shared.child_processes import signals_noted
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import open_corpus, prepared, remember, run_name
from arae_toolkit.recipes.shared.options import (
    names_of,
    plain_options,
    preset_option,
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
from arae_toolkit.recipes.transfer.training import per_epoch_of, settings_of, train_scorer_of
from arae_toolkit.search.storage import check_installed
from arae_toolkit.transfer.systems import SYSTEMS

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.search.sweep import Train

QUICK_CORPUS, QUICK_SIZE = "synthetic-sentiment", 1_000
QUICK_OVER = ("attribute_weight=log:0.1:10", "word_drop=0:0.3")
QUICK_SETTINGS = (
    *("embedding_size=32", "hidden_size=32", "code_size=32", "generator_sizes=[32]"),
    *("critic_sizes=[32]", "classifier_sizes=[32]", "epochs=8", "batch_size=32"),
    *("warmup=10", "adversarial_warmup=10", "attribute_warmup=10", "code_gain=5.7"),
    "evaluation_sentences=50",
)
"""On top of the preset demo."""
LEARN = tuple(kind for kind, system in SYSTEMS.items() if system.settings)


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit sweep transfer --quick",
        "arae-toolkit sweep transfer yelp --over attribute_weight=log:0.1:10",
        "arae-toolkit sweep transfer yelp --model infilling --over rate=log:0.0003:0.01 "
        "--objective transferred",
    ],
)
@click.argument("corpus", required=False)
@over_option
@objective_option("transferred,content_bleu")
@search_options
@click.option("--model", "kind", type=click.Choice(LEARN), default="arae", help="Its kind.")
@preset_option("Named settings to start from; of the autoencoders alone.")
@set_option
@plain_options
@click.option(
    "--scorer",
    type=click.Path(path_type=Path),
    help="Folder of the corpus's scorer of transfers, made where it is missing.",
)
@run_options
def transfer(
    corpus: str | None,
    over: tuple[str, ...],
    objective: str,
    kind: str,
    preset: str,
    assignments: tuple[str, ...],
    scorer: Path | None,
    device: str,
    precision: Precision,
    out: Path | None,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    **asked: Any,
) -> None:
    """Search the settings of a transfer model of CORPUS, and print what the trials have reached.

    CORPUS has labelled sentences. The objectives are figures of the runs' evaluations on dev:
    transferred, the share of sentences that the corpus's scorer gives the other label, and
    content_bleu, what is kept of them. Who moves all also keeps little: the front of both says
    what there is to choose from.
    """
    check_installed()
    options = Asked(**asked)
    if options.quick is (corpus is not None):
        raise click.UsageError("name a CORPUS, or let --quick take an embedded one")
    if kind not in KINDS and (preset != "default" or options.quick):
        given = "--quick" if options.quick else "presets"
        raise click.UsageError(f"--model {kind} goes without {given}; use --set and --over")
    rate = "autoencoder_rate" if kind in KINDS else "rate"
    changes = with_plain_names(
        assignments, rate=rate, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate
    )
    fixed = names_of(changes)
    if corpus is None:
        folder = named_folder(out, "transfer-quick")
        from arae_toolkit.data_prep.options import PrepareOptions

        opened = prepared(QUICK_CORPUS, folder / "corpus", PrepareOptions(size=QUICK_SIZE))
        preset, changes, over = "demo", (*QUICK_SETTINGS, *changes), over or QUICK_OVER
    else:
        opened = open_corpus(corpus)
        folder = named_folder(out, run_name(corpus, opened) + f"-{kind}" * (kind != "arae"))
    if not opened.labels_sentences:
        raise click.UsageError(f"{corpus} has no labelled sentences; see sweep pretrain")
    remember(opened)
    own = changes if kind in KINDS else ()
    config = run_settings(preset, opened, None, own, kind=kind, transfer=True)
    from arae_toolkit.transfer.labelled_corpus import labelled_part

    labelled = labelled_part(opened)
    with refused_settings():
        config = settings_of(kind, config, changes, rows=labelled.rows("train"))
    space = space_of(over, config, fixed=fixed)
    from arae_toolkit.devices import choose_device, keep_freed_memory
    from arae_toolkit.search.objectives import objectives

    with refused_settings(option="'--objective'"):
        wanted = objectives(objective)
    place = choose_device(device)
    keep_freed_memory()
    with signals_noted() as stop_signal:
        how = {"device": place, "precision": precision, "stop_signal": stop_signal}
        scorer = train_scorer_of(labelled, scorer, **how)
    search(
        folder,
        options,
        corpus=labelled,
        config=config,
        space=space,
        objectives=wanted,
        facts={"command": "transfer", "model": kind, "corpus": opened.sha256},
        train=_training(labelled, scorer, kind=kind, device=place, precision=precision),
        device=place.type,
        precision=precision,
        about={"kind": f"transfer {kind}"},
    )


def _training(
    corpus: Corpus, scorer: Path, *, kind: str, device: torch.device, precision: Precision
) -> Train:
    """Return what trains one trial."""

    def train(
        config: Any, folder: Path, *, title: str, listeners: Sequence[Any], stop_signal: Any
    ) -> None:
        per_epoch = per_epoch_of(kind, config, corpus)
        place = f", to {folder}"
        shown = training_display(corpus, config, title=title, place=place, per_epoch=per_epoch)
        with shown as display:
            SYSTEMS[kind].train(
                corpus,
                config,
                folder,
                scorer_folder=scorer,
                device=device,
                precision=precision,
                listeners=[display, *listeners],
                stop_signal=stop_signal,
            )

    return train
