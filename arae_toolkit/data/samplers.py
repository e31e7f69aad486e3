"""Seeded samplers of batches: by epoch, balanced over classes, or drawn at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from arae_toolkit.data.packed_sequence import Indices

_POOL = 50  # batches that are sorted by length together


def balanced_batches(sizes: Sequence[int], batch_size: int) -> int:
    """Return how many batches with as many rows of each class an epoch has.

    Args:
        sizes: Rows of each class, A of them.
        batch_size: Rows a batch; a multiple of A is made of it.

    Raises:
        ValueError: If a class has no rows, or a batch cannot hold a row of each.

    Example:
        >>> balanced_batches([100, 40], 20)
        10
    """
    each = min(batch_size // len(sizes), max(sizes))
    if not min(sizes) or not each:
        raise ValueError(f"batches of {batch_size} cannot be balanced over {list(sizes)} rows")
    return max(sizes) // each


class BalancedSampler:
    """Length-bucketed batches with as many rows of each class, fixed by (seed, epoch).

    In an epoch each row of the largest class comes once, but for those left over at its end. Rows
    of smaller classes come as often as it takes, each as often as the others or once more.

    Args:
        lengths: Tokens per sentence. Shape (N,).
        labels: Class ids; negative rows are left out. Shape (N,).
        classes: A.
        batch_size: Rows a batch; a multiple of A is made of it.
        seed: Fixes the order of every epoch.

    Raises:
        ValueError: If a class has no rows, or a batch cannot hold a row of each.
    """

    def __init__(
        self, lengths: Indices, labels: Indices, classes: int, *, batch_size: int, seed: int
    ) -> None:
        self._rows = [np.flatnonzero(labels == label) for label in range(classes)]
        sizes = [len(rows) for rows in self._rows]
        self.batches_per_epoch = balanced_batches(sizes, batch_size)
        self._each = min(batch_size // classes, max(sizes))
        self._lengths, self._seed = lengths, seed
        self._epoch: tuple[int, Indices] = (-1, np.empty((0, 0), dtype=np.int64))

    def at(self, iteration: int) -> Indices:
        """Return the rows of an iteration's batch, counted from 0 over all epochs."""
        epoch, place = divmod(iteration, self.batches_per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._batches(epoch))
        rows: Indices = self._epoch[1][place]
        return rows

    def _batches(self, epoch: int) -> Indices:
        """Return the rows of every batch of an epoch. Shape (batches, B)."""
        random = np.random.default_rng([self._seed, epoch])
        needed = self.batches_per_epoch * self._each
        parts = []
        for rows in self._rows:
            rounds = -(-needed // len(rows))
            drawn = np.concatenate([random.permutation(rows) for _ in range(rounds)])[:needed]
            size = _POOL * self._each
            pools = [drawn[start : start + size] for start in range(0, needed, size)]
            by_length = [pool[np.argsort(self._lengths[pool], kind="stable")] for pool in pools]
            parts.append(np.concatenate(by_length).reshape(self.batches_per_epoch, self._each))
        # Batches of the same rank in their class's pool have like lengths.
        batches = np.concatenate(parts, axis=1)
        return batches[random.permutation(len(batches))]


class EpochSampler:
    """Every row once an epoch, in length-bucketed batches, in an order fixed by (seed, epoch).

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
        if len(lengths) == 0:
            raise ValueError("cannot sample from a split without rows")
        self.lengths = np.asarray(lengths)
        self.batch_size = min(batch_size, len(lengths))
        self.seed, self.pool = seed, pool
        self._epoch: tuple[int, list[Indices]] = (-1, [])

    def at(self, iteration: int) -> Indices:
        """Return the rows of an iteration's batch, counted from 0 over all epochs."""
        epoch, place = divmod(iteration, self.batches_per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, list(self.epoch(epoch)))
        return self._epoch[1][place]

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


def reseed(generator: torch.Generator, *, seed: int, iteration: int) -> None:
    """Make what is drawn in an iteration a function of (seed, iteration) alone.

    So that an iteration can be repeated from the weights before it, and a killed run resumed.
    """
    generator.manual_seed((seed * 1_000_003 + iteration) % 2**63)
