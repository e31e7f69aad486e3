"""Running of trials: the drill that is least far is next, in one process or several."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NoReturn

from drills import forked
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
        code: Fingerprint of the code that is tried.
        commit: Where that code stands.
        earlier: Whether trials that held with earlier code count.
        end: When to begin no further trial, on the monotonic clock.
        brief: Whether trials are to be short.
    """

    drills: Sequence[Drill]
    most: Mapping[str, int]
    seed: int
    code: str
    end: float
    brief: bool
    commit: str = ""
    earlier: bool = False

    def on_record(self, records: Records) -> list[Record]:
        """Return the trials on record that count."""
        names = [drill.name for drill in self.drills]
        return records.of(names, seed=self.seed, code=self.code, earlier=self.earlier)


def run_trials(plan: Plan, records: Records, materials: Materials, folder: Path, jobs: int) -> None:
    """Run what is not on record yet, in so many processes."""
    workers: list[int] = []
    parent = os.getpid()
    for index in range(jobs):
        worker = os.fork()
        if worker == 0:
            place = folder / f"worker-{index}"
            _be_worker(plan, records, materials, place, (index, jobs), parent)
        workers.append(worker)
    try:
        for worker in workers:
            os.waitpid(worker, 0)
    except BaseException:  # stopped: what the workers are at is to end before its folders go
        for worker in workers:
            with contextlib.suppress(OSError):
                os.kill(worker, signal.SIGTERM)
                os.waitpid(worker, 0)
        raise


def _be_worker(
    plan: Plan,
    records: Records,
    materials: Materials,
    folder: Path,
    share: tuple[int, int],
    parent: int,
) -> NoReturn:
    """Run every trial whose number belongs to this worker, and end the process."""
    code = 1
    signal.signal(signal.SIGTERM, forked.end_with_all)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells its parent as well, who decides
    try:
        index, jobs = share
        done = {(record.drill, record.number) for record in plan.on_record(records)}
        waiting = {
            drill.name: [
                number
                for number in range(plan.most[drill.name])
                if number % jobs == index and (drill.name, number) not in done
            ][::-1]
            for drill in plan.drills
        }
        by_name = {drill.name: drill for drill in plan.drills}
        while (
            any(waiting.values())
            and time.monotonic() < plan.end
            and os.getppid() == parent  # nobody is left who would use the rest
        ):
            name = max(waiting, key=lambda n: len(waiting[n]) / plan.most[n])
            records.add(run_trial(by_name[name], plan, waiting[name].pop(), materials, folder))
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
    began, computed = time.monotonic(), _cpu_seconds()
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
    )


def _cpu_seconds() -> float:
    """Return what this process and those that it has waited for have computed."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
