"""Plots of a sweep: the front of several objectives, and each objective against each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from arae_toolkit.search.objectives import Objective
from arae_toolkit.search.space import Varied
from arae_toolkit.search.trials import TrialRecord, done

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.2, 3.4
MOST_ACROSS = 3
"""Settings side by side; more stand below each other."""
ABOUT_FRONT = """\
Each dot is a trial by its number. No trial is better than those on the line in one objective
without being worse in another. A cross is the trial of the settings as they are."""
ABOUT_SENSITIVITY = """\
Each dot is a trial: an objective against one of the settings that were varied, the others being
whatever they were. The darker a dot, the later its trial. A cross is the trial of the settings as
they are."""


def draw_front(
    trials: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    *,
    own: TrialRecord | None = None,
) -> Figure:
    """Return the plot of the trials by each two objectives, with the line of the best.

    Args:
        trials: At least one is done.
        objectives: Two or more.
        own: The trial of the settings as they are.
    """
    from matplotlib.figure import Figure

    pairs = list(combinations(range(len(objectives)), 2))
    figure = Figure(figsize=(1.3 * WIDTH * len(pairs), 1.2 * HEIGHT), layout="constrained")
    for axes, (x, y) in zip(figure.subplots(1, len(pairs), squeeze=False)[0], pairs, strict=True):
        for trial in done(trials):
            point = (trial.values[x], trial.values[y])
            axes.plot(*point, "o", color="C0" if trial.best else "0.7", markersize=5)
            axes.annotate(
                str(trial.number),
                point,
                textcoords="offset points",
                xytext=(4, 4),
                fontsize="x-small",
            )
        front = sorted((t.values[x], t.values[y]) for t in done(trials) if t.best)
        if len(objectives) == 2:  # of more, the front is no line
            axes.plot(*zip(*front, strict=True), "C0-", linewidth=0.8)
        if own is not None:
            axes.plot(own.values[x], own.values[y], "kx", markersize=9)
        axes.set_xlabel(_label(objectives[x]))
        axes.set_ylabel(_label(objectives[y]))
        if objectives[x].logarithmic:
            axes.set_xscale("log")
        if objectives[y].logarithmic:
            axes.set_yscale("log")
    return figure


def draw_sensitivity(
    trials: Sequence[TrialRecord],
    space: Sequence[Varied],
    objectives: Sequence[Objective],
    *,
    own: TrialRecord | None = None,
    importances: Mapping[tuple[str, str], float] | None = None,
) -> Figure:
    """Return the plot of each objective (a row) against each setting (a column).

    Of many settings each is a row, and the objectives are columns.

    Args:
        trials: At least one is done.
        space: The settings.
        objectives: At least one.
        own: The trial of the settings as they are.
        importances: Shares by the name of an objective and the key of a setting.
    """
    from matplotlib.figure import Figure

    shares, finished = importances or {}, done(trials)
    across = len(space) <= MOST_ACROSS
    rows, columns = (objectives, space) if across else (space, objectives)
    size = (WIDTH * len(columns), HEIGHT * (1 if across else 0.7) * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(
        len(rows), len(columns), squeeze=False, sharey="row" if across else "col"
    )
    grid = grid if across else grid.T
    for place, (objective, line) in enumerate(zip(objectives, grid, strict=True)):
        for axes, one in zip(line, space, strict=True):
            axes.scatter(
                [_x(one, trial.parameters[one.key]) for trial in finished],
                [trial.values[place] for trial in finished],
                c=[trial.number for trial in finished],
                cmap="Blues",
                vmin=-max(trial.number for trial in finished) - 1,
                edgecolors="0.5",
                linewidths=0.4,
                s=28,
            )
            if own is not None:
                axes.plot(_x(one, own.parameters[one.key]), own.values[place], "kx", markersize=9)
            share = shares.get((objective.name, one.key))
            axes.set_title("" if share is None else f"importance {share:.2f}", fontsize="small")
            axes.set_xlabel(one.key)
            _scale(axes, one)
            if objective.logarithmic:
                axes.set_yscale("log")
        if across:
            line[0].set_ylabel(_label(objective))
            continue
        for axes in line:  # too low for more than the name
            axes.set_ylabel(objective.name)
        line[0].set_title(f"{_label(objective)}\n\n{line[0].get_title()}", fontsize="small")
    return figure


def _x(one: Varied, value: Any) -> Any:
    return one.choices.index(value) if one.choices else value


def _scale(axes: Axes, one: Varied) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    if one.log:
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if high < 30 * low else (1,)))
        axes.xaxis.set_minor_formatter(NullFormatter())  # labels of such would overlap
    elif not one.choices:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    if one.choices:
        axes.set_xticks(range(len(one.choices)), one.choices)
        axes.set_xlim(-0.5, len(one.choices) - 0.5)


def _label(objective: Objective) -> str:
    return f"{objective.name} ({'higher' if objective.maximize else 'lower'} is better)"
