"""Metrics of classification: accuracy, confusions, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
)

CALIBRATION_BINS = 15
Matrix = npt.NDArray[np.float64]
Classes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Classification:
    """What is measured over labelled rows.

    Attributes:
        accuracy: Percent of rows whose likeliest class is the gold one.
        calibration_error: Expected calibration error in percent points: over 15 bins of the
            likeliest class's probability, the mean distance of probability and accuracy.
        nats: Mean negative log-probability of the gold class, nats a row.
        majority: Percent of rows of the most frequent gold class: what guessing it gives.
        confusion: Rows by gold class (first axis) and predicted class. Shape (A, A).
        labels: Class names.
    """

    accuracy: float
    calibration_error: float
    nats: float
    majority: float
    confusion: npt.NDArray[np.int64]
    labels: tuple[str, ...]

    def per_class(self) -> list[dict[str, Any]]:
        """Return precision, recall and F1 of each class, in percent, with its number of rows."""
        gold, predicted = np.indices(self.confusion.shape).reshape(2, -1)
        measured = precision_recall_fscore_support(
            gold, predicted, sample_weight=self.confusion.ravel(), zero_division=0.0
        )
        return [
            {
                "label": label,
                "rows": int(rows),
                **dict(zip(("precision", "recall", "f1"), (100 * shares).tolist(), strict=True)),
            }
            for label, shares, rows in zip(
                self.labels, np.transpose(measured[:3]), measured[3], strict=True
            )
        ]


def measure_classification(
    probabilities: Matrix, gold: Classes, *, labels: Sequence[str]
) -> Classification:
    """Compare predicted probabilities with gold classes.

    Args:
        probabilities: Shape (N, A), rows that sum to 1.
        gold: Class ids. Shape (N,).
        labels: A names.

    Raises:
        ValueError: If the shapes disagree, or there is no row.

    Example:
        >>> sure = np.array([[1.0, 0.0], [1.0, 0.0]])
        >>> measure_classification(sure, np.array([0, 1]), labels=["no", "yes"]).accuracy
        50.0
    """
    if probabilities.shape != (len(gold), len(labels)) or not len(gold):
        raise ValueError(
            f"probabilities of shape {probabilities.shape} do not fit {len(gold)} gold classes "
            f"of {len(labels)} names"
        )
    predicted = probabilities.argmax(axis=1)
    # Not log_loss: it warns of rows that sum to 1 in float32 only, and clips those at 1e-7.
    of_gold = np.clip(probabilities[np.arange(len(gold)), gold], 1e-12, None)
    return Classification(
        accuracy=100 * float(accuracy_score(gold, predicted)),
        calibration_error=calibration_error(probabilities.max(axis=1), predicted == gold),
        nats=float(-np.log(of_gold).mean()),
        majority=100 * float(np.bincount(gold, minlength=len(labels)).max() / len(gold)),
        confusion=confusion_matrix(gold, predicted, labels=range(len(labels))),
        labels=tuple(labels),
    )


def calibration_error(confidence: Matrix, right: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error in percent points (Guo et al., 2017, equation 3).

    Args:
        confidence: Probability of the likeliest class, in [0, 1]. Shape (N,).
        right: Whether it is the gold one. Shape (N,).

    Example:
        >>> calibration_error(np.array([0.75, 0.75]), np.array([True, False]))
        25.0
    """
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    distance = np.bincount(bins, weights=confidence - right, minlength=CALIBRATION_BINS)
    return 100 * float(np.abs(distance).sum() / len(confidence))
