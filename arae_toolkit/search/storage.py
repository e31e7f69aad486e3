"""Where Optuna keeps a sweep: a journal file, or a database that many machines reach."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from arae_toolkit.errors import CheckpointMismatch, ToolkitError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL = "journal.log"
"""Name of the file, in the folder of a sweep."""


def check_installed() -> None:
    """Refuse to go on without the library of the extra.

    Raises:
        ToolkitError: Naming the extra.
    """
    if importlib.util.find_spec("optuna") is None:
        raise ToolkitError(
            "optuna not installed; install the extra: pip install 'arae-toolkit[search]'"
        )


def is_address(storage: str) -> bool:
    """Return whether a storage is a database and no file.

    Example:
        >>> is_address("sqlite:///sweep.db"), is_address("sweep.log")
        (True, False)
    """
    return "://" in storage


def open_storage(folder: Path, storage: str | None) -> BaseStorage:
    """Return a storage, made where there is none.

    Args:
        folder: Of the sweep.
        storage: A file, or the address of a database as SQLAlchemy writes it; by default
            :data:`JOURNAL` in the folder.
    """
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if storage is not None and is_address(storage):
        return RDBStorage(storage)
    path = folder / JOURNAL if storage is None else Path(storage)
    path.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path)))


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
