import gc
import itertools
import math
import weakref

import pytest
import reference
import small
import torch
from host_reads import HostReads
from hypothesis import given
from hypothesis import strategies as st
from plain_decoder import PlainSteps
from torch import Tensor

from arae_toolkit.data.vocabulary import EOS, PAD
from arae_toolkit.generation.continuous_batching import ContinuousBatcher, StepDecoder
from arae_toolkit.generation.decoding import Decoding, Search, _beam_search, _token_sampler, decode
from arae_toolkit.generation.token_sampling import BLOCK_WORDS, draw, greedy_tokens
from arae_toolkit.nn.lstm_decoder import DecoderState, IncrementalLSTM

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
def test_a_wide_beam_finds_the_likeliest_of_all_sentences(seed):
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
def test_a_beam_of_one_is_greedy(seed):
    """The narrowest beam takes the likeliest word at each step."""
    decoder = TableDecoder(seed, rows=3)
    greedy = decode(decoder, _codes(3), decoding=Decoding(), max_length=3)
    beam = decode(decoder, _codes(3), decoding=Decoding("beam", beam_size=1), max_length=3)
    assert [_sentence(a) for a in greedy] == [_sentence(b) for b in beam]


def test_a_wider_beam_never_finds_less_on_average():
    """Widening the beam raises the mean log-probability of what is found."""
    decoder = TableDecoder(3, rows=40)
    means = []
    for size in (1, 3, 9):
        found = decode(decoder, _codes(40), decoding=Decoding("beam", beam_size=size), max_length=3)
        scores = [decoder.log_probability(row, _sentence(found[row])) for row in range(40)]
        means.append(sum(scores) / 40)
    assert means[0] < means[1] <= means[2]


@pytest.mark.parametrize("method", ["greedy", "beam", "sample"])
def test_rows_do_not_depend_on_their_company(method):
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


def test_sampling_draws_words_as_often_as_they_are_likely():
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


def test_top_k_and_nucleus_keep_the_likeliest():
    decoder = TableDecoder(5, rows=1)
    scores, _ = decoder.step(decoder.start(torch.zeros(1, 1)), torch.tensor([1]))
    order = scores[0].argsort(descending=True).tolist()
    assert _first_words(Decoding("sample")) == set(WORDS)
    assert _first_words(Decoding("sample", top_k=1)) == {order[0]}
    assert _first_words(Decoding("sample", top_k=2)) == set(order[:2])
    assert _first_words(Decoding("sample", top_p=1e-6)) == {order[0]}


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_top_k_leaves_words_at_any_batch_size(batch):
    decoder = TableDecoder(6, rows=1)
    words = decode(
        decoder,
        torch.zeros(batch, 1),
        decoding=Decoding("sample", top_k=1, max_length=1),
        max_length=1,
        generator=torch.Generator().manual_seed(1),
    )
    assert len(set(words[:, 0].tolist())) == 1


def test_a_low_temperature_is_greedy():
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


def test_sentences_end_at_the_maximum():
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
def test_impossible_settings_are_refused(arguments):
    """Each out-of-range setting raises."""
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Decoding(**arguments)  # type: ignore[arg-type]


def test_sampling_needs_a_generator():
    """Randomness is an argument."""
    with pytest.raises(ValueError, match="generator"):
        decode(TableDecoder(0, 1), _codes(1), decoding=Decoding("sample"), max_length=3)


def test_the_enumeration_counts_every_sentence():
    """The oracle itself: its candidates' probabilities sum to one."""
    decoder = TableDecoder(0, rows=1)
    bodies = [b for n in range(3) for b in itertools.product([4, 5], repeat=n)]
    sentences = [(*b, EOS) for b in bodies] + list(itertools.product([4, 5], repeat=3))
    total = sum(math.exp(decoder.log_probability(0, s)) for s in sentences)
    assert total == pytest.approx(1.0, rel=1e-5)


# --- places that are refilled ------------------------------------------------------------------


def _slow_sentence(decoder: StepDecoder, code: Tensor, steps: int) -> tuple[int, ...]:
    """Return the greedy sentence of one code (1, Z), word by word."""
    state, previous, words = decoder.start(code), 1, []
    for _ in range(steps):
        scores, state = decoder.step(state, torch.tensor([previous]))
        previous = int(scores.argmax(dim=1))
        words.append(previous)
        if previous == EOS:
            break
    return tuple(words)


