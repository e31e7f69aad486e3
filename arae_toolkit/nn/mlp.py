"""Multilayer perceptrons with a choice of normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from arae_toolkit.nn.batch_norm import BatchNorm

Normalization = Literal["none", "batch", "layer", "spectral"]


def mlp(
    input_size: int,
    hidden_sizes: Sequence[int],
    output_size: int,
    *,
    activation: nn.Module,
    normalization: Normalization,
    normalize_first: bool = True,
) -> nn.Sequential:
    """Return linear layers with an activation, and a normalization where asked, between them.

    Args:
        input_size: Width of the input.
        hidden_sizes: Units of each hidden layer.
        output_size: Width of the output, which is neither normalized nor activated.
        activation: Behind each hidden layer.
        normalization: Between each hidden layer and its activation.
        normalize_first: Whether batch normalization begins at the first hidden layer.
    """
    layers: list[nn.Module] = []
    size = input_size
    for depth, width in enumerate(hidden_sizes):
        layers.append(_linear(size, width, normalization))
        if normalization == "batch" and (normalize_first or depth > 0):
            layers.append(BatchNorm(width))
        elif normalization == "layer":
            layers.append(nn.LayerNorm(width))
        layers.append(activation)
        size = width
    layers.append(_linear(size, output_size, normalization))
    return nn.Sequential(*layers)


def _linear(inputs: int, outputs: int, normalization: Normalization) -> nn.Module:
    layer = nn.Linear(inputs, outputs)
    return spectral_norm(layer) if normalization == "spectral" else layer
