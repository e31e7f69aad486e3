import math

import numpy as np
import pytest
import torch

from arae_toolkit.data.corpus import pack
from arae_toolkit.errors import ToolkitError
from arae_toolkit.latent.arithmetic import (
    Transform,
    Trial,
    best_trial,
    draw_originals,
    have_word,
    length_matched,
    measure_transform,
    moved,
    offset_between,
    random_offsets,
    score_decodings,
    try_settings,
    unigram_precision,
)
from arae_toolkit.latent.spaces import Points

SIZE = 64


class Plane:
    """A space whose points are their codes; random ones have 0 in the planted coordinate."""

    def points_of(self, code):
        return Points(code, torch.zeros(len(code)))

    def draw(self, count, *, generator):
        points = torch.rand(count, SIZE, generator=generator)
        points[:, 0] = 0
        return points

    def codes(self, points):
        return points


class Planted:
    """A decoder that says *walking* where the first coordinate is above a half, at any draw."""

    device = torch.device("cpu")

    def __init__(self, subjects=10**6):
        self.subjects = subjects

    def decode(self, code, *, decoding=None, generator=None):
        self.decoding = decoding
        words = [f"subject{round(float(point[1]) * self.subjects)} is here" for point in code]
        ends = [" walking" if point[0] > 0.5 else "" for point in code]
        return [word + end for word, end in zip(words, ends, strict=True)]


def planted_offset():
    offset = torch.zeros(SIZE)
    offset[0] = 1.0
    return offset


def test_a_planted_offset_is_found_and_its_controls_are_not():
    originals = draw_originals(Planted(), Plane(), 50, without=["walking"], seed=0)
    transform = Transform("walking", ("walking",), planted_offset())
    found = measure_transform(
        Planted(), Plane(), originals, transform, temperature=0.5, decodings=10
    )
    assert found["offset"].match_percent == 100
    assert found["offset"].matches.tolist() == [10] * 50
    assert found["offset"].mean_precision == pytest.approx(75)  # one of four words is new
    assert found["offset"].outputs[0] == originals.texts[0] + " walking"
    assert found["none"].match_percent == 0
    assert math.isnan(found["none"].mean_precision)
    assert found["random"].match_percent < 5
    half = measure_transform(
        *(Planted(), Plane(), originals, transform), temperature=0.5, scale=0.4, decodings=2
    )
    assert half["offset"].match_percent == 0


def test_an_offset_is_the_difference_of_the_means():
    first = torch.tensor([[1.0, 0.0], [3.0, 2.0]])
    second = torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, 4.0]])
    assert offset_between(first, second).tolist() == [1.0, -1.0]
    assert moved(Plane(), first, torch.tensor([1.0, -1.0]), scale=2.0).tolist() == [
        [3.0, -2.0],
        [5.0, 0.0],
    ]


def test_random_offsets_have_the_norm_and_other_directions():
    offset = 3 * planted_offset()
    drawn = random_offsets(offset, 200, seed=1)
    torch.testing.assert_close(drawn.norm(dim=1), torch.full((200,), 3.0))
    assert abs(float((drawn @ planted_offset()).mean())) < 0.1
    assert torch.equal(drawn, random_offsets(offset, 200, seed=1))


class Scripted:
    """A decoder that says what a list says, in turn."""

    device = torch.device("cpu")

    def __init__(self, sentences):
        self.sentences = sentences

    def decode(self, code, *, decoding=None, generator=None):
        self.decoding = decoding
        return [self.sentences[at % len(self.sentences)] for at in range(len(code))]


def test_match_and_precision_are_those_of_figure_5():
    model = Scripted(["a man sleeps", "a dog runs here", "a man runs", "runs"])
    scores = score_decodings(
        model, torch.zeros(2, 3), ["a man sleeps", "b"],
        words=["runs"], temperature=0.7, decodings=4,
    )  # fmt: skip
    assert model.decoding.method == "sample"
    assert model.decoding.temperature == 0.7
    assert scores.matches.tolist() == [3, 3]
    # Of the three that match: one word of four, two of three, and none.
    assert scores.precision.tolist() == pytest.approx([(25 + 200 / 3 + 0) / 3, 0.0])
    assert scores.outputs[0] == "a man runs"
    never = score_decodings(
        model, torch.zeros(2, 3), ["a", "b"], words=["flies"], temperature=1.0, decodings=4
    )
    assert never.match_percent == 0
    assert list(never.outputs) == ["", ""]


