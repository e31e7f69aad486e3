"""Judges that say which value of an attribute a text has: what they promise, and one of n-grams.

A judge is trained apart from every system that it judges, on the train split alone; what it reaches
on dev bounds how far it can be trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from arae_toolkit.evaluation.classification import Classes, Matrix
from arae_toolkit.evaluation.text_overlap import words_of
from arae_toolkit.models.model_folder import ModelFolder, save_model_folder


class Judge(Protocol):
    """Says how likely each value of an attribute is for a text.

    Attributes:
        name: Short, to tell judges apart in tables.
        labels: Values of the attribute, A of them.
        dev_accuracy: Percent of the dev split that it judges as labelled.
        settings: What it was made with, for the record.
    """

    name: str
    labels: tuple[str, ...]
    dev_accuracy: float
    settings: dict[str, Any]

    def probabilities(self, texts: Sequence[str]) -> Matrix:
        """Return the probability of each value for each text. Shape (N, A)."""
        ...


@dataclass(frozen=True)
class NgramJudgeSettings:
    """What an n-gram judge looks at, and how it is trained."""

    longest: int = 3
    """Words in the longest n-gram; the shortest has one."""
    least_sentences: int = 2
    """Sentences of the train split that an n-gram has to stand in."""
    inverse_penalties: tuple[float, ...] = (1.0, 3.0, 10.0)
    """C of the logistic regressions that are tried; the best on dev is kept."""


class NgramJudge:
    """Judges a text by its n-grams: TF-IDF weights and a logistic regression.

    Args:
        ngrams: Known n-grams, F of them, words separated by spaces.
        rarity: Their inverse document frequency. Shape (F,), float32.
        weight: Of the values' scores. Shape (A, F), float32.
        bias: Shape (A,), float32.
        labels: Values of the attribute, in the order of the scores.
        settings: It was trained with.
        dev_accuracy: Percent.

    Attributes:
        name: ``ngrams``.
    """

    name = "ngrams"

    def __init__(
        self,
        ngrams: Sequence[str],
        rarity: npt.NDArray[np.float32],
        weight: npt.NDArray[np.float32],
        bias: npt.NDArray[np.float32],
        labels: Sequence[str],
        settings: Mapping[str, Any],
        dev_accuracy: float,
    ) -> None:
        """Keep the parts."""
        self.ngrams, self.rarity, self.weight, self.bias = list(ngrams), rarity, weight, bias
        self.labels, self.dev_accuracy = tuple(labels), dev_accuracy
        self.settings: dict[str, Any] = dict(settings)
        self._counter = _counter(self.settings["longest"], vocabulary=self.ngrams)

    def probabilities(self, texts: Sequence[str]) -> Matrix:
        """Return the probability of each value for each text. Shape (N, A)."""
        if not texts:
            return np.empty((0, len(self.labels)))
        counts = self._counter.transform([words_of(text) for text in texts])
        scores = _weighted(counts, self.rarity) @ self.weight.T + self.bias
        return _softmax(np.asarray(scores, dtype=np.float64))

    def save(self, folder: Path, run: Mapping[str, str]) -> None:
        """Write a model folder; ``run`` says what it was trained on."""
        config = {
            "kind": self.name,
            "run": dict(run),
            "settings": self.settings,
            "labels": list(self.labels),
            "dev_accuracy": self.dev_accuracy,
        }
        # No n-gram holds a line break: words do not.
        lines = np.frombuffer(bytearray("\n".join(self.ngrams).encode()), dtype=np.uint8)
        tensors = {
            "ngrams": torch.from_numpy(lines),
            "rarity": torch.from_numpy(self.rarity),
            "weight": torch.from_numpy(self.weight),
            "bias": torch.from_numpy(self.bias),
        }
        save_model_folder(folder, config=config, vocabulary=None, tensors=tensors)

    @classmethod
    def of(cls, content: ModelFolder) -> NgramJudge:
        """Return the judge that :meth:`save` wrote."""
        arrays = {name: tensor.numpy() for name, tensor in content.tensors.items()}
        return cls(
            arrays["ngrams"].tobytes().decode().split("\n"),
            arrays["rarity"],
            arrays["weight"],
            arrays["bias"],
            content.config["labels"],
            content.config["settings"],
            float(content.config["dev_accuracy"]),
        )


def train_ngram_judge(
    train: Sequence[str],
    train_labels: Classes,
    dev: Sequence[str],
    dev_labels: Classes,
    *,
    labels: Sequence[str],
    settings: NgramJudgeSettings | None = None,
) -> NgramJudge:
    """Train a judge; the penalty that is best on dev is kept.

    Every value counts alike in the loss, whatever its share of the train split.

    Args:
        train: Words separated by spaces, as :func:`texts_of` returns them.
        train_labels: Class ids. Shape (N,).
        dev: The same, held out.
        dev_labels: Shape (M,).
        labels: Values of the attribute by class id, A of them.
        settings: What it looks at.

    Raises:
        ValueError: If a value does not occur in train, or no n-gram is frequent enough.
    """
    settings = settings or NgramJudgeSettings()
    missing = [labels[index] for index in range(len(labels)) if not (train_labels == index).any()]
    if missing:
        raise ValueError(f"the judge cannot learn {missing[0]!r}: no training sentence has it")
    counter = _counter(settings.longest, least_sentences=settings.least_sentences)
    counts = counter.fit_transform(train)
    in_sentences = np.bincount(counts.indices, minlength=counts.shape[1])
    # As scikit-learn has it: as if one more sentence held every n-gram.
    rarity = (np.log((1 + len(train)) / (1 + in_sentences)) + 1).astype(np.float32)
    features, held_out = _weighted(counts, rarity), _weighted(counter.transform(dev), rarity)
    best: NgramJudge | None = None
    for inverse_penalty in settings.inverse_penalties:
        model = LogisticRegression(
            C=inverse_penalty, class_weight="balanced", max_iter=2000, tol=1e-5
        ).fit(features, train_labels)
        accuracy = 100 * float((model.predict(held_out) == dev_labels).mean())
        if best is None or accuracy > best.dev_accuracy:
            weight, bias = model.coef_, model.intercept_
            if len(labels) == 2:  # one row of scores: those of the second value above the first
                weight, bias = np.vstack([0 * weight, weight]), np.append(0, bias)
            best = NgramJudge(
                counter.get_feature_names_out().tolist(),
                rarity,
                weight.astype(np.float32),
                bias.astype(np.float32),
                labels,
                {**asdict(settings), "inverse_penalty": inverse_penalty},
                accuracy,
            )
    assert best is not None, "at least one penalty is tried"
    return best


def _counter(
    longest: int, *, vocabulary: Sequence[str] | None = None, least_sentences: int = 1
) -> CountVectorizer:
    """Return what counts the n-grams of words separated by spaces."""
    return CountVectorizer(
        token_pattern=r"\S+",
        ngram_range=(1, longest),
        min_df=least_sentences,
        vocabulary=vocabulary,
        dtype=np.float32,
    )


def _weighted(counts: Any, rarity: npt.NDArray[np.float32]) -> Any:
    """Return (1 + log count) x rarity, scaled so that each row's squares sum to 1.

    Args:
        counts: Of each n-gram in each text, a sparse matrix of scipy's. Shape (N, F).
        rarity: Shape (F,).
    """
    features = counts.copy()
    features.data = (1 + np.log(features.data)) * rarity[features.indices]
    squares = np.asarray(features.multiply(features).sum(axis=1)).ravel()
    norms = np.sqrt(np.where(squares > 0, squares, 1)).astype(np.float32)
    features.data /= np.repeat(norms, np.diff(features.indptr))
    return features


def _softmax(scores: Matrix) -> Matrix:
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Matrix = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result
