"""The form in which rows are written: lines, JSON lines, a JSON array, a table, or Parquet.

The first bytes tell it. The name of a file counts only where they leave it open: an unfinished JSON
line, or a table that could be sentences with commas.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePath
from typing import Any, BinaryIO, Literal, get_args

from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.storage.text_encoding import PARQUET_MARK
from arae_toolkit.storage.text_lines import ENCODING_HINT, read_csv

Kind = Literal["lines", "jsonl", "json", "csv", "tsv", "parquet"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""A text a line; an object a line; objects in an array, or over several lines; a table."""

JSONL_SUFFIXES = (".jsonl", ".ndjson", ".json")
TABLE_SUFFIXES = {".csv": None, ".tsv": "\t", ".tab": "\t"}
"""Of tables, with the delimiter where the suffix tells it."""
ROW_SUFFIXES = (*JSONL_SUFFIXES, *TABLE_SUFFIXES, ".parquet", ".txt")

Name = str | tuple[str, ...]
"""A field, or several of which the first that there is counts."""

_DELIMITERS = (",", "\t", ";")
_JSON_START = re.compile(r"\s*(?:(?P<object>\{)\s*(?:\"|\}|\Z)|(?P<array>\[)\s*(?:[\[{\"\]]|\Z))")
_HEADER_CELL = re.compile(r"[^\W\d][\w.-]{0,39}")
_FEWEST_RECORDS = 4  # with fewer, sentences with a comma each may look like a table
_MOST_SNIFFED = 50
_OTHER_COLUMN = (
    "where the command has options for it, name another as by --text-field, or of a pair by "
    "--premise-field and --hypothesis-field, give --no-header and columns by number, or --format "
    "lines if a line is a text"
)
_NUMBERED = (
    "columns without a header are named by number, as by --text-field 1, unless there are just as "
    "many as are wanted, which are taken in order"
)
_FIRST_VALUE_BYTES, _MOST_VALUE_CHARACTERS = 1 << 16, 1 << 24

_Record = tuple[int, list[str], str | None]


@dataclass(frozen=True)
class RowForm:
    """How rows are written."""

    kind: Kind
    """See :data:`KINDS`; a table is ``csv`` whatever parts its cells."""

    delimiter: str = ","
    """Of a table."""

    names: tuple[str, ...] = ()
    """The columns of a table; without a header those wanted, if as many, or numbered from 1."""

    header_line: int = 0
    """Where the header of a table stands; 0 if it has none."""

    @property
    def dialect(self) -> dict[str, Any]:
        """How :func:`csv.reader` is to read; between tabs, a quote is a letter like others."""
        tabs = {"quoting": csv.QUOTE_NONE} if self.delimiter == "\t" else {}
        return {"delimiter": self.delimiter, **tabs}


