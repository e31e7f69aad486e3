"""Ranges of settings: what each may be, beside its default, and checked where it is given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Range:
    """The values that a setting may have; of a list, those of each entry.

    Attributes:
        least: No value is smaller.
        most: No value is larger.
        above: Whether ``least`` itself is left out.
        below: Whether ``most`` itself is left out.
        fewest: A list has so many entries or more.
    """

    least: float = 0
    most: float = math.inf
    above: bool = False
    below: bool = False
    fewest: int = 0

    def holds(self, value: Any) -> bool:
        """Return whether a number, or a list of them, is in the range.

        Example:
            >>> Range(0, 1, below=True).holds(1.0), Range(1, fewest=1).holds((300, 300))
            (False, True)
        """
        if isinstance(value, list | tuple):
            return len(value) >= self.fewest and all(map(self.holds, value))
        low = value > self.least if self.above else value >= self.least
        return bool(low and (value < self.most if self.below else value <= self.most))

    def __str__(self) -> str:
        """Return the range in words.

        Example:
            >>> print(Range(0, above=True)), print(Range(0, 1, below=True)), print(Range(1, 9))
            above 0
            at least 0 and below 1
            from 1 to 9
            (None, None, None)
        """
        listed = f"a list of at least {self.fewest}, each " if self.fewest else ""
        if not self.above and not self.below and math.isfinite(self.most):
            return f"{listed}from {self.least} to {self.most}"
        low = f"above {self.least}" if self.above else f"at least {self.least}"
        high = f"below {self.most}" if self.below else f"at most {self.most}"
        return f"{listed}{low}" + f" and {high}" * math.isfinite(self.most)


MOST_UNITS, MOST_ROWS, MOST_ITERATIONS = 65_536, 1_048_576, 10**12
MOST_NUMBER = 10**6
"""No rate, weight or factor is larger: it would end in numbers that are not finite."""

Size = Annotated[int, Range(1, MOST_UNITS)]
"""Units of a network, at least one."""
OptionalSize = Annotated[int, Range(0, MOST_UNITS)]
"""Units of a network; 0 means something of its own."""
Sizes = Annotated[tuple[int, ...], Range(1, MOST_UNITS)]
"""Units of each of some layers, of which there may be none."""
SomeSizes = Annotated[tuple[int, ...], Range(1, MOST_UNITS, fewest=1)]
"""Units of each layer, at least one."""
Rows = Annotated[int, Range(1, MOST_ROWS)]
"""Rows, sentences or words together, at least one."""
OptionalRows = Annotated[int, Range(0, MOST_ROWS)]
"""Rows, sentences or words together; 0 means something of its own."""
Times = Annotated[int, Range(1, MOST_ITERATIONS)]
"""How often, or every how many iterations; at least one."""
OptionalTimes = Annotated[int, Range(0, MOST_ITERATIONS)]
"""How often, or over how many iterations; 0 means never, or something of its own."""
Positive = Annotated[float, Range(0, MOST_NUMBER, above=True)]
"""A factor above 0."""
Amount = Annotated[float, Range(0, MOST_NUMBER)]
"""A rate, a weight, a deviation or a bound; 0 turns it off."""
Share = Annotated[float, Range(0, 1)]
"""A share of a whole."""
PartialShare = Annotated[float, Range(0, 1, below=True)]
"""A share of a whole that leaves something of it, or a factor by which a mean decays."""
Seed = Annotated[int, Range(0, 2**32 - 1)]
"""What randomness follows from."""
Epochs = Annotated[tuple[int, ...], Range(1, MOST_ITERATIONS)]
"""Epochs, counted from 1, of which there may be none."""
