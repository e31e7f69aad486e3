"""Records of trials: a line of JSON each, so that a run of hours that is stopped goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
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
        code: Fingerprint of the code that was tried; see :func:`fingerprint`.
        verdict: Whether the promise was kept.
        what: What was tried.
        words: What went wrong, or why it was not tried; empty where the promise was kept.
        examples: How many inputs were tried.
        seconds: What it took, waiting included.
        cpu_seconds: What it and its processes have computed.
        commit: Where that code stood.
        began: When, in seconds of the system's clock; 0 in records of before it was kept.
        jobs: Processes that ran trials at that time, this one included; 0 as above.
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
    cpu_seconds: float = 0.0
    commit: str = ""
    began: float = 0.0
    jobs: int = 0


def clock_seconds(records: Iterable[Record]) -> float:
    """Return for how long at least one of some trials was running, in seconds."""
    total = until = 0.0
    for begin, end in sorted((r.began, r.began + r.seconds) for r in records):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def fingerprint(places: Iterable[Path]) -> str:
    """Return a fingerprint of the code in some folders and files, tests of it left out.

    Commits come and go with what a page says; trials are of the code, whichever commit has it.
    """
    digest = hashlib.sha256()
    for place in places:
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file() and path.suffix != ".pyc" and not path.name.startswith("test_"):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{place.name}/{path.relative_to(place)} {content}\n".encode())
    return digest.hexdigest()[:16]


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

    def of(
        self, drills: Sequence[str], *, seed: int, code: str, earlier: bool = False
    ) -> list[Record]:
        """Return the records of some drills, each trial once, of one seed.

        Args:
            drills: Their names.
            seed: Of the run.
            code: The fingerprint of the code that is tried.
            earlier: Whether what held with earlier code counts as well. What did not is left out,
                so that it is tried again with the code that should have mended it.
        """
        found: dict[tuple[str, int], Record] = {}
        for record in self:
            if record.drill not in drills or record.seed != seed:
                continue
            key = record.drill, record.number
            if record.code == code or (earlier and record.verdict == "held"):
                found[key] = record
            elif earlier:
                found.pop(key, None)
        return [found[key] for key in sorted(found)]
