"""Phrases of training text, found by the words around them.

A word at a time, a sentence becomes one put for a word; a phrase that people have written between
the same two words fits them, and its own words fit each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.vocabulary import EOS, UNKNOWN
from arae_toolkit.transfer.infilling.token_scoring import Floats

Words = tuple[int, ...]
Ints = npt.NDArray[np.int64]
PREFIX = "phrases."
"""Of the names of its tensors in a model folder."""
_MOST_PLACES = 3000  # between the same two words, of one length: more of them tell nothing new
_MOST_KEPT = 20_000  # pairs of words whose phrases are kept
_MOST_MARK, _MOST_OTHER = 2.5, 3.0  # nats: beyond them, rarity says more than meaning


@dataclass(frozen=True)
class Between:
    """The distinct phrases between two words in the sentences of one attribute.

    Attributes:
        phrases: P of them.
        counts: How often each was found. Shape (P,).
        sizes: Words of each. Shape (P,).
        flat: The words of all, one after the other.
    """

    phrases: list[Words]
    counts: Ints
    sizes: Ints
    flat: Ints

    @classmethod
    def of(cls, counts: Mapping[Words, int]) -> Between:
        """Return counted phrases."""
        return cls(
            list(counts),
            np.array(list(counts.values()), dtype=np.int64),
            np.array([len(one) for one in counts], dtype=np.int64),
            np.array([word for one in counts for word in one], dtype=np.int64),
        )


class PhraseTable:
    """The phrases of labelled sentences, by the word before and the word behind.

    Args:
        tokens: Of all sentences, each with ``<eos>`` last. Shape (T,), int64.
        labels: Attribute of each sentence, negative for none. Shape (N,), int64.
        longest: Words of a phrase at most.
    """

    def __init__(self, tokens: Ints, labels: Ints, *, longest: int) -> None:
        self.tokens, self.labels, self.longest = tokens, labels, longest
        ends = np.flatnonzero(tokens == EOS)
        if len(ends) != len(labels) or (len(tokens) and tokens[-1] != EOS):
            raise ValueError(f"{len(ends)} sentences and {len(labels)} labels")
        starts = np.concatenate([[0], ends[:-1] + 1])
        self._sentences = frozenset(
            tuple(tokens[start : end + 1].tolist()) for start, end in zip(starts, ends, strict=True)
        )
        self._index: dict[tuple[int, int], tuple[Ints, Ints]] = {}
        self._found: dict[tuple[int, int, int], Between] = {}

    @classmethod
    def of(cls, sentences: PackedSentences, *, longest: int) -> PhraseTable:
        """Return the table of labelled sentences."""
        assert sentences.labels is not None, "phrases are those of an attribute"
        tokens = np.asarray(sentences.tokens, dtype=np.int64)
        return cls(tokens, np.asarray(sentences.labels, dtype=np.int64), longest=longest)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> PhraseTable:
        """Return the table that :meth:`tensors` were made of.

        Raises:
            KeyError, ValueError: If one is missing, or they do not fit together.
        """
        tokens, labels, longest = (
            tensors[PREFIX + name].cpu().numpy().astype(np.int64)
            for name in ("tokens", "labels", "longest")
        )
        return cls(tokens, labels, longest=int(longest))

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What a model folder keeps of it."""
        return {
            PREFIX + "tokens": torch.from_numpy(self.tokens.astype(np.int32)),
            PREFIX + "labels": torch.from_numpy(self.labels.astype(np.int16)),
            PREFIX + "longest": torch.tensor(self.longest),
        }

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy has of this: not what is kept for further calls."""
        return {**self.__dict__, "_index": {}, "_found": {}}

    def __contains__(self, words: Words) -> bool:
        """Return whether this is one of the sentences."""
        return words in self._sentences

    def between(self, before: int, after: int, attribute: int) -> Between:
        """Return the phrases that stand between two words in sentences of an attribute.

        Args:
            before: The word before, ``<eos>`` at the beginning of a sentence.
            after: The word behind, or ``<eos>``.
            attribute: Of the sentences.
        """
        key = before, after, attribute
        if key not in self._found:
            if len(self._found) >= _MOST_KEPT:
                self._found.clear()
            self._found[key] = self._looked_up(before, after, attribute)
        return self._found[key]

    def _looked_up(self, before: int, after: int, attribute: int) -> Between:
        counts = Counter[Words]()
        for length in range(1, self.longest + 1):
            keys, places = self._places(length, attribute)
            wanted = _key(before, after)
            first, last = np.searchsorted(keys, [wanted, wanted + 1])
            rows = places[first : min(last, first + _MOST_PLACES), None] + np.arange(length)
            counts.update(map(tuple, self.tokens[rows].tolist()))
        return Between.of(counts)

    def _places(self, length: int, attribute: int) -> tuple[Ints, Ints]:
        """Return the keys of all phrases of a length, rising, and where each begins."""
        if (length, attribute) not in self._index:
            tokens = np.concatenate([self.tokens, [EOS]])  # a word before the first one, at -1
            ends = self.tokens <= UNKNOWN  # a phrase holds neither the end nor an unknown word
            before = np.concatenate([[0], np.cumsum(ends)])
            places = np.arange(max(0, len(self.tokens) - length))
            known = before[places + length] == before[places]
            sentence = np.concatenate([[0], np.cumsum(self.tokens == EOS)[:-1]])
            places = places[known & (self.labels[sentence[places]] == attribute)]
            keys = _key(tokens[places - 1], tokens[places + length])
            order = np.argsort(keys, kind="stable")
            self._index[length, attribute] = keys[order], places[order]
        return self._index[length, attribute]


def _key(before: npt.ArrayLike, after: npt.ArrayLike) -> Ints:
    """Return one number for two words."""
    result: Ints = (np.asarray(before, dtype=np.int64) << 32) + np.asarray(after, dtype=np.int64)
    return result


def phrase_edits(
    words: Words,
    target: int,
    table: PhraseTable,
    *,
    marks: Floats,
    of_others: Floats,
    usage: Floats,
    ways: int,
    most: int,
) -> list[Words]:
    """Return sentences in which a phrase of the target stands for words that mark others.

    Of two phrases the better one marks the target more and others less, is used like what it
    stands for, was found more often and is as long.

    Args:
        words: A sentence, ``<eos>`` last.
        target: The attribute wanted.
        table: Of the phrases.
        marks: Nats by which each word marks the target. Shape (V,).
        of_others: Nats by which each marks others, 0 where it is too little to count. Shape (V,).
        usage: See :mod:`~arae_toolkit.transfer.infilling.word_similarity`. Shape (V, D).
        ways: Phrases tried for each part of the sentence.
        most: Sentences returned, the most promising ones.
    """
    left = np.where(np.array(words) > UNKNOWN, of_others[list(words)], 0.0)
    found: dict[Words, float] = {}
    for length in range(1, table.longest + 1):
        for start in range(len(words) - length):
            part, stop = words[start : start + length], start + length
            gone = float(left[start:stop].sum())
            around = words[start - 1] if start else EOS, words[stop]
            if not gone or UNKNOWN in (*part, *around):
                continue
            between = table.between(*around, target)
            if not between.phrases:
                continue
            alike = usage[between.flat] @ usage[list(part)].mean(axis=0)
            worth = _worth(between, marks, of_others, alike) + min(gone, 2 * _MOST_MARK)
            worth -= 0.5 * np.abs(between.sizes - length)
            for at in np.argsort(-worth, kind="stable")[:ways].tolist():
                one = (*words[:start], *between.phrases[at], *words[stop:])
                if between.phrases[at] != part and one not in table:
                    found[one] = max(found.get(one, -np.inf), float(worth[at]))
    return sorted(found, key=lambda one: (-found[one], one))[:most]


def _worth(between: Between, marks: Floats, of_others: Floats, alike: Floats) -> Floats:
    """Return how promising each phrase is by itself.

    Args:
        between: P phrases.
        marks: See :func:`phrase_edits`.
        of_others: See there.
        alike: How much each of their words is used like what it would stand for.

    Returns:
        Shape (P,).
    """
    flat, starts = between.flat, np.cumsum(between.sizes) - between.sizes
    marked = np.maximum.reduceat(marks[flat], starts).clip(max=_MOST_MARK)
    other = np.add.reduceat(of_others[flat], starts).clip(max=_MOST_OTHER)
    used = np.add.reduceat(alike, starts) / between.sizes
    worth = marked - 1.5 * other + 2.0 * used + 0.5 * np.log(between.counts)
    return worth.astype(np.float32)
