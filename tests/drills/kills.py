"""Kills at random moments, at each step of a writer, and in the middle of a row."""

from __future__ import annotations

import functools
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from arae_toolkit.storage.json_files import read_text
from drills.forked import check_end, run
from drills.frame import Broken, Drill, Trial
from drills.materials import Materials
from drills.writers import WRITERS, Writer, check_again, undisturbed

_STEPS = (
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.truncate",
    "shutil.rmtree",
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_STEP_FILE = "steps"
_MOST_KILLS = 3
KILLED = (-signal.SIGKILL, -signal.SIGALRM, -signal.SIGXFSZ)


def at_steps(folder: Path, reached: Callable[[int, str], None]) -> None:
    """Call a function before each step that this process takes in writing a folder.

    Python's audit events tell of each renaming, removal, folder and opening for writing, whichever
    library asks for it; of ``fsync`` there is none, and it is wrapped.

    Args:
        folder: Steps elsewhere do not count, but for ``fsync``, which has no name.
        reached: Given the number of the step, from 1, and its name.
    """
    number = 0

    def step(name: str) -> None:
        nonlocal number
        number += 1
        reached(number, name)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITES):
            return
        if (event == "open" or event in _STEPS) and str(folder) in str(arguments[:2]):
            step(event)

    sync = os.fsync

    def fsync(handle: int) -> None:
        step("fsync")
        sync(handle)

    os.fsync = fsync
    sys.addaudithook(hook)


@functools.cache
def _steps(writer: Writer, materials: Materials) -> list[str]:
    """Return the names of the steps that a command takes, counted once in a process."""
    place = materials.scratch / f"steps-{os.getpid()}" / writer.name.replace(" ", "-")
    folder = writer.start(materials, place / "out")
    handle = os.open(place / _STEP_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def count(_: int, name: str) -> None:
        os.write(handle, f"{name}\n".encode())

    work = writer.work(materials, folder)
    check_end(run(work, place / "work", before=[lambda: at_steps(place, count)]), [0])
    os.close(handle)
    return read_text(place / _STEP_FILE).split()


def _die_at(turn: int, folder: Path) -> None:
    def reached(number: int, _: str) -> None:
        if number == turn:
            os.kill(os.getpid(), signal.SIGKILL)

    at_steps(folder, reached)


def _die_after(seconds: float) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _die_beyond(size: int) -> None:
    """Let the system kill this process in the write that makes a file larger."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _way(trial: Trial, writer: Writer, folder: Path) -> tuple[Callable[[], None], str]:
    """Return a way to be killed, and its description."""
    random, usual = trial.random, undisturbed(writer, trial.materials)
    kind = random.choice(["step", "step", "moment", "row"])
    if kind == "step":
        steps = _steps(writer, trial.materials)
        turn = random.randrange(len(steps)) + 1
        return functools.partial(_die_at, turn, folder), (
            f"before step {turn} of {len(steps)} ({steps[turn - 1]})"
        )
    if kind == "moment":
        seconds = max(0.001, random.random() * usual.seconds)
        return functools.partial(_die_after, seconds), f"after {seconds:.3f} s"
    size = int(usual.largest ** random.random())
    return functools.partial(_die_beyond, size), f"in the write beyond {size} bytes"


def attempt(trial: Trial) -> None:
    """Kill a command once or several times, then give it again."""
    writer = WRITERS[trial.random.choice(sorted(WRITERS))]
    folder = writer.start(trial.materials, trial.folder / "place" / "out")
    ways = []
    for _ in range(trial.random.choice([1, 1, _MOST_KILLS])):
        way, words = _way(trial, writer, folder.parent)
        ways.append(words)
        trial.what = f"{writer.name}, killed {' and '.join(ways)}"
        work = writer.work(trial.materials, folder)
        done = run(work, trial.folder / "work", before=[way])
        if done.code not in (*KILLED, 0, 1):  # 1: the limit was met where a signal is caught
            raise Broken(f"exit {done.code}: {done.told}")
    check_again(writer, trial.materials, folder, trial.folder / "work")


DRILL = Drill(
    "kills",
    "A command that writes and is killed at any moment leaves a folder that is read as before or "
    "refused in one line; the same command, given again, ends in the same files bit for bit, and "
    "nothing is left of the killed one.",
    "prepare, pretrain (new and resumed, plain and transfer), nli, prior fit, the training of a "
    "judge and encode --out are killed before a random one of all their renamings, removals, "
    "openings and fsyncs, at a random moment, or in the middle of a write, once or three times in "
    "turn.",
    attempt,
    whole=1_500,
    fewest=1,
)
