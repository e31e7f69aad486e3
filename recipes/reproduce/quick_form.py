"""The quick form of tables and figures: an embedded corpus, small models, and what it settles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.recipes.shared.corpora import prepared
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.evaluation.language_model import LanguageModelSettings

QUICK_CORPUS, QUICK_SIZE = "synthetic", 24_000
QUICK_LENGTH, QUICK_VOCABULARY = 9, 1_000
"""Short sentences of few words, of which small models learn something in half a minute."""
QUICK_CHANGES = (
    *("iterations=500", "evaluate_every=125", "evaluation_sentences=200", "hidden_size=96"),
    *("tied_embeddings=all", "softmax_samples=128", "autoencoder_rate=0.01", "warmup=50"),
    *("critic_steps=2", "adversarial_warmup=100", "adversarial_weight=0.3"),
    *("adversarial_rate_critic=0.001", "adversarial_rate_generator=0.001"),
    "generator_average=0.98",
)
"""Of the preset ``demo``: half a minute for a model."""
QUICK_IMAGE_CHANGES = ("epochs=30", "adversarial_warmup=150")
QUICK_FLOW = ("iterations=400",)
QUICK_JUDGE = {"embedding_size": 64, "hidden_size": 64, "iterations": 80}


def refuse_beside_quick(*names: str) -> None:
    """Refuse options of the present command that its quick form settles itself.

    Args:
        names: Of the options' parameters.

    Raises:
        click.UsageError: Naming the first that is on the command line.
    """
    ctx = click.get_current_context()
    for option in ctx.command.params:
        given = ctx.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if option.name in names and given and ctx.params[option.name]:
            raise click.UsageError(
                f"--quick settles {option.opts[0]} itself; leave out one of both"
            )


def quick_folder(out: Path | None, corpus: str = QUICK_CORPUS) -> Path:
    """Return where the small models of all quick tables lie, unless a folder is named."""
    return out or run_folder("reproduce") / f"{corpus}-quick"


def quick_text(folder: Path) -> Corpus:
    """Return the captions and pairs of all quick tables, which lie beside their models."""
    options = PrepareOptions(size=QUICK_SIZE, max_length=QUICK_LENGTH, vocab_size=QUICK_VOCABULARY)
    return prepared(QUICK_CORPUS, folder / "corpus", options)


def quick_judge() -> LanguageModelSettings:
    """Return the settings of the language models that read text in quick tables."""
    from arae_toolkit.evaluation.language_model import LanguageModelSettings

    return LanguageModelSettings(**QUICK_JUDGE)
