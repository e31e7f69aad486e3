"""Records of trials: a line of JSON each, so that a run of hours that is stopped goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Verdict = Literal["held", "broken", "not tried"]


@dataclass(frozen=True)
class Record:
    """What came of a trial.

    Attributes:
        drill: Its name.
        seed: Of the whole run.
        number: Of the trial.
        code: The version of the code that was tried.
        verdict: Whether the promise was kept.
        what: What was tried.
        words: What went wrong, or why it was not tried; empty where the promise was kept.
        examples: How many inputs were tried.
        seconds: What it took.
    """

    drill: str
    seed: int
    number: int
    code: str
    verdict: Verdict
    what: str
    words: str
    examples: int
    seconds: float


class Records:
    """A file of records, to which several processes may add."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path

    def __iter__(self) -> Iterator[Record]:
        """Yield each record; the torn line of a killed process is passed over."""
        if not self.path.exists():
            return
        for line in self.path.read_bytes().split(b"\n"):
            try:
                yield Record(**json.loads(line))
            except (ValueError, TypeError):
                continue

    def add(self, record: Record) -> None:
        """Add a record, in one write, on a line of its own whatever stands before it."""
        line = f"\n{json.dumps(asdict(record))}\n".encode()
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def of(self, drills: Sequence[str], *, seed: int, code: str) -> list[Record]:
        """Return the records of some drills, each trial once, of one seed and version."""
        found = {
            (record.drill, record.number): record
            for record in self
            if record.drill in drills and (record.seed, record.code) == (seed, code)
        }
        return [found[key] for key in sorted(found)]
