"""What has been changed in a sentence: where, how much, and how well it suits what stood there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Postfix, Prefix

Words = Sequence[int]
Floats = npt.NDArray[np.float32]


def changed_regions(source: Words, other: Words) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return where two sentences differ, with a word on either side: first and past-last places.

    Example:
        >>> changed_regions([5, 6, 7, 8, 2], [5, 6, 9, 9, 8, 2])
        ((1, 4), (1, 5))
    """
    start = Prefix.similarity(source, other)
    same = min(Postfix.similarity(source, other), min(len(source), len(other)) - start)
    first = max(0, start - 1)
    ends = (min(len(words), len(words) - same + 1) for words in (source, other))
    end, other_end = ends
    return (first, end), (first, other_end)


def unlikeness(source: Words, other: Words, usage: Floats) -> float:
    """Return how little the new words of a sentence are used like those they stand for.

    Where the two differ, words are compared in turn, as far as both go.

    Args:
        source: A sentence.
        other: What has become of it.
        usage: A vector for each word, of length 1 at least or 0; see
            :mod:`~arae_toolkit.transfer.infilling.word_similarity`. Shape (V, D).

    Returns:
        For each pair how far its product falls short of what the old word's is with itself, and of
        1 where the old word has none; summed. Of unit vectors that is 1 less the cosine.
    """
    (start, stop), (_, other_stop) = changed_regions(source, other)
    total = 0.0
    for old, new in zip(source[start:stop], other[start:other_stop], strict=False):
        if old != new:
            itself, both = usage[old] @ usage[old], usage[old] @ usage[new]
            total += max(1.0, float(itself)) - float(both)
    return total


def repetitions(source: Words, other: Words, *, among: npt.NDArray[np.bool_]) -> int:
    """Return how often a sentence says words again that its source does not.

    Args:
        source: A sentence.
        other: What has become of it.
        among: Which words are looked at: nearly every sentence says *the* again. Shape (V,).

    Example:
        >>> repetitions([5, 6, 7, 7], [5, 8, 8, 7], among=np.ones(9, dtype=bool))
        1
    """
    said = Counter(word for word in other if among[word])
    before = Counter(source)
    return sum(max(0, count - max(1, before[word])) for word, count in said.items())
