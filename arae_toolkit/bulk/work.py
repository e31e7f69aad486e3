"""Bulk work: the rows of files answered part by part, each part once, and all of it counted."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from arae_toolkit.bulk.files import InputFile, OutputFolder, file_system, input_files
from arae_toolkit.bulk.part_files import answer_form
from arae_toolkit.bulk.tasks import Task
from arae_toolkit.bulk.workers import (
    RECORDS,
    Engine,
    Part,
    Record,
    record_name,
    total_readings,
)
from arae_toolkit.errors import CheckpointMismatch, DataError, ToolkitError
from arae_toolkit.storage.atomic_files import json_text
from arae_toolkit.storage.failure_counts import FailureCounts
from arae_toolkit.storage.locks import locked
from arae_toolkit.storage.paths import is_address
from arae_toolkit.storage.row_forms import Kind
from arae_toolkit.storage.rows import Row, open_rows

MANIFEST, BAD_ROWS = "manifest.json", "bad-rows.jsonl"
MOST_BAD_AT_START = 100
"""Rows of a file of which one must be usable, or it is taken for one of another form."""


@dataclass(frozen=True)
class Reading:
    """How files are read.

    Attributes:
        part_rows: Rows of a part.
        row_format: How rows are written; ``None`` goes by the first bytes of each file.
        header: Whether tables have a header, if that is known.
        encoding: Of text, if it is not what its first bytes tell.
        output_format: How answers are written; ``None`` for the form of the rows.
        on_error: ``skip`` keeps unusable rows apart, ``fail`` ends at the first.
    """

    part_rows: int = 5_000
    row_format: Kind | None = None
    header: bool | None = None
    encoding: str | None = None
    output_format: Literal["lines", "jsonl"] | None = None
    on_error: Literal["skip", "fail"] = "skip"

    def as_json(self) -> dict[str, Any]:
        """Return all that answers depend on."""
        return {
            "part_rows": self.part_rows,
            "format": self.row_format,
            "header": self.header,
            "encoding": self.encoding,
            "output_format": self.output_format,
        }


@dataclass
class FileWork:
    """A file of rows and what became of its parts.

    Attributes:
        file: The file.
        size: In bytes.
        sha256: Of the file as it lies there.
        state: What tells that it may have changed since.
        records: By the index of the part.
        problem: Why it could not be read to its end, ``None`` if it could.
    """

    file: InputFile
    size: int = 0
    sha256: str = ""
    state: str = ""
    records: dict[int, Record] = field(default_factory=dict)
    problem: str | None = None

    @property
    def in_order(self) -> list[Record]:
        """The records in the order of the rows."""
        return [self.records[index] for index in sorted(self.records)]

    @property
    def is_whole(self) -> bool:
        """Whether every part up to the file's end has been answered."""
        records = self.in_order
        in_row = [record.index for record in records] == list(range(len(records)))
        return bool(records) and in_row and records[-1].is_last


