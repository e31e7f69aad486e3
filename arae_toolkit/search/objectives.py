"""The objectives of a sweep: figures of a run's evaluations on dev, or measured at its end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from arae_toolkit.errors import ToolkitError
from arae_toolkit.training.metrics_log import Row
from arae_toolkit.training.run_records import figures_of

REVERSE, FORWARD, RECONSTRUCTION = "reverse-perplexity", "forward-perplexity", "reconstruction"
MAXIMUM, MINIMUM = ":max", ":min"
_RECONSTRUCTION = (
    *("nats_per_sentence", "nats_per_image", "nats_per_hidden_word", "nats_per_token"),
    *("nats_per_generated_token", "nats_per_pair"),
)
"""What a kind of model says of how well it gives dev back; the first that there is."""
_HIGHER_IS_BETTER = (
    *("accuracy", "token_accuracy", "pixel_accuracy", "exact", "unique_samples", "transferred"),
    *("content_bleu", "neighbour_cosine"),
)


@dataclass(frozen=True)
class Objective:
    """One objective.

    Attributes:
        name: As it is asked for.
        figures: Of a row on dev; the first that there is counts.
        maximize: Whether higher is better.
        at_end: Measures the folder of a finished run, for what no row on dev says.
    """

    name: str
    figures: tuple[str, ...] = ()
    maximize: bool = False
    at_end: Callable[[Path], float] | None = None

    @property
    def logarithmic(self) -> bool:
        """Whether its values are told apart by their ratios, as perplexities are."""
        return (self.figures[0] if self.figures else self.name).endswith("perplexity")

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """As Optuna calls it."""
        return "maximize" if self.maximize else "minimize"

    @property
    def unit(self) -> str:
        """Of its values.

        Example:
            >>> [one.unit for one in objectives("reconstruction,exact,reverse-perplexity")]
            ['nats', 'percent', 'per token']
        """
        name = self.figures[0] if self.figures else self.name
        ends = {"perplexity": "per token", "bleu": "BLEU", "cosine": "cosine"}
        usual = (
            "percent" if name in _HIGHER_IS_BETTER else "nats" if "nats" in name else "as logged"
        )
        return next((unit for end, unit in ends.items() if name.endswith(end)), usual)

    def value(self, row: Row) -> float:
        """Return its value in a row on dev, NaN where that is no number.

        Raises:
            ToolkitError: If such rows have no such figure.
        """
        name = next((name for name in self.figures if name in row), None)
        if name is None:
            known = ", ".join(figures_of(row))
            raise ToolkitError(f"no figure {self.name!r} on dev to search by; this run has {known}")
        value = row[name]
        usable = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if usable else math.nan


def objectives(
    text: str, *, at_end: Mapping[str, Callable[[Path], float]] | None = None
) -> tuple[Objective, ...]:
    """Return the objectives of a text: names with commas between them.

    Args:
        text: ``reverse-perplexity``, ``forward-perplexity``, ``reconstruction``, or names of
            figures on dev; with ``:max`` or ``:min`` behind one whose better side is not known.
        at_end: What measures the objectives that no row on dev has, by their names.

    Raises:
        ValueError: If there is none, one is given twice, or cannot be measured here.

    Example:
        >>> [(one.name, one.direction) for one in objectives("reconstruction,exact,code_norm:max")]
        [('reconstruction', 'minimize'), ('exact', 'maximize'), ('code_norm', 'maximize')]
    """
    found = [_objective(part.strip(), at_end or {}) for part in text.split(",")]
    names = [one.name for one in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{twice[0]} is given twice")
    return tuple(found)


def _objective(text: str, at_end: Mapping[str, Callable[[Path], float]]) -> Objective:
    """Return the objective of a text."""
    name = text.removesuffix(MAXIMUM).removesuffix(MINIMUM)
    if not name or ":" in name:
        raise ValueError(f"{text!r} is no objective; name a figure on dev, as in {RECONSTRUCTION}")
    if name == FORWARD:
        if name not in at_end:
            raise ValueError(f"{FORWARD}: for models that sentences can be drawn from")
        return Objective(name, at_end=at_end[name])
    figure = name.replace("-", "_")
    maximize = text.endswith(MAXIMUM) or (
        figure in _HIGHER_IS_BETTER and not text.endswith(MINIMUM)
    )
    figures = _RECONSTRUCTION if name == RECONSTRUCTION else (figure,)
    return Objective(name, figures, maximize)


def kept_row(rows: Sequence[Mapping[str, Any]], select: str = "last") -> Mapping[str, Any]:
    """Return the row on dev of the weights that a run's folder holds.

    Args:
        rows: Of one run's evaluations, at least one.
        select: How it chooses weights; see ``select`` among the settings. Where rows say which
            evaluation was the ``best``, that counts.

    Example:
        >>> rows = [{"reverse_perplexity": 30.0}, {"reverse_perplexity": 40.0}]
        >>> kept_row(rows, "reverse-perplexity")["reverse_perplexity"], kept_row(rows) is rows[1]
        (30.0, True)
    """
    if best := [row for row in rows if row.get("best") is True]:
        return best[-1]

    def score(row: Mapping[str, Any]) -> float:
        if select == REVERSE:
            value = row.get("reverse_perplexity")
        else:
            value = next((row[name] for name in _RECONSTRUCTION if name in row), None)
            value = None if value is None else value + (row.get("kl_nats") or 0.0)
        return math.inf if value is None else float(value)

    return rows[-1] if select == "last" else min(rows, key=score)
