"""Input without end: answers go on, and memory stays as it is."""

from __future__ import annotations

import itertools
import json
import os
import select
import time
from collections.abc import Iterator
from pathlib import Path

from drills.forked import check_end, command, start
from drills.frame import Broken, Drill, NotTried, Trial
from drills.streams import STREAMS

_BRIEF, _WHOLE = 8.0, 75.0  # seconds of a trial
_START = 0.4  # the part of it after which memory counts
_MOST_GROWTH = 48 << 20
_SAMPLES = 0.05  # seconds between samples of memory
KINDS = ("good rows", "odd rows", "long rows", "one line", "empty lines", "other words")


def _lines(kind: str, row: dict[str, str]) -> Iterator[bytes]:
    """Yield blocks of a stream of a kind."""
    good = json.dumps(row).encode() + b"\n"
    first = next(iter(row))
    for number in itertools.count():
        if kind == "good rows":
            yield good * 100
        elif kind == "odd rows":
            yield good + b'{"text": 5}\n[1]\nno row\n\xff\n'
        elif kind == "long rows":
            yield json.dumps({**row, first: "a man runs . " * 700}).encode() + b"\n"
        elif kind == "one line":
            yield b"a" * 65536
        elif kind == "empty lines":
            yield b"\n" * 1000
        else:
            words = " ".join(f"word{number}x{index}" for index in range(9))
            yield json.dumps({**row, first: words, "id": number}).encode() + b"\n"


def attempt(trial: Trial) -> None:
    """Feed a command without end, and sample its memory."""
    if not Path("/proc/self/statm").exists():
        raise NotTried("memory cannot be sampled on this system")
    name, kind = trial.random.choice(sorted(STREAMS)), trial.random.choice(KINDS)
    stream = STREAMS[name]
    seconds = _BRIEF if trial.brief else _WHOLE
    trial.what = f"{name}, {kind} for {seconds:.0f} s"
    reader, feeder = os.pipe()
    answers, answered = os.pipe()
    work = command(
        *stream.words(trial.materials), "--device", "cpu", "--on-error", "emit", "--batch-size", 16
    )

    def before() -> None:
        os.dup2(answered, 1)
        for handle in (feeder, answers, answered):
            os.close(handle)

    process = start(work, trial.folder / "work", stdin=reader, before=[before])
    for handle in (reader, answered):
        os.close(handle)
    os.set_blocking(feeder, False)
    os.set_blocking(answers, False)
    try:
        sizes, count = _feed(
            process.number, feeder, answers, _lines(kind, _row(stream.rows)), seconds
        )
    finally:
        os.close(feeder)
        _drain(answers)
    check_end(process.wait(), [0, 3])
    growth = max(sizes[int(_START * len(sizes)) :]) - sizes[int(_START * len(sizes))]
    if growth > _MOST_GROWTH:
        raise Broken(f"memory grew by {growth >> 20} MB, from {sizes[0] >> 20} MB")
    if count == 0 and kind in ("good rows", "odd rows"):
        raise Broken("no answer came while rows did")


def _row(rows: bytes) -> dict[str, str]:
    row: dict[str, str] = json.loads(rows.splitlines()[0])
    return row


def _feed(
    number: int, feeder: int, answers: int, blocks: Iterator[bytes], seconds: float
) -> tuple[list[int], int]:
    """Write blocks and read answers for some time; return bytes of memory, and of answers."""
    page = os.sysconf("SC_PAGE_SIZE")
    sizes, count, rest = [], 0, b""
    end, sample = time.monotonic() + seconds, 0.0
    while (now := time.monotonic()) < end:
        if now >= sample:
            resident = Path(f"/proc/{number}/statm").read_text(encoding="ascii").split()[1]
            sizes.append(int(resident) * page)
            sample = now + _SAMPLES
        readable, writable, _ = select.select([answers], [feeder], [], _SAMPLES)
        if readable:
            count += len(block := os.read(answers, 1 << 20))
            if not block:
                raise Broken("ended, although its input went on")
        if writable:
            rest = rest or next(blocks)
            rest = rest[os.write(feeder, rest[: select.PIPE_BUF]) :]
    return sizes, count


def _drain(answers: int) -> None:
    """Read what is still answered, until the process has closed its end."""
    os.set_blocking(answers, True)
    while os.read(answers, 1 << 20):
        pass
    os.close(answers)


DRILL = Drill(
    "endless",
    "A stream command that is fed without end goes on answering, and its memory does not go on "
    f"growing (by {_MOST_GROWTH >> 20} MB at most behind the first {_START:.0%} of a trial of "
    f"{_WHOLE:.0f} seconds; longer is not tried); the end of its input is its end.",
    "Good, odd, long and empty rows, rows of ever new words, and one line without end are fed to "
    f"each stream command, {_BRIEF:.0f} s each in a sample and {_WHOLE:.0f} s in a whole run, "
    "while its memory is sampled.",
    attempt,
    whole=24,
    fewest=1,
)