def form_of(
    head: bytes,
    *,
    path: str = "",
    wanted: Sequence[Name] = (),
    kind: Kind | None = None,
    header: bool | None = None,
) -> RowForm:
    r"""Return the form of rows that begin so.

    Args:
        head: The first bytes, as UTF-8.
        path: What they are of: its suffix counts where the bytes leave the form open.
        wanted: Fields that rows are to have. A first line with all of them is a header; whole
            numbers may be the columns of a table.
        kind: The form, where it is known.
        header: Whether a table has a header, where it is known; else it has one unless columns are
            wanted by number.

    Raises:
        DataError: If a table has no column of a wanted name.

    Example:
        >>> form_of(b'{"text": "a"}\n').kind, form_of(b"[{}]").kind, form_of(b"a dog , red\n").kind
        ('jsonl', 'json', 'lines')
        >>> form_of(b"text\na dog\n", wanted=["text"]).names  # one column, and so no line of text
        ('text',)
        >>> form_of(b"id;text\n1;a dog\n", wanted=["text"]).names
        ('id', 'text')
        >>> form_of(b"1,a dog\n2,a cat\n", path="rows.csv", wanted=["2"]).names
        ('1', '2')
        >>> form_of(b"a dog,a cat\n", path="rows.csv", wanted=["from", "to"], header=False).names
        ('from', 'to')
    """
    if kind is None and head.startswith(PARQUET_MARK):
        kind = "parquet"
    text = head.decode("utf-8", "replace").removeprefix("\ufeff")
    suffix = PurePath(path.lower().removesuffix(".gz")).suffix
    if kind is None and (found := _JSON_START.match(text)):
        first_line = text[found.end(1) - 1 :].partition("\n")[0].strip()
        goes_on = first_line == "{" or (suffix == ".json" and not _is_json(first_line))
        kind = "json" if found["array"] or goes_on else "jsonl"
    if kind is None and (suffix in JSONL_SUFFIXES or _are_mostly_objects(text)):
        kind = "jsonl"
    if kind not in (None, "csv", "tsv"):
        return RowForm(kind)
    tabs = "\t" if kind == "tsv" else TABLE_SUFFIXES.get(suffix)
    certain = kind is not None or suffix in TABLE_SUFFIXES
    tables = [(each, _records(text, each)) for each in ((tabs,) if tabs else _DELIMITERS)]
    delimiter, records = max(tables, key=lambda table: _likelihood(table[1], wanted))
    if not records or len(records[0][1]) < 2:
        delimiter, records = tables[0]
    texts_alone = kind is None and header is None and _are_texts(records, wanted, delimiter)
    if texts_alone or not (certain or _is_table(records, wanted, delimiter)):
        return RowForm("lines")
    form = RowForm("csv", delimiter)
    if not records:
        return form
    line, first, problem = records[0]
    try:
        head.partition(b"\n")[0].decode()
    except UnicodeDecodeError:
        raise DataError("not UTF-8", path=path or None, line=line, hint=ENCODING_HINT) from None
    if problem is not None:
        raise DataError(problem, path=path or None, line=line)
    return _with_columns(form, line, first, wanted, header, path)


def _are_mostly_objects(text: str) -> bool:
    """Return whether most lines begin like JSON objects: behind a bad first line come good ones."""
    lines = [line for line in text.split("\n")[:_MOST_SNIFFED] if line.strip()]
    objects = sum(bool(found and found["object"]) for found in map(_JSON_START.match, lines))
    return 2 * objects >= len(lines) > 0


