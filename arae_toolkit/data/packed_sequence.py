"""Packed sequences: the real tokens of a batch, in the order in which an LSTM meets them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packing:
    """The real tokens of a batch in time order, the longest sentence first at each step.

    Computed from lengths known on the host, so that no step waits for the device.

    Attributes:
        places: Where each token stands in the flattened (B, T) table. Shape (N,), int64.
        rows: The sentence that each token belongs to. Shape (N,), int64.
        ends: Which of the N tokens is the last one of each sentence. Shape (B,), int64.
        counts: Sentences that are still going at each step. T numbers, falling.
    """

    places: Tensor
    rows: Tensor
    ends: Tensor
    counts: tuple[int, ...]

    @classmethod
    def of(cls, lengths: Indices, *, width: int, device: torch.device) -> Packing:
        """Pack sentences of these lengths, padded to ``width``. Shape of ``lengths``: (B,)."""
        order = np.argsort(-lengths, kind="stable")
        going = np.arange(int(lengths.max()))[:, None] < lengths[order][None, :]
        steps, ranks = np.nonzero(going)
        counts = going.sum(axis=1)
        starts = np.cumsum(counts) - counts
        ends = np.empty_like(order)
        ends[order] = starts[lengths[order] - 1] + np.arange(len(order))
        rows = order[ranks]
        places, row_of_each, end_of_each = (
            torch.from_numpy(array).to(device, non_blocking=True)
            for array in (rows * width + steps, rows, ends)
        )
        return cls(places, row_of_each, end_of_each, tuple(counts.tolist()))
