"""What changes in the course of training, as functions of the iteration."""

from __future__ import annotations

import math

from arae_toolkit.configs import TrainingConfig

COSINE_FLOOR = 0.02


def ramp(iteration: int, *, length: int) -> float:
    """Return the share of a linear rise from 0 to 1 that is done after ``iteration + 1`` steps."""
    return 1.0 if length <= 0 else min(1.0, (iteration + 1) / length)


def autoencoder_rate(config: TrainingConfig, iteration: int, *, iterations: int) -> float:
    """Return the learning rate of encoder and decoder at an iteration of ``iterations``."""
    rate = config.autoencoder_rate * ramp(iteration, length=config.warmup)
    if config.autoencoder_schedule == "cosine":
        share_done = iteration / max(1, iterations)
        rate *= COSINE_FLOOR + (1 - COSINE_FLOOR) * (1 + math.cos(math.pi * share_done)) / 2
    return rate


def adversarial_weight(config: TrainingConfig, iteration: int) -> float:
    """Return lambda(1) at an iteration."""
    return config.adversarial_weight * ramp(iteration, length=config.adversarial_warmup)


def gan_rounds(config: TrainingConfig, epoch: int) -> int:
    """Return how often steps 2 and 3 of Algorithm 1 run in an iteration of epoch 1, 2, ..."""
    return 1 + sum(epoch >= start for start in config.gan_rounds_grow_at)
