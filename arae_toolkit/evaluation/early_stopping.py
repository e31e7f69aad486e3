"""Early stopping: training of the small networks that measure others, the best epoch kept.

Not :func:`~arae_toolkit.training.loop.fit`: these trainings take minutes, and whoever measures
wants a network and no run on disk that could go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.samplers import EpochSampler, reseed
from arae_toolkit.data.token_batches import TokenBatch, TokenStore
from arae_toolkit.errors import TrainingDiverged
from arae_toolkit.optim.schedules import COSINE_FLOOR, learning_rate, ramp
from arae_toolkit.optim.update import Update, adam

WARMUP = 100
"""Iterations over which the rate rises from 0, a tenth of all where there are fewer than 1,000."""
CLIP_NORM = 5.0
EVALUATION_BATCH = 256


@dataclass(frozen=True)
class BestEpoch:
    """Which epoch was kept.

    Attributes:
        score: Of its weights on the held-out rows; the unit is that of the scores given.
        epoch: Its number, counted from 1.
        epochs: Epochs that were trained.
    """

    score: float
    epoch: int
    epochs: int


def keep_best_epoch(
    network: nn.Module,
    sampler: EpochSampler,
    *,
    loss_of: Callable[[Indices, torch.Generator], Tensor],
    score_of: Callable[[], float],
    epochs: int,
    rate: float,
    patience: int = 0,
    advance: Callable[[int], None] = lambda _: None,
) -> BestEpoch:
    """Train a network by Adam and leave the weights of its best epoch in it.

    The rate rises over some iterations and falls along a cosine until the last epoch.

    Args:
        network: Moved in place; in training mode for losses, in evaluation mode for scores.
        sampler: Rows of each batch.
        loss_of: Returns the loss, a mean, of these rows. What is random in it comes from the
            generator, which each iteration seeds anew.
        score_of: Returns how good the present weights are on held-out rows; higher is better.
        epochs: Passes over the rows, at most.
        rate: Adam's, at its highest.
        patience: Stop after so many epochs in turn that were no better; 0 trains all of them.
        advance: Told how many rows are done.

    Raises:
        ValueError: If there is no epoch to train.
        TrainingDiverged: If a score is not finite.
    """
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    update = Update(
        network.parameters(), adam(list(network.parameters()), rate=rate), clip_norm=CLIP_NORM
    )
    random = torch.Generator(next(network.parameters()).device)
    total = epochs * sampler.batches_per_epoch
    best: BestEpoch | None = None
    weights: Mapping[str, Tensor] = {}
    for epoch in range(epochs):
        network.train()
        for iteration in range(
            epoch * sampler.batches_per_epoch, (epoch + 1) * sampler.batches_per_epoch
        ):
            update.set_rate(rate * share_of_rate(iteration, total))
            reseed(random, seed=sampler.seed, iteration=iteration)
            rows = sampler.at(iteration)
            update.descend(loss_of(rows, random))
            advance(len(rows))
        network.eval()
        with torch.no_grad():
            score = score_of()
        if not math.isfinite(score):
            raise TrainingDiverged(
                f"a network that measures scores {score} after {epoch + 1} epochs"
            )
        if best is None or score > best.score:
            best = BestEpoch(score, epoch + 1, epoch + 1)
            weights = {name: value.clone() for name, value in network.state_dict().items()}
        best = BestEpoch(best.score, best.epoch, epoch + 1)
        if patience and best.epochs - best.epoch >= patience:
            break
    assert best is not None, "there is at least one epoch"
    network.load_state_dict(weights)
    return best


def epochs_for(iterations: int, *, per_epoch: int, fewest: int, most: int) -> int:
    """Return how many epochs of so many batches make a wanted number of iterations."""
    return min(max(math.ceil(iterations / max(1, per_epoch)), fewest), most)


def batches_by_length(store: TokenStore) -> Iterator[tuple[Indices, TokenBatch]]:
    """Yield all rows in length-bucketed batches, for reading them once: row numbers, sentences."""
    order = np.argsort(store.host_lengths, kind="stable")
    for start in range(0, len(order), EVALUATION_BATCH):
        rows = order[start : start + EVALUATION_BATCH]
        yield rows, store.batch(rows)


def share_of_rate(iteration: int, iterations: int) -> float:
    """Return the share of the highest rate that an iteration learns at.

    Example:
        >>> [round(share_of_rate(at, 10_000), 2) for at in (0, 49, 100, 5_050, 9_999)]
        [0.01, 0.5, 1.0, 0.51, 0.02]
    """
    warmup = min(WARMUP, max(1, iterations // 10))
    if iteration < warmup:
        return ramp(iteration, length=warmup)
    left = iterations - warmup
    return learning_rate(1.0, iteration - warmup, iterations=left, warmup=0, floor=COSINE_FLOOR)
