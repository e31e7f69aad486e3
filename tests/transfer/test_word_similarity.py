from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from arae_toolkit.data.vocabulary import EOS, UNKNOWN, Vocabulary
from arae_toolkit.transfer.infilling.network import EMPTY, InfillingNetwork, new_infilling_network
from arae_toolkit.transfer.infilling.rewriter import Infilling
from arae_toolkit.transfer.infilling.search import InfillingSearch, repetitions, unlikeness
from arae_toolkit.transfer.infilling.settings import InfillingModelConfig, Search
from arae_toolkit.transfer.infilling.token_scoring import TokenScorer, pseudo_likelihoods
from arae_toolkit.transfer.infilling.word_similarity import (
    ENDINGS,
    ending_of,
    usage,
    with_endings,
)

USES, ATTRIBUTES = 6, 2
FIRST = UNKNOWN + 1
V = FIRST + USES * ATTRIBUTES + 1
RARE = V - 1
SIZES = InfillingModelConfig(embedding_size=16, hidden_size=8, attribute_size=4, channels=4)


def word(use: int, attribute: int) -> int:
    """Return the word of a use that marks an attribute."""
    return FIRST + use * ATTRIBUTES + attribute


def guided(kinship: float) -> Search:
    """Return settings that fill in what marks the target, and words used like those replaced."""
    return Search(guidance=9.0, most_guidance=9.0, words=V, rarity=0.0, kinship=kinship)


@pytest.fixture
def network() -> InfillingNetwork:
    """Return a network whose embeddings are a part for the use and a larger one for the mark."""
    made = new_infilling_network(asdict(SIZES), V, ATTRIBUTES, seed=0).eval()
    random = torch.Generator().manual_seed(1)
    basis, _ = torch.linalg.qr(torch.randn(SIZES.embedding_size, USES + 1, generator=random))
    with torch.no_grad():
        made.counts[:, FIRST:RARE] = 20
        made.counts[:, RARE] = 1
        made.embedding.weight[RARE] = basis[:, 0]
        for use in range(USES):
            for attribute, sign in enumerate((-1.0, 1.0)):
                own = word(use, attribute)
                made.embedding.weight[own] = basis[:, use] + 3 * sign * basis[:, USES]
                made.salience[:, own] = torch.tensor([-sign, sign])
    return made


def test_what_marks_the_attribute_is_taken_out(network):
    directions = usage(network)
    known = directions[FIRST:RARE].reshape(USES, ATTRIBUTES, -1)
    cosines = torch.einsum("uae,vbe->uavb", known, known)
    same = torch.eye(USES, dtype=torch.bool)[:, None, :, None].expand_as(cosines)
    torch.testing.assert_close(cosines[same], torch.ones(int(same.sum())))
    assert cosines[~same].max() < 0.1


def test_marks_and_rare_words_are_like_no_other(network):
    assert not usage(network)[:FIRST].any()
    assert not usage(network)[RARE].any()
    network.counts.zero_()
    assert not usage(network).any()


def test_nothing_to_take_out_changes_nothing(network):
    network.salience.zero_()
    directions = usage(network)
    centred = network.embedding.weight[FIRST:RARE].detach()
    centred = torch.nn.functional.normalize(centred - centred.mean(dim=0), dim=1)
    torch.testing.assert_close(directions[FIRST:RARE], centred)


def test_gains_are_cosines_times_the_weight(network):
    scorer = TokenScorer(network, Search(kinship=4.0), dtype=torch.float32)
    gains = scorer.similarity_gains(torch.tensor([word(0, 0), EMPTY]))
    assert gains.shape == (2, len(scorer.ids))
    columns = [scorer.ids.tolist().index(one) for one in (EMPTY, word(0, 1), word(1, 1))]
    gains = gains[:, columns]
    assert gains[0, 1].item() == pytest.approx(4.0, abs=1e-4)
    assert gains[0, 2].item() < 1.0
    assert not gains[:, 0].any() and not gains[1].any()


def test_words_that_end_alike_are_used_a_little_more_alike(network):
    directions = usage(network)
    words = [""] * V
    words[word(0, 0)], words[word(0, 1)], words[word(1, 1)] = "songs", "laws", "law"
    words[RARE] = "laws"
    joint = with_endings(directions, words, weight=0.25)
    assert not joint[RARE].any() and not joint[:FIRST].any()
    lengths = joint[FIRST:RARE].square().sum(dim=1)
    torch.testing.assert_close(lengths, torch.full((RARE - FIRST,), 1.25))

    def cosine(of: torch.Tensor, first: int, second: int) -> float:
        return float(of[first] @ of[second])

    for first, second, alike in (
        (word(0, 0), word(0, 1), 1.0),
        (word(0, 0), word(1, 1), 0.0),
        (word(2, 0), word(1, 1), 1.0),  # neither has an ending
    ):
        expected = cosine(directions, first, second) + 0.25 * alike
        assert cosine(joint, first, second) == pytest.approx(expected, abs=1e-5)
    source, other = (word(0, 0), word(2, 0), EOS), (word(1, 1), word(2, 0), EOS)
    with_joint, plain = (unlikeness(source, other, of.numpy()) for of in (joint, directions))
    assert with_joint == pytest.approx(plain + 0.25)


