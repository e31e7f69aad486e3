"""``arae-toolkit prior fit``: a prior fitted to the training codes of a run."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.priors.settings import SETTINGS, FittedKind, FlowConfig
from arae_toolkit.recipes.shared.child_processes import signals_noted
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.options import (
    device_option,
    names_of,
    out_option,
    overwrite_option,
    refused_settings,
    run_argument,
    set_option,
)
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.shared.training_display import TrainingDisplay, training_display

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.priors.settings import PriorConfig


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit prior fit snli-ae --kind flow",
        "arae-toolkit prior fit snli-ae --kind flow --set width=768 --set epochs=20",
        "arae-toolkit prior fit snli-ae --kind mixture --set components=[64,256]",
        "arae-toolkit prior fit snli --kind gaussian --out runs/snli/priors/all-codes",
    ],
)
@run_argument
@click.option(
    "--kind",
    type=click.Choice(tuple(SETTINGS)),
    default="flow",
    help="gaussian; mixture, of Gaussians, its form chosen on dev; flow, a network that carries "
    "noise to codes.",
)
@set_option
@click.option("--seed", type=click.IntRange(0), help="Same as --set seed=N.")
@click.option(
    "--corpus",
    "corpus_name",
    help="Prepared corpus that the run was trained on, if it is not found by itself.",
)
@overwrite_option
@device_option
@out_option("Folder of the prior.", default="RUN/priors/KIND")
def fit(
    run: str,
    kind: FittedKind,
    assignments: tuple[str, ...],
    seed: int | None,
    corpus_name: str | None,
    overwrite: bool,
    device: str,
    out: Path | None,
) -> None:
    """Fit a prior to the training codes of RUN, and print its folder.

    'sample RUN --prior KIND' draws from it. A flow ends where as much noise is left in its codes as
    the decoder was trained with, and is best fitted to a plain autoencoder with noise on its codes
    ('pretrain --model ae --set code_noise=0.1 --set code_noise_factor=1'). A flow that was stopped
    goes on when the same command is given again, and a finished one trains on when more epochs or
    iterations are asked for; the other kinds have no schedule, and --overwrite fits them anew.

    RUN is a corpus name (snli means runs/snli) or a model folder.
    """
    changes = assignments if seed is None else (*assignments, f"seed={seed}")
    with refused_settings():
        config = with_overrides(SETTINGS[kind], changes)
    # The other two have no schedule to go on with: what their iterations end is fitted anew.
    extend = kind == "flow" and not {"epochs", "iterations"}.isdisjoint(names_of(changes))
    folder = find_run(run)
    from arae_toolkit.devices import choose_device, keep_freed_memory
    from arae_toolkit.priors.fitting import fit_prior
    from arae_toolkit.priors.folder import prior_folder
    from arae_toolkit.priors.models import load_autoencoder
    from arae_toolkit.recipes.shared.corpora import corpus_of_run
    from arae_toolkit.training.experiment import set_aside

    keep_freed_memory()
    model = load_autoencoder(folder, device=choose_device(device))
    corpus = corpus_of_run(run, corpus_name)
    target = out or prior_folder(folder, kind)
    if overwrite:
        set_aside(target, note=say)
    with ExitStack() as stack:
        # Only a flow has a checkpoint to write first; of the others a signal makes an end at once.
        noted = signals_noted() if kind == "flow" else nullcontext(lambda: 0)
        stop_signal = stack.enter_context(noted)
        display = _display(stack, corpus, config, kind, place=f", {model.device}, to {target}")
        place = fit_prior(
            model,
            corpus,
            config,
            folder,
            folder=target,
            listeners=[display],
            stop_signal=stop_signal,
            extend=extend,
        )
    click.echo(place)


def _display(
    stack: ExitStack, corpus: Corpus, config: PriorConfig, kind: str, *, place: str
) -> TrainingDisplay:
    """Return what shows the fit: a bar for a flow, whose length is known, else plain lines."""
    if isinstance(config, FlowConfig):
        shown = training_display(corpus, config, title=kind, place=place)
        return stack.enter_context(shown)
    display = TrainingDisplay(iterations=1, batch_size=1)
    display.note(f"{kind} on {corpus.name}{place}")
    return display
