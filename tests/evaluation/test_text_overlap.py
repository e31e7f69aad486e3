import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.evaluation.text_overlap import (
    copy_rate,
    corpus_bleu,
    distinct,
    mean_words,
    words_of,
)

SENTENCES = ["the food was great .", "the staff was rude and slow .", "i will never be back !"]


@given(st.text(max_size=40))
def test_words_are_those_of_a_vocabulary_and_stay_as_they_are(text):
    words = words_of(text)
    assert words_of(words) == words
    vocabulary = Vocabulary.build([text, "a"], size=100)
    assert len(vocabulary.encode(text)) == len(words.split(" ")) + bool(words)


def test_case_and_spacing_do_not_matter():
    assert words_of("The food's  GREAT, isn't it?") == "the food 's great , is n't it ?"
    assert words_of("") == ""


def test_bleu_of_the_identity_is_100_and_of_other_words_0():
    assert corpus_bleu(SENTENCES, [[s] for s in SENTENCES]).score == 100
    assert corpus_bleu(["a b c d e"], [["v w x y z"]]).score == 0


def test_bleu_of_one_changed_word_by_hand():
    # 5 words, the last one other: precisions 4/5, 3/4, 2/3, 1/2; no brevity penalty.
    expected = 100 * math.exp(sum(map(math.log, (4 / 5, 3 / 4, 2 / 3, 1 / 2))) / 4)
    assert corpus_bleu(["a b c d x"], [["a b c d e"]]).score == pytest.approx(expected)


def test_bleu_of_a_beginning_by_hand():
    # All n-grams right, 4 words where 5 are expected: only the brevity penalty is left.
    assert corpus_bleu(["a b c d"], [["a b c d e"]]).score == pytest.approx(100 * math.exp(-1 / 4))


def test_rows_may_have_different_numbers_of_references():
    references = [[SENTENCES[0]], ["something else entirely", SENTENCES[1]], [SENTENCES[2]]]
    assert corpus_bleu(SENTENCES, references).score == 100


def test_an_empty_output_costs_and_does_not_fail():
    full = corpus_bleu(SENTENCES, [[s] for s in SENTENCES]).score
    assert 0 < corpus_bleu(["", *SENTENCES[1:]], [[s] for s in SENTENCES]).score < full


def test_the_signature_names_every_setting(caplog):
    found = corpus_bleu(SENTENCES, [[s] for s in SENTENCES])
    for part in ("nrefs:1", "case:lc", "tok:none", "smooth:exp", "version:"):
        assert part in found.signature
    assert not caplog.records  # sacrebleu warns of tokenized text unless it is told


@pytest.mark.parametrize("references", [[], [["a"], ["b"]], [[]]])
def test_an_output_without_reference_is_refused(references):
    with pytest.raises(ValueError, match="references"):
        corpus_bleu(["a"], references)


def test_copies_are_counted_by_words():
    assert copy_rate(["The food was GREAT.", "the staff"], SENTENCES[:2]) == 50
    assert copy_rate(SENTENCES, SENTENCES) == 100
    with pytest.raises(ValueError, match="1 outputs cannot be compared with 2"):
        copy_rate(["a"], ["a", "b"])


def test_distinct_by_hand():
    outputs = ["a b a", "a b", "c"]
    assert distinct(outputs, 1) == pytest.approx(100 * 3 / 6)
    assert distinct(outputs, 2) == pytest.approx(100 * 2 / 3)  # a b, b a, a b
    assert distinct(outputs, 4) == 0
    assert distinct(["same words here"] * 10, 1) == pytest.approx(10)
    with pytest.raises(ValueError, match="n must be at least 1"):
        distinct(outputs, 0)


def test_mean_words():
    assert mean_words(["a b c", "", "a"]) == pytest.approx(4 / 3)
    with pytest.raises(ValueError, match="no outputs"):
        mean_words([])
