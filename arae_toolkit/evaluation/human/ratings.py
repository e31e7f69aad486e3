"""Blind ratings by people: which rows are shown, and what filled sheets say of each system.

The questions are the paper's (section 6.2): which value of the attribute a text has, how natural it
is, and, as a task of its own, how similar to the original in what it says apart from the attribute.
The paper draws 1,000 sentences, 500 of each label, and shows what both systems have made of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from arae_toolkit.evaluation.text_overlap import words_of
from arae_toolkit.evaluation.transfer.comparison import SystemOutputs
from arae_toolkit.evaluation.transfer.metrics import UNKNOWN_LABEL
from arae_toolkit.storage.atomic_files import sha256_of_bytes

NEITHER = "neither"
"""The answer for a text that has no value of the attribute; ``neutral`` in the paper."""
LOWEST, HIGHEST = 1, 5
"""Of naturalness and similarity."""


@dataclass(frozen=True)
class RatingItem:
    """One row that people rate.

    Attributes:
        key: Says which row it is, and nothing of its system.
        source: The original, words separated by spaces.
        output: What a system made of it, in the same form.
        system: The system's name; not shown.
        origin: Label of the original; ``?`` where it is not known.
        target: Label that the output was to have; not shown.
    """

    key: str
    source: str
    output: str
    system: str
    origin: str
    target: str


@dataclass(frozen=True)
class Rating:
    """What one person says of one row. ``None`` where nothing is said.

    Attributes:
        attribute: A label or :data:`NEITHER`.
        naturalness: From 1 to 5, 5 the most natural.
        similarity: From 1 to 5, 5 the most similar.
    """

    attribute: str | None
    naturalness: int | None
    similarity: int | None


@dataclass(frozen=True)
class Average:
    """A mean with what it is a mean of.

    Attributes:
        value: Percent, or points from 1 to 5.
        error: Its standard error, in the same unit, clustered by row; ``None`` for a single row.
        ratings: How many.
    """

    value: float
    error: float | None
    ratings: int


@dataclass(frozen=True)
class Ratings:
    """What people say of one system; ``None`` where nobody has answered.

    Attributes:
        transfer: Percent of the ratings that name the target.
        naturalness: Points from 1 to 5.
        similarity: Points from 1 to 5.
    """

    transfer: Average | None
    naturalness: Average | None
    similarity: Average | None


@dataclass(frozen=True)
class Agreement:
    """How far two people agree, over all rows that both have rated.

    Attributes:
        attribute: Percent of the rows with the same answer.
        naturalness: Percent at most one point apart.
        similarity: Percent at most one point apart.
        pairs: Of ratings that were compared for the attribute.
    """

    attribute: float | None
    naturalness: float | None
    similarity: float | None
    pairs: int


def draw_items(
    systems: Mapping[str, SystemOutputs], count: int, *, labels: Sequence[str], seed: int
) -> list[RatingItem]:
    """Return the rows of a sheet: every system's output for each drawn source, in random order.

    As many sources are drawn of each direction, as far as there are so many; the paper takes 500
    of each. Sources that not every system has answered are left out.

    Args:
        systems: By name.
        count: Sources, all directions together.
        labels: Names by class id.
        seed: Fixes sources and order.

    Raises:
        ValueError: If no source was answered by every system.
    """
    answers = {name: _by_task(system) for name, system in systems.items()}
    first, *others = answers.values()
    shared = [task for task in first if all(task in other for other in others)]
    if not shared:
        raise ValueError("there is no source that every system has rewritten to the same label")
    random = np.random.default_rng(seed)
    by_direction: dict[tuple[int, int], list[tuple[str, int, int]]] = {}
    for place in random.permutation(len(shared)).tolist():
        source, origin, target = shared[place]
        by_direction.setdefault((origin, target), []).append((source, origin, target))
    # One of each direction in turn, until there are enough.
    longest = max(map(len, by_direction.values()))
    directions = [by_direction[name] for name in sorted(by_direction)]
    turns = [tasks[turn] for turn in range(longest) for tasks in directions if turn < len(tasks)]
    rows = [(task, name) for task in turns[:count] for name in answers]
    items = []
    for number, place in enumerate(random.permutation(len(rows)).tolist()):
        (source, origin, target), name = rows[place]
        output = answers[name][source, origin, target]
        items.append(
            RatingItem(
                sha256_of_bytes(f"{seed} {number} {source} {output}".encode())[:10],
                source,
                output,
                name,
                labels[origin] if origin != UNKNOWN_LABEL else "?",
                labels[target],
            )
        )
    return items


def score_ratings(
    items: Sequence[RatingItem], sheets: Sequence[Mapping[str, Rating]]
) -> dict[str, Ratings]:
    """Return what people say of each system, the ratings of all sheets pooled.

    Args:
        items: Every row of the sheet.
        sheets: The ratings of one person each, by the row's key.
    """
    found: dict[str, list[tuple[RatingItem, Rating]]] = {}
    for item in items:
        rated = found.setdefault(item.system, [])
        rated.extend((item, sheet[item.key]) for sheet in sheets if item.key in sheet)
    return {
        system: Ratings(
            transfer=_average(
                rated,
                lambda item, rating: (
                    None if rating.attribute is None else 100 * (rating.attribute == item.target)
                ),
            ),
            naturalness=_average(rated, lambda _, rating: rating.naturalness),
            similarity=_average(rated, lambda _, rating: rating.similarity),
        )
        for system, rated in found.items()
    }


def agreement(sheets: Sequence[Mapping[str, Rating]]) -> Agreement | None:
    """Return how far people agree; ``None`` where no two have answered the same of a row.

    Args:
        sheets: The ratings of one person each, by the row's key.
    """
    pairs = [
        (one[key], other[key])
        for one, other in combinations(sheets, 2)
        for key in one
        if key in other
    ]
    same = [
        a.attribute == b.attribute
        for a, b in pairs
        if a.attribute is not None and b.attribute is not None
    ]
    found = Agreement(
        attribute=_share(same),
        naturalness=_share(_near([(a.naturalness, b.naturalness) for a, b in pairs])),
        similarity=_share(_near([(a.similarity, b.similarity) for a, b in pairs])),
        pairs=len(same),
    )
    return None if found == Agreement(None, None, None, 0) else found


def clustered_error(values: Sequence[float], rows: Sequence[str]) -> float | None:
    r"""Return the standard error of the mean of ratings, of which several may be of one row.

    The cluster-robust formula with the correction for few clusters (CR1; Liang and Zeger, 1986):
    :math:`\sqrt{\frac{G}{G - 1} \sum_g (\sum_{i \in g} (y_i - \bar y))^2} / N`. Where every row has
    one rating it is the usual :math:`s / \sqrt{N}`; ten people who say the same of a row tell as
    much of the system as one.

    Args:
        values: The ratings y. Shape (N,).
        rows: Of which row each is; G of them are different.

    Returns:
        In the unit of the ratings; ``None`` for one row or none, of which nothing is known.

    Example:
        >>> clustered_error([2, 4], ["a", "b"]), clustered_error([2, 2, 4, 4], ["a", "a", "b", "b"])
        (1.0, 1.0)
    """
    keys, places = np.unique(np.asarray(rows), return_inverse=True)
    if len(keys) < 2:
        return None
    given = np.asarray(values, dtype=np.float64)
    sums = np.bincount(places, weights=given - given.mean())
    return math.sqrt(len(keys) / (len(keys) - 1) * float((sums**2).sum())) / len(given)


def _by_task(system: SystemOutputs) -> dict[tuple[str, int, int], str]:
    """Return the output for each source and direction; the first, where a source comes twice."""
    found: dict[tuple[str, int, int], str] = {}
    for source, output, origin, target in zip(
        system.sources, system.outputs, system.source_labels, system.target_labels, strict=True
    ):
        found.setdefault((words_of(source), origin, target), words_of(output))
    return found


def _average(
    rated: Sequence[tuple[RatingItem, Rating]],
    answer: Callable[[RatingItem, Rating], float | None],
) -> Average | None:
    """Return the mean of the answers that are given."""
    found = [(item.key, answer(item, rating)) for item, rating in rated]
    given = [(key, float(value)) for key, value in found if value is not None]
    if not given:
        return None
    rows, values = zip(*given, strict=True)
    return Average(float(np.mean(values)), clustered_error(values, rows), len(given))


def _near(pairs: Sequence[tuple[int | None, int | None]]) -> list[bool]:
    """Return whether points are at most one apart, where both are given."""
    return [abs(a - b) <= 1 for a, b in pairs if a is not None and b is not None]


def _share(answers: Sequence[bool]) -> float | None:
    return 100 * sum(answers) / len(answers) if answers else None
