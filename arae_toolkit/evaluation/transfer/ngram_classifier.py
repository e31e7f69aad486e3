"""Classifiers of a text's attribute: what they promise, and one of n-grams.

A classifier is trained apart from every system that it judges, on the train split alone; what it
reaches on dev bounds how far it can be trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression

from arae_toolkit.data.vocabulary import check_texts
from arae_toolkit.evaluation.classification import Classes, Matrix
from arae_toolkit.evaluation.text_overlap import words_of
from arae_toolkit.models.model_folder import ModelFolder, save_model_folder


class TextClassifier(Protocol):
    """Says how likely each value of an attribute is for a text.

    Attributes:
        name: Short, to tell classifiers apart in tables.
        labels: Values of the attribute, A of them.
        dev_accuracy: Percent of the dev split that it classifies as labelled.
        settings: What it was made with, for the record.
    """

    name: str
    labels: tuple[str, ...]
    dev_accuracy: float
    settings: dict[str, Any]

    def probabilities(self, texts: Sequence[str]) -> Matrix:
        """Return the probability of each value for each text. Shape (N, A)."""


@dataclass(frozen=True)
class NgramClassifierSettings:
    """Features and training of an n-gram classifier."""

    longest: int = 3
    """The longest n-gram has so many words; the shortest has one."""
    least_sentences: int = 2
    """An n-gram has to stand in so many sentences of the train split."""
    inverse_penalties: tuple[float, ...] = (1.0, 3.0, 10.0)
    """Logistic regressions are tried with each of these C; the best on dev is kept."""


@dataclass(eq=False)
class NgramClassifier:
    """A logistic regression over the TF-IDF weights of a text's n-grams.

    Attributes:
        ngrams: Known n-grams, F of them, words separated by spaces.
        idf: Their inverse document frequency. Shape (F,), float32.
        weight: Of the values' scores. Shape (A, F), float32.
        bias: Shape (A,), float32.
        labels: Values of the attribute, in the order of the scores.
        settings: It was trained with.
        dev_accuracy: Percent.
        name: ``ngrams``.
    """

    ngrams: Sequence[str]
    idf: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    labels: tuple[str, ...]
    settings: dict[str, Any]
    dev_accuracy: float
    name: str = "ngrams"

    def __post_init__(self) -> None:
        """Make what turns texts into features."""
        self._counter = _counter(self.settings["longest"], vocabulary=self.ngrams)
        self._weighting = _weighting()
        self._weighting.idf_ = self.idf

    def probabilities(self, texts: Sequence[str]) -> Matrix:
        """Return the probability of each value for each text. Shape (N, A)."""
        check_texts(texts)
        if not texts:
            return np.empty((0, len(self.labels)))
        counts = self._counter.transform([words_of(text) for text in texts])
        scores = _unit_rows(self._weighting.transform(counts)) @ self.weight.T + self.bias
        found: Matrix = torch.from_numpy(scores).double().softmax(dim=1).numpy()
        return found

    def save(self, folder: Path, run: Mapping[str, str]) -> None:
        """Write a model folder; ``run`` says what it was trained on."""
        vectorizer = {"idf": self.idf.tolist(), "vocabulary": list(self.ngrams)}
        tensors = {"weight": torch.from_numpy(self.weight), "bias": torch.from_numpy(self.bias)}
        config = {**description_of(self, run), "vectorizer": vectorizer}
        save_model_folder(folder, config=config, vocabulary=None, tensors=tensors)

    @classmethod
    def of(cls, content: ModelFolder) -> NgramClassifier:
        """Return the classifier that :meth:`save` wrote, in this version or an earlier one."""
        config = content.config
        arrays = {name: tensor.numpy() for name, tensor in content.tensors.items()}
        if "vectorizer" in config:
            ngrams = config["vectorizer"]["vocabulary"]
            idf = np.asarray(config["vectorizer"]["idf"], dtype=np.float32)
        else:  # until 0.1 both lay among the weights
            ngrams, idf = arrays["ngrams"].tobytes().decode().split("\n"), arrays["rarity"]
        return cls(
            *(ngrams, idf, arrays["weight"], arrays["bias"]),
            *(tuple(config["labels"]), config["settings"], float(config["dev_accuracy"])),
        )


def description_of(classifier: TextClassifier, run: Mapping[str, str]) -> dict[str, Any]:
    """Return what the configuration of every classifier's folder says, whatever its kind."""
    return {
        "kind": classifier.name,
        "run": dict(run),
        "settings": classifier.settings,
        "labels": list(classifier.labels),
        "dev_accuracy": classifier.dev_accuracy,
    }


def train_ngram_classifier(
    train: Sequence[str],
    train_labels: Classes,
    dev: Sequence[str],
    dev_labels: Classes,
    *,
    labels: Sequence[str],
    settings: NgramClassifierSettings | None = None,
) -> NgramClassifier:
    """Train a classifier; the penalty that is best on dev is kept.

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
    settings = settings or NgramClassifierSettings()
    missing = [labels[index] for index in range(len(labels)) if not (train_labels == index).any()]
    if missing:
        raise ValueError(f"the judge cannot learn {missing[0]!r}: no training sentence has it")
    counter = _counter(settings.longest, least_sentences=settings.least_sentences)
    counts = counter.fit_transform(train)
    weighting = _weighting().fit(counts.astype(np.float64))
    weighting.idf_ = weighting.idf_.astype(np.float32)
    features = _unit_rows(weighting.transform(counts))
    held_out = _unit_rows(weighting.transform(counter.transform(dev)))
    tried = [
        LogisticRegression(C=c, class_weight="balanced", max_iter=2000, tol=1e-5)
        for c in settings.inverse_penalties
    ]
    accuracies = [
        100 * float(model.fit(features, train_labels).score(held_out, dev_labels))
        for model in tried
    ]
    best = int(np.argmax(accuracies))
    weight, bias = tried[best].coef_, tried[best].intercept_
    if len(labels) == 2:  # one row of scores: those of the second value above the first
        weight, bias = np.vstack([0 * weight, weight]), np.append(0, bias)
    return NgramClassifier(
        counter.get_feature_names_out().tolist(),
        weighting.idf_,
        weight.astype(np.float32),
        bias.astype(np.float32),
        tuple(labels),
        {**asdict(settings), "inverse_penalty": settings.inverse_penalties[best]},
        accuracies[best],
    )


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


def _weighting() -> TfidfTransformer:
    """Return what weights counts by (1 + log count) x idf."""
    return TfidfTransformer(sublinear_tf=True, norm=None)


def _unit_rows(features: Any) -> Any:
    """Scale a sparse matrix in place so that each row's squares sum to 1.

    In float32 throughout, as every published classifier was trained: scikit-learn sums in float64,
    and so small a difference in the features grows to other answers for 4 of 10,000 sentences of
    Yelp.
    """
    squares = np.asarray(features.multiply(features).sum(axis=1)).ravel()
    norms = np.sqrt(np.where(squares > 0, squares, 1)).astype(np.float32)
    features.data /= np.repeat(norms, np.diff(features.indptr))
    return features
