"""Several batches through a network at once, each with a batch normalization of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def forward_groups(network: nn.Sequential, inputs: Tensor) -> Tensor:
    """Return a network's outputs for groups of rows, as if each group came alone, in turn.

    Args:
        network: Of layers that work on rows; batch normalizations may be among them.
        inputs: Shape (G, B, I).

    Returns:
        Shape (G, B, O).
    """
    states = inputs
    for module in network:
        if isinstance(module, nn.BatchNorm1d) and module.training:
            states, _ = normalise_groups(module, states)
            states = torch.addcmul(module.bias, states, module.weight)
        elif isinstance(module, nn.BatchNorm1d):
            states = module(states.flatten(0, 1)).view_as(states)
        else:
            states = module(states)
    return states


def normalise_groups(norm: nn.BatchNorm1d, states: Tensor) -> tuple[Tensor, Tensor]:
    """Bring each column of each group to mean 0 and variance 1; follow the running statistics.

    Args:
        norm: Its scale and shift are not applied.
        states: Shape (G, B, H).

    Returns:
        The normalised values, and one over their standard deviation before. Shapes (G, B, H) and
        (G, 1, H).
    """
    variance, mean = torch.var_mean(states, dim=1, correction=0, keepdim=True)
    _follow_statistics(norm, mean[:, 0], variance[:, 0], rows=states.shape[1])
    inverse = (variance + norm.eps).rsqrt()
    return (states - mean) * inverse, inverse


@torch.no_grad()
def _follow_statistics(norm: nn.BatchNorm1d, mean: Tensor, variance: Tensor, *, rows: int) -> None:
    """Move the running statistics by one group after the other, as that many forward passes do."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    momentum = norm.momentum or 0.0
    unbiased = variance * (rows / max(1, rows - 1))
    running = [norm.running_mean, norm.running_var]
    for of_group in zip(mean, unbiased, strict=True):
        torch._foreach_lerp_(running, list(of_group), momentum)
    norm.num_batches_tracked.add_(len(mean))
