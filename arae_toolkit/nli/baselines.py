"""Baselines without a network: the most frequent label, and the hypothesis's words alone."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from arae_toolkit.errors import ToolkitError
from arae_toolkit.nli.pair_batches import PairStore

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

INVERSE_PENALTY = 0.1
"""C of the logistic regression, chosen on dev at 28,000 labels among 0.03, 0.1, 0.3, 1 and 3."""
PARTS = 5
"""Training pairs are divided into so many, or fewer where a label has not as many."""


def majority_accuracy(
    train: npt.NDArray[np.int64], gold: npt.NDArray[np.int64], *, labels: int
) -> float:
    """Return the percent of gold labels that are the most frequent one of the training labels.

    Example:
        >>> majority_accuracy(np.array([1, 1, 0]), np.array([1, 0, 0, 2]), labels=3)
        25.0
    """
    most = int(np.bincount(train, minlength=labels).argmax())
    return 100 * float((gold == most).mean())


def hypothesis_only_accuracies(
    train: PairStore, rows: npt.NDArray[np.int64], evaluated: dict[str, PairStore]
) -> dict[str, float]:
    """Return how often the label is guessed from the hypothesis alone, in percent, by split.

    A logistic regression over which words and pairs of neighbouring words occur. A model that is
    hardly better has learned how hypotheses are written and not how they follow (Gururangan et
    al., 2018).

    Args:
        train: Pairs of the train split.
        rows: Those whose labels are used. Shape (N,).
        evaluated: Other splits by name.
    """
    model = _model_of_hypotheses()
    model.fit([train.hypothesis_words(row) for row in rows.tolist()], train.labels[rows])
    accuracies = {}
    for name, store in evaluated.items():
        labelled = np.flatnonzero(store.labels >= 0)
        predicted = model.predict([store.hypothesis_words(row) for row in labelled.tolist()])
        accuracies[name] = 100 * float((predicted == store.labels[labelled]).mean())
    return accuracies


def hypothesis_log_probabilities(
    train: PairStore,
    rows: npt.NDArray[np.int64],
    known: npt.NDArray[np.int64],
    *,
    labels: int,
) -> npt.NDArray[np.float32]:
    """Return what hypotheses alone say of the labels of pairs, by a model that has not met them.

    The pairs are divided, and each part is told by the model of :func:`hypothesis_only_accuracies`
    of the others: what it had learned by heart would say more than hypotheses give away.

    Args:
        train: Pairs of the train split.
        rows: Those that are learned from. Shape (N,).
        known: Class of each of them. Shape (N,).
        labels: A.

    Returns:
        Logarithms of probabilities, that of guessing for all other pairs. Shape (of the store, A).

    Raises:
        ToolkitError: If there is one label only, or one of a single pair: no other tells of it.
    """
    from sklearn.model_selection import cross_val_predict

    of_each = np.unique(known, return_counts=True)[1]
    if len(of_each) < 2 or of_each.min() < 2:
        raise ToolkitError(
            "hypothesis_weight needs two labels or more, each of two pairs or more, and there are "
            f"{', '.join(map(str, of_each))}; take more labels, or hypothesis_weight=0"
        )
    parts = min(PARTS, int(of_each.min()))
    found = np.full((len(train), labels), -np.log(labels), dtype=np.float32)
    words = [train.hypothesis_words(row) for row in rows.tolist()]
    told = cross_val_predict(
        _model_of_hypotheses(), words, known, cv=parts, method="predict_log_proba"
    )
    found[np.ix_(rows, np.unique(known))] = told
    return found


def _model_of_hypotheses() -> Pipeline:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        CountVectorizer(analyzer=_words_and_neighbours, binary=True, min_df=2),
        LogisticRegression(C=INVERSE_PENALTY, max_iter=1000),
    )


def _words_and_neighbours(words: list[int]) -> list[str]:
    """Return the ids of a sentence, and its pairs of neighbouring ids, as features."""
    ids = [str(word) for word in words]
    return ids + [f"{first} {second}" for first, second in itertools.pairwise(ids)]
