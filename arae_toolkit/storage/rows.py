"""Rows of text input, lines or JSON objects: the texts in them, or why they cannot be used."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Literal

from arae_toolkit.errors import DataError
from arae_toolkit.storage.row_forms import (
    Kind,
    Name,
    RowForm,
    form_of,
    found_in,
    no_field,
    read_json_values,
    read_parquet,
    read_table,
    spellings,
)
from arae_toolkit.storage.text_encoding import as_utf8, with_head
from arae_toolkit.storage.text_lines import kind_of, read_json, read_lines

RowFormat = Literal["lines", "jsonl"]
"""How answers are written."""

MAX_CHARACTERS = 10_000
"""Longest text answered. The models are made for sentences; a book in one row is a mistake."""
MOST_SHOWN = 40
"""Characters of an unknown label in a message."""

SNLI_LABELS = ("entailment", "neutral", "contradiction")
"""In the order of the usual copy of SNLI, which has numbers."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Row:
    """One row of a request.

    Attributes:
        line: Where it stands in its source, counted from 1.
        fields: All fields of the row, those that are not used included.
        texts: The texts to work on; empty if the row cannot be used.
        problem: Why the row cannot be used; ``None`` if it can.
        lacks_field: Whether it is for want of a field, which other rows may lack as well.
    """

    line: int
    fields: Mapping[str, Any]
    texts: tuple[str, ...] = ()
    problem: str | None = None
    lacks_field: bool = False

    def answered(self, answer: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the fields with those of the answer, or with the problem, behind them.

        A name that the row has already for something else, such as the true ``label``, stays the
        row's own: the answer goes into ``new_label``.

        Example:
            >>> Row(1, {"label": "neutral"}).answered({"label": "entailment"})
            {'label': 'neutral', 'new_label': 'entailment'}
        """
        fields = dict(self.fields)
        for name, value in ({"error": self.problem} if answer is None else answer).items():
            while name in fields and fields[name] != value:
                name = f"new_{name}"
            fields[name] = value
        return fields

    def checked(self, problem_of: Callable[[Row], str | None]) -> Row:
        """Return the row, no longer usable if ``problem_of`` finds something wrong with it."""
        problem = None if self.problem is not None else problem_of(self)
        return self if problem is None else replace(self, texts=(), problem=problem)


def output_of(kind: Kind | None) -> RowFormat:
    """Return how answers to rows of a form are written: lines to lines, else JSONL."""
    return "lines" if kind in (None, "lines") else "jsonl"


def open_rows(
    stream: BinaryIO,
    *,
    path: str,
    names: Sequence[Name],
    kind: Kind | None = None,
    header: bool | None = None,
    encoding: str | None = None,
) -> tuple[RowForm, Iterator[Row]]:
    """Return the form that a binary stream is found to be of, and its rows.

    Args:
        stream: What is read, and by nothing else from now on.
        path: What to call it in messages.
        names: The fields that hold the texts.
        kind: How it is written; ``None`` goes by its first bytes.
        header: Whether a table has a header, if that is known.
        encoding: If it is not what its first bytes tell.

    Raises:
        DataError: If it is evidently no text, or a table without such columns.
    """
    head, text = with_head(as_utf8(stream, path=path, encoding=encoding))
    form = form_of(head, path=path, wanted=names, kind=kind, header=header)
    return form, read_rows(text, path=path, names=names, form=form)


def read_rows(
    stream: BinaryIO, *, path: str, names: Sequence[Name], form: RowForm
) -> Iterator[Row]:
    """Yield the rows of a binary stream, unusable ones included.

    A blank line is a row where rows are lines, and none where they have fields.

    Raises:
        DataError: If the stream itself fails, as a truncated archive does, or a Parquet file has no
            such fields.
    """
    if form.kind == "parquet":
        for number, fields in read_parquet(stream, path=path, wanted=names):
            yield row_of_fields(number, fields, names)
        return
    if form.kind == "json":
        for line, value, error in read_json_values(stream, path=path, decoder=_decoder()):
            if isinstance(value, str) and len(names) == 1:
                yield row_of_texts(line, [value], names)
            else:
                yield row_of_json(line, value, error, names)
        return
    before = 0
    while True:
        try:
            for row in _rows_of(read_lines(stream, path=path), names, form):
                yield replace(row, line=before + row.line) if before else row
            return
        except DataError as error:
            # The stream stands behind an unusable line: reading starts again there, which keeps
            # the order and collects nothing, however many such lines follow each other.
            if error.line is None:
                raise
            before += error.line
            form = replace(form, header_line=0)  # it is not read again
            hint = f"; {error.hint}" if error.hint else ""
            yield Row(before, {}, problem=error.problem + hint)


def _rows_of(
    lines: Iterable[tuple[int, str]], names: Sequence[Name], form: RowForm
) -> Iterator[Row]:
    """Yield the rows of lines that can be used."""
    if form.kind == "lines":
        yield from (row_of_line(line, text, names) for line, text in lines)
    elif form.kind == "csv":
        for line, fields, problem in read_table(lines, form):
            bad = Row(line, {}, problem=problem)
            yield row_of_fields(line, fields, names) if problem is None else bad
    else:
        for line, value, error in read_json(lines, decoder=_decoder()):
            yield row_of_json(line, value, error, names)


def _decoder() -> json.JSONDecoder:
    """Return what reads JSON that can be written again."""
    return json.JSONDecoder(parse_constant=_constant, parse_float=_finite_float)


def row_of_fields(line: int, fields: Mapping[str, Any], names: Sequence[Name]) -> Row:
    """Return the row whose texts are the fields of these names, if all of them can be used.

    Example:
        >>> row_of_fields(1, {"text": "a dog .", "id": 7}, ["text"]).texts
        ('a dog .',)
        >>> row_of_fields(2, {"text": 5}, ["text"]).problem
        "field 'text' is a number, not a text"
        >>> row_of_fields(3, {"sentence1": "a dog ."}, [("premise", "sentence1")]).texts
        ('a dog .',)
    """
    texts = []
    for name in names:
        field = found_in(fields, name)
        if field is None:
            return Row(line, fields, problem=no_field(name, fields), lacks_field=True)
        problem = problem_of_text(field, fields[field])
        if problem is not None:
            return Row(line, fields, problem=problem)
        texts.append(fields[field])
    return Row(line, fields, tuple(texts))


def row_of_texts(line: int, texts: Sequence[str], names: Sequence[Name]) -> Row:
    """Return the row of texts that stand without names, one for each of ``names``."""
    first_names = (spellings(name)[0] for name in names)
    return row_of_fields(line, dict(zip(first_names, texts, strict=True)), names)


def row_of_line(line: int, text: str, names: Sequence[Name]) -> Row:
    """Return the row of one line of plain text; several texts are separated by tabs."""
    parts = [text] if len(names) == 1 else text.split("\t")
    if len(parts) != len(names):
        problem = f"{len(names)} texts separated by tabs are expected, found {len(parts)}"
        return Row(line, {}, problem=problem if text.strip() else "empty text")
    return row_of_texts(line, parts, names)


def row_of_json(line: int, value: Any, error: BaseException | None, names: Sequence[Name]) -> Row:
    """Return the row of one JSON value, or of the error of reading it."""
    if isinstance(error, json.JSONDecodeError):
        return Row(line, {}, problem=f"not JSON ({error.msg} at character {error.pos + 1})")
    if error is not None:
        # Python's own words name its settings, which nobody can reach from here.
        beyond = isinstance(error, RecursionError) or "int_max_str_digits" in str(error)
        why = "too deep or too large a number" if beyond else error
        return Row(line, {}, problem=f"not usable JSON ({why})")
    if not isinstance(value, dict):
        return Row(line, {}, problem=f"{kind_of(value)}, where a JSON object is expected")
    return row_of_fields(line, value, names)


def problem_of_text(field: str, text: Any, what: str = "text") -> str | None:
    """Return why the value of a field cannot be used, or ``None``.

    Args:
        field: Its name.
        text: Its value.
        what: ``text``, or ``output``, which may be empty.
    """
    strict = what == "text"
    if not isinstance(text, str):
        return f"field {field!r} is {kind_of(text)}, not a text"
    if strict and not text.strip():
        return "empty text"
    if len(text) > MAX_CHARACTERS:
        return f"{what} of {len(text):,} characters, at most {MAX_CHARACTERS:,} are accepted"
    if strict and "\0" in text:
        return "NUL byte in text"
    if _SURROGATE.search(text):
        return ("" if strict else f"field {field!r} is ") + "not UTF-8 (half a surrogate pair)"
    return None


def problem_of_label(field: str, label: Any, known: Sequence[str]) -> str | None:
    """Return why a label cannot be used, or ``None``."""
    if known_label(label, known) is not None:
        return None
    shown = repr(label[:MOST_SHOWN]) if isinstance(label, str) else kind_of(label)
    return f"field {field!r} is {shown}, not one of {', '.join(known)}"


def known_label(label: Any, known: Sequence[str]) -> str | None:
    """Return which of the known labels is meant, or ``None``.

    Case and blanks around it do not matter. Where the labels are those of SNLI, its usual copies
    are understood: 0, 1, 2 for entailment, neutral, contradiction, and their first letters.

    Example:
        >>> known_label(" Yes", ["no", "yes"]), known_label(2, SNLI_LABELS)
        ('yes', 'contradiction')
    """
    if label in known:
        return str(label)
    word = label.strip().casefold() if isinstance(label, str) else label
    meant = {name.casefold(): name for name in known}
    if set(meant) == set(SNLI_LABELS):
        for number, name in enumerate(SNLI_LABELS):
            meant |= dict.fromkeys((name[0], str(number)), meant[name])
    if isinstance(word, int) and not isinstance(word, bool):
        word = str(word)
    return meant.get(word) if isinstance(word, str) else None


def _constant(name: str) -> None:
    """Return null for NaN, which Python writes and JSON does not know; refuse Infinity."""
    if name != "NaN":
        raise ValueError(f"{name} is no JSON value")


def _finite_float(text: str) -> float:
    """Return a number that can be written again."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"number {text} is out of range")
    return number
