r"""The gradients of the critic's loss, written out (Algorithm 1, step 2).

The gradient penalty holds a gradient, so its own is one of second order. Left to automatic
differentiation, a critic step is some 150 operations on small matrices, most of them sums, copies
and zeros; written out it is a third of that, with real codes, generated codes and the places
between them in one product a layer.

With a_l the output of linear layer l, y_l the same normalised and h_l = LeakyReLU(y_l), the slope
of the scores f is a pass back through the layers,

    v_L = w f',   v_l' = v_l * LeakyReLU'(y_l),   u_l = N_l'(v_l'),   v_{l-1} = u_l W_l,

linear in w and the W_l, and the penalty's gradient is the same pass again, from the codes upwards.
Where a normalization N takes its mean and variance from the batch, its derivative depends on a_l as
well, and what falls to it there flows down as in any backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.ops import batch_norm_double_backward, batch_norm_double_backward_cuda
from arae_toolkit.ops.batch_norm_double_backward import BETWEEN, Normalised, behind_activation
from arae_toolkit.ops.batch_norm_double_backward_cuda import fits
from arae_toolkit.ops.triton_support import has_triton

REAL, GENERATED = 0, 1


@dataclass(frozen=True)
class HiddenLayer:
    """A linear layer, batch normalization if there is one, and LeakyReLU's slope below 0."""

    linear: nn.Linear
    norm: nn.BatchNorm1d | None
    leak: float


@dataclass
class _Passed:
    """What a hidden layer leaves behind.

    Attributes:
        inputs: What came in. Shape (G, B, I).
        outputs: Before LeakyReLU. Shape (G, B, H).
        normalised: With batch normalization only.
        slope: v', of the scores at the places between, behind LeakyReLU's derivative. Shape (B, H).
        inner_slope: u, the same behind the normalization's derivative. Shape (B, H).
        extra: What falls to the linear layer's output by way of the penalty. Shape (B, H).
    """

    inputs: Tensor
    outputs: Tensor
    normalised: Normalised | None = None
    slope: Tensor = field(init=False)
    inner_slope: Tensor = field(init=False)
    extra: Tensor | None = None


def hidden_layers(network: nn.Sequential) -> list[HiddenLayer] | None:
    """Return the hidden layers of a critic, or ``None`` where gradients are not written out.

    They are for linear layers with LeakyReLU, batch-normalised or not.
    """
    *modules, last = network
    layers: list[HiddenLayer] = []
    rest = list(modules)
    while rest:
        linear = rest.pop(0)
        norm = rest.pop(0) if rest and isinstance(rest[0], nn.BatchNorm1d) else None
        activation = rest.pop(0) if rest else None
        if type(linear) is not nn.Linear or not isinstance(activation, nn.LeakyReLU):
            return None
        assert norm is None or isinstance(norm, nn.BatchNorm1d)
        layers.append(HiddenLayer(linear, norm, activation.negative_slope))
    return layers if type(last) is nn.Linear else None


@torch.no_grad()
def analytic_gradients(
    network: nn.Sequential,
    layers: Sequence[HiddenLayer],
    real: Tensor,
    generated: Tensor,
    mix: Tensor | None,
    *,
    penalty_weight: float,
    share: float,
    offset: float,
) -> tuple[Tensor, Tensor | None]:
    """Set the gradients of ``-objective + penalty_weight * penalty``; return both terms.

    Args:
        network: The critic's layers; its parameters must have no gradients.
        layers: From :func:`hidden_layers`.
        real: Encoded sentences. Shape (B, Z).
        generated: Generated codes. Shape (B, Z).
        mix: Where between the two the penalty is probed, (B, 1); ``None`` for no penalty.
        penalty_weight: Of the penalty.
        share: The penalised slope is that of ``share`` times the scores.
        offset: Added to squared norms before their root.

    Returns:
        Scalar tensors; the penalty is ``None`` without ``mix``.
    """
    last = network[-1]
    assert isinstance(last, nn.Linear)
    rows = len(real)
    passes = (
        batch_norm_double_backward_cuda
        if has_triton(real.device) and fits(rows)
        else batch_norm_double_backward
    )
    groups = [real, generated]
    if mix is not None:
        groups.append(torch.lerp(generated, real, mix))
    states = torch.stack(groups)
    passed: list[_Passed] = []
    for layer in layers:
        states = _forward(layer, states, passed, passes)
    sums = states[:BETWEEN].sum(dim=1, keepdim=True)
    difference = (sums[GENERATED] - sums[REAL]) / rows
    objective = -(difference * last.weight).sum()  # the bias is in both means
    penalty: Tensor | None = None
    top_gradient = difference
    if mix is not None:
        slope = _slope_of_scores(layers, passed, last.weight * share, passes)
        penalties, gradient = passes.slope_penalty(slope, offset=offset, weight=penalty_weight)
        penalty = penalties.mean()
        gradient = _penalty_gradients(layers, passed, gradient, passes)
        top_gradient = difference + share * gradient.sum(dim=0, keepdim=True)
    last.weight.grad = top_gradient
    last.bias.grad = torch.zeros_like(last.bias)
    # Of -(mean f(real) - mean f(generated)), scores have slopes of -1/B and 1/B. The places between
    # get something back only where a normalization's statistics depend on them.
    falling = last.weight / rows
    slopes = [-falling, falling]
    if mix is not None and any(layer.norm for layer in layers):
        slopes.append(torch.zeros_like(falling))
    upstream = torch.stack(slopes).expand(-1, rows, -1)
    for layer, trace in zip(reversed(layers), reversed(passed), strict=True):
        upstream = _backward(layer, trace, upstream, passes)
    return objective, penalty


