"""The decoder's softmax over the vocabulary, in chunks: a (B, T, V) tensor is never kept.

The projection and its gradient are three matrix products per chunk. The gradient with respect to
the scores is known as soon as the scores are, so it is formed and used at once, while the chunk is
still in cache, and nothing but the small gradients is saved for the backward pass. What suits a
CPU's caches is here; a GPU's way is in :mod:`~arae_toolkit.fused_projection`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.fused_projection import fused_nats

# A chunk's scores are written once and read some times: on a CPU they should stay in its cache. A
# GPU has no such cache, and wants products large enough to fill it.
CHUNK_ROWS = {"cpu": 170, "cuda": 4096}
# In bfloat16 the last chunk is padded to a multiple of this: the CPU's kernels for it are compiled
# for every number of rows they meet, and kept, which costs time and some 10 MB each.
ROW_MULTIPLE = 64


def _chunks(rows: int, device: torch.device, *, multiple: int) -> tuple[int, range]:
    """Return the rows of a chunk, and where chunks start: as equal as can be."""
    most = CHUNK_ROWS.get(device.type, CHUNK_ROWS["cuda"])
    size = -(-rows // -(-rows // most)) if rows else 1
    size = -(-size // multiple) * multiple
    return size, range(0, rows, size)


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
        ignored: int | None,
    ) -> Tensor:
        wide = torch.float32
        states, matrix, offset = hidden.to(dtype), weight.to(dtype), bias.to(dtype)
        hidden_gradient = torch.empty_like(states)
        weight_gradient = torch.empty_like(weight, dtype=torch.float32)
        bias_gradient = torch.zeros_like(bias, dtype=torch.float32)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        size, starts = _chunks(
            len(states), hidden.device, multiple=1 if dtype is wide else ROW_MULTIPLE
        )
        # A buffer of this size would otherwise be mapped and unmapped for every chunk.
        buffer = states.new_empty(size, len(weight), dtype=wide)
        if not starts:
            weight_gradient.zero_()
        for start in starts:
            chunk, answers = states[start : start + size], targets[start : start + size]
            count = len(chunk)
            missing = 0 if dtype is wide else -count % ROW_MULTIPLE
            if missing:
                chunk = functional.pad(chunk, (0, 0, 0, missing))
                answers = functional.pad(answers, (0, missing))
            scores = buffer[: len(chunk)]
            if dtype is wide:
                torch.addmm(offset, chunk, matrix.t(), out=scores)
            else:
                scores.copy_(torch.addmm(offset, chunk, matrix.t()))
            nats, surplus = _softmax_less_one_hot(scores, answers[:, None])
            if missing:
                nats[count:] = 0
                surplus[count:] = 0
            if ignored is not None:
                real = (answers != ignored)[:, None]
                nats, surplus = nats * real, surplus.mul_(real)
            total += nats.sum()
            bias_gradient += surplus.sum(dim=0)
            if dtype is wide:
                torch.mm(surplus, matrix, out=hidden_gradient[start : start + count])
                if start == 0:
                    torch.mm(surplus.t(), chunk, out=weight_gradient)
                else:
                    weight_gradient.addmm_(surplus.t(), chunk)
            else:
                gradient = surplus.to(dtype)
                hidden_gradient[start : start + count] = (gradient @ matrix)[:count]
                product = gradient.t() @ chunk
                if start == 0:
                    weight_gradient.copy_(product)
                else:
                    weight_gradient += product
        # Not saved by torch's own means: those would keep a reference, for which the weight's
        # gradient, the largest of all, would be copied once more.
        context.gradients = (hidden_gradient.to(hidden.dtype), weight_gradient, bias_gradient)
        return total

    @staticmethod
    def backward(
        context: Any, *upstream: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        (scale,) = upstream
        if context.gradients is None:
            raise RuntimeError("the gradients of this sum were used up by an earlier backward pass")
        (hidden, weight, bias), context.gradients = context.gradients, None
        slope = hidden * scale.to(hidden.dtype)
        return slope, weight.mul_(scale), bias.mul_(scale), None, None, None


def _softmax_less_one_hot(scores: Tensor, answers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nats of the answers and the gradient of their sum, which overwrites the scores.

    Args:
        scores: Shape (N, V), float32.
        answers: Shape (N, 1), int64.

    Returns:
        Shapes (N, 1) and (N, V). The gradient is the probabilities, less 1 at the answers.
    """
    of_answer = scores.gather(1, answers)
    top = scores.amax(dim=1, keepdim=True)
    surplus = scores.sub_(top).exp_()
    total = surplus.sum(dim=1, keepdim=True)
    nats = total.log() + top - of_answer
    surplus.div_(total)
    surplus.scatter_add_(1, answers, surplus.new_full((1, 1), -1.0).expand_as(answers))
    return nats, surplus


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
        dtype: Precision of the matrix products; sums and the softmax are always float32.
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
    total: Tensor = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, targets, dtype, ignored
    )
    return total


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
    size, starts = _chunks(len(hidden), hidden.device, multiple=1)
    for start in starts:
        rows = slice(start, start + size)
        scores = torch.addmm(bias, hidden[rows], weight.t()).float()
        answers = targets[rows, None]
        nats.append((scores.logsumexp(dim=1, keepdim=True) - scores.gather(1, answers))[:, 0])
        correct.append(scores.argmax(dim=1) == targets[rows])
    if not nats:
        return hidden.new_empty(0), hidden.new_empty(0, dtype=torch.bool)
    return torch.cat(nats), torch.cat(correct)
