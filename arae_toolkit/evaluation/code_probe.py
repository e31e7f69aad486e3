"""Probing classifiers: what can still be read of an attribute in codes that were to hide it.

A model's own adversary says little: the encoder was trained against that one. A fresh one that
recovers the attribute shows that it is only hidden from the adversary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.samplers import EpochSampler
from arae_toolkit.evaluation.classification import Classes
from arae_toolkit.evaluation.early_stopping import keep_best_epoch
from arae_toolkit.nn.initialization import perceptron

Codes = npt.NDArray[np.floating]
HIDDEN_SIZE = 256
BATCH_SIZE = 128
RATE = 1e-3
ITERATIONS, FEWEST_EPOCHS, MOST_EPOCHS, PATIENCE = 3_000, 5, 60, 8
MOST_LINEAR_ROWS = 50_000
"""A linear classifier of a few hundred inputs learns nothing from more."""


@dataclass(frozen=True)
class CodeProbe:
    """How often the attribute of a test sentence is recovered from its code, in percent.

    Attributes:
        linear: By a logistic regression.
        perceptron: By one hidden layer of 256 units, the epoch that is best on dev.
        majority: By always guessing the most frequent value of train.
        dev: Percent of the dev codes that the perceptron gets right.
    """

    linear: float
    perceptron: float
    majority: float
    dev: float


def probe_codes(
    train: tuple[Codes, Classes],
    dev: tuple[Codes, Classes],
    test: tuple[Codes, Classes],
    *,
    seed: int = 0,
) -> CodeProbe:
    """Train fresh classifiers on codes and measure them on others.

    Each coordinate is brought to mean 0 and deviation 1 over train, so that nothing is hidden by
    being small. Every value counts alike in the loss.

    Args:
        train: Codes of shape (N, Z) and class ids of shape (N,).
        dev: The same, to choose the epoch.
        test: The same, to measure.
        seed: Fixes starting weights, batches and the rows the linear classifier learns from.

    Raises:
        ValueError: If the shapes disagree, a part is empty, or train has fewer than two values.
    """
    for name, (codes, labels) in (("train", train), ("dev", dev), ("test", test)):
        if codes.ndim != 2 or len(codes) != len(labels) or not len(labels):
            raise ValueError(f"{name}: codes of shape {codes.shape}, labels of {labels.shape}")
        if codes.shape[1] != train[0].shape[1]:
            raise ValueError(f"{name}: codes of shape {codes.shape}, train's {train[0].shape}")
    counts = np.bincount(train[1])
    if (counts > 0).sum() < 2:
        raise ValueError("the training codes are all of one value")
    mean, deviation = train[0].mean(axis=0), train[0].std(axis=0)
    scale = np.where(deviation > 0, deviation, 1)
    learned, held_out, tested = (
        ((codes - mean) / scale).astype(np.float32) for codes, _ in (train, dev, test)
    )
    rows = np.random.default_rng(seed).permutation(len(learned))[:MOST_LINEAR_ROWS]
    linear = LogisticRegression(class_weight="balanced", max_iter=2000, tol=1e-3)
    linear.fit(learned[rows], train[1][rows])
    network, found = _fitted((learned, train[1]), (held_out, dev[1]), seed=seed)
    return CodeProbe(
        linear=100 * float((linear.predict(tested) == test[1]).mean()),
        perceptron=_accuracy(network, tested, test[1]),
        majority=100 * float((test[1] == counts.argmax()).mean()),
        dev=found,
    )


def _fitted(
    train: tuple[Codes, Classes], dev: tuple[Codes, Classes], *, seed: int
) -> tuple[nn.Module, float]:
    """Return a trained perceptron and its accuracy on dev, in percent."""
    codes, labels = torch.from_numpy(train[0]), torch.from_numpy(train[1])
    classes = int(max(train[1].max(), dev[1].max())) + 1
    network = nn.Sequential(
        nn.Linear(codes.shape[1], HIDDEN_SIZE), nn.ReLU(), nn.Linear(HIDDEN_SIZE, classes)
    )
    perceptron(network, deviation=0.0, generator=torch.Generator().manual_seed(seed))
    counts = torch.bincount(labels, minlength=classes).float()
    weight = len(labels) / counts.clamp(min=1)

    def loss_of(rows: Indices, random: torch.Generator) -> torch.Tensor:
        del random  # nothing is drawn
        chosen = torch.from_numpy(rows)
        return functional.cross_entropy(network(codes[chosen]), labels[chosen], weight=weight)

    sampler = EpochSampler(np.ones(len(labels), dtype=np.int64), batch_size=BATCH_SIZE, seed=seed)
    wanted = math.ceil(ITERATIONS / sampler.batches_per_epoch)
    best = keep_best_epoch(
        network,
        sampler,
        loss_of=loss_of,
        score_of=lambda: _accuracy(network, dev[0], dev[1]),
        epochs=min(max(wanted, FEWEST_EPOCHS), MOST_EPOCHS),
        rate=RATE,
        patience=PATIENCE,
    )
    return network, best.score


@torch.no_grad()
def _accuracy(network: nn.Module, codes: Codes, labels: Classes) -> float:
    """Return the percent of codes whose value a network gets right."""
    predicted = network(torch.from_numpy(codes)).argmax(dim=1).numpy()
    return 100 * float((predicted == labels).mean())
