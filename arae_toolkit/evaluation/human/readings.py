"""Blind readings of new sentences and of walks: what is shown, and what filled sheets say.

Samples of each system are mixed with sentences of real text, so that a reader's own measure is
known, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt
from sklearn.metrics import cohen_kappa_score

from arae_toolkit.storage.atomic_files import sha256_of_bytes

Kind = Literal["sample", "walk"]
QUESTIONS: Mapping[Kind, Mapping[str, str]] = {
    "sample": {"reads": "reads as a sentence that a person would write"},
    "walk": {"sentences": "every step is a sentence", "smooth": "no step is a jump"},
}
"""What is asked of each row of a kind, by column."""
REAL = "real"
"""Source of the sentences that people have written."""
Answers = Mapping[str, bool]
"""What one person says of one row, by question; those left open are missing."""
Sheet = Mapping[str, Answers]
"""What one person says of the rows, by key."""


@dataclass(frozen=True)
class ReadingItem:
    """One row that people read.

    Attributes:
        key: Says which row it is, and nothing of its source.
        kind: A sample, alone, or a walk.
        text: The sentence, or those of the walk, a line each.
        source: Name of the system, or :data:`REAL`; not shown.
    """

    key: str
    kind: Kind
    text: str
    source: str


@dataclass(frozen=True)
class Reading:
    """What people say of one source, on the rows that all of them have answered.

    Attributes:
        rows: How many these are.
        yes: Rows that each person says yes of.
        all: Rows that all of them say yes of.
    """

    rows: int
    yes: tuple[int, ...]
    all: int


def mixed_items(kind: Kind, texts: Mapping[str, Sequence[str]], *, seed: int) -> list[ReadingItem]:
    """Return the rows of a sheet in random order.

    Args:
        kind: Of all rows.
        texts: By source.
        seed: Fixes the order.
    """
    rows = [(source, text) for source, several in texts.items() for text in several]
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    return [
        ReadingItem(
            sha256_of_bytes(f"{seed} {kind} {number} {rows[place][1]}".encode())[:10],
            kind,
            rows[place][1],
            rows[place][0],
        )
        for number, place in enumerate(order)
    ]


def count_readings(
    items: Sequence[ReadingItem], sheets: Sequence[Sheet], question: str
) -> dict[str, Reading]:
    """Return what people say of each source in answer to a question.

    Args:
        items: The rows that it is asked of.
        sheets: One a person.
        question: One of :data:`QUESTIONS`.
    """
    found = {}
    for source in dict.fromkeys(item.source for item in items):
        keys = [item.key for item in items if item.source == source]
        answers = _answers(keys, sheets, question)
        yes = tuple(answers.sum(axis=0).tolist())
        found[source] = Reading(len(answers), yes, int(answers.all(axis=1).sum()))
    return found


def agreement(items: Sequence[ReadingItem], sheets: Sequence[Sheet], question: str) -> float | None:
    """Return Cohen's kappa over the rows of all sources, the mean over pairs of people.

    0 is what chance brings, 1 full agreement; ``None`` for one person, for no row that all have
    answered, and where it is not defined, as where all answers are the same.

    Args:
        items: The rows that the question is asked of.
        sheets: One a person.
        question: One of :data:`QUESTIONS`.
    """
    answers = _answers([item.key for item in items], sheets, question)
    pairs = list(combinations(answers.T, 2))
    if not pairs or not len(answers) or any(len({*one, *other}) < 2 for one, other in pairs):
        return None
    return float(np.mean([cohen_kappa_score(one, other) for one, other in pairs]))


def _answers(keys: Sequence[str], sheets: Sequence[Sheet], question: str) -> npt.NDArray[np.bool_]:
    """Return the answers to the rows that all have answered. Shape (rows, people), bool."""
    rows = [[sheet.get(key, {}).get(question) for sheet in sheets] for key in keys]
    answered = [row for row in rows if None not in row]
    return np.array(answered, dtype=bool).reshape(-1, len(sheets))
