"""Batches of sentences grouped by an attribute, with masking of the words that mark it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.noise import drop_words
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.token_batches import TokenBatch, TokenStore


@dataclass(frozen=True)
class LabelledBatch(TokenBatch):
    """Sentences with their attribute values, in any order.

    Attributes:
        labels: The value of each sentence. Shape (B,), int64.
        chances: How likely each value's words are hidden when it is corrupted. Shape (A, V);
            ``None`` hides none of them.
    """

    labels: Tensor
    chances: Tensor | None

    @property
    def whole(self) -> TokenBatch:
        """All sentences, without their attributes."""
        return TokenBatch(self.tokens, self.lengths, self.packing)

    def corrupted(self, *, share: float, generator: torch.Generator) -> Self:
        """Return the sentences with words hidden from the encoder.

        Args:
            share: Of words hidden whatever they are.
            generator: Source of randomness.
        """
        if self.chances is None:
            return super().corrupted(share=share, generator=generator)
        chance = self.chances[self.labels[:, None], self.tokens]
        chance = 1 - (1 - share) * (1 - chance)
        tokens = drop_words(self.tokens, self.lengths, share=chance, generator=generator)
        return self.with_tokens(tokens)


@dataclass(frozen=True)
class AttributeBatch(LabelledBatch):
    """Sentences of several attribute values, those of each value together.

    An encoder reads all of them; decoders read the parts, which stay whole when it is corrupted.

    Attributes:
        parts: The sentences of each value that occurs, by value; together they are the batch.
    """

    parts: dict[int, TokenBatch]


class AttributeStore:
    """Labelled sentences of a split on one device, gathered into batches grouped by attribute.

    Args:
        sentences: The packed split; every sentence has a label.
        device: Where the tokens are kept.
        chances: See :class:`LabelledBatch`.

    Attributes:
        labels: The attribute value of each sentence. Shape (N,).

    Raises:
        ValueError: If a sentence has no label.
    """

    keeps_order = False  # a batch lies grouped by attribute

    def __init__(
        self,
        sentences: PackedSentences,
        *,
        device: torch.device,
        chances: Tensor | None = None,
    ) -> None:
        """Copy the tokens to the device."""
        self.labels = attribute_values(sentences)
        self.device, self.chances = device, chances
        self._store = TokenStore(sentences, device=device)
        self.host_lengths = self._store.host_lengths

    def __len__(self) -> int:
        """Return N."""
        return len(self._store)

    def batch(self, indices: Indices) -> AttributeBatch:
        """Gather the sentences of these row numbers, ordered by attribute value."""
        rows = indices[np.argsort(self.labels[indices], kind="stable")]
        labels = self.labels[rows]
        values = [int(value) for value in np.unique(labels)]
        whole = self._store.batch(rows)
        return AttributeBatch(
            *(whole.tokens, whole.lengths, whole.packing),
            *(torch.from_numpy(labels).to(self.device), self.chances),
            {value: self._store.batch(rows[labels == value]) for value in values},
        )

    def batch_on_device(self, rows: Tensor, *, width: int) -> TokenBatch:
        """Gather sentences named on the device; without their attributes."""
        return self._store.batch_on_device(rows, width=width)

    def width(self, indices: Indices) -> int:
        """Return the tokens of the longest of these sentences."""
        return self._store.width(indices)

    def grouped(self, indices: Indices, *, groups: int) -> tuple[list[LabelledBatch], Tensor]:
        """Gather sentences in length-bucketed batches; see :meth:`TokenStore.grouped`."""
        batches, order = self._store.grouped(indices, groups=groups)
        labels = torch.from_numpy(self.labels[indices]).to(self.device)[order.argsort()]
        parts = labels.split([len(batch) for batch in batches])
        return [
            LabelledBatch(batch.tokens, batch.lengths, batch.packing, part, self.chances)
            for batch, part in zip(batches, parts, strict=True)
        ], order


def attribute_values(sentences: PackedSentences) -> Indices:
    """Return the attribute value of each sentence. Shape (N,), int64.

    Raises:
        ValueError: If a sentence has no label.
    """
    if sentences.labels is None or (np.asarray(sentences.labels) < 0).any():
        raise ValueError("every sentence needs a label")
    return np.asarray(sentences.labels).astype(np.int64)


def class_weights(labels: np.ndarray, classes: int) -> Tensor:
    """Return weights that make all classes count alike, one on the mean over rows. Shape (A,).

    Args:
        labels: Class of each row. Shape (N,). A class that never occurs has weight 0.
        classes: A.

    Example:
        >>> class_weights(np.array([0, 0, 0, 1]), 2)
        tensor([0.6667, 2.0000])
    """
    counts = np.bincount(labels, minlength=classes)
    weights = np.where(counts > 0, len(labels) / (classes * np.maximum(counts, 1)), 0.0)
    return torch.from_numpy(weights.astype(np.float32))
