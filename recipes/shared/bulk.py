"""Bulk work of a command: its options, and the answers to files in place of those to a stream."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared.options import Command, in_order
from arae_toolkit.recipes.shared.progress import progress, say
from arae_toolkit.storage.row_forms import Name
from arae_toolkit.storage.rows import RowFormat
from arae_toolkit.version import cores

if TYPE_CHECKING:
    from arae_toolkit.bulk.tasks import Command as BulkCommand

_options = in_order(
    click.option(
        "--input",
        "inputs",
        metavar="FILE|DIR|GLOB",
        help="Answer the rows of files, in place of FILE: one, all of a folder, or those of a "
        "pattern; a path, or an address such as s3://bucket/rows.",
    ),
    click.option(
        "--output",
        metavar="DIR",
        help="For --input: the folder of the answers, in the form of the rows. What it holds "
        "already of them is not answered again.",
    ),
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        help="For --input: processes of this machine, or Ray (extra ray).",
    ),
    click.option(
        "--workers",
        type=click.IntRange(1),
        help="For --input: how many, each with the model.  [default: one a core, or one on a GPU]",
    ),
    click.option(
        "--part-rows",
        type=click.IntRange(1),
        default=5_000,
        help="For --input: rows that one worker answers, and writes to one file.",
    ),
)


@dataclass(frozen=True)
class BulkFiles:
    """The files that a command is to answer.

    Attributes:
        inputs: What they are.
        output: The folder of the answers.
        engine: ``local`` or ``ray``.
        workers: How many; ``None`` for as many as there are cores.
        part_rows: Rows of a part.
    """

    inputs: str
    output: str
    engine: str
    workers: int | None
    part_rows: int

    def answer(
        self,
        command: BulkCommand,
        folder: Path,
        names: Sequence[Name],
        options: Mapping[str, Any],
        *,
        device: str,
        batch_size: int,
        on_error: Literal["skip", "emit", "fail"],
        output_format: RowFormat | None = None,
        precision: Any = "fp32",
        **reading: Any,
    ) -> None:
        """Answer all files, and tell how many rows there were.

        Args:
            command: Whose answers are given.
            folder: Of the model.
            names: The fields that hold the texts of a row.
            options: Of the command.
            device: Where to compute, by name.
            batch_size: Rows answered together.
            on_error: ``skip`` or ``fail``.
            output_format: ``lines``, ``jsonl``, or ``None`` for the form of the rows.
            precision: Of the matrix products.
            **reading: How rows are read; see :class:`~arae_toolkit.bulk.work.Reading`.

        Raises:
            click.UsageError: If unusable rows are to stand among the answers.
            DataError: Once all is answered, if a row or a file could not be used.
        """
        if on_error == "emit":
            raise click.UsageError(
                "--on-error emit is for streams; with --input, unusable rows go to a file of their "
                "own"
            )
        from arae_toolkit.bulk.tasks import Task, model_fingerprint
        from arae_toolkit.bulk.work import BAD_ROWS, BulkWork, Reading

        task = Task(
            command,
            str(folder.resolve()),
            tuple(names),
            options,
            precision=precision,
            device=device,
            batch_size=batch_size,
            fingerprint=model_fingerprint(folder),
        )
        how = Reading(self.part_rows, on_error=on_error, output_format=output_format, **reading)
        work = BulkWork(task, self.inputs, self.output, how, tell=_tell)
        with progress("answering") as advance:
            found = work.run(self._engine(), self.workers or _workers(device), advance=advance)
        for note in work.notes():
            _tell(f"warning: {note}")
        rows, bad, unreadable = (found[name] for name in ("rows", "bad", "unreadable_files"))
        before = f" ({work.found_rows:,} of them before)" if work.found_rows else ""
        files = len(found["files"])
        say(
            f"{self.output}: {found['answered']:,} of {rows:,} rows of {files:,} "
            f"{'file' if files == 1 else 'files'} answered{before}"
        )
        if bad or unreadable:
            what = [f"{bad:,} of {rows:,} rows could not be used"] if bad else []
            what += [f"{unreadable:,} of {files:,} files not read to the end"] if unreadable else []
            raise DataError(
                " and ".join(what),
                path=self.inputs,
                hint=f"see {self.output.rstrip('/')}/{BAD_ROWS}",
            )

    def _engine(self) -> Any:
        if self.engine == "ray":
            from arae_toolkit.bulk.ray_actors import by_ray

            return by_ray
        from arae_toolkit.bulk.processes import by_processes

        return by_processes


def bulk_options(command: Command) -> Command:
    """Give a command the options of bulk work; it gets ``files``, ``None`` for a stream."""

    @functools.wraps(command)
    def answer(
        inputs: str | None,
        output: str | None,
        engine: str,
        workers: int | None,
        part_rows: int,
        **options: Any,
    ) -> Any:
        if inputs is None:
            _check_stream()
            return command(files=None, **options)
        if options.get("source") is not None or options.get("texts"):
            raise click.UsageError("--input is given, and FILE or --text as well; give one of them")
        if options.get("out") is not None:
            raise click.UsageError("--out is for streams; --input has --output")
        if output is None:
            raise click.UsageError("--input needs --output DIR")
        files = BulkFiles(inputs, output, engine, workers, part_rows)
        return command(files=files, **options)

    return _options(answer)  # type: ignore[return-value]


def _check_stream() -> None:
    """Refuse options that mean something with ``--input`` only."""
    context = click.get_current_context()
    for name in ("output", "engine", "workers", "part_rows"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --input")


def _workers(device: str) -> int:
    """Return how many workers there are unless told: one a core, and one on a GPU."""
    if device == "cpu":
        return cores()
    from arae_toolkit.devices import choose_device

    return cores() if choose_device(device).type == "cpu" else 1


def _tell(text: str) -> None:
    say(f"arae-toolkit: {text}")
