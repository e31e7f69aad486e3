"""Atomic files, written whole or not at all, and their fingerprints."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from arae_toolkit.errors import ToolkitError

_TEMPORARY = ".part"
_DRAWN = re.compile("[0-9a-f]{12}")
"""What is drawn for the name of a temporary file."""
_NEW_SECONDS = 60
"""Another's temporary file is let be so long: its writer may not have marked it yet."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` if the block succeeds.

    A reader sees the old file or the new one, never a part; a killed writer leaves the old one.

    Raises:
        ToolkitError: If the folder cannot be written or the disk is full, or a folder, pipe or
            device is there; ``path`` is unchanged.
    """
    try:
        if path.exists() and not path.is_file():
            raise ToolkitError(f"{path}: is a folder, pipe or device; name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}{_TEMPORARY}")
        # The mode is what the process's mask leaves, as of any file that is made by opening it.
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        raise ToolkitError(
            f"{path}: cannot write ({error.strerror}); choose another folder or free some space"
        ) from error
    try:
        mark_as_written(handle)
        remove_leftovers(path.parent, f".{path.name}.", older_than=_NEW_SECONDS)
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or f"{error}; is the disk full?"
        raise ToolkitError(f"{path}: cannot write ({reason}); the previous file is kept") from error
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def remove_leftovers(folder: Path, prefix: str = ".", *, older_than: float = 0.0) -> None:
    """Remove the temporary files of writers that were killed; those being written are left.

    Args:
        folder: Where they lie.
        prefix: Of their names.
        older_than: Seconds since they were last written.
    """
    for left in folder.glob(f"{glob.escape(prefix)}*{_TEMPORARY}"):
        drawn = left.name[len(prefix) : -len(_TEMPORARY)]
        if not _DRAWN.fullmatch(drawn if prefix != "." else drawn.rpartition(".")[2]):
            continue  # a user's own, or of a file whose name goes on
        with suppress(OSError):
            handle = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                status = os.fstat(handle)
                old = time.time() - status.st_mtime >= older_than
                if stat.S_ISREG(status.st_mode) and old and mark_as_written(handle):
                    left.unlink()
            finally:
                os.close(handle)


def mark_as_written(handle: int) -> bool:
    """Mark an open file as being written; return whether nobody else has.

    The system takes the mark away with the process, so that it tells leftovers from work. Where the
    file system knows no such marks, all files count as work.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON with a final newline, whole or not at all."""
    write_text(path, json_text(value, indent=2) + "\n")


def json_text(value: Any, **form: Any) -> str:
    """Return a value as JSON that UTF-8 can hold.

    Half a surrogate pair, as in a name of a file that is not UTF-8, makes it fall back to escapes.
    """
    text = json.dumps(value, ensure_ascii=False, **form)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, **form)
    return text


def write_json_lines(
    path: Path, rows: Iterable[Any], *, dumps: Callable[[Any], str] = json_text
) -> None:
    """Write each row as a line of JSON, all of them or none."""
    import jsonlines  # here, because help needs this module and no library

    with replacing(path) as temporary, jsonlines.open(temporary, mode="w", dumps=dumps) as target:
        target.write_all(rows)


def sha256_of_bytes(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of ``content``."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
