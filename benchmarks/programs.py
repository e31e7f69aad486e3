"""Commands of ours run as programs of their own, whose memory is watched."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from arae_toolkit.benchmarks.common import Setting
from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.results import Metric, summarise

PROGRAM = "from arae_toolkit.recipes.cli import main; main(prog_name='arae-toolkit')"


@dataclass(frozen=True)
class Stream:
    """What a command did with a stream of rows.

    Attributes:
        answers: Lines it wrote.
        early_bytes: Most memory it had held when it had been given a tenth of the rows.
        peak_bytes: The same when it had been given all of them.
    """

    answers: int
    early_bytes: int
    peak_bytes: int


def run_on_stream(arguments: Sequence[str], rows: Iterable[str], *, count: int) -> Stream:
    """Run a command on rows from stdin, handed over as fast as it takes them.

    Args:
        arguments: Of the command, without the program's name.
        rows: At least ``count`` lines without their line break.
        count: How many it gets.

    Raises:
        ToolkitError: If it fails, what it said has gone to stderr; or if this system does not tell
            how much memory a process has held.
    """
    command = [sys.executable, "-c", PROGRAM, *arguments]
    early = peak = 0
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        ThreadPoolExecutor(1) as beside,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        answers = beside.submit(_count_lines, process.stdout)
        # A pipe breaks when the command has failed, and then its exit code says so.
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            for number, row in zip(range(1, count + 1), rows, strict=False):
                stdin.write(f"{row}\n".encode())
                if number == max(1, count // 10):
                    early = peak_memory(process.pid)
            stdin.flush()
            peak = peak_memory(process.pid)  # while it lives: its last batches are on their way
    if process.returncode:
        raise ToolkitError(f"{' '.join(arguments)} failed with exit code {process.returncode}")
    return Stream(answers.result(), early, peak)


def measure_stream(
    here: Setting, command: Sequence[str], rows: Iterable[str], *, lines: int
) -> dict[str, Metric]:
    """Return rate and memory of a command over a long stream of rows.

    Args:
        here: The clock.
        command: Its arguments.
        rows: Of the stream, without line breaks; more than are taken.
        lines: How many are taken.

    Raises:
        ToolkitError: See :func:`run_on_stream`.
    """
    results = []

    def work() -> None:
        results.append(run_on_stream(command, rows, count=lines))

    seconds = here.seconds(work)
    (stream,) = results
    early, peak = stream.early_bytes / 1e6, stream.peak_bytes / 1e6
    return {
        "stream, rows": summarise([lines], "rows"),
        "stream, answers": summarise([stream.answers], "rows"),
        "stream, rate": summarise([lines / seconds], "rows/s"),
        "stream, peak memory after a tenth": summarise([early], "MB"),
        "stream, peak memory at the end": summarise([peak], "MB"),
        "stream, growth": summarise([peak - early], "MB"),
    }


def _count_lines(stream: IO[bytes]) -> int:
    return sum(1 for _ in stream)


def peak_memory(process_id: int) -> int:
    """Return the most memory that a living process has held, in bytes.

    Not from ``getrusage``: there a program's peak is at least that of the one that started it.

    Raises:
        ToolkitError: If this system does not tell.
    """
    try:
        status = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8")
    except OSError as error:
        raise ToolkitError("memory is measured on Linux alone; take --lines 0") from error
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, flags=re.MULTILINE)
    return 1024 * int(found[1]) if found else 0  # none: it has ended already
