"""Running of trials: the drill that is least far is next, in one process or several."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from random import Random
from typing import NoReturn

from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.shared.progress import progress
from drills import forked
from drills.frame import Broken, Drill, NotTried, Trial
from drills.materials import Materials
from drills.records import Record, Records, Verdict

_COUNT = 8  # bytes of a worker's count of trials
_LOOK = 0.1  # seconds between looks at how far the workers are


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        drills: In the order in which they begin.
        numbers: Of the trials of each drill by its name, those on record included.
        seed: Of all chance.
        code: Fingerprint of the code that is tried.
        commit: Where that code stands.
        earlier: Whether trials that held with earlier code count.
        end: When to begin no further trial, on the monotonic clock.
        brief: Whether trials are to be short.
    """

    drills: Sequence[Drill]
    numbers: Mapping[str, Sequence[int]]
    seed: int
    code: str
    end: float
    brief: bool
    commit: str = ""
    earlier: bool = False
    jobs: int = 1

    def on_record(self, records: Records) -> list[Record]:
        """Return the trials on record that count."""
        names = [drill.name for drill in self.drills]
        return records.of(names, seed=self.seed, code=self.code, earlier=self.earlier)

    def waiting(self, records: Records) -> dict[str, list[int]]:
        """Return the numbers of the trials that are not on record, by drill."""
        done = {(record.drill, record.number) for record in self.on_record(records)}
        return {
            drill.name: [n for n in self.numbers[drill.name] if (drill.name, n) not in done]
            for drill in self.drills
        }


def run_trials(plan: Plan, records: Records, materials: Materials, folder: Path) -> None:
    """Run what is not on record yet, and show how far it is.

    Raises:
        ToolkitError: If a process that runs trials has failed.
    """
    waiting = plan.waiting(records)
    left = sum(map(len, waiting.values()))
    counts = memoryview(mmap(-1, _COUNT * plan.jobs)).cast("q")  # one and the same in all processes
    workers: set[int] = set()
    parent = os.getpid()
    for index in range(plan.jobs):
        worker = os.fork()
        if worker == 0:
            share = {  # where drills have one trial each, not all are the first worker's
                name: numbers[(index + place) % plan.jobs :: plan.jobs]
                for place, (name, numbers) in enumerate(waiting.items())
            }
            own = counts[index : index + 1]
            _be_worker(plan, share, records, materials, folder / f"worker-{index}", own, parent)
        workers.add(worker)
    failed = 0
    try:
        with progress("trials", left) as advance:  # behind the forks: its display is a thread
            told = 0
            while workers:
                time.sleep(_LOOK)
                for worker in sorted(workers):
                    ended, status = os.waitpid(worker, os.WNOHANG)
                    if ended:
                        workers.discard(worker)
                        failed += status != 0
                advance(sum(counts) - told)
                told = sum(counts)
    except BaseException:  # stopped: what the workers are at is to end before its folders go
        _stop(workers)
        raise
    if failed:
        raise ToolkitError(
            f"{failed} of {plan.jobs} processes of the drills ended before their last trial; the "
            "same command goes on behind what they had tried"
        )


def _stop(workers: Iterable[int]) -> None:
    """End some workers and wait for it."""
    for worker in workers:
        with contextlib.suppress(OSError):
            os.kill(worker, signal.SIGTERM)
            os.waitpid(worker, 0)


def _be_worker(
    plan: Plan,
    waiting: Mapping[str, list[int]],
    records: Records,
    materials: Materials,
    folder: Path,
    count: memoryview,
    parent: int,
) -> NoReturn:
    """Run the trials that wait for this worker, count them, and end the process."""
    code = 1
    signal.signal(signal.SIGTERM, forked.end_with_all)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells its parent as well, who decides
    try:
        by_name = {drill.name: drill for drill in plan.drills}
        while (
            any(waiting.values())
            and time.monotonic() < plan.end
            and os.getppid() == parent  # nobody is left who would use the rest
        ):
            name = max(waiting, key=lambda n: len(waiting[n]) / len(plan.numbers[n]))
            records.add(run_trial(by_name[name], plan, waiting[name].pop(0), materials, folder))
            count[0] += 1
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)


def run_trial(drill: Drill, plan: Plan, number: int, materials: Materials, folder: Path) -> Record:
    """Run one trial in an empty folder, and return what came of it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    random = Random(f"{drill.name} {plan.seed} {number}")
    trial = Trial(plan.seed, number, random, folder, materials, brief=plan.brief)
    verdict: Verdict = "held"
    words = ""
    began, computed, date = time.monotonic(), _cpu_seconds(), time.time()
    try:
        drill.attempt(trial)
    except Broken as error:
        verdict, words = "broken", str(error)
    except NotTried as error:
        verdict, words = "not tried", str(error)
    except Exception as error:  # noqa: BLE001 - one drill that fails leaves the others alone
        place = traceback.extract_tb(error.__traceback__)[-1]
        verdict = "broken"
        words = f"the drill itself failed: {error!r} at {Path(place.filename).name}:{place.lineno}"
    return Record(
        drill.name,
        plan.seed,
        number,
        plan.code,
        verdict,
        trial.what,
        words,
        trial.examples,
        round(time.monotonic() - began, 3),
        round(_cpu_seconds() - computed, 3),
        plan.commit,
        round(date, 3),
        plan.jobs,
    )


def _cpu_seconds() -> float:
    """Return what this process and those that it has waited for have computed."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
