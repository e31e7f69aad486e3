"""Sentences resident on the device, and length-bucketed batches of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.noise import drop_words
from arae_toolkit.data.packed_sequence import Indices, Packing
from arae_toolkit.data.vocabulary import PAD

PADDED_TOKENS = 2**26
"""A GPU keeps a split as one padded table of so many tokens at most: 256 MiB."""


class Batch(Protocol):
    """What a training step needs to know of the rows it works on.

    Attributes:
        row_name: What a row is called in names of measurements, such as ``sentence``.
        symbol_name: The same of what a row is made of, such as ``token``.
    """

    row_name: ClassVar[str]
    symbol_name: ClassVar[str]

    def __len__(self) -> int:
        """Return B."""

    @property
    def device(self) -> torch.device:
        """Where the rows lie."""

    @property
    def symbols(self) -> int | Tensor:
        """Tokens or pixels in all rows together, given without waiting for the device."""

    @property
    def words(self) -> Tensor | None:
        """What a softmax over a vocabulary is to predict, if there is one."""

    def corrupted(self, *, share: float, generator: torch.Generator) -> Batch:
        """Return the rows with a share of their symbols hidden, for a denoising encoder.

        Nothing is drawn from the generator where nothing can be hidden.
        """

    def part(self, rows: slice) -> Batch:
        """Return some of the rows, in their order."""


class Store(Protocol):
    """All rows of a split on one device.

    Attributes:
        host_lengths: Symbols per row. Shape (N,).
        device: Where the rows lie.
        keeps_order: Whether :meth:`batch` leaves rows in the order that is asked for.
    """

    host_lengths: Indices
    device: torch.device
    keeps_order: bool

    def __len__(self) -> int:
        """Return N."""

    def batch(self, indices: Indices) -> Batch:
        """Gather the rows of these numbers, in this order where the store keeps it."""

    def batch_on_device(self, rows: Tensor, *, width: int) -> Batch:
        """Gather rows named on the device, padded to ``width``, by operations alike for any."""

    def width(self, indices: Indices) -> int:
        """Return the symbols of the longest of these rows."""

    def grouped(self, indices: Indices, *, groups: int) -> tuple[Sequence[Batch], Tensor]:
        """Gather rows as a few batches, with the order that puts these rows back in place."""


@dataclass(frozen=True)
class TokenBatch:
    """A padded batch of sentences.

    Attributes:
        tokens: Right-padded ids, ``<eos>`` last in each row. Shape (B, T), int64.
        lengths: Tokens per sentence, ``<eos>`` included. Shape (B,), int64.
        packing: Where the real tokens are; ``None`` where the host does not know the lengths, as
            inside a captured graph.
    """

    row_name: ClassVar[str] = "sentence"
    symbol_name: ClassVar[str] = "token"

    tokens: Tensor
    lengths: Tensor
    packing: Packing | None

    def __len__(self) -> int:
        """Return B."""
        return self.tokens.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the tokens lie."""
        return self.tokens.device

    @property
    def symbols(self) -> int | Tensor:
        """Real tokens in all sentences together."""
        return self.lengths.sum() if self.packing is None else len(self.packing.places)

    @property
    def words(self) -> Tensor:
        """Real tokens in all sentences, or without packing all tokens. Shape (N,)."""
        words = self.tokens.flatten()
        return words if self.packing is None else words[self.packing.places]

    def corrupted(self, *, share: float, generator: torch.Generator) -> Self:
        """Return the sentences with a share of their words replaced by ``<unk>``."""
        if not share:
            return self
        tokens = drop_words(self.tokens, self.lengths, share=share, generator=generator)
        return self.with_tokens(tokens)

    def with_tokens(self, tokens: Tensor) -> Self:
        """Return sentences of the same lengths with other words. Shape (B, T)."""
        return replace(self, tokens=tokens)

    def part(self, rows: slice, *, narrow: bool = True) -> TokenBatch:
        """Return some of the sentences, in their order, without their attributes.

        Args:
            rows: Which ones.
            narrow: Whether columns that hold nothing of theirs are left out.
        """
        tokens, lengths = self.tokens[rows], self.lengths[rows]
        if self.packing is None:
            return TokenBatch(tokens, lengths, None)
        host_lengths = lengths.numpy(force=True)
        width = int(host_lengths.max()) if narrow else tokens.shape[1]
        packing = Packing.of(host_lengths, width=width, device=self.device)
        return TokenBatch(tokens[:, :width].contiguous(), lengths, packing)


