"""Transfer of natural text: tokenized for the model, its answers detokenized."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from arae_toolkit.data.vocabulary import UNKNOWN, Vocabulary
from arae_toolkit.transfer.detokenization.detokenize import (
    Known,
    natural_text,
    one_line,
    readable_text,
)
from arae_toolkit.transfer.model import TransferModel, Transferred


def knowledge_of(vocabulary: Vocabulary) -> Known:
    """Return what tells whether a vocabulary has a word, given in lower case."""
    return lambda word: vocabulary.id_of(word) != UNKNOWN


def readable_texts(vocabulary: Vocabulary, texts: Sequence[str]) -> list[str]:
    """Return texts spelled as a vocabulary has their words."""
    known = knowledge_of(vocabulary)
    return [readable_text(text, known) for text in texts]


def transfer_natural(
    model: TransferModel,
    texts: Sequence[str],
    targets: Sequence[str],
    *,
    candidates: int = 1,
    strength: float = 1.0,
    seed: int = 0,
    min_fluency: float | None = None,
    casings: Mapping[str, str] | None = None,
) -> list[Transferred]:
    """Return each text rewritten, as its user would write it.

    Args:
        model: The model.
        texts: N of them, raw or tokenized.
        targets: An attribute value for each.
        candidates: As for :meth:`TransferModel.transfer`, as are strength and seed.
        strength: How much is changed.
        seed: Fixes the candidates.
        min_fluency: As for :meth:`TransferModel.transfer`; ``None`` takes the model's own, if it
            has one.
        casings: Usual casing of words, such as ``{"iraq": "Iraq"}``.

    Returns:
        The model's own answers, N of them, with another ``text``; scores are of its words. What is
        unchanged is the whole source in one line, however much of it was read.

    Raises:
        ValueError: For an attribute value that the model does not know.
    """
    known = knowledge_of(model.vocabulary)
    floor = model.min_fluency if min_fluency is None else min_fluency
    answers = model.transfer(
        readable_texts(model.vocabulary, texts),
        targets,
        candidates=candidates,
        strength=strength,
        seed=seed,
        min_fluency=-math.inf if floor is None else floor,
    )
    return [
        replace(
            answer,
            text=one_line(text)
            if answer.unchanged
            else natural_text(text, answer.text, known=known, casings=casings),
        )
        for text, answer in zip(texts, answers, strict=True)
    ]
