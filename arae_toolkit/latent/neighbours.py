"""Nearest sentences of a corpus by the cosine of their codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.models.arae import ARAE

BLOCK_ROWS = 65_536
"""Codes compared at once, which bounds the memory."""
ENCODED_ROWS = 16_384
"""Texts read from one report of how far it is to the next."""


@dataclass(frozen=True)
class Neighbours:
    """What lies nearest to each query, the nearest first.

    Attributes:
        rows: Row numbers. Shape (Q, k), int64.
        cosines: Shape (Q, k).
    """

    rows: Tensor
    cosines: Tensor


def encoded(
    model: ARAE,
    texts: Sequence[str],
    *,
    block_rows: int = ENCODED_ROWS,
    advance: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Return the code of each of many texts. Shape (N, Z).

    Args:
        model: It has codes.
        texts: N of them, one at least.
        block_rows: Texts read together: a model reads what many begin with once.
        advance: Called with the number of texts that were read.
    """
    codes = []
    for start in range(0, len(texts), block_rows):
        part = texts[start : start + block_rows]
        codes.append(model.encode(part))
        advance(len(part))
    return torch.cat(codes)


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
