"""What a drill is: a promise, and a trial of it that is known by a seed and a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drills.materials import Materials

SEED_STEP = 1_000_003
"""Seeds of hypothesis are this far apart, so that no two drills' trials share one."""


class Broken(Exception):
    """A promise was not kept, said in words."""


class NotTried(Exception):
    """What a trial needs is not to be had on this machine, said in words."""


@dataclass
class Trial:
    """One trial of a drill.

    Attributes:
        seed: Of the whole run.
        number: Of the trial in its drill, from 0.
        random: The source of all chance, made of drill, seed and number.
        folder: An empty one of its own, removed afterwards.
        materials: Models, corpora and runs to try; to be copied before they are changed.
        what: What is being tried, in words; written by the trial as soon as it knows.
        examples: How many inputs it has tried.
        brief: Whether it is to take seconds, as in a sample, where a whole run takes minutes.
    """

    seed: int
    number: int
    random: Random
    folder: Path
    materials: Materials
    what: str = ""
    examples: int = 1
    brief: bool = True

    @property
    def number_seed(self) -> int:
        """A seed of the trial as a number, for what takes no source of chance."""
        return self.seed * SEED_STEP + self.number


@dataclass(frozen=True)
class Drill:
    """A promise and how it is tried.

    Attributes:
        name: Of one word.
        promise: What is promised, in a sentence.
        way: How it is tried, in a sentence.
        attempt: Runs a trial; raises :class:`Broken` or :class:`NotTried`.
        whole: Trials of a whole run.
        fewest: Trials in the ordinary tests, which are to take a few seconds.
    """

    name: str
    promise: str
    way: str
    attempt: Callable[[Trial], None]
    whole: int
    fewest: int = 4
