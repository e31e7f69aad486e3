"""Sentences resident on the device, and seeded batches of them or of other rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arae_toolkit.corpus import PackedSentences
from arae_toolkit.noise import drop_words
from arae_toolkit.vocabulary import PAD

Indices = npt.NDArray[np.int64]


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
        ...

    @property
    def device(self) -> torch.device:
        """Where the rows lie."""
        ...

    @property
    def symbols(self) -> int:
        """Tokens or pixels in all rows together, known without asking the device."""
        ...

    def damaged(self, *, share: float, generator: torch.Generator) -> Batch:
        """Return the rows with a share of their symbols hidden, for a denoising encoder."""
        ...


class Store(Protocol):
    """All rows of a split on one device.

    Attributes:
        host_lengths: Symbols per row. Shape (N,).
    """

    host_lengths: Indices

    def __len__(self) -> int:
        """Return N."""
        ...

    def batch(self, indices: Indices) -> Batch:
        """Gather the rows of these numbers, in this order."""
        ...

    def grouped(self, indices: Indices, *, groups: int) -> tuple[Sequence[Batch], Tensor]:
        """Gather rows as a few batches, with the order that puts these rows back in place."""
        ...


@dataclass(frozen=True)
class TokenBatch:
    """A padded batch of sentences.

    Attributes:
        tokens: Right-padded ids, ``<eos>`` last in each row. Shape (B, T), int64.
        lengths: Tokens per sentence, ``<eos>`` included. Shape (B,), int64.
        real: Positions of the real tokens in the flattened ``tokens``. Shape (sum of lengths,).
            Computed from lengths known on the host, so that no step waits for the device.
    """

    row_name: ClassVar[str] = "sentence"
    symbol_name: ClassVar[str] = "token"

    tokens: Tensor
    lengths: Tensor
    real: Tensor

    def __len__(self) -> int:
        """Return B."""
        return self.tokens.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the tokens lie."""
        return self.tokens.device

    @property
    def symbols(self) -> int:
        """Real tokens in all sentences together."""
        return len(self.real)

    def damaged(self, *, share: float, generator: torch.Generator) -> TokenBatch:
        """Return the sentences with a share of their words replaced by ``<unk>``."""
        tokens = drop_words(self.tokens, self.lengths, share=share, generator=generator)
        return TokenBatch(tokens, self.lengths, self.real)


class TokenStore:
    """All sentences of a split on one device, gathered into batches there.

    Args:
        sentences: The packed split.
        device: Where the tokens are kept.
        static_length: Pad every batch to this many tokens instead of its own longest sentence, so
            that all batches have one shape (what a captured graph needs).
    """

    def __init__(
        self,
        sentences: PackedSentences,
        *,
        device: torch.device,
        static_length: int | None = None,
    ) -> None:
        """Copy the tokens to the device."""
        self.host_lengths: Indices = np.asarray(sentences.lengths)
        self.device = device
        self.static_length = static_length
        self._tokens = torch.from_numpy(np.asarray(sentences.tokens).astype(np.int32)).to(device)
        self._offsets = torch.from_numpy(np.array(sentences.offsets[:-1])).to(device)

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.host_lengths)

    def batch(self, indices: Indices) -> TokenBatch:
        """Gather the sentences of these row numbers, in this order."""
        host_lengths = self.host_lengths[indices]
        width = self.static_length or int(host_lengths.max())
        steps = np.arange(width)
        real = torch.from_numpy(np.flatnonzero(steps[None, :] < host_lengths[:, None]))
        rows = torch.from_numpy(np.ascontiguousarray(indices)).to(self.device, non_blocking=True)
        lengths = torch.from_numpy(host_lengths).to(self.device, non_blocking=True)
        columns = torch.arange(width, device=self.device)
        inside = columns < lengths[:, None]
        positions = torch.where(inside, self._offsets[rows][:, None] + columns, 0)
        tokens = self._tokens[positions].to(torch.int64).masked_fill(~inside, PAD)
        return TokenBatch(tokens, lengths, real.to(self.device, non_blocking=True))

    def grouped(self, indices: Indices, *, groups: int) -> tuple[list[TokenBatch], Tensor]:
        """Gather rows as a few batches of like lengths, which wastes less on padding.

        Returns:
            The batches, and the order that puts their rows, laid end to end, back into that of
            ``indices``. Shape (B,), int64.
        """
        groups = 1 if self.static_length is not None else max(1, min(groups, len(indices)))
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
        torch.from_numpy(np.flatnonzero(inside)).to(device),
    )


class EpochSampler:
    """Every row once an epoch, in batches of like lengths, in an order fixed by (seed, epoch).

    Args:
        lengths: Tokens per sentence. Shape (N,).
        batch_size: Rows a batch. What is left over at an epoch's end, less than one batch, is
            skipped; other rows are left over in the next epoch.
        seed: Fixes the order of every epoch.
        pool: Batches that are sorted by length together. 1 leaves batches unsorted.
    """

    def __init__(
        self, lengths: npt.NDArray[Any], *, batch_size: int, seed: int, pool: int = 50
    ) -> None:
        """Check the sizes."""
        if len(lengths) == 0:
            raise ValueError("cannot sample from a split without rows")
        self.lengths = np.asarray(lengths)
        self.batch_size = min(batch_size, len(lengths))
        self.seed, self.pool = seed, pool

    @property
    def batches_per_epoch(self) -> int:
        """Full batches in one epoch."""
        return len(self.lengths) // self.batch_size

    def epoch(self, epoch: int) -> Iterator[Indices]:
        """Yield the row numbers of each batch of an epoch (counted from 0)."""
        random = np.random.default_rng([self.seed, epoch])
        order = random.permutation(len(self.lengths))
        pool_rows = self.pool * self.batch_size
        sorted_pools = [
            part[np.argsort(self.lengths[part], kind="stable")]
            for part in (order[at : at + pool_rows] for at in range(0, len(order), pool_rows))
        ]
        # Only the last pool can hold a batch that is not full: it is the shortest rows' turn to
        # be skipped, so start the cut at a random place.
        last = np.roll(sorted_pools[-1], random.integers(len(sorted_pools[-1])))
        rows = np.concatenate([*sorted_pools[:-1], last])
        rows = rows[: self.batches_per_epoch * self.batch_size]
        batches = rows.reshape(-1, self.batch_size)
        yield from batches[random.permutation(len(batches))]


def draw(count: int, size: int, *, seed: tuple[int, ...]) -> Indices:
    """Draw ``size`` row numbers below ``count`` independently and uniformly, fixed by ``seed``."""
    return np.random.default_rng(seed).integers(count, size=size)
