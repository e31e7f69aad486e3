"""The score of rewritten texts: by judges that met neither them nor the system."""

import math

import pytest
import small_transfer

from arae_toolkit.estimators.transfer_score import held_out_score
from arae_toolkit.evaluation.text_overlap import corpus_bleu

ROWS = small_transfer.rows()[::2]
TEXTS, LABELS = [row["text"] for row in ROWS], [row["label"] for row in ROWS]
OTHER = {"good": "bad", "bad": "good"}
TARGETS = [OTHER[label] for label in LABELS]
FLIPPED = {
    word: small_transfer.MARKERS[OTHER[label]][place]
    for label, words in small_transfer.MARKERS.items()
    for place, word in enumerate(words)
}


def flipped(texts, targets):
    return [" ".join(FLIPPED.get(word, word) for word in text.split()) for text in texts]


def test_a_flipped_marker_is_worth_what_bleu_leaves_and_a_copy_nothing():
    best = held_out_score(TEXTS, LABELS, TARGETS, flipped)
    bleu = corpus_bleu(flipped(TEXTS, TARGETS), [[text] for text in TEXTS]).score
    assert best == pytest.approx(math.sqrt(100 * bleu))  # the judge takes each for its target
    assert held_out_score(TEXTS, LABELS, TARGETS, lambda texts, _: texts) == 0
    words = {"good": "great great great great", "bad": "awful awful awful awful"}
    other = held_out_score(TEXTS, LABELS, TARGETS, lambda _, to: [words[one] for one in to])
    assert other < best / 3


def test_what_has_its_target_is_neither_rewritten_nor_counted():
    asked = []

    def rewrite(texts, targets):
        asked.extend(zip(texts, targets, strict=True))
        return flipped(texts, targets)

    score = held_out_score(TEXTS, LABELS, ["good"] * len(TEXTS), rewrite)
    assert asked == [(t, "good") for t, own in zip(TEXTS, LABELS, strict=True) if own == "bad"]
    assert score > 20


@pytest.mark.parametrize(
    ("labels", "targets", "told"),
    [
        (["good"] * 3 + ["bad"], ["bad"] * 4, "cannot learn 'bad': fewer than 2"),
        (["good", "good", "bad", "bad"], ["good", "good", "bad", "bad"], "nothing to score"),
        (["good", "good", "bad", "bad"], ["fine"] * 4, "cannot learn 'fine': no text has it"),
    ],
)
def test_what_cannot_be_scored_is_named(labels, targets, told):
    with pytest.raises(ValueError, match=told):
        held_out_score(TEXTS[:4], labels, targets, flipped)
