"""Prepared corpus folders, which appear whole or not at all, and never over anything else."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arae_toolkit.data.corpus_checks import MANIFEST_VERSION
from arae_toolkit.errors import DataError
from arae_toolkit.storage.json_files import read_object

MANIFEST, TOKENIZER = "manifest.json", "tokenizer.json"
ABANDONED_SECONDS = 24 * 3600
"""A temporary folder older than this belongs to no living process."""


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
    """Yield a temporary folder beside ``folder``; put it in its place if the block succeeds.

    A block that fails or is killed leaves an earlier ``folder`` as it was.

    Raises:
        DataError: If the place cannot be written.
    """
    parent = folder.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(f".{folder.name}.*.part"):
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=parent))
    except OSError as error:
        raise DataError(
            f"cannot write here ({error.strerror})", path=parent, hint="choose another --out"
        ) from error
    try:
        yield temporary
        temporary.chmod(0o755)
        _replace(folder, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def recover(folder: Path) -> None:
    """Put an earlier folder back that a killed process had moved aside and not yet replaced."""
    previous = _previous(folder)
    if previous.is_dir():
        if folder.exists():
            shutil.rmtree(previous)
        else:
            previous.rename(folder)


def _previous(folder: Path) -> Path:
    """Return where an earlier folder is kept for the moment in which it is replaced."""
    return folder.with_name(f".{folder.name}.previous")


def _replace(folder: Path, temporary: Path) -> None:
    """Rename the temporary folder to ``folder``; an earlier one stays if that is not possible."""
    try:
        if folder.exists():
            folder.rename(_previous(folder))
        temporary.rename(folder)
        recover(folder)
    except OSError as error:
        recover(folder)
        raise DataError(f"cannot be replaced ({error.strerror})", path=folder) from error
