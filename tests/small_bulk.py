"""Small bulk work: tasks of small models, workers that die, and the processes of a command."""

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import small
from command_line import json_lines

from arae_toolkit.bulk.part_files import AnswerForm
from arae_toolkit.bulk.row_answers import RowAnswers
from arae_toolkit.bulk.tasks import Task, model_fingerprint
from arae_toolkit.bulk.workers import Part, Record, Worker
from arae_toolkit.storage.rows import row_of_fields


class DeadlyTask(Task):
    """Kills the worker that takes it."""

    def load(self, index: int = 0) -> RowAnswers[Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("dead")


class FailingTask(Task):
    """Fails as a program does that has a fault."""

    def load(self, index: int = 0) -> RowAnswers[Any]:
        raise RuntimeError("a fault")


def reconstructing(folder: Path) -> Task:
    """Return the task of a small model, which is written if it is not there."""
    if not folder.exists():
        small.save_model(folder)
    options = {"method": "greedy"}
    return Task(
        "reconstruct",
        str(folder),
        ("text",),
        options,
        device="cpu",
        fingerprint=model_fingerprint(folder),
    )


def texts(count: int) -> list[dict[str, Any]]:
    """Return rows of sentences of different lengths."""
    return [
        {"id": at, "text": " and ".join(small.SENTENCES[at % 8 : at % 8 + 1 + at % 2])}
        for at in range(count)
    ]


def write_rows(path: Path, count: int) -> Path:
    """Write a file of JSONL and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json_lines(texts(count)))
    return path


def parts(count: int, *, rows: int = 8) -> list[Part]:
    """Return the parts of a file."""
    made = [row_of_fields(at, row, ["text"]) for at, row in enumerate(texts(count * rows), start=1)]
    return [
        Part(
            "rows.jsonl",
            at,
            tuple(made[at * rows : (at + 1) * rows]),
            at == count - 1,
            "0" * 64,
            AnswerForm("jsonl"),
        )
        for at in range(count)
    ]


def here(task: Task, output: str, parts: Iterable[Part], workers: int) -> Iterator[Record]:
    """Answer parts in this process, one after the other: an engine without any."""
    worker = Worker(task, output)
    yield from map(worker.answer, parts)


def content_of(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def descendants(process: int) -> dict[int, str]:
    """Return the processes that a process has started, and those that they have, as typed."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it is gone
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = {}, [process]
    while waiting:
        for child in children.get(waiting.pop(), []):
            try:
                found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            waiting.append(child)
    return found


def workers_of(process: int) -> list[int]:
    """Return the processes that answer rows for a command."""
    marks = ("spawn_main", "ray::Worker")
    return [
        child for child, line in descendants(process).items() if any(mark in line for mark in marks)
    ]
