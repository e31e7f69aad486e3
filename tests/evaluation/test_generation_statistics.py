import math

import numpy as np
import pytest
import small

from arae_toolkit.data.corpus import Corpus, pack, texts_of
from arae_toolkit.evaluation import text_overlap
from arae_toolkit.evaluation.generation.bootstrap import perplexity_interval
from arae_toolkit.evaluation.generation.feature_distances import (
    frechet_distance,
    frontier_area,
    mauve,
    row_cosines,
)
from arae_toolkit.evaluation.generation.sample_statistics import (
    CorpusTexts,
    TrainOverlap,
    distinct_ngrams,
    distinct_sentences,
    diversity,
    mean_length,
    ngram_keys,
    novel_texts,
    self_bleu,
    unknown_words,
)
from arae_toolkit.evaluation.language_model import SentenceNats


def packed(*sentences, vocab_size=50):
    return pack([[*words, 2] for words in sentences], vocab_size=vocab_size)


RANDOM = packed(*np.random.default_rng(3).integers(3, 12, size=(40, 7)).tolist())


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_distinct_ngrams_are_those_of_the_texts(n):
    words = small.vocabulary()
    sentences = pack(words.encode_batch([*small.SENTENCES, "a dog", ""]), vocab_size=len(words))
    texts = texts_of(sentences, words)
    assert distinct_ngrams(sentences, n) == pytest.approx(text_overlap.distinct(texts, n))
    assert len(ngram_keys(sentences, n)) == sum(max(0, len(t.split()) - n + 1) for t in texts)


def test_an_ngram_reaches_over_no_sentence_and_holds_no_end():
    assert ngram_keys(packed([5, 6], [7, 8]), 2).tolist() == [5 << 16 | 6, 7 << 16 | 8]
    assert ngram_keys(packed([5], []), 2).tolist() == []
    assert distinct_ngrams(packed([5], []), 2) == 0
    with pytest.raises(ValueError, match="n must be at least 1"):
        ngram_keys(packed([5]), 0)


def test_equal_numbers_mean_equal_ngrams_up_to_the_largest_ids():
    largest = 65_535
    rows = [[largest, 5, 6, 7], [5, largest, 6, 7], [5, 6, 7, largest], [5, 6, largest, 7]]
    assert len(np.unique(ngram_keys(packed(*rows, vocab_size=65_536), 4))) == 4


def test_one_sentence_repeated_has_hardly_anything_distinct():
    repeated = packed(*[[5, 6, 7, 8, 9]] * 40)
    assert distinct_sentences(repeated) == 100 / 40
    assert distinct_ngrams(repeated, 2) == 100 / 40
    assert diversity(repeated) == pytest.approx(100 / 40**3)
    assert self_bleu(["a b c d e"] * 40, most=40).score == pytest.approx(100)


def test_a_lone_sentence_without_repetition_is_wholly_diverse():
    assert diversity(packed([5, 6, 7, 8, 9])) == pytest.approx(100)


def test_self_bleu_is_low_where_sentences_share_nothing_and_says_how_it_was_made():
    apart = ["a b c d e", "f g h i j", "k l m n o"]
    found = self_bleu(apart, most=3)
    assert found.score < 1
    assert "nrefs:2" in found.signature
    assert self_bleu(apart * 5, most=4).sentences == 4
    with pytest.raises(ValueError, match="two texts or more, got 1"):
        self_bleu(["a"], most=3)


def test_words_and_unknown_ones_are_counted():
    sentences = packed([5, 3, 6, 3], [], [3])
    assert unknown_words(sentences) == 60
    assert mean_length(sentences) == pytest.approx(5 / 3)
    assert unknown_words(packed([])) == 0


def test_copies_of_train_are_found_and_nothing_else():
    train = packed([5, 6, 7, 8, 9], [10, 11], [12, 13, 14, 15])
    overlap = TrainOverlap(train)
    assert overlap.sentences(train) == 100
    assert overlap.four_grams(train) == 100
    assert overlap.edits(train, most=9).tolist() == [0, 0, 0]
    others = packed([5, 6, 7, 8], [10, 12], [11, 10], [])
    assert overlap.sentences(others) == 0  # the beginning of a sentence is another one
    assert overlap.four_grams(others) == 100
    assert overlap.edits(others, most=9).tolist() == [1, 1, 2, 2]
    assert overlap.four_grams(packed([5])) == 0


def test_edits_are_those_of_words_over_any_vocabulary():
    """Word ids stand for characters, and some characters may not stand alone."""
    first, last = 0xD7FF, 0xE000
    train = packed([first, 0xD800, last], vocab_size=70_000)
    asked = packed([first, 0xDFFF, last], [69_999], [first, 0xD800, last], vocab_size=70_000)
    assert TrainOverlap(train).edits(asked, most=3).tolist() == [1, 3, 0]


