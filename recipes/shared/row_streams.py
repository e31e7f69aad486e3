"""Row streams: texts in from arguments, a file or stdin; answers out in order, batch by batch.

Memory does not grow with the length of the stream, and each batch's answers are flushed before the
next rows are read, so these commands can stand in a pipe that never ends.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

import click

from arae_toolkit.errors import DataError, NotFound
from arae_toolkit.recipes.shared.progress import printable, tell
from arae_toolkit.storage.atomic_files import json_text, replacing
from arae_toolkit.storage.failure_counts import NAMED_FAILURES, FailureCounts
from arae_toolkit.storage.row_forms import Kind, Name
from arae_toolkit.storage.rows import Row, RowFormat, open_rows, output_of, row_of_texts
from arae_toolkit.storage.text_lines import checked, open_binary

OnError = Literal["skip", "emit", "fail"]
Answer = TypeVar("Answer")

JSONL_SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
MOST_BAD_AT_START = 100
"""Rows of a file of which the first must be usable, or it is taken for one of another form."""
STDIN, ARGUMENTS = "<stdin>", "<arguments>"


class Request:
    """The rows of one command: answered batch by batch, counted, the unusable ones reported.

    Args:
        rows: In order.
        path: What to call the source in messages.
        on_error: What to do with an unusable row: ``skip`` reports it on stderr and leaves it out,
            ``emit`` reports it and lets it out in its place, ``fail`` stops there.
        batch_size: Most rows answered at a time.
        output_format: How the answers are to be written; ``None`` until the first row tells.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        *,
        path: str,
        on_error: OnError,
        batch_size: int,
        output_format: RowFormat,
    ) -> None:
        """Keep the rows; nothing is read yet."""
        self.path, self.on_error, self.batch_size = path, on_error, batch_size
        self.output_format = output_format
        self.row_count = self.unusable_count = 0
        self._rows = rows
        more = f"arae-toolkit: warning: {path}: more such rows are only counted"
        self._failures = FailureCounts(tell, more=more)

    def answers(
        self, compute: Callable[[list[Row]], Sequence[Answer]]
    ) -> Iterator[list[tuple[Row, Answer | None]]]:
        """Yield the rows of each batch with their answers, ``None`` for an unusable row.

        Args:
            compute: Returns one answer per row; called with usable rows only.

        Raises:
            DataError: Behind the answers to all earlier rows: at the first unusable row if
                ``on_error`` is ``fail``, when the source fails, or if it held no row at all.
        """
        for batch in self._batches():
            usable = [row for row in batch if row.problem is None]
            computed = iter(compute(usable) if usable else ())
            yield [(row, None if row.problem else next(computed)) for row in batch]
        if self.row_count == 0:
            raise DataError("empty, there is no row to work on", path=self.path)

    def check(self) -> None:
        """Make unusable rows known in the exit code, once every answer is out.

        Raises:
            DataError: If there was an unusable row.
        """
        if self.unusable_count:
            kinds = self._failures.summary
            raise DataError(
                f"{self.unusable_count:,} of {self.row_count:,} rows could not be used"
                + (f" ({kinds})" if kinds else ""),
                path=self.path,
            )

    def _batches(self) -> Iterator[list[Row]]:
        """Yield full batches, and what was read before the source ended or failed."""
        batch: list[Row] = []
        failure = None
        try:
            for row in self._kept_rows():
                batch.append(row)
                if len(batch) == self.batch_size:
                    yield batch
                    batch = []
        except DataError as error:
            failure = error
        if batch:
            yield batch
        if failure is not None:
            raise failure

    def _warn(self, error: DataError) -> None:
        """Tell of an unusable row, if it is one of the first; end where there are only such.

        Raises:
            DataError: If rows are skipped, and not one of the first hundred can be used.
        """
        self._failures.add(error, f"arae-toolkit: warning: {error}; row not used")
        if self.on_error == "skip" and self.unusable_count == self.row_count == MOST_BAD_AT_START:
            raise DataError(
                f"none of the first {self.row_count} rows can be used",
                path=self.path,
                hint="is it of another form? see --help",
            )

    def _kept_rows(self) -> Iterator[Row]:
        """Count the rows, report the unusable ones, and yield those that go on.

        Raises:
            DataError: At the first unusable row if ``on_error`` is ``fail``; if rows are skipped
                and all lack a field, behind the first ten or at the end.
        """
        lacking: list[DataError] = []  # held back while no row has the field
        all_lack_it = self.on_error == "skip"
        for row in self._rows:
            self.row_count += 1
            if row.problem is None:
                all_lack_it = self._warn_all(lacking)
                yield row
                continue
            self.unusable_count += 1
            error = DataError(row.problem, path=self.path, line=row.line)
            if self.on_error == "fail":
                raise error
            if all_lack_it and row.lacks_field:
                lacking.append(error)
                if len(lacking) == NAMED_FAILURES:
                    break
                continue
            all_lack_it = self._warn_all(lacking)
            self._warn(error)
            if self.on_error == "emit":
                yield row
        if lacking:
            raise lacking[0]

    def _warn_all(self, errors: list[DataError]) -> bool:
        """Tell of the rows that were held back, and return ``False``."""
        while errors:
            self._warn(errors.pop(0))
        return False


