"""Priors that are fitted to codes: what they draw is distributed as what they were fitted to."""

import pytest
import torch

from arae_toolkit.nn.priors import FittedGaussian, FlowPrior, Generator, MixturePrior
from arae_toolkit.nn.priors.gaussian import BLOCK_ROWS, mean_and_covariance

MANY = 20_000


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def correlated_codes(count=MANY):
    """Codes of a known mean and covariance, nearly flat in one direction."""
    standard = torch.randn(count, 3, generator=random(5))
    return standard @ torch.tensor([[0.3, 0, 0], [0.2, 0.1, 0], [0, 0.05, 0.001]]).t() + 2


def flow(codes, **arguments):
    prior = FlowPrior(code_size=codes.shape[1], width=8, blocks=1, on_sphere=False, **arguments)
    prior.network.initialize(random())
    prior.standardize(codes)
    return prior


def assert_same_moments(drawn, codes, *, noise=0.0):
    wanted = codes.t().cov() + noise**2 * torch.eye(codes.shape[1])
    torch.testing.assert_close(drawn.mean(dim=0), codes.mean(dim=0), rtol=0, atol=0.02)
    torch.testing.assert_close(drawn.t().cov(), wanted, rtol=0.05, atol=0.003)


def test_moments_by_blocks_are_those_of_all_codes_at_once():
    codes = correlated_codes(BLOCK_ROWS + 77)
    mean, covariance = mean_and_covariance(codes)
    torch.testing.assert_close(mean, codes.double().mean(dim=0))
    torch.testing.assert_close(covariance, codes.double().t().cov(), rtol=1e-6, atol=1e-9)
    with pytest.raises(ValueError, match=r"N > 1, got \(1, 3\)"):
        mean_and_covariance(codes[:1])


def test_a_gaussian_is_bounded_to_the_sphere_only_where_it_is_to_be():
    codes = correlated_codes()
    free, bounded = FittedGaussian(code_size=3, on_sphere=False), FittedGaussian(code_size=3)
    for prior in (free, bounded):
        prior.fit(codes)
    assert_same_moments(free.sample(MANY, generator=random()), codes)
    norms = bounded.sample(9, generator=random()).norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(9))


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_an_untrained_flow_is_the_fitted_gaussian_with_the_noise_that_is_left(noise):
    codes = correlated_codes()
    prior = flow(codes, noise=noise, steps=30)
    assert_same_moments(prior.sample(MANY, generator=random()), codes, noise=noise)


def test_standard_coordinates_are_uncorrelated_and_lead_back():
    codes = correlated_codes()
    prior = flow(codes)
    standard = prior.to_standard(codes)
    covariance = standard.t().cov()
    torch.testing.assert_close(covariance, prior.variances.diag(), rtol=1e-3, atol=1e-3)
    assert float(prior.variances.mean()) == pytest.approx(1, abs=1e-4)
    torch.testing.assert_close(prior.from_standard(standard), codes, rtol=1e-4, atol=1e-4)


def test_the_end_leaves_the_noise_of_the_decoder():
    """At the end, what remains of the start is scale (1 - t) / t in the units of the codes."""
    prior = flow(correlated_codes(), noise=0.07)
    left = float(prior.scale) * (1 - prior.end) / prior.end
    assert left == pytest.approx(0.07)
    assert flow(correlated_codes()).end == 1


def test_the_linear_velocity_is_the_regression_of_the_velocity_on_the_state():
    codes = correlated_codes(200_000)
    prior = flow(codes)
    standard = prior.to_standard(codes)
    noise = torch.randn(standard.shape, generator=random(3))
    state, wanted = 0.6 * noise + 0.4 * standard, standard - noise
    slope = (state * wanted).mean(dim=0) / state.square().mean(dim=0)
    time = torch.full((1,), 0.4)
    found = prior.linear_velocity(torch.ones(1, 3), time)[0]
    torch.testing.assert_close(found, slope, rtol=0.02, atol=0.02)
    variance, given_state = prior.spread(time)
    torch.testing.assert_close(variance[0], state.var(dim=0), rtol=0.02, atol=0.01)
    residual = (wanted - found * state).var(dim=0)
    torch.testing.assert_close(given_state[0], residual, rtol=0.02, atol=0.01)


