import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.data.corpus import UNLABELLED, pack
from arae_toolkit.data.vocabulary import EOS, MOST_WORDS, UNKNOWN, Vocabulary
from arae_toolkit.nli.pair_batches import PairStore, in_vocabulary, store_of_texts

CPU = torch.device("cpu")
ROWS = [[5, 6, EOS], [7, EOS], [8, EOS], [9, 10, 11, EOS], [5, 6, EOS], [12, EOS]]


def store(rows=ROWS, labels=(2, UNLABELLED, 0), vocab_size=99):
    return PairStore(pack(rows, vocab_size=vocab_size, labels=labels), device=CPU)


def sentences_in(batch):
    return [
        tokens[:length].tolist()
        for tokens, length in zip(batch.tokens, batch.lengths.tolist(), strict=True)
    ]


ids = st.lists(st.integers(4, 98), max_size=8).map(lambda words: [*words, EOS])


@given(st.lists(st.tuples(ids, ids), min_size=1, max_size=8), st.integers(0, 99))
def test_pairs_come_back_in_any_order(pairs, seed):
    made = store([sentence for pair in pairs for sentence in pair], range(len(pairs)))
    rows = np.random.default_rng(seed).permutation(len(pairs))
    batch = made.batch(rows)
    assert sentences_in(batch.premise) == [pairs[row][0] for row in rows]
    assert sentences_in(batch.hypothesis) == [pairs[row][1] for row in rows]
    assert batch.labels.tolist() == rows.tolist()
    assert (len(made), len(batch), batch.rows.tolist()) == (len(pairs), len(pairs), rows.tolist())
    assert [made.hypothesis_words(row) for row in range(len(pairs))] == [p[1] for p in pairs]


def test_labels_are_kept_and_missing_where_there_are_none():
    assert store().labels.tolist() == [2, UNLABELLED, 0]
    unlabelled = store(labels=None)
    assert unlabelled.labels.tolist() == [UNLABELLED] * 3
    assert unlabelled.batch(np.array([1])).labels.tolist() == [UNLABELLED]


def test_the_lengths_sort_by_premise_then_hypothesis():
    assert np.argsort(store().lengths, kind="stable").tolist() == [1, 0, 2]
    longest = [5] * MOST_WORDS + [EOS]
    made = store([[5, EOS], longest, [5, 6, EOS], [EOS]], (0, 0))
    assert made.lengths[0] < made.lengths[1], "a long hypothesis does not outweigh a premise's word"


def test_pairs_of_one_premise_share_its_number():
    assert store().premise_ids.tolist() == [0, 1, 0]


@pytest.mark.parametrize("words", [MOST_WORDS - 1, MOST_WORDS, MOST_WORDS + 1, 3 * MOST_WORDS])
def test_long_sentences_are_cut_and_still_end(words):
    long, short = [*(np.arange(words) + 4).tolist(), EOS], [4, EOS]
    made = store([short, long, long, short], (0, 1), vocab_size=1000)
    expected = [*long[: min(words, MOST_WORDS)], EOS]
    batch = made.batch(np.array([0, 1]))
    assert sentences_in(batch.premise) == [short, expected]
    assert sentences_in(batch.hypothesis) == [expected, short]


def test_an_odd_number_of_sentences_is_refused():
    with pytest.raises(ValueError, match="3 sentences are no pairs"):
        store(ROWS[:3])


def test_other_words_are_looked_up_by_spelling():
    source = Vocabulary.build(["a dog runs"], size=10)
    target = Vocabulary.build(["runs dog", "runs"], size=10)
    packed = pack(source.encode_batch(["a dog", "runs"]), vocab_size=len(source), labels=[1])
    moved = in_vocabulary(packed, source, target)
    assert moved[0].tolist() == [UNKNOWN, target.id_of("dog"), EOS]
    assert moved[1].tolist() == [target.id_of("runs"), EOS]
    assert moved.labels.tolist() == [1]
    assert in_vocabulary(packed, source, source) is packed


def test_texts_become_a_store():
    words = Vocabulary.build(["a dog runs"], size=10)
    made = store_of_texts([("a dog", "a cat"), ("runs", "")], [1, 0], words, device=CPU)
    batch = made.batch(np.array([0, 1]))
    assert sentences_in(batch.premise) == words.encode_batch(["a dog", "runs"])
    assert sentences_in(batch.hypothesis) == words.encode_batch(["a cat", ""])
    assert batch.labels.tolist() == [1, 0]
