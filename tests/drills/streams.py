"""Fuzzed streams: every row is answered or named, in its place, whatever stands around it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from drills.forked import Done, check_end, command, run
from drills.frame import Broken, Drill, Trial
from drills.fuzz import streams, tried
from drills.materials import PAIRS, REVIEWS, ROWS, Materials

_ENDED_EARLY = re.compile(r"error: <stdin>.*(none of the first 100 rows can be used|no field)")
Words = Callable[[Materials], tuple[object, ...]]


@dataclass(frozen=True)
class Stream:
    """A command that answers rows.

    Attributes:
        words: The command and its model.
        rows: Rows with known answers, in JSONL.
        fields: Of a row, that hold its texts.
    """

    words: Words
    rows: bytes
    fields: tuple[str, ...] = ("text",)


STREAMS = {
    "reconstruct": Stream(lambda m: ("reconstruct", m.model), ROWS),
    "encode": Stream(lambda m: ("encode", m.model), ROWS),
    "transfer": Stream(lambda m: ("transfer", m.transfer, "--to", "positive"), REVIEWS),
    "nli predict": Stream(lambda m: ("nli", "predict", m.pairs), PAIRS, ("premise", "hypothesis")),
}
FORMS = st.fixed_dictionaries(
    {
        "--on-error": st.sampled_from(["skip", "emit", "fail"]),
        "--batch-size": st.sampled_from(["1", "3", "64"]),
    }
)


def answer(trial: Trial, stream: Stream, stdin: bytes, *more: object) -> Done:
    """Return the end of a stream's command, given a stream."""
    told = ("--format", "jsonl", "--encoding", "utf-8")  # odd bytes at the start tell another form
    words = (*stream.words(trial.materials), *told, "--device", "cpu", *more)
    return run(command(*words), trial.folder / "work", stdin=stdin)


def attempt(trial: Trial) -> None:
    """Put odd lines before and behind good rows, whose answers stay as they are."""
    name = trial.random.choice(sorted(STREAMS))
    stream = STREAMS[name]
    trial.what = name
    expected = answer(trial, stream, stream.rows, "--batch-size", 1)
    check_end(expected, [0])
    good = expected.stdout.splitlines()

    def check(value: tuple[bytes, bytes, dict[str, str]]) -> None:
        before, behind, form = value
        options = [word for pair in form.items() for word in pair]
        stdin = before + b"\n" + stream.rows + behind
        done = answer(trial, stream, stdin, *options)
        check_end(done, [0, 3])
        answers = done.stdout.splitlines()
        for line in answers:
            if not isinstance(json.loads(line.decode()), dict):
                raise Broken(f"an answer is no object: {line[:80]!r}")
        if form["--on-error"] == "fail" and done.code != 0:
            return
        if done.code == 3 and not answers and _ENDED_EARLY.search(done.stderr):
            return
        wanted = list(good)
        for line in answers:
            if wanted and _same(line, wanted[0]):
                del wanted[0]
        if wanted:
            raise Broken(f"{len(wanted)} of {len(good)} good rows lost or answered otherwise")

    odd = streams(list(stream.fields))
    tried(trial, st.tuples(odd, odd, FORMS), check)


def _same(one: bytes, other: bytes) -> bool:
    """Return whether two answers are equal but for the last digits of their numbers."""
    return _rounded(json.loads(one)) == _rounded(json.loads(other))


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return value


DRILL = Drill(
    "streams",
    "Whatever stands in a stream, every good row in it is answered as it is alone, in its order; "
    "there is no traceback, and an unusable row is exit code 3. A stream of which none of the "
    "first hundred rows can be used, or of which the first ten lack a field, ends there.",
    "Hypothesis puts odd lines (JSON of any kind, cut lines, bytes, deep and long ones) around "
    "good rows, and runs reconstruct, encode, transfer and nli predict on them.",
    attempt,
    whole=100,  # of 100 streams each
    fewest=1,
)
