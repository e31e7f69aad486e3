import math
from types import SimpleNamespace

import pytest
import torch

from arae_toolkit.priors.neighbours import NeighboursPrior

DEGREES = (0.0, 10.0, 100.0, 104.0, 104.0, 250.0)


def on_circle(degrees):
    """Points of the unit circle."""
    angles = torch.tensor(degrees) * math.pi / 180
    return torch.stack([angles.cos(), angles.sin()], dim=1)


class Codes:
    """Some codes, in the place of a split's."""

    def __init__(self, codes, norm="sphere"):
        self.codes, self.model, self.asked = codes, SimpleNamespace(code_norm=norm), 0

    def __len__(self):
        return len(self.codes)

    def some(self, count, *, seed):
        self.asked += 1
        return self.codes


def drawn(prior, count=300, seed=0):
    return prior.sample(count, generator=torch.Generator().manual_seed(seed))


def degrees_of(points):
    return torch.atan2(points[:, 1], points[:, 0]).rad2deg() % 360


def test_draws_lie_between_a_row_and_the_nearest_that_is_another():
    """Rows that read alike are no neighbours, and a lonely row's neighbour is far."""
    codes = Codes(on_circle(DEGREES))
    prior = NeighboursPrior(codes, noise=0.0, nearest=1)
    points = drawn(prior)
    torch.testing.assert_close(points.norm(dim=1), torch.ones(300))
    angles = degrees_of(points)
    # From a quarter to three quarters of the chord; the way from 250 degrees leads to 360.
    ways = [(2.0, 8.0), (100.9, 103.1), (269.0, 341.0)]
    inside = torch.stack([(angles > low) & (angles < high) for low, high in ways])
    assert inside.any(dim=0).all() and inside.any(dim=1).all()
    drawn(prior)
    assert codes.asked == 1  # they are not encoded anew


def test_codes_without_a_bound_are_joined_by_straight_lines_and_noise_comes_on_top():
    ends = torch.tensor([[0.0, 5.0], [4.0, 5.0]])
    points = drawn(NeighboursPrior(Codes(ends, norm="none"), noise=0.0))
    torch.testing.assert_close(points[:, 1], torch.full((300,), 5.0))
    assert 1 <= points[:, 0].min() < 1.3 and 2.7 < points[:, 0].max() <= 3
    noisy = drawn(NeighboursPrior(Codes(ends, norm="none"), noise=0.5))
    assert float(noisy[:, 1].std()) == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize("size", [1.0, 50.0])
def test_a_row_is_not_its_own_neighbour_however_long_its_code(size):
    """The distance of a code to itself comes out as rounding, in proportion to its norm."""
    codes = size * torch.randn(400, 64, generator=torch.Generator().manual_seed(0)) / 8
    prior = NeighboursPrior(Codes(codes, norm="none"), noise=0.0, nearest=1)
    away = torch.cdist(drawn(prior), codes, compute_mode="donot_use_mm_for_euclid_dist")
    assert float(away.min()) > 0.05 * size


def test_the_same_seed_draws_the_same():
    prior = NeighboursPrior(Codes(on_circle(DEGREES)), noise=0.1)
    assert torch.equal(drawn(prior, seed=3), drawn(prior, seed=3))
    assert not torch.equal(drawn(prior, seed=3), drawn(prior, seed=4))