@pytest.mark.parametrize(
    ("words", "ending"),
    [
        (("walking", "singing"), "ing"),
        (("walked", "used"), "ed"),
        (("slowly",), "ly"),
        (("songs", "news", "his"), "s"),
        (("sing", "bed", "is", "boss", "less", "song", "", "s"), None),
    ],
)
def test_an_ending_needs_a_stem(words, ending):
    expected = len(ENDINGS) if ending is None else ENDINGS.index(ending)
    assert {ending_of(one) for one in words} == {expected}


def test_the_search_is_told_how_its_words_end(network):
    vocabulary = Vocabulary.build(["songs laws sky"], size=9)
    small = new_infilling_network(asdict(SIZES), len(vocabulary), ATTRIBUTES)
    small.counts[:, FIRST:] = 9
    infilling = Infilling(small, vocabulary, ("a", "b"), search=Search(endings=2.0))
    directions, plain = infilling.scorer.directions, usage(small)
    songs, laws, sky = (vocabulary.words.index(one) for one in ("songs", "laws", "sky"))
    for other, more in ((laws, 2.0), (sky, 0.0)):
        cosine = float(plain[songs] @ plain[other])
        assert float(directions[songs] @ directions[other]) == pytest.approx(cosine + more)


def test_a_word_used_alike_is_put_in_and_costs_no_less(network):
    def reading(kinship: float) -> tuple[list[int], dict[int, float]]:
        scorer = TokenScorer(network, guided(kinship), dtype=torch.float32)
        [found] = pseudo_likelihoods([sentence], [1], scorer, ways=USES)
        best = found.best[0, 1].tolist()
        return best, dict(zip(best, found.best_costs[0, 1].tolist(), strict=True))

    for use in (2, 3, 4):
        sentence = [word(0, 1), word(use, 0), word(1, 1), EOS]
        best, costs = reading(99.0)
        assert best[0] == word(use, 1)
        _, plain = reading(0.0)
        both = plain.keys() & costs.keys()
        assert word(use, 1) in both
        for other in both:
            assert costs[other] == pytest.approx(plain[other], abs=1e-4)


def test_words_that_are_used_otherwise_are_counted(network):
    directions = usage(network).numpy()

    def unlike(*middle: int) -> float:
        return unlikeness(source, (word(0, 0), *middle, word(1, 0), EOS), directions)

    source = (word(0, 0), word(2, 0), word(1, 0), EOS)
    assert unlike(word(2, 0)) == 0.0
    assert unlike(word(2, 1)) == pytest.approx(0.0, abs=1e-5)
    other = 1.0 - float(directions[word(2, 0)] @ directions[word(4, 1)])
    assert unlike(word(4, 1)) == pytest.approx(other) and other > 0.9
    assert unlike(RARE) == pytest.approx(1.0)
    pushed = 1.0 - float(directions[word(1, 0)] @ directions[word(4, 1)])
    assert unlike(word(2, 1), word(4, 1)) == pytest.approx(pushed, abs=1e-5)


@torch.no_grad()
def favour(network: InfillingNetwork, chosen: int, *, nats: float) -> None:
    """Make one word likelier than all others, and a word likelier than none."""
    network.word_bias.zero_()
    network.word_bias[chosen], network.word_bias[EMPTY] = nats, -50.0


def searched(network: InfillingNetwork, search: Search, *, kinship: float) -> InfillingSearch:
    """Return a search that is guided to the target wherever it can be."""
    return InfillingSearch(TokenScorer(network, guided(kinship), dtype=torch.float32), search)


@pytest.mark.parametrize(("unlike_weight", "preferred"), [(0.0, 4), (50.0, 2)])
def test_the_search_prefers_words_that_are_used_alike(network, unlike_weight, preferred):
    favour(network, word(4, 1), nats=3.0)
    # Only the likelihood of the new words and their use are weighed.
    search = Search(
        **{"words": V, "margin_weight": 0.0, "left_weight": 9.0, "least_left": 0.0},
        **{"change_weight": 3.0, "unlike_weight": unlike_weight, "ways": USES, "edits": 99},
        **{"rarity": 0.0, "better_weight": 0.5, "close": 99},
    )
    searching = searched(network, search, kinship=1.0)
    source = (word(0, 1), word(2, 0), word(1, 1), EOS)
    [found] = searching.candidates([source], [1])
    assert found[0].words == (word(0, 1), word(preferred, 1), word(1, 1), EOS)


def test_a_word_said_again_costs(network):
    favour(network, word(2, 1), nats=9.0)
    search = Search(
        **{"words": V, "left_weight": 9.0, "least_left": 0.0, "ways": USES, "edits": 99},
        **{"rarity": 0.0, "close": 99, "change_weight": 0.0, "rounds": 3, "repeated_weight": 99.0},
    )
    searching = searched(network, search, kinship=0.0)
    careless = InfillingSearch(searching.scorer, replace(search, repeated_weight=0.0))
    source = (word(0, 0), word(1, 0), word(3, 0), EOS)
    [found] = searching.candidates([source], [1])
    assert {one.repeated for one in found if one.close} == {0, 1}
    for one in found:
        assert one.repeated == repetitions(source, one.words, among=np.arange(V) > UNKNOWN)
        more = searching.cost(one) - careless.cost(one)
        assert more == pytest.approx(99.0 * one.repeated)
    assert [one.repeated for one in found if one.close] == sorted(
        one.repeated for one in found if one.close
    )
