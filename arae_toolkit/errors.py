"""The errors a user can meet, each with the exit code that the command line returns for it."""

from __future__ import annotations

from pathlib import Path
from typing import Self


class ToolkitError(Exception):
    """A failure told in one line: what happened, where, and what to do next. Exit code 1."""

    exit_code = 1


class DataError(ToolkitError):
    """Input that cannot be used as it is. Exit code 3.

    Args:
        problem: What is wrong, without a final full stop.
        path: The file that holds it.
        line: Its row, counted from 1.
        hint: What to do next.
    """

    exit_code = 3

    def __init__(
        self,
        problem: str,
        *,
        path: Path | str | None = None,
        line: int | None = None,
        hint: str | None = None,
    ) -> None:
        """Compose the line ``path:line: problem; hint``."""
        self.problem, self.path, self.line, self.hint = problem, path, line, hint
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(where + problem + (f"; {hint}" if hint else ""))

    def with_hint(self, hint: str) -> Self:
        """Return the same error with another advice on what to do next."""
        return type(self)(self.problem, path=self.path, line=self.line, hint=hint)


class NotFound(DataError):
    """A file, run, corpus, label or anything else that is named and is not there. Exit code 2."""

    exit_code = 2


class CheckpointMismatch(ToolkitError):
    """Parts of a model folder that do not belong together, or another run's folder. Exit code 4."""

    exit_code = 4


class TrainingDiverged(ToolkitError):
    """A non-finite loss or a collapsed model. The last good checkpoint is kept. Exit code 5."""

    exit_code = 5


class FolderInUse(ToolkitError):
    """Another process, or another thread, writes what is to be written. Exit code 1.

    Args:
        held: Who does what there and since when, in words.
        folder: Which it writes.
        name: Of what it writes within the folder; the folder itself unless given.
    """

    def __init__(self, held: str, *, folder: Path, name: str = "") -> None:
        """Compose the line ``folder/name: held; what to do``."""
        self.held, self.folder, self.name = held, folder, name
        what = folder / name if name else folder
        super().__init__(f"{what}: {held}; wait for its end, or name another folder")


class ToolkitWarning(UserWarning):
    """Something that works, and should be done otherwise: what, where, and the way out."""
