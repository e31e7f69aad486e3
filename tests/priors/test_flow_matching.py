"""Flow matching learns what codes have beyond a Gaussian, and measures it in nats."""

import numpy as np
import pytest
import torch

from arae_toolkit.nn.priors import FlowPrior
from arae_toolkit.optim.update import Scalars
from arae_toolkit.priors.flow_matching import FlowMatching, nats_gained, velocity_errors
from arae_toolkit.priors.settings import FlowSchedule

SHARE, DEVIATION = 0.3, 0.1


def two_modes(count, seed):
    """A mixture in two dimensions: three tenths around (-1, 0), the rest around (1, 0.5)."""
    random = torch.Generator().manual_seed(seed)
    left = torch.rand(count, generator=random) < SHARE
    centres = torch.where(left[:, None], torch.tensor([-1.0, 0.0]), torch.tensor([1.0, 0.5]))
    return centres + DEVIATION * torch.randn(count, 2, generator=random)


def trained(codes, dev, *, noise=0.0, iterations=400, **settings):
    torch.manual_seed(0)
    prior = FlowPrior(
        code_size=codes.shape[1], width=32, blocks=2, noise=noise, steps=16, on_sphere=False
    )
    prior.network.initialize(torch.Generator().manual_seed(0))
    prior.standardize(codes)
    schedule = FlowSchedule(iterations=iterations, rate=3e-3, average=0.98, warmup=20, **settings)
    training = FlowMatching(prior, schedule, codes, dev)
    rows: list[Scalars] = [training.iteration(at) for at in range(iterations)]
    return prior.eval(), training, rows


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_flow_learns_two_modes_their_shares_and_their_width(noise):
    prior, training, _ = trained(two_modes(4000, 0), two_modes(2000, 1), noise=noise)
    row = training.evaluate()
    assert row["nats_gained"] > (0.1 if noise else 0.5)
    drawn = prior.sample(8000, generator=torch.Generator().manual_seed(2))
    wanted = two_modes(8000, 3) + noise * torch.randn(8000, 2, generator=torch.Generator())
    left = drawn[:, 0] < 0
    assert float(left.float().mean()) == pytest.approx(SHARE, abs=0.05)
    for side, real in ((left, wanted[:, 0] < 0), (~left, wanted[:, 0] >= 0)):
        mean, real_mean = drawn[side].mean(dim=0), wanted[real].mean(dim=0)
        torch.testing.assert_close(mean, real_mean, rtol=0, atol=0.1)
        spread, real_spread = drawn[side].std(dim=0), wanted[real].std(dim=0)
        torch.testing.assert_close(spread, real_spread, rtol=0.3, atol=0.05)


def test_of_gaussian_codes_there_is_nothing_to_gain():
    codes = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [1.0, 0.5, 0.1]
    )
    prior, training, _ = trained(codes[:3000], codes[3000:], iterations=60, noise=0.5)
    row = training.evaluate()
    assert abs(row["nats_gained"]) < 0.05
    drawn = prior.sample(8000, generator=torch.Generator().manual_seed(2))
    wanted = codes.t().cov() + 0.25 * torch.eye(3)
    torch.testing.assert_close(drawn.t().cov(), wanted, rtol=0.1, atol=0.03)


def test_the_gain_is_the_difference_of_two_divergences():
    """Codes are +1 or -1, whose posterior mean is a tanh: the best of all networks is known."""
    prior = FlowPrior(code_size=1, width=2, blocks=1, noise=0.5, on_sphere=False)

    class Best(torch.nn.Module):
        def forward(self, state, time):
            variance, given_state = prior.spread(time)
            x, t = state * variance.sqrt(), time[:, None]
            velocity = (torch.tanh(t * x / (1 - t) ** 2) - x) / (1 - t)
            return (velocity - prior.linear_velocity(x, time)) / given_state.sqrt()

    random = torch.Generator().manual_seed(0)
    count = 400_000
    codes = torch.randint(2, (count, 1), generator=random) * 2.0 - 1
    noise = torch.randn(count, 1, generator=random)
    time = prior.end * torch.rand(count, generator=random).sqrt()
    errors = velocity_errors(prior, Best(), codes, noise, time)
    gained = float(nats_gained(*errors, time, end=prior.end))

    grid = np.linspace(-6, 6, 200_001)
    sigma = 0.5

    def normal(x, mean, variance):
        return np.exp(-((x - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)

    real = (normal(grid, 1, sigma**2) + normal(grid, -1, sigma**2)) / 2
    gaussian = normal(grid, 0, 1 + sigma**2)
    divergence = float(np.sum(real * np.log(real / gaussian)) * (grid[1] - grid[0]))
    assert gained == pytest.approx(divergence, rel=0.02)


def test_the_best_running_mean_on_dev_is_kept():
    prior, training, _ = trained(two_modes(1000, 0), two_modes(500, 1), iterations=200)
    first = training.evaluate()
    assert first["best_nats_gained"] == pytest.approx(first["nats_gained"])
    kept = {name: value.clone() for name, value in prior.state_dict().items()}
    with torch.no_grad():
        training.average.last.weight.add_(1.0)
    second = training.evaluate()
    assert second["nats_gained"] < first["nats_gained"] == second["best_nats_gained"]
    assert all(torch.equal(kept[name], value) for name, value in prior.state_dict().items())


def test_only_the_network_is_moved_and_times_reach_the_end_alone():
    codes = two_modes(300, 0)
    prior, training, rows = trained(codes, codes, iterations=3, lateness=1.0, noise=0.2)
    untouched = FlowPrior(code_size=2, width=32, blocks=2)
    untouched.network.initialize(torch.Generator().manual_seed(0))
    for name, value in untouched.network.state_dict().items():
        assert torch.equal(value, prior.network.state_dict()[name]), name
        if name.endswith("weight"):
            assert not torch.equal(value, training.network.state_dict()[name]) or "steering" in name
    assert training.end == prior.end < 1
    assert all(float(row["gradient_norm"]) > 0 for row in rows)
    assert training.problem({"velocity_error": 9.0})
    assert not training.problem({"velocity_error": 1.2})
