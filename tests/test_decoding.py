"""Decoding against enumeration, mock decoders with known answers, and invariances."""

from __future__ import annotations

import itertools
import math

import pytest
import reference
import small
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from arae_toolkit.models.decoder import DecoderState
from arae_toolkit.models.decoding import Decoding, decode
from arae_toolkit.vocabulary import EOS, PAD

WORDS = (EOS, 4, 5)  # a vocabulary of three words, the ids below 4 never being words
VOCAB_SIZE = 6


class TableDecoder:
    """Scores that depend on the row and the words so far, from a random table."""

    def __init__(self, seed: int, rows: int, *, spread: float = 1.0) -> None:
        random = torch.Generator().manual_seed(seed)
        self.table = spread * torch.randn(rows, 5**3, VOCAB_SIZE, generator=random)
        self.table[:, :, [0, 1, 3]] = -torch.inf

    def start(self, code: Tensor) -> DecoderState:
        # hidden: (row, place in the table); the code's first coordinate is the row.
        place = torch.stack([code[:, 0], torch.zeros(len(code))], dim=1)
        return DecoderState(place, place, place)

    def step(self, state: DecoderState, previous: Tensor) -> tuple[Tensor, DecoderState]:
        row = state.hidden[:, 0].long()
        place = (state.hidden[:, 1].long() * 5 + previous) % self.table.shape[1]
        hidden = torch.stack([row.float(), place.float()], dim=1)
        return self.table[row, place], DecoderState(hidden, hidden, hidden)

    def log_probability(self, row: int, sentence: tuple[int, ...]) -> float:
        state, previous, total = self.start(torch.tensor([[float(row)]])), 1, 0.0
        for word in sentence:
            scores, state = self.step(state, torch.tensor([previous]))
            total += float(scores.log_softmax(dim=1)[0, word])
            previous = word
        return total


def _codes(rows: int) -> Tensor:
    return torch.arange(rows, dtype=torch.float32)[:, None]


def _sentence(row: Tensor) -> tuple[int, ...]:
    return tuple(word for word in row.tolist() if word != PAD)


@given(seed=st.integers(0, 200))
def test_a_wide_beam_finds_the_likeliest_of_all_sentences(seed: int) -> None:
    """With a beam as wide as the number of beginnings, the search is exact."""
    decoder = TableDecoder(seed, rows=2)
    decoding = Decoding("beam", beam_size=27, max_length=3)
    found = decode(decoder, _codes(2), decoding=decoding, max_length=3)
    for row in range(2):
        best = reference.likeliest_sentence(
            lambda s, row=row: decoder.log_probability(row, s),  # type: ignore[misc]
            words=[4, 5],
            steps=3,
        )
        assert _sentence(found[row]) == best


@given(seed=st.integers(0, 50))
def test_a_beam_of_one_is_greedy(seed: int) -> None:
    """The narrowest beam takes the likeliest word at each step."""
    decoder = TableDecoder(seed, rows=3)
    greedy = decode(decoder, _codes(3), decoding=Decoding(), max_length=3)
    beam = decode(decoder, _codes(3), decoding=Decoding("beam", beam_size=1), max_length=3)
    assert [_sentence(a) for a in greedy] == [_sentence(b) for b in beam]


def test_a_wider_beam_never_finds_less_on_average() -> None:
    """Widening the beam raises the mean log-probability of what is found."""
    decoder = TableDecoder(3, rows=40)
    means = []
    for size in (1, 3, 9):
        found = decode(decoder, _codes(40), decoding=Decoding("beam", beam_size=size), max_length=3)
        scores = [decoder.log_probability(row, _sentence(found[row])) for row in range(40)]
        means.append(sum(scores) / 40)
    assert means[0] < means[1] <= means[2]


@pytest.mark.parametrize("method", ["greedy", "beam", "sample"])
def test_rows_do_not_depend_on_their_company(method: str) -> None:
    """A batch decodes to its rows' own sentences, whenever other rows end."""
    arae = small.model(small.vocabulary())
    codes = torch.nn.functional.normalize(
        torch.randn(12, 10, generator=torch.Generator().manual_seed(2)), dim=1
    )
    decoding = Decoding(method)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(4)
    together = decode(arae.decoder, codes, decoding=decoding, max_length=8, generator=generator)
    generator = torch.Generator().manual_seed(4)
    if method == "sample":
        first = decode(
            arae.decoder, codes[:1], decoding=decoding, max_length=8, generator=generator
        )
        assert _sentence(first[0]) == _sentence(together[0])
        return
    for row in range(12):
        alone = decode(arae.decoder, codes[row : row + 1], decoding=decoding, max_length=8)
        assert _sentence(alone[0]) == _sentence(together[row])


