import copy

import pytest
import torch
from torch import nn

from arae_toolkit.optim import update
from arae_toolkit.optim.update import PiecewiseAdam

needs_fused = pytest.mark.skipif(
    not update._has_fused(torch.device("cpu")),
    reason="torch 2.3 has fused optimizers on a GPU only",
)
DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()


@needs_fused
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("scale", [None, 2.5])
def test_pieces_take_the_same_steps(device, scale, monkeypatch):
    """Whatever the pieces, weights and moments are those of the fused Adam."""
    monkeypatch.setattr(update, "PIECE", 7)
    torch.manual_seed(0)
    first = nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 1)).to(device)
    second = copy.deepcopy(first)
    ours = PiecewiseAdam(first.parameters(), lr=0.01, betas=(0.5, 0.9), fused=True)
    theirs = torch.optim.Adam(second.parameters(), lr=0.01, betas=(0.5, 0.9), fused=True)
    for _ in range(4):
        inputs = torch.randn(3, 5, device=device)
        for network, optimizer in ((first, ours), (second, theirs)):
            network(inputs).square().sum().backward()
            if scale is not None:
                optimizer.grad_scale = torch.tensor(scale, device=device)  # type: ignore[union-attr]
            optimizer.step()
            optimizer.zero_grad()
    for weight, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(weight, other)
        for name, value in theirs.state[other].items():
            torch.testing.assert_close(ours.state[weight][name], value, msg=name)


@needs_fused
def test_a_weight_without_a_gradient_stays():
    """As in torch's Adam, it has no state either."""
    used, unused = (nn.Parameter(torch.ones(3)) for _ in range(2))
    optimizer = PiecewiseAdam([used, unused], lr=0.1, fused=True)
    used.grad = torch.ones(3)
    optimizer.step()
    assert torch.equal(unused, torch.ones(3)) and unused not in optimizer.state
    assert not torch.equal(used, torch.ones(3))
