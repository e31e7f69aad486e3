"""Rows of source files, as every reader checks them, and the fate of a row that fails."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

from arae_toolkit.data.corpus import Sentence, SentencePair
from arae_toolkit.data_prep.readers.source_files import SourceFile
from arae_toolkit.errors import DataError
from arae_toolkit.storage.failure_counts import NAMED_FAILURES, FailureCounts
from arae_toolkit.storage.row_forms import (
    Kind,
    RowForm,
    form_of,
    no_field,
    read_json_values,
    read_parquet,
    read_table,
)
from arae_toolkit.storage.text_encoding import as_utf8, mostly_undecodable, with_head
from arae_toolkit.storage.text_lines import kind_of, read_json, read_lines

_T = TypeVar("_T")
_LEAVE_OUT = "--on-error skip leaves such rows out"

UNDECODABLE, MALFORMED, OTHER_CLASS = "undecodable", "malformed", "other_class"
"""Why a row was dropped: bytes that are no text; text that is no row; a class not asked for."""


class MissingField(DataError):
    """A row without a field that is needed; where no row has it, the name is wrong."""


class RowLog:
    """Counts the rows of source files, and decides what a bad one does.

    Attributes:
        rows: Rows per file, good and bad, blank lines included.
        encoding: Of the files, ``None`` for UTF-8 or what a byte order mark tells.
        report: Told in one line what is worth knowing.
        dropped: Rows dropped since the last :meth:`take_dropped`, by reason.
    """

    def __init__(
        self,
        *,
        skip: bool = False,
        report: Callable[[str], None] = lambda _: None,
        encoding: str | None = None,
    ) -> None:
        """Start with nothing counted.

        Args:
            skip: Drop and count bad rows, instead of raising the error of the first.
            report: Told of the first bad rows that are skipped.
            encoding: Of the files, if it is not UTF-8.
        """
        self._skip, self.report, self.encoding = skip, report, encoding
        self._bad = self._no_failures()
        self.rows: Counter[SourceFile] = Counter()
        self.dropped: Counter[str] = Counter()

    def reject(self, error: DataError, reason: str = MALFORMED) -> None:
        """Drop a bad row.

        Raises:
            DataError: The given one, unless bad rows are skipped.
        """
        if not self._skip:
            raise error if error.hint else error.with_hint(_LEAVE_OUT)
        self.dropped[reason] += 1
        self._bad.add(error, f"skipped {error}")

    def take_dropped(self) -> dict[str, int]:
        """Return the counts of dropped rows, report them, and start again at zero."""
        if summary := self._bad.summary:
            self.report(f"skipped in all: {summary}")
        self._bad = self._no_failures()
        dropped, self.dropped = dict(self.dropped), Counter()
        return dropped

    def _no_failures(self) -> FailureCounts:
        return FailureCounts(self.report, more="more bad rows are skipped and only counted")

    @contextmanager
    def open(self, file: SourceFile) -> Iterator[BinaryIO]:
        """Open a file as UTF-8, see :func:`~arae_toolkit.storage.text_encoding.as_utf8`.

        Raises:
            DataError: If it cannot be read, or is evidently of another encoding.
        """
        with file.open() as stream:
            yield as_utf8(stream, path=str(file), encoding=self.encoding)

    def lines(self, file: SourceFile) -> Iterator[tuple[int, str]]:
        """Yield the lines of a file with their numbers.

        Raises:
            DataError: If the file is empty, mostly undecodable or cannot be read, whether bad rows
                are skipped or not.
        """
        bad = 0

        def undecodable(error: DataError) -> None:
            nonlocal bad
            bad += error.hint is not None
            self.rows[file] += 1
            self.reject(error, UNDECODABLE)

        self.rows[file] = 0
        with self.open(file) as stream:
            for number, line in read_lines(stream, path=str(file), on_bad=undecodable):
                self.rows[file] += 1
                yield number, line
        if not self.rows[file]:
            raise file.error("file is empty")
        if 2 * bad > self.rows[file]:
            raise mostly_undecodable(bad, self.rows[file], path=str(file), encoding=self.encoding)

    def accepted(self, rows: Iterator[Row], convert: Callable[[Row], _T]) -> Iterator[_T]:
        """Yield what ``convert`` makes of each row; one that it cannot use is rejected.

        Raises:
            DataError: For the first such row, unless bad rows are skipped; in any case if no row
                has one of the fields that are needed.
        """
        missing: list[MissingField] = []
        all_miss = True
        for row in rows:
            try:
                converted = convert(row)
            except DataError as error:
                if all_miss and isinstance(error, MissingField):
                    missing.append(error)
                    if not self._skip or len(missing) == NAMED_FAILURES:
                        break
                    continue
                all_miss = self._reject_all(missing)
                self.reject(error)
            else:
                all_miss = self._reject_all(missing)
                yield converted
        if missing:
            raise missing[0]

    def _reject_all(self, errors: list[MissingField]) -> bool:
        """Reject rows that were held back, and return ``False``."""
        while errors:
            self.reject(errors.pop(0))
        return False


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
                problem = no_field(name, self.fields)
                raise MissingField(problem, path=str(self.file), line=self.line)
            raise self.error(f"field {name!r} is {kind_of(value)}, text is expected")
        if "\0" in value:
            raise self.error("NUL character in text")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise self.error("half of a surrogate pair in text") from error
        return value


def form_of_file(file: SourceFile, log: RowLog, **known: Any) -> RowForm:
    """Return the form of a file.

    Args:
        file: It is opened, looked at and closed.
        log: With the encoding.
        **known: As for :func:`~arae_toolkit.storage.row_forms.form_of`.

    Raises:
        DataError: If it cannot be read, or its header cannot be used.
    """
    with log.open(file) as stream:
        head, _ = with_head(stream)
        return form_of(head, path=str(file), **known)


def field_rows(
    file: SourceFile, form: RowForm, log: RowLog, *, text_field: str | None = None
) -> Iterator[Row]:
    """Yield the rows of a file that is not lines of text.

    Args:
        file: The file.
        form: How its rows are written.
        log: Where they are counted.
        text_field: The field that the texts of a JSON array of texts are in; ``None`` if rows are
            more than a text.

    Raises:
        DataError: If the file itself cannot be read, whether bad rows are skipped or not.
    """
    if form.kind == "csv":
        return csv_rows(file, log, form)
    if form.kind == "parquet":
        return _parquet_rows(file, log)
    if form.kind == "json":
        return json_rows(file, log, is_document=True, text_field=text_field)
    return json_rows(file, log)


def json_rows(
    file: SourceFile, log: RowLog, *, is_document: bool = False, text_field: str | None = None
) -> Iterator[Row]:
    """Yield the objects of a JSONL file, blank lines passed over, or of one JSON array.

    A text where an object is expected is a row with that ``text_field``, if one is named.
    """
    values = _document_values(file, log) if is_document else read_json(log.lines(file))
    for number, value, error in values:
        if isinstance(error, json.JSONDecodeError):
            problem = f"malformed JSON ({error.msg} at column {error.colno})"
        elif error is not None:  # beyond the interpreter's stack, or thousands of digits
            problem = "malformed JSON (too deep or too large a number)"
        elif isinstance(value, str) and text_field is not None:
            yield Row({text_field: value}, file, number)
            continue
        elif not isinstance(value, dict):
            problem = f"{kind_of(value)}, a JSON object is expected"
        else:
            yield Row(value, file, number)
            continue
        log.reject(file.error(problem, line=number))


def _document_values(
    file: SourceFile, log: RowLog
) -> Iterator[tuple[int, Any, BaseException | None]]:
    log.rows[file] = 0
    with log.open(file) as stream:
        for found in read_json_values(stream, path=str(file)):
            log.rows[file] += 1
            yield found


def _parquet_rows(file: SourceFile, log: RowLog) -> Iterator[Row]:
    log.rows[file] = 0
    with log.open(file) as stream:
        for number, fields in read_parquet(stream, path=str(file)):
            log.rows[file] += 1
            yield Row(fields, file, number)


def csv_rows(file: SourceFile, log: RowLog, form: RowForm | None = None) -> Iterator[Row]:
    """Yield the rows of a table: CSV, or a ``.tsv`` file (tabs, no quotes).

    Raises:
        DataError: If the header cannot be used, whether bad rows are skipped or not.
    """
    kind: Kind = "tsv" if file.name.lower().endswith(".tsv") else "csv"
    form = form or form_of_file(file, log, kind=kind)
    for line, fields, problem in read_table(log.lines(file), form):
        if problem is not None:
            log.reject(file.error(problem, line=line))
        else:
            yield Row(fields, file, line)