def _forward(
    layer: HiddenLayer, inputs: Tensor, passed: list[_Passed], passes: ModuleType
) -> Tensor:
    """Return a hidden layer's output for all groups, and note what it leaves."""
    outputs = functional.linear(inputs, layer.linear.weight, layer.linear.bias)
    if layer.norm is None:
        passed.append(_Passed(inputs, outputs))
        return functional.leaky_relu(outputs, layer.leak)
    normalised, states = passes.forward(layer.norm, outputs, layer.leak)
    passed.append(_Passed(inputs, normalised.outputs, normalised))
    return states  # type: ignore[no-any-return]


def _slope_of_scores(
    layers: Sequence[HiddenLayer], passed: Sequence[_Passed], top: Tensor, passes: ModuleType
) -> Tensor:
    """Return the slope of the scores at the places between. Shape (B, Z)."""
    slope = top.expand(passed[-1].outputs.shape[1], -1)
    for layer, trace in zip(reversed(layers), reversed(passed), strict=True):
        if layer.norm is None:
            slope = behind_activation(slope, trace.outputs[BETWEEN], layer.leak)
            trace.slope = trace.inner_slope = slope
        else:
            trace.slope, trace.inner_slope = passes.slope_of_scores(
                layer.norm, slope, trace.normalised, layer.leak
            )
        slope = trace.inner_slope @ layer.linear.weight
    return slope


def _penalty_gradients(
    layers: Sequence[HiddenLayer], passed: Sequence[_Passed], gradient: Tensor, passes: ModuleType
) -> Tensor:
    """Start the gradients with the penalty's; return what falls to the topmost slope, (B, H).

    Args:
        layers: From the codes upwards.
        passed: Of the layers.
        gradient: The penalty's gradient at the slope of the scores. Shape (B, Z).
        passes: Through the normalised layers.
    """
    for layer, trace in zip(layers, passed, strict=True):
        layer.linear.weight.grad = trace.inner_slope.t() @ gradient
        gradient = gradient @ layer.linear.weight.t()
        if layer.norm is None:
            gradient = behind_activation(gradient, trace.outputs[BETWEEN], layer.leak)
        else:
            gradient, trace.extra, layer.norm.weight.grad = passes.penalty_gradients(
                layer.norm,
                gradient,
                trace.normalised,
                layer.leak,
                slope=trace.slope,
                inner_slope=trace.inner_slope,
            )
    return gradient


def _backward(layer: HiddenLayer, trace: _Passed, upstream: Tensor, passes: ModuleType) -> Tensor:
    """Add a layer's gradients by the scores themselves; return what falls to its inputs."""
    groups = len(upstream)
    if layer.norm is None:
        upstream = behind_activation(upstream, trace.outputs[:groups], layer.leak)
        bias = upstream.sum(dim=(0, 1))
    else:
        upstream, scale, layer.norm.bias.grad, bias = passes.backward(
            layer.norm, upstream, trace.normalised, layer.leak, trace.extra
        )
        before = layer.norm.weight.grad
        layer.norm.weight.grad = scale if before is None else before.add_(scale)
    flat, inputs = upstream.flatten(0, 1), trace.inputs[:groups].flatten(0, 1)
    before = layer.linear.weight.grad
    if before is None:
        layer.linear.weight.grad = flat.t() @ inputs
    else:
        before.addmm_(flat.t(), inputs)
    layer.linear.bias.grad = bias
    return upstream @ layer.linear.weight
