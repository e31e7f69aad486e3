"""The iteration plan: rows, weights and rates, decided on the host before any of it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from arae_toolkit.config.schema import TrainingConfig
from arae_toolkit.data.noise import annealed_deviation
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.samplers import EpochSampler, draw
from arae_toolkit.data.token_batches import Batch, Store
from arae_toolkit.optim.schedules import COSINE_FLOOR, iterations, learning_rate, ramp

RECONSTRUCTION = "reconstruction"
# Streams of random rows, kept apart from the sampler's own.
_CRITIC_ROWS, _ENCODER_ROWS = 1, 2
LEAST_GROUP_ROWS = 32


@dataclass(frozen=True)
class IterationPlan:
    """One iteration: a function of (seed, iteration) alone.

    Attributes:
        iteration: Counted from 0.
        rounds: GAN rounds.
        rate: Learning rate of encoder and decoder.
        rows: Row numbers by the name of the update that uses them.
        scalars: Weights and deviations that change during training, by name.
    """

    iteration: int
    rounds: int
    rate: float
    rows: Mapping[str, Indices]
    scalars: Mapping[str, float]


class Source(Protocol):
    """Where the updates of an iteration get their batches and changing scalars from."""

    def batches(self, name: str) -> tuple[Sequence[Batch], Tensor | None]:
        """Return the batches of some rows and the order that puts these rows back in place."""

    def scalar(self, name: str) -> Tensor:
        """Return a scalar tensor."""


class IterationPlanner:
    """Makes the plans of a run.

    Args:
        training: The schedule.
        sampler: Of the reconstruction's batches.
        rows: How many rows there are to draw from.
        adversarial: Whether there are GAN rounds at all.
    """

    def __init__(
        self, training: TrainingConfig, sampler: EpochSampler, *, rows: int, adversarial: bool
    ) -> None:
        self.training, self.sampler = training, sampler
        self.rows, self.adversarial = rows, adversarial
        self._batches: Iterator[Indices] | None = None
        self._next_iteration = -1

    @property
    def iterations(self) -> int:
        """Iterations in the whole run."""
        return iterations(self.training, batches_per_epoch=self.sampler.batches_per_epoch)

    def plan(self, iteration: int) -> IterationPlan:
        """Return the plan of an iteration; quick when iterations come in order."""
        training = self.training
        rounds = 0
        if self.adversarial:
            epoch = iteration // self.sampler.batches_per_epoch + 1
            rounds = gan_rounds(training, epoch)
        rows = {RECONSTRUCTION: self._sampled(iteration)}
        for turn in range(rounds):
            rows.update(self._drawn(iteration, turn))
        return IterationPlan(
            iteration=iteration,
            rounds=rounds,
            rate=autoencoder_rate(training, iteration, iterations=self.iterations),
            rows=rows,
            scalars={
                "code_noise": annealed_deviation(
                    training.code_noise,
                    factor=training.code_noise_factor,
                    every=training.code_noise_every,
                    iteration=iteration,
                ),
                "kl_weight": training.kl_weight * ramp(iteration, length=training.kl_warmup),
                "flow_weight": training.flow_weight * ramp(iteration, length=training.flow_warmup),
                "adversarial_weight": adversarial_weight(
                    training, iteration, iterations=self.iterations
                ),
            },
        )

    def _sampled(self, iteration: int) -> Indices:
        """Return the rows of the reconstruction's batch."""
        if self._batches is None or iteration != self._next_iteration:
            epoch, skipped = divmod(iteration, self.sampler.batches_per_epoch)
            self._batches = self.sampler.epoch(epoch)
            for _ in range(skipped):
                next(self._batches)
        rows = next(self._batches)
        self._next_iteration = iteration + 1
        if self._next_iteration % self.sampler.batches_per_epoch == 0:
            self._batches = None
        return rows

    def _drawn(self, iteration: int, turn: int) -> Iterator[tuple[str, Indices]]:
        """Yield the rows of a GAN round, drawn uniformly."""
        seed, size = self.training.seed, self.sampler.batch_size
        for step, together in critic_blocks(self.training).items():
            place = (seed, _CRITIC_ROWS, iteration, turn, step)
            yield critic_rows(turn, step), draw(self.rows, together * size, seed=place)
        for step in encoder_turns(self.training):
            place = (seed, _ENCODER_ROWS, iteration, turn, step)
            yield encoder_rows(turn, step), draw(self.rows, size, seed=place)


def critic_rows(turn: int, step: int) -> str:
    """Return the name of the rows that are encoded before a critic step."""
    return f"critic/{turn}/{step}"


def encoder_rows(turn: int, step: int) -> str:
    """Return the name of the rows of an encoder step that follows so many critic steps."""
    return f"encoder/{turn}/{step}"


def critic_blocks(training: TrainingConfig) -> dict[int, int]:
    """Return, for the critic steps before which rows are encoded, for how many steps they serve.

    The encoder stands still until its next update: one pass serves all steps up to there.
    """
    between = [step for step in encoder_turns(training) if step < training.critic_steps]
    blocks = dict.fromkeys(between, 1)
    if len(between) < training.critic_steps:
        blocks[len(between)] = training.critic_steps - len(between)
    return blocks


def encoder_turns(training: TrainingConfig) -> list[int]:
    """Return the critic steps after which the encoder has an update of its own.

    All but the last follow one critic step each, from the first on; the last one, named
    ``critic_steps``, follows them all.
    """
    if training.encoder_update == "joint" or not training.encoder_steps:
        return []
    between = min(training.encoder_steps - 1, training.critic_steps)
    return [*range(between), training.critic_steps]


class HostSource:
    """A plan's rows, gathered with what the host knows of them.

    Args:
        plan: The plan.
        store: The rows.
        groups: At most so many length-bucketed batches hold rows whose order is free.
    """

    def __init__(self, plan: IterationPlan, store: Store, *, groups: int = 1) -> None:
        self.plan, self.store, self.groups = plan, store, groups

    def batches(self, name: str) -> tuple[Sequence[Batch], Tensor | None]:
        """Return the batches of some rows and the order that puts these rows back in place."""
        rows = self.plan.rows[name]
        whole = self.groups == 1 and self.store.keeps_order
        if name == RECONSTRUCTION or whole:
            return [self.store.batch(rows)], None
        # Groups of fewer rows would save less on padding than their smaller products cost.
        groups = max(1, min(self.groups, len(rows) // LEAST_GROUP_ROWS))
        return self.store.grouped(rows, groups=groups)

    def scalar(self, name: str) -> Tensor:
        """Return a scalar tensor."""
        return torch.tensor(self.plan.scalars[name], dtype=torch.float32, device=self.store.device)


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
