"""Attribute markers of a sentence, and TF-IDF retrieval by its other words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer

from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.vocabulary import UNKNOWN
from arae_toolkit.transfer.rewriter import Sentence
from arae_toolkit.transfer.salience import Floats, Integers, NgramSalience

Span = tuple[int, int]
"""Where words start, and how many they are."""

_BLOCK_SENTENCES = 16_384
_QUERIES = 256  # looked up together
# A word of more sentences than this share tells little of what one is about, and would be in half
# of all comparisons.
_COMMON = 0.2
_FEW = 10  # sentences that make no word common


def marked_spans(salience: Floats, *, threshold: float) -> list[Span]:
    """Return the n-grams of one sentence that mark an attribute, in the order of the text.

    The most salient ones are taken first, the shorter of two that are equally so, which keeps more
    of the sentence; those that would overlap one taken before are passed over. Those that follow
    each other are one marker.

    Args:
        salience: Of the n-grams of 1, 2, ... words that start at each place. Shape (n, T).
        threshold: Nats from which an n-gram is a marker.

    Example:
        >>> salience = np.array([[0.0, 2.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0]])
        >>> marked_spans(salience, threshold=1.5)  # the two words from place 1 on
        [(1, 2)]
    """
    sizes, starts = np.nonzero(salience >= threshold)
    order = np.lexsort((starts, sizes, -salience[sizes, starts]))
    taken = np.zeros(salience.shape[1] + 2, dtype=np.int8)  # with an untaken place at either end
    for start, length in zip(starts[order].tolist(), (sizes[order] + 1).tolist(), strict=True):
        own = taken[1 + start : 1 + start + length]
        if not own.any():
            own[:] = 1
    steps = np.diff(taken)
    firsts, ends = np.flatnonzero(steps > 0), np.flatnonzero(steps < 0)
    return list(zip(firsts.tolist(), (ends - firsts).tolist(), strict=True))


def markers_of(
    sentences: PackedSentences, salience: NgramSalience, *, threshold: float
) -> npt.NDArray[np.uint8]:
    """Return which marker of its own attribute each token belongs to; 0 is none.

    Args:
        sentences: With labels.
        salience: Of n-grams.
        threshold: Nats from which an n-gram is a marker.

    Returns:
        Markers are counted from 1 in each sentence. Shape (number of tokens,).
    """
    assert sentences.labels is not None, "salience was counted in labelled sentences"
    markers = np.zeros(len(sentences.tokens), dtype=np.uint8)
    offsets, labels = np.asarray(sentences.offsets), np.asarray(sentences.labels)
    for first in range(0, len(sentences), _BLOCK_SENTENCES):
        bounds = offsets[first : first + _BLOCK_SENTENCES + 1]
        of_block = salience.of(sentences.tokens[bounds[0] : bounds[-1]])
        for row in range(first, first + len(bounds) - 1):
            if labels[row] < 0:
                continue
            start, end = offsets[row] - bounds[0], offsets[row + 1] - bounds[0]
            spans = marked_spans(of_block[:, labels[row], start:end], threshold=threshold)
            for number, (place, length) in enumerate(spans[:255], start=1):
                at = offsets[row] + place
                markers[at : at + length] = number
    return markers


class TfidfRetrieval:
    """The sentences of one attribute that hold markers, found by the words beside these.

    Words count by TF-IDF; likeness is the cosine.

    Args:
        sentences: Of all attributes.
        markers: As :func:`markers_of` returns them.
        rows: Numbers of this attribute's sentences. Shape (N,).
        vocab_size: V.
    """

    def __init__(
        self,
        sentences: PackedSentences,
        markers: npt.NDArray[np.uint8],
        rows: Integers,
        *,
        vocab_size: int,
    ) -> None:
        offsets = np.asarray(sentences.offsets)
        marked = np.add.reduceat(markers, offsets[:-1], dtype=np.int64) > 0
        self._rows = rows[marked[rows]]
        self._sentences, self._markers = sentences, markers
        contents = [self._content(row) for row in self._rows]
        appearances = np.zeros(vocab_size, dtype=np.int64)
        for content in contents:
            appearances[np.unique(content)] += 1
        self._common = appearances > max(_FEW, _COMMON * len(contents))
        self._weights = TfidfVectorizer(
            analyzer=self._rarer,
            lowercase=False,
            vocabulary={word: word for word in range(vocab_size)},
            dtype=np.float32,
        )
        self._table: Any = None
        if contents:
            self._table = self._weights.fit_transform(contents).T.tocsr()

    def nearest(self, contents: Sequence[Sentence], *, count: int) -> list[list[list[Sentence]]]:
        """Return the markers of the sentences whose other words are most like those given.

        Args:
            contents: Words of N sentences.
            count: Most sentences to look up for each, of those whose markers differ.

        Returns:
            For each content, for each sentence found, the nearest first: its markers in order.
        """
        if self._table is None:
            return [[] for _ in contents]
        found: list[list[list[Sentence]]] = []
        for start in range(0, len(contents), _QUERIES):
            part = self._weights.transform(contents[start : start + _QUERIES])
            likeness = (part @ self._table).tocsr()
            for row in range(part.shape[0]):
                entries = slice(likeness.indptr[row], likeness.indptr[row + 1])
                places = _largest(likeness.data[entries], likeness.indices[entries], 8 * count)
                found.append(self._distinct(places, count))
        return found

    def _distinct(self, places: Integers, count: int) -> list[list[Sentence]]:
        """Return the first few different lists of markers of sentences in this order."""
        chosen: list[list[Sentence]] = []
        for place in places.tolist() or range(min(count, len(self._rows))):
            markers = self._markers_at(int(self._rows[place]))
            if markers not in chosen:
                chosen.append(markers)
            if len(chosen) == count:
                break
        return chosen

    def _tokens(self, row: int) -> tuple[Integers, npt.NDArray[np.uint8]]:
        """Return the tokens of a sentence, and the marker that each belongs to."""
        offsets = self._sentences.offsets
        own = slice(int(offsets[row]), int(offsets[row + 1]))
        return np.asarray(self._sentences.tokens[own], dtype=np.int64), self._markers[own]

    def _content(self, row: int) -> Integers:
        """Return the known words of a sentence beside its markers."""
        tokens, markers = self._tokens(row)
        content: Integers = tokens[(markers == 0) & (tokens > UNKNOWN)]
        return content

    def _markers_at(self, row: int) -> list[Sentence]:
        """Return the markers of a sentence in order, each a list of words."""
        tokens, markers = self._tokens(row)
        return [tokens[markers == number].tolist() for number in range(1, int(markers.max()) + 1)]

    def _rarer(self, content: Sequence[Any]) -> list[int]:
        """Return the words of a content but for those that most sentences share."""
        return [int(word) for word in content if not self._common[word]]


def _largest(values: Floats, places: npt.NDArray[Any], count: int) -> Integers:
    """Return the places of the largest values, the largest first and the first of equal ones."""
    if len(values) > count:
        least = np.partition(values, len(values) - count)[len(values) - count]
        kept = values >= least
        values, places = values[kept], places[kept]
    order = np.lexsort((places, -values))[:count]
    return np.asarray(places[order], dtype=np.int64)
