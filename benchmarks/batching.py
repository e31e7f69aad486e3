"""Rows answered in batches, as the commands do, against one at a time; and streams of rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle

from arae_toolkit.benchmarks.common import Measured, Setting, rate_metrics, ratios
from arae_toolkit.reports.results import summarise

Answers = Callable[[], Sequence[object]]


def compare_batches(
    here: Setting,
    batches: Answers,
    lower: Answers,
    single: Answers,
    *,
    count: int,
    rounds: int,
    rows: str,
    answers: str,
) -> Measured:
    """Return the rates of three ways to answer the same rows, and how often they agree.

    Args:
        here: The clock.
        batches: Answers all rows, so many at a time.
        lower: The same in bfloat16.
        single: Answers the first rows one at a time.
        count: How many there are in all.
        rounds: Runs of each way.
        rows: What they are called.
        answers: What their answers are called.
    """
    found, alone, rounded = batches(), single(), lower()  # and all have run once
    few = len(alone)
    numbers = here.alternate(
        {
            "batches": here.rate(batches, count),
            "batches bf16": here.rate(lower, count),
            "one by one": here.rate(single, few),
        },
        rounds=rounds,
    )
    metrics = rate_metrics(numbers, f"{rows}/s")
    for name in ("batches", "batches bf16"):
        metrics[f"{name} over one by one"] = ratios(numbers[name], numbers["one by one"])
    for name, together in ((f"same {answers}", found), (f"same {answers} bf16", rounded)):
        same = [first == second for first, second in zip(together, alone, strict=False)]
        metrics[name] = summarise([100 * sum(same) / few], "percent")
    return metrics, {"count": count, "one_by_one": few, f"{rows}_per_second": numbers}


def numbered_rows(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yield rows of JSONL without end, numbered from 0, again from the first."""
    for number, row in enumerate(cycle(rows)):
        yield json.dumps({"id": number, **row})
