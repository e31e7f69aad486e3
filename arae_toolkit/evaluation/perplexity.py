"""Forward and reverse perplexity by one recurrent language model (sections 6.1 and 6.2).

Forward: a model of real text reads a system's outputs; low where they are fluent. Reverse: a model
of the outputs reads real text; low where they are fluent *and* as varied as real text is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from arae_toolkit.data.corpus import PackedSentences, pack
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.evaluation.language_model import (
    LanguageModel,
    LanguageModelSettings,
    train_language_model,
)

REVERSE = LanguageModelSettings(batch_size=32, patience=1)
"""For the few thousand outputs of a system, which are soon known by heart."""
FEWEST_OUTPUTS = 20
"""A tenth of fewer outputs is no measure of when to stop."""


def forward_perplexity(model: LanguageModel, outputs: Sequence[str]) -> float:
    """Return the perplexity per token, ``<eos>`` included, of outputs to a model of real text.

    Raises:
        ValueError: If there is no output.
    """
    return model.read(outputs).perplexity


def reverse_perplexity(
    outputs: Sequence[str],
    real: PackedSentences,
    vocabulary: Vocabulary,
    *,
    settings: LanguageModelSettings = REVERSE,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    advance: Callable[[int], None] = lambda _: None,
) -> float:
    """Return the perplexity per token that a model of the outputs has on real text.

    A tenth of the outputs, drawn by the seed, says when to stop. A few thousand outputs teach a
    model little, so this is far above the perplexity of a model of the train split, and says
    something only beside that of as many outputs of another system.

    Args:
        outputs: Of one system, at least 20.
        real: Sentences that are neither outputs nor what these were made from: a system that
            copies would be tested on what its model has learned.
        vocabulary: Of the real text.
        settings: Sizes and training.
        device: Where to compute; the CPU by default.
        dtype: As for :func:`train_language_model`.
        advance: Told how many sentences are done.

    Raises:
        ValueError: If there are fewer than 20 outputs.
    """
    if len(outputs) < FEWEST_OUTPUTS:
        raise ValueError(
            f"reverse perplexity needs at least {FEWEST_OUTPUTS} outputs, got {len(outputs)}"
        )
    packed = pack(vocabulary.encode_batch(outputs), vocab_size=len(vocabulary))
    order = np.random.default_rng(settings.seed).permutation(len(outputs))
    held_out, learned = np.split(order, [len(order) // 10])
    model = train_language_model(
        packed.at(learned),
        packed.at(held_out),
        vocabulary,
        settings=settings,
        device=device,
        dtype=dtype,
        advance=advance,
    )
    return model.read_packed(real).perplexity
