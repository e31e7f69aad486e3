"""The decoder's softmax over the vocabulary, in chunks: a (B, T, V) tensor is never kept.

The projection and its gradient are three matrix products per chunk. The gradient with respect to
the scores is known as soon as the scores are, so it is formed and used at once, while the chunk is
still in cache, and nothing but the small gradients is saved for the backward pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

CHUNK_ROWS = 512
# In bfloat16 the last chunk is padded to a multiple of this: the CPU's kernels for it are compiled
# for every number of rows they meet, and kept, which costs time and some 10 MB each.
ROW_MULTIPLE = 64


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Summed cross-entropy of a linear layer's scores, gradients formed in the forward pass."""

    @staticmethod
    def forward(
        context: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        dtype: torch.dtype,
    ) -> Tensor:
        states, matrix, offset = hidden.to(dtype), weight.to(dtype), bias.to(dtype)
        hidden_gradient = torch.empty_like(states)
        weight_gradient = torch.zeros_like(weight, dtype=torch.float32)
        bias_gradient = torch.zeros_like(bias, dtype=torch.float32)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        multiple = 1 if dtype is torch.float32 else ROW_MULTIPLE
        rows_at_most = -(-min(CHUNK_ROWS, len(states)) // multiple) * multiple
        # Buffers of this size would otherwise be mapped and unmapped for every chunk.
        scores = states.new_empty(rows_at_most, len(weight))
        surplus = scores.new_empty(scores.shape, dtype=torch.float32)
        for start in range(0, len(states), CHUNK_ROWS):
            chunk, answers = states[start : start + CHUNK_ROWS], targets[start : start + CHUNK_ROWS]
            count = len(chunk)
            if count < rows_at_most:
                missing = -count % multiple
                chunk = functional.pad(chunk, (0, 0, 0, missing))
                answers = functional.pad(answers, (0, missing))
                scores, surplus = scores[: len(chunk)], surplus[: len(chunk)]
            answers = answers[:, None]
            torch.addmm(offset, chunk, matrix.t(), out=scores)
            torch.softmax(scores, dim=1, dtype=torch.float32, out=surplus)
            # log(sum(exp(scores))) from the likeliest word, whose probability is at least 1/V.
            normalizer = scores.amax(dim=1).float() - surplus.amax(dim=1).log()
            total += (normalizer - scores.gather(1, answers)[:, 0].float())[:count].sum()
            # The gradient of the scores: the probabilities, less 1 at the target.
            surplus.scatter_add_(1, answers, surplus.new_full((1, 1), -1.0).expand_as(answers))
            surplus[count:] = 0
            bias_gradient += surplus.sum(dim=0)
            if dtype is torch.float32:
                weight_gradient.addmm_(surplus.t(), chunk)
                torch.mm(surplus, matrix, out=hidden_gradient[start : start + count])
            else:
                gradient = scores.copy_(surplus)
                weight_gradient += gradient.t() @ chunk
                hidden_gradient[start : start + count] = (gradient @ matrix)[:count]
        context.save_for_backward(hidden_gradient.to(hidden.dtype), weight_gradient, bias_gradient)
        return total

    @staticmethod
    def backward(context: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        (scale,) = upstream
        hidden, weight, bias = context.saved_tensors
        return hidden * scale.to(hidden.dtype), weight.mul_(scale), bias.mul_(scale), None, None


def projected_nats(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    *,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return the summed negative log-likelihood of the targets, in nats.

    Equals ``cross_entropy(hidden @ weight.T + bias, targets, reduction="sum")``.

    Args:
        hidden: Decoder states of real tokens only. Shape (N, H).
        weight: Shape (V, H).
        bias: Shape (V,).
        targets: Gold ids. Shape (N,), int64.
        dtype: Precision of the matrix products; sums and the softmax are always float32.

    Raises:
        ValueError: If the shapes disagree.
    """
    if hidden.shape[0] != targets.shape[0] or hidden.shape[1] != weight.shape[1]:
        raise ValueError(
            f"hidden {tuple(hidden.shape)}, weight {tuple(weight.shape)} and targets "
            f"{tuple(targets.shape)} do not fit together"
        )
    total: Tensor = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, targets, dtype
    )
    return total


@torch.no_grad()
def token_statistics(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Return, for each token, its negative log-likelihood in nats and whether it is the top choice.

    Args:
        hidden: Shape (N, H).
        weight: Shape (V, H).
        bias: Shape (V,).
        targets: Shape (N,), int64.

    Returns:
        Two tensors of shape (N,), float32 and bool.
    """
    nats, correct = [], []
    for start in range(0, len(hidden), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        scores = torch.addmm(bias, hidden[rows], weight.t()).float()
        answers = targets[rows, None]
        nats.append((scores.logsumexp(dim=1, keepdim=True) - scores.gather(1, answers))[:, 0])
        correct.append(scores.argmax(dim=1) == targets[rows])
    return torch.cat(nats), torch.cat(correct)
