"""Networks over sentence pairs: what padding, order and dropout may change, and what not."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from arae_toolkit.data.noise import seeded_dropout
from arae_toolkit.data.packed_sequence import Packing
from arae_toolkit.data.token_batches import TokenBatch, batch_of
from arae_toolkit.data.vocabulary import EOS, PAD
from arae_toolkit.nli.networks import VectorClassifier, new_network
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder, max_over_tokens

CPU = torch.device("cpu")
V, E, Z, H, A, A_C = 20, 5, 6, 7, 3, 4
KINDS = ("paper", "bilstm-max", "attention")
PREMISES = [[5, 6, 7, EOS], [8, EOS], [9, 10, 11, 12, 13, EOS]]
HYPOTHESES = [[5, EOS], [14, 15, 16, EOS], [9, 3, EOS]]
every_kind = pytest.mark.parametrize("kind", KINDS)


def network(kind, seed=1):
    sizes = {"embedding_size": E, "code_size": Z, "hidden_size": H}
    if kind == "attention":
        sizes["comparison_size"] = A_C
    made = new_network(V, A, kind=kind, generator=torch.Generator().manual_seed(seed), **sizes)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3.0)
    return made


def batch(sentences):
    return batch_of(sentences, device=CPU)


def padded(given, columns):
    """Return a batch with further columns of padding."""
    width = given.tokens.shape[1] + columns
    packing = Packing.of(given.lengths.numpy(), width=width, device=CPU)
    return TokenBatch(functional.pad(given.tokens, (0, columns), value=PAD), given.lengths, packing)


def close(first, second):
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-6)


# --- closed form -----------------------------------------------------------------------------


def test_one_word_sentences_are_each_others_counterparts():
    attention = network("attention")
    premise, hypothesis = batch([[5], [6]]), batch([[7], [8]])
    states = [attention.encoder.states(side)[:, 0] for side in (premise, hypothesis)]
    words = [torch.tanh(attention.attention(state)) for state in states]

    def features(u, v):
        return torch.cat([u, v, (u - v).abs(), u * v], dim=1)

    compared = [
        functional.relu(attention.comparison(features(*order))) for order in (words, words[::-1])
    ]
    # Over one word, maximum and mean are the same.
    pooled = [features(*states), *(part for part in compared for _ in range(2))]
    expected = attention.output(functional.relu(attention.hidden(torch.cat(pooled, dim=1))))
    close(attention(premise, hypothesis), expected)


def test_the_papers_vector_is_the_unit_code_times_the_root_of_its_size():
    paper = network("paper")
    assert paper.vector(batch(PREMISES)).norm(dim=1).tolist() == pytest.approx([math.sqrt(Z)] * 3)


def test_the_maximum_is_over_real_tokens_only():
    states = torch.tensor([[[1.0], [2.0], [9.0]], [[-3.0], [-2.0], [-4.0]]])
    given = TokenBatch(torch.zeros(2, 3, dtype=torch.int64), torch.tensor([2, 3]), None)
    assert max_over_tokens(states, given).tolist() == [[2.0], [-2.0]]


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_dropout_keeps_the_mean_and_drops_its_share(share):
    values = seeded_dropout(torch.ones(100_000), share, torch.Generator().manual_seed(0))
    assert float(values.mean()) == pytest.approx(1.0, abs=0.02)
    assert float((values == 0).float().mean()) == pytest.approx(share, abs=0.01)
    assert values.unique().tolist() == pytest.approx([0.0, 1 / (1 - share)])


# --- gradient routing ------------------------------------------------------------------------


@every_kind
def test_a_gradient_reaches_every_weight_but_that_of_padding(kind):
    made = network(kind)
    scores = made(padded(batch(PREMISES), 2), batch(HYPOTHESES))
    functional.cross_entropy(scores, torch.tensor([0, 1, 2])).backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    assert made.encoder.embedding.weight.grad[PAD].abs().sum() == 0


# --- invariance ------------------------------------------------------------------------------


@every_kind
def test_padding_changes_nothing(kind):
    made, premise, hypothesis = network(kind), batch(PREMISES), batch(HYPOTHESES)
    expected = made(premise, hypothesis)
    close(made(padded(premise, 3), hypothesis), expected)
    close(made(premise, padded(hypothesis, 5)), expected)


@every_kind
def test_a_batch_is_its_rows_one_by_one_and_follows_their_order(kind):
    made = network(kind)
    together = made(batch(PREMISES), batch(HYPOTHESES))
    assert together.std(dim=0).min() > 0.01, "the network is too dull to test with"
    for row, (premise, hypothesis) in enumerate(zip(PREMISES, HYPOTHESES, strict=True)):
        close(made(batch([premise]), batch([hypothesis]))[0], together[row])
    order = [2, 0, 1]
    permuted = made(batch([PREMISES[i] for i in order]), batch([HYPOTHESES[i] for i in order]))
    close(permuted, together[order])


@every_kind
def test_swapped_roles_are_swapped_weights(kind):
    made, premise, hypothesis = network(kind), batch(PREMISES), batch(HYPOTHESES)
    expected = made(premise, hypothesis)
    swapped = made(hypothesis, premise)
    assert not torch.allclose(swapped, expected, atol=1e-3)
    vectors, compared = made.hidden.weight.detach().split(
        [4 * Z, made.hidden.in_features - 4 * Z], 1
    )
    u, v, others = vectors.split([Z, Z, 2 * Z], dim=1)
    halves = compared.chunk(2, dim=1)  # what was found for the premise's words, and the other's
    with torch.no_grad():
        made.hidden.weight.copy_(torch.cat([v, u, others, halves[1], halves[0]], dim=1))
    close(made(hypothesis, premise), expected)


@every_kind
def test_only_a_generator_drops(kind):
    made, premise, hypothesis = network(kind), batch(PREMISES), batch(HYPOTHESES)
    expected = made.eval()(premise, hypothesis)
    made.train()
    assert torch.equal(made(premise, hypothesis), expected)

    def dropping(seed):
        return made(premise, hypothesis, torch.Generator().manual_seed(seed))

    assert torch.equal(dropping(1), dropping(1))
    assert not torch.allclose(dropping(1), dropping(2))
    assert not torch.allclose(dropping(1), expected)


# --- oracle ----------------------------------------------------------------------------------


def test_two_directions_equal_torchs_own_over_packed_sequences():
    encoder = network("bilstm-max").encoder
    oracle = nn.LSTM(E, Z // 2, batch_first=True, bidirectional=True)
    for suffix, lstm in (("", encoder.forward_lstm), ("_reverse", encoder.backward_lstm)):
        oracle.load_state_dict(
            {f"{name}{suffix}": value for name, value in lstm.state_dict().items()}, strict=False
        )
    given = batch(PREMISES)
    packed = pack_padded_sequence(
        encoder.embedding(given.tokens), given.lengths, batch_first=True, enforce_sorted=False
    )
    states, _ = pad_packed_sequence(oracle(packed)[0], batch_first=True)
    ours = encoder.states(given)
    for row, length in enumerate(given.lengths.tolist()):
        close(ours[row, :length], states[row, :length])
    longest = torch.stack(
        [states[row, :length].amax(dim=0) for row, length in enumerate(given.lengths.tolist())]
    )
    close(encoder(given), functional.normalize(longest, dim=1))


# --- starting weights ------------------------------------------------------------------------


@every_kind
def test_starting_weights_are_those_of_the_generator(kind):
    first, again, other = network(kind), network(kind), network(kind, seed=2)
    for (name, value), same, another in zip(
        first.state_dict().items(), again.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(value, same), name
        assert value.ndim == 1 or not torch.equal(value, another), name
    for name, value in first.state_dict().items():
        if name.endswith("bias_ih_l0"):
            gates = value.chunk(4)
            assert (gates[1] == 3.0).all()  # open forget gates, times the test's factor
            assert all((gates[i] == 0).all() for i in (0, 2, 3))
    assert (first.encoder.embedding.weight[PAD] == 0).all()


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="even for two directions, got 5"):
        BiLSTMEncoder(V, embedding_size=E, code_size=5)
    with pytest.raises(TypeError, match="comparison_size"):
        new_network(V, A, kind="paper", comparison_size=3)


def test_scores_of_vectors_are_those_of_sentences():
    made = network("bilstm-max")
    assert isinstance(made, VectorClassifier)
    vectors = [made.vector(batch(side)) for side in (PREMISES, HYPOTHESES)]
    assert np.array_equal(
        made.scores(*vectors).detach(), made(batch(PREMISES), batch(HYPOTHESES)).detach()
    )