def _is_json(line: str) -> bool:
    """Return whether a line is one JSON value."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _records(text: str, delimiter: str) -> list[_Record]:
    """Return the first records of a table, blank lines and an unfinished last line left out."""
    lines = text.split("\n")
    lines = lines[:-1] or lines
    found = read_csv(enumerate(lines, start=1), columns=0, **RowForm("csv", delimiter).dialect)
    return [each for each in islice(found, _MOST_SNIFFED) if each[1] or each[2]]


def _likelihood(records: Sequence[_Record], wanted: Sequence[Name]) -> tuple[Any, ...]:
    """Return how likely it is that a delimiter with these records is that of the table."""
    if not records:
        return ()
    first = [cell.strip() for cell in records[0][1]]
    same = sum(len(cells) == len(first) for _, cells, _ in records) / len(records)
    return len(first) > 1 and _has_all(first, wanted), len(first) > 1, same, len(first)


def _is_table(records: Sequence[_Record], wanted: Sequence[Name], delimiter: str) -> bool:
    """Return whether lines are a table rather than sentences, which have commas as well."""
    first = [cell.strip() for cell in records[0][1]] if records else []
    if _has_all(first, wanted):
        return True
    if len(first) < 2:
        return False
    alike = all(len(cells) == len(first) for _, cells, _ in records)
    if wanted and alike and all(name in _numbers(first) for name in wanted):
        return True
    if delimiter == "\t" and len(wanted) == len(first):
        return False  # texts with tabs between them
    if delimiter == "," and first != records[0][1]:
        return False  # a space behind a comma: a sentence, as "Yes, sir"
    return _are_names(first) and alike and len(records) >= _FEWEST_RECORDS


def _are_texts(records: Sequence[_Record], wanted: Sequence[Name], delimiter: str) -> bool:
    """Return whether lines are texts with tabs between them, one for each that is wanted."""
    first = records[0][1] if records else []
    named = _are_names(first) or all(name in _numbers(first) for name in wanted)
    return delimiter == "\t" and len(first) == len(wanted) > 1 and not named


def _has_all(fields: Sequence[str], wanted: Sequence[Name]) -> bool:
    return bool(wanted) and all(found_in(fields, name) is not None for name in wanted)


def _numbers(cells: Sequence[str]) -> tuple[str, ...]:
    """Return the numbers of columns as names."""
    return tuple(str(number) for number in range(1, len(cells) + 1))


def _are_names(cells: Sequence[str]) -> bool:
    """Return whether cells look like the names of columns."""
    return len(set(cells)) == len(cells) and all(map(_HEADER_CELL.fullmatch, cells))


def _with_columns(
    form: RowForm,
    line: int,
    first: Sequence[str],
    wanted: Sequence[Name],
    header: bool | None,
    path: str,
) -> RowForm:
    """Return the form of a table with its columns, which must be those that are wanted."""
    names = [cell.strip() for cell in first]
    hint = _OTHER_COLUMN if header is not False else _NUMBERED
    there = numbers = _numbers(names)
    by_number = all(name in numbers for name in wanted)
    if header is False and len(names) == len(wanted) and not set(wanted) & set(numbers):
        there = tuple(spellings(name)[0] for name in wanted)
    elif header is False or (by_number and wanted and not _has_all(names, wanted)):
        header = _are_names(names) if header is None else header
    else:
        there, header = _distinct(names), True
    check_fields(there, wanted, path=path or None, line=line, hint=hint)
    return replace(form, names=there, header_line=line if header else 0)


def check_fields(
    there: Iterable[str], wanted: Sequence[Name], *, path: str | None, **where: Any
) -> None:
    """Refuse rows without a wanted field.

    Args:
        there: The fields that there are.
        wanted: Those that are needed.
        path: The file.
        **where: As for :class:`~arae_toolkit.errors.DataError`.

    Raises:
        DataError: If one is missing; it lists those that there are.
    """
    for name in wanted:
        if found_in(there, name) is None:
            raise DataError(no_field(name, there), path=path, **where)


def no_field(name: Name, there: Iterable[str]) -> str:
    """Return what is wrong with rows that do not have a field.

    Example:
        >>> no_field(("premise", "sentence1"), ["id", "text"])
        "no field 'premise' or 'sentence1'; the fields here are 'id', 'text'"
    """
    wanted = " or ".join(map(repr, spellings(name)))
    return f"no field {wanted}; the fields here are {listed(there)}"


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of which none is empty and none stands twice."""
    found: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        name = name or f"column {number}"
        while name in found:
            name = f"{name}.{number}"
        found[name] = None
    return tuple(found)


def spellings(name: Name) -> tuple[str, ...]:
    """Return the fields that may be meant."""
    return (name,) if isinstance(name, str) else name


def found_in(fields: Iterable[str], name: Name) -> str | None:
    """Return the field of this name, or the first of these names; ``None`` if there is none."""
    there = fields if isinstance(fields, Mapping) else set(fields)
    return next((spelling for spelling in spellings(name) if spelling in there), None)


def listed(fields: Iterable[str]) -> str:
    """Return the first field names, shortened, for an error message.

    Example:
        >>> listed(["id", "text"]), listed([])
        ("'id', 'text'", 'none')
    """
    names = [repr(name if len(name) <= 40 else name[:37] + "...") for name in fields]
    return ", ".join(names[:8] + ["..."] * (len(names) > 8)) or "none"


