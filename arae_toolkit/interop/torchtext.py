"""torchtext: vocabularies both ways, its data sets and word vectors, and a model as its transform.

Its last release, 0.18, loads beside torch 2.3 only; the extra ``torchtext`` names both. A transform
needs no torchtext at all, and its word tokenizers are rules of our own:
:mod:`arae_toolkit.data.torchtext_tokenizers`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from arae_toolkit.data.vocabulary import PAD, SPECIAL_TOKENS, UNKNOWN, Vocabulary
from arae_toolkit.data.word_vectors import WordVectors
from arae_toolkit.data_prep.readers.outside_rows import Fields, OutsideRows
from arae_toolkit.data_prep.readers.yahoo import CLASSES
from arae_toolkit.errors import DataError, ToolkitError

EXTRA = "pip install 'arae-toolkit[torchtext]' (Python 3.11, torch 2.3.1)"
_PLAIN = "torchtext:split"


@dataclass(frozen=True)
class _DataSet:
    """What one of torchtext's data sets yields: a label, where there is one, and one text or two.

    Attributes:
        splits: Its name of each of our splits.
        labels: Names of its labels; the first has the number ``first_label``.
        first_label: Labels are counted from here.
        fields: Of the texts.
    """

    splits: dict[str, str]
    labels: tuple[str, ...]
    first_label: int
    fields: tuple[str, ...]


_PAIR, _TEXT = ("premise", "hypothesis"), ("text",)
_TRAIN_AND_TEST = {"train": "train", "test": "test"}
DATA_SETS = {
    "MNLI": _DataSet(
        {"train": "train", "dev": "dev_matched", "test": "dev_mismatched"},
        ("entailment", "neutral", "contradiction"),
        0,
        _PAIR,
    ),
    # Its test split has no labels.
    "RTE": _DataSet({"train": "train", "dev": "dev"}, ("entailment", "not_entailment"), 0, _PAIR),
    "YelpReviewPolarity": _DataSet(_TRAIN_AND_TEST, ("negative", "positive"), 1, _TEXT),
    "YahooAnswers": _DataSet(_TRAIN_AND_TEST, tuple(CLASSES.values()), 1, _TEXT),
}
"""torchtext's data sets that a corpus is prepared from, by their names."""


def load_torchtext(part: str = "torchtext") -> Any:
    """Return torchtext, or a module of it, without its word about its own end.

    Raises:
        ToolkitError: If it is not installed, or does not load beside this torch.
    """
    try:
        whole = importlib.import_module("torchtext")
        whole.disable_torchtext_deprecation_warning()
        return importlib.import_module(part)
    except ImportError as error:
        raise ToolkitError(f"torchtext is not installed ({error}); {EXTRA}") from error
    except OSError as error:  # its compiled part was made for another torch
        raise ToolkitError(
            f"torchtext does not load beside torch {torch.__version__}; {EXTRA}"
        ) from error


def to_torchtext(vocabulary: Vocabulary) -> Any:
    """Return a ``torchtext.vocab.Vocab`` with the same id for every word; others are ``<unk>``.

    Raises:
        ToolkitError: As for :func:`load_torchtext`.
    """
    made = load_torchtext("torchtext.vocab").vocab(OrderedDict.fromkeys(vocabulary.words, 1))
    made.set_default_index(UNKNOWN)
    return made


def from_torchtext(vocab: Any, *, tokenizer: str = _PLAIN) -> Vocabulary:
    """Return a vocabulary with the same id for every word of a ``torchtext.vocab.Vocab``.

    Args:
        vocab: Made with ``specials=["<pad>", "<bos>", "<eos>", "<unk>"]``, which come first here.
        tokenizer: What text is parted by: ``words``, our own, or one of
            :data:`~arae_toolkit.data.torchtext_tokenizers.TORCHTEXT_TOKENIZERS`.

    Raises:
        ValueError: If the first words are others, or there is no such tokenizer.
    """
    words = list(vocab.get_itos())
    if tuple(words[: len(SPECIAL_TOKENS)]) != SPECIAL_TOKENS:
        raise ValueError(
            f"the first words are {words[: len(SPECIAL_TOKENS)]}, not {list(SPECIAL_TOKENS)}: "
            f"make it with specials={list(SPECIAL_TOKENS)}, special_first=True"
        )
    return Vocabulary.build([], size=1, tokenizer_name=tokenizer).with_words(words)


