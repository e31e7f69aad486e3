"""Schedules at their ends and corners."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arae_toolkit.config.schema import TrainingConfig
from arae_toolkit.optim.schedules import epochs, iterations, ramp
from arae_toolkit.pretraining.plan import adversarial_weight, autoencoder_rate, gan_rounds

PLAIN = TrainingConfig(
    autoencoder_rate=2.0, autoencoder_schedule="constant", warmup=0, adversarial_warmup=0
)


def test_a_ramp_rises_to_one_and_stays() -> None:
    """1/n after the first step, 1 after n; none at all is 1 at once."""
    assert [ramp(i, length=4) for i in (0, 1, 3, 9)] == [0.25, 0.5, 1.0, 1.0]
    assert ramp(0, length=0) == 1.0


def test_a_constant_rate_is_constant() -> None:
    """As the published code's."""
    assert autoencoder_rate(PLAIN, 0, iterations=10) == 2.0
    assert autoencoder_rate(PLAIN, 9, iterations=10) == 2.0


def test_the_cosine_falls_from_the_rate_to_its_floor() -> None:
    """Full at the start, half way down in the middle, 2 % at the end."""
    config = replace(PLAIN, autoencoder_schedule="cosine")
    rates = [autoencoder_rate(config, i, iterations=100) for i in (0, 50, 100)]
    assert rates == pytest.approx([2.0, 1.02, 0.04])


def test_lambda_warms_up() -> None:
    """From a first small share to lambda(1)."""
    config = replace(PLAIN, adversarial_weight=5.0, adversarial_warmup=10)
    assert adversarial_weight(config, 0, iterations=200) == pytest.approx(0.5)
    assert adversarial_weight(config, 50, iterations=200) == 5.0


def test_gan_rounds_grow_at_the_published_epochs() -> None:
    """One more round at epochs 2, 4 and 6."""
    config = replace(PLAIN, gan_rounds_grow_at=(2, 4, 6))
    assert [gan_rounds(config, epoch) for epoch in range(1, 8)] == [1, 2, 2, 3, 3, 4, 4]
    assert gan_rounds(PLAIN, 9) == 1


def test_a_run_is_as_long_as_its_epochs_unless_iterations_are_given() -> None:
    """Iterations may end in the middle of an epoch."""
    config = replace(PLAIN, epochs=3, batch_size=10)
    assert iterations(config, batches_per_epoch=7) == 21
    assert epochs(config, rows=75) == 3
    config = replace(config, iterations=10)
    assert iterations(config, batches_per_epoch=7) == 10
    assert epochs(config, rows=40) == 2.5
