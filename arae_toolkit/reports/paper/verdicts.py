"""Verdicts on claims: rules that compare measured numbers, and the table of what they say.

No verdict is written by hand. Where a rule compares two means, they count as apart if they differ
by more than the spread of their difference over seeds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from arae_toolkit.reports.markdown import Result, Results, metric_cell, table
from arae_toolkit.reports.results import Metric
from arae_toolkit.reports.tables.transfer import NEEDS_PEOPLE, PEOPLES

BY_CONSTRUCTION = 1e-3
"""A norm this near to 1 was not learned: the generator's output is scaled to it."""


class Verdict(StrEnum):
    """What can be said of a claim."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NOT_COMPARABLE = "not comparable"
    NOT_MEASURED = "not measured yet"
    AGAIN = "to be measured again"
    NEEDS_PEOPLE = NEEDS_PEOPLE


@dataclass(frozen=True)
class Measure:
    """A number that a claim is about.

    Attributes:
        title: What is measured, in the table.
        file: Name of the file of results.
        metric: Name of the metric in it.
        papers: The paper's figure; ``None`` where it gives none.
        minus: Name of another metric of the file, which is taken from it.
    """

    title: str
    file: str
    metric: str
    papers: float | None = None
    minus: str = ""


@dataclass(frozen=True)
class Value:
    """A measured number.

    Attributes:
        title: What is measured.
        value: Mean over seeds.
        spread: Sample standard deviation over seeds; ``None`` if there is one.
        papers: The paper's figure; ``None`` where it gives none.
    """

    title: str
    value: float
    spread: float | None = None
    papers: float | None = None


Rule = Callable[[Sequence[Value]], tuple[bool, str]]
"""Says whether a claim holds for the numbers, and by how much."""
Unless = Callable[[Results, Sequence[Value]], str]
"""Returns why our numbers say nothing about the claim; an empty text if they do."""


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        place: Where it stands in the paper.
        claim: It, in our own words.
        rule: Judges it.
        measures: What the rule looks at, in the order that it expects.
        unless: Says where ours cannot be compared.
        again: Says why ours have to be measured again.
        note: On data, budget or measure.
    """

    place: str
    claim: str
    rule: Rule
    measures: Sequence[Measure]
    unless: Unless | None = None
    again: Unless | None = None
    note: str = ""


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason.

    Attributes:
        verdict: Of the rule.
        why: By how much, or what is missing.
        one_seed: Whether nothing is known of the spread over seeds.
    """

    verdict: Verdict
    why: str
    one_seed: bool = False

    def __str__(self) -> str:
        """Return the verdict as the table shows it."""
        return f"{self.verdict}, one seed" if self.one_seed else str(self.verdict)


def rising(values: Sequence[Value]) -> tuple[bool, str]:
    """Return whether each value lies above the one before it by more than the spread over seeds.

    A spread that is not known is taken for the other one's.

    Args:
        values: Two or more.

    Example:
        >>> rising([Value("AE", 24.0), Value("ARAE", 46.0, 0.6)])
        (True, 'apart by 22.00, spread 0.85')
        >>> rising([Value("AE", 46.0, 0.3), Value("ARAE", 46.3, 0.4)])
        (False, 'apart by 0.30, within the spread of 0.50')
    """
    return _least_gap(list(pairwise(values)))


def below_all(values: Sequence[Value]) -> tuple[bool, str]:
    """Return whether the first value lies below each other one by more than the spread."""
    return _least_gap([(values[0], other) for other in values[1:]])


def times(values: Sequence[Value], *, factor: float) -> tuple[bool, str]:
    """Return whether the second value is so many times the first, or more.

    Example:
        >>> times([Value("AE", 100.0), Value("AAE", 300.0)], factor=2)
        (True, '3.00 times as much, 2 times asked for')
    """
    found = values[1].value / values[0].value
    return found >= factor, f"{_number(found)} times as much, {factor:g} times asked for"


def alike(values: Sequence[Value], *, percent: float) -> tuple[bool, str]:
    """Return whether the first value differs from the second by so many percent at most.

    With one value, from the paper's figure.

    Example:
        >>> alike([Value("codes", 0.93), Value("generated codes", 0.95)], percent=10)
        (True, '2.1 % apart, 10 % allowed')
    """
    first, reference = values[0], _reference(values)
    apart = 100 * abs(first.value - reference) / abs(reference)
    return apart <= percent, f"{apart:.1f} % apart, {percent:g} % allowed"


def reaching(values: Sequence[Value], *, percent: float) -> tuple[bool, str]:
    """Return whether the first value reaches so many percent of the second.

    With one value, of the paper's figure.

    Example:
        >>> reaching([Value("ARAE", 60.0, papers=85.0)], percent=90)
        (False, '70.6 % of it, 90 % asked for')
    """
    reached = 100 * values[0].value / _reference(values)
    return reached >= percent, f"{reached:.1f} % of it, {percent:g} % asked for"


def each_reaching(values: Sequence[Value], *, percent: float) -> tuple[bool, str]:
    """Return whether every value reaches so many percent of the paper's figure for it.

    Example:
        >>> each_reaching([Value("match", 60.0, papers=80.0), Value("precision", 79.0, papers=80)],
        ...     percent=90)
        (False, 'match: 75.0 % of it, 90 % asked for')
    """
    found = [(reaching([value], percent=percent), value) for value in values]
    (_, why), least = min(found, key=lambda one: one[1].value / _reference([one[1]]))
    return all(reached for (reached, _), _ in found), f"{least.title}: {why}"


def pairs_reaching(values: Sequence[Value], *, percent: float) -> tuple[bool, str]:
    """Return whether of every two values the first reaches so many percent of the second.

    Example:
        >>> pairs_reaching([Value("ARAE", 30.0), Value("real", 100.0)], percent=50)
        (False, '30.0 % of it, 50 % asked for')
    """
    found = [reaching(values[at : at + 2], percent=percent) for at in range(0, len(values), 2)]
    return all(reached for reached, _ in found), min(found)[1]


def at_most(values: Sequence[Value], *, limit: float) -> tuple[bool, str]:
    """Return whether the value is no higher than a limit."""
    return values[0].value <= limit, f"{_number(limit)} at most is asked for"


def at_least(values: Sequence[Value], *, limits: Sequence[float]) -> tuple[bool, str]:
    """Return whether no value is lower than its limit.

    Example:
        >>> at_least([Value("first reading", 70.0), Value("second", 20.0)], limits=[50, 50])
        (False, '50.00 / 50.00 at least is asked for')
    """
    reached = all(value.value >= limit for value, limit in zip(values, limits, strict=True))
    return reached, f"{' / '.join(map(_number, limits))} at least is asked for"


def fewer_rows(results: Results, _: Sequence[Value], *, file: str, rows: int, of: str) -> str:
    """Return that a result is from fewer training rows than the paper's, if it is."""
    ours = results[file]["corpus"]["rows"]
    return f"trained on {ours:,} rows, the paper on {of}" if ours < rows else ""


