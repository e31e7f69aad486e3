"""The program that runs drills: a sample in some minutes, or the whole, which can be resumed."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: its threads do not outlive a fork

import click

import arae_toolkit
from arae_toolkit import data_prep, recipes
from arae_toolkit.benchmarks.common import Benchmark
from arae_toolkit.reports.results import Metric, write_result
from arae_toolkit.version import code_version
from drills import forked
from drills.catalogue import DRILLS
from drills.frame import Drill
from drills.materials import Materials
from drills.records import Record, Records, fingerprint
from drills.running import Plan, run_trials

RUN = "PYTHONPATH=tests python -m drills"
MOST_FAILURES = 20


@click.command(
    cls=Benchmark,
    examples=[
        f"{RUN} --minutes 18 --jobs 2",
        f"{RUN} --whole --minutes 180 --jobs 2 --results results",
        f"{RUN} --only streams --only kills --trials 100 --seed 7",
    ],
)
@click.option("--only", multiple=True, type=click.Choice(list(DRILLS)), help="Only this drill.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all chance.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Stop after so many.")
@click.option("--trials", type=click.IntRange(1), help="So many of each drill.")
@click.option("--fewest", is_flag=True, help="As many of each as the ordinary tests run.")
@click.option("--whole", is_flag=True, help="Every trial, and the long ones at full length.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option(
    "--records",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the trials; what stands there of this seed and this very code is not run again.  "
    "[default: sample.jsonl or whole.jsonl in runs/drills]",
)
@click.option(
    "--earlier",
    is_flag=True,
    help="What held with earlier code counts as well; the results name each commit.",
)
@click.option(
    "--materials",
    "made",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the models and corpora that are tried, made where there is none and kept.  "
    "[default: made for this run alone]",
)
@click.option("--results", type=click.Path(path_type=Path), help="Folder for drills.json.")
def main(
    only: Sequence[str],
    seed: int,
    minutes: float | None,
    trials: int | None,
    fewest: bool,
    whole: bool,
    jobs: int,
    records: Path | None,
    earlier: bool,
    made: Path | None,
    results: Path | None,
) -> None:
    """Try what is promised, and tell what was not kept; exit code 1 if there is such a thing."""
    drills = [DRILLS[name] for name in only or DRILLS]
    packages = [Path(package.__path__[0]) for package in (arae_toolkit, recipes, data_prep)]
    own = Path(__file__).parent
    code = fingerprint([*packages, own, *sorted(own.parent.glob("small*.py"))])
    commit = code_version(packages[0])
    most = {d.name: trials or (d.fewest if fewest else d.whole) for d in drills}
    kept = Records(records or Path("runs/drills") / ("whole.jsonl" if whole else "sample.jsonl"))
    kept.path = kept.path.absolute()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    forked.warm_up()
    # Short, for the names of sockets and pipes; in memory where the system keeps such files there.
    with tempfile.TemporaryDirectory(prefix="drills-") as folder:
        materials = Materials.in_folder(
            made or Path(folder) / "materials", Path(folder) / "scratch"
        )
        end = time.monotonic() + 60 * minutes if minutes else float("inf")
        plan = Plan(drills, most, seed, code, end, not whole, commit, earlier)
        run_trials(plan, kept, materials, Path(folder), jobs)
    found = plan.on_record(kept)
    tell(drills, found)
    if results is not None and found:
        click.echo(write(results, kept, plan))
    sys.exit(any(record.verdict == "broken" for record in found) or not found)


def tell(drills: Sequence[Drill], found: Sequence[Record]) -> None:
    """Show a line for each drill and for each promise that was broken, on stderr."""
    for drill in drills:
        own = [record for record in found if record.drill == drill.name]
        counts = Counter(record.verdict for record in own)
        examples = sum(record.examples for record in own if record.verdict != "not tried")
        seconds = sum(record.cpu_seconds for record in own)
        click.echo(
            f"{drill.name}: {len(own)} trials, {examples} inputs, {counts['broken']} broken, "
            f"{counts['not tried']} not tried, {seconds:.0f} s computed",
            err=True,
        )
    for record in found:
        if record.verdict == "broken":
            place = f"{record.drill} --seed {record.seed}, trial {record.number}"
            click.echo(f"BROKEN {place}: {record.what}: {record.words}", err=True)
    for reason in sorted({f"{r.drill}: {r.words}" for r in found if r.verdict == "not tried"}):
        click.echo(f"not tried: {reason}", err=True)


def write(folder: Path, kept: Records, plan: Plan) -> Path:
    """Write ``drills.json``: for every drill how often it was tried and what was not kept."""
    found = replace(plan, drills=list(DRILLS.values())).on_record(kept)
    metrics: dict[str, Metric] = {}
    rows: dict[str, Mapping[str, object]] = {}
    for drill in DRILLS.values():
        own = [record for record in found if record.drill == drill.name]
        tried = [record for record in own if record.verdict != "not tried"]
        broken = [record for record in own if record.verdict == "broken"]
        metrics[f"{drill.name}, trials"] = _count(len(tried))
        metrics[f"{drill.name}, inputs"] = _count(sum(record.examples for record in tried))
        metrics[f"{drill.name}, broken"] = _count(len(broken))
        rows[drill.name] = {
            "promise": drill.promise,
            "way": drill.way,
            "whole": drill.whole,
            "seconds": round(sum(record.seconds for record in own), 1),
            "cpu_seconds": round(sum(record.cpu_seconds for record in own), 1),
            "not_tried": sorted({r.words for r in own if r.verdict == "not tried"}),
            "broken": [
                {"trial": record.number, "what": record.what, "words": record.words}
                for record in broken[:MOST_FAILURES]
            ],
        }
    on_record = Counter(record.drill for record in found)
    whole = not plan.brief and all(on_record[d.name] >= d.whole for d in DRILLS.values())
    tried_at = Counter(record.commit for record in found)
    in_order = dict.fromkeys(record.commit for record in kept if record.commit in tried_at)
    commits = {commit: tried_at[commit] for commit in in_order}
    return write_result(
        folder,
        "drills",
        command="make drills-whole" if not plan.brief else "make drills",
        corpus=None,
        seeds=[plan.seed],
        device="cpu",
        seconds=sum(record.seconds for record in found),
        metrics=metrics,
        threads=1,
        details={"whole": whole, "commits": commits, "drills": rows},
    )


def _count(number: int) -> Metric:
    return {"value": number, "spread": None, "unit": "trials"}


if __name__ == "__main__":
    main()
