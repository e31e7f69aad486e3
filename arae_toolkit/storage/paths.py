"""Folders of corpora, their sources and runs, the same for every command."""

from __future__ import annotations

import os
from pathlib import Path

from arae_toolkit.errors import ToolkitError

SOURCES_VARIABLE, CACHE_VARIABLE, RUNS_VARIABLE = "ARAE_SOURCES", "ARAE_CACHE", "ARAE_RUNS"


def cache_folder() -> Path:
    """Return ``$ARAE_CACHE``, else ``arae-toolkit`` in ``$XDG_CACHE_HOME`` or ``~/.cache``.

    Raises:
        ToolkitError: If none of them is known: there is no ``$HOME``, and the user has no name.
    """
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "arae-toolkit"
    try:
        return Path.home() / ".cache" / "arae-toolkit"
    except RuntimeError as error:
        problem = f"no home folder is known to keep corpora in; set {CACHE_VARIABLE} to a folder"
        raise ToolkitError(problem) from error


def corpus_folder(name: str) -> Path:
    """Return where the prepared corpus of this name is kept unless ``--out`` says otherwise."""
    return cache_folder() / "corpora" / name


def source_folder(name: str) -> Path | None:
    """Return ``$ARAE_SOURCES/name``, or ``None`` when the variable is not set."""
    chosen = os.environ.get(SOURCES_VARIABLE)
    return Path(chosen) / name if chosen else None


def run_folder(name: str) -> Path:
    """Return ``$ARAE_RUNS/name``, else ``runs/name`` in the working folder."""
    return Path(os.environ.get(RUNS_VARIABLE) or "runs") / name
