"""Learning-rate schedules, and the length of a run."""

from __future__ import annotations

import math
from typing import Protocol

COSINE_FLOOR = 0.02
"""Where the learning rates of autoencoders and scorers end, as a share of their peak."""


class Length(Protocol):
    """What the settings of every training say of its length."""

    @property
    def batch_size(self) -> int:
        """Rows an iteration."""

    @property
    def epochs(self) -> int:
        """Passes over the training split."""

    @property
    def iterations(self) -> int:
        """Iterations of the whole run, whatever the epochs; 0 trains for the epochs."""


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


def learning_rate(
    peak: float, iteration: int, *, iterations: int, warmup: int, floor: float = 0.0
) -> float:
    """Return the learning rate of an iteration: a linear rise, then half a cosine.

    Args:
        peak: The rate at the end of the rise.
        iteration: Counted from 0.
        iterations: Of the whole run.
        warmup: Iterations of the rise.
        floor: Share of the peak at which the cosine ends.

    Example:
        >>> learning_rate(0.1, 50, iterations=100, warmup=0)
        0.05
    """
    fall = (1 + math.cos(math.pi * (iteration / max(1, iterations)))) / 2
    return peak * ramp(iteration, length=warmup) * (floor + (1 - floor) * fall)
