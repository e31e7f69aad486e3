"""Linear cross-entropy: projection, softmax and loss in chunks; a (B, T, V) tensor is never kept.

The scores' gradient is known as soon as they are, so it is formed in the forward pass, by a way
that depends on the device: :mod:`~arae_toolkit.ops.linear_cross_entropy_cpu` suits a CPU's caches,
:mod:`~arae_toolkit.ops.linear_cross_entropy_cuda` a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.ops.linear_cross_entropy_cpu import chunks, gradients_on_cpu, write_scores
from arae_toolkit.ops.linear_cross_entropy_cuda import gradients_on_cuda

ROWS_AT_ONCE = {"cpu": 170, "cuda": 4096}
"""Rows whose scores are held at once where no gradient is wanted."""

Gradients = Callable[..., tuple[Tensor, Tensor, Tensor]]
"""Takes what :func:`linear_cross_entropy` takes; returns the sum with its gradients at the states,
(N, K), and at the table, (M, K), M >= V. The first H columns are those of states and weights; in
the table the next one is the bias's."""


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    *,
    dtype: torch.dtype = torch.float32,
    ignored: int | None = None,
    gradients: Gradients | None = None,
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
        gradients: How to compute; by default what suits the device.

    Raises:
        ValueError: If the shapes disagree.
    """
    if hidden.shape[0] != targets.shape[0] or hidden.shape[1] != weight.shape[1]:
        raise ValueError(
            f"hidden {tuple(hidden.shape)}, weight {tuple(weight.shape)} and targets "
            f"{tuple(targets.shape)} do not fit together"
        )
    gradients = gradients or (gradients_on_cuda if hidden.is_cuda else gradients_on_cpu)
    total: Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        gradients, hidden, weight, bias, targets, dtype, ignored
    )
    return total


class _LinearCrossEntropy(torch.autograd.Function):
    """Summed cross-entropy of a linear layer's scores, gradients formed in the forward pass."""

    @staticmethod
    def forward(
        context: Any,
        gradients: Gradients,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        dtype: torch.dtype,
        ignored: int | None,
    ) -> Tensor:
        total, *found = gradients(hidden, weight, bias, targets, dtype=dtype, ignored=ignored)
        # Not saved by torch's own means: those would keep a reference, for which the weight's
        # gradient, the largest of all, would be copied once more.
        context.gradients = found
        context.shape, context.hidden_dtype = weight.shape, hidden.dtype
        return total

    @staticmethod
    def backward(
        context: Any, *upstream: Tensor
    ) -> tuple[None, Tensor, Tensor, Tensor, None, None, None]:
        (scale,) = upstream
        if context.gradients is None:
            raise RuntimeError("the gradients of this sum were used up by an earlier backward pass")
        (states, table), context.gradients = context.gradients, None
        words, size = context.shape
        hidden = (states[:, :size] * scale.to(states.dtype)).to(context.hidden_dtype)
        weight, bias = table[:words, :size] * scale, table[:words, size] * scale
        return None, hidden, weight, bias, None, None, None


@torch.no_grad()
def token_nats(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Return, for each token, its negative log-likelihood in nats. Shape (N,), float32.

    Args:
        hidden: Shape (N, H).
        weight: Shape (V, H).
        bias: Shape (V,).
        targets: Shape (N,), int64.
        dtype: Precision of the matrix products, by default the weights'; the softmax is float32.
    """
    parts = _scores_by_chunk(hidden, weight, bias, targets, dtype or weight.dtype)
    return torch.cat([_nats(*part) for part in parts] or [hidden.new_empty(0)])


@torch.no_grad()
def token_statistics(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    *,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the nats of each token, and whether it is the top choice; see :func:`token_nats`.

    Returns:
        Two tensors of shape (N,), float32 and bool.
    """
    nats, correct = [], []
    for scores, answers in _scores_by_chunk(hidden, weight, bias, targets, dtype or weight.dtype):
        correct.append(scores.argmax(dim=1) == answers)
        nats.append(_nats(scores, answers))
    if not nats:
        return hidden.new_empty(0), hidden.new_empty(0, dtype=torch.bool)
    return torch.cat(nats), torch.cat(correct)


def _nats(scores: Tensor, answers: Tensor) -> Tensor:
    """Return the negative log-likelihood of each row's answer. Shapes (N, V) and (N,) to (N,)."""
    return functional.cross_entropy(scores, answers, reduction="none")


def _scores_by_chunk(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the scores of some rows in float32, to be used before the next, with their targets."""
    hidden, weight, bias = hidden.to(dtype), weight.to(dtype), bias.to(dtype)
    most = ROWS_AT_ONCE.get(hidden.device.type, ROWS_AT_ONCE["cuda"])
    size, starts = chunks(len(hidden), most=most)
    by_blocks = hidden.device.type == "cpu" and dtype is torch.float32
    buffer = hidden.new_empty(min(size, len(hidden)), len(weight)) if by_blocks else None
    for start in starts:
        rows = slice(start, start + size)
        if buffer is None:
            scores = torch.addmm(bias, hidden[rows], weight.t()).float()
        else:
            scores = buffer[: len(hidden[rows])]
            write_scores(hidden[rows], weight, bias=bias, out=scores)
        yield scores, targets[rows]