def test_sampling_draws_words_as_often_as_they_are_likely() -> None:
    """Frequencies of the first word approach its probabilities."""
    decoder = TableDecoder(1, rows=1)
    codes = torch.zeros(20_000, 1)
    words = decode(
        decoder,
        codes,
        decoding=Decoding("sample", temperature=0.8, max_length=1),
        max_length=1,
        generator=torch.Generator().manual_seed(0),
    )
    scores, _ = decoder.step(decoder.start(codes[:1]), torch.tensor([1]))
    expected = (scores / 0.8).softmax(dim=1)[0]
    for word in WORDS:
        share = float((words[:, 0] == word).double().mean())
        assert share == pytest.approx(float(expected[word]), abs=0.015)


def _first_words(decoding: Decoding) -> set[int]:
    decoder = TableDecoder(5, rows=1)
    words = decode(
        decoder,
        torch.zeros(4000, 1),
        decoding=decoding,
        max_length=1,
        generator=torch.Generator().manual_seed(0),
    )
    return set(words[:, 0].tolist())


def test_top_k_and_nucleus_keep_the_likeliest() -> None:
    """One word is left by k = 1 and by a tiny nucleus, two by k = 2, all by default."""
    decoder = TableDecoder(5, rows=1)
    scores, _ = decoder.step(decoder.start(torch.zeros(1, 1)), torch.tensor([1]))
    order = scores[0].argsort(descending=True).tolist()
    assert _first_words(Decoding("sample")) == set(WORDS)
    assert _first_words(Decoding("sample", top_k=1)) == {order[0]}
    assert _first_words(Decoding("sample", top_k=2)) == set(order[:2])
    assert _first_words(Decoding("sample", top_p=1e-6)) == {order[0]}


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_top_k_leaves_words_at_any_batch_size(batch: int) -> None:
    """The cut is by row, so a batch of any size keeps k words in each."""
    decoder = TableDecoder(6, rows=1)
    words = decode(
        decoder,
        torch.zeros(batch, 1),
        decoding=Decoding("sample", top_k=1, max_length=1),
        max_length=1,
        generator=torch.Generator().manual_seed(1),
    )
    assert len(set(words[:, 0].tolist())) == 1


def test_a_low_temperature_is_greedy() -> None:
    """Near temperature 0 the likeliest word is certain."""
    decoder = TableDecoder(8, rows=5)
    greedy = decode(decoder, _codes(5), decoding=Decoding(), max_length=3)
    cold = decode(
        decoder,
        _codes(5),
        decoding=Decoding("sample", temperature=1e-4),
        max_length=3,
        generator=torch.Generator().manual_seed(0),
    )
    assert torch.equal(greedy, cold)


def test_sentences_end_at_the_maximum() -> None:
    """What does not end by itself is cut; what ends is padded after <eos>."""
    arae = small.model(small.vocabulary())
    codes = torch.randn(30, 10, generator=torch.Generator().manual_seed(0))
    for row in decode(arae.decoder, codes, decoding=Decoding(max_length=3), max_length=10):
        words = row.tolist()
        assert len(words) == 3
        if EOS in words:
            end = words.index(EOS)
            assert all(word == PAD for word in words[end + 1 :])


@pytest.mark.parametrize(
    "arguments",
    [
        {"method": "magic"},
        {"temperature": 0.0},
        {"temperature": math.nan},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.5},
        {"beam_size": 0},
        {"max_length": 0},
    ],
)
def test_impossible_settings_are_refused(arguments: dict[str, object]) -> None:
    """Each out-of-range setting raises."""
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Decoding(**arguments)  # type: ignore[arg-type]


def test_sampling_needs_a_generator() -> None:
    """Randomness is an argument."""
    with pytest.raises(ValueError, match="generator"):
        decode(TableDecoder(0, 1), _codes(1), decoding=Decoding("sample"), max_length=3)


def test_the_enumeration_counts_every_sentence() -> None:
    """The oracle itself: its candidates' probabilities sum to one."""
    decoder = TableDecoder(0, rows=1)
    bodies = [b for n in range(3) for b in itertools.product([4, 5], repeat=n)]
    sentences = [(*b, EOS) for b in bodies] + list(itertools.product([4, 5], repeat=3))
    total = sum(math.exp(decoder.log_probability(0, s)) for s in sentences)
    assert total == pytest.approx(1.0, rel=1e-5)
