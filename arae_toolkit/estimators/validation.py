"""Validation that the estimators share: of texts, pairs of texts, labels, seeds and folders."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from arae_toolkit.data.corpus import UNLABELLED
from arae_toolkit.data.vocabulary import Vocabulary, check_texts
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.nli.model import Pair
from arae_toolkit.nli.outside_encoder import AnyWords
from arae_toolkit.storage.text_lines import kind_of

SIDES = (("premise", "hypothesis"), ("sentence1", "sentence2"))
"""What the two texts of a pair are called, where they have names."""
SHOWN_ROWS = 5
"""So many rows of a kind are named in an error."""


def texts_of(rows: Iterable[Any]) -> list[str]:
    """Return the rows as texts.

    Args:
        rows: A list, an array of shape (N,) or any other iterable.

    Raises:
        TypeError: If it is one text itself.
        ValueError: If there is none, or one is no text; rows are counted from 0.

    Example:
        >>> texts_of(["a man runs .", None])
        Traceback (most recent call last):
        ValueError: row 1: NoneType is no text
    """
    check_texts(rows)
    texts = [_text(row, f"row {number}") for number, row in enumerate(rows)]
    if not texts:
        raise ValueError("no texts")
    return texts


def pairs_of(rows: Any) -> list[Pair]:
    """Return the rows as pairs of premise and hypothesis.

    Args:
        rows: Pairs, an array of shape (N, 2), mappings with a text for each of two names, or a data
            frame with columns of these names. Names are ``premise`` and ``hypothesis``, or
            ``sentence1`` and ``sentence2``; their order and what else there is do not matter. The
            columns of a data frame with other names are taken in their order.

    Raises:
        ValueError: If there is none, or one is no pair of texts; rows are counted from 0.

    Example:
        >>> pairs_of([{"hypothesis": "a man moves .", "premise": "a man runs ."}])
        [('a man runs .', 'a man moves .')]
        >>> pairs_of([("a man runs .", "a man moves ."), ("a man runs .",)])
        Traceback (most recent call last):
        ValueError: row 1: 1 values, where a pair has two
    """
    if isinstance(rows, Mapping):
        raise ValueError(f"a {type(rows).__name__}, where rows are needed")
    columns = getattr(rows, "columns", ())
    names = next((both for both in SIDES if set(both) <= set(columns)), None)
    if names is not None:
        rows = list(zip(*(list(rows[name]) for name in names), strict=True))
    elif isinstance(rows, tuple) and [type(row) for row in rows] == [list, list]:
        raise ValueError("two lists may be two columns or two pairs; a list of pairs is neither")
    shape = getattr(rows, "shape", None)
    if shape is not None and (len(shape) != 2 or shape[1] != 2):
        raise ValueError(f"an array of shape {shape}, where pairs have (N, 2)")
    pairs = [_pair(row, number) for number, row in enumerate(getattr(rows, "values", rows))]
    if not pairs:
        raise ValueError("no pairs")
    return pairs


def unread_rows(
    vocabulary: Vocabulary | AnyWords, rows: Sequence[Sequence[str]]
) -> npt.NDArray[np.bool_]:
    """Return which rows hold a text without a word that is known, and warn if there are any. (N,).

    Args:
        vocabulary: Of the model that is asked.
        rows: The texts of each row, as many in all.
    """
    sides = [vocabulary.encode_batch(list(side)) for side in zip(*rows, strict=True)]
    unread = np.array(
        [
            not all(vocabulary.word_counts(sentence).is_read for sentence in sentences)
            for sentences in zip(*sides, strict=True)
        ],
        dtype=np.bool_,
    )
    if unread.any():
        warnings.warn(
            f"{int(unread.sum()):,} of {len(rows):,} rows hold a text of which the model knows no "
            "word: what it says of them means nothing",
            UserWarning,
            stacklevel=3,
        )
    return unread


def labels_of(y: Any, rows: Sequence[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the labels of rows, and the classes among them, sorted.

    Raises:
        ValueError: If there are not as many labels as rows, or fewer than two classes, if one is
            null, if they are of several types, as 1 and "1" are, or if they are -1 beside the class
            ids 0, 1, ...: there it stands for no label.

    Example:
        >>> labels_of([1, 0, "1"], ["a man runs .", "a man eats .", "a dog runs ."])
        Traceback (most recent call last):
        ValueError: y holds a number (1) and a string ('1'); write all labels alike
    """
    _check_none_is_null(y)
    if getattr(y, "dtype", np.dtype(object)) == np.dtype(object) and isinstance(y, Iterable):
        kinds: dict[str, Any] = {}
        for value in y:
            kinds.setdefault(kind_of(plain(value)), value)
        if len(kinds) > 1:
            found = " and ".join(f"{kind} ({value!r:.40})" for kind, value in kinds.items())
            raise ValueError(f"y holds {found}; write all labels alike")
    labels = column_or_1d(y)
    check_consistent_length(rows, labels)
    check_classification_targets(labels)
    classes = np.unique(labels)
    from_unlabelled = [*range(UNLABELLED, len(classes) + UNLABELLED)]
    if len(classes) > 2 and labels.dtype.kind == "i" and classes.tolist() == from_unlabelled:
        raise ValueError(
            f"y holds {UNLABELLED}, which means no label; leave these rows out, or name the classes"
        )
    if len(classes) < 2:
        raise ValueError(f"y holds one class only, {plain(classes[0])!r}; there must be two")
    return labels, classes


