"""How well classes are predicted: accuracy, confusions, calibration. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

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
        rows = []
        for index, label in enumerate(self.labels):
            hits = int(self.confusion[index, index])
            gold, given = int(self.confusion[index].sum()), int(self.confusion[:, index].sum())
            precision, recall = _percent(hits, given), _percent(hits, gold)
            rows.append(
                {
                    "label": label,
                    "rows": gold,
                    "precision": precision,
                    "recall": recall,
                    "f1": _percent(2 * hits, given + gold),
                }
            )
        return rows


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
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(confusion, (gold, predicted), 1)
    of_gold = np.clip(probabilities[np.arange(len(gold)), gold], 1e-12, None)
    return Classification(
        accuracy=100 * float((predicted == gold).mean()),
        calibration_error=calibration_error(probabilities.max(axis=1), predicted == gold),
        nats=float(-np.log(of_gold).mean()),
        majority=100 * float(np.bincount(gold, minlength=len(labels)).max() / len(gold)),
        confusion=confusion,
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


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