def read_table(
    lines: Iterable[tuple[int, str]], form: RowForm
) -> Iterator[tuple[int, dict[str, str], str | None]]:
    """Yield the rows of a table as fields, with the number of the first line and what is wrong.

    Args:
        lines: Numbered from 1, the header among them if there is one.
        form: Of the table; the first record names the columns if it does not.
    """
    names = form.names
    for line, cells, problem in read_csv(lines, columns=len(names) or None, **form.dialect):
        if problem is not None:
            yield line, {}, problem
        elif cells and not names:
            names = _distinct(cells)
        elif cells and line != form.header_line:
            yield line, dict(zip(names, cells, strict=True)), None


def read_json_values(
    stream: BinaryIO, *, path: str, decoder: json.JSONDecoder | None = None
) -> Iterator[tuple[int, Any, BaseException | None]]:
    r"""Yield the values of a JSON array, or values one after the other, as they are read.

    Args:
        stream: UTF-8.
        path: What to call it in errors.
        decoder: Of a value.

    Returns:
        The line where a value begins, the value, and the error of reading it or ``None``; nothing
        can be read behind an error.

    Raises:
        DataError: If the stream fails, or is not UTF-8.

    Example:
        >>> [row[1] for row in read_json_values(io.BytesIO(b'[{"a": 1},\n {}]'), path="rows.json")]
        [{'a': 1}, {}]
    """
    decoder = decoder or json.JSONDecoder()
    source = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    text, at, line, size, in_array, ended = "", 0, 1, _FIRST_VALUE_BYTES, False, False
    try:
        while True:
            while at < len(text) and (text[at].isspace() or (in_array and text[at] in ",")):
                line += text[at] == "\n"
                at += 1
            if at < len(text) and text[at] == ("]" if in_array else "["):
                in_array, at = not in_array, at + 1
                continue
            problem: BaseException | None = None
            if at < len(text):
                try:
                    value, end = decoder.raw_decode(text, at)
                except (ValueError, RecursionError) as error:
                    problem = error
                else:
                    if ended or end < len(text) or text[at] in '{["':
                        yield line, value, None
                        line += text.count("\n", at, end)
                        at, size = end, _FIRST_VALUE_BYTES
                        continue
            elif ended:
                if in_array:
                    unfinished = json.JSONDecodeError("the array is not closed", "", 0)
                    yield line, None, unfinished
                return
            if ended or len(text) - at > _MOST_VALUE_CHARACTERS:
                if isinstance(problem, json.JSONDecodeError):
                    problem = json.JSONDecodeError(problem.msg, text[at:], problem.pos - at)
                yield line, None, problem or ValueError("a value that is too long")
                return
            block = source.read(size)
            text, at, size, ended = text[at:] + block, 0, 2 * size, not block
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8", path=path, line=line, hint=ENCODING_HINT) from error
    finally:
        source.detach()


def read_parquet(
    stream: BinaryIO, *, path: str, wanted: Sequence[Name] = ()
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and fields of each row of a Parquet file; what JSON cannot hold is text.

    Raises:
        ToolkitError: If the library that reads it is not installed.
        DataError: If the file cannot be read, or has no column of a wanted name.
    """
    try:
        import pyarrow  # here: an extra, and it takes time to load
        from pyarrow import parquet
    except ImportError as error:
        raise ToolkitError(
            f"{path}: Parquet needs the extra parquet: pip install 'arae-toolkit[parquet]'"
        ) from error
    number = 0
    try:
        # Its index stands at the end, which a pipe or an archive has only when it is read.
        file = parquet.ParquetFile(pyarrow.BufferReader(stream.read()))
        check_fields(file.schema_arrow.names, wanted, path=path)
        for batch in file.iter_batches(batch_size=1_000):
            for fields in batch.to_pylist():
                number += 1
                yield number, {name: _as_json(value) for name, value in fields.items()}
    except (pyarrow.ArrowException, OSError) as error:
        brief = str(error).partition("\n")[0]
        raise DataError(f"Parquet that cannot be read ({brief})", path=path) from error


def _as_json(value: Any) -> Any:
    """Return a value as JSON can hold it: a number that is none as null, a date as text."""
    if isinstance(value, dict):
        return {str(key): _as_json(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_as_json(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
