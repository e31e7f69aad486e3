"""Batches of sentence pairs, gathered on the device where the pairs are resident."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arae_toolkit.data.corpus import PackedSentences, pack
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.token_batches import TokenBatch, TokenStore
from arae_toolkit.data.vocabulary import MOST_WORDS, UNKNOWN, Vocabulary
from arae_toolkit.nli.model import Pair


@dataclass(frozen=True)
class PairBatch:
    """B pairs.

    Attributes:
        premise: B sentences.
        hypothesis: B sentences.
        labels: Class ids, ``UNLABELLED`` where there is none. Shape (B,), int64.
        rows: Numbers of the pairs in their store. Shape (B,).
    """

    premise: TokenBatch
    hypothesis: TokenBatch
    labels: Tensor
    rows: Indices

    def __len__(self) -> int:
        """Return B."""
        return len(self.labels)


class PairStore:
    """All pairs of a split on one device.

    Args:
        sentences: Premise and hypothesis in turn, with a label for each pair.
        device: Where they are kept.

    Raises:
        ValueError: If the number of sentences is odd.
    """

    def __init__(self, sentences: PackedSentences, *, device: torch.device) -> None:
        """Copy the tokens to the device."""
        if len(sentences) % 2:
            raise ValueError(f"{len(sentences)} sentences are no pairs")
        self._sentences = _shortened(sentences)
        self._store = TokenStore(self._sentences, device=device)
        self.device = device
        count = len(sentences) // 2
        labels = np.full(count, -1) if sentences.labels is None else sentences.labels
        self.labels: npt.NDArray[np.int64] = np.asarray(labels).astype(np.int64)
        self._labels = torch.from_numpy(self.labels).to(device)

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.labels)

    @property
    def lengths(self) -> Indices:
        """Premise's and hypothesis's tokens in one number, for sorting by both. Shape (N,)."""
        lengths = self._store.host_lengths
        return lengths[0::2] * (MOST_WORDS + 2) + lengths[1::2]

    @cached_property
    def premise_ids(self) -> Indices:
        """A number for each pair that pairs of the same premise share. Shape (N,)."""
        numbers: dict[bytes, int] = {}
        premises = (self._sentences[2 * row].tobytes() for row in range(len(self)))
        return np.array([numbers.setdefault(one, len(numbers)) for one in premises])

    def hypothesis_words(self, row: int) -> list[int]:
        """Return the ids of a pair's hypothesis, ``<eos>`` last."""
        words: list[int] = self._sentences[2 * row + 1].tolist()
        return words

    def sentences_of(self, rows: Indices) -> Iterator[tuple[int, ...]]:
        """Yield the ids of both sentences of the pairs of these numbers, ``<eos>`` last."""
        for row in rows.tolist():
            for place in (2 * row, 2 * row + 1):
                yield tuple(self._sentences[place].tolist())

    def batch(self, rows: Indices) -> PairBatch:
        """Gather the pairs of these numbers, in this order."""
        return PairBatch(
            self._store.batch(2 * rows),
            self._store.batch(2 * rows + 1),
            self._labels[torch.from_numpy(np.ascontiguousarray(rows)).to(self.device)],
            rows,
        )


def in_vocabulary(
    sentences: PackedSentences, source: Vocabulary, target: Vocabulary
) -> PackedSentences:
    """Return the sentences in the ids of another vocabulary, words it lacks as ``<unk>``."""
    if source.sha256 == target.sha256:
        return sentences
    known = {word: index for index, word in enumerate(target.words)}
    ids = np.array([known.get(word, UNKNOWN) for word in source.words], dtype=np.uint32)
    return PackedSentences(ids[sentences.tokens], sentences.offsets, sentences.labels)


def _shortened(sentences: PackedSentences) -> PackedSentences:
    """Cut sentences to ``MOST_WORDS`` words, their ``<eos>`` kept."""
    lengths = sentences.lengths
    if int(lengths.max(initial=0)) <= MOST_WORDS + 1:
        return sentences
    within = np.arange(len(sentences.tokens)) - np.repeat(sentences.offsets[:-1], lengths)
    last = within == np.repeat(lengths - 1, lengths)
    kept = (within < MOST_WORDS) | last
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(np.minimum(lengths, MOST_WORDS + 1), out=offsets[1:])
    return PackedSentences(np.asarray(sentences.tokens)[kept], offsets, sentences.labels)


def store_of_texts(
    pairs: Sequence[Pair], labels: Sequence[int], vocabulary: Vocabulary, *, device: torch.device
) -> PairStore:
    """Return pairs of texts with their class ids, in the words of a vocabulary."""
    texts = [text for pair in pairs for text in pair]
    ids = vocabulary.encode_batch(texts)
    return PairStore(pack(ids, vocab_size=len(vocabulary), labels=labels), device=device)
