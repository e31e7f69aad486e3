"""Where Optuna keeps a sweep: a journal file, or a database that many machines reach."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from arae_toolkit.errors import CheckpointMismatch, ToolkitError
from arae_toolkit.storage.paths import is_address

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL = "journal.log"
"""Name of the file, in the folder of a sweep."""


_FIRST = b'{"op_code"'
"""What a journal begins with."""


def check_installed() -> None:
    """Refuse to go on without the library of the extra.

    Raises:
        ToolkitError: Naming the extra.
    """
    if importlib.util.find_spec("optuna") is None:
        raise ToolkitError(
            "optuna not installed; install the extra: pip install 'arae-toolkit[search]'"
        )


def open_storage(folder: Path, storage: str | None) -> BaseStorage:
    """Return a storage, made where there is none.

    Args:
        folder: Of the sweep.
        storage: A file, or the address of a database as SQLAlchemy writes it; by default
            :data:`JOURNAL` in the folder.

    Raises:
        CheckpointMismatch: If the file is no journal of Optuna's, or a damaged one.
    """
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if storage is not None and is_address(storage):
        from sqlalchemy.pool import NullPool

        # A trial takes minutes or hours, after which a connection that was kept may be dead.
        return RDBStorage(storage, engine_kwargs={"poolclass": NullPool})
    path = folder / JOURNAL if storage is None else Path(storage)
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_journal(path)
    # Absolute: a lock that a killed worker has left is a link to it, and is stale by its time.
    journal = JournalFileBackend(str(path.absolute()))
    _cut_torn_line(path.absolute())
    try:
        return JournalStorage(journal)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise CheckpointMismatch(
            f"{path}: no journal of Optuna's, or a damaged one ({error}); name another with "
            "--storage"
        ) from error


def _check_journal(path: Path) -> None:
    """Refuse a file that is no journal, to which Optuna would append where it has but one line.

    Raises:
        CheckpointMismatch: If there is such a file.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        begin = file.read(len(_FIRST))
    if not _FIRST.startswith(begin):
        raise CheckpointMismatch(
            f"{path}: no journal of Optuna's; name another file with --storage"
        )


def _cut_torn_line(path: Path) -> None:
    """Cut off a last line that a kill or a full disk has left unfinished.

    The next one would be written behind it, and the whole journal be of no use. What is no journal
    is left as it is.
    """
    from optuna.storages.journal import JournalFileSymlinkLock

    if _torn_at(path) is None:
        return
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()  # whoever is at writing the line has ended it then
    try:
        if (end := _torn_at(path)) is not None:
            with path.open("rb+") as journal:
                journal.truncate(end)
    finally:
        lock.release()


def _torn_at(path: Path) -> int | None:
    """Return where the whole lines of a journal end, ``None`` if nothing stands behind them."""
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    return end if content.startswith(_FIRST) and end < len(content) else None


@contextmanager
def storage_failures(name: str) -> Iterator[None]:
    """Tell in one line what is wrong with a storage.

    Args:
        name: Of the storage.

    Raises:
        CheckpointMismatch: If it is no storage of Optuna's, or a damaged one.
        ToolkitError: If it cannot be reached, written, or used without a library.
    """
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except json.JSONDecodeError as error:
        raise CheckpointMismatch(
            f"{name}: no journal of Optuna's, or a damaged one ({error}); name another with "
            "--storage"
        ) from error
    except (OptunaError, SQLAlchemyError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ToolkitError(f"{name}: cannot be used as a storage ({first})") from error
    except ImportError as error:
        if "DB access module" not in str(error):
            raise
        raise ToolkitError(
            f"{name}: no driver of this database is installed ({error.__cause__ or error}); "
            "install it, or use a file"
        ) from error
