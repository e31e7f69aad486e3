"""Failures of many rows: the first are told one by one, the others counted by what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from arae_toolkit.errors import DataError

NAMED_FAILURES = 10
"""Failures told one by one."""
_MOST_KINDS = 1_000  # of failures counted apart: a bound on what an endless stream may hold
_SHOWN_KINDS = 3


class FailureCounts:
    """The failures of rows.

    Attributes:
        total: How many there were.

    Example:
        >>> failures = FailureCounts(print, more="the others are counted")
        >>> for line in range(1, 13):
        ...     failures.add(DataError("empty text", path="a.txt", line=line), f"line {line}")
        ...     if line == 1:
        ...         failures.add(DataError("no text"), "another")
        line 1
        another
        line 2
        line 3
        line 4
        line 5
        line 6
        line 7
        line 8
        line 9
        the others are counted
        >>> failures.summary
        '12 x empty text; 1 x no text'
    """

    def __init__(self, tell: Callable[[str], None], *, more: str) -> None:
        """Begin with none.

        Args:
            tell: Told of the first ones.
            more: What it is told of all the others, once.
        """
        self._tell, self._more = tell, more
        self._kinds: Counter[str] = Counter()
        self.total = 0

    def add(self, error: DataError, message: str) -> None:
        """Count a failure, and tell of it if it is one of the first."""
        known = error.problem in self._kinds or len(self._kinds) < _MOST_KINDS
        self._kinds[error.problem if known else "other"] += 1
        self.total += 1
        if self.total <= NAMED_FAILURES:
            self._tell(message)
        elif self.total == NAMED_FAILURES + 1:
            self._tell(self._more)

    @property
    def summary(self) -> str:
        """What was wrong how often; empty if each failure was told of."""
        if self.total <= NAMED_FAILURES:
            return ""
        shown = self._kinds.most_common(_SHOWN_KINDS)
        parts = [f"{count:,} x {problem}" for problem, count in shown]
        rest = self.total - sum(count for _, count in shown)
        return "; ".join([*parts, f"{rest:,} other"] if rest else parts)
