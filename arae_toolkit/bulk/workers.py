"""Workers of bulk work: each loads the model once, answers parts and writes them whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from arae_toolkit.bulk.files import OutputFolder
from arae_toolkit.bulk.part_files import AnswerForm
from arae_toolkit.bulk.row_answers import ReadingCounts, RowAnswers
from arae_toolkit.bulk.tasks import Task
from arae_toolkit.storage.atomic_files import sha256_of_bytes
from arae_toolkit.storage.rows import Row

ANSWERS, RECORDS = "answers", "records"
MOST_ATTEMPTS = 3
"""So often is a part given to a worker that is killed over it."""


@dataclass(frozen=True)
class Part:
    """Some rows of a file that follow each other.

    Attributes:
        file: Its name, as :class:`~arae_toolkit.bulk.files.InputFile` has it.
        index: Of the part within the file, from 0.
        rows: Unusable ones included.
        is_last: Whether the file ends with it.
        input_sha256: Of the file.
        form: How its answers are written.
    """

    file: str
    index: int
    rows: tuple[Row, ...]
    is_last: bool
    input_sha256: str
    form: AnswerForm

    @property
    def place(self) -> str:
        """What it is called in messages."""
        return f"{self.file}, rows {self.rows[0].line:,} to {self.rows[-1].line:,}"


@dataclass(frozen=True)
class Record:
    """What became of a part: written behind its answers, so that a restart knows it is done.

    Attributes:
        file: The file that the part is of.
        index: Of the part.
        is_last: Whether the file ends with it.
        input_sha256: Of the file.
        rows: All of the part.
        bad: Those that could not be used: ``row``, ``problem`` and the fields that it has.
        answers: How many answers were written; a row may have several.
        readings: What the model could read of the texts.
        path: Of the file of answers, ``None`` if there was no answer.
        size: Of it, in bytes.
        sha256: Of it.
    """

    file: str
    index: int
    is_last: bool
    input_sha256: str
    rows: int
    bad: list[dict[str, Any]]
    answers: int
    readings: dict[str, Any]
    path: str | None
    size: int
    sha256: str | None

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Record | None:
        """Return the record of a JSON object, ``None`` of another or a damaged one."""
        try:
            record = cls(**value)
            counts = (record.index, record.rows, record.answers, record.size)
            texts = (record.file, record.input_sha256, record.path or "", record.sha256 or "")
            bad_are_rows = all(isinstance(row, dict) for row in record.bad)
            ReadingCounts.of_json(record.readings)
        except (TypeError, KeyError, AttributeError):
            return None
        kinds = [
            all(type(count) is int and count >= 0 for count in counts),
            all(isinstance(text, str) for text in texts),
            isinstance(record.is_last, bool),
            bad_are_rows,
        ]
        return record if all(kinds) else None


Engine = Callable[["Task", str, Iterable[Part], int], Iterator[Record]]
"""Has parts answered by so many workers: task, address of the output folder, parts, workers."""


def record_name(file: str, index: int) -> str:
    """Return where the record of a part lies in the output folder."""
    return f"{RECORDS}/{file}/part-{index:05d}.json"


class Worker:
    """Answers parts by one model, which is loaded with the first of them.

    Args:
        task: What is asked of the model.
        output: Address of the output folder.
        index: Of the worker among all.
    """

    def __init__(self, task: Task, output: str, index: int = 0) -> None:
        self.task, self.index = task, index
        self.output = OutputFolder(output)
        self._answers: RowAnswers[Any] | None = None

    def answer(self, part: Part) -> Record:
        """Answer a part, write its file and then its record.

        Raises:
            ToolkitError: If the model cannot be loaded, or a file not be written.
        """
        if self._answers is None:
            self._answers = self.task.load(self.index)
        answers, form = self._answers, part.form
        answers.readings.counts = answers.readings.counts.fresh()
        answered = answers_by_length(
            answers, part.rows, batch_size=self.task.batch_size, brief=form.kind == "lines"
        )
        path, content = None, b""
        if answered:
            content = form.content(answered, line_field=answers.field, example=answers.example)
            path = f"{ANSWERS}/{part.file}/part-{part.index:05d}{form.suffix}"
            self.output.write(path, content)
        record = Record(
            file=part.file,
            index=part.index,
            is_last=part.is_last,
            input_sha256=part.input_sha256,
            rows=len(part.rows),
            bad=[bad_row(row) for row in part.rows if row.problem is not None],
            answers=len(answered),
            readings=answers.readings.counts.as_json(),
            path=path,
            size=len(content),
            sha256=sha256_of_bytes(content) if path else None,
        )
        self.output.write_json(record_name(part.file, part.index), record.as_json())
        return record


def bad_row(row: Row) -> dict[str, Any]:
    """Return what is kept of a row that cannot be used."""
    fields = {"fields": dict(row.fields)} if row.fields else {}
    return {"row": row.line, "problem": row.problem, **fields}


def answers_by_length(
    answers: RowAnswers[Any], rows: Iterable[Row], *, batch_size: int, brief: bool = False
) -> list[tuple[Row, Mapping[str, Any]]]:
    """Return the usable rows, in their order, each beside every answer to it.

    Rows of like length are answered together: a batch takes as long as its longest.

    Args:
        answers: What the model answers.
        rows: Unusable ones are passed over.
        batch_size: Rows answered together.
        brief: As for :meth:`RowAnswers.to`.
    """
    usable = [row for row in rows if row.problem is None]
    order = sorted(range(len(usable)), key=lambda at: sum(map(len, usable[at].texts)))
    found: dict[int, Any] = {}
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        found |= zip(batch, answers.to([usable[at] for at in batch], brief=brief), strict=True)
    return [
        (row, answer)
        for at, row in enumerate(usable)
        for answer in ([found[at]] if isinstance(found[at], Mapping) else found[at])
    ]


def total_readings(records: Iterable[Record]) -> ReadingCounts | None:
    """Return what the model could read of the texts of all parts; ``None`` if there is no part."""
    total: ReadingCounts | None = None
    for record in records:
        counts = ReadingCounts.of_json(record.readings)
        if total is None:
            total = counts
        else:
            total.add(counts)
    return total
