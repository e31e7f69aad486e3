"""Samples of digits, measured by a classifier: which there are, how plain, how far off."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from arae_toolkit.evaluation.generation.feature_distances import frechet_distance

Ink = npt.NDArray[np.bool_]
HIDDEN_UNITS, PASSES = 128, 200


@dataclass(frozen=True)
class SampleStatistics:
    """Samples beside real images.

    Attributes:
        confidence: Mean probability of the likeliest digit.
        least_digit: Percent of the samples that are taken for the rarest digit.
        frechet: Frechet distance to real images, in the classifier's hidden layer.
        distinct: Percent of distinct samples.
        shares: Percent of the samples that are taken for each digit.
    """

    confidence: float
    least_digit: float
    frechet: float
    distinct: float
    shares: tuple[float, ...]


class DigitClassifier:
    """A perceptron that tells binary images of digits apart, by scikit-learn.

    Args:
        ink: Images that no system has learned from. Shape (N, P).
        labels: Their digits. Shape (N,).
    """

    def __init__(self, ink: Ink, labels: npt.NDArray[np.int16]) -> None:
        self._network = MLPClassifier((HIDDEN_UNITS,), max_iter=PASSES, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it has learned enough
            self._network.fit(ink, labels)

    def probabilities(self, ink: Ink) -> npt.NDArray[np.float64]:
        """Return the probability of each digit. Shape (N, P) to (N, A)."""
        found: npt.NDArray[np.float64] = self._network.predict_proba(ink)
        return found

    def features(self, ink: Ink) -> npt.NDArray[np.float64]:
        """Return the hidden layer of each image. Shape (N, P) to (N, H)."""
        weight, bias = self._network.coefs_[0], self._network.intercepts_[0]
        hidden: npt.NDArray[np.float64] = np.maximum(ink @ weight + bias, 0)
        return hidden

    def accuracy(self, ink: Ink, labels: npt.NDArray[np.int16]) -> float:
        """Return the percent of images that are taken for what they are."""
        return 100 * float((self.probabilities(ink).argmax(axis=1) == labels).mean())


def measure_samples(samples: Ink, real: Ink, classifier: DigitClassifier) -> SampleStatistics:
    """Measure samples of an image model (Figure 2).

    Args:
        samples: Binary images. Shape (N, P).
        real: As many test images or more; the first N are compared. Shape (M, P).
        classifier: Of digits.

    Raises:
        ValueError: If there are fewer than two images of either.
    """
    probabilities = classifier.probabilities(samples)
    counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    shares = 100 * counts / len(samples)
    few = min(len(samples), len(real))
    return SampleStatistics(
        confidence=float(probabilities.max(axis=1).mean()),
        least_digit=float(shares.min()),
        frechet=frechet_distance(
            classifier.features(samples[:few]), classifier.features(real[:few])
        ),
        distinct=100 * len({sample.tobytes() for sample in samples}) / len(samples),
        shares=tuple(map(float, shares)),
    )
