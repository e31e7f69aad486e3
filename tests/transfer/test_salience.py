import math
from collections import Counter

import numpy as np
import pytest

from arae_toolkit.data.corpus import pack
from arae_toolkit.data.vocabulary import EOS, UNKNOWN
from arae_toolkit.transfer.salience import (
    NgramSalience,
    log_ratios,
    word_counts,
    word_salience,
)

GOOD, BAD, FOOD, ODD = 4, 5, 6, 7
V = 8


def packed(*rows):
    """Return labelled sentences: (label, word, word, ...)."""
    return pack(
        [[*words, EOS] for _, *words in rows], vocab_size=V, labels=[label for label, *_ in rows]
    )


def drawn(count, *, attributes=3, seed=0):
    """Return random sentences of random lengths, unknown words and unlabelled ones among them."""
    random = np.random.default_rng(seed)
    sentences = [random.integers(UNKNOWN, V, random.integers(0, 7)).tolist() for _ in range(count)]
    labels = random.integers(-1, attributes, count).tolist()
    return packed(*[(label, *words) for label, words in zip(labels, sentences, strict=True)])


def test_two_attributes_of_the_same_size():
    sentences = packed((0, GOOD, FOOD), (0, GOOD, FOOD), (1, BAD, FOOD), (1, BAD, FOOD))
    salience = word_salience(sentences, 2, V, smoothing=1.0)
    assert salience.shape == (2, V)
    assert salience[0, GOOD] == pytest.approx(math.log(3 / 1))
    assert salience[1, GOOD] == pytest.approx(math.log(1 / 3))
    assert salience[1, BAD] == pytest.approx(math.log(3 / 1))
    assert salience[:, FOOD].tolist() == [0, 0]
    assert salience[:, ODD].tolist() == [0, 0]  # never seen


def test_counts_are_relative_to_the_attributes_sizes():
    """A word that is as frequent in a large part as in a small one marks neither."""
    sentences = packed((0, GOOD, FOOD), *[(1, BAD, FOOD)] * 3)
    salience = word_salience(sentences, 2, V, smoothing=0.5)
    assert salience[:, FOOD] == pytest.approx([0, 0], abs=1e-6)
    # Scaled to the mean size of 4 words: twice in the first part, never in the second.
    assert salience[0, GOOD] == pytest.approx(math.log(2.5 / 0.5))
    assert salience[1, BAD] == pytest.approx(math.log(2.5 / 0.5))


def test_the_other_attributes_count_alike():
    sentences = packed((0, GOOD, FOOD), (1, GOOD, GOOD), (2, BAD, BAD))
    salience = word_salience(sentences, 3, V, smoothing=1.0)
    assert salience[0, GOOD] == pytest.approx(math.log(2 / (1 + (2 + 0) / 2)))
    assert salience[2, BAD] == pytest.approx(math.log(3 / 1))


def test_special_tokens_unknown_words_and_unlabelled_sentences_mark_nothing():
    sentences = packed((0, UNKNOWN, UNKNOWN, GOOD), (1, FOOD), (-1, BAD, BAD))
    salience = word_salience(sentences, 2, V)
    assert not salience[:, : UNKNOWN + 1].any()
    assert salience[:, BAD].tolist() == [0, 0]
    assert word_counts(sentences, 2, V).sum() == 2


def test_ngrams_equal_a_slow_count():
    sentences, labels = drawn(300), drawn(300).labels
    table = NgramSalience.count(sentences, 3, V, smoothing=0.7, rarest=3)
    counts = {label: Counter() for label in range(3)}
    for row in range(len(sentences)):
        words = sentences[row].tolist()
        for n in range(1, 5):
            for start in range(len(words) - n + 1):
                gram = tuple(words[start : start + n])
                if labels[row] >= 0 and min(gram) > UNKNOWN:
                    counts[int(labels[row])][gram] += 1
    sizes = [sum(k for gram, k in counts[label].items() if len(gram) == 1) for label in range(3)]
    found = table.of(sentences.tokens)
    checked = 0
    for row in range(len(sentences)):
        words = sentences[row].tolist()
        for start in range(len(words)):
            for n in range(1, 5):
                gram = tuple(words[start : start + n])
                seen = [counts[label][gram] for label in range(3)]
                kept = len(gram) == n and sum(seen) >= (3 if n > 1 else 1)
                expected = (
                    log_ratios(np.array([seen]).T, smoothing=0.7, sizes=np.array(sizes))[:, 0]
                    if kept
                    else np.zeros(3)
                )
                place = sentences.offsets[row] + start
                assert found[n - 1, :, place] == pytest.approx(expected, abs=1e-6)
                checked += kept
    assert checked > 500


def test_the_table_agrees_with_single_words():
    sentences = drawn(100)
    table = NgramSalience.count(sentences, 3, V)
    words = word_salience(sentences, 3, V)
    assert np.array_equal(table.of(sentences.tokens)[0], words[:, sentences.tokens])


def test_a_table_survives_as_arrays():
    sentences = drawn(200)
    table = NgramSalience.count(sentences, 3, V)
    again = NgramSalience.from_arrays(table.arrays(), V)
    assert again.longest == table.longest == 4
    assert np.array_equal(again.of(sentences.tokens), table.of(sentences.tokens))


def test_text_without_any_ngram_of_the_table_marks_nothing():
    table = NgramSalience.count(packed((0, GOOD), (1, BAD)), 2, V)
    assert not table.of(np.array([ODD, ODD, EOS])).any()


def test_unusable_sentences_are_named():
    unlabelled = pack([[GOOD, EOS]], vocab_size=V)
    with pytest.raises(ValueError, match="have no labels"):
        word_salience(unlabelled, 2, V)
    with pytest.raises(ValueError, match="label 2 does not fit 2"):
        word_salience(packed((2, GOOD)), 2, V)
    with pytest.raises(ValueError, match="positive smoothing, got 2 and 0"):
        word_salience(packed((1, GOOD)), 2, V, smoothing=0)
    with pytest.raises(ValueError, match="2 values or more"):
        word_salience(packed((0, GOOD)), 1, V)
