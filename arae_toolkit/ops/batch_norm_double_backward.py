"""Batch normalization of groups of rows, and its double backward in torch's operations.

Four passes serve a normalised layer of the critic. Each takes a linear layer's outputs a, or slopes
behind its LeakyReLU, through batch normalization: x = (a - mean a) / s, y = scale x + shift. Groups
have statistics of their own. On a CUDA device
:mod:`~arae_toolkit.ops.batch_norm_double_backward_cuda` does each pass in one kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

BETWEEN = 2
"""The group of the places between, behind real and generated codes."""


@dataclass(frozen=True)
class Normalised:
    """What batch normalization leaves for its derivatives.

    Attributes:
        values: x. Shape (G, B, H).
        inverse: 1 / s. Shape (G, 1, H).
        outputs: y. Shape (G, B, H).
    """

    values: Tensor
    inverse: Tensor
    outputs: Tensor


def forward(norm: nn.BatchNorm1d, inputs: Tensor, leak: float) -> tuple[Normalised, Tensor]:
    """Return what is left for the derivatives, and the activations. Shape of both: (G, B, H)."""
    values, inverse = normalise_groups(norm, inputs)
    outputs = torch.addcmul(norm.bias, values, norm.weight)
    return Normalised(values, inverse, outputs), functional.leaky_relu(outputs, leak)


def slope_of_scores(
    norm: nn.BatchNorm1d, slope: Tensor, layer: Normalised, leak: float
) -> tuple[Tensor, Tensor]:
    """Return a slope (B, H) at the activations of the places between, taken to y and on to a."""
    values, inverse = layer.values[BETWEEN], layer.inverse[BETWEEN]
    slope = behind_activation(slope, layer.outputs[BETWEEN], leak)
    return slope, _behind_normalization(norm.weight * slope, values, inverse)


def penalty_gradients(
    norm: nn.BatchNorm1d,
    gradient: Tensor,
    layer: Normalised,
    leak: float,
    *,
    slope: Tensor,
    inner_slope: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the penalty's gradient at the slope at a upwards through the slope's own pass.

    That pass is u = (p - mean p - x mean(p x)) / s with p = scale * slope, and x and s depend on a.

    Args:
        norm: The normalization.
        gradient: The penalty's gradient at u. Shape (B, H).
        layer: Of the forward pass.
        leak: LeakyReLU's slope below 0.
        slope: Of the scores at y. Shape (B, H).
        inner_slope: u, the same at a. Shape (B, H).

    Returns:
        The gradient at the slope at the activations, (B, H); what falls to a, (B, H); and the
        scale's gradient, (H,).
    """
    values, inverse = layer.values[BETWEEN], layer.inverse[BETWEEN]
    entering = norm.weight * slope
    by_values = -inverse * (
        gradient * (entering * values).mean(dim=0) + entering * (gradient * values).mean(dim=0)
    )
    by_deviation = inverse * values * (gradient * inner_slope).mean(dim=0)
    falling = _behind_normalization(by_values, values, inverse) - by_deviation
    gradient = _behind_normalization(gradient, values, inverse)
    scale_gradient = (slope * gradient).sum(dim=0)
    gradient = behind_activation(norm.weight * gradient, layer.outputs[BETWEEN], leak)
    return gradient, falling, scale_gradient


def backward(
    norm: nn.BatchNorm1d, upstream: Tensor, layer: Normalised, leak: float, extra: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Take the gradient at the activations back to a.

    Args:
        norm: The normalization.
        upstream: Shape (G, B, H).
        layer: Of the forward pass.
        leak: LeakyReLU's slope below 0.
        extra: What else falls to a of the places between. Shape (B, H).

    Returns:
        The gradient at a, (G, B, H), and those of scale, shift and the linear layer's bias, (H,).
    """
    upstream = behind_activation(upstream, layer.outputs, leak)
    shift = upstream.sum(dim=(0, 1))
    scale = (upstream * layer.values).sum(dim=(0, 1))
    upstream = _behind_normalization(norm.weight * upstream, layer.values, layer.inverse)
    if extra is not None:
        upstream[BETWEEN] += extra
    return upstream, scale, shift, upstream.sum(dim=(0, 1))


def slope_penalty(slopes: Tensor, *, offset: float, weight: float) -> tuple[Tensor, Tensor]:
    """Return each row's ``(|slope| - 1)^2``, and the gradient of their mean times ``weight``.

    Args:
        slopes: Shape (B, Z).
        offset: Added to the squared norms.
        weight: Of the penalty.

    Returns:
        Shapes (B,) and (B, Z).
    """
    norms = (slopes.square().sum(dim=1, keepdim=True) + offset).sqrt()
    gradient = slopes * ((1 - 1 / norms) * (2 * weight / len(slopes)))
    return (norms - 1).square()[:, 0], gradient


def behind_activation(slope: Tensor, outputs: Tensor, leak: float) -> Tensor:
    """Return what a slope at LeakyReLU's outputs is at its inputs."""
    return torch.ops.aten.leaky_relu_backward(slope, outputs, leak, False)  # type: ignore[no-any-return]


def _behind_normalization(slope: Tensor, values: Tensor, inverse: Tensor) -> Tensor:
    """Return what a slope at normalised values is at the values before. Shape (..., B, H)."""
    mean = slope.mean(dim=-2, keepdim=True)
    along = (slope * values).mean(dim=-2, keepdim=True)
    return inverse * torch.addcmul(slope - mean, values, along, value=-1)


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
