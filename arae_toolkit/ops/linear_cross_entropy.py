"""The decoder's softmax over the vocabulary, in chunks: a (B, T, V) tensor is never kept.

How it is trained depends on the device: :mod:`~arae_toolkit.ops.linear_cross_entropy_cpu` suits a
CPU's caches, :mod:`~arae_toolkit.ops.linear_cross_entropy_cuda` a GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor

from arae_toolkit.ops.linear_cross_entropy_cpu import chunked_nats, chunks
from arae_toolkit.ops.linear_cross_entropy_cuda import fused_nats

ROWS_AT_ONCE = {"cpu": 170, "cuda": 4096}
"""Rows whose scores are held at once where no gradient is wanted."""


def projected_nats(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    *,
    dtype: torch.dtype = torch.float32,
    ignored: int | None = None,
) -> Tensor:
    """Return the summed negative log-likelihood of the targets, in nats.

    Equals ``cross_entropy(hidden @ weight.T + bias, targets, reduction="sum")``.

    Args:
        hidden: Decoder states of real tokens only. Shape (N, H).
        weight: Shape (V, H).
        bias: Shape (V,).
        targets: Gold ids. Shape (N,), int64.
        dtype: Precision of the matrix products, float32 or bfloat16; sums are always float32.
        ignored: Rows with this target count nothing; without one all count.

    Raises:
        ValueError: If the shapes disagree.
    """
    if hidden.shape[0] != targets.shape[0] or hidden.shape[1] != weight.shape[1]:
        raise ValueError(
            f"hidden {tuple(hidden.shape)}, weight {tuple(weight.shape)} and targets "
            f"{tuple(targets.shape)} do not fit together"
        )
    if hidden.is_cuda:
        return fused_nats(hidden, weight, bias, targets, dtype=dtype, ignored=ignored)
    return chunked_nats(hidden, weight, bias, targets, dtype=dtype, ignored=ignored)


@torch.no_grad()
def token_statistics(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    *,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """Return, for each token, its negative log-likelihood in nats and whether it is the top choice.

    Args:
        hidden: Shape (N, H).
        weight: Shape (V, H).
        bias: Shape (V,).
        targets: Shape (N,), int64.
        dtype: Precision of the matrix products, by default the weights'; the softmax is float32.

    Returns:
        Two tensors of shape (N,), float32 and bool.
    """
    dtype = dtype or weight.dtype
    hidden, weight, bias = hidden.to(dtype), weight.to(dtype), bias.to(dtype)
    nats, correct = [], []
    most = ROWS_AT_ONCE.get(hidden.device.type, ROWS_AT_ONCE["cuda"])
    size, starts = chunks(len(hidden), most=most)
    for start in starts:
        rows = slice(start, start + size)
        scores = torch.addmm(bias, hidden[rows], weight.t()).float()
        answers = targets[rows, None]
        nats.append((scores.logsumexp(dim=1, keepdim=True) - scores.gather(1, answers))[:, 0])
        correct.append(scores.argmax(dim=1) == targets[rows])
    if not nats:
        return hidden.new_empty(0), hidden.new_empty(0, dtype=torch.bool)
    return torch.cat(nats), torch.cat(correct)
