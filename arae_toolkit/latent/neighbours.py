"""Nearest sentences of a corpus by the cosine of their codes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

BLOCK_ROWS = 65_536
"""Codes compared at once, which bounds the memory."""


@dataclass(frozen=True)
class Neighbours:
    """What lies nearest to each query, the nearest first.

    Attributes:
        rows: Row numbers. Shape (Q, k), int64.
        cosines: Shape (Q, k).
    """

    rows: Tensor
    cosines: Tensor


@torch.no_grad()
def nearest(
    queries: Tensor, codes: Tensor, *, count: int, block_rows: int = BLOCK_ROWS
) -> Neighbours:
    """Return the codes that lie nearest to each query by cosine, by comparing with all of them.

    Args:
        queries: Shape (Q, Z).
        codes: Shape (N, Z).
        count: k; fewer are returned where there are fewer codes.
        block_rows: Codes compared at once.
    """
    queries = functional.normalize(queries, dim=1)
    cosines = queries.new_zeros(len(queries), 0)
    rows = torch.zeros(len(queries), 0, dtype=torch.int64, device=queries.device)
    for start in range(0, len(codes), block_rows):
        block = functional.normalize(codes[start : start + block_rows], dim=1)
        found = (queries @ block.t()).topk(min(count, len(block)), dim=1)
        cosines = torch.cat([cosines, found.values], dim=1)
        rows = torch.cat([rows, found.indices + start], dim=1)
        cosines, order = cosines.topk(min(count, cosines.shape[1]), dim=1)
        rows = rows.gather(1, order)
    return Neighbours(rows, cosines)
