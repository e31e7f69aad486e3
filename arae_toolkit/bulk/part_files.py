"""Files of answers in the form of the rows that they answer: lines, JSONL, tables, Parquet."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from arae_toolkit.bulk.files import PACKED
from arae_toolkit.errors import ToolkitError
from arae_toolkit.storage.atomic_files import json_text
from arae_toolkit.storage.json_files import significant
from arae_toolkit.storage.row_forms import RowForm
from arae_toolkit.storage.rows import Row

Answered = Sequence[tuple[Row, Mapping[str, Any]]]


@dataclass(frozen=True)
class AnswerForm:
    """How the answers to a file are written.

    Attributes:
        kind: ``lines``, ``jsonl``, ``csv`` or ``parquet``.
        delimiter: Of a table.
        columns: Of a table or of Parquet, as its rows have them.
        types: Of the columns of Parquet: a schema of pyarrow's.
        packed: Whether it is compressed by gzip.
    """

    kind: str
    delimiter: str = ","
    columns: tuple[str, ...] = ()
    types: Any = field(default=None, compare=False)
    packed: bool = False

    @property
    def suffix(self) -> str:
        """Of the files."""
        plain = {"lines": ".txt", "csv": ".tsv" if self.delimiter == "\t" else ".csv"}
        return plain.get(self.kind, f".{self.kind}") + PACKED * self.packed

    def content(self, answered: Answered, *, line_field: str | None, example: Any) -> bytes:
        """Return the bytes of a file of answers.

        Args:
            answered: Rows, each with an answer to it.
            line_field: What lines of text hold of an answer.
            example: An answer, by which columns are named and typed.
        """
        answered = [(row, significant(answer)) for row, answer in answered]
        if self.kind == "lines":
            assert line_field is not None, "lines are asked of what can be a line"
            content = _lines(answer[line_field] or "" for _, answer in answered)
        elif self.kind == "jsonl":
            content = _lines(json_text(row.answered(a), allow_nan=False) for row, a in answered)
        else:
            added = new_columns(self.columns, example)
            write = self._parquet if self.kind == "parquet" else self._table
            content = write(answered, added, example)
        return gzip.compress(content, mtime=0) if self.packed else content

    def _table(self, answered: Answered, added: Mapping[str, str], example: Any) -> bytes:
        target = io.StringIO()
        form: dict[str, Any] = {"delimiter": self.delimiter, "lineterminator": "\n"}
        tabs = self.delimiter == "\t"
        if tabs:  # between tabs, a quote is a letter like others
            form |= {"quoting": csv.QUOTE_NONE, "quotechar": None}
        writer = csv.writer(target, **form)
        writer.writerow([*self.columns, *added.values()])
        for row, answer in answered:
            values = [row.fields.get(name) for name in self.columns]
            cells = [_cell(value) for value in (*values, *(answer[name] for name in added))]
            writer.writerow([" ".join(cell.split()) for cell in cells] if tabs else cells)
        return target.getvalue().encode()

    def _parquet(self, answered: Answered, added: Mapping[str, str], example: Any) -> bytes:
        import pyarrow
        from pyarrow import parquet

        own = list(self.types) if self.types is not None else []
        typed = pyarrow.Table.from_pylist([{added[name]: example[name] for name in added}]).schema
        schema = pyarrow.schema([*own, *typed])
        rows = [
            {**row.fields, **{added[name]: answer[name] for name in added}}
            for row, answer in answered
        ]
        target = io.BytesIO()
        parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), target)
        return target.getvalue()


def answer_form(
    form: RowForm, stream: Callable[[], BinaryIO], *, asked: str | None, has_lines: bool, name: str
) -> AnswerForm:
    """Return how the answers to a file are written: as its rows are, unless asked otherwise.

    Args:
        form: Of its rows.
        stream: Opens its content once more, for the types of the columns of Parquet.
        asked: ``lines`` or ``jsonl``, or ``None``.
        has_lines: Whether an answer can be a line of text.
        name: Of the file: what is compressed is answered by what is.
    """
    packed = name.lower().endswith(PACKED)
    kind = asked or {"json": "jsonl", "tsv": "csv"}.get(form.kind, form.kind)
    if kind == "lines" and not has_lines:
        kind = "jsonl"
    if kind == "parquet":
        types = json_types(stream())
        return AnswerForm(kind, columns=tuple(types.names), types=types, packed=packed)
    columns = form.names if kind == "csv" else ()
    return AnswerForm(kind, form.delimiter, columns, packed=packed)


def json_types(stream: BinaryIO) -> Any:
    """Return the schema of a Parquet file's rows as they are read: what JSON lacks is text."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ToolkitError(
            "Parquet needs the extra parquet: pip install 'arae-toolkit[parquet]'"
        ) from error

    def of(kind: Any) -> Any:
        is_, text = pyarrow.types, pyarrow.string()
        if is_.is_struct(kind):
            return pyarrow.struct([(one.name, of(one.type)) for one in kind])
        if is_.is_list(kind) or is_.is_large_list(kind):
            return pyarrow.list_(of(kind.value_type))
        if is_.is_dictionary(kind):
            return of(kind.value_type)
        plain = is_.is_integer(kind) or is_.is_floating(kind) or is_.is_boolean(kind)
        return kind if plain else text

    schema = parquet.read_schema(pyarrow.BufferReader(stream.read()))
    return pyarrow.schema([(one.name, of(one.type)) for one in schema])


def new_columns(columns: Iterable[str], answer: Iterable[str]) -> dict[str, str]:
    """Return what each field of an answer is called in a table: a name that it has is its own.

    Example:
        >>> new_columns(["text", "label"], ["label", "unknown_words"])
        {'label': 'new_label', 'unknown_words': 'unknown_words'}
    """
    taken, found = set(columns), {}
    for name in answer:
        new = name
        while new in taken:
            new = f"new_{new}"
        taken.add(new)
        found[name] = new
    return found


def _lines(texts: Iterable[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def _cell(value: Any) -> str:
    """Return a value as a cell: nothing for none, a text as it is, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)
