"""Parts of a long measurement, each in a process of its own that cannot hold up the others."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from arae_toolkit.storage.atomic_files import replacing, write_text

GRACE_SECONDS = 15.0
SKIPPED_BY_PYTEST = 5  # its exit code where no test was selected


@dataclass(frozen=True)
class Outcome:
    """What became of a part.

    Attributes:
        name: Of the part.
        outcome: ``stopped`` where the end of its time is the planned end.
        seconds: What it took.
        exit_code: Of its process, negative for a signal; ``None`` where none was started.
        command: What was run.
        log: The file with all it printed; ``None`` where nothing was run.
        reason: Why it was not run, if it was not.
    """

    name: str
    outcome: Literal["done", "stopped", "failed", "timed out", "skipped"]
    seconds: float
    exit_code: int | None
    command: tuple[str, ...]
    log: str | None
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON-ready values."""
        return {**asdict(self), "command": list(self.command)}


def skipped(name: str, reason: str) -> Outcome:
    """Return the outcome of a part that is not run."""
    return Outcome(name, "skipped", 0.0, None, (), None, reason)


def run_part(
    name: str,
    command: Sequence[str],
    *,
    folder: Path,
    seconds: float,
    environment: Mapping[str, str],
    working_folder: Path,
    may_be_stopped: bool = False,
) -> Outcome:
    """Run a command with a limit to its time; what it prints goes to ``folder/NAME.log``.

    At the end of its time it is asked to stop by SIGTERM, and killed with all it has started if it
    has not ended soon after.

    Args:
        name: Of the part.
        command: Program and arguments.
        folder: Of the log.
        seconds: Its time.
        environment: Variables of the process.
        working_folder: Where it runs.
        may_be_stopped: Whether the end of its time is the planned end.
    """
    began = time.monotonic()
    ended_in_time = True
    with (folder / f"{name}.log").open("wb") as log:  # as it goes: a log says most when all fails
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=working_folder,
            env=dict(environment),
            start_new_session=True,  # so that what it starts can be ended with it
        )
        try:
            process.wait(timeout=max(seconds, 0.1))
        except subprocess.TimeoutExpired:
            ended_in_time = False
        finally:
            _end(process)
    return Outcome(
        name,
        _judge(process.returncode, ended_in_time=ended_in_time, may_be_stopped=may_be_stopped),
        round(time.monotonic() - began, 1),
        process.returncode,
        tuple(command),
        f"{name}.log",
    )


def _judge(
    exit_code: int, *, ended_in_time: bool, may_be_stopped: bool
) -> Literal["done", "stopped", "failed", "timed out"]:
    """Return what an exit code means."""
    if not ended_in_time:
        stopped = exit_code in (0, 128 + signal.SIGTERM)
        return "stopped" if may_be_stopped and stopped else "timed out"
    return "done" if exit_code in (0, SKIPPED_BY_PYTEST) else "failed"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it has started: by asking first."""
    for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)


def carry_away(source: Path, target: Path, *, part_bytes: int, without: Sequence[str]) -> list[str]:
    """Copy the files of a folder; cut what is larger than ``part_bytes`` into numbered parts.

    Args:
        source: The folder; folders in it are left out.
        target: Where the copies go; a ``README.txt`` there says how to join the parts.
        part_bytes: Most bytes in a file.
        without: Names of files that are left out.

    Returns:
        The names of the files written.
    """
    target.mkdir(parents=True, exist_ok=True)
    names, joins = [], []
    for path in sorted(source.iterdir()):
        if not path.is_file() or path.name in without:
            continue
        parts = max(1, -(-path.stat().st_size // part_bytes))
        with path.open("rb") as content:
            for part in range(parts):
                name = path.name if parts == 1 else f"{path.name}.part-{part:03}"
                with replacing(target / name) as copy:
                    copy.write_bytes(content.read(part_bytes))
                names.append(name)
        if parts > 1:
            joins.append(f"cat {path.name}.part-* > {path.name}")
    if joins:
        write_text(
            target / "README.txt",
            "Files were cut into parts. Join them in this folder:\n\n" + "\n".join(joins) + "\n",
        )
        names.append("README.txt")
    return names