def on_sphere(results: Results, _: Sequence[Value], *, file: str, row: str) -> str:
    """Return that codes have norm 1 by construction, if they do."""
    metrics = results[file]["metrics"]
    norms = [metrics.get(f"{row}, {side}_norm") for side in ("code", "generated")]
    if any(norm is None or abs(norm["value"] - 1) > BY_CONSTRUCTION for norm in norms):
        return ""
    return "both are scaled to norm 1, which settles the norm, and the variance of what is spread"


def before_tuning(results: Results, _: Sequence[Value], *, file: str, fault: str = "") -> str:
    """Return that a table was measured before its rows were tuned alike, if it was."""
    details = results[file]["details"]
    if "tuning" in details or details.get("protocol", {}).get("tuned"):
        return ""
    return f"from before all rows were tuned alike{fault}"


def remedied(results: Results, _: Sequence[Value], *, file: str, row: str) -> str:
    """Return which settings of a row are there to prevent what the paper saw, if there are any."""
    changes = results[file]["details"].get("rows", {}).get(row, {}).get("changes", ())
    return f"ours has {', '.join(changes)}, which are there to prevent that" if changes else ""


def judge(claim: Claim, results: Results) -> Judgement:
    """Return the verdict on a claim."""
    for measure in claim.measures:
        result = results.get(measure.file)
        if result is None:
            waits = Verdict.NEEDS_PEOPLE if measure.file == PEOPLES else Verdict.NOT_MEASURED
            return Judgement(waits, f"no `results/{measure.file}.json`")
        for metric in filter(None, (measure.metric, measure.minus)):
            if metric not in result["metrics"]:
                why = f"no `{metric}` in `results/{measure.file}.json`"
                return Judgement(Verdict.NOT_MEASURED, why)
    values = [_value(measure, results) for measure in claim.measures]
    reason = claim.unless(results, values) if claim.unless else ""
    if reason:
        return Judgement(Verdict.NOT_COMPARABLE, reason)
    reason = claim.again(results, values) if claim.again else ""
    if reason:
        return Judgement(Verdict.AGAIN, reason)
    holds, why = claim.rule(values)
    verdict = Verdict.REPRODUCED if holds else Verdict.NOT_REPRODUCED
    return Judgement(verdict, why, one_seed=all(value.spread is None for value in values))


