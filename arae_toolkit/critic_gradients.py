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

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.models.grouped import normalise_groups
from arae_toolkit.models.latent import Critic
from arae_toolkit.objectives import NORM_OFFSET, critic_objective, gradient_penalty

REAL, GENERATED, BETWEEN = 0, 1, 2


@dataclass(frozen=True)
class HiddenLayer:
    """A linear layer, batch normalization if there is one, and LeakyReLU's slope below 0."""

    linear: nn.Linear
    norm: nn.BatchNorm1d | None
    slope: float


@dataclass
class _Normalised:
    """What batch normalization leaves for its derivatives: by group, in float32.

    Attributes:
        values: Normalised, before scale and shift. Shape (G, B, H).
        inverse: One over the standard deviation. Shape (G, 1, H).
    """

    values: Tensor
    inverse: Tensor


@dataclass
class _Passed:
    """What a hidden layer leaves behind, all shaped (G, B, H) or (B, H).

    Attributes:
        inputs: What came in.
        outputs: Before LeakyReLU.
        normalised: With batch normalization only.
        slope: v', of the places between, behind LeakyReLU's derivative.
        inner_slope: u, the same behind the normalization's derivative.
        extra: What falls to the linear layer's output by way of the penalty.
    """

    inputs: Tensor
    outputs: Tensor
    normalised: _Normalised | None
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


def set_gradients(
    critic: Critic,
    real: Tensor,
    generated: Tensor,
    *,
    mix: Tensor | None,
    penalty_weight: float,
    of_batch_mean: bool,
) -> tuple[Tensor, Tensor | None]:
    """Set the gradients of ``-objective + penalty_weight * penalty``; return both terms.

    Where :func:`hidden_layers` has no answer, by automatic differentiation.

    Args:
        critic: Its parameters must have no gradients.
        real: Encoded sentences. Shape (B, Z).
        generated: Generated codes. Shape (B, Z).
        mix: Where between the two the penalty is probed, (B, 1); ``None`` for no penalty.
        penalty_weight: Of the penalty.
        of_batch_mean: See :func:`~arae_toolkit.objectives.gradient_penalty`.

    Returns:
        Scalar tensors; the penalty is ``None`` without ``mix``.
    """
    layers = hidden_layers(critic.layers)
    if layers is not None:
        share = 1 / len(real) if of_batch_mean else 1.0
        return _written_out(
            critic.layers, layers, real, generated, mix, penalty_weight=penalty_weight, share=share
        )
    objective = critic_objective(critic(real), critic(generated))
    loss, penalty = -objective, None
    if mix is not None:
        penalty = gradient_penalty(critic, real, generated, mix=mix, of_batch_mean=of_batch_mean)
        loss = loss + penalty_weight * penalty
    loss.backward(inputs=list(critic.parameters()))
    return objective.detach(), None if penalty is None else penalty.detach()


@torch.no_grad()
def _written_out(
    network: nn.Sequential,
    layers: Sequence[HiddenLayer],
    real: Tensor,
    generated: Tensor,
    mix: Tensor | None,
    *,
    penalty_weight: float,
    share: float,
) -> tuple[Tensor, Tensor | None]:
    """Do what :func:`set_gradients` does; the penalised slope is that of ``share`` times f."""
    last = network[-1]
    assert isinstance(last, nn.Linear)
    groups = [real, generated]
    if mix is not None:
        groups.append(torch.lerp(generated, real, mix))
    states = torch.stack(groups)
    passed: list[_Passed] = []
    for layer in layers:
        states = _forward(layer, states, passed)
    scores = functional.linear(states[:BETWEEN], last.weight, last.bias)[:, :, 0]
    objective = critic_objective(*scores)
    penalty: Tensor | None = None
    top_slope = torch.zeros_like(last.weight)
    if mix is not None:
        codes_slope = _slope_of_scores(layers, passed, last.weight * share)
        norms = (codes_slope.square().sum(dim=1, keepdim=True) + NORM_OFFSET).sqrt()
        penalty = (norms - 1).square().mean()
        pull = codes_slope * ((1 - 1 / norms) * (2 * penalty_weight / len(real)))
        top_slope = share * _penalty_gradients(layers, passed, pull).sum(dim=0, keepdim=True)
    # Of -(mean f(real) - mean f(generated)), scores have slopes of -1/B and 1/B.
    slope = last.weight / len(real)
    slopes = torch.stack([-slope, slope, torch.zeros_like(slope)][: len(states)])
    sums = states[:BETWEEN].sum(dim=1, keepdim=True)
    last.weight.grad = top_slope + (sums[GENERATED] - sums[REAL]) / len(real)
    last.bias.grad = torch.zeros_like(last.bias)
    upstream = slopes.expand_as(states)
    for layer, trace in zip(reversed(layers), reversed(passed), strict=True):
        upstream = _backward(layer, trace, upstream)
    return objective, penalty


