"""What an encoder of pairs descends: hidden words, matching and generation, against hand sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
import small_pairs
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from arae_toolkit.data.token_batches import batch_of, real_tokens
from arae_toolkit.data.vocabulary import EOS, PAD, UNKNOWN
from arae_toolkit.nli.pretraining.heads import (
    LABEL_SIZE,
    MATCH_SCALE,
    MATCH_SIZE,
    PairObjective,
    PairPretrainingHeads,
    mask_words,
)
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder
from arae_toolkit.ops.sampled_softmax import SoftmaxSample

CPU = torch.device("cpu")
LABELS = 3
FP32 = torch.float32


def random(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def store():
    return small_pairs.rule_store(12)


def model(*, generates=True, code_size=8):
    encoder = BiLSTMEncoder(len(small_pairs.rule_words()), embedding_size=6, code_size=code_size)
    made = PairPretrainingHeads(encoder, LABELS, generates=generates)
    made.initialize(random(1))
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.uniform_(-0.5, 0.5, generator=random(2))
    return made


def whole_softmax(made):
    return SoftmaxSample(len(made.word_bias), random())


def objective(made, *, share=0.5):
    return PairObjective(made, share=share, softmax_samples=99, dropout=0.0, dtype=FP32)


# --- hidden words ----------------------------------------------------------------------------

sentences = st.lists(
    st.lists(st.integers(UNKNOWN, 20), max_size=9).map(lambda words: [*words, EOS]),
    min_size=1,
    max_size=6,
)


@given(sentences, st.floats(0, 1), st.integers(0, 99))
def test_only_known_words_are_hidden(rows, share, seed):
    batch = batch_of(rows, device=CPU)
    damaged, hidden = mask_words(batch, share=share, generator=random(seed))
    assert not hidden[(batch.tokens == EOS) | (batch.tokens == PAD)].any()
    assert not hidden[batch.tokens == UNKNOWN].any()
    assert (damaged.tokens[hidden] == UNKNOWN).all()
    assert torch.equal(damaged.tokens[~hidden], batch.tokens[~hidden])
    assert torch.equal(damaged.lengths, batch.lengths)
    if share == 0:
        assert not hidden.any()


def test_all_known_words_can_be_hidden_and_a_share_is_one():
    batch = batch_of([[5] * 400 + [EOS], [6] * 399 + [UNKNOWN, EOS]], device=CPU)
    _, hidden = mask_words(batch, share=1.0, generator=random())
    assert hidden.sum(dim=1).tolist() == [400, 399]
    _, hidden = mask_words(batch, share=0.25, generator=random())
    assert float(hidden.sum()) / 799 == pytest.approx(0.25, abs=0.04)


def test_the_nats_of_hidden_words_are_those_of_the_whole_softmax(store):
    made = model()
    batch = store.batch(np.arange(4)).premise
    damaged, hidden = mask_words(batch, share=0.5, generator=random())
    states, _ = made.states(damaged, dropout=0.0, generator=None)
    other = torch.randn(4, 8, generator=random(3))
    given_nats = made.masked_word_nats(
        states, other, hidden, batch.tokens, sample=whole_softmax(made), dtype=FP32
    )
    expected, count = torch.zeros(()), 0
    for row, column in hidden.nonzero().tolist():
        features = functional.gelu(made.word(torch.cat([states[row, column], other[row]])))
        scores = made.encoder.embedding.weight @ features + made.word_bias
        expected = expected - scores.log_softmax(dim=0)[batch.tokens[row, column]]
        count += 1
    assert count > 2
    torch.testing.assert_close(given_nats, expected)


def test_no_hidden_word_costs_nothing(store):
    made = model(generates=False)
    nats, count = objective(made, share=0.0).of_sentences(
        store.batch(np.arange(3)).premise, random()
    )
    assert (nats.item(), count) == (0.0, 0)
    nats.backward()  # a batch of unknown words must not stop a training


def test_a_single_sentence_is_one_beside_a_vector_of_zeros(store):
    made = model(generates=False).eval()
    batch = store.batch(np.arange(4)).premise
    nats, count = objective(made).of_sentences(batch, random(5))
    damaged, hidden = mask_words(batch, share=0.5, generator=random(5))
    states, vector = made.states(damaged, dropout=0.0, generator=None)
    zeros = torch.zeros_like(vector)
    expected = made.masked_word_nats(
        states, zeros, hidden, batch.tokens, sample=whole_softmax(made), dtype=FP32
    )
    assert count == int(hidden.sum())
    torch.testing.assert_close(nats, expected)


# --- matching --------------------------------------------------------------------------------


def unprojected(code_size):
    """Return a model that compares vectors as they are."""
    made = model(generates=False, code_size=code_size)
    with torch.no_grad():
        made.match.weight.copy_(torch.eye(MATCH_SIZE, code_size))
    return made


def test_orthogonal_vectors_are_guesses_among_pairs_of_other_premises():
    made = unprojected(8)
    premise, hypothesis = torch.eye(8)[:3], torch.eye(8)[3:6]
    apart = torch.eye(3, dtype=torch.bool)

    def nats(*given):
        return made.matching_nats(*given).item()

    assert nats(premise, hypothesis, apart) == pytest.approx(math.log(3))
    same = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    # The first two do not count against each other: one other pair each, two for the third.
    expected = (math.log(2) + math.log(2) + math.log(3)) / 3
    assert nats(premise, hypothesis, same) == pytest.approx(expected)


def test_each_direction_is_a_softmax_over_cosines():
    made = unprojected(4)
    # The second hypothesis lies at 60 degrees of the first premise, whose own is orthogonal.
    premise = torch.eye(4)[:2] * 7
    hypothesis = torch.tensor([[0.0, 0.0, 1.0, 0.0], [0.5, 0.0, 0.0, math.sqrt(0.75)]])
    scores = torch.tensor([[0.0, 0.5], [0.0, 0.0]]) * MATCH_SCALE
    rows = -scores.log_softmax(dim=1).diag().mean()
    columns = -scores.log_softmax(dim=0).diag().mean()
    nats = made.matching_nats(premise, hypothesis, torch.eye(2, dtype=torch.bool))
    torch.testing.assert_close(nats, (rows + columns) / 2)


# --- generation ------------------------------------------------------------------------------


def generation(made, store, labels):
    batch = store.batch(np.arange(4))
    return made.generation_nats(
        torch.randn(4, 8, generator=random(6)),
        batch.hypothesis,
        torch.tensor(labels),
        dropout=0.0,
        sample=whole_softmax(made),
        dtype=FP32,
        generator=None,
    )


def test_an_unknown_label_is_the_last_row_of_the_labels(store):
    made = model()
    with torch.no_grad():
        made.label.weight.normal_(0, 3, generator=random(4))
    assert made.label.weight.shape == (LABELS + 1, LABEL_SIZE)
    unknown, known = (generation(made, store, [label] * 4) for label in (-1, 1))
    assert not torch.allclose(unknown, known)
    with torch.no_grad():
        made.label.weight[1] = made.label.weight[LABELS]
    torch.testing.assert_close(generation(made, store, [1] * 4), unknown)


def test_only_labels_that_may_be_used_are_told(store):
    batch = store.batch(np.array([3, 0, 7]))
    usable = torch.zeros(len(store), dtype=torch.bool)
    usable[[0, 7]] = True
    of = objective(model())
    gold = store.labels.tolist()
    assert of._usable_labels(batch, usable).tolist() == [-1, gold[0], gold[7]]
    assert of._usable_labels(batch, None).tolist() == [-1, -1, -1]


# --- the objective of pairs ------------------------------------------------------------------


def test_the_terms_of_pairs_are_their_parts(store):
    made = model().eval()
    batch = store.batch(np.arange(6))
    terms = objective(made).of_pairs(batch, store, random(8))
    again = random(8)
    sides = (batch.premise, batch.hypothesis)
    damaged = [mask_words(side, share=0.5, generator=again) for side in sides]
    (first, u), (second, v) = (
        made.states(part, dropout=0.0, generator=None) for part, _ in damaged
    )
    expected = sum(
        made.masked_word_nats(
            states, other, hidden, side.tokens, sample=whole_softmax(made), dtype=FP32
        )
        for states, other, (_, hidden), side in zip(
            (first, second), (v, u), damaged, sides, strict=True
        )
    )
    torch.testing.assert_close(terms.words, expected)
    assert terms.masked == sum(int(hidden.sum()) for _, hidden in damaged)
    premises = torch.from_numpy(store.premise_ids[:6])
    matching = made.matching_nats(u, v, premises[:, None] == premises[None, :])
    torch.testing.assert_close(terms.matching, matching)
    assert terms.generated == int(real_tokens(batch.hypothesis).sum())


def test_without_a_decoder_nothing_is_generated(store):
    terms = objective(model(generates=False)).of_pairs(store.batch(np.arange(3)), store, random())
    assert (terms.generation.item(), terms.generated) == (0.0, 0)


@pytest.mark.parametrize("term", ["words", "matching", "generation"])
def test_each_terms_gradient_reaches_the_encoder(store, term):
    made = model()
    terms = objective(made).of_pairs(store.batch(np.arange(6)), store, random())
    getattr(terms, term).backward()
    for name, parameter in made.encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    heads = {"words": "word", "matching": "match", "generation": "decoder"}
    for name, parameter in made.named_parameters():
        if name.startswith(tuple(f"{head}." for head in heads.values())):
            assert (parameter.grad is not None) == name.startswith(f"{heads[term]}."), name


def test_a_decoder_is_only_there_where_it_is_asked_for():
    assert model(generates=False).decoder is None
    assert model(generates=False).label is None
    assert model().decoder is not None
