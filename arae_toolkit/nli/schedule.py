"""The learning rate of a classifier over its training."""

from __future__ import annotations

import math

from arae_toolkit.nli.settings import PairTrainingConfig
from arae_toolkit.schedules import ramp


def rate_at(settings: PairTrainingConfig, iteration: int, *, iterations: int) -> float:
    """Return the learning rate of an iteration: a linear rise, then half a cosine down to 0.

    Example:
        >>> rate_at(PairTrainingConfig(rate=0.1, warmup=0), 50, iterations=100)
        0.05
    """
    fall = (1 + math.cos(math.pi * iteration / max(1, iterations))) / 2
    return settings.rate * ramp(iteration, length=settings.warmup) * fall
