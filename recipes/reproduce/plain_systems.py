"""Rows of Table 1: models without an attribute, trained seed by seed, each with its prior."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.presets import preset
from arae_toolkit.recipes.shared.child_processes import signals_noted
from arae_toolkit.recipes.shared.options import (
    Command,
    in_order,
    preset_option,
    results_option,
    run_options,
)
from arae_toolkit.recipes.shared.training_display import training_display

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision


@dataclass(frozen=True)
class PlainSystem:
    """One row: a model, and what its codes are sampled from.

    Attributes:
        title: In the table.
        model: One of :data:`~arae_toolkit.config.model_kinds.KINDS`.
        changes: Of the preset's settings, ``key=value``.
        prior: ``own``, the model's; a kind of fitted prior; ``codes``, those of train with noise.
        temperatures: At which words are drawn; 0 takes the likeliest.
    """

    title: str
    model: str
    changes: tuple[str, ...] = ()
    prior: str = "own"
    temperatures: tuple[float, ...] = (0.0,)

    @property
    def run(self) -> str:
        """Name of the folders of its model, which systems of the same settings share."""
        return "-".join((self.model, *self.changes)).replace("=", "")


NOISE_STAYS = ("code_noise=0.1", "code_noise_factor=1")
SYSTEMS = {
    "lm": PlainSystem("language model", "language-model", temperatures=(1.0, 0.9, 0.8, 0.7)),
    "ae": PlainSystem("AE, fitted Gaussian", "ae"),
    "arae": PlainSystem("ARAE", "arae"),
    "aae": PlainSystem("AAE, N(0, I)", "aae", ("code_norm=none",)),
    "vae": PlainSystem("VAE", "vae", ("decoder_word_drop=0.3", "free_bits=0.02")),
    "wae": PlainSystem("WAE, N(0, I)", "wae"),
    "ae-noise": PlainSystem("AE, noise stays", "ae", NOISE_STAYS),
    "ae-noise-flow": PlainSystem(
        "AE, noise stays, flow", "ae", NOISE_STAYS, "flow", (0.0, 0.6, 0.8, 1.0)
    ),
    "ae-noise-codes": PlainSystem(
        "AE, noise stays, ideal prior", "ae", NOISE_STAYS, "codes", (0.0, 0.8)
    ),
    "arae-noise": PlainSystem("ARAE, noise stays", "arae", NOISE_STAYS),
}
"""By the name that ``--system`` takes."""


def table_options(
    *, systems: Sequence[str], default: Sequence[str], corpus: str, count: int, quick: str, out: str
) -> Callable[[Command], Command]:
    """Return a decorator: the options of every table of plain models.

    Args:
        systems: Names of the rows that there can be.
        default: Those measured unless some are named.
        corpus: Trained on unless another is named.
        count: Samples drawn of each model unless told otherwise.
        quick: Help of ``--quick``.
        out: Where runs lie unless told otherwise.
    """
    return in_order(
        click.option(
            "--system",
            "names",
            type=click.Choice(tuple(systems)),
            multiple=True,
            help=f"A row; may be given again.  [default: {', '.join(default)}]",
        ),
        click.option("--seeds", type=click.IntRange(1), default=3, help="Of each model."),
        click.option(
            "--count", type=click.IntRange(100), default=count, help="Samples drawn of each model."
        ),
        click.option("--corpus", "corpus_name", default=corpus, help="Name or prepared folder."),
        preset_option("Where the settings of all models start from."),
        click.option("--quick", is_flag=True, help=quick),
        run_options("Folder of all runs.", default=out),
        results_option,
    )


def train_system(
    system: PlainSystem,
    corpus: Corpus,
    folder: Path,
    *,
    seed: int,
    named_preset: str,
    changes: Sequence[str],
    flow_changes: Sequence[str],
    device: torch.device,
    precision: Precision,
) -> None:
    """Train a system's model and its prior into a folder, going on with what is there.

    Args:
        system: A row.
        corpus: Of text.
        folder: Of the run.
        seed: Of the model and of its prior.
        named_preset: Where its settings start from.
        changes: Of all models' settings; a system's own come after them.
        flow_changes: Of a flow's settings.
        device: Where to compute.
        precision: Of matrix products.
    """
    from arae_toolkit.pretraining.experiment import pretrain
    from arae_toolkit.priors.fitting import fit_prior
    from arae_toolkit.priors.models import load_autoencoder
    from arae_toolkit.priors.settings import FlowConfig, GaussianConfig, MixtureConfig

    config = preset(named_preset, corpus=corpus.name)
    config = with_overrides(config, [*changes, *system.changes, f"seed={seed}"])
    place = f", {device}, {precision}, to {folder}"
    with signals_noted() as stop_signal:
        with training_display(corpus, config, title=system.model, place=place) as display:
            pretrain(
                corpus,
                config,
                folder,
                kind=system.model,  # type: ignore[arg-type]
                listeners=[display],
                stop_signal=stop_signal,
                device=device,
                precision=precision,
            )
        kinds: dict[str, Any] = {
            "flow": FlowConfig(),
            "mixture": MixtureConfig(),
            "gaussian": GaussianConfig(),
        }
        if system.prior not in kinds:
            return
        own = flow_changes if system.prior == "flow" else ()
        settings = with_overrides(kinds[system.prior], [*own, f"seed={seed}"])
        model = load_autoencoder(folder, device=device)
        with training_display(corpus, settings, title=system.prior, place=place) as display:
            fit_prior(model, corpus, settings, folder, listeners=[display], stop_signal=stop_signal)
