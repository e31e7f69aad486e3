"""Which of several ways of computing the same is the quickest here: timed once, and kept.

What is quicker depends on the processor and on torch's libraries. Once for both, ways are timed for
some tens of milliseconds, and the answer is kept in the cache, so that every process on a machine
computes alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import torch

from arae_toolkit.errors import CheckpointMismatch, ToolkitError
from arae_toolkit.storage.atomic_files import write_json
from arae_toolkit.storage.json_files import read_object
from arae_toolkit.storage.paths import cache_folder
from arae_toolkit.version import cpu_model

FILE = "quickest-ways.json"
TURNS = 5
Ways = Mapping[str, Callable[[], object]]
_found: dict[str, str] = {}


def quickest(question: str, make: Callable[[], Ways], *, at_least: float = 1.0) -> str:
    """Return the name of the quickest way; the first, unless another is so many times as quick.

    Args:
        question: What is asked, by which the answer is kept.
        make: Returns the ways by name, each doing the same.
        at_least: Times that another than the first must be as quick.
    """
    if question not in _found:
        ways, kept = make(), answers().get(question)
        if kept is None or kept not in ways:  # not asked yet, or damaged
            kept = _timed(ways, at_least=at_least)
            with suppress(ToolkitError, OSError):  # timed again by the next process
                place = _place()
                everything = _read(place)
                everything.setdefault(_machine(), {})[question] = kept
                write_json(place, everything)
        _found[question] = kept
    return _found[question]


def answers() -> dict[str, str]:
    """Return the answers that are kept for this processor and this version of torch."""
    found: Mapping[str, object] = {}
    with suppress(ToolkitError):
        found = _read(_place()).get(_machine(), {})
    return {question: way for question, way in found.items() if isinstance(way, str)}


def _timed(ways: Ways, *, at_least: float) -> str:
    """Return the way whose shortest time is the best: a machine is busy now and then."""
    seconds = dict.fromkeys(ways, float("inf"))
    for compute in ways.values():
        compute()
    for _ in range(TURNS):
        for name, compute in ways.items():
            start = time.perf_counter()
            compute()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    first, best = next(iter(ways)), min(seconds, key=seconds.__getitem__)
    return best if at_least * seconds[best] <= seconds[first] else first


def _place() -> Path:
    return cache_folder() / FILE


def _machine() -> str:
    return f"{cpu_model()}, torch {torch.__version__}"


def _read(path: Path) -> dict[str, dict[str, str]]:
    """Return what a file holds, nothing if there is none or it is damaged."""
    try:
        found = read_object(path)
    except (OSError, ValueError, RecursionError, CheckpointMismatch):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, dict)}
