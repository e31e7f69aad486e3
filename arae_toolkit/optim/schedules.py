"""What changes in the course of training, as functions of the iteration."""

from __future__ import annotations

import math
from typing import Protocol

from arae_toolkit.config.schema import TrainingConfig
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


def autoencoder_rate(config: TrainingConfig, iteration: int, *, iterations: int) -> float:
    """Return the learning rate of encoder and decoder at an iteration of ``iterations``."""
    rate = config.autoencoder_rate * ramp(iteration, length=config.warmup)
    if config.autoencoder_schedule == "cosine":
        rate *= cosine(iteration / max(1, iterations))
    return rate


def cosine(share_done: float) -> float:
    """Return the factor on a rate that falls along a cosine, to 2 % at the end."""
    return COSINE_FLOOR + (1 - COSINE_FLOOR) * (1 + math.cos(math.pi * share_done)) / 2


def adversarial_weight(config: TrainingConfig, iteration: int, *, iterations: int) -> float:
    """Return lambda(1) at an iteration of ``iterations``."""
    place = in_cycle(config, iteration, iterations=iterations)
    return config.adversarial_weight * ramp(place, length=config.adversarial_warmup)


def attribute_weight(config: TrainingConfig, iteration: int, *, iterations: int) -> float:
    """Return lambda(2) at an iteration of ``iterations``."""
    place = in_cycle(config, iteration, iterations=iterations)
    return config.attribute_weight * ramp(place, length=config.attribute_warmup)


def in_cycle(config: TrainingConfig, iteration: int, *, iterations: int) -> int:
    """Return the iteration counted from where the lambdas last started from 0."""
    return iteration % max(1, -(-iterations // (config.attribute_cycles + 1)))


def gan_rounds(config: TrainingConfig, epoch: int) -> int:
    """Return how often steps 2 and 3 of Algorithm 1 run in an iteration of epoch 1, 2, ..."""
    return 1 + sum(epoch >= start for start in config.gan_rounds_grow_at)


def rate_at(settings: PairTrainingConfig, iteration: int, *, iterations: int) -> float:
    """Return the learning rate of an iteration: a linear rise, then half a cosine down to 0.

    Example:
        >>> rate_at(PairTrainingConfig(rate=0.1, warmup=0), 50, iterations=100)
        0.05
    """
    fall = (1 + math.cos(math.pi * iteration / max(1, iterations))) / 2
    return settings.rate * ramp(iteration, length=settings.warmup) * fall
