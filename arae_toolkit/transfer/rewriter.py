"""What every kind of transfer model does: propose rewritten sentences of another attribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from arae_toolkit.data.vocabulary import EOS, PAD, Vocabulary

Sentence = list[int]
"""Ids, ``<eos>`` last."""


class Rewriter(Protocol):
    """Proposes sentences of another attribute for each sentence."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Words and tokenizer."""
        ...

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attribute's values, A of them, in the order of the corpus."""
        ...

    def propose(
        self,
        sentences: Sequence[Sentence],
        targets: Sequence[int],
        *,
        count: int,
        strength: float,
        seed: int,
    ) -> list[list[Sentence]]:
        """Return ``count`` proposals for each sentence, the rewriter's own first choice first.

        Args:
            sentences: N sentences.
            targets: Index into ``attributes`` for each. N numbers.
            count: Proposals for each sentence. The first one depends neither on the seed nor on
                ``count``; proposals may be equal.
            strength: How much is changed; 1 is what the model was made for, 0 as little as the
                model can.
            seed: Fixes the other proposals, by :func:`chance`: what is proposed for a sentence
                does not depend on the sentences beside it.
        """
        ...


def chance(seed: int, sentence: Sentence) -> np.random.Generator:
    """Return the source of randomness of one sentence's proposals."""
    return np.random.default_rng([seed, *sentence])


TEMPERATURES = (0.5, 0.8)


STRENGTHS = (1.0, 0.6, 1.5, 2.5)
"""Of proposals behind the first, as factors on the strength asked for; each in turn."""


def finished(words: Sequence[int]) -> Sentence:
    """Return decoded ids up to ``<eos>``, which is added where the sentence was cut."""
    row = [word for word in words if word != PAD]
    return row[: row.index(EOS) + 1] if EOS in row else [*row, EOS]
