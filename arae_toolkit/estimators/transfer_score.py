"""The score of rewritten texts by judges that have met neither the texts nor the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.model_selection import StratifiedKFold

from arae_toolkit.evaluation.text_overlap import corpus_bleu, words_of
from arae_toolkit.evaluation.transfer.ngram_classifier import (
    NgramClassifierSettings,
    train_ngram_classifier,
)

HALVES = 2
LEAST_SENTENCES = 1
"""An n-gram that stands in one sentence counts: there are few of them."""


def held_out_score(
    texts: Sequence[str],
    labels: Sequence[str],
    targets: Sequence[str],
    rewrite: Callable[[Sequence[str], Sequence[str]], Sequence[str]],
) -> float:
    """Return the root of transfer times BLEU to the source, both from 0 to 100.

    Each half of the texts is judged by a classifier of n-grams that has learned from the other.

    Args:
        texts: N texts.
        labels: The name of each one's label.
        targets: The label that each is rewritten to have; where it is its own, it is left out.
        rewrite: Returns what is made of some texts, given their targets.

    Raises:
        ValueError: If fewer than two texts have a label, or none is to be rewritten.
    """
    names = sorted(set(labels))
    gold = np.array([names.index(label) for label in labels])
    if np.bincount(gold).min() < HALVES:
        few = names[int(np.bincount(gold).argmin())]
        raise ValueError(f"the judge cannot learn {few!r}: fewer than {HALVES} texts have it")
    moved = [row for row in range(len(texts)) if targets[row] != labels[row]]
    if not moved:
        raise ValueError("no text has another label than its target, so there is nothing to score")
    if unknown := sorted({targets[row] for row in moved} - set(names)):
        raise ValueError(f"the judge cannot learn {unknown[0]!r}: no text has it")
    written = rewrite([texts[row] for row in moved], [targets[row] for row in moved])
    outputs = dict(zip(moved, map(words_of, written), strict=True))
    sources = [words_of(text) for text in texts]
    right = 0
    halves = StratifiedKFold(HALVES, shuffle=True, random_state=0)
    for known, judged in halves.split(sources, gold):
        judge = train_ngram_classifier(
            *([sources[row] for row in known], gold[known]),
            *([sources[row] for row in judged], gold[judged]),
            labels=names,
            settings=NgramClassifierSettings(least_sentences=LEAST_SENTENCES),
        )
        rows = [row for row in judged.tolist() if row in outputs]
        found = judge.probabilities([outputs[row] for row in rows]).argmax(axis=1)
        right += sum(names[label] == targets[row] for label, row in zip(found, rows, strict=True))
    bleu = corpus_bleu([outputs[row] for row in moved], [[sources[row]] for row in moved]).score
    return math.sqrt(100 * right / len(moved) * bleu)