@pytest.mark.parametrize("places", [1, 3, 7, 64])
@pytest.mark.parametrize("keep", [False, True])
def test_refilled_places_decode_what_a_plain_loop_does(places, keep):
    """More codes than places, in two calls of different sizes, as on a CPU and as on a GPU."""
    decoder = TableDecoder(9, rows=23, spread=2.0)
    search = ContinuousBatcher(
        decoder,
        lambda scores, _: greedy_tokens(scores),
        count=places,
        capacity=23,
        steps=4,
        keep=keep,
    )
    expected = [_slow_sentence(decoder, code[None], 4) for code in _codes(23)]
    assert len({len(words) for words in expected}) > 2, "sentences of one length show little"
    with torch.no_grad():
        found = search.decode(_codes(23))
        again = search.decode(_codes(23)[5:9])
    assert [_sentence(row) for row in found] == expected
    assert [_sentence(row) for row in again] == expected[5:9]
    assert found.shape == (23, 4)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"method": "sample", "temperature": 0.7},
        {"method": "sample", "top_k": 3},
        # Not top_p: a CPU sorts in a way of its own.
    ],
)
def test_a_step_with_places_that_are_kept_reads_nothing_on_the_host(settings):
    """So a GPU replays it as a graph. Looking whether all are done does read."""
    arae = small.model(small.vocabulary())
    choose = _token_sampler(Decoding(**settings))
    steps = PlainSteps(arae.decoder)
    search = ContinuousBatcher(steps, choose, count=6, capacity=20, steps=9, keep=True)
    codes = torch.randn(20, 10, generator=torch.Generator().manual_seed(6))
    uniform = torch.rand(20, 9, generator=torch.Generator().manual_seed(7))
    with HostReads() as reads:
        search.decode(codes, uniform)
    assert set(reads.names) == {"aten::_local_scalar_dense"}
    with HostReads() as reads, torch.no_grad():
        search._step()
    assert reads.names == []
    assert reads.operations > 20


@pytest.mark.parametrize("places", [2, 5, 40])
def test_an_lstm_decodes_the_same_in_any_number_of_places(places):
    """The fast steps and the refilling against the plain decoder, row by row."""
    arae = small.model(small.vocabulary())
    codes = torch.nn.functional.normalize(
        torch.randn(33, 10, generator=torch.Generator().manual_seed(6)), dim=1
    )
    found = decode(arae.decoder, codes, decoding=Decoding(), max_length=9, slots=places)
    with torch.no_grad():
        for row, code in zip(found, codes, strict=True):
            slow = _slow_sentence(PlainSteps(arae.decoder), code[None], 9)
            assert _sentence(row) == tuple(word for word in slow if word != PAD)


@pytest.mark.parametrize(
    "settings", [{}, {"temperature": 0.7}, {"top_k": 3}, {"top_p": 0.8}, {"top_k": 5, "top_p": 0.5}]
)
def test_drawn_sentences_do_not_depend_on_the_number_of_places(settings):
    arae = small.model(small.vocabulary())
    codes = torch.randn(50, 10, generator=torch.Generator().manual_seed(6))
    decoding = Decoding("sample", **settings)  # type: ignore[arg-type]
    found = [
        decode(
            arae.decoder,
            codes,
            decoding=decoding,
            max_length=9,
            generator=torch.Generator().manual_seed(1),
            slots=places,
        )
        for places in (3, 50)
    ]
    assert torch.equal(*found)
    assert len({_sentence(row) for row in found[0]}) > 5


def test_no_codes_are_no_sentences():
    """An empty batch has no rows, whatever the method."""
    arae = small.model(small.vocabulary())
    for method in ("greedy", "sample"):
        words = decode(
            arae.decoder,
            torch.zeros(0, 10),
            decoding=Decoding(method),  # type: ignore[arg-type]
            max_length=4,
            generator=torch.Generator(),
        )
        assert words.shape == (0, 4)


