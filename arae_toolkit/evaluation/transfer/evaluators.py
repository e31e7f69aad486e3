"""The evaluators of a corpus: classifiers and a language model, trained once and kept.

They lie in a folder beside the runs, each with the corpus's fingerprint and the settings it was
trained with; where either differs from what is asked for, it is trained again. Precision and device
are no part of that: what differs by them is below what a seed makes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from arae_toolkit.data.corpus import Corpus, texts_of
from arae_toolkit.errors import CheckpointMismatch, DataError
from arae_toolkit.evaluation.language_model import (
    LanguageModel,
    LanguageModelSettings,
    train_language_model,
)
from arae_toolkit.evaluation.transfer.bilstm_classifier import (
    BiLSTMClassifier,
    BiLSTMClassifierSettings,
    labelled,
    train_bilstm_classifier,
)
from arae_toolkit.evaluation.transfer.ngram_classifier import (
    NgramClassifier,
    NgramClassifierSettings,
    TextClassifier,
    train_ngram_classifier,
)
from arae_toolkit.models.model_folder import CONFIG, WEIGHTS, load_model_folder
from arae_toolkit.storage.paths import run_folder

Advance = Callable[[int], None]
Progress = Callable[[str, int | None], AbstractContextManager[Advance]]
"""Shows how far a loop over so many rows is, as ``recipes.shared.progress`` does."""


class _Keepable(Protocol):
    """What can be written to a model folder."""

    def save(self, folder: Path, run: Mapping[str, str]) -> None: ...


Made = TypeVar("Made", bound=_Keepable)


@dataclass(frozen=True)
class EvaluatorSettings:
    """Settings of all evaluators."""

    ngrams: NgramClassifierSettings = field(default_factory=NgramClassifierSettings)
    """The first classifier is made by these."""
    neural: BiLSTMClassifierSettings = field(default_factory=BiLSTMClassifierSettings)
    """The second classifier is made by these."""
    language_model: LanguageModelSettings = field(default_factory=LanguageModelSettings)
    """The model of forward perplexity is made by these."""


@dataclass(frozen=True)
class Evaluators:
    """What transfer is measured with.

    Attributes:
        classifiers: Of different kinds.
        language_model: Of the same split.
        folder: Where they are kept.
        split: What they have learned from: the judges' part of train, or train itself where it
            was not divided.
    """

    classifiers: tuple[TextClassifier, ...]
    language_model: LanguageModel
    folder: Path
    split: str


def default_folder(corpus: Corpus) -> Path:
    """Return where the evaluators of a corpus are kept: ``runs/judges/NAME-`` and its sha256."""
    return run_folder("judges") / f"{corpus.name}-{corpus.sha256[:8]}"


def evaluators_of(
    corpus: Corpus,
    *,
    folder: Path | None = None,
    settings: EvaluatorSettings | None = None,
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
        device: Where to compute; the CPU by default.
        dtype: ``bfloat16`` trains with matrix products in it.
        note: Told in one line what was trained or found.
        progress: Shows how far a training is.

    Raises:
        DataError: If the corpus has no labels, or no labelled sentence in train or dev.
        CheckpointMismatch: If something kept is damaged.
    """
    folder, settings = folder or default_folder(corpus), settings or EvaluatorSettings()
    _check_labels(corpus)

    own = corpus.judges_split
    train, dev, rows = corpus.split(own), corpus.split("dev"), corpus.rows(own)

    def kept(name: str, part: Any, load: Callable[[Any], Made], make: Callable[[], Made]) -> Made:
        run = {"corpus": corpus.sha256, "settings": json.dumps(asdict(part))}
        found = load_kept(folder / name, run, load)
        if found is None:
            began = time.perf_counter()
            found = make()
            found.save(folder / name, run)
            note(f"{name}: trained in {time.perf_counter() - began:.0f} s, kept in {folder / name}")
        return found

    def train_ngrams() -> NgramClassifier:
        (known, gold), (held_out, held_out_gold) = labelled(train), labelled(dev)
        texts, held_out_texts = (texts_of(part, corpus.vocabulary) for part in (known, held_out))
        return train_ngram_classifier(
            *(texts, gold, held_out_texts, held_out_gold),
            labels=corpus.labels,
            settings=settings.ngrams,
        )

    def trained(name: str, part: Any, make: Callable[..., Made]) -> Made:
        with progress(f"training {name} on {corpus.name}", rows * part.epochs(rows)) as advance:
            return make(
                *(train, dev, corpus.vocabulary),
                settings=part,
                advance=advance,
                device=device,
                dtype=dtype,
            )

    ngrams, neural, reader = settings.ngrams, settings.neural, settings.language_model
    train_neural = partial(train_bilstm_classifier, labels=corpus.labels)
    classifiers: tuple[TextClassifier, ...] = (
        kept("ngrams", ngrams, NgramClassifier.of, train_ngrams),
        kept(
            "bilstm", neural, BiLSTMClassifier.of, lambda: trained("bilstm", neural, train_neural)
        ),
    )
    language_model = kept(
        *("language-model", reader, LanguageModel.of),
        lambda: trained("language-model", reader, train_language_model),
    )
    return Evaluators(classifiers, language_model, folder, own)


def load_kept(folder: Path, run: Mapping[str, str], load: Callable[[Any], Made]) -> Made | None:
    """Return what is kept in a folder, ``None`` if there is nothing of this corpus and settings.

    Raises:
        CheckpointMismatch: If it is damaged.
    """
    try:
        there = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CheckpointMismatch(f"{folder / CONFIG}: damaged; {_advice(folder)}") from error
    same = isinstance(there, dict) and there.get("run") == dict(run)
    # The weights are written last: without them a training was cut off.
    if not same or not (folder / WEIGHTS).exists():
        return None
    try:
        return load(load_model_folder(folder))
    except (CheckpointMismatch, KeyError, TypeError, RuntimeError) as error:
        raise CheckpointMismatch(f"{error}; {_advice(folder)}") from error


def _advice(folder: Path) -> str:
    return f"remove {folder} to have it trained again"


def _check_labels(corpus: Corpus) -> None:
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
