import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arae_toolkit.data.corpus import pack
from arae_toolkit.data.vocabulary import EOS, UNKNOWN, Vocabulary
from arae_toolkit.data_prep import encoded_texts as packing
from arae_toolkit.data_prep.encoded_texts import TextTable

words = st.sampled_from(["a", "man", "sleeps", ".", "Two", "two", "dogs", "DOGS", "<unk>"])
texts = st.lists(st.lists(words, max_size=6).map(" ".join), min_size=1, max_size=30)


def encoded(sentences):
    table = TextTable()
    rows = np.array([table.add(text) for text in sentences])
    return packing.encode_texts(table, packing.every_word(table)), rows


def usable(result, rows, max_length, labels=None):
    labels = np.full(len(rows), -1) if labels is None else np.array(labels)
    return packing.usable_rows(result, rows, labels.astype(np.int16), max_length=max_length)


@settings(max_examples=40)
@given(texts)
def test_every_text_is_tokenized_as_by_the_vocabulary(sentences):
    result, rows = encoded(sentences)
    for text, row in zip(sentences, rows, strict=True):
        assert result.packed[row].tolist() == result.vocabulary.encode(text)
        assert result.word_counts[row] == len(text.split())


@settings(max_examples=40)
@given(texts, st.integers(1, 6))
def test_the_vocabulary_and_ids_are_those_of_building_on_the_kept_texts(sentences, size):
    result, rows = encoded(sentences)
    kept, _ = usable(result, rows, 5)
    chosen = [sentences[row].replace("<unk>", " ") for row in kept]
    if not any(text.strip() for text in chosen):
        return
    vocabulary = packing.vocabulary_of(result, rows[kept], size=size)
    assert vocabulary.to_json() == Vocabulary.build(chosen, size=size).to_json()
    found = packing.packed(result, rows[kept], vocabulary)
    expected = pack(
        vocabulary.encode_batch([sentences[row] for row in kept]), vocab_size=len(vocabulary)
    )
    np.testing.assert_array_equal(found.tokens, expected.tokens)
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    assert found.tokens.dtype == expected.tokens.dtype


@settings(max_examples=40)
@given(texts)
def test_kept_sentences_are_the_first_of_each_and_all_rows_are_accounted_for(sentences):
    result, rows = encoded(sentences)
    kept, dropped = usable(result, rows, 4)
    normal = [" ".join(text.lower().split()) for text in sentences]
    fitting = [1 <= len(text.split()) <= 4 for text in normal]
    first = [text not in normal[:number] for number, text in enumerate(normal)]
    assert kept.tolist() == np.flatnonzero(np.logical_and(fitting, first)).tolist()
    assert len(kept) + sum(dropped.values()) == len(sentences)
    assert dropped["empty"] == normal.count("")
    assert dropped["too_long"] == sum(len(text.split()) > 4 for text in normal)


def test_the_length_limit_counts_words_only():
    result, rows = encoded(["a b c", "a b c d"])
    kept, dropped = usable(result, rows, 3)
    assert kept.tolist() == [0]
    assert dropped["too_long"] == 1


def test_a_duplicate_with_another_label_is_counted_apart():
    result, rows = encoded(["good .", "Good.", "good .", "bad ."])
    kept, dropped = usable(result, rows, 9, labels=[0, 1, 0, 1])
    assert kept.tolist() == [0, 3]
    assert dropped == {"empty": 0, "too_long": 0, "duplicate": 1, "duplicate_other_label": 1}


def test_sentences_that_differ_in_a_rare_word_are_not_the_same():
    result, rows = encoded(["a cat .", "a yak .", "a gnu ."])
    vocabulary = packing.vocabulary_of(result, rows[:1], size=10)
    kept, _ = usable(result, rows, 9)
    assert len(kept) == 3
    assert not packing.standing_in(result, rows[1:2], rows[2:]).any()
    both = packing.packed(result, rows[1:], vocabulary)
    assert both[0].tolist() == both[1].tolist()
    assert UNKNOWN in both[0]


def test_the_mark_of_an_unknown_word_stays_unknown_and_takes_no_place():
    result, rows = encoded(["a <unk> b", "<UNK> a"])
    vocabulary = packing.vocabulary_of(result, rows, size=10)
    assert list(vocabulary.words) == ["<pad>", "<bos>", "<eos>", "<unk>", "a", "b"]
    found = packing.packed(result, rows, vocabulary)
    assert found[0].tolist() == [vocabulary.id_of("a"), UNKNOWN, vocabulary.id_of("b"), EOS]
    assert packing.counts_of(found) == {"sentences": 2, "tokens": 7, "unknown_tokens": 2}


def test_sentences_of_another_split_are_found_whatever_their_spacing():
    result, rows = encoded(["A dog runs.", "two cats .", "a dog runs ."])
    assert packing.standing_in(result, rows[:2], rows[2:]).tolist() == [True, False]


def test_pairs_of_another_split_are_found_in_their_order():
    result, rows = encoded(["a", "b", "A", "B", "b", "a"])
    assert packing.pairs_standing_in(result, rows[:2], rows[2:4]) == 1
    assert packing.pairs_standing_in(result, rows[:2], rows[4:]) == 0


@pytest.mark.parametrize("count", [0, 1, 20_000])
def test_gathering_takes_the_rows_in_the_given_order(count):
    random = np.random.default_rng(0)
    lengths = random.integers(1, 5, 300)
    sentences = pack([[index] * length for index, length in enumerate(lengths)], vocab_size=400)
    rows = random.integers(0, 300, count)
    found = sentences.at(rows)
    np.testing.assert_array_equal(found.tokens, np.repeat(rows, lengths[rows]))
    np.testing.assert_array_equal(found.lengths, lengths[rows])


def test_progress_counts_every_text():
    table = TextTable()
    for number in range(9_000):
        table.add(f"text {number}")
    counted, encoded_texts = [], []
    every_word = packing.every_word(table, counted.append)
    packing.encode_texts(table, every_word, encoded_texts.append)
    assert sum(counted) == sum(encoded_texts) == len(table) == 9_000
