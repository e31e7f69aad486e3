"""Walks between two points of code or noise space, and how smooth they are (section 7)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor

from arae_toolkit.generation.decoding import Decoding
from arae_toolkit.latent.spaces import Space
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.interpolation import Interpolation, points_between


@dataclass(frozen=True)
class Walks:
    """Ways between pairs of codes.

    Attributes:
        codes: Shape (N, steps, Z).
        distance: From each given code to where the way starts and ends: 0 through codes, above it
            through noise that was searched for. Shape (N, 2).
    """

    codes: Tensor
    distance: Tensor


class Way(Protocol):
    """How one comes from points of a space to others."""

    def __call__(self, space: Space, start: Tensor, end: Tensor) -> Tensor:
        """Return the codes on the ways. Shapes (N, D), (N, D) to (N, steps, Z)."""


@dataclass(frozen=True)
class StraightWay:
    """The paper's: points at equal shares of the way.

    Attributes:
        steps: Points on it, both ends included.
        interpolation: See :func:`~arae_toolkit.models.interpolation.points_between`.
    """

    steps: int
    interpolation: Interpolation = "linear"

    def __call__(self, space: Space, start: Tensor, end: Tensor) -> Tensor:
        """Return the codes on the ways. Shapes (N, D), (N, D) to (N, steps, Z)."""
        points = points_between(start, end, steps=self.steps, interpolation=self.interpolation)
        return space.codes(points)


def walk(space: Space, first: Tensor, second: Tensor, way: Way) -> Walks:
    """Return the ways from each first code to each second one.

    Args:
        space: What the ways lead through.
        first: Shape (N, Z).
        second: Shape (N, Z).
        way: Straight, or smooth (:mod:`arae_toolkit.latent.smooth_walks`).
    """
    ends = space.points_of(torch.cat([first, second]))
    start, end = ends.points.split(len(first))
    return Walks(way(space, start, end), ends.distance.view(2, len(first)).t())


def random_walks(space: Space, count: int, way: Way, *, generator: torch.Generator) -> Tensor:
    """Return the codes on ways between random points, as the prior has them.

    Args:
        space: What the ways lead through.
        count: Ways.
        way: Straight, or smooth.
        generator: Source of randomness, on the model's device.

    Returns:
        Shape (count, steps, Z).
    """
    return way(space, *space.draw(2 * count, generator=generator).split(count))


def sentences_of(
    model: ARAE, codes: Tensor, *, decoding: Decoding | None = None
) -> list[list[str]]:
    """Return the sentences on ways.

    Args:
        model: Decodes them.
        codes: Shape (N, steps, Z).
        decoding: How words are chosen; greedily unless given.
    """
    texts = model.decode(codes.flatten(0, 1), decoding=decoding)
    steps = codes.shape[1]
    return [texts[start : start + steps] for start in range(0, len(texts), steps)]


@dataclass(frozen=True)
class Smoothness:
    """How evenly sentences change along walks.

    Attributes:
        changed: Mean word edits from one step to the next.
        largest: Mean, over walks, of the largest such number: the jump.
        jump_percent: The largest of a walk in percent of all its edits, mean over the walks that
            have any: 100 where everything changes at once, 100 / (steps - 1) where it is even.
        detour: Edits along the way for each edit between its ends: 1 where no word is changed in
            vain. Over all walks together; NaN where all ends are equal.
        same_ends: Percent of the walks whose ends are the same sentence.
    """

    changed: float
    largest: float
    jump_percent: float
    detour: float
    same_ends: float


def measure_smoothness(walks: Sequence[Sequence[str]]) -> Smoothness:
    """Measure the word edits between neighbouring sentences of walks, two steps each at least.

    Raises:
        ValueError: If there is no walk.

    Example:
        >>> measure_smoothness([["a b", "a c", "d c"]]).changed
        1.0
    """
    if not walks:
        raise ValueError("no walks, so no smoothness")
    words = [[sentence.split() for sentence in sentences] for sentences in walks]
    edits = np.array(
        [
            [Levenshtein.distance(one, other) for one, other in itertools.pairwise(way)]
            for way in words
        ]
    )
    between = np.array([Levenshtein.distance(way[0], way[-1]) for way in words])
    total, largest = edits.sum(axis=1), edits.max(axis=1)
    moved = total > 0
    return Smoothness(
        changed=float(edits.mean()),
        largest=float(largest.mean()),
        jump_percent=float(100 * (largest[moved] / total[moved]).mean()) if moved.any() else 0.0,
        detour=float(total.sum() / between.sum()) if between.sum() else float("nan"),
        same_ends=float(100 * (between == 0).mean()),
    )
