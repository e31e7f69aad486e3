"""The log of an estimator that is to show its progress, whether or not logging is set up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERVAL_SECONDS = 10.0


@contextmanager
def shown_log(log: logging.Logger, *, verbose: bool) -> Iterator[None]:
    """Let lines at level INFO through, and to stderr where no handler would take them.

    What was set before is set again at the end.

    Args:
        log: Of the estimator.
        verbose: Whether anything is to be shown.
    """
    if not verbose:
        yield
        return
    level, handler = log.level, None
    if not log.isEnabledFor(logging.INFO):
        log.setLevel(logging.INFO)
    if not log.hasHandlers():
        handler = logging.StreamHandler()
        log.addHandler(handler)
    try:
        yield
    finally:
        log.setLevel(level)
        if handler is not None:
            log.removeHandler(handler)


def now_and_then(
    show: Callable[[str], None], *, interval: float = INTERVAL_SECONDS
) -> Callable[[str], None]:
    """Return a function that shows a line unless one was shown less than an interval ago."""
    last = time.monotonic()

    def line(text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= interval:
            show(text)
            last = now

    return line