# --- the fast steps ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.1)], ids=["fp32", "bf16"]
)
@pytest.mark.parametrize("output_map", ["false", "true"])
def test_fast_steps_meet_the_plain_ones(dtype, tolerance, output_map):
    """Scores and states, with words met before and new ones, and rows that leave."""
    config = small.settings(f"output_map={output_map}")
    decoder = small.model(small.vocabulary(), config).decoder
    stepper, slow = IncrementalLSTM(decoder, dtype=dtype), PlainSteps(decoder)
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        codes = torch.randn(6, 10, generator=random)
        plain, fast = slow.start(codes), stepper.start(codes)
        for rows in (6, 6, 4, 2):
            plain, fast = (state.rows(torch.arange(rows)) for state in (plain, fast))
            previous = torch.randint(4, 20, (rows,), generator=random)
            expected, plain = slow.step(plain, previous)
            scores, fast = stepper.step(fast, previous)
            torch.testing.assert_close(scores.float(), expected, rtol=tolerance, atol=tolerance)
            torch.testing.assert_close(fast.hidden, plain.hidden, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("output_map", ["false", "true"])
def test_a_beam_search_takes_the_fast_steps_in_the_precision_asked_for(output_map):
    """Whatever the precision, it finds what a search by steps of that precision finds."""
    decoder = small.model(small.vocabulary(), small.settings(f"output_map={output_map}")).decoder
    codes = torch.randn(40, 10, generator=torch.Generator().manual_seed(4))
    width = {"steps": 8, "beam_size": 4}

    def found(dtype):
        decoding = Decoding("beam", beam_size=4, dtype=dtype)
        return [_sentence(row) for row in decode(decoder, codes, decoding=decoding, max_length=8)]

    with torch.no_grad():
        plain = _beam_search(PlainSteps(decoder), codes, **width)
        reduced = _beam_search(IncrementalLSTM(decoder, dtype=torch.bfloat16), codes, **width)
    assert found(None) == found(torch.float32) == [_sentence(row) for row in plain]
    assert found(torch.bfloat16) == [_sentence(row) for row in reduced] != found(None)


# --- the choice of a word ------------------------------------------------------------------------

VOCAB_SIZES = [3, BLOCK_WORDS, BLOCK_WORDS + 1, 5 * BLOCK_WORDS, 700]


def _layouts(scores: Tensor) -> list[Tensor]:
    """Return the scores as a GPU lays them out, and as the fast steps on a CPU do."""
    return [scores.clone(), scores.t().contiguous().t()]


@pytest.mark.parametrize("vocab_size", VOCAB_SIZES)
def test_the_likeliest_word_is_the_first_of_the_highest(vocab_size):
    """As argmax has it, ties within a block and between blocks included."""
    random = torch.Generator().manual_seed(vocab_size)
    different = torch.randn(40, vocab_size, generator=random)
    tied = torch.randint(0, 3, (40, vocab_size), generator=random).float()
    for scores in (different, tied, torch.zeros(2, vocab_size), torch.full((2, 9), -torch.inf)):
        for laid_out in _layouts(scores):
            assert torch.equal(greedy_tokens(laid_out), (-scores).argsort(dim=1, stable=True)[:, 0])


def _slow_draw(
    scores: Tensor, uniform: float, *, temperature: float, top_k: int, top_p: float
) -> int:
    """Return the word drawn for one row (V,), by the definition, in float64."""
    probability = (scores.double() / temperature).softmax(dim=0)
    order = probability.argsort(descending=True, stable=True)
    kept = order[: top_k or len(order)]
    if top_p < 1:
        before = probability[kept].cumsum(dim=0) - probability[kept]
        kept = kept[before < top_p * probability[kept].sum()]
    left = torch.zeros_like(probability).index_copy_(0, kept, probability[kept])
    upto = left.cumsum(dim=0)
    return int((upto <= uniform * upto[-1]).sum())


@pytest.mark.parametrize("vocab_size", VOCAB_SIZES)
@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1, 0, 1), (0.5, 0, 1), (1, 2, 1), (1.5, 21, 1), (1, 0, 0.3), (3, 0, 0.95), (1, 15, 0.6)],
)
def test_a_word_is_drawn_by_the_definition(vocab_size, temperature, top_k, top_p):
    """Against the plain inversion in float64, steep and flat distributions alike."""
    random = torch.Generator().manual_seed(top_k)
    spread = torch.tensor([0.1, 1.0, 4.0]).repeat(20)[:, None]
    scores = spread * torch.randn(60, vocab_size, generator=random)
    uniform = torch.rand(60, generator=random)
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    expected = [
        _slow_draw(row, float(number), **settings)  # type: ignore[arg-type]
        for row, number in zip(scores, uniform, strict=True)
    ]
    for laid_out in _layouts(scores):
        drawn = draw(laid_out, uniform, **settings)  # type: ignore[arg-type]
        # A number that falls on the border of two words within rounding may go to either.
        assert sum(a != b for a, b in zip(drawn.tolist(), expected, strict=True)) <= 1


