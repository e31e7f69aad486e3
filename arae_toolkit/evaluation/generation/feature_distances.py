"""A space of sentence features: cosines of texts, and distances between sets: Frechet, MAUVE."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize

Features = npt.NDArray[Any]
FeaturesOf = Callable[[Sequence[str]], npt.NDArray[Any]]
"""Returns the features of texts. Shape (N, D)."""

SCALE = 5.0
"""c of MAUVE: divergences are shown as exp(-c KL)."""
MIXTURES = 25
"""Points of the frontier between the two ends."""
EXPLAINED_VARIANCE = 0.9
"""Clusters are made in so many principal components as hold this share of the variance."""
ROWS_PER_CLUSTER = 10
STARTS, MOST_STEPS = 5, 500


@dataclass(frozen=True)
class Encoder:
    """A space of features.

    Attributes:
        features: Maps texts into it.
        sha256: Fingerprint of the weights, by which what was measured is found again.
        name: Of the run.
    """

    features: FeaturesOf
    sha256: str
    name: str = ""


def row_cosines(first: Features, second: Features) -> npt.NDArray[np.float64]:
    """Return the cosine of each row with the same row of another matrix. Shape (N,).

    A row of zeros has a cosine of 0 with any.

    Args:
        first: Shape (N, D).
        second: Shape (N, D).

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> row_cosines(np.array([[2.0, 0.0], [1.0, 0.0]]), np.array([[3.0, 0.0], [0.0, 1.0]]))
        array([1., 0.])
    """
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(f"vectors of shapes {first.shape} and {second.shape} do not fit together")
    one, other = first.astype(np.float64), second.astype(np.float64)
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    found: npt.NDArray[np.float64] = (one * other).sum(axis=1) / np.where(norms > 0, norms, 1)
    return found


def frechet_distance(first: Features, second: Features) -> float:
    r"""Return the Frechet distance of the Gaussians with the two sets' moments.

    :math:`|m_1 - m_2|^2 + tr(C_1 + C_2 - 2 (C_1 C_2)^{1/2})`, as in Heusel et al. (NIPS 2017) for
    images and Cífka et al. (2018) for text. It is biased upwards for few rows, so compare equal
    numbers of rows only.

    Args:
        first: Shape (N, D), N at least 2.
        second: Shape (M, D), M at least 2.

    Raises:
        ValueError: If the shapes do not fit, or there are fewer than 2 rows.

    Example:
        >>> line = np.array([[-1.0], [1.0]])
        >>> round(frechet_distance(line, 2 * line + 3), 9)  # 3 squared, and (s - 2 s) squared
        11.0
    """
    _check(first, second, fewest=2)
    means = [part.mean(axis=0, dtype=np.float64) for part in (first, second)]
    covariances = [np.atleast_2d(np.cov(part.T.astype(np.float64))) for part in (first, second)]
    root = _square_root(covariances[0])
    # The trace of (C1 C2)^(1/2) is that of this symmetric matrix's root.
    values = np.linalg.eigvalsh(root @ covariances[1] @ root)
    shared = np.sqrt(np.maximum(values, 0)).sum()
    traces = sum(np.trace(covariance) for covariance in covariances)
    return max(0.0, float(((means[0] - means[1]) ** 2).sum() + traces - 2 * shared))


def mauve(real: Features, generated: Features, *, seed: int = 0) -> float:
    """Return MAUVE (Pillutla et al., NeurIPS 2021): from 0, nothing in common, to 1, the same.

    Rows are scaled to unit length, reduced to the principal components that hold nine tenths of the
    variance and clustered, a tenth as many clusters as the smaller set has rows; MAUVE is the area
    under the divergence frontier of the two histograms.

    The definition and all constants are those of the package ``mauve-text``, whose licence (GPL)
    and dependency ``faiss`` do not suit this library; k-means is scikit-learn's here.

    Args:
        real: Shape (N, D).
        generated: Shape (M, D).
        seed: Of the clusters' starts.

    Raises:
        ValueError: If the shapes do not fit, or there are fewer than 20 rows.
    """
    _check(real, generated, fewest=2 * ROWS_PER_CLUSTER)
    rows = normalize(np.concatenate([real, generated]).astype(np.float64))
    components = PCA(random_state=seed).fit(rows)
    shares = np.cumsum(components.explained_variance_ratio_)
    kept = int(np.searchsorted(shares, EXPLAINED_VARIANCE)) + 1
    clusters = round(min(len(real), len(generated)) / ROWS_PER_CLUSTER)
    means = KMeans(clusters, n_init=STARTS, max_iter=MOST_STEPS, random_state=seed)
    with warnings.catch_warnings():
        # Of repeated sentences there are fewer different ones than clusters.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = means.fit_predict(components.transform(rows)[:, :kept].astype(np.float32))
    counts = [
        np.bincount(part, minlength=clusters) for part in (labels[: len(real)], labels[len(real) :])
    ]
    return frontier_area(*(count / count.sum() for count in counts))


def frontier_area(real: Features, generated: Features) -> float:
    """Return the area under the divergence frontier of two histograms, from 0 to 1.

    Args:
        real: Probabilities of the K cells. Shape (K,).
        generated: The same of the other set. Shape (K,).

    Example:
        >>> even = np.full(4, 0.25)
        >>> round(frontier_area(even, even), 6)
        1.0
    """
    points = [(1.0, 0.0)]
    for share in np.linspace(1e-6, 1 - 1e-6, MIXTURES):
        mixture = share * real + (1 - share) * generated
        points.append((_shown(generated, mixture), _shown(real, mixture)))
    x, y = np.array([*points, (0.0, 1.0)]).T
    return float(np.sum(-np.diff(x) * (y[1:] + y[:-1]) / 2))


def _shown(part: Features, whole: Features) -> float:
    """Return exp(-c KL(part | whole)); the whole is nowhere 0 where the part is not."""
    present = part > 0
    divergence = np.sum(part[present] * np.log(part[present] / whole[present]))
    return float(np.exp(-SCALE * divergence))


def _square_root(matrix: Features) -> Features:
    """Return the symmetric root of a symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    root: Features = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root


def _check(first: Features, second: Features, *, fewest: int) -> None:
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"features of shapes {first.shape} and {second.shape} do not fit together")
    if min(len(first), len(second)) < fewest:
        raise ValueError(f"{len(first)} and {len(second)} rows; {fewest} are needed of each")
