"""Training of a pair classifier in memory: nothing is written, or resumed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

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


def train_in_memory(
    network: PairNetwork,
    settings: PairTrainingConfig,
    store: PairStore,
    rows: Rows,
    held_out: Rows,
    *,
    precision: Precision = "fp32",
    log: Callable[[str], None] = lambda line: None,
) -> tuple[list[float], list[float]]:
    """Train a network and leave in it the epoch that is best on the held-out pairs, or the last.

    Args:
        network: On the device of ``store``; moved in place.
        settings: The schedule. In a short training the rate rises over the first tenth only.
        store: All pairs, with their labels.
        rows: Numbers of those to learn from. Shape (N,).
        held_out: Numbers of those to choose the epoch by; may be empty. Shape (M,).
        precision: Of the matrix products.
        log: Given a line after each epoch.

    Returns:
        The mean training loss of each epoch, in nats a pair, and its accuracy on the held-out pairs
        as a share; none if none were held out.

    Raises:
        TrainingDiverged: If the loss is not finite, or far above that of guessing.
    """
    batches = len(rows) // min(settings.batch_size, len(rows))
    warmup = min(settings.warmup, settings.epochs * batches // 10)
    training = ClassifierTraining(
        network, replace(settings, warmup=warmup), store, rows, precision=precision
    )
    losses, accuracies = list[float](), list[float]()
    for epoch in range(settings.epochs):
        with matrix_products(store.device, precision):
            first = epoch * batches
            nats = [
                training.iteration(iteration)["nats_per_pair"]
                for iteration in range(first, first + batches)
            ]
            losses.append(float(torch.stack(nats).mean()))
            problem = training.problem({"nats_per_pair": losses[-1]})
            if not math.isfinite(losses[-1]):
                problem = "nats_per_pair is not finite"
            if problem:
                raise TrainingDiverged(f"{problem} over epoch {epoch + 1}; try a lower rate")
            line = f"epoch {epoch + 1}/{settings.epochs}: {losses[-1]:.3f} nats a pair"
            if len(held_out):
                probabilities = probabilities_of(network, store, held_out, dtype=training.dtype)
                right = probabilities.argmax(axis=1) == store.labels[held_out]
                accuracies.append(float(right.mean()))
                training.consider(accuracies[-1])
                line += f", {100 * accuracies[-1]:.1f} % of held-out"
        log(line)
    network.load_state_dict(training.model_weights())
    return losses, accuracies
