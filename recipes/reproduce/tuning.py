"""Settings of a row chosen by pilots: as many for each row of a table, by a score on dev."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from arae_toolkit.recipes.shared.progress import say

Changes = tuple[str, ...]
"""Of settings, as ``key=value``."""
MOST = 4
"""Settings that are tried for a row."""


@dataclass(frozen=True)
class Pilot:
    """One of the settings that were tried for a row.

    Attributes:
        changes: What it changes.
        score: On dev, by what does not score the table; higher is better.
    """

    changes: Changes
    score: float


@dataclass(frozen=True)
class Tuning:
    """What was tried for a row; the first is taken where nothing was.

    Attributes:
        pilots: In the order of trying.
        untried: What is taken without a pilot.
    """

    pilots: tuple[Pilot, ...] = ()
    untried: Changes = ()

    @property
    def chosen(self) -> Changes:
        """The best of the settings; of equally good ones the first."""
        return max(self.pilots, key=lambda p: p.score).changes if self.pilots else self.untried

    def as_json(self) -> dict[str, Any]:
        """Return what a file of results says of it."""
        return {"chosen": self.chosen, "pilots": [asdict(pilot) for pilot in self.pilots]}


def tune(row: str, choices: Sequence[Changes], score: Callable[[int, Changes], float]) -> Tuning:
    """Return the scores of each of a row's settings.

    Args:
        row: Its name, for what is said.
        choices: At most :data:`MOST`, for that is what every row gets.
        score: Trains a pilot of half the length, given its number and its settings.
    """
    assert len(choices) <= MOST, "no row is tuned more than others"
    if len(choices) == 1:
        return Tuning(untried=choices[0])
    pilots = []
    for number, changes in enumerate(choices):
        pilots.append(Pilot(changes, score(number, changes)))
        say(f"{row}, pilot {' '.join(changes) or 'as it is'}: {pilots[-1].score:.2f}")
    tuning = Tuning(tuple(pilots))
    say(f"{row}: {' '.join(tuning.chosen) or 'as it is'} is chosen")
    return tuning