@pytest.mark.parametrize("planted", [False, True])
def test_drawn_words_are_as_frequent_as_likely(planted):
    """Uniform over 200 words, or with one that has half of the probability."""
    scores = torch.zeros(200)
    if planted:
        scores[137] = math.log(199)
    rows, random = 100_000, torch.Generator().manual_seed(0)
    drawn = draw(scores.expand(rows, -1).clone(), torch.rand(rows, generator=random))
    shares = drawn.bincount(minlength=200) / rows
    expected = scores.softmax(dim=0)
    deviation = (expected * (1 - expected) / rows).sqrt()
    assert ((shares - expected).abs() < 5 * deviation).all()


@pytest.mark.parametrize("settings", [{}, {"top_k": 4}, {"top_p": 0.9}, {"top_p": 0.999}])
def test_an_impossible_word_is_never_drawn(settings):
    """At both ends of the unit interval, and beside words of no probability."""
    scores = torch.full((400, 150), -torch.inf)
    scores[:, [3, 70, 149]] = torch.tensor([0.0, -40.0, 0.0])
    uniform = torch.cat([torch.zeros(1), torch.linspace(0, 1, 398), torch.tensor([1 - 2**-24])])
    drawn = draw(scores, uniform, **settings)  # type: ignore[arg-type]
    assert set(drawn.tolist()) <= {3, 70, 149}


def test_equally_likely_words_fill_a_wide_nucleus_in_their_order():
    scores = torch.zeros(500, 300)
    scores[:, ::3] = -1
    likely = [word for word in range(300) if word % 3]
    drawn = draw(scores, torch.linspace(0, 0.999, 500), top_p=0.5)
    count = math.ceil(0.5 * (200 + 100 / math.e))
    assert drawn.unique().tolist() == likely[:count]


# --- blocks of samples ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_blocks_do_not_depend_on_how_many_are_decoded_at_once(method):
    arae = small.model(small.vocabulary()).eval()
    decoding, sizes = Decoding(method), [4, 4, 4, 4, 2]  # type: ignore[arg-type]
    ways = [{"growth": 1}, {}, {"at_once": 18}, {"at_once": 7, "expected": 6}]
    found = [
        list(arae.sample_blocks(sizes, decoding=decoding, **way))  # type: ignore[arg-type]
        for way in ways
    ]
    assert [len(block) for block in found[0]] == sizes
    assert all(blocks == found[0] for blocks in found)


def test_blocks_are_drawn_as_they_are_asked_for():
    """Endless sizes are no trouble: the first block comes before the second is looked at."""
    arae = small.model(small.vocabulary()).eval()
    blocks = arae.sample_blocks(itertools.repeat(3), growth=1)
    assert next(blocks) == arae.sample(3)


@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_memory_is_given_back_at_once(method):
    """What a search holds hangs in no circle, which would wait for the garbage collector."""
    arae = small.model(small.vocabulary()).eval()
    search = Search(
        arae.decoder,
        decoding=Decoding(method),  # type: ignore[arg-type]
        max_length=4,
        device=arae.device,
    )
    search(torch.zeros(3, 10), search.draws(3, torch.Generator()))
    held = weakref.ref(search)
    parts = [weakref.ref(search.batcher)] if method != "beam" else []
    gc.disable()
    try:
        del search
        assert held() is None
        assert all(part() is None for part in parts)
    finally:
        gc.enable()
