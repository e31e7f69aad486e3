import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from arae_toolkit.nn.code_head import CodeHead, coordinate_nats, drawn
from arae_toolkit.nn.priors import GaussianPrior, SphericalPrior
from arae_toolkit.pretraining.regularizers import Discrepancy, Divergence, squared_discrepancy


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_divergence_is_that_of_torchs_distributions():
    posterior = torch.randn(5, 8, generator=seeded())
    mean, log_variance = posterior.chunk(2, dim=1)
    wanted = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(coordinate_nats(posterior), wanted)


def test_the_divergences_gradient_is_the_known_one():
    """Of the mean over rows: means divided by B, and half of the variance less 1, over B."""
    posterior = torch.randn(5, 8, generator=seeded())
    mean, log_variance = posterior.chunk(2, dim=1)
    gradient, measured = Divergence(torch.tensor(2.0)).gradient(posterior, generator=seeded())
    wanted = torch.cat([mean, 0.5 * (log_variance.exp() - 1)], dim=1)
    torch.testing.assert_close(gradient, 2 * wanted / 5)
    assert float(measured["kl_nats"]) == pytest.approx(
        float(coordinate_nats(posterior).sum(dim=1).mean())
    )


def test_free_bits_leave_what_is_below_them_alone():
    posterior = torch.zeros(4, 6)
    posterior[:, 0] = 3.0  # costs 4.5 nats
    posterior[:, 1] = 0.5  # costs 0.125
    term = Divergence(torch.tensor(1.0), free_bits=0.2)
    gradient, _ = term.gradient(posterior, generator=seeded())
    assert (gradient[:, 0] > 0).all() and not gradient[:, 1:].any()


def test_draws_have_the_posteriors_mean_and_spread():
    posterior = torch.tensor([[1.0, -2.0, math.log(4.0), math.log(0.25)]]).expand(20_000, 4)
    codes = drawn(posterior, generator=seeded())
    torch.testing.assert_close(codes.mean(dim=0), torch.tensor([1.0, -2.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(codes.std(dim=0), torch.tensor([2.0, 0.5]), atol=0.05, rtol=0)


def test_the_discrepancy_of_equal_distributions_is_nothing_on_average():
    draws = [torch.randn(2, 64, 5, generator=seeded(seed)) for seed in range(40)]
    values = torch.stack([squared_discrepancy(a, b, width=10.0) for a, b in draws])
    assert abs(float(values.mean())) < 3 * float(values.std()) / math.sqrt(len(values))
    shifted = torch.stack([squared_discrepancy(a, b + 1, width=10.0) for a, b in draws])
    assert float(shifted.min()) > float(values.max())


@pytest.mark.parametrize(
    ("prior", "width"), [(GaussianPrior(code_size=4), 8.0), (SphericalPrior(code_size=4), 2.0)]
)
def test_descending_the_discrepancy_brings_codes_to_the_prior(prior, width):
    codes = 0.1 * torch.randn(200, 4, generator=seeded()) + 2
    term, random = Discrepancy(prior, 1.0, width), seeded(1)
    before = squared_discrepancy(codes, prior.sample(200, generator=seeded(2)), width=width)
    for _ in range(200):
        codes = codes - 20 * term.gradient(codes, generator=random)[0]
    after = squared_discrepancy(codes, prior.sample(200, generator=seeded(2)), width=width)
    assert float(after) < 0.05 * float(before)


def test_heads_give_codes_of_their_forms():
    state = 5 * torch.randn(3, 4, generator=seeded())
    torch.testing.assert_close(CodeHead(4, form="sphere")(state).norm(dim=1), torch.ones(3))
    assert not list(CodeHead(4, form="sphere").parameters())  # folders of earlier versions load
    assert CodeHead(4, form="linear")(state).norm(dim=1).std() > 0.01
    mapped = CodeHead(2, form="sphere", state_size=4)(state)
    assert mapped.shape == (3, 2)
    torch.testing.assert_close(mapped.norm(dim=1), torch.ones(3))
    gaussian = CodeHead(4, form="gaussian")
    assert torch.equal(gaussian(state), gaussian.posterior(state)[:, :4])
    with pytest.raises(ValueError, match="'sphere' has no posterior"):
        CodeHead(4, form="sphere").posterior(state)
