"""The pretrained encoders of Table 5, trained where they are not given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.presets import preset
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.training_display import training_display

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder

ARAE_WORDS = 15
PUBLISHED_TABLES = "tied_embeddings=none"
QUICK_SIZE, QUICK_EPOCHS = 20_000, 2
KINDS: tuple[Literal["ae", "arae"], ...] = ("ae", "arae")
SETTINGS: dict[str, list[str]] = {
    "ae": ["epochs=7", PUBLISHED_TABLES],
    "arae": [
        "epochs=9",
        PUBLISHED_TABLES,
        f"longest_sentence={ARAE_WORDS}",
        "critic_steps=2",
        "adversarial_weight=20",
    ],
}
"""Changes of the preset ``fast``: about as many sentences read by each."""


def pretrained_encoders(
    corpus: Corpus,
    folder: Path,
    *,
    given: dict[str, str | None],
    quick: bool,
    device: torch.device,
    precision: Precision,
    stop_signal: Callable[[], int],
) -> dict[str, PretrainedEncoder | None]:
    """Return what the encoder starts from in each row of the table, by name.

    Args:
        corpus: Its sentences are learned from, its labels are not.
        folder: The table's; runs lie in ``ae`` and ``arae`` in it.
        given: Runs that are trained already.
        quick: Train small networks for two epochs.
        device: Where to compute.
        precision: Of the matrix products.
        stop_signal: Returns the number of a signal that asks to stop, 0 otherwise.
    """
    from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder
    from arae_toolkit.pretraining.experiment import pretrain

    encoders: dict[str, PretrainedEncoder | None] = {"supervised": None}
    for kind in KINDS:
        run = given[kind]
        if run is not None:
            encoders[kind] = PretrainedEncoder.load(find_run(run))
            continue
        out = folder / kind
        if quick:
            changes = [f"epochs={QUICK_EPOCHS}", "hidden_size=96"]
            config = with_overrides(preset("demo", corpus=corpus.name), changes)
        else:
            config = with_overrides(preset("fast", corpus=corpus.name), SETTINGS[kind])
        with training_display(corpus, config, title=kind, place=f", to {out}") as display:
            pretrain(
                corpus,
                config,
                out,
                kind=kind,
                device=device,
                precision=precision,
                listeners=[display],
                stop_signal=stop_signal,
            )
        encoders[kind] = PretrainedEncoder.load(out)
    return encoders
