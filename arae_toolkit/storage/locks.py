"""Locks on folders: one process at a time writes there, and another is told who does."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from arae_toolkit.errors import FolderInUse, ToolkitError
from arae_toolkit.storage.atomic_files import write_json
from arae_toolkit.storage.json_files import read_object

LOCK, HOLDER = ".lock", ".locked-by.json"
_UNNAMED_SECONDS = 1.0
"""Who holds a lock and has not said so yet is given so long."""


@contextmanager
def locked(folder: Path, doing: str, *, name: str = "", patience: float = 0.0) -> Iterator[None]:
    """Keep other processes, and other threads, from writing a folder while the block runs.

    The system gives the lock up with its process, however that ends: a lock file that is left over
    is no obstacle. Where the file system has no locks, the block runs without one.

    Args:
        folder: Made if need be.
        doing: What the block does, for whom it keeps waiting, such as ``a training``.
        name: Of what is locked within the folder; the folder itself unless given.
        patience: Seconds to wait for the lock.

    Raises:
        FolderInUse: If the folder is locked, naming the process and since when.
        ToolkitError: If it cannot be written.
    """
    import filelock  # here, because help needs this module and no library

    start = f".{name}" if name else ""
    lock, holder = filelock.FileLock(folder / (start + LOCK)), folder / (start + HOLDER)
    held = True
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=patience)
        except filelock.Timeout:
            if _holder(holder):
                raise
            lock.acquire(timeout=_UNNAMED_SECONDS)  # it has just been taken, or is just given up
    except filelock.Timeout as error:
        raise FolderInUse(_held(holder), folder=folder, name=name) from error
    except NotImplementedError:
        held = False
    except OSError as error:
        raise ToolkitError(
            f"{folder}: cannot write ({error.strerror}); choose another folder or free some space"
        ) from error
    try:
        if held:
            since = datetime.now().astimezone().isoformat(" ", "seconds")
            about = {"process": os.getpid(), "host": socket.gethostname()}
            write_json(holder, {"doing": doing, **about, "since": since})
        yield
    finally:
        if held:
            holder.unlink(missing_ok=True)
            # While it is held: who has opened it in between sees that it is gone, and tries anew.
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()


def _held(holder: Path) -> str:
    """Return who holds a lock, as far as it has been written down, in words."""
    about = _holder(holder)
    if not about:
        return "another process writes there"
    elsewhere = "" if about["host"] == socket.gethostname() else f" on {about['host']}"
    return (
        f"{about['doing']} is going on there (process {about['process']}{elsewhere}, "
        f"since {about['since']})"
    )


def _holder(holder: Path) -> dict[str, object]:
    """Return what is written down of who holds a lock; nothing if it is not so, or damaged."""
    about: dict[str, object] = {}
    with suppress(OSError, ValueError):
        about = read_object(holder)
    if not {"doing", "process", "host", "since"} <= about.keys() or _has_ended(about):
        return {}
    return about


def _has_ended(about: Mapping[str, object]) -> bool:
    """Return whether a process of this machine is there no more: another holds the lock then."""
    number = about["process"]
    if about["host"] != socket.gethostname() or not isinstance(number, int) or number <= 0:
        return False
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # it is there, and another user's
        return False
    return False
