"""A session: parts of a long measurement one after the other, within one time for all."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from arae_toolkit.benchmarks.common import note
from arae_toolkit.benchmarks.parts import Outcome, run_part, skipped
from arae_toolkit.storage.atomic_files import write_json
from arae_toolkit.version import __version__

SHARES = {
    "tests": 0.12,
    "table": 0.26,
    "projection": 0.06,
    "time": 0.17,
    "kernels": 0.1,
    "seeds": 0.2,
}
"""Largest share of the whole time; each of the tables has its own."""
KEPT_FOR_TRAINING = 0.2
"""Share of the whole time that no other part may take."""
QUICK_SHARE = 0.5
"""The same of any part of a quick session, where starting Python takes most of the time."""


@dataclass
class Session:
    """Where a session runs and what became of its parts.

    Attributes:
        out: Folder of all files.
        scratch: A folder that is deleted at the end.
        device: ``cuda`` or ``cpu``.
        minutes: The whole time.
        quick: Whether every part is as small as can be.
        outcomes: So far.
    """

    out: Path
    scratch: Path
    device: str
    minutes: float
    quick: bool
    outcomes: list[Outcome] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float:
        """Until the end of the whole time."""
        return 60 * self.minutes - (time.monotonic() - self.started)

    def share(self, part: str) -> float:
        """Return the seconds that a part may take, so that some are left for the training."""
        whole = 60 * self.minutes
        if self.quick:
            return whole * QUICK_SHARE
        return min(whole * SHARES[part], self.seconds_left - whole * KEPT_FOR_TRAINING)

    def run(self, name: str, *command: str, seconds: float, may_be_stopped: bool = False) -> bool:
        """Run a part with Python, note its outcome, and return whether it did its work."""
        seconds = min(seconds, self.seconds_left)
        if seconds <= 0:
            self.note(skipped(name, "no time was left"))
            return False
        note(f"{name}: at most {seconds:.0f} s")
        outcome = run_part(
            name,
            [sys.executable, *(_from_repository(word) for word in command)],
            folder=self.out,
            seconds=seconds,
            environment=os.environ,
            working_folder=repository() or Path.cwd(),
            may_be_stopped=may_be_stopped,
        )
        self.note(outcome)
        return outcome.outcome in ("done", "stopped")

    def note(self, outcome: Outcome) -> None:
        """Remember an outcome and write the summary anew."""
        self.outcomes.append(outcome)
        note(f"{outcome.name}: {outcome.outcome}, {outcome.seconds:.0f} s")
        write_json(
            self.out / "summary.json",
            {
                "toolkit": __version__,
                "python": sys.version.split()[0],
                "device": self.device,
                "minutes": self.minutes,
                "seconds": round(time.monotonic() - self.started, 1),
                "parts": [outcome.as_dict() for outcome in self.outcomes],
            },
        )


def _from_repository(word: str) -> str:
    """Return a path in the repository, where parts run, as it looks from there."""
    root = repository()
    inside = root is not None and Path(word).is_absolute() and Path(word).is_relative_to(root)
    return str(Path(word).relative_to(root)) if root is not None and inside else word


def repository() -> Path | None:
    """Return the root of the repository that holds this file, ``None`` where it is installed."""
    root = Path(__file__).resolve().parents[1]
    return root if (root / "tests" / "test_gpu.py").exists() else None