def test_a_sentence_matches_if_one_of_its_decodings_does():
    model = Scripted([*["no"] * 9, "yes"])
    scores = score_decodings(
        model, torch.zeros(3, 1), ["a"] * 3, words=["yes"], temperature=1.0, decodings=10
    )
    assert scores.match_percent == 100
    assert scores.matches.tolist() == [1, 1, 1]
    few = score_decodings(
        model, torch.zeros(3, 1), ["a"] * 3, words=["yes"], temperature=1.0, decodings=3
    )
    assert few.match_percent == 0


@pytest.mark.parametrize(
    ("output", "original", "percent"),
    [("a a a", "a b", 100 / 3), ("", "a", 0), ("a b", "b a c", 100), ("a", "", 0)],
)
def test_precision_counts_a_word_as_often_as_the_original_has_it(output, original, percent):
    assert unigram_precision(output, original) == pytest.approx(percent)


def test_sides_have_the_same_lengths_and_share_no_row():
    random = np.random.default_rng(0)
    lengths = random.integers(3, 9, 300)
    chosen = random.random(300) < 0.2
    first, second = length_matched(lengths, chosen, most=40, seed=1)
    assert 0 < len(first) == len(second) <= 40
    assert sorted(lengths[first]) == sorted(lengths[second])
    assert chosen[first].all()
    assert not chosen[second].any()
    assert len(set(first)) == len(first)
    assert len(set(second)) == len(second)
    again = length_matched(lengths, chosen, most=40, seed=1)
    assert np.array_equal(first, again[0])


def test_a_length_that_one_side_lacks_is_left_out():
    first, second = length_matched(
        np.array([3, 3, 4, 5]), np.array([True, False, True, False]), most=9, seed=0
    )
    assert (first.tolist(), second.tolist()) == ([0], [1])
    none = length_matched(np.array([3, 4]), np.array([True, False]), most=9, seed=0)
    assert [len(side) for side in none] == [0, 0]


def test_sentences_with_a_word_are_found_in_packed_tokens():
    rows = [[5, 7, 2], [7, 2], [2], [6, 5, 5, 2], [6, 2]]
    packed = pack(rows, vocab_size=20)
    assert have_word(packed, 5).tolist() == [5 in row for row in rows]
    assert have_word(packed, 9).tolist() == [False] * 5


def test_originals_are_distinct_and_lack_the_words():
    class Both(Plane):
        def draw(self, count, *, generator):
            return torch.rand(count, SIZE, generator=generator)

    found = draw_originals(Planted(subjects=300), Both(), 100, without=["walking"], seed=2)
    assert len(set(found.texts)) == 100
    assert not any("walking" in text for text in found.texts)
    assert Planted(subjects=300).decode(found.points) == found.texts
    with pytest.raises(ToolkitError, match="only 1 distinct generated sentences without here"):
        draw_originals(Scripted(["here", "there"]), Plane(), 2, without=["here"], seed=0)


def test_merit_is_the_harmonic_mean_of_gain_and_precision():
    assert Trial(1.0, 1.0, match=80, match_without=20, precision=60).merit == pytest.approx(60)
    assert Trial(1.0, 1.0, match=90, match_without=60, precision=60).merit == pytest.approx(40)
    assert Trial(1.0, 1.0, match=10, match_without=20, precision=60).merit == 0


def test_dev_decides_for_the_scale_that_brings_the_word():
    originals = {"walking": draw_originals(Planted(), Plane(), 5, seed=0)}
    transform = Transform("walking", ("walking",), planted_offset())
    trials = try_settings(
        *(Planted(), Plane(), originals, [transform]),
        temperatures=[0.5, 1.0],
        scales=[0.3, 1.0],
        decodings=2,
    )
    assert [(trial.temperature, trial.scale) for trial in trials] == [
        *((0.5, 0.3), (0.5, 1.0), (1.0, 0.3), (1.0, 1.0)),
    ]
    best = best_trial(trials)
    assert (best.temperature, best.scale) == (0.5, 1.0)  # the first of two alike
    assert (best.match, best.match_without, best.precision) == (100, 0, 75)
