"""What a session is made of: a command with a limit to its time, a folder carried away."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from arae_toolkit.storage.atomic_files import replacing, write_text

GRACE_SECONDS = 15.0


def workplace() -> Path:
    """Return the folder where parts run: the repository, or where the user is if there is none."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "tests" / "test_gpu.py").exists() else Path.cwd()


def run_limited(
    command: Sequence[str], *, log: Path, seconds: float, folder: Path
) -> tuple[int, bool]:
    """Run a command with a limit to its time; return its exit code and whether it met the limit.

    At the end of its time it is asked to stop by SIGTERM, and killed with all it has started if it
    has not ended soon after.

    Args:
        command: Program and arguments.
        log: Where all that it prints goes.
        seconds: Its time.
        folder: Where it runs.
    """
    with log.open("wb") as printed:  # as it goes: a log says most when all fails
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,  # so that what it starts can be ended with it
        )
        try:
            process.wait(timeout=max(seconds, 0.1))
        except subprocess.TimeoutExpired:
            return _end(process), True
        finally:
            _end(process)
    return process.returncode, False


def _end(process: subprocess.Popen[bytes]) -> int:
    """End a process and what it has started, by asking first; return its exit code."""
    for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=patience)
    return process.wait()


def carry_away(source: Path, target: Path, *, part_bytes: int, without: Sequence[str]) -> None:
    """Copy the files of a folder; cut what is larger than ``part_bytes`` into numbered parts.

    Args:
        source: The folder; folders in it are left out.
        target: Where the copies go; a ``README.txt`` there says how to join the parts.
        part_bytes: Most bytes in a file.
        without: Names of files that are left out.
    """
    target.mkdir(parents=True, exist_ok=True)
    joins = []
    for path in sorted(source.iterdir()):
        if not path.is_file() or path.name in without:
            continue
        parts = max(1, -(-path.stat().st_size // part_bytes))
        with path.open("rb") as content:
            for part in range(parts):
                name = path.name if parts == 1 else f"{path.name}.part-{part:03}"
                with replacing(target / name) as copy:
                    copy.write_bytes(content.read(part_bytes))
        if parts > 1:
            joins.append(f"cat {path.name}.part-* > {path.name}\n")
    if joins:
        start = "Files were cut into parts. Join them in this folder:\n\n"
        write_text(target / "README.txt", start + "".join(joins))
