"""What is known of the trials of a sweep, and how its objectives move with each setting."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arae_toolkit.search.objectives import Objective
from arae_toolkit.search.space import Varied, defaults_within
from arae_toolkit.search.sweep import OUTCOME, PROBLEM, SECONDS, Sweep

FEWEST_TRIALS = 4
"""Of fewer that are done, nothing is said of what matters."""
PARTS = ("low", "middle", "high")
"""Of a range: thirds of the trials by the setting's value."""


@dataclass(frozen=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: From 0 on.
        state: ``done``, ``pruned``, ``diverged``, ``failed``, ``running``, or ``waiting``.
        values: Of the objectives, where it is done.
        parameters: The settings that are varied, by key.
        folder: Of its run.
        seconds: That it was trained for.
        problem: Why it failed or diverged.
        curve: The objective after each evaluation on dev, where there is but one.
        best: Whether no other trial is better in every objective.
        precision: That it was trained in, if that is known.
    """

    number: int
    state: str
    values: tuple[float, ...]
    parameters: Mapping[str, Any]
    folder: str
    seconds: float
    problem: str
    curve: tuple[float, ...]
    best: bool
    precision: str = ""


@dataclass(frozen=True)
class Sensitivity:
    """How an objective moves with a setting, over the trials that are done.

    Attributes:
        objective: Its name.
        key: Of the setting.
        importance: Share of the objective's variance that the setting explains alone, by the trees
            of fANOVA (Hutter et al., ICML 2014); of a perplexity that of its logarithm, which one
            collapsed run does not decide alone. ``None`` where there are too few trials.
        medians: The objective's median by the setting's value: each choice, or thirds of the
            trials by the value, named by their part and its ends.
    """

    objective: str
    key: str
    importance: float | None
    medians: Mapping[str, float]


def records(sweep: Sweep) -> list[TrialRecord]:
    """Return the trials of a sweep in their order, those of other workers among them."""
    names = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}
    best = {trial.number for trial in sweep.study.best_trials}
    return [
        TrialRecord(
            trial.number,
            str(
                trial.user_attrs.get(OUTCOME) or names.get(trial.state.name, trial.state.name)
            ).lower(),
            tuple(trial.values or ()) if trial.state.name == "COMPLETE" else (),
            dict(trial.params),
            str(sweep.trial_folder(trial.number)),
            float(trial.user_attrs.get(SECONDS, 0.0)),
            str(trial.user_attrs.get(PROBLEM, "")),
            tuple(value for _, value in sorted(trial.intermediate_values.items())),
            trial.number in best,
            sweep.precision_of(trial),
        )
        for trial in sweep.study.get_trials(deepcopy=False)
    ]


def done(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the trials that have come to their end."""
    return [trial for trial in trials if trial.state == "done"]


def precisions(trials: Sequence[TrialRecord]) -> tuple[str, ...]:
    """Return the precisions that trials were trained in, sorted."""
    return tuple(sorted({trial.precision for trial in trials if trial.precision}))


def in_order(trials: Sequence[TrialRecord], objectives: Sequence[Objective]) -> list[TrialRecord]:
    """Return trials as a table shows them: those done by the first objective, then the others."""

    def rank(trial: TrialRecord) -> tuple[bool, float, int]:
        value = trial.values[0] if trial.values else 0.0
        return not trial.values, -value if objectives[0].maximize else value, trial.number

    return sorted(trials, key=rank)


def own_trial(sweep: Sweep, trials: Sequence[TrialRecord]) -> TrialRecord | None:
    """Return the trial of the settings as they are, if one is done and they are in the ranges."""
    own = defaults_within(sweep.plan.config, sweep.plan.space)
    whole = len(own) == len(sweep.plan.space)
    return next((one for one in done(trials) if whole and dict(one.parameters) == own), None)


def sensitivities(sweep: Sweep, trials: Sequence[TrialRecord]) -> list[Sensitivity]:
    """Return how each objective moves with each setting, the most important setting first.

    Args:
        sweep: With its study.
        trials: From :func:`records`.
    """
    finished = done(trials)
    if len(finished) < FEWEST_TRIALS:
        return []
    found = []
    for place, objective in enumerate(sweep.plan.objectives):
        shares = importances(sweep, place)
        rows = [
            Sensitivity(
                objective.name,
                one.key,
                shares.get(one.key),
                medians(
                    one, [(trial.parameters[one.key], trial.values[place]) for trial in finished]
                ),
            )
            for one in sweep.plan.space
        ]
        found += sorted(rows, key=lambda row: -(row.importance or 0.0))
    return found


def importances(sweep: Sweep, place: int) -> dict[str, float]:
    """Return the importance of each setting for an objective by its place, shares of 1."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    values = {trial.values[place] for trial in sweep.study.get_trials() if _complete(trial)}
    if len(values) < 2:
        return {}  # nothing has moved
    scale = math.log if sweep.plan.objectives[place].logarithmic else float
    shares = get_param_importances(
        sweep.study,
        evaluator=FanovaImportanceEvaluator(seed=0),
        target=lambda trial: scale(float(trial.values[place])),
    )
    return {key: float(share) for key, share in shares.items()}


def medians(one: Varied, points: Sequence[tuple[Any, float]]) -> dict[str, float]:
    """Return the median objective by value of a setting: of each choice, or of thirds of a range.

    Example:
        >>> medians(Varied("a", low=0, high=9), [(0, 1.0), (1, 2.0), (5, 3.0), (9, 8.0)])
        {'low, 0 to 1': 1.5, 'middle, 5': 3.0, 'high, 9': 8.0}
    """
    if one.choices:
        groups = {choice: [y for x, y in points if x == choice] for choice in one.choices}
        return {name: statistics.median(group) for name, group in groups.items() if group}
    ordered = sorted(points)
    size, rest = divmod(len(ordered), len(PARTS))
    found, start = {}, 0
    for place, part in enumerate(PARTS):
        group = ordered[start : start + size + (place < rest)]
        start += len(group)
        if group:
            low, high = f"{group[0][0]:.4g}", f"{group[-1][0]:.4g}"
            ends = low if low == high else f"{low} to {high}"
            found[f"{part}, {ends}"] = statistics.median(y for _, y in group)
    return found


def _complete(trial: Any) -> bool:
    return bool(trial.state.name == "COMPLETE")
