import itertools

import numpy as np
import pytest
import small
import torch
from rapidfuzz.distance import Levenshtein

from arae_toolkit.generation.decoding import Decoding, decode
from arae_toolkit.latent import smooth_walks
from arae_toolkit.latent.smooth_walks import PLACES, SmoothWay, cheapest_chain
from arae_toolkit.latent.spaces import space_of
from arae_toolkit.latent.walks import StraightWay, random_walks, walk


@pytest.fixture(scope="module")
def model():
    return small.model(small.vocabulary()).eval()


def squares(texts):
    words = [text.split() for text in texts]
    return sum(Levenshtein.distance(*pair) ** 2 for pair in itertools.pairwise(words))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("length", [2, 3, 5])
def test_the_chain_is_the_cheapest_of_all(seed, length):
    random = np.random.default_rng(seed)
    cost, place = random.random((6, 6)), np.array([0, 1, 1, 2, 2, 3])

    def price(chain):
        return sum(cost[step] for step in itertools.pairwise(chain))

    middles = itertools.product(range(6), repeat=length - 2)
    chains = [(0, *middle, 5) for middle in middles]
    onward = [chain for chain in chains if list(place[list(chain)]) == sorted(place[list(chain)])]
    found = cheapest_chain(cost, place, length)
    assert len(found) == length
    assert price(found) == pytest.approx(min(price(chain) for chain in onward))


def test_a_smooth_way_keeps_its_ends_and_jumps_no_more_than_the_straight_one(model, monkeypatch):
    monkeypatch.setattr(smooth_walks, "EDITS_A_NAT", 0)
    code = model.encode(small.SENTENCES[:8])
    space, steps = space_of(model, "codes"), 5
    assert (PLACES - 1) % (steps - 1) == 0, "so the straight way's points are candidates"
    straight = walk(space, code[:4], code[4:], StraightWay(steps)).codes
    smooth = walk(space, code[:4], code[4:], SmoothWay(model, steps)).codes
    torch.testing.assert_close(smooth[:, [0, -1]], straight[:, [0, -1]])
    torch.testing.assert_close(smooth.norm(dim=2), torch.ones(4, steps))
    less = [
        squares(model.decode(one)) - squares(model.decode(other))
        for one, other in zip(smooth, straight, strict=True)
    ]
    assert max(less) <= 0
    assert min(less) < 0


def test_what_a_sentence_costs_its_decoder_counts(model, monkeypatch):
    code = model.encode(small.SENTENCES[:2])

    def nats(weight):
        monkeypatch.setattr(smooth_walks, "EDITS_A_NAT", weight)
        codes = walk(space_of(model, "codes"), code[:1], code[1:], SmoothWay(model, 6)).codes[0]
        words = decode(model.decoder, codes, decoding=Decoding(), max_length=model.max_length)
        return float(smooth_walks.nats_of_ids(model.decoder, codes, words)[0].sum())

    assert nats(1e4) < nats(0)


@pytest.mark.parametrize("name", ["codes", "noise"])
def test_a_smooth_way_is_the_same_among_others_and_fixed_by_its_seed(model, name):
    space = space_of(model, name)
    generator = torch.Generator().manual_seed(3)
    start, end = space.draw(6, generator=generator).split(3)
    every = SmoothWay(model, 4)(space, start, end)
    assert every.shape == (3, 4, model.code_size)
    torch.testing.assert_close(SmoothWay(model, 4)(space, start[1:2], end[1:2])[0], every[1])
    assert not torch.equal(SmoothWay(model, 4, seed=1)(space, start, end), every)
    assert SmoothWay(model, 4)(space, start[:0], end[:0]).shape == (0, 4, model.code_size)


def test_random_walks_can_be_smooth(model):
    way = SmoothWay(model, 2)
    generator = torch.Generator().manual_seed(1)
    codes = random_walks(space_of(model, "codes"), 2, way, generator=generator)
    drawn = model.prior.sample(4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(codes, torch.stack(drawn.split(2), dim=1))


def test_a_smooth_way_has_two_steps_at_least(model):
    code = model.encode(small.SENTENCES[:2])
    with pytest.raises(ValueError, match="at least 2, got 1"):
        SmoothWay(model, 1)(space_of(model, "codes"), code[:1], code[1:])


def test_sentences_are_looked_at_in_the_precision_that_they_are_decoded_in(model, monkeypatch):
    """Else the walk that is shown is another than the one that was chosen."""
    seen = []

    def noted(*given, decoding, **more):
        seen.append(decoding)
        return decode(*given, decoding=decoding, **more)

    monkeypatch.setattr(smooth_walks, "decode", noted)
    monkeypatch.setattr(model, "precision", "bf16")
    code = model.encode(small.SENTENCES[:2])
    way = SmoothWay(model, 3, decoding=Decoding("beam", beam_size=2))
    walk(space_of(model, "codes"), code[:1], code[1:], way)
    assert {(one.method, one.dtype) for one in seen} == {("beam", torch.bfloat16)}