def test_a_start_without_scale_is_one_point_and_a_smaller_one_is_less_varied():
    codes = correlated_codes()
    prior = flow(codes, noise=0.05)
    spread = []
    for prior.start_scale in (0.0, 0.8, 1.0):
        spread.append(float(prior.sample(2000, generator=random()).var(dim=0).sum()))
    assert spread[0] < 1e-10
    assert 0 < spread[1] < 0.7 * spread[2]


def test_clean_codes_of_a_flow_lie_on_the_sphere_and_noisy_ones_do_not():
    codes = torch.nn.functional.normalize(correlated_codes(), dim=1)
    for noise in (0.0, 0.3):
        prior = FlowPrior(code_size=3, width=8, blocks=1, noise=noise)
        prior.standardize(codes)
        norms = prior.sample(50, generator=random()).norm(dim=1)
        assert bool(((norms - 1).abs() < 1e-5).all()) == (noise == 0)


@pytest.mark.parametrize("diagonal", [False, True])
def test_a_mixture_draws_its_components_by_their_weights(diagonal):
    prior = MixturePrior(
        code_size=3, components=2, dimensions=2, diagonal=diagonal, on_sphere=False
    )
    factor = torch.tensor([[0.2, 0.0], [0.1, 0.3]])
    prior.means.copy_(torch.tensor([[-2.0, 0.0], [2.0, 1.0]]))
    prior.weights.copy_(torch.tensor([0.25, 0.75]))
    prior.factors.copy_(factor.diag().expand(2, 2) if diagonal else factor.expand(2, 2, 2))
    turn = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
    prior.basis.copy_(turn)
    prior.deviations.copy_(torch.tensor([1.0, 2.0, 3.0]))
    prior.mean.copy_(torch.tensor([5.0, 6.0, 7.0]))
    codes = prior.sample(MANY, generator=random())
    whitened = (codes - prior.mean) @ turn / prior.deviations
    right = whitened[:, 0] > 0
    assert float(right.float().mean()) == pytest.approx(0.75, abs=0.01)
    torch.testing.assert_close(
        whitened[right, :2].mean(dim=0), torch.tensor([2.0, 1.0]), rtol=0, atol=0.02
    )
    expected = factor.diag().square().diag() if diagonal else factor @ factor.t()
    torch.testing.assert_close(whitened[right, :2].t().cov(), expected, rtol=0.1, atol=0.004)
    assert float(whitened[:, 2].std()) == pytest.approx(1, abs=0.02)
    assert prior.sample(0, generator=random()).shape == (0, 3)


@pytest.mark.parametrize("kind", ["flow", "mixture", "gaussian"])
def test_the_same_seed_draws_the_same_codes(kind):
    codes = correlated_codes(500)
    prior = {
        "flow": lambda: flow(codes),
        "mixture": lambda: MixturePrior(code_size=3, components=4, dimensions=2, diagonal=True),
        "gaussian": lambda: FittedGaussian(code_size=3),
    }[kind]()
    first, again, other = (prior.sample(6, generator=random(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_wrong_arguments_of_a_flow_are_refused():
    for wrong in ({"noise": -0.1}, {"steps": 0}):
        with pytest.raises(ValueError, match="noise must be >= 0 and steps >= 1"):
            FlowPrior(code_size=2, **wrong)


def test_sampled_codes_have_the_generators_noise_and_its_outputs_have_not():
    sizes = {"noise_size": 4, "code_size": 200, "hidden_sizes": (8,)}
    plain, noisy = Generator(**sizes), Generator(**sizes, noise=0.2)
    noisy.load_state_dict(plain.state_dict())
    first, second = (prior.sample(50, generator=random()) for prior in (plain, noisy))
    assert float((second - first).std()) == pytest.approx(0.2, rel=0.05)
    noise = torch.randn(3, 4, generator=random())
    assert torch.equal(noisy(noise), plain(noise))
