"""What changes in the course of training, as functions of the iteration."""

from __future__ import annotations

import math
from typing import Protocol

from arae_toolkit.nli.settings import PairTrainingConfig

COSINE_FLOOR = 0.02


class Length(Protocol):
    """What the settings of every training say of its length."""

    @property
    def batch_size(self) -> int:
        """Rows an iteration."""
        ...

    @property
    def epochs(self) -> int:
        """Passes over the training split."""
        ...

    @property
    def iterations(self) -> int:
        """Iterations of the whole run, whatever the epochs; 0 trains for the epochs."""
        ...


def iterations(config: Length, *, batches_per_epoch: int) -> int:
    """Return the iterations of a whole run."""
    return config.iterations or config.epochs * batches_per_epoch


def epochs(config: Length, *, rows: int) -> float:
    """Return the epochs of a whole run over so many training sentences or images."""
    if not config.iterations:
        return config.epochs
    return config.iterations / max(1, rows // max(1, config.batch_size))


def ramp(iteration: int, *, length: int) -> float:
    """Return the share of a linear rise from 0 to 1 that is done after ``iteration + 1`` steps."""
    return 1.0 if length <= 0 else min(1.0, (iteration + 1) / length)


def cosine(share_done: float) -> float:
    """Return the factor on a rate that falls along a cosine, to 2 % at the end."""
    return COSINE_FLOOR + (1 - COSINE_FLOOR) * (1 + math.cos(math.pi * share_done)) / 2


def rate_at(settings: PairTrainingConfig, iteration: int, *, iterations: int) -> float:
    """Return the learning rate of an iteration: a linear rise, then half a cosine down to 0.

    Example:
        >>> rate_at(PairTrainingConfig(rate=0.1, warmup=0), 50, iterations=100)
        0.05
    """
    fall = (1 + math.cos(math.pi * iteration / max(1, iterations))) / 2
    return settings.rate * ramp(iteration, length=settings.warmup) * fall
