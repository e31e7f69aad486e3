"""Standard streams that are closed, full, unread or of another kind."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drills.damage import SAMPLE
from drills.forked import Work, check_end, command, run
from drills.frame import Broken, Drill, NotTried, Trial
from drills.materials import PAIRS, REVIEWS, ROWS, Materials, fit_prior, prepare, pretrain

AS_IT_IS = "as it is"
STATES = {
    0: (AS_IT_IS, AS_IT_IS, "closed", "a folder", "for writing"),
    1: (AS_IT_IS, "closed", "full", "unread", "for reading"),
    2: (AS_IT_IS, "closed", "full", "unread", "for reading"),
}


@dataclass(frozen=True)
class Case:
    """A command and what it is given.

    Attributes:
        work: Returns it, for a folder that is not there yet.
        stdin: What it reads; ``None`` for a command that does not read stdin.
    """

    work: Callable[[Materials, Path], Work]
    stdin: bytes | None = None


CASES = {
    "--help": Case(lambda *_: command("--help")),
    "--version": Case(lambda *_: command("--version")),
    "completion": Case(lambda *_: command("completion", "bash")),
    "doctor": Case(lambda *_: command("doctor")),
    "sample": Case(lambda m, _: command("sample", m.model, *SAMPLE)),
    "reconstruct": Case(lambda m, _: command("reconstruct", m.model, "--format", "jsonl"), ROWS),
    "encode": Case(lambda m, _: command("encode", m.model, "--format", "jsonl"), ROWS),
    "interpolate": Case(
        lambda m, _: command("interpolate", m.model, "a man runs .", "a boy eats .")
    ),
    "latent neighbours": Case(
        lambda m, _: command("latent", "neighbours", m.run, "--corpus", m.corpus, "-k", 2), ROWS
    ),
    "transfer": Case(lambda m, _: command("transfer", m.transfer, "--to", "positive"), REVIEWS),
    "nli predict": Case(lambda m, _: command("nli", "predict", m.pairs), PAIRS),
    "prepare": Case(lambda _, folder: prepare(folder)),
    "pretrain": Case(
        lambda m, folder: pretrain(m.corpus, folder, "--model", "ae", "--set", "iterations=4")
    ),
    "prior fit": Case(
        lambda m, folder: fit_prior(Path(shutil.copytree(m.other("plain"), folder)), m.corpus)
    ),
}
"""Every kind of command: what shows, what answers, what writes."""


def _put(number: int, state: str) -> None:
    """Bring a descriptor of this process into a state."""
    if state == "closed":
        os.close(number)
        return
    if state == "unread":
        reader, source = os.pipe()
        os.close(reader)
    elif state == "full":
        source = os.open("/dev/full", os.O_WRONLY)
    elif state == "a folder":
        source = os.open("/", os.O_RDONLY)
    else:
        source = os.open(os.devnull, os.O_WRONLY if state == "for writing" else os.O_RDONLY)
    os.dup2(source, number)
    os.close(source)


@functools.cache
def _plain(name: str, materials: Materials) -> tuple[bytes, Path]:
    """Return what a command writes to stdout when all is well, and the folder it worked in."""
    place = materials.scratch / f"plain-{os.getpid()}" / name.replace(" ", "-")
    done = run(CASES[name].work(materials, place / "out"), place, stdin=CASES[name].stdin or b"")
    check_end(done, [0])
    return done.stdout.replace(os.fsencode(place), b"PLACE"), place


def attempt(trial: Trial) -> None:
    """Run a command with its three descriptors in random states."""
    if not Path("/dev/full").exists():
        raise NotTried("no /dev/full on this system")
    random, materials = trial.random, trial.materials
    name = random.choice(sorted(CASES))
    case = CASES[name]
    states = {number: random.choice(kinds) for number, kinds in STATES.items()}
    trial.what = f"{name}; stdin, stdout and stderr {', '.join(states.values())}"
    expected, _ = _plain(name, materials)
    folder = trial.folder / "work"
    steps = [
        functools.partial(_put, number, state)
        for number, state in states.items()
        if state != AS_IT_IS
    ]
    done = run(case.work(materials, folder / "out"), folder, stdin=case.stdin or b"", before=steps)
    right = {0}
    if case.stdin is not None and states[0] != AS_IT_IS:
        right = {3}
    if expected and states[1] not in (AS_IT_IS, "unread"):
        right = {1} | (right - {0})
    if done.code not in right or states[2] == AS_IT_IS:
        check_end(done, sorted(right))
    if done.code == 0 and states[1] == AS_IT_IS:
        shown = done.stdout.replace(os.fsencode(folder), b"PLACE")
        if name != "doctor" and shown != expected:
            raise Broken(f"stdout is another: {shown[:80]!r}")


DRILL = Drill(
    "descriptors",
    "A stderr that is closed, full, unread or no file for writing changes neither the answers nor "
    "the exit code; a stdout of that kind is one line and exit code 1, or 0 if it is only unread; "
    "a stdin that cannot be read is exit code 3 for a command that reads it. (A stdin that is a "
    "folder ends Python itself, before the program begins, with exit code 1.)",
    "Fourteen commands of every kind run with their three descriptors in random states.",
    attempt,
    whole=2_000,
    fewest=6,
)
