"""The metrics log of a run: ``metrics.jsonl``, and listeners that show it."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from arae_toolkit.errors import CheckpointMismatch, ToolkitError
from arae_toolkit.storage.atomic_files import write_json_lines

METRICS = "metrics.jsonl"
Row = Mapping[str, Any]


class Listener(Protocol):
    """Something that shows the rows of a run, such as a progress display or TensorBoard.

    A listener that inherits from this need only define what it listens to.
    """

    def row(self, row: Row) -> None:
        """Take a row: ``kind`` is ``train`` or ``dev``, ``iteration`` counts finished ones."""

    def tick(self, iteration: int) -> None:
        """Be told, after each iteration, how many are finished."""
        return

    def note(self, text: str) -> None:
        """Take a line of text, such as a warning or where a checkpoint lies."""
        return


class RunLog:
    """Appends rows to ``metrics.jsonl`` and hands them to listeners.

    Args:
        folder: The run's folder.
        listeners: Told of every row and note.
    """

    def __init__(self, folder: Path, listeners: Sequence[Listener] = ()) -> None:
        self.path = folder / METRICS
        self.listeners = list(listeners)

    def rewind(self, iteration: int) -> None:
        """Drop rows later than an iteration: a resumed run writes them again, the same."""
        if not self.path.exists():
            return
        kept = [row for row in read_rows(self.path) if row["iteration"] <= iteration]
        write_json_lines(self.path, map(_finite, kept))

    def row(self, row: Row) -> None:
        """Append a row and show it.

        Raises:
            ToolkitError: If the file cannot be written.
        """
        import jsonlines  # here, because help needs this module and no library

        with _written(self.path), jsonlines.open(self.path, mode="a") as target:
            target.write(_finite(row))
        for listener in self.listeners:
            listener.row(row)

    def tick(self, iteration: int) -> None:
        """Tell the listeners that so many iterations are finished."""
        for listener in self.listeners:
            listener.tick(iteration)

    def note(self, text: str) -> None:
        """Show a line."""
        for listener in self.listeners:
            listener.note(text)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read ``metrics.jsonl`` up to the first line that is no row: a kill may cut one short.

    Where there is none yet, there is no row.

    Raises:
        CheckpointMismatch: If it is no regular file: a device would never end.
    """
    import jsonlines

    if not path.exists():
        return []
    if not path.is_file():
        raise CheckpointMismatch(f"{path}: not a regular file; restore it, or remove it")
    rows: list[dict[str, Any]] = []
    broken = (jsonlines.InvalidLineError, UnicodeDecodeError, RecursionError)
    with path.open("rb") as source, suppress(*broken):
        for row in jsonlines.Reader(source).iter(type=dict):
            if type(row.get("iteration")) is not int:
                break
            rows.append(row)  # one by one: those before a bad line count
    return rows


def dev_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the evaluations on dev that a run has logged.

    Raises:
        CheckpointMismatch: As :func:`read_rows` raises it.
    """
    return [row for row in read_rows(folder / METRICS) if row.get("kind") == "dev"]


def seconds_trained(folder: Path) -> float:
    """Return how long everything in a folder has trained: a run, its priors, several runs."""
    logs = [read_rows(path) for path in sorted(folder.rglob(METRICS)) if path.is_file()]
    return float(sum(rows[-1].get("seconds", 0.0) for rows in logs if rows))


class TensorBoardListener(Listener):
    """Writes rows as TensorBoard scalars (needs the ``tensorboard`` extra)."""

    def __init__(self, folder: Path) -> None:
        """Name an event file in the folder; the first row begins it.

        Who is told that another trains there leaves none.

        Raises:
            ImportError: If TensorBoard is not installed.
        """
        # Not torch's SummaryWriter: it writes in a thread, where a full disk is a traceback.
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary, self._records = Event, Summary, RecordWriter
        now = time.time()
        self.path = folder / f"events.out.tfevents.{now:.0f}.{socket.gethostname()}.{os.getpid()}"
        self._begun = False

    def row(self, row: Row) -> None:
        """Write every number of a row.

        Raises:
            ToolkitError: If the file cannot be written.
        """
        if not self._begun:
            with _written(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._write(file_version="brain.Event:2")
            self._begun = True
        values = [
            self._summary.Value(tag=f"{row['kind']}/{name}", simple_value=value)
            for name, value in row.items()
            if isinstance(value, int | float) and name != "iteration"
        ]
        self._write(step=row["iteration"], summary=self._summary(value=values))

    def _write(self, **content: Any) -> None:
        event = self._event(wall_time=time.time(), **content)
        with _written(self.path), self.path.open("ab") as target:
            self._records(target).write(event.SerializeToString())


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Turn a failure to write a file of the run into a word on how to go on."""
    try:
        yield
    except OSError as error:
        raise ToolkitError(
            f"{path}: cannot write ({error.strerror}); free some space and start the "
            "same command again to go on from the last checkpoint"
        ) from error


def _finite(row: Row) -> Row:
    """Return a row in which what is not a number is null: JSON has no NaN."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }
