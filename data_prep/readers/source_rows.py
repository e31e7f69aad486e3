"""Rows of source files, as every reader checks them, and the fate of a row that fails."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from arae_toolkit.data.corpus import Sentence, SentencePair
from arae_toolkit.data_prep.readers.source_files import SourceFile
from arae_toolkit.errors import DataError
from arae_toolkit.storage.text_lines import kind_of, read_csv, read_json, read_lines

_T = TypeVar("_T")

UNDECODABLE, MALFORMED, OTHER_CLASS = "undecodable", "malformed", "other_class"
"""Why a row was dropped: bytes that are no text; text that is no row; a class not asked for."""

NAMED_BAD_ROWS = 10
"""Bad rows reported one by one when they are skipped; the rest is only counted."""


class RowLog:
    """Counts the rows of source files, and decides what a bad one does.

    Attributes:
        rows: Rows per file, good and bad, blank lines included.
        dropped: Rows dropped since the last :meth:`take_dropped`, by reason.
    """

    def __init__(
        self, *, skip: bool = False, report: Callable[[str], None] = lambda _: None
    ) -> None:
        """Start with nothing counted.

        Args:
            skip: Drop and count bad rows, instead of raising the error of the first.
            report: Told of the first bad rows that are skipped.
        """
        self._skip, self._report = skip, report
        self._bad = 0
        self.rows: Counter[SourceFile] = Counter()
        self.dropped: Counter[str] = Counter()

    def reject(self, error: DataError, reason: str = MALFORMED) -> None:
        """Drop a bad row.

        Raises:
            DataError: The given one, unless bad rows are skipped.
        """
        if not self._skip:
            raise error
        self.dropped[reason] += 1
        self._bad += 1
        if self._bad <= NAMED_BAD_ROWS:
            self._report(f"skipped {error}")
        elif self._bad == NAMED_BAD_ROWS + 1:
            self._report("more bad rows are skipped and counted in the manifest")

    def take_dropped(self) -> dict[str, int]:
        """Return the counts of dropped rows and start again at zero."""
        dropped, self.dropped = dict(self.dropped), Counter()
        return dropped

    def lines(self, file: SourceFile) -> Iterator[tuple[int, str]]:
        """Yield the lines of a file with their numbers.

        Raises:
            DataError: If the file is empty or cannot be read, whether bad rows are skipped or not.
        """

        def undecodable(error: DataError) -> None:
            self.rows[file] += 1
            self.reject(error, UNDECODABLE)

        self.rows[file] = 0
        with file.open() as stream:
            for number, line in read_lines(stream, path=str(file), on_bad=undecodable):
                self.rows[file] += 1
                yield number, line
        if not self.rows[file]:
            raise file.error("file is empty")

    def accepted(self, rows: Iterator[Row], convert: Callable[[Row], _T]) -> Iterator[_T]:
        """Yield what ``convert`` makes of each row; one that it cannot use is rejected.

        Raises:
            DataError: For the first such row, unless bad rows are skipped.
        """
        for row in rows:
            try:
                converted = convert(row)
            except DataError as error:
                self.reject(error)
            else:
                yield converted


SentenceReader = Callable[[RowLog], Iterator[Sentence]]
PairReader = Callable[[RowLog], Iterator[SentencePair]]


@dataclass(frozen=True)
class TextRows:
    """The rows of a text corpus, as a reader of one form hands them over.

    Both sides of the pairs count as sentences of their split, behind those of ``sentences``.
    """

    files: tuple[SourceFile, ...]
    """The files that the readers read."""

    sentences: Mapping[str, SentenceReader] = field(default_factory=dict)
    """By split, what yields its sentences. Splits are read in the order train, dev, test."""

    pairs: Mapping[str, PairReader] = field(default_factory=dict)
    """By split, what yields its sentence pairs."""

    labels: tuple[str, ...] | None = None
    """The set of labels, in the order of their ids; ``None`` if the rows of train make it."""

    label_pairs: bool = False
    """Whether the labels are those of the pairs; else they are those of the sentences."""


@dataclass(frozen=True)
class Row:
    """The fields of one JSON object or CSV row, and where it stands."""

    fields: Mapping[str, Any]
    file: SourceFile
    line: int

    def error(self, problem: str, *, hint: str | None = None) -> DataError:
        """Return an error that names this row."""
        return self.file.error(problem, line=self.line, hint=hint)

    def text(self, name: str) -> str:
        """Return a field that must hold text.

        Raises:
            DataError: If it is missing, no string, or holds what JSON can express and UTF-8 text
                cannot hold: a NUL or half of a surrogate pair.
        """
        value = self.fields.get(name)
        if not isinstance(value, str):
            if name not in self.fields:
                raise self.error(f"no field {name!r}; the fields here are {_listed(self.fields)}")
            raise self.error(f"field {name!r} is {kind_of(value)}, text is expected")
        if "\0" in value:
            raise self.error("NUL character in text")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise self.error("half of a surrogate pair in text") from error
        return value


def _listed(fields: Mapping[str, Any]) -> str:
    """Return the first field names, shortened, for an error message."""
    names = [repr(name if len(name) <= 40 else name[:37] + "...") for name in fields]
    return ", ".join(names[:8] + ["..."] * (len(names) > 8)) or "none"


def json_rows(file: SourceFile, log: RowLog) -> Iterator[Row]:
    """Yield the objects of a JSONL file; blank lines are passed over."""
    for number, value, error in read_json(log.lines(file)):
        if isinstance(error, json.JSONDecodeError):
            problem = f"malformed JSON ({error.msg} at column {error.colno})"
        elif error is not None:  # beyond the interpreter's stack, or thousands of digits
            problem = "malformed JSON (too deep or too large a number)"
        elif not isinstance(value, dict):
            problem = f"{kind_of(value)}, a JSON object is expected"
        else:
            yield Row(value, file, number)
            continue
        log.reject(file.error(problem, line=number))


def csv_rows(file: SourceFile, log: RowLog) -> Iterator[Row]:
    """Yield the rows of a CSV file with a header, or of a ``.tsv`` file (tabs, no quotes).

    Raises:
        DataError: If the header cannot be used, whether bad rows are skipped or not.
    """
    tabs = {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
    form: dict[str, Any] = tabs if file.name.lower().endswith(".tsv") else {}
    header: list[str] = []
    for line, values, problem in read_csv(log.lines(file), **form):
        if problem is not None:
            bad = file.error(problem, line=line)
            if not header:
                raise bad
            log.reject(bad)
        elif not header:
            header = values
        elif values:
            yield Row(dict(zip(header, values, strict=True)), file, line)
