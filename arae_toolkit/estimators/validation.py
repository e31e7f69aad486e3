"""Texts, and pairs of texts, as a caller gives them: checked row by row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from arae_toolkit.nli.model import Pair


def texts_of(rows: Iterable[Any]) -> list[str]:
    """Return the rows as texts.

    Args:
        rows: A list, an array of shape (N,) or any other iterable.

    Raises:
        ValueError: If there is none, or one is no text; rows are counted from 0.

    Example:
        >>> texts_of(["a man runs .", None])
        Traceback (most recent call last):
        ValueError: row 1: NoneType is no text
    """
    if isinstance(rows, str):
        raise ValueError("one text, where a list of texts is needed")
    texts = [_text(row, f"row {number}") for number, row in enumerate(rows)]
    if not texts:
        raise ValueError("no texts")
    return texts


def pairs_of(rows: Any) -> list[Pair]:
    """Return the rows as pairs of premise and hypothesis.

    Args:
        rows: Pairs, or an array of shape (N, 2).

    Raises:
        ValueError: If there is none, or one is no pair of texts; rows are counted from 0.

    Example:
        >>> pairs_of([("a man runs .", "a man moves ."), ("a man runs .",)])
        Traceback (most recent call last):
        ValueError: row 1: 1 values, where a pair has two
    """
    shape = getattr(rows, "shape", None)
    if shape is not None and (len(shape) != 2 or shape[1] != 2):
        raise ValueError(f"an array of shape {shape}, where pairs have (N, 2)")
    pairs = [_pair(row, number) for number, row in enumerate(getattr(rows, "values", rows))]
    if not pairs:
        raise ValueError("no pairs")
    return pairs


def _pair(row: Any, number: int) -> Pair:
    """Return one row as a pair."""
    if isinstance(row, str) or not hasattr(row, "__len__"):
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