def word_vectors_of(vectors: Any, vocabulary: Vocabulary) -> WordVectors:
    """Return what ``torchtext.vocab.Vectors`` (``GloVe``, ``FastText``) know of a vocabulary.

    Raises:
        DataError: If they know none of its words.
    """
    known = vectors.stoi
    found = {
        index: vectors.vectors[known[word]].numpy().astype(np.float32)
        for index, word in enumerate(vocabulary.words)
        if word in known and index != PAD
    }
    if not found:
        raise DataError(f"no vector for any of {len(vocabulary):,} words")
    return WordVectors.of(found)


class Encodes(Protocol):
    """What a transform needs of a model."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return the code of each text. Shape (N, Z)."""
        ...


class CodeTransform(nn.Module):
    """A model as a transform: texts to codes, a step of ``torchtext.transforms.Sequential``.

    The model is not a part of the module's weights: these are not moved by who trains what follows.

    Args:
        model: Such as an :class:`~arae_toolkit.models.arae.ARAE`.
    """

    def __init__(self, model: Encodes) -> None:
        super().__init__()
        self._model = (model,)  # in a tuple, torch does not see it

    @torch.no_grad()
    def forward(self, input: str | list[str]) -> Tensor:
        """Return the code of a text, shape (Z,), or those of a list of texts, shape (N, Z)."""
        (model,) = self._model
        return model.encode([input])[0] if isinstance(input, str) else model.encode(input)


def data_set(name: str, root: Path) -> OutsideRows:
    """Return one of torchtext's data sets as rows to prepare a corpus from.

    All rows are read once for their fingerprint. RTE's own test split is left out, which has no
    labels.

    Args:
        name: One of :data:`DATA_SETS`.
        root: The folder that torchtext keeps its data in, with ``datasets/NAME`` in it. What is not
            there, torchtext downloads.

    Raises:
        DataError: If there is no such data set, or it cannot be read.
        ToolkitError: As for :func:`load_torchtext`.
    """
    if name not in DATA_SETS:
        raise DataError(f"no data set {name!r} of torchtext; choose from {', '.join(DATA_SETS)}")
    known = DATA_SETS[name]
    make = getattr(load_torchtext("torchtext.datasets"), name)
    splits = {
        split: partial(_rows, make, name, root, own, known) for split, own in known.splits.items()
    }
    origins = tuple(
        {"file": f"torchtext {name} {own}", "sha256": _sha256(splits[split]())}
        for split, own in known.splits.items()
    )
    return OutsideRows(
        f"torchtext:{name}", splits, origins, known.fields, "label", labels=known.labels
    )


def _rows(make: Any, name: str, root: Path, split: str, known: _DataSet) -> Iterator[Fields]:
    """Yield the rows of a split, labels counted from 0."""
    try:
        for row in make(root=str(root), split=split):
            label, *texts = row
            fields: dict[str, Any] = dict(zip(known.fields, texts, strict=True))
            yield {**fields, "label": label - known.first_label}
    except Exception as error:  # its readers raise whatever befalls them
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        place = root / "datasets" / name
        hint = "put the official archive there, or let torchtext download it"
        raise DataError(f"torchtext cannot read {split} ({reason})", path=place, hint=hint) from (
            error
        )


def _sha256(rows: Iterable[Fields]) -> str:
    """Return the fingerprint of rows."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row).encode() + b"\n")
    return digest.hexdigest()
