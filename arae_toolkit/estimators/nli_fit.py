"""Training a classifier of sentence pairs without a folder: nothing is written, or resumed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from arae_toolkit.devices import Precision, matrix_products
from arae_toolkit.errors import TrainingDiverged
from arae_toolkit.nli.classifier_training import ClassifierTraining, probabilities_of
from arae_toolkit.nli.networks import PairNetwork
from arae_toolkit.nli.pair_batches import PairStore
from arae_toolkit.nli.settings import PairTrainingConfig

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Curves:
    """How a training went, epoch by epoch.

    Attributes:
        nats: Mean training loss, in nats a pair.
        accuracies: Share of the held-out pairs classified rightly; empty if none were held out.
    """

    nats: list[float]
    accuracies: list[float]


def train_in_memory(
    network: PairNetwork,
    settings: PairTrainingConfig,
    store: PairStore,
    rows: Rows,
    held_out: Rows,
    *,
    precision: Precision = "fp32",
    tell: Callable[[str], None] = lambda line: None,
) -> Curves:
    """Train a network and leave in it the epoch that is best on the held-out pairs, or the last.

    Args:
        network: On the device of ``store``; moved in place.
        settings: The schedule. In a short training the rate rises over the first tenth only.
        store: All pairs, with their labels.
        rows: Numbers of those to learn from. Shape (N,).
        held_out: Numbers of those to choose the epoch by; may be empty. Shape (M,).
        precision: Of the matrix products.
        tell: Given a line after each epoch.

    Raises:
        TrainingDiverged: If the loss is not finite, or far above that of guessing.
    """
    batches = len(rows) // min(settings.batch_size, len(rows))
    warmup = min(settings.warmup, settings.epochs * batches // 10)
    training = ClassifierTraining(
        network, replace(settings, warmup=warmup), store, rows, precision=precision
    )
    curves = Curves([], [])
    for epoch in range(settings.epochs):
        with matrix_products(store.device, precision):
            first = epoch * batches
            nats = [
                training.iteration(iteration)["nats_per_pair"]
                for iteration in range(first, first + batches)
            ]
            curves.nats.append(_sound(training, float(torch.stack(nats).mean()), epoch))
            if len(held_out):
                probabilities = probabilities_of(network, store, held_out, dtype=training.dtype)
                right = probabilities.argmax(axis=1) == store.labels[held_out]
                curves.accuracies.append(float(right.mean()))
                training.consider(curves.accuracies[-1])
        accuracy = f", {100 * curves.accuracies[-1]:.1f} % of held-out" if len(held_out) else ""
        tell(f"epoch {epoch + 1}/{settings.epochs}: {curves.nats[-1]:.3f} nats a pair{accuracy}")
    network.load_state_dict(training.model_weights())
    return curves


def _sound(training: ClassifierTraining, nats: float, epoch: int) -> float:
    """Return an epoch's mean loss.

    Raises:
        TrainingDiverged: If it shows that training has diverged.
    """
    problem = training.problem({"nats_per_pair": nats})
    if not math.isfinite(nats):
        problem = "nats_per_pair is not finite"
    if problem:
        raise TrainingDiverged(f"{problem} over epoch {epoch + 1}; try a lower rate")
    return nats
