"""Starting values of the weights, as in the published code."""

from __future__ import annotations

import math

import torch
from torch import nn


@torch.no_grad()
def uniform(
    module: nn.Module, *, bound: float, generator: torch.Generator, forget_bias: float = 0.0
) -> None:
    """Draw every parameter of an encoder or decoder from U(-bound, bound); projection bias 0.

    Args:
        module: Encoder or decoder.
        bound: Of the uniform distribution.
        generator: Source of randomness on the weights' device.
        forget_bias: Added to the bias of the LSTM's forget gate. With 1 the LSTM begins by
            remembering, and what was read early reaches the code from the first iteration on.
    """
    for name, parameter in module.named_parameters():
        if name == "projection.bias":
            parameter.zero_()
        else:
            parameter.uniform_(-bound, bound, generator=generator)
        if name.endswith("lstm.bias_ih_l0"):
            parameter.chunk(4)[1].add_(forget_bias)  # gates in torch's order: i, f, g, o


@torch.no_grad()
def perceptron(module: nn.Module, *, deviation: float, generator: torch.Generator) -> None:
    """Draw the weights of an MLP's linear layers, biases 0.

    Args:
        module: Generator or critic.
        deviation: Standard deviation of the weights, 0.02 in the published code; 0 sizes each
            layer's so that signals keep their size (He et al., 2015).
        generator: Source of randomness on the weights' device.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            spread = deviation or math.sqrt(2 / layer.in_features)
            # Under spectral normalization the original weight is the one to be set.
            weights = dict(layer.named_parameters())
            weight = weights.get("weight", weights.get("parametrizations.weight.original"))
            assert weight is not None
            weight.normal_(0, spread, generator=generator)
            layer.bias.zero_()