@contextmanager
def open_request(
    source: str | None,
    *,
    names: Sequence[Name],
    texts: Sequence[Sequence[str]] | None = None,
    problem_of: Callable[[Row], str | None] | None = None,
    row_format: Kind | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    output_format: RowFormat | None = None,
    on_error: OnError = "skip",
    batch_size: int = 64,
) -> Iterator[Request]:
    """Open the rows of a command.

    Args:
        source: A file, plain or compressed; ``-`` or ``None`` is stdin.
        names: The fields that hold the texts.
        texts: Rows from the command line, each with one text per name, in place of a source;
            ``None`` if the command takes none.
        problem_of: Returns what else is wrong with a row whose texts can be used, or ``None``.
        row_format: How the source is written; ``None`` goes by its first bytes.
        header: Whether a table has a header, if that is known.
        encoding: Of the source, if it is not what its first bytes tell.
        output_format: How answers are to be written; ``None`` for lines to lines, else JSONL.
        on_error: See :class:`Request`.
        batch_size: Most rows answered at a time; one where a person types at a terminal.

    Raises:
        click.UsageError: If there are both a source and texts.
        DataError: If the file cannot be opened.
    """
    if texts and source is not None:
        raise click.UsageError(f"texts are given, and {source} as well; one of them is expected")

    def sniffed_rows(stream: BinaryIO, path: str) -> Iterator[Row]:
        # Only when the first row is asked for: a pipe may not have one before the model is loaded.
        form, read = open_rows(
            stream, path=path, names=names, kind=row_format, header=header, encoding=encoding
        )
        request.output_format = output_format or output_of(form.kind)
        yield from read

    with ExitStack() as stack:
        if texts:
            path = ARGUMENTS
            rows: Iterable[Row] = (
                row_of_texts(number, row, names) for number, row in enumerate(texts, start=1)
            )
        else:
            if source is None or source == "-":
                path, stream = STDIN, open_stdin()
                batch_size = 1 if stream.isatty() else batch_size
            else:
                try:
                    path, stream = source, stack.enter_context(open_binary(Path(source)))
                except NotFound as error:
                    if texts is None or len(names) > 1 or not any(map(str.isspace, source)):
                        raise
                    raise error.with_hint("a text itself is given by --text") from error
            rows = sniffed_rows(stream, path)
        if problem_of is not None:
            rows = (row.checked(problem_of) for row in rows)
        request = Request(
            rows,
            path=path,
            on_error=on_error,
            batch_size=batch_size,
            output_format=output_format or output_of(row_format),
        )
        yield request


def open_stdin() -> BinaryIO:
    """Return the stream of stdin; tell a person at a terminal that it is being read."""
    if sys.stdin is None:
        raise DataError("closed, nothing can be read", path=STDIN)
    if sys.stdin.isatty():
        tell("reading rows from the terminal; end with Ctrl-D")
    return checked(sys.stdin.buffer, STDIN)


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout in UTF-8, whatever the locale, and flush."""
    sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode())
    sys.stdout.buffer.flush()


def write_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows to stdout as JSONL in UTF-8, whatever the locale, all at once, and flush."""
    import jsonlines  # here, because help needs this module and no library

    text = io.BytesIO()
    jsonlines.Writer(text, dumps=json_line).write_all(rows)
    sys.stdout.buffer.write(text.getbuffer())
    sys.stdout.buffer.flush()


def json_line(fields: Mapping[str, Any]) -> str:
    """Return fields as one line of JSON that UTF-8 can hold."""
    return json_text(fields, allow_nan=False)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines: the first column flush left, the others flush right.

    Example:
        >>> print(aligned([["label", "pairs"], ["neutral", "7"]]))
        label    pairs
        neutral      7
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def write_answers(
    batch: Iterable[tuple[Row, Mapping[str, Any] | None]],
    output_format: RowFormat,
    *,
    field: str,
    lines: int = 1,
) -> None:
    """Write the answers to a batch, and flush.

    Args:
        batch: Rows with the fields that answer them, ``None`` for an unusable row.
        output_format: JSONL keeps the fields of the row.
        field: What lines of text hold of an answer: a text, a list of them, or nothing.
        lines: How many lines an answer has; those of an unusable row are empty, as is nothing.
    """
    if output_format == "jsonl":
        write_rows(row.answered(answer) for row, answer in batch)
        return
    found = (None if answer is None else answer[field] for _, answer in batch)
    texts = ([""] * lines if each is None else each for each in found)
    write_lines("\n".join(each) if isinstance(each, list) else each for each in texts)


@contextmanager
def growing_array(path: Path, width: int) -> Iterator[Callable[[Sequence[Sequence[float]]], None]]:
    """Write an ``.npy`` file of rows as they come, whole or not at all.

    Args:
        path: The file.
        width: Numbers in a row.

    Yields:
        A function that appends rows of shape (any, width), float32.
    """
    import numpy as np
    from numpy.lib import format as npy

    count = 0

    def write_header(target: BinaryIO) -> None:
        fields = {"descr": "<f4", "fortran_order": False, "shape": (count, width)}
        npy.write_array_header_1_0(target, fields)

    with replacing(path) as temporary, temporary.open("wb") as target:
        write_header(target)

        def append(rows: Sequence[Sequence[float]]) -> None:
            nonlocal count
            count += len(rows)
            target.write(np.asarray(rows, dtype="<f4").tobytes())

        yield append
        target.seek(0)
        write_header(target)  # as long as the first: numpy leaves room for a growing first axis


def texts_in(source: str) -> list[str]:
    """Return the texts of a file, of any form, plain or compressed; ``text`` is their field.

    Args:
        source: The file; ``-`` is stdin.

    Raises:
        DataError: At the first row that cannot be used, or if there is none.
    """
    with open_request(source, names=["text"], on_error="fail") as request:
        return [row.texts[0] for batch in request.answers(lambda rows: rows) for row, _ in batch]
