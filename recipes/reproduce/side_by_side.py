"""Calls of one command side by side: each does what no other has in hand, and waits for that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from arae_toolkit.errors import FolderInUse, ToolkitError
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.storage.locks import locked

Result = TypeVar("Result")
LOOK_SECONDS = 1.0
"""Between looks at a folder that another call writes."""


def all_free(jobs: Iterable[Callable[[], Result]]) -> list[Result]:
    """Do jobs in turn, and pass over those that another process has in hand.

    Returns:
        The result of each job, if none was passed over.

    Raises:
        FolderInUse: Of the first that was passed over, after the others are done.
    """
    results: list[Result] = []
    passed_over: FolderInUse | None = None
    for job in jobs:
        try:
            results.append(job())
        except FolderInUse as error:
            passed_over = passed_over or error
    if passed_over is not None:
        raise passed_over
    return results


def until_done(
    action: Callable[[], Result], *, stop_signal: Callable[[], int] = lambda: 0
) -> Result:
    """Return what an action does when no other process has anything of it in hand any more.

    It is repeated after each wait, so that what is finished, here or there, must be quick to do
    again.

    Args:
        action: Raises ``FolderInUse`` as long as something is.
        stop_signal: Returns the number of a signal to give up at, 0 while there is none.

    Raises:
        ToolkitError: At a signal, with its exit code.
    """
    while True:
        try:
            return action()
        except FolderInUse as error:
            say(f"{error.folder / error.name}: {error.held}; waiting for its end")
            _wait(error, stop_signal)


def _wait(use: FolderInUse, stop_signal: Callable[[], int]) -> None:
    """Wait until what is in use is free again."""
    while True:
        if number := stop_signal():
            stopped = ToolkitError("stopped while waiting; the same command goes on from there")
            stopped.exit_code = 128 + number
            raise stopped
        with suppress(FolderInUse), locked(use.folder, "a look", name=use.name):
            return
        time.sleep(LOOK_SECONDS)