def names_of(labels: npt.NDArray[Any]) -> list[str]:
    """Return labels as the names that a model folder keeps."""
    return [str(value) for value in labels.tolist()]


def classes_of(values: Any, labels: Sequence[str], path: Path) -> npt.NDArray[Any]:
    """Return the classes that a file keeps of a model with these labels.

    Raises:
        CheckpointMismatch: If they are not those of the model.
    """
    classes = np.asarray(values)
    if sorted(names_of(classes)) != sorted(labels):
        raise CheckpointMismatch(f"{path}: its classes are not the labels of the model")
    return classes


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Refuse a parameter that is none of its choices.

    Raises:
        ValueError: Naming them.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}")


def plain(value: Any) -> Any:
    """Return a parameter as JSON knows it: searches give NumPy's numbers, callers paths."""
    if isinstance(value, np.generic):
        return value.item()
    return str(value) if isinstance(value, Path) else value


def seed_of(random_state: Any) -> Any:
    """Return a seed; from the system for ``None``: NumPy's and torch's states are left alone."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    return plain(random_state)


def _check_none_is_null(y: Any) -> None:
    """Refuse labels of which one is None, NaN or pandas's NA.

    Raises:
        ValueError: Naming the first rows, counted from 0.
    """
    if not isinstance(y, Iterable):
        return
    rows = [number for number, label in enumerate(y) if _is_null(plain(label))]
    if rows:
        shown = ", ".join(map(str, rows[:SHOWN_ROWS]))
        more = f" and {len(rows) - SHOWN_ROWS:,} more" if len(rows) > SHOWN_ROWS else ""
        raise ValueError(
            f"no label in row{'s' * (len(rows) > 1)} {shown}{more} of y (None or NaN); drop such "
            "rows from X and y"
        )


def _is_null(label: Any) -> bool:
    nan = isinstance(label, float) and math.isnan(label)
    return label is None or nan or type(label).__name__ == "NAType"


def _pair(row: Any, number: int) -> Pair:
    """Return one row as a pair."""
    if isinstance(row, Mapping):
        names = next((both for both in SIDES if set(both) <= set(row)), None)
        row = row if names is None else tuple(row[name] for name in names)
    unordered = isinstance(row, str | Mapping | Set)
    if unordered or not hasattr(row, "__len__"):
        raise ValueError(f"row {number}: {type(row).__name__} is no pair of texts")
    if len(row) != 2:
        raise ValueError(f"row {number}: {len(row)} values, where a pair has two")
    premise, hypothesis = row
    return _text(premise, f"row {number}, premise"), _text(hypothesis, f"row {number}, hypothesis")


def _text(value: Any, place: str) -> str:
    """Return a value that must be a text."""
    if not isinstance(value, str):
        raise ValueError(f"{place}: {type(value).__name__} is no text")
    return str(value)  # NumPy's own kind of text among them
