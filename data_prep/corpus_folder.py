"""Prepared corpus folders, which appear whole or not at all, and never over anything else."""

from __future__ import annotations

import glob
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from arae_toolkit.data.corpus_checks import MANIFEST, MANIFEST_VERSION
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.storage.atomic_files import mark_as_written
from arae_toolkit.storage.json_files import read_object
from arae_toolkit.storage.locks import locked

TOKENIZER = "tokenizer.json"
MARK = "made-by-arae-toolkit-prepare"
"""The file by which a temporary folder is known for our own."""

_NEW, _OLD, _SUFFIX = "new", "old", ".part"

ABANDONED_SECONDS = 24 * 3600
"""A temporary folder older than this belongs to no living process, marked or not."""
_NEW_SECONDS = 60
_DRAWN = re.compile("[a-z0-9_]{8}")
"""What ``tempfile`` puts into a name."""


def prepared_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a corpus of this version, or ``None`` if there is none."""
    try:
        manifest = read_object(folder / MANIFEST)
    except (OSError, ValueError):
        return None
    return manifest if manifest.get("version") == MANIFEST_VERSION else None


def check_replaceable(folder: Path, name: str) -> None:
    """Make sure that a corpus may be written to ``folder``.

    It may if nothing is there, if the folder is empty, or if it holds a corpus of the same name and
    nothing that :func:`written_whole` did not put there.

    Raises:
        DataError: If it may not.
    """
    folder = _behind_links(folder)
    try:
        recover(folder)
        if not folder.is_dir():
            if folder.exists():
                raise DataError("a file, where the corpus folder should be", path=folder)
            return
        names = sorted(path.name for path in folder.iterdir())
        manifest = read_object(folder / MANIFEST) if MANIFEST in names else None
    except OSError as error:
        raise DataError(f"cannot be used ({error.strerror})", path=folder) from error
    except ValueError:
        manifest = None
    if not names:
        return
    hint = "choose another --out"
    if manifest is None or "splits" not in manifest:
        raise DataError("folder exists and is no prepared corpus", path=folder, hint=hint)
    if manifest.get("name") != name:
        problem = f"folder holds the corpus {manifest.get('name')!r}, not {name!r}"
        raise DataError(problem, path=folder, hint=hint)
    for found in names:
        if found not in (MANIFEST, TOKENIZER) and not found.endswith(".npy"):
            problem = f"folder also holds {found!r}, which is not part of a corpus"
            raise DataError(problem, path=folder, hint=hint)


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Yield an empty folder; put it in the place of ``folder`` if the block succeeds.

    It lies in a workplace beside ``folder``, where an earlier ``folder`` is also kept for the
    moment in which it is replaced. A block that fails or is killed leaves that as it was.

    Raises:
        ToolkitError: If the place cannot be written, or another process prepares a corpus there.
    """
    folder = _behind_links(folder)
    parent = folder.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=_SUFFIX, dir=parent))
        mark = (workplace / MARK).open("wb")
        (workplace / _NEW).mkdir()
    except OSError as error:
        raise ToolkitError(
            f"{parent}: cannot write here ({error.strerror}); choose another --out"
        ) from error
    try:
        with mark, locked(parent, "a preparation", name=folder.name):
            mark_as_written(mark.fileno())
            _clear(folder)
            yield workplace / _NEW
            _replace(folder, workplace)
    finally:
        _remove(workplace)


def _behind_links(folder: Path) -> Path:
    """Return where a folder lies to which a link leads: it is replaced, and the link stays."""
    return Path(os.path.realpath(folder)) if folder.is_symlink() else folder


def _is_abandoned(workplace: Path) -> bool:
    """Return whether the process that has made a workplace is dead, as far as can be told."""
    with suppress(OSError), (workplace / MARK).open("rb") as mark:
        age = time.time() - workplace.stat().st_mtime
        # One that waits for the lock has not marked its workplace yet.
        return age > ABANDONED_SECONDS or (age > _NEW_SECONDS and mark_as_written(mark.fileno()))
    return False


def recover(folder: Path) -> None:
    """Put an earlier folder back that a killed process had moved aside, and clear what is left.

    Raises:
        ToolkitError: If another process is about to replace the folder, which is not there.
    """
    folder = _behind_links(folder)
    if not any(_temporary(folder)):
        return
    moved_aside = any((place / _OLD).is_dir() for place in _workplaces(folder))
    try:
        with locked(folder.parent, "a preparation", name=folder.name):
            for workplace in _workplaces(folder):
                if (workplace / _OLD).is_dir() and not folder.exists():
                    (workplace / _OLD).rename(folder)
                    _remove(workplace)
            _clear(folder)
    except ToolkitError:
        # Another process works here, or nothing can be written: the folder is read as it is.
        if moved_aside and not folder.exists():
            raise


def _clear(folder: Path) -> None:
    """Remove what killed processes have left beside a folder whose lock is held."""
    for left in _workplaces(folder):
        holds_it = (left / _OLD).is_dir() and not folder.exists()
        if not holds_it and _is_abandoned(left):
            _remove(left)
    for path in _temporary(folder):  # whoever was killed before the mark was there, or behind it
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _NEW_SECONDS:
                path.rmdir()  # only if nothing is in it


def _workplaces(folder: Path) -> list[Path]:
    """Return what processes have made beside a folder; what has no mark inside is someone's own."""
    return [path for path in _temporary(folder) if (path / MARK).is_file()]


def _temporary(folder: Path) -> list[Path]:
    """Return the folders beside a folder that have names of its workplaces, not of another's."""
    start = f".{folder.name}."
    return [
        path
        for path in folder.parent.glob(f"{glob.escape(start)}*{_SUFFIX}")
        if _DRAWN.fullmatch(path.name[len(start) : -len(_SUFFIX)])
        and path.is_dir()
        and not path.is_symlink()
    ]


def _remove(workplace: Path) -> None:
    """Remove a workplace, its mark last: who is killed meanwhile leaves what is known for ours."""
    with suppress(OSError):
        for path in workplace.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != MARK:
                path.unlink()
        (workplace / MARK).unlink(missing_ok=True)
        workplace.rmdir()


def _replace(folder: Path, workplace: Path) -> None:
    """Rename the new folder to ``folder``; an earlier one stays if that is not possible."""
    try:
        if folder.exists():
            folder.rename(workplace / _OLD)
        (workplace / _NEW).rename(folder)
    except OSError as error:
        if (workplace / _OLD).is_dir():
            (workplace / _OLD).rename(folder)
        raise ToolkitError(f"{folder}: cannot be replaced ({error.strerror})") from error
