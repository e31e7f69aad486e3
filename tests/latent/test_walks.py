import math

import pytest
import small
import torch

from arae_toolkit.errors import ToolkitError
from arae_toolkit.latent.spaces import CodeSpace, NoiseSpace, has_noise, space_of
from arae_toolkit.latent.walks import StraightWay, measure_smoothness, random_walks, walk
from arae_toolkit.models.interpolation import points_between


def vectors(count, size, *, seed=0):
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def model():
    return small.model(small.vocabulary()).eval()


@pytest.mark.parametrize("interpolation", ["linear", "slerp"])
def test_a_way_starts_and_ends_where_it_is_to(interpolation):
    start, end = vectors(6, 4).split(3)
    way = points_between(start, end, steps=5, interpolation=interpolation)
    assert way.shape == (3, 5, 4)
    torch.testing.assert_close(way[:, 0], start)
    torch.testing.assert_close(way[:, -1], end)


def test_the_straight_way_has_equal_steps():
    start, end = vectors(6, 4).split(3)
    steps = points_between(start, end, steps=5).diff(dim=1)
    torch.testing.assert_close(steps, ((end - start) / 4)[:, None].expand_as(steps))


def test_slerp_keeps_the_norm_and_turns_by_equal_angles():
    start, end = torch.nn.functional.normalize(vectors(6, 4), dim=1).split(3)
    way = points_between(start, end, steps=6, interpolation="slerp")
    torch.testing.assert_close(way.norm(dim=2), torch.ones(3, 6))
    cosines = (way[:, 1:] * way[:, :-1]).sum(dim=2)
    whole = (start * end).sum(dim=1).arccos()
    torch.testing.assert_close(
        cosines.arccos(), (whole / 5)[:, None].expand(3, 5), atol=1e-4, rtol=0
    )
    straight = points_between(start, end, steps=6)
    assert (straight.norm(dim=2)[:, 1:-1] < 1).all()


def test_the_norm_of_slerp_changes_by_equal_amounts():
    start, end = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    way = points_between(start, end, steps=3, interpolation="slerp")
    assert way.norm(dim=2)[0].tolist() == pytest.approx([2, 3, 4])
    assert way[0, 1].tolist() == pytest.approx([3 / math.sqrt(2)] * 2)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_slerp_between_equal_or_opposite_directions_is_the_straight_way(factor):
    start = vectors(2, 4)
    way = points_between(start, factor * start, steps=3, interpolation="slerp")
    torch.testing.assert_close(way, points_between(start, factor * start, steps=3))


def test_a_way_has_two_steps_at_least():
    with pytest.raises(ValueError, match="at least 2, got 1"):
        points_between(vectors(1, 2), vectors(1, 2), steps=1)


def test_a_walk_through_codes_is_that_of_interpolate(model):
    first, second = small.SENTENCES[1], small.SENTENCES[4]
    ends = model.encode([first, second])
    found = walk(CodeSpace(model.prior), ends[:1], ends[1:], StraightWay(4))
    assert model.decode(found.codes[0]) == model.interpolate(first, second, steps=4)
    assert found.distance.tolist() == [[0, 0]]
    torch.testing.assert_close(found.codes.norm(dim=2), torch.ones(1, 4))
    torch.testing.assert_close(found.codes[0, [0, -1]], ends)


def test_a_walk_through_noise_ends_at_the_noise_that_was_found(model):
    space = space_of(model, "noise")
    code = model.encode(small.SENTENCES[:4])
    found = walk(space, code[:2], code[2:], StraightWay(3))
    ends = found.codes[:, [0, -1]]
    assert (found.distance > 0).all()
    given = torch.stack([code[:2], code[2:]], dim=1)
    torch.testing.assert_close((ends - given).norm(dim=2), found.distance, atol=1e-5, rtol=1e-4)
    points = space.points_of(code).points
    middle = model.prior((points[0] + points[2])[None] / 2)[0]
    torch.testing.assert_close(found.codes[0, 1], middle)


@pytest.mark.parametrize("name", ["codes", "noise"])
def test_random_walks_are_fixed_by_their_seed(model, name):
    def codes(seed):
        generator = torch.Generator().manual_seed(seed)
        return random_walks(space_of(model, name), 3, StraightWay(4), generator=generator)

    assert codes(1).shape == (3, 4, model.code_size)
    assert torch.equal(codes(1), codes(1))
    assert not torch.equal(codes(1), codes(2))


def test_random_noise_is_walked_through_before_the_generator(model):
    way = random_walks(
        space_of(model, "noise"), 1, StraightWay(3), generator=torch.Generator().manual_seed(1)
    )
    noise = model.prior.draw_noise(2, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(way[0, 1], model.prior(noise.mean(dim=0, keepdim=True))[0])


def test_a_model_without_a_generator_has_no_noise(model):
    fitted = small.model(small.vocabulary(), prior="fitted")
    assert has_noise(model)
    assert not has_noise(fitted)
    assert isinstance(space_of(model, "noise"), NoiseSpace)
    assert isinstance(space_of(fitted, "codes"), CodeSpace)
    with pytest.raises(ToolkitError, match="no generator"):
        space_of(fitted, "noise")


def test_smoothness_of_walks_whose_edits_are_known():
    even = ["a b c", "x b c", "x y c", "x y z"]
    jump = ["a b", "a b", "c d", "c d"]
    still = ["a", "a", "a", "a"]
    smooth = measure_smoothness([even])
    assert (smooth.changed, smooth.largest, smooth.detour, smooth.same_ends) == (1, 1, 1, 0)
    assert smooth.jump_percent == pytest.approx(100 / 3)
    both = measure_smoothness([even, jump])
    assert both.changed == pytest.approx(5 / 6)
    assert both.largest == 1.5
    assert both.jump_percent == pytest.approx((100 / 3 + 100) / 2)
    assert measure_smoothness([["a b", "x b", "a b", "a c"]]).detour == 3
    nothing = measure_smoothness([still])
    assert (nothing.changed, nothing.jump_percent, nothing.same_ends) == (0, 0, 100)
    assert math.isnan(nothing.detour)
    with pytest.raises(ValueError, match="no walks"):
        measure_smoothness([])
