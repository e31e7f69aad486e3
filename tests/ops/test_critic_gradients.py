"""The critic's gradients written out, against automatic differentiation."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from arae_toolkit.nn.critic import Critic
from arae_toolkit.nn.mlp import Normalization
from arae_toolkit.ops import (
    batch_norm_double_backward,
    batch_norm_double_backward_cuda,
    critic_gradients,
)
from arae_toolkit.pretraining.objectives import critic_objective, gradient_penalty
from arae_toolkit.pretraining.steps import set_gradients

ROWS, SIZE = 7, 5


def _critic(normalization: Normalization, sizes: tuple[int, ...] = (6, 4)) -> Critic:
    torch.manual_seed(0)
    critic = Critic(code_size=SIZE, hidden_sizes=sizes, normalization=normalization).double()
    for parameter in critic.parameters():
        nn.init.normal_(parameter)
    return critic.train()


def _codes() -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    real, generated = torch.randn(2, ROWS, SIZE, generator=random, dtype=torch.float64)
    return real, generated, torch.rand(ROWS, 1, generator=random, dtype=torch.float64)


@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize("of_batch_mean", [True, False])
@pytest.mark.parametrize("sizes", [(6,), (6, 4), (6, 4, 3)])
@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_gradients_equal_those_of_automatic_differentiation(
    normalization: Normalization, sizes: tuple[int, ...], of_batch_mean: bool, penalised: bool
) -> None:
    """In double precision they agree to twelve digits, and so do both terms of the loss."""
    critic = _critic(normalization, sizes)
    other = copy.deepcopy(critic)
    real, generated, mix = _codes()
    layers = critic_gradients.hidden_layers(critic.layers)
    assert layers is not None and len(layers) == len(sizes)
    objective, penalty = set_gradients(
        critic,
        real,
        generated,
        mix=mix if penalised else None,
        penalty_weight=3.0,
        of_batch_mean=of_batch_mean,
    )
    expected = critic_objective(other(real), other(generated))
    loss = -expected
    if penalised:
        asked = gradient_penalty(other, real, generated, mix=mix, of_batch_mean=of_batch_mean)
        loss = loss + 3.0 * asked
        assert penalty is not None
        torch.testing.assert_close(penalty, asked.detach())
    else:
        assert penalty is None
    loss.backward()
    torch.testing.assert_close(objective, expected.detach())
    for (name, ours), theirs in zip(critic.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-12, msg=name)
    for (name, buffer), theirs in zip(critic.named_buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(buffer, theirs, msg=name)


def test_batch_normalization_of_every_layer_is_written_out_too() -> None:
    """The published critic leaves the first one out; a network may have it."""
    torch.manual_seed(2)
    network = nn.Sequential(
        nn.Linear(SIZE, 6),
        nn.BatchNorm1d(6),
        nn.LeakyReLU(0.1),
        nn.Linear(6, 4),
        nn.BatchNorm1d(4),
        nn.LeakyReLU(0.3),
        nn.Linear(4, 1),
    ).double()
    other = copy.deepcopy(network)
    real, generated, mix = _codes()
    critic = _critic("none")
    critic.layers = network
    assert critic_gradients.hidden_layers(network) is not None
    set_gradients(critic, real, generated, mix=mix, penalty_weight=1.0, of_batch_mean=False)
    scores = [other(codes)[:, 0] for codes in (real, generated)]
    penalty = gradient_penalty(lambda codes: other(codes)[:, 0], real, generated, mix=mix)
    (penalty - critic_objective(*scores)).backward()
    for ours, theirs in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("normalization", ["layer", "spectral"])
def test_other_normalizations_are_left_to_automatic_differentiation(
    normalization: Normalization,
) -> None:
    """They are not written out, and get gradients all the same."""
    critic = _critic(normalization)
    assert critic_gradients.hidden_layers(critic.layers) is None
    real, generated, mix = _codes()
    _, penalty = set_gradients(
        critic, real, generated, mix=mix, penalty_weight=1.0, of_batch_mean=False
    )
    assert penalty is not None and float(penalty) > 0
    assert all(parameter.grad is not None for parameter in critic.parameters())


@pytest.mark.parametrize(("rows", "size"), [(7, 5), (64, 300), (1000, 33)])
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_kernels_take_the_same_passes(rows: int, size: int) -> None:
    """Each of the passes through a normalised layer, as a kernel and in torch's operations."""
    torch.manual_seed(0)
    plain = nn.BatchNorm1d(size).cuda()
    for parameter in plain.parameters():
        nn.init.normal_(parameter)
    fused = copy.deepcopy(plain)

    def same(first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> None:
        for ours, theirs in zip(first, second, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)

    inputs = torch.randn(3, rows, size, device="cuda")
    pull, extra, row = torch.randn(3, rows, size, device="cuda")
    with torch.no_grad():
        layer, states = batch_norm_double_backward.forward(plain, inputs, 0.2)
        other, activated = batch_norm_double_backward_cuda.forward(fused, inputs, 0.2)
        same(
            (other.values, other.inverse, other.outputs, activated, *fused.buffers()),
            (layer.values, layer.inverse, layer.outputs, states, *plain.buffers()),
        )
        for slope in (row[:1].expand(rows, -1), row):
            behind, inner = batch_norm_double_backward.slope_of_scores(plain, slope, layer, 0.2)
            same(
                batch_norm_double_backward_cuda.slope_of_scores(fused, slope, layer, 0.2),
                (behind, inner),
            )
        same(
            batch_norm_double_backward_cuda.penalty_gradients(
                fused, pull, layer, 0.2, slope=behind, inner_slope=inner
            ),
            batch_norm_double_backward.penalty_gradients(
                plain, pull, layer, 0.2, slope=behind, inner_slope=inner
            ),
        )
        for upstream in (inputs, inputs[:, :1].expand(-1, rows, -1)):
            for more in (extra, None):
                found = batch_norm_double_backward_cuda.backward(fused, upstream, layer, 0.2, more)
                asked = batch_norm_double_backward.backward(plain, upstream, layer, 0.2, more)
                same(found, asked)
        found = batch_norm_double_backward_cuda.slope_penalty(pull, offset=1e-12, weight=3.0)
        same(found, batch_norm_double_backward.slope_penalty(pull, offset=1e-12, weight=3.0))
