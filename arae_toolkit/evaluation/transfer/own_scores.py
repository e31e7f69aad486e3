"""Scores of rewritten sentences by the scorer that the model chose them with: no evaluators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from arae_toolkit.evaluation.text_overlap import copy_rate


class Answer(Protocol):
    """A rewritten text with its scores."""

    @property
    def text(self) -> str:
        """What was made of the source."""

    @property
    def attribute_probability(self) -> float:
        """Of the target, by the model's own classifier, from 0 to 1."""

    @property
    def content_bleu(self) -> float:
        """Of the rewritten text to its source, from 0 to 100."""


@dataclass(frozen=True)
class OwnScores:
    """Means over rewritten sentences.

    Attributes:
        transferred: Percent whose target is likelier than not.
        content_bleu: Mean BLEU of a rewritten sentence to its source, from 0 to 100.
        copied: Percent that are their source, word by word.
    """

    transferred: float
    content_bleu: float
    copied: float


def own_scores(sources: Sequence[str], answers: Sequence[Answer]) -> OwnScores:
    """Return the means of what a model says of its answers.

    Raises:
        ValueError: If there is none, or their number is not that of the sources.
    """
    copied = copy_rate([answer.text for answer in answers], sources)
    return OwnScores(
        transferred=100 * sum(a.attribute_probability > 0.5 for a in answers) / len(answers),
        content_bleu=sum(answer.content_bleu for answer in answers) / len(answers),
        copied=copied,
    )
