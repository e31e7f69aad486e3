"""What came of the drills: lines for a reader, and the file for ``docs/guarantees.md``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from arae_toolkit.recipes.shared.progress import tell
from arae_toolkit.reports.markdown import counted
from arae_toolkit.reports.results import Metric, write_result
from drills.catalogue import DRILLS
from drills.frame import Drill
from drills.records import Record, Records, clock_seconds
from drills.running import Plan

RUN = "PYTHONPATH=tests python -m drills"
MOST_FAILURES = 20


def again(record: Record, *, brief: bool) -> str:
    """Return the command that runs a trial again, at the length that it had."""
    length = "" if brief else " --whole"
    return f"{RUN} --only {record.drill} --seed {record.seed} --number {record.number}{length}"


def show(drills: Sequence[Drill], found: Sequence[Record], *, brief: bool, each: bool) -> None:
    """Show on stderr a line for each drill, and what was broken with the way to run it again.

    Args:
        drills: Those that were run.
        found: Their trials.
        brief: Whether these were short.
        each: Whether to show what was tried in those that held, too.
    """
    for drill in drills:
        own = [record for record in found if record.drill == drill.name]
        counts = Counter(record.verdict for record in own)
        inputs = sum(record.examples for record in own if record.verdict != "not tried")
        seconds = sum(record.cpu_seconds for record in own)
        tell(
            f"{drill.name}: {counted(len(own), 'trial')}, {counted(inputs, 'input')}, "
            f"{counts['broken']:,} broken, {counts['not tried']:,} not tried, "
            f"{seconds:,.0f} s computed"
        )
    for record in found:
        place = f"{record.drill}, seed {record.seed}, trial {record.number}"
        if record.verdict == "broken":
            tell(f"BROKEN {place}: {record.what}: {record.words}")
            tell(f"  run it again: {again(record, brief=brief)}")
        elif each and record.verdict == "held":
            tell(f"held {place}: {record.what}")
    for reason in sorted({f"{r.drill}: {r.words}" for r in found if r.verdict == "not tried"}):
        tell(f"not tried: {reason}")


def write(folder: Path, kept: Records, plan: Plan) -> Path:
    """Write ``drills.json``: for every drill how often it was tried and what was not kept.

    Drills that are not in the plan stand in it as they are on record, with whatever code they held.
    """
    others = [drill for drill in DRILLS.values() if drill not in plan.drills]
    found = plan.on_record(kept) + replace(plan, drills=others, earlier=True).on_record(kept)
    metrics: dict[str, Metric] = {}
    rows: dict[str, Mapping[str, object]] = {}
    for drill in DRILLS.values():
        own = [record for record in found if record.drill == drill.name]
        tried = [record for record in own if record.verdict != "not tried"]
        broken = [record for record in own if record.verdict == "broken"]
        not_tried = Counter(record.words for record in own if record.verdict == "not tried")
        metrics[f"{drill.name}, trials"] = _count(len(tried), "trials")
        metrics[f"{drill.name}, inputs"] = _count(
            sum(record.examples for record in tried), "inputs"
        )
        metrics[f"{drill.name}, not tried"] = _count(not_tried.total(), "trials")
        metrics[f"{drill.name}, broken"] = _count(len(broken), "trials")
        rows[drill.name] = {
            "promise": drill.promise,
            "way": drill.way,
            "whole": drill.whole,
            "seconds": round(sum(record.seconds for record in own), 1),
            "cpu_seconds": round(sum(record.cpu_seconds for record in own), 1),
            "not_tried": sorted(not_tried),
            "broken": [
                {
                    "trial": record.number,
                    "what": record.what,
                    "words": record.words,
                    "again": again(record, brief=plan.brief),
                }
                for record in broken[:MOST_FAILURES]
            ],
        }
    on_record = Counter(record.drill for record in found)
    whole = not plan.brief and all(on_record[d.name] >= d.whole for d in DRILLS.values())
    tried_at = Counter(record.commit for record in found)
    in_order = dict.fromkeys(record.commit for record in kept if record.commit in tried_at)
    timed = [record for record in found if record.began]
    clock = {
        "trials": len(timed),
        "seconds": round(clock_seconds(timed), 1),
        "jobs": sorted({record.jobs for record in timed}),
    }
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
        details={
            "whole": whole,
            "commits": {commit: tried_at[commit] for commit in in_order},
            "clock": clock,
            "drills": rows,
        },
    )


def _count(number: int, unit: str) -> Metric:
    return {"value": number, "spread": None, "unit": unit}
