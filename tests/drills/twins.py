"""Two of each command on one folder at the same time."""

from __future__ import annotations

import time

from drills.forked import check_end, start
from drills.frame import Broken, Drill, Trial
from drills.writers import WRITERS, check_again, undisturbed


def attempt(trial: Trial) -> None:
    """Start a command twice, the second a moment after the first."""
    random, materials = trial.random, trial.materials
    writer = WRITERS[random.choice(sorted(WRITERS))]
    pause = random.choice([0.0, random.random() * undisturbed(writer, materials).seconds])
    trial.what = f"{writer.name} twice, {pause:.3f} s apart"
    folder = writer.start(materials, trial.folder / "place" / "out")
    first = start(writer.work(materials, folder), trial.folder / "first")
    time.sleep(pause)
    second = start(writer.work(materials, folder), trial.folder / "second")
    ends = first.wait(), second.wait()
    for done in ends:
        check_end(done, [0, 1])
        if done.code == 1 and "going on there" not in done.told:
            raise Broken(f"refused, but not because of the other: {done.told}")
    if all(done.code for done in ends):
        raise Broken("each gave way to the other")
    check_again(writer, materials, folder, trial.folder / "work")


DRILL = Drill(
    "twins",
    "Of two commands that write one folder at the same time one ends well, and the other ends "
    "well too or says in one line who writes there; the folder is that of one of them.",
    "Each command that writes is started twice, at once or a random moment apart.",
    attempt,
    whole=300,
    fewest=1,
)
