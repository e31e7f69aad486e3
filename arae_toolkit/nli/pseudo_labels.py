"""Pseudo-labels: those of a trained classifier where it is confident."""

from __future__ import annotations

import numpy as np
import torch

from arae_toolkit.errors import DataError
from arae_toolkit.nli.classifier_training import probabilities_of
from arae_toolkit.nli.experiment import PseudoLabels, Task
from arae_toolkit.nli.model import NLIModel
from arae_toolkit.nli.pair_batches import PairStore, in_vocabulary
from arae_toolkit.storage.atomic_files import sha256_of_bytes


def confident_labels(
    task: Task, teacher: NLIModel, *, confidence: float, soft: bool = False
) -> tuple[PseudoLabels, float | None]:
    """Label the train pairs outside the task's labelled ones; keep what the teacher is sure of.

    Args:
        task: Its labelled pairs are left out; the labels of all others are not looked at, but for
            the percentage returned.
        teacher: Trained on no more than the task's labels.
        confidence: Least probability of a label that is kept.
        soft: Keep the probabilities of all labels in place of the likeliest one, as a model that
            is to do what several do learns them (Hinton, Vinyals and Dean, 2015).

    Returns:
        The labels, and what percentage of them people gave as well, where these are known.

    Raises:
        DataError: If the teacher's labels are not the corpus's, or none is left.
    """
    corpus = task.corpus
    if list(teacher.labels) != corpus.labels:
        raise DataError(
            f"a classifier of {', '.join(teacher.labels)}, where the corpus has "
            f"{', '.join(corpus.labels)}",
            path=corpus.folder,
        )
    pairs = in_vocabulary(corpus.pairs("train"), corpus.vocabulary, teacher.vocabulary)
    store = PairStore(pairs, device=torch.device("cpu"))
    others = np.setdiff1d(np.arange(len(store)), task.labelled.rows)
    if not len(others):
        raise DataError("no pair is left whose label is not used already", path=corpus.folder)
    each = [probabilities_of(network, store, others) for network in teacher.networks]
    probabilities = np.mean(each, axis=0)
    sure = probabilities.max(axis=1) >= confidence
    rows, told = others[sure], probabilities[sure].astype(np.float32)
    labels = told.argmax(axis=1)
    if not len(rows):
        raise DataError(
            f"the classifier is nowhere as sure as {confidence:g}",
            path=corpus.folder,
            hint="lower --confidence",
        )
    known = store.labels[rows] >= 0
    right = 100 * float((labels == store.labels[rows])[known].mean()) if known.any() else None
    learned = told if soft else labels
    origin = sha256_of_bytes(rows.tobytes() + learned.tobytes())
    return PseudoLabels(rows, learned, origin), right
