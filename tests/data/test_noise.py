import pytest
import torch
from torch import Tensor

from arae_toolkit.data.noise import (
    add_code_noise,
    annealed_deviation,
    drop_words,
    swap_words,
    swappable,
)
from arae_toolkit.data.vocabulary import EOS, PAD, UNKNOWN


def _tokens() -> tuple[Tensor, Tensor]:
    tokens = torch.tensor([[5, 6, 7, 8, EOS], [9, EOS, PAD, PAD, PAD], [5, 9, EOS, PAD, PAD]])
    return tokens, torch.tensor([5, 2, 3])


def _random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_code_noise_has_the_asked_for_deviation():
    """Over many coordinates the spread is the deviation."""
    noisy = add_code_noise(torch.zeros(200, 50), deviation=torch.tensor(0.2), generator=_random())
    assert float(noisy.std()) == pytest.approx(0.2, rel=0.03)


def test_no_deviation_is_no_noise():
    code = torch.randn(3, 4, generator=_random())
    assert torch.equal(add_code_noise(code, deviation=torch.zeros(()), generator=_random()), code)


def test_annealing_follows_the_published_schedule():
    """0.2 x 0.995 every hundred iterations."""
    values = [
        annealed_deviation(0.2, factor=0.995, every=100, iteration=i) for i in (0, 99, 100, 250)
    ]
    assert values == pytest.approx([0.2, 0.2, 0.199, 0.2 * 0.995**2])


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_word_drop_spares_ends_and_padding(share):
    tokens, lengths = _tokens()
    dropped = drop_words(tokens, lengths, share=share, generator=_random())
    is_word = (tokens != EOS) & (tokens != PAD)
    assert torch.equal(dropped[~is_word], tokens[~is_word])
    expected = torch.full_like(tokens[is_word], UNKNOWN) if share else tokens[is_word]
    assert torch.equal(dropped[is_word], expected)


def test_word_drop_drops_the_share():
    """About so many words of a long text go."""
    tokens = torch.full((100, 51), 7)
    dropped = drop_words(tokens, torch.full((100,), 51), share=0.3, generator=_random())
    assert float((dropped == UNKNOWN).double().mean()) == pytest.approx(0.3, abs=0.02)


def _inversions(row: list[int]) -> int:
    """Return how many exchanges of neighbours put a row in rising order, at least."""
    return sum(first > second for i, first in enumerate(row) for second in row[i + 1 :])


@pytest.mark.parametrize("swaps", [1, 2, 3, 4])
def test_swaps_never_cancel(swaps):
    """So many exchanges of neighbours lead back, and no fewer; every place is met."""
    tokens = torch.tensor([5, 6, 7, 8, 9, EOS]).repeat(400, 1)
    swapped = swap_words(tokens, torch.full((400,), 6), swaps=swaps, generator=_random())
    assert {_inversions(row) for row in swapped[:, :5].tolist()} == {swaps}
    ways = {tuple(row) for row in swapped.tolist()}
    assert len(ways) == {1: 4, 2: 9, 3: 12, 4: 8}[swaps]  # by hand: products of distinct exchanges


def test_sentences_too_short_for_so_many_swaps_are_known_and_stay():
    tokens, lengths = _tokens()
    assert swappable(lengths, swaps=3).tolist() == [True, False, False]
    assert swappable(lengths, swaps=4).tolist() == [False] * 3
    assert swappable(lengths, swaps=0).all()
    assert torch.equal(swap_words(tokens, lengths, swaps=4, generator=_random()), tokens)
    swapped = swap_words(tokens, lengths, swaps=3, generator=_random())
    assert (swapped != tokens).any(dim=1).tolist() == [True, False, False]


def test_swaps_keep_the_words_and_the_end():
    """A swapped sentence is a permutation; one of fewer than two words stays."""
    tokens, lengths = _tokens()
    for seed in range(20):
        swapped = swap_words(tokens, lengths, swaps=2, generator=_random(seed))
        for row, length in enumerate(lengths.tolist()):
            assert sorted(swapped[row].tolist()) == sorted(tokens[row].tolist())
            assert swapped[row, length - 1] == EOS
        assert torch.equal(swapped[1], tokens[1])


def test_one_swap_exchanges_one_neighbouring_pair():
    tokens, lengths = torch.tensor([[5, 6, 7, 8, EOS]]), torch.tensor([5])
    met = set()
    for seed in range(40):
        swapped = swap_words(tokens, lengths, swaps=1, generator=_random(seed))
        changed = (swapped != tokens)[0].nonzero()[:, 0].tolist()
        assert len(changed) == 2
        assert changed[1] == changed[0] + 1
        met.add(changed[0])
    assert met == {0, 1, 2}