def _forward(layer: HiddenLayer, inputs: Tensor, passed: list[_Passed]) -> Tensor:
    """Return a hidden layer's output for all groups, and note what it leaves."""
    outputs = functional.linear(inputs, layer.linear.weight, layer.linear.bias)
    normalised = None
    if layer.norm is not None:
        normalised = _Normalised(*normalise_groups(layer.norm, outputs))
        outputs = torch.addcmul(layer.norm.bias, normalised.values, layer.norm.weight)
    passed.append(_Passed(inputs, outputs, normalised))
    return functional.leaky_relu(outputs, layer.slope)


def _slope_of_scores(
    layers: Sequence[HiddenLayer], passed: Sequence[_Passed], top: Tensor
) -> Tensor:
    """Return the slope of the scores at the places between. Shape (B, Z)."""
    slope = top.expand(passed[-1].outputs.shape[1], -1)
    for layer, trace in zip(reversed(layers), reversed(passed), strict=True):
        trace.slope = slope = _behind_activation(layer, slope, trace.outputs[BETWEEN])
        if layer.norm is not None:
            slope = _behind_normalization(layer.norm.weight * slope, _between(trace))
        trace.inner_slope = slope
        slope = slope @ layer.linear.weight
    return slope


def _penalty_gradients(
    layers: Sequence[HiddenLayer], passed: Sequence[_Passed], pull: Tensor
) -> Tensor:
    """Start the gradients with the penalty's; return what falls to the topmost slope, (B, H).

    Args:
        layers: From the codes upwards.
        passed: Of the layers.
        pull: The penalty's gradient at the slope of the scores. Shape (B, Z).
    """
    for layer, trace in zip(layers, passed, strict=True):
        layer.linear.weight.grad = trace.inner_slope.t() @ pull
        pull = pull @ layer.linear.weight.t()
        if layer.norm is not None:
            between, scale = _between(trace), layer.norm.weight
            trace.extra = _through_derivative(scale * trace.slope, pull, trace, between)
            pull = _behind_normalization(pull, between)
            layer.norm.weight.grad = (trace.slope * pull).sum(dim=0)
            pull = scale * pull
        pull = _behind_activation(layer, pull, trace.outputs[BETWEEN])
    return pull


def _through_derivative(
    slope: Tensor, pull: Tensor, trace: _Passed, between: _Normalised
) -> Tensor:
    """Return what the pull at a normalization's derivative is at the normalization's input.

    The derivative is u = (p - mean p - x mean(p x)) / s, with p the slope that comes in, x the
    normalised values and s their deviation before; x and s depend on the input.
    """
    values, inverse = between.values, between.inverse
    by_values = -inverse * (
        pull * (slope * values).mean(dim=0) + slope * (pull * values).mean(dim=0)
    )
    by_deviation = inverse * values * (pull * trace.inner_slope).mean(dim=0)
    return _behind_normalization(by_values, between) - by_deviation


def _backward(layer: HiddenLayer, trace: _Passed, upstream: Tensor) -> Tensor:
    """Add a layer's gradients by the scores themselves; return what falls to its inputs."""
    upstream = _behind_activation(layer, upstream, trace.outputs)
    if layer.norm is not None and trace.normalised is not None:
        shift = upstream.sum(dim=(0, 1))
        scale = (upstream * trace.normalised.values).sum(dim=(0, 1))
        _add_gradient(layer.norm.bias, shift)
        _add_gradient(layer.norm.weight, scale)
        upstream = _behind_normalization(layer.norm.weight * upstream, trace.normalised)
        if trace.extra is not None:
            upstream[BETWEEN] += trace.extra
    flat = upstream.flatten(0, 1)
    _add_gradient(layer.linear.weight, flat.t() @ trace.inputs.flatten(0, 1))
    _add_gradient(layer.linear.bias, flat.sum(dim=0))
    return upstream @ layer.linear.weight


def _behind_activation(layer: HiddenLayer, slope: Tensor, outputs: Tensor) -> Tensor:
    return torch.ops.aten.leaky_relu_backward(slope, outputs, layer.slope, False)  # type: ignore[no-any-return]


def _behind_normalization(slope: Tensor, normalised: _Normalised) -> Tensor:
    """Return what a slope at normalised values is at the values before. Shape (..., B, H)."""
    values = normalised.values
    mean = slope.mean(dim=-2, keepdim=True)
    along = (slope * values).mean(dim=-2, keepdim=True)
    return normalised.inverse * torch.addcmul(slope - mean, values, along, value=-1)


def _between(trace: _Passed) -> _Normalised:
    assert trace.normalised is not None
    return _Normalised(trace.normalised.values[BETWEEN], trace.normalised.inverse[BETWEEN])


def _add_gradient(parameter: Tensor, gradient: Tensor) -> None:
    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
