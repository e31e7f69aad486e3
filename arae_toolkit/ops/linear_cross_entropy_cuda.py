"""Linear cross-entropy on a GPU: three large matrix products and one kernel between them.

Tensor cores want sizes that are multiples of eight, so words and columns are filled up with zeros.
One of the added columns does some work: the states have a 1 there and the table the bias, so that
the products add the bias and sum up its gradient on the way.
"""

from __future__ import annotations

import importlib

import torch
from torch import Tensor

from arae_toolkit.ops.linear_cross_entropy_cpu import up_to
from arae_toolkit.ops.triton_support import has_triton

BLOCK_WORDS, WARPS = 2048, 8
NO_WORD = -1
MULTIPLE = 8
CHUNK_BYTES = 2**29
"""Of scores held at once. Larger chunks are quicker: the table's gradient is summed less often."""


def softmax_less_one_hot_(scores: Tensor, answers: Tensor, *, ignored: int | None = None) -> Tensor:
    """Overwrite scores with the gradient of their summed nats; return the nats of the answers.

    Args:
        scores: Before the softmax; sums are float32 whatever their precision. Rows may lie further
            apart than they are long. Shape (N, V).
        answers: The words that are right. Shape (N,), int64.
        ignored: Rows with this answer have 0 nats and a gradient of 0.

    Returns:
        Shape (N,), float32.
    """
    if has_triton(scores.device):
        return _by_kernel(scores, answers, ignored)
    return _by_operations(scores, answers, ignored)


def _by_kernel(scores: Tensor, answers: Tensor, ignored: int | None) -> Tensor:
    kernels = importlib.import_module("arae_toolkit.ops.triton_kernels")
    rows, words = scores.shape
    nats = torch.empty(rows, dtype=torch.float32, device=scores.device)
    if rows:
        kernels.softmax_less_one_hot[(rows,)](
            scores,
            answers,
            nats,
            words,
            scores.stride(0),
            NO_WORD if ignored is None else ignored,
            BLOCK=BLOCK_WORDS,
            num_warps=WARPS,
        )
    return nats


def _by_operations(scores: Tensor, answers: Tensor, ignored: int | None) -> Tensor:
    answers = answers[:, None]
    log_probability = scores.float().log_softmax(dim=1)
    nats = log_probability.gather(1, answers).neg_()
    surplus = log_probability.exp_()
    surplus.scatter_add_(1, answers, surplus.new_full((1, 1), -1.0).expand_as(answers))
    if ignored is not None:
        real = answers != ignored
        nats, surplus = nats * real, surplus.mul_(real)
    scores.copy_(surplus)
    return nats[:, 0]


def gradients_on_cuda(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    *,
    dtype: torch.dtype,
    ignored: int | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """See :data:`~arae_toolkit.ops.linear_cross_entropy.Gradients`."""
    words, size = weight.shape
    columns = up_to(size + 1, MULTIPLE)
    table = weight.new_zeros(up_to(words, MULTIPLE), columns, dtype=dtype)
    table[:words, :size] = weight
    table[:words, size] = bias
    states = hidden.new_zeros(len(hidden), columns, dtype=dtype)
    states[:, :size] = hidden
    states[:, size] = 1
    rows = max(1, CHUNK_BYTES // (len(table) * dtype.itemsize))
    # Scores of the words added are 0, as is their gradient: the kernel passes over them.
    buffer = states.new_empty(min(rows, len(states)), len(table))
    total = torch.zeros((), dtype=torch.float32, device=hidden.device)
    slopes: list[Tensor] = []
    table_slope: Tensor | None = None
    for chunk, answers in zip(states.split(rows), targets.split(rows), strict=True):
        scores = torch.mm(chunk, table.t(), out=buffer[: len(chunk)])
        nats = softmax_less_one_hot_(scores[:, :words], answers, ignored=ignored)
        total += nats.sum()
        slopes.append(torch.mm(scores, table))
        more = _wide_product(scores.t(), chunk)
        table_slope = more if table_slope is None else table_slope.add_(more)
    assert table_slope is not None, "a tensor without rows is split into one chunk"
    return total, slopes[0] if len(slopes) == 1 else torch.cat(slopes), table_slope


def _wide_product(first: Tensor, second: Tensor) -> Tensor:
    """Return a product in float32, which it is summed in whatever the precision of its factors."""
    if first.dtype is torch.float32:
        return torch.mm(first, second)
    if first.is_cuda and _has_wide_products():
        wide: Tensor = torch.mm(first, second, out_dtype=torch.float32)
        return wide
    return torch.mm(first, second).float()


def _has_wide_products() -> bool:
    """Return whether torch multiplies reduced factors into float32 on CUDA: since version 2.8."""
    major, minor = (int(part) for part in torch.__version__.split(".")[:2])
    return (major, minor) >= (2, 8)