class BulkWork:
    """The answers of a model to all rows of some files, in a folder.

    A folder that holds some of these answers already is gone on with.

    Args:
        task: What is asked of the model.
        source: See :func:`~arae_toolkit.bulk.files.input_files`.
        output: Path or address of the folder.
        reading: How files are read.
        tell: Told of unusable rows, a line each.

    Attributes:
        found_rows: Rows whose answers were there before.
    """

    def __init__(
        self,
        task: Task,
        source: str,
        output: str,
        reading: Reading,
        *,
        tell: Callable[[str], None],
    ) -> None:
        self.task, self.source, self.reading = task, source, reading
        self.folder = OutputFolder(output)
        self.found_rows = 0
        self._tell = tell
        more = f"warning: {source}: more such rows are only counted"
        self._failures = FailureCounts(tell, more=more)
        self._files: list[FileWork] = []
        self._passed_over: dict[str, int] = {}

    def run(
        self, engine: Engine, workers: int, *, advance: Callable[[int], None]
    ) -> dict[str, Any]:
        """Answer what has not been answered yet, and write the manifest.

        Args:
            engine: Feeds the workers.
            workers: How many.
            advance: Told how many rows more are done.

        Returns:
            The manifest.

        Raises:
            CheckpointMismatch: If the folder holds answers of another model, or to other options.
            DataError: If there is no file, or at the first unusable row if ``on_error`` is
                ``fail``.
            ToolkitError: If the folder cannot be used.
        """
        found = input_files(self.source)
        self._files, self._passed_over = list(map(FileWork, found.files)), found.passed_over
        self._check_apart()
        if found.note:
            self._tell(f"note: {self.source}: {found.note}")
        with self._locked():
            self._begin()
            by_name = {work.file.name: work for work in self._files}
            for record in engine(self.task, self.folder.address, self._parts(), workers):
                by_name[record.file].records[record.index] = record
                advance(record.rows)
            return self._end()

    def notes(self) -> list[str]:
        """Return what is to be told at the end of what the model could read, a line each."""
        readings = total_readings(one for work in self._files for one in work.in_order)
        return [] if readings is None else readings.notes(self.source)

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        """Keep other processes from the folder; at an address there are no locks."""
        if is_address(self.folder.address):
            return contextlib.nullcontext()
        return locked(Path(self.folder.address), "bulk work")

    def _check_apart(self) -> None:
        """Refuse a folder of answers within that of the rows: they would be rows the next time."""
        system, rows = file_system(self.source)
        answers_system, answers = file_system(self.folder.address)
        if system.isdir(rows) and f"{answers}/".startswith(f"{rows.rstrip('/')}/"):
            raise ToolkitError(
                f"{self.folder.address}: lies within {self.source}, whose files are the rows; "
                "name another folder"
            )
        if system.protocol == answers_system.protocol:
            for work in self._files:
                if f"{file_system(work.file.address)[1]}".startswith(f"{answers}/"):
                    raise ToolkitError(
                        f"{work.file.address}: lies within {self.folder.address}, which is to hold "
                        "the answers; name another folder"
                    )

    def _begin(self) -> None:
        """Write down what the folder is for, or check that it is for just this; find what is done.

        Raises:
            CheckpointMismatch: If it is for something else.
            ToolkitError: If it holds anything else.
        """
        asked = {**self.task.as_json(), **self.reading.as_json()}
        there, sizes = self.folder.read_json(MANIFEST), self.folder.sizes()
        if there is None and sizes:
            raise ToolkitError(
                f"{self.folder.address}: holds other files, such as {min(sizes)}; name a new folder"
            )
        work = (there or {}).get("work", asked)
        work = work if isinstance(work, dict) else {}
        differing = sorted(name for name in {*asked, *work} if asked.get(name) != work.get(name))
        # Where fields were misnamed nothing was answered: the folder is not lost to a second try.
        if differing and any(path not in (MANIFEST, BAD_ROWS) for path in sizes):
            name = differing[0]
            raise CheckpointMismatch(
                f"{self.folder.address}: holds answers of other work ({name}: "
                f"{work.get(name)!r:.60} there, {asked.get(name)!r:.60} asked for); name a new "
                "folder"
            )
        self.folder.write_json(MANIFEST, {"complete": False, "work": asked})
        names = {work.file.name for work in self._files}
        for path in sizes:
            file = posixpath.dirname(path.removeprefix(f"{RECORDS}/"))
            if path.startswith(f"{RECORDS}/") and file not in names:
                raise ToolkitError(
                    f"{self.folder.address}: holds answers to {file}, which is not among the files "
                    f"of {self.source} any more; name a new folder"
                )
        for one in self._files:
            self._find(one, sizes)

    def _find(self, work: FileWork, sizes: dict[str, int]) -> None:
        """Find the parts of a file that are done, and remove those of an earlier state of it."""
        try:
            work.state = work.file.state()
            work.size, work.sha256 = work.file.measured()
        except DataError as error:
            self._failed(work, error)
            return
        stale = 0
        for path in [
            path for path in sizes if path.startswith(f"{RECORDS}/{work.file.name}/part-")
        ]:
            record = Record.of_json(self.folder.read_json(path) or {})
            if record is not None and record_name(record.file, record.index) != path:
                record = None  # of another part
            if record is not None and record.input_sha256 == work.sha256:
                if record.path is None or self._holds(record.path, record, sizes):
                    work.records[record.index] = record
                    self.found_rows += record.rows - len(record.bad)
                continue
            stale += 1
            self.folder.remove(path)
            if record is not None and record.path in sizes:
                self.folder.remove(record.path)
        if stale:
            self._tell(
                f"note: {work.file.address}: has changed since it was answered; it is answered anew"
            )

    def _holds(self, path: str, record: Record, sizes: dict[str, int]) -> bool:
        """Return whether the answers of a part are there as they were written."""
        if path not in sizes:
            return False
        if sizes[path] == record.size and self.folder.sha256(path) == record.sha256:
            return True
        self._tell(f"note: {self.folder.address}/{path}: is damaged; its rows are answered anew")
        return False

    def _parts(self) -> Iterator[Part]:
        """Yield the parts that are not done, file by file; one that fails is left at that point."""
        for work in self._files:
            if work.problem is not None or work.is_whole:
                continue
            try:
                yield from self._parts_of(work)
            except DataError as error:
                if self.reading.on_error == "fail":
                    raise
                self._failed(work, error)

    def _failed(self, work: FileWork, error: DataError) -> None:
        """Note that a file cannot be read, or not to its end."""
        if self.reading.on_error == "fail":
            raise error
        work.problem = error.problem if error.line is None else f"row {error.line}: {error.problem}"
        self._failures.add(error, f"warning: {error}; the rest of the file is not answered")

    def _parts_of(self, work: FileWork) -> Iterator[Part]:
        """Yield the parts of a file that are not done.

        Raises:
            DataError: If the file cannot be read, behind all parts before; or at the first unusable
                row if ``on_error`` is ``fail``.
        """
        how, file = self.reading, work.file
        with file.opened() as stream:
            form, rows = open_rows(
                stream,
                path=file.address,
                names=self.task.names,
                kind=how.row_format,
                header=how.header,
                encoding=how.encoding,
            )

            def again() -> Any:
                return stack.enter_context(file.opened())

            with contextlib.ExitStack() as stack:
                answers = answer_form(
                    form,
                    again,
                    asked=how.output_format,
                    has_lines=self.task.has_lines,
                    name=file.name,
                )
            failure: list[DataError] = []
            blocks = _blocks(rows, how.part_rows, failure)
            block = next(blocks, None)
            index = 0
            while block is not None:
                following = next(blocks, None)
                self._check(block, file.address, is_first=index == 0)
                if index not in work.records:
                    is_last = following is None and not failure
                    yield Part(file.name, index, block, is_last, work.sha256, answers)
                block, index = following, index + 1
        if failure:
            raise failure[0]
        if file.state() != work.state and file.measured() != (work.size, work.sha256):
            raise DataError(
                "has changed while it was read", path=file.address, hint="give the command again"
            )

    def _check(self, rows: Sequence[Row], path: str, *, is_first: bool) -> None:
        """Tell of unusable rows.

        Raises:
            DataError: If the first rows of a file are all unusable, which is for want of a field or
                of another form; or at the first one if ``on_error`` is ``fail``.
        """
        bad = [row for row in rows if row.problem is not None]
        if is_first and len(bad) == len(rows):
            if all(row.lacks_field for row in bad):
                raise DataError(bad[0].problem or "", path=path, line=bad[0].line)
            if len(bad) >= MOST_BAD_AT_START:
                raise DataError(
                    f"none of the first {len(bad):,} rows can be used",
                    path=path,
                    hint="is it of another form? see --help",
                )
        for row in bad:
            error = DataError(row.problem or "", path=path, line=row.line)
            if self.reading.on_error == "fail":
                raise error
            self._failures.add(error, f"warning: {error}; row not used")

    def _end(self) -> dict[str, Any]:
        """Write the side file of unusable rows, and the manifest, and return it."""
        bad = [
            {"file": work.file.name, **row}
            for work in self._files
            for row in (
                *(one for record in work.in_order for one in record.bad),
                *([{"row": None, "problem": work.problem}] if work.problem else []),
            )
        ]
        if bad:
            lines = "".join(f"{json_text(row, allow_nan=False)}\n" for row in bad)
            self.folder.write(BAD_ROWS, lines.encode())
        elif BAD_ROWS in self.folder.sizes():
            self.folder.remove(BAD_ROWS)
        files = [self._file_entry(work) for work in self._files]
        names = ("rows", "answered", "bad", "answers")
        manifest = {
            "complete": all(work.problem is None for work in self._files),
            "work": {**self.task.as_json(), **self.reading.as_json()},
            **{name: sum(one[name] for one in files) for name in names},
            "passed_over": self._passed_over,
            "unreadable_files": sum(work.problem is not None for work in self._files),
            "files": files,
        }
        self.folder.remove_leftovers()
        self.folder.write_json(MANIFEST, manifest)
        return manifest

    def _file_entry(self, work: FileWork) -> dict[str, Any]:
        """Return what the manifest says of a file."""
        parts, records = [], work.in_order
        for record in records:
            counts = {"rows": record.rows, "bad": len(record.bad), "answers": record.answers}
            parts.append({"file": record.path, **counts, "sha256": record.sha256})
        rows = sum(record.rows for record in records)
        bad = sum(len(record.bad) for record in records)
        return {
            "file": work.file.name,
            "bytes": work.size,
            "sha256": work.sha256,
            "problem": work.problem,
            "rows": rows,
            "answered": rows - bad,
            "bad": bad,
            "answers": sum(record.answers for record in records),
            "parts": parts,
        }


def _blocks(rows: Iterator[Row], size: int, failure: list[DataError]) -> Iterator[tuple[Row, ...]]:
    """Yield so many rows at a time; an error of reading goes into ``failure`` and ends them."""

    def read() -> Iterator[Row]:
        try:
            yield from rows
        except DataError as error:
            failure.append(error)

    source = read()
    while block := tuple(islice(source, size)):
        yield block
