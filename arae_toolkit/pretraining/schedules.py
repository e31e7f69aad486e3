"""The schedules of Algorithms 1 and 2: rates, lambdas and GAN rounds by iteration."""

from __future__ import annotations

from arae_toolkit.config.schema import TrainingConfig
from arae_toolkit.optim.schedules import COSINE_FLOOR, learning_rate, ramp


def autoencoder_rate(config: TrainingConfig, iteration: int, *, iterations: int) -> float:
    """Return the learning rate of encoder and decoder at an iteration of ``iterations``."""
    return learning_rate(
        config.autoencoder_rate,
        iteration,
        iterations=iterations,
        warmup=config.warmup,
        floor=COSINE_FLOOR if config.autoencoder_schedule == "cosine" else 1.0,
    )


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
