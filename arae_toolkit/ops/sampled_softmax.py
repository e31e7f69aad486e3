"""Sampled softmax: the words of a batch and a sample of all others, for training only.

The sum over the vocabulary splits in two. The words that the batch holds are summed exactly: they
are the frequent ones, which have most of the probability. Of all others a uniform sample stands
for the rest, each of its words for as many as there are in the rest for one in the sample:

    sum_w exp(s_w)  ~  sum_{w in batch} exp(s_w)  +  R/K sum_{w in sample of K} exp(s_w)

with R the words that are not in the batch. The estimate of the sum is unbiased; its logarithm, and
so the loss, lies a little low.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.ops.linear_cross_entropy import linear_cross_entropy


@dataclass(frozen=True)
class SoftmaxSample:
    """How many words beside the batch's own the softmax runs over, and what draws them.

    Attributes:
        size: K; 0 takes all other words, which is no estimate.
        generator: Source of the sample, on the device of the weights.
        batch_words: The words of the whole batch, where the targets are only some of its rows'.
            Any shape; by default the targets' own.
    """

    size: int
    generator: torch.Generator
    batch_words: Tensor | None = None


def sampled_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    *,
    sample: SoftmaxSample | None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Estimate the linear cross-entropy over the vocabulary from fewer words.

    Args:
        hidden: Decoder states of real tokens only. Shape (N, H).
        weight: Shape (V, H).
        bias: Shape (V,).
        targets: Gold ids. Shape (N,), int64.
        sample: The words beside those among the targets; ``None`` takes the whole vocabulary.
        dtype: Precision of the matrix products.

    Returns:
        Summed nats. Scalar.
    """
    if sample is None or not sample.size:
        return linear_cross_entropy(hidden, weight, bias, targets, dtype=dtype)
    own, targets = _own_words(targets, sample.batch_words)
    is_own = torch.zeros(len(weight), dtype=torch.bool, device=own.device)
    is_own[own] = True
    order = torch.randperm(len(weight), generator=sample.generator, device=own.device)
    others = order[~is_own[order]]
    drawn = others[: sample.size]
    # In logarithms the factor R/K is a shift of the scores.
    shift = bias.new_zeros(len(own) + len(drawn))
    if len(drawn):
        shift[len(own) :] = math.log(len(others) / len(drawn))
    words = torch.cat([own, drawn])
    return linear_cross_entropy(
        hidden, functional.embedding(words, weight), bias[words] + shift, targets, dtype=dtype
    )


def _own_words(targets: Tensor, batch_words: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the words that are summed exactly, each once, and where among them targets stand."""
    if batch_words is None:
        own, places = targets.unique(return_inverse=True)
    else:
        own = batch_words.unique()
        places = torch.searchsorted(own, targets)
    return own, places
