"""Running of trials: the drill that has had the least time is next, in one process or several."""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NoReturn

from drills.frame import Broken, Drill, NotTried, Trial
from drills.materials import Materials
from drills.records import Record, Records, Verdict


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        drills: In the order in which they begin.
        most: Trials of each by its name, those on record included.
        seed: Of all chance.
        code: The version that is tried.
        end: When to begin no further trial, on the monotonic clock.
        brief: Whether trials are to be short.
    """

    drills: Sequence[Drill]
    most: Mapping[str, int]
    seed: int
    code: str
    end: float
    brief: bool


def run_trials(plan: Plan, records: Records, materials: Materials, folder: Path, jobs: int) -> None:
    """Run what is not on record yet, in so many processes."""
    workers = []
    for index in range(jobs):
        worker = os.fork()
        if worker == 0:
            _be_worker(plan, records, materials, folder / f"worker-{index}", (index, jobs))
        workers.append(worker)
    for worker in workers:
        os.waitpid(worker, 0)


def _be_worker(
    plan: Plan, records: Records, materials: Materials, folder: Path, share: tuple[int, int]
) -> NoReturn:
    """Run every trial whose number belongs to this worker, and end the process."""
    code = 1
    try:
        index, jobs = share
        there = records.of([drill.name for drill in plan.drills], seed=plan.seed, code=plan.code)
        done = {(record.drill, record.number) for record in there}
        waiting = {
            drill.name: [
                number
                for number in range(plan.most[drill.name])
                if number % jobs == index and (drill.name, number) not in done
            ][::-1]
            for drill in plan.drills
        }
        spent = dict.fromkeys(waiting, 0.0)
        by_name = {drill.name: drill for drill in plan.drills}
        while any(waiting.values()) and time.monotonic() < plan.end:
            name = min((n for n in waiting if waiting[n]), key=lambda n: spent[n])
            record = run_trial(by_name[name], plan, waiting[name].pop(), materials, folder)
            records.add(record)
            spent[name] += record.seconds
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
    began = time.monotonic()
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
    )
