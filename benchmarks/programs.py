"""Commands of ours run as programs of their own, whose memory is watched."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from arae_toolkit.benchmarks.common import Setting
from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.results import Metric, summarise

PROGRAM = "from arae_toolkit.recipes.cli import main; main(prog_name='arae-toolkit')"


def measure_stream(
    here: Setting, command: Sequence[str], rows: Iterable[str], *, lines: int
) -> dict[str, Metric]:
    """Return rate and memory of a command whose rows are handed over as fast as it takes them.

    Args:
        here: The clock.
        command: Its arguments, without the program's name.
        rows: From its stdin, without line breaks; more than are taken.
        lines: How many are taken.

    Raises:
        ToolkitError: If it fails, what it said has gone to stderr; or if this system does not tell
            how much memory a process has held.
    """
    answers = early = peak = 0

    def run() -> None:
        nonlocal answers, early, peak
        with (
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            ) as process,
            ThreadPoolExecutor(1) as beside,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            written = beside.submit(sum, (1 for _ in process.stdout))
            # A pipe breaks when the command has failed, and then its exit code says so.
            with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
                for number, row in zip(range(1, lines + 1), rows, strict=False):
                    stdin.write(f"{row}\n".encode())
                    if number == max(1, lines // 10):
                        early = peak_memory(process.pid)
                stdin.flush()
                peak = peak_memory(process.pid)  # while it lives: its last batches are on their way
        if process.returncode:
            raise ToolkitError(f"{' '.join(command)} failed with exit code {process.returncode}")
        answers = written.result()

    seconds = here.seconds(run)
    return {
        "stream, rows": summarise([lines], "rows"),
        "stream, answers": summarise([answers], "rows"),
        "stream, rate": summarise([lines / seconds], "rows/s"),
        "stream, peak memory after a tenth": summarise([early / 1e6], "MB"),
        "stream, peak memory at the end": summarise([peak / 1e6], "MB"),
        "stream, growth": summarise([(peak - early) / 1e6], "MB"),
    }


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
