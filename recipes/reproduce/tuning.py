"""Settings of a row chosen by pilots, as many for each row of a table; and what is there of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from arae_toolkit.config.overrides import Sections
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.recipes.reproduce.side_by_side import all_free
from arae_toolkit.recipes.shared.find_run import CONFIG
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.training.run_identity import FORMERLY, TASK, check_folder, settings_identity

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

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Tuning:
        """Return what a file of results tells."""
        pilots = (Pilot(tuple(one["changes"]), one["score"]) for one in told["pilots"])
        return cls(tuple(pilots), tuple(told["chosen"]))


def tune(row: str, choices: Sequence[Changes], score: Callable[[int, Changes], float]) -> Tuning:
    """Return the scores of each of a row's settings.

    Args:
        row: Its name, for what is said.
        choices: At most :data:`MOST`, for that is what every row gets.
        score: Trains a pilot of half the length, given its number and its settings.

    Raises:
        FolderInUse: If another process trains a pilot, after the others are trained.
    """
    assert len(choices) <= MOST, "no row is tuned more than others"
    if len(choices) == 1:
        return Tuning(untried=choices[0])

    def pilot(number: int, changes: Changes) -> Pilot:
        scored = Pilot(changes, score(number, changes))
        say(f"{row}, pilot {' '.join(changes) or 'as it is'}: {scored.score:.2f}")
        return scored

    tuning = Tuning(tuple(all_free(partial(pilot, *choice) for choice in enumerate(choices))))
    say(f"{row}: {' '.join(tuning.chosen) or 'as it is'} is chosen")
    return tuning


def check_run(
    place: Path,
    candidates: Sequence[Sections],
    facts: Mapping[str, str],
    *,
    besides: Sequence[str] = (),
    pilots: Sequence[Path] = (),
) -> None:
    """Refuse a folder whose run none of these settings goes on with.

    A training refuses such a folder itself, but when hours have gone into the rows before it: a
    table asks this of all its rows first.

    Args:
        place: Of the run; where there is none, nothing is refused.
        candidates: Of its settings, those that pilots may choose.
        facts: What it must share beside settings, by name.
        besides: Names of settings that are not known yet.
        pilots: Folders of the row's pilots: a run that is there before they are had none.

    Raises:
        CheckpointMismatch: Naming the settings that differ.
    """
    if not (place / CONFIG).exists():
        return
    identities = [{**facts, **settings_identity(config)} for config in candidates]
    first = identities[0]
    chosen = [name for name in first if len({identity[name] for identity in identities}) > 1]
    defaults = {**FORMERLY, **settings_identity(type(candidates[0])())}

    def check(identity: Mapping[str, str], *more: str) -> None:
        names = (TASK, *besides, *more)
        check_folder(place / CONFIG, identity, defaults=defaults, besides=names)

    def fits(identity: Mapping[str, str]) -> bool:
        with suppress(CheckpointMismatch):
            check(identity)
            return True
        return False

    check(first, *chosen)  # names what differs whatever pilots choose
    if not any(map(fits, identities)):
        check(first)
    if not all((pilot / CONFIG).exists() for pilot in pilots):
        raise CheckpointMismatch(
            f"{place}: trained without pilots, which may choose other settings than it has; go on "
            "with --no-tune, or name another folder with --out"
        )