class TokenStore:
    """All sentences of a split on one device, gathered into batches there.

    Args:
        sentences: The packed split.
        device: Where the tokens are kept.
    """

    keeps_order = True

    def __init__(self, sentences: PackedSentences, *, device: torch.device) -> None:
        """Copy the tokens to the device."""
        self.host_lengths: Indices = np.asarray(sentences.lengths)
        self.device = device
        self._tokens = torch.from_numpy(np.asarray(sentences.tokens).astype(np.int32)).to(device)
        self._offsets = torch.from_numpy(np.array(sentences.offsets[:-1])).to(device)
        self._lengths = torch.from_numpy(self.host_lengths.astype(np.int64)).to(device)
        # A GPU takes as long to start on each operation as on the one that reads a padded table.
        self._padded: Tensor | None = None
        longest = int(self.host_lengths.max(initial=0))
        if device.type == "cuda" and len(self) * longest <= PADDED_TOKENS:
            self._padded = self._gathered(slice(None), self._lengths, longest)

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.host_lengths)

    def batch(self, indices: Indices) -> TokenBatch:
        """Gather the sentences of these row numbers, in this order."""
        lengths = self.host_lengths[indices]
        width = int(lengths.max())
        rows = torch.from_numpy(np.ascontiguousarray(indices)).to(self.device, non_blocking=True)
        packing = Packing.of(lengths, width=width, device=self.device)
        return replace(self.batch_on_device(rows, width=width), packing=packing)

    def batch_on_device(self, rows: Tensor, *, width: int) -> TokenBatch:
        """Gather the sentences of these row numbers, padded to ``width``, without packing.

        Nothing here depends on the host: the same operations serve any rows, which is what a
        captured graph needs.

        Args:
            rows: On the store's device. Shape (B,), int64.
            width: At least the longest sentence, in tokens.
        """
        lengths = self._lengths[rows]
        if self._padded is not None:
            return TokenBatch(self._padded[rows, :width].to(torch.int64), lengths, None)
        return TokenBatch(self._gathered(rows, lengths, width).to(torch.int64), lengths, None)

    def _gathered(self, rows: Tensor | slice, lengths: Tensor, width: int) -> Tensor:
        """Return sentences out of the packed tokens, padded to ``width``."""
        columns = torch.arange(width, device=self.device)
        inside = columns < lengths[:, None]
        positions = torch.where(inside, self._offsets[rows][:, None] + columns, 0)
        return self._tokens[positions].masked_fill_(~inside, PAD)

    def width(self, indices: Indices) -> int:
        """Return the tokens of the longest of these sentences."""
        return int(self.host_lengths[indices].max())

    def grouped(self, indices: Indices, *, groups: int) -> tuple[list[TokenBatch], Tensor]:
        """Gather rows as a few length-bucketed batches, which wastes less on padding.

        Returns:
            The batches, and the order that puts their rows, laid end to end, back into that of
            ``indices``. Shape (B,), int64.
        """
        groups = max(1, min(groups, len(indices)))
        by_length = np.argsort(self.host_lengths[indices], kind="stable")
        batches = [self.batch(indices[part]) for part in np.array_split(by_length, groups)]
        return batches, torch.from_numpy(np.argsort(by_length, kind="stable")).to(self.device)


def batch_of(sentences: list[list[int]], *, device: torch.device) -> TokenBatch:
    """Pad sentences of ids, each ending in ``<eos>``, into one batch."""
    lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
    tokens = np.full((len(sentences), int(lengths.max())), PAD, dtype=np.int64)
    inside = np.arange(tokens.shape[1])[None, :] < lengths[:, None]
    tokens[inside] = np.concatenate([np.asarray(sentence) for sentence in sentences])
    return TokenBatch(
        torch.from_numpy(tokens).to(device),
        torch.from_numpy(lengths).to(device),
        Packing.of(lengths, width=tokens.shape[1], device=device),
    )


def real_tokens(batch: TokenBatch) -> Tensor:
    """Return where the tokens of a batch are, and not padding. Shape (B, T), bool."""
    columns = torch.arange(batch.tokens.shape[1], device=batch.device)
    return columns < batch.lengths[:, None]


MOST_PADDED_TOKENS = 8192


def length_bucketed_batches(
    sentences: Sequence[list[int]], batch_size: int, *, device: torch.device
) -> Iterator[tuple[list[int], TokenBatch]]:
    """Yield sentences in length-bucketed batches, with the row numbers they hold.

    A batch ends early where its padding would grow large: one very long text among short ones
    does not make them all long.

    Args:
        sentences: Ids, each sentence ending in ``<eos>``.
        batch_size: Most rows of a batch.
        device: Of the batches.
    """
    rows: list[int] = []
    for row in sorted(range(len(sentences)), key=lambda row: len(sentences[row])):
        tokens = (len(rows) + 1) * len(sentences[row])
        if rows and (len(rows) == batch_size or tokens > MOST_PADDED_TOKENS):
            yield rows, batch_of([sentences[r] for r in rows], device=device)
            rows = []
        rows.append(row)
    if rows:
        yield rows, batch_of([sentences[r] for r in rows], device=device)