def test_a_part_is_looked_up_by_seed():
    overlap = TrainOverlap(packed([5, 6]))
    found = [overlap.edits(RANDOM, most=8, seed=seed).tolist() for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert len(found[0]) == 8
    told = []
    overlap.edits(RANDOM, most=99, advance=told.append)
    assert sum(told) == len(RANDOM)


def test_examples_stand_nowhere_in_the_corpus_even_but_for_punctuation(synthetic):
    corpus = Corpus(synthetic)
    words = corpus.vocabulary
    known = CorpusTexts(corpus)
    dev = texts_of(corpus.split("dev"), words)
    bare, other = dev[0].replace(" .", ""), " ".join(reversed(dev[1].split()))
    assert bare != dev[0]
    texts = [other, dev[0], bare, f"{bare} , .", f", {bare}", f"{other} ."]
    assert known.hold(texts) == [False, True, True, True, True, False]
    samples = pack(words.encode_batch(texts), vocab_size=len(words))
    assert novel_texts(samples, texts, known, 1) == ([other], 0)
    assert novel_texts(samples, texts, known, 2) == ([other, f"{other} ."], 4)


def gaussian(size, mean, deviations, seed):
    rows = np.random.default_rng(seed).normal(size=(size, len(deviations)))
    # Exactly this mean and covariance, not only in the long run.
    rows -= rows.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    rows = rows @ vectors / np.sqrt(values) @ vectors.T
    return rows * deviations + mean


def test_cosines_are_row_by_row():
    first = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]])
    second = np.array([[4.0, 3.0], [-2.0, 0.0], [1.0, 1.0]])
    assert row_cosines(first, second) == pytest.approx([24 / 25, -1, 0])
    with pytest.raises(ValueError, match=r"\(3, 2\) and \(2, 2\)"):
        row_cosines(first, second[:2])


def test_the_frechet_distance_of_known_gaussians():
    first = gaussian(500, [0, 0, 0], [1.0, 2.0, 3.0], 0)
    second = gaussian(400, [3, 4, 0], [2.0, 2.0, 1.0], 1)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(first, second) == pytest.approx(25 + 1 + 0 + 4)
    turned = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    assert frechet_distance(first @ turned, second @ turned) == pytest.approx(30)


def test_fewer_rows_than_dimensions_are_no_failure():
    rows = np.random.default_rng(0).normal(size=(5, 20))
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match=r"\(5, 20\) and \(5, 3\) do not fit"):
        frechet_distance(rows, rows[:, :3])
    with pytest.raises(ValueError, match="1 and 5 rows; 2 are needed"):
        frechet_distance(rows[:1], rows)


def test_the_frontier_of_the_same_and_of_nothing_in_common():
    even = np.full(4, 0.25)
    apart = np.array([0.5, 0.5, 0, 0]), np.array([0, 0, 0.5, 0.5])
    assert frontier_area(even, even) == pytest.approx(1)
    # The curve x = (1 - w)^c, y = w^c, by the trapezoids of the definition's 25 points.
    shares = np.array([0, *np.linspace(1e-6, 1 - 1e-6, 25), 1])
    x, y = (1 - shares) ** 5, shares**5
    area = float((-np.diff(x) * (y[1:] + y[:-1]) / 2).sum())
    assert frontier_area(*apart) == pytest.approx(area)
    assert area == pytest.approx(0.004, abs=0.001)


def test_mauve_tells_the_same_from_a_shift_and_from_one_sentence():
    random = np.random.default_rng(0)
    real, same = random.normal(size=(2, 300, 8))
    alike = mauve(real, same)
    shifted = mauve(real, same + 1)
    assert alike > 0.9 > 0.5 > shifted
    assert mauve(real, np.repeat(same[:1], 300, axis=0)) < 0.05
    assert mauve(real, same) == alike
    with pytest.raises(ValueError, match="20 are needed"):
        mauve(real[:10], same)


def read(nats, tokens):
    counts = np.asarray(tokens)
    return SentenceNats(np.asarray(nats, dtype=np.float64), counts, np.zeros_like(counts))


def test_the_interval_of_equal_chances_has_no_width():
    tokens = np.arange(1, 30)
    found = perplexity_interval(read(tokens * math.log(7), tokens), draws=50)
    assert (found.value, found.low, found.high) == pytest.approx((7, 7, 7))
    with pytest.raises(ValueError, match="no sentences"):
        perplexity_interval(read([], []))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """95 in 100 samples of 200 sentences, give or take what 200 repetitions leave to chance."""
    random = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        tokens = random.integers(5, 15, size=200)
        nats = tokens * 2.0 + random.normal(size=200) * 3
        found = perplexity_interval(read(nats, tokens), draws=200, seed=seed)
        assert found.low < found.value < found.high
        covered += found.low <= math.exp(2.0) <= found.high
    assert 180 <= covered <= 198
