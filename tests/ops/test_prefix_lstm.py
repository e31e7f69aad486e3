import functools
import itertools
import operator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.data.token_batches import batch_of
from arae_toolkit.devices import has_bfloat16, reduced
from arae_toolkit.nn import sentence_encoding
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder
from arae_toolkit.nn.lstm_encoder import LSTMEncoder
from arae_toolkit.nn.sentence_encoding import encode_sentences
from arae_toolkit.ops import prefix_lstm
from arae_toolkit.ops.prefix_lstm import PrefixTree, alphabetical_batches

CPU = torch.device("cpu")
WORDS, EOS = 7, 2
SENTENCES = st.lists(
    st.lists(st.integers(3, WORDS - 1), max_size=6).map(lambda words: [*words, EOS]),
    min_size=1,
    max_size=12,
)


def _beginning(tree: PrefixTree, length: int, place: int) -> list[int]:
    """Return the words of a beginning, found from its last one backwards."""
    words = []
    for depth in reversed(range(length)):
        node = sum(tree.counts[:depth]) + place
        words.append(int(tree.words[node]))
        place = int(tree.parents[node])
    return words[::-1]


@given(sentences=SENTENCES)
def test_every_sentence_can_be_read_along_the_tree(sentences):
    """Each ends in one place, and no beginning is there twice."""
    tree = PrefixTree.of(sentences)
    found = {
        int(row): _beginning(tree, length, int(place))
        for length, (rows, places) in enumerate(zip(tree.rows, tree.ends, strict=True), start=1)
        for row, place in zip(rows, places, strict=True)
    }
    assert found == dict(enumerate(sentences))
    assert sum(tree.counts) == len(tree.words)
    distinct = {tuple(s[:n]) for s in sentences for n in range(1, len(s) + 1)}
    assert len(tree.words) == len(distinct)


def _encoder(
    kind: type[LSTMEncoder] | type[BiLSTMEncoder], state_size: int = 0
) -> LSTMEncoder | BiLSTMEncoder:
    torch.manual_seed(1)
    return kind(WORDS, embedding_size=5, code_size=6, state_size=state_size)


@given(sentences=SENTENCES, batch_size=st.integers(1, 5), state_size=st.sampled_from((0, 4, 10)))
@pytest.mark.parametrize("kind", [LSTMEncoder, BiLSTMEncoder])
def test_codes_are_those_of_each_sentence_by_itself(kind, sentences, batch_size, state_size):
    """What is read together, and in which order, changes nothing."""
    encoder = _encoder(kind, state_size)
    codes = encode_sentences(encoder, sentences, batch_size=batch_size)
    alone = torch.cat([encoder(batch_of([sentence], device=CPU)) for sentence in sentences])
    torch.testing.assert_close(codes, alone, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(codes.norm(dim=1), torch.ones(len(sentences)))
    assert not codes.requires_grad


def test_no_sentences_have_no_codes():
    assert encode_sentences(_encoder(LSTMEncoder), [], batch_size=4).shape == (0, 6)


def test_batches_hold_every_row_once_and_end_early(monkeypatch):
    """At so many sentences, or at so many tokens, unless a sentence has more by itself."""
    sentences = [[3, 4, EOS], [5] * 9 + [EOS], [3, EOS], [4, EOS], [3, 4, EOS], [3, 3, EOS]]
    order = sorted(range(6), key=sentences.__getitem__)
    batches = list(alphabetical_batches(sentences, 4))
    assert batches == [order[:4], order[4:]]
    monkeypatch.setattr(prefix_lstm, "MOST_TOKENS", 6)
    batches = list(alphabetical_batches(sentences, 4))
    assert functools.reduce(operator.iadd, batches, []) == order
    tokens = [[len(sentences[row]) for row in rows] for rows in batches]
    assert all(sum(some) <= 6 or len(some) == 1 for some in tokens)
    assert all(sum(some) + after[0] > 6 for some, after in itertools.pairwise(tokens))


@pytest.mark.parametrize("kind", [LSTMEncoder, BiLSTMEncoder])
def test_only_a_cpu_in_float32_shares_beginnings(kind, monkeypatch):
    """Under bfloat16 whole batches are read, by whichever LSTM is quicker."""
    used: list[int] = []
    batches = sentence_encoding.alphabetical_batches
    monkeypatch.setattr(
        sentence_encoding, "alphabetical_batches", lambda *args: used.append(1) or batches(*args)
    )
    if has_bfloat16(CPU):  # torch has no LSTM in bfloat16 elsewhere
        with reduced(CPU, torch.bfloat16):
            encode_sentences(_encoder(kind), [[3, EOS]], batch_size=4)
        assert not used
    encode_sentences(_encoder(kind), [[3, EOS]], batch_size=4)
    assert used
