"""``arae-toolkit sweep pretrain``: the settings of an autoencoder or a language model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.config.model_kinds import KINDS
from arae_toolkit.recipes.pretrain.settings import run_settings
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
from arae_toolkit.recipes.shared.progress import progress, say
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

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.search.sweep import Train

QUICK_CORPUS, QUICK_SIZE = "synthetic", 2_000
QUICK_OVER = ("adversarial_weight=log:0.1:10", "word_drop=0:0.4")
QUICK_SETTINGS = (
    *("embedding_size=48", "hidden_size=48", "code_size=48", "code_gain=6.9"),
    *("generator_sizes=[48]", "critic_sizes=[48]", "epochs=3", "warmup=20"),
    *("adversarial_warmup=20", "selection_samples=500", "evaluation_sentences=100"),
)
"""On top of the preset demo."""


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit sweep pretrain --quick",
        "arae-toolkit sweep pretrain snli --over adversarial_weight=log:1:100 "
        "--over word_drop=0:0.4",
        "arae-toolkit sweep pretrain snli --over code_size=64,128,300 --objective "
        "reverse-perplexity,reconstruction --trials 40",
        "arae-toolkit sweep pretrain snli --preset fast --epochs 4 --trials 24 --sampler random "
        "--no-prune --over adversarial_weight=log:0.1:10 --over code_noise=0:0.3 --out "
        "runs/sensitivity",
        "arae-toolkit sweep pretrain snli --over word_drop=0:0.4 --storage postgresql://host/sweeps",
    ],
)
@click.argument("corpus", required=False)
@over_option
@objective_option("reverse-perplexity")
@search_options
@click.option("--model", "kind", type=click.Choice(tuple(KINDS)), default="arae", help="Its kind.")
@preset_option("Named settings to start from.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with tables [model] and [training].",
)
@set_option
@plain_options
@run_options
def pretrain(
    corpus: str | None,
    over: tuple[str, ...],
    objective: str,
    kind: str,
    preset: str,
    config_file: Path | None,
    assignments: tuple[str, ...],
    device: str,
    precision: Precision,
    out: Path | None,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    **asked: Any,
) -> None:
    """Search the settings of a plain model of CORPUS, and print what the trials have reached.

    Every trial is a run in the sweep's folder; the first has the settings as they are, as far as
    the ranges hold them. With reverse-perplexity, a run's folder holds the weights of its best
    evaluation on dev, by a small language model of 20,000 samples (--set selection_samples=N), and
    every objective is that evaluation's. forward-perplexity is measured at the end of a run.

    Trials that are there already count: --trials 40 goes on from 20. The table of trials, and of
    how much each setting matters, goes to stdout; plots lie in the sweep's folder.
    """
    check_installed()
    options = Asked(**asked)
    if options.quick is (corpus is not None):
        raise click.UsageError("name a CORPUS, or let --quick take an embedded one")
    changes = with_plain_names(
        assignments,
        rate="autoencoder_rate",
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
    )
    fixed = names_of(changes)
    if corpus is None:
        folder = named_folder(out, "quick")
        from arae_toolkit.data_prep.options import PrepareOptions

        opened = prepared(QUICK_CORPUS, folder / "corpus", PrepareOptions(size=QUICK_SIZE))
        preset, changes, over = "demo", (*QUICK_SETTINGS, *changes), over or QUICK_OVER
    else:
        opened = open_corpus(corpus)
        folder = named_folder(out, run_name(corpus, opened) + f"-{kind}" * (kind != "arae"))
    remember(opened)
    config = run_settings(preset, opened, config_file, changes, kind=kind, transfer=False)
    names = [part.strip() for part in objective.split(",")]
    if "reverse-perplexity" in names:
        if "select" in fixed and config.training.select != "reverse-perplexity":
            raise click.UsageError(
                f"--objective reverse-perplexity selects weights by it, not by "
                f"{config.training.select}; leave one of them out"
            )
        selecting = (*changes, "select=reverse-perplexity")
        config = run_settings(preset, opened, config_file, selecting, kind=kind, transfer=False)
    space = space_of(over, config, fixed=fixed | {"select"})
    from arae_toolkit.devices import choose_device, keep_freed_memory
    from arae_toolkit.search.objectives import FORWARD, objectives

    place = choose_device(device)
    keep_freed_memory()
    at_end = {}
    if FORWARD in names and opened.kind == "text":
        at_end[FORWARD] = _forward(opened, config.training.selection_samples, place)
    with refused_settings(option="'--objective'"):
        wanted = objectives(objective, at_end=at_end)
    search(
        folder,
        options,
        corpus=opened,
        config=config,
        space=space,
        objectives=wanted,
        facts={"command": "pretrain", "model": kind, "corpus": opened.sha256},
        train=_training(opened, kind=kind, device=place, precision=precision),
        device=place.type,
        precision=precision,
        about={"kind": kind},
    )


def _training(corpus: Corpus, *, kind: str, device: torch.device, precision: Precision) -> Train:
    """Return what trains one trial."""
    from arae_toolkit.pretraining.experiment import pretrain as run

    def train(
        config: Any, folder: Path, *, title: str, listeners: Sequence[Any], stop_signal: Any
    ) -> None:
        how: dict[str, Any] = {"kind": kind, "device": device, "precision": precision}
        with training_display(corpus, config, title=title, place=f", to {folder}") as display:
            run(
                corpus,
                config,
                folder,
                listeners=[display, *listeners],
                stop_signal=stop_signal,
                **how,
            )

    return train


def _forward(corpus: Corpus, count: int, device: torch.device) -> Callable[[Path], float]:
    """Return what measures forward perplexity, its judge trained first where there is none."""
    from arae_toolkit.search.forward_perplexity import forward_perplexity

    return forward_perplexity(corpus, count=count, device=device, note=say, progress=progress)