def verdicts(claims: Sequence[Claim], results: Results) -> str:
    """Return how many claims got which verdict, and the table of all, in Markdown."""
    judged = [(claim, judge(claim, results)) for claim in claims]
    counts = Counter(judgement.verdict for _, judgement in judged)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)
    rows = [
        [
            claim.place,
            claim.claim,
            _papers([measure.papers for measure in claim.measures]),
            _ours(claim, results),
            str(judgement),
            "; ".join(part for part in (judgement.why, claim.note) if part),
        ]
        for claim, judgement in judged
    ]
    heads = ["in the paper", "claim", "paper", "here", "verdict", "why"]
    return f"{len(claims)} claims: {told}.\n\n{table(heads, rows).replace('---:', '---')}"


def _value(measure: Measure, results: Results) -> Value:
    metric = _metric(measure, results[measure.file])
    return Value(measure.title, metric["value"], metric["spread"], measure.papers)


def _metric(measure: Measure, result: Result) -> Metric:
    """Return a metric of a result, less another one where that is asked for."""
    metric: Metric = result["metrics"][measure.metric]
    if not measure.minus:
        return metric
    other: Metric = result["metrics"][measure.minus]
    known = [part["spread"] for part in (metric, other) if part["spread"] is not None]
    return {
        "value": metric["value"] - other["value"],
        "spread": math.hypot(*known) if known else None,
        "unit": metric["unit"],
    }


def _least_gap(pairs: Sequence[tuple[Value, Value]]) -> tuple[bool, str]:
    """Return whether the second of each pair lies above the first, and where the closest lie."""
    gap, spread, names = min(map(_gap, pairs), key=lambda found: found[0] - found[1])
    told = f", spread {_number(spread)}" if spread else ""
    if gap > spread:
        why = f"apart by {_number(gap)}{told}"
    elif gap < -spread:
        why = f"the other way round by {_number(-gap)}{told}"
    else:
        why = f"apart by {_number(gap)}, within the spread of {_number(spread)}"
    return gap > spread, why if len(pairs) == 1 else f"{names}: {why}"


def _gap(pair: tuple[Value, Value]) -> tuple[float, float, str]:
    """Return how far the second lies above the first, the spread of that, and both titles."""
    low, high = pair
    known = [value.spread for value in pair if value.spread is not None]
    spreads = [max(known, default=0.0) if v.spread is None else v.spread for v in pair]
    return high.value - low.value, math.hypot(*spreads), f"{low.title} against {high.title}"


def _papers(figures: Sequence[float | None]) -> str:
    """Return the paper's figures, one dash where it gives none."""
    told = ["-" if figure is None else f"{figure:g}" for figure in figures]
    return "-" if set(told) == {"-"} else " / ".join(told)


def _ours(claim: Claim, results: Results) -> str:
    """Return each measured number with its title, its spread, and from how many seeds it is."""
    cells = []
    for measure in claim.measures:
        result = results.get(measure.file)
        names = [name for name in (measure.metric, measure.minus) if name]
        if result is None or any(name not in result["metrics"] for name in names):
            continue
        metric = _metric(measure, result)
        of = result["details"].get("spread", f"{len(result['seeds'])} seeds")
        seeds = "" if metric["spread"] is None else f" ({of})"
        cell = metric_cell({"metrics": {measure.title: metric}}, measure.title)
        cells.append(f"{measure.title} {cell}{seeds}")
    return "; ".join(cells)


def _reference(values: Sequence[Value]) -> float:
    """Return what the first value is held against: the second, or the paper's figure.

    Raises:
        ValueError: If there is neither, or it is 0.
    """
    reference = values[1].value if len(values) > 1 else values[0].papers
    if not reference:
        raise ValueError(f"{values[0].title}: nothing to hold it against")
    return reference


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
