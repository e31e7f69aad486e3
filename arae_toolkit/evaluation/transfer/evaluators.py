"""The evaluators of a corpus: classifiers and a language model, trained once and kept.

They lie in a folder beside the runs, each with the corpus's fingerprint and the settings it was
trained with; where either differs from what is asked for, it is trained again. Precision and device
are no part of that: what differs by them is below what a seed makes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from arae_toolkit.data.corpus import Corpus, texts_of
from arae_toolkit.errors import DataError
from arae_toolkit.evaluation.generation.feature_distances import Encoder
from arae_toolkit.evaluation.kept_judges import (
    Made,
    Progress,
    default_folder,
    kept,
    kept_language_model,
    length_of,
)
from arae_toolkit.evaluation.language_model import LanguageModel, LanguageModelSettings
from arae_toolkit.evaluation.transfer.bilstm_classifier import (
    BILSTM,
    BiLSTMClassifierSettings,
    bilstm_classifier_of,
    train_bilstm_classifier,
)
from arae_toolkit.evaluation.transfer.fasttext_classifier import (
    FASTTEXT,
    FastTextClassifierSettings,
    fasttext_classifier_of,
    train_fasttext_classifier,
)
from arae_toolkit.evaluation.transfer.neural_classifier import NeuralClassifier, labelled
from arae_toolkit.evaluation.transfer.ngram_classifier import (
    NgramClassifier,
    NgramClassifierSettings,
    TextClassifier,
    train_ngram_classifier,
)


@dataclass(frozen=True)
class EvaluatorSettings:
    """Settings of all evaluators."""

    ngrams: NgramClassifierSettings = field(default_factory=NgramClassifierSettings)
    """The first classifier is made by these."""
    neural: BiLSTMClassifierSettings = field(default_factory=BiLSTMClassifierSettings)
    """The second classifier is made by these."""
    fasttext: FastTextClassifierSettings = field(default_factory=FastTextClassifierSettings)
    """The third classifier, of the paper's kind, is made by these."""
    language_model: LanguageModelSettings = field(default_factory=LanguageModelSettings)
    """The model of forward perplexity is made by these."""


@dataclass(frozen=True)
class Evaluators:
    """What transfer is measured with.

    Attributes:
        classifiers: Of different kinds.
        language_model: Of the same split.
        split: What they have learned from: the judges' part of train, or train itself where it
            was not divided.
        encoder: Space of the similarity to the source; without it that is left out.
    """

    classifiers: tuple[TextClassifier, ...]
    language_model: LanguageModel
    split: str
    encoder: Encoder | None = None


def evaluators_of(
    corpus: Corpus,
    *,
    folder: Path | None = None,
    settings: EvaluatorSettings | None = None,
    encoder: Encoder | None = None,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    note: Callable[[str], None] = lambda _: None,
    progress: Progress = lambda *_: nullcontext(lambda _: None),
) -> Evaluators:
    """Return the evaluators of a corpus, training what is not kept yet.

    Args:
        corpus: Labelled, with at least two labels.
        folder: Where they are kept; by default :func:`default_folder`.
        settings: Of each.
        encoder: As :class:`Evaluators` has it; it is trained elsewhere.
        device: Where to compute; the CPU by default.
        dtype: ``bfloat16`` trains with matrix products in it.
        note: As for :func:`~arae_toolkit.evaluation.kept_judges.kept`.
        progress: Shows how far a training is.

    Raises:
        DataError: If the corpus has no labels, or no labelled sentence in train or dev.
        CheckpointMismatch: If something kept is damaged.
    """
    folder, settings = folder or default_folder(corpus), settings or EvaluatorSettings()
    check_labels(corpus)
    own = corpus.judges_split
    train, dev, rows = corpus.split(own), corpus.split("dev"), corpus.rows(own)

    def found(name: str, part: Any, length: str, **how: Callable[..., Made]) -> Made:
        run = {"corpus": corpus.sha256, "settings": json.dumps(asdict(part))}
        return kept(folder / name, run, length=length, note=note, **how)

    neural, averaged = settings.neural, settings.fasttext
    epochs, passes = neural.epochs(rows), averaged.epochs(rows) * len(averaged.rates)
    splits = (train, dev, corpus.vocabulary)

    def train_bilstm() -> NeuralClassifier:
        with progress(f"training {BILSTM} on {corpus.name}", rows * epochs) as advance:
            how: dict[str, Any] = {"settings": neural, "advance": advance, "device": device}
            return train_bilstm_classifier(*splits, labels=corpus.labels, dtype=dtype, **how)

    def train_fasttext() -> NeuralClassifier:
        with progress(f"training {FASTTEXT} on {corpus.name}", rows * passes) as advance:
            how: dict[str, Any] = {"settings": averaged, "advance": advance, "device": device}
            return train_fasttext_classifier(*splits, labels=corpus.labels, **how)

    classifiers: tuple[TextClassifier, ...] = (
        found(
            *("ngrams", settings.ngrams, f"{rows:,} sentences"),
            load=NgramClassifier.of,
            make=partial(_train_ngrams, corpus, own, settings.ngrams),
        ),
        found(
            *(BILSTM, neural, length_of(rows, epochs, neural.batch_size)),
            load=bilstm_classifier_of,
            make=train_bilstm,
        ),
        found(
            *(FASTTEXT, averaged, length_of(rows, passes, averaged.batch_size)),
            load=fasttext_classifier_of,
            make=train_fasttext,
        ),
    )
    language_model = kept_language_model(
        corpus,
        folder=folder,
        settings=settings.language_model,
        device=device,
        dtype=dtype,
        note=note,
        progress=progress,
    )
    return Evaluators(classifiers, language_model, own, encoder)


def systems_judge(corpus: Corpus) -> NgramClassifier:
    """Return a classifier for tuning: over words alone, from the part of train that systems see.

    It is no evaluator: those have learned from the judges' part.

    Raises:
        DataError: As :func:`evaluators_of`.
    """
    check_labels(corpus)
    return _train_ngrams(corpus, "train", NgramClassifierSettings(longest=1))


def _train_ngrams(corpus: Corpus, split: str, settings: NgramClassifierSettings) -> NgramClassifier:
    """Return a classifier of n-grams that has learned from a split, its penalty chosen on dev."""
    (known, gold), (held_out, held_out_gold) = (
        labelled(corpus.split(part)) for part in (split, "dev")
    )
    texts, held_out_texts = (texts_of(part, corpus.vocabulary) for part in (known, held_out))
    return train_ngram_classifier(
        *(texts, gold, held_out_texts, held_out_gold), labels=corpus.labels, settings=settings
    )


def check_labels(corpus: Corpus) -> None:
    """Refuse a corpus from which no classifier can learn.

    Raises:
        DataError: Saying what is missing.
    """
    if corpus.kind != "text" or len(corpus.labels) < 2:
        raise DataError(
            "judges need sentences of two labels or more",
            path=corpus.folder,
            hint="use a labelled corpus such as yelp or yahoo",
        )
    for split in (corpus.judges_split, "dev"):
        labels = corpus.split(split).labels
        present = np.unique(labels) if labels is not None else np.empty(0)
        missing = [name for index, name in enumerate(corpus.labels) if index not in present]
        if missing:
            raise DataError(
                f"no sentence of the {split} split is labelled {missing[0]!r}", path=corpus.folder
            )
