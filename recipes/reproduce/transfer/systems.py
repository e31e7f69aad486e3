"""The systems of the tables of transfer: how each is trained, and how it is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

_NAMES = re.compile(r"[^@]+(?!.*@(.).*@\1)(@c[1-9]\d*|@s\d+(\.\d+)?)*")


@dataclass(frozen=True)
class System:
    """A row of a table.

    Attributes:
        name: In results, and of its folder; ``@c8`` and ``@s2`` say candidates and strength.
        kind: What is trained.
        changes: Settings, as ``key=value``.
        preset: Of an autoencoder, in place of the table's.
        model: Folder of a finished model, which is measured as it is; none is trained then.
    """

    name: str
    kind: str
    changes: tuple[str, ...] = ()
    preset: str | None = None
    model: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a name that asks for what cannot be had."""
        if not _NAMES.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not of the form NAME, NAME@s2, NAME@c8, NAME@s2@c8")

    @property
    def run(self) -> str:
        """Name of the folder of its runs, which systems that differ in asking alone share."""
        return self.name.partition("@")[0]

    def model_in(self, place: Path) -> Path:
        """Return the folder of the model of a run that lies at a place."""
        return self.model or place

    @property
    def candidates(self) -> int:
        """Proposals for each sentence."""
        return int(self._asked("c") or 1)

    @property
    def strength(self) -> float:
        """How much is changed."""
        return float(self._asked("s") or 1.0)

    def _asked(self, letter: str) -> str:
        found = [part[1:] for part in self.name.split("@")[1:] if part[0] == letter]
        return found[0] if found else ""


_ARAE = ("adversarial_weight=1",)
_HIDING = (*_ARAE, "attribute_drop=1")
_LARGER = ("code_size=512", "code_gain=22.6")

FINISHED = "finished"
"""Kind of a system whose model was trained elsewhere."""
SYSTEMS = (
    System("cross-aligned", "cross-aligned"),
    System("ae", "ae", ("attribute_weight=0",)),
    System("arae-1", "arae", _ARAE),
    System("arae-10", "arae", ("adversarial_weight=10",)),
    System("paper-2018", "arae", ("epochs=25", "word_drop=0"), preset="paper-2018"),
    System("delete-and-replace", "delete-and-replace"),
    System("arae-1@s2", "arae", _ARAE),
    System("arae-1@s4", "arae", _ARAE),
    System("arae-1@c8", "arae", _ARAE),
    System("arae-1@s3@c16", "arae", _ARAE),
    System("stronger", "arae", (*_ARAE, "attribute_weight=6")),
    System("stronger@s3@c16", "arae", (*_ARAE, "attribute_weight=6")),
    System("hiding-larger", "arae", (*_HIDING, *_LARGER)),
    System("hiding-larger@c8", "arae", (*_HIDING, *_LARGER)),
    System("cycle", "arae", (*_ARAE, "cycle_weight=1")),
    System("cycle@s3@c16", "arae", (*_ARAE, "cycle_weight=1")),
    System("cycle-stronger", "arae", (*_ARAE, "cycle_weight=1", "attribute_weight=6")),
    System("cycle-stronger@s3@c16", "arae", (*_ARAE, "cycle_weight=1", "attribute_weight=6")),
    System("hiding", "arae", _HIDING),
    System("denoising", "arae", (*_ARAE, "word_drop=0.2")),
    System("larger-code", "arae", (*_ARAE, *_LARGER)),
    System("cyclic", "arae", (*_ARAE, "attribute_cycles=3")),
    System("infilling", "infilling"),
    System("infilling@c8", "infilling"),
)
"""Of Table 3: the paper's rows, the floor, and ideas beyond."""


def chosen_systems(names: tuple[str, ...]) -> list[System]:
    """Return the systems of these names, all for none, in the order of the table.

    Raises:
        ValueError: Naming the known ones.

    Example:
        >>> [system.kind for system in chosen_systems(("arae-1@c8", "infilling"))]
        ['arae', 'infilling']
    """
    known = {system.name: system for system in SYSTEMS}
    bases = {system.run: system for system in reversed(SYSTEMS)}
    found = []
    for name in names:
        base = known.get(name) or bases.get(name.partition("@")[0])
        if base is None:
            raise ValueError(f"no system {name!r}; there are {', '.join(known)}")
        found.append(replace(base, name=name))
    return found or list(SYSTEMS)


def finished_system(name: str, model: Path) -> System:
    """Return a row for a finished model, which may know more labels than are measured.

    Raises:
        ValueError: If the name is that of a system.
    """
    known = {system.run for system in SYSTEMS}
    run = name.partition("@")[0]
    if not run or run in known:
        raise ValueError(f"{name!r} cannot name a model of one's own beside {', '.join(known)}")
    return System(name, FINISHED, model=model)
