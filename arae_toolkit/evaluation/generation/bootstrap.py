"""Bootstrap intervals of perplexities, over the sentences that were read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arae_toolkit.evaluation.language_model import SentenceNats

DRAWS = 1_000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A number with its bootstrap interval.

    Attributes:
        value: Over all sentences.
        low: Lower end of the central 95 %.
        high: Upper end.
    """

    value: float
    low: float
    high: float


def perplexity_interval(read: SentenceNats, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Return the perplexity per token with its percentile bootstrap interval (Efron, 1979).

    Sentences are drawn anew with replacement. The interval holds the chance of which sentences were
    read, and not that of the training of whoever reads: another seed of a judge moves it, too.

    Args:
        read: What each sentence cost.
        draws: So often.
        seed: Fixes the draws.

    Raises:
        ValueError: If there is no sentence.
    """
    count = len(read.nats)
    if not count:
        raise ValueError("no sentences, so no interval")
    random = np.random.default_rng(seed)
    found = np.empty(draws)
    for draw in range(draws):
        rows = random.integers(count, size=count)
        found[draw] = read.nats[rows].sum() / read.tokens[rows].sum()
    low, high = np.exp(np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])).tolist()
    return Interval(read.perplexity, low, high)
