"""Pseudo-labels: those of a trained classifier where it is confident."""

from __future__ import annotations

import numpy as np
import torch

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import CheckpointMismatch, DataError
from arae_toolkit.nli.classifier_training import probabilities_of
from arae_toolkit.nli.experiment import PseudoLabels, Task
from arae_toolkit.nli.model import NLIModel
from arae_toolkit.nli.pair_batches import PairStore, in_vocabulary
from arae_toolkit.storage.atomic_files import sha256_of_bytes


def check_labels(teacher: NLIModel, corpus: Corpus) -> None:
    """Refuse a teacher whose labels are not those of the corpus, in its order.

    Raises:
        CheckpointMismatch: Naming both.
    """
    if list(teacher.labels) != corpus.labels:
        raise CheckpointMismatch(
            f"{teacher.folder or 'the teacher'}: a classifier of {len(teacher.labels)} labels "
            f"({', '.join(teacher.labels)}), where {corpus.folder} has {len(corpus.labels)} "
            f"({', '.join(corpus.labels)}); name one that was trained on these labels"
        )


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
        CheckpointMismatch: If the teacher's labels are not the corpus's.
        DataError: If no pair is left, or it is sure of none.
    """
    corpus = task.corpus
    check_labels(teacher, corpus)
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
