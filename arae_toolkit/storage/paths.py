"""Folders of corpora, their sources and runs, the same for every command."""

from __future__ import annotations

import os
from pathlib import Path

from arae_toolkit.errors import ToolkitError

SOURCES_VARIABLE, CACHE_VARIABLE, RUNS_VARIABLE = "ARAE_SOURCES", "ARAE_CACHE", "ARAE_RUNS"


def is_plain_name(value: object) -> bool:
    """Return whether a value can be the name of a file or folder, and of none elsewhere.

    Example:
        >>> is_plain_name("snli"), is_plain_name("../snli"), is_plain_name("..")
        (True, False, False)
    """
    return (
        isinstance(value, str)
        and 0 < len(value) <= 255
        and value not in (".", "..")
        and not any(mark in value for mark in ("\0", os.sep, os.altsep) if mark)
    )


def is_address(name: str) -> bool:
    """Return whether a name is an address such as ``s3://bucket/rows``, rather than a path.

    Example:
        >>> is_address("sqlite:///sweep.db"), is_address("sweep.log")
        (True, False)
    """
    return "://" in name


def _checked(name: str) -> str:
    """Return a name; refuse one that would lead to another folder than its parent's."""
    if not is_plain_name(name):
        raise ToolkitError(f"{name!r:.80} cannot be the name of a folder; name one without '/'")
    return name


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
    """Return where the prepared corpus of this name is kept unless ``--out`` says otherwise.

    Raises:
        ToolkitError: If it is a path and no name, or the cache is not known.
    """
    return cache_folder() / "corpora" / _checked(name)


def source_folder(name: str) -> Path | None:
    """Return ``$ARAE_SOURCES/name``, or ``None`` when the variable is not set."""
    chosen = os.environ.get(SOURCES_VARIABLE)
    return Path(chosen) / name if chosen else None


def runs_folder() -> Path:
    """Return ``$ARAE_RUNS``, else ``runs`` in the working folder."""
    return Path(os.environ.get(RUNS_VARIABLE) or "runs")


def run_folder(name: str) -> Path:
    """Return ``$ARAE_RUNS/name``, else ``runs/name`` in the working folder.

    Raises:
        ToolkitError: If it is a path and no name.
    """
    return runs_folder() / _checked(name)
