"""How strongly words and n-grams mark an attribute's values in a labelled corpus. No torch here.

The salience of an n-gram u for the value a is the logarithm of a smoothed ratio of relative
frequencies (after Li, Jia, He and Liang, NAACL 2018, equation 1):

    salience(u, a) = log (f(u, a) + smoothing) / (f(u, not a) + smoothing)

with f(u, a) how often u would stand in the sentences of a if every value had as many words as the
values have on average, and f(u, not a) the mean of f over the other values, taken alike. So it is 0
for an n-gram as frequent in one value as in the others, however unlike their sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.vocabulary import UNKNOWN

LONGEST_NGRAM = 4
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


def word_salience(
    sentences: PackedSentences, attributes: int, vocab_size: int, smoothing: float = 1.0
) -> Floats:
    """Return how strongly each word marks each value of the attribute, in nats.

    Args:
        sentences: With labels; those without one are left out.
        attributes: A, at least 2.
        vocab_size: V.
        smoothing: Added to each count; positive. The larger, the less rare words mark.

    Returns:
        Shape (A, V); 0 for ``<unk>`` and the other special tokens, and for words never seen.

    Raises:
        ValueError: If there are no labels, or fewer than 2 values, or nothing is added to counts.

    Example:
        >>> words = PackedSentences(np.array([4, 2, 5, 2]), np.array([0, 2, 4]), np.array([0, 1]))
        >>> word_salience(words, 2, 6).round(2)[:, 4:]  # (1 + 1) / (0 + 1)
        array([[ 0.69, -0.69],
               [-0.69,  0.69]], dtype=float32)
    """
    return log_ratios(word_counts(sentences, attributes, vocab_size), smoothing=smoothing)


def word_counts(sentences: PackedSentences, attributes: int, vocab_size: int) -> Integers:
    """Return how often each word stands in the sentences of each value. Shape (A, V).

    Special tokens, ``<unk>`` among them, are not counted.

    Raises:
        ValueError: If there are no labels.
    """
    tokens, labels = _labelled_tokens(sentences, attributes)
    usable = (tokens > UNKNOWN) & (labels >= 0)
    places = labels[usable] * vocab_size + tokens[usable]
    counts = np.bincount(places, minlength=attributes * vocab_size)
    return counts.reshape(attributes, vocab_size)


def log_ratios(
    counts: npt.NDArray[Any], *, smoothing: float, sizes: npt.NDArray[Any] | None = None
) -> Floats:
    """Return the salience of things that were counted in each value's sentences, in nats.

    Args:
        counts: Shape (A, M).
        smoothing: Added to each count, scaled to values of the same size; positive.
        sizes: What the counts are shares of; their sums where ``None``. Shape (A,).

    Returns:
        Shape (A, M).

    Raises:
        ValueError: If there are fewer than 2 values, or nothing is added to counts.
    """
    attributes = len(counts)
    if attributes < 2 or smoothing <= 0:
        raise ValueError(
            f"need 2 values or more and a positive smoothing, got {attributes} and {smoothing}"
        )
    totals = np.asarray(counts.sum(axis=1) if sizes is None else sizes, dtype=np.float64)
    even = counts * (totals.mean() / np.maximum(totals, 1))[:, None]
    others = (even.sum(axis=0) - even) / (attributes - 1)
    ratios: npt.NDArray[np.float64] = (even + smoothing) / (others + smoothing)
    return np.log(ratios).astype(np.float32)


@dataclass(frozen=True)
class NgramSalience:
    """How strongly n-grams mark each value of the attribute.

    An n-gram is looked up in steps: as the number of its first n - 1 words among the (n-1)-grams of
    the table, and its last word. So a table takes whole flat arrays at once, and is arrays itself.

    Attributes:
        vocab_size: V.
        keys: For each n the number of the first n - 1 words times V plus the last word, rising.
            Shape (M_n,), int64.
        salience: For each n, in nats. Shape (A, M_n).
    """

    vocab_size: int
    keys: tuple[Integers, ...]
    salience: tuple[Floats, ...]

    @classmethod
    def count(
        cls,
        sentences: PackedSentences,
        attributes: int,
        vocab_size: int,
        *,
        smoothing: float = 1.0,
        rarest: int = 2,
    ) -> NgramSalience:
        """Count the n-grams of a labelled corpus.

        Args:
            sentences: With labels; those without one are left out.
            attributes: A, at least 2.
            vocab_size: V.
            smoothing: See :func:`word_salience`.
            rarest: n-grams of several words that are seen less often are left out.

        Raises:
            ValueError: As for :func:`word_salience`.
        """
        tokens, labels = _labelled_tokens(sentences, attributes)
        usable = (tokens > UNKNOWN) & (labels >= 0)
        sizes = np.bincount(labels[usable], minlength=attributes)
        keys: list[Integers] = []
        salience: list[Floats] = []
        numbers = np.zeros(len(tokens), dtype=np.int64)  # of the n-1 words from each place on
        for n in range(1, LONGEST_NGRAM + 1):
            found = _keys(numbers, tokens, n, vocab_size)
            found[labels < 0] = -1
            places = np.flatnonzero(found >= 0)
            distinct, inverse, seen = np.unique(
                found[places], return_inverse=True, return_counts=True
            )
            kept = seen >= (rarest if n > 1 else 1)
            new_numbers = np.where(kept, np.cumsum(kept) - 1, -1)
            numbers = np.full(len(tokens), -1, dtype=np.int64)
            numbers[places] = new_numbers[inverse]
            places = places[numbers[places] >= 0]
            size = int(kept.sum())
            counts = np.bincount(
                labels[places] * size + numbers[places], minlength=attributes * size
            )
            keys.append(distinct[kept])
            salience.append(
                log_ratios(counts.reshape(attributes, size), smoothing=smoothing, sizes=sizes)
            )
        return cls(vocab_size, tuple(keys), tuple(salience))

    @property
    def longest(self) -> int:
        """Most words of an n-gram."""
        return len(self.keys)

    def of(self, tokens: npt.NDArray[Any]) -> Floats:
        """Return the salience of the n-grams that start at each place, in nats.

        Args:
            tokens: Sentences end to end, each ending in ``<eos>``. Shape (N,).

        Returns:
            Shape (longest, A, N), 0 where there is no n-gram of the table.
        """
        ids = np.asarray(tokens, dtype=np.int64)
        attributes = len(self.salience[0])
        result = np.zeros((self.longest, attributes, len(ids)), dtype=np.float32)
        numbers = np.zeros(len(ids), dtype=np.int64)
        for n, (known, values) in enumerate(zip(self.keys, self.salience, strict=True), start=1):
            if not len(known):
                break
            found = _keys(numbers, ids, n, self.vocab_size)
            places = np.minimum(np.searchsorted(known, found), len(known) - 1)
            numbers = np.where(known[places] == found, places, -1)
            there = np.flatnonzero(numbers >= 0)
            result[n - 1][:, there] = values[:, numbers[there]]
        return result

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the table as named arrays, for a file."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        for n, (keys, salience) in enumerate(zip(self.keys, self.salience, strict=True), start=1):
            arrays[f"keys.{n}"], arrays[f"salience.{n}"] = keys, salience
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], vocab_size: int) -> NgramSalience:
        """Return the table that :meth:`arrays` gave."""
        longest = max(int(name.split(".")[1]) for name in arrays if name.startswith("keys."))
        numbers = range(1, longest + 1)
        return cls(
            vocab_size,
            tuple(arrays[f"keys.{n}"] for n in numbers),
            tuple(arrays[f"salience.{n}"] for n in numbers),
        )


def _keys(numbers: Integers, tokens: Integers, n: int, vocab_size: int) -> Integers:
    """Return the key of the n-gram that starts at each place, -1 where there is none.

    No n-gram runs over a sentence's end, because ``<eos>`` is in none.

    Args:
        numbers: Of the n - 1 words from each place on, negative where they are in no table; 0
            where n is 1. Shape (N,).
        tokens: Shape (N,).
        n: Words.
        vocab_size: V.
    """
    keys = np.full(len(tokens), -1, dtype=np.int64)
    last = tokens[n - 1 :]
    before = numbers[: len(last)]
    there = (before >= 0) & (last > UNKNOWN)
    keys[: len(last)][there] = before[there] * vocab_size + last[there]
    return keys


def _labelled_tokens(sentences: PackedSentences, attributes: int) -> tuple[Integers, Integers]:
    """Return every token, and the label of its sentence. Shapes (N,) and (N,)."""
    if sentences.labels is None:
        raise ValueError("salience is counted in labelled sentences; these have no labels")
    labels = np.asarray(sentences.labels, dtype=np.int64)
    if len(labels) and labels.max() >= attributes:
        raise ValueError(f"label {labels.max()} does not fit {attributes} values")
    return np.asarray(sentences.tokens, dtype=np.int64), np.repeat(labels, sentences.lengths)
