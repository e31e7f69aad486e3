"""Source files of a corpus: in a folder or archive at hand, or from a checked download."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO

from arae_toolkit.data_prep.readers.downloads import DOWNLOADS, Progress, fetch
from arae_toolkit.errors import DataError, NotFound
from arae_toolkit.storage.atomic_files import sha256_of_file
from arae_toolkit.storage.paths import SOURCES_VARIABLE, cache_folder, source_folder
from arae_toolkit.storage.text_lines import open_binary, reading

MAX_DEPTH = 3
"""Folders below the source that are looked into; a corpus never lies deeper."""


@dataclass(frozen=True)
class SourceFile:
    """A file, or a member of a ``.zip`` archive."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        """Return the path to show in errors."""
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"

    @property
    def name(self) -> str:
        """File name without folders and without ``.gz``."""
        name = Path(self.member or self.path.name).name
        return name[:-3] if name.lower().endswith(".gz") else name

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Open the decompressed content."""
        return open_binary(self.path, member=self.member)

    def error(self, problem: str, *, line: int | None = None, hint: str | None = None) -> DataError:
        """Return an error that names this file."""
        return DataError(problem, path=str(self), line=line, hint=hint)

    def sha256(self) -> str:
        """Fingerprint of the file as it lies there; of the archive, for a member of one.

        Raises:
            DataError: If it cannot be read.
        """
        with reading(str(self.path)):
            return sha256_of_file(self.path)


class SourceTree:
    """The files of a source folder or archive, to be found by name wherever they lie in it.

    Attributes:
        root: The folder, archive or file.
        files: Every file; plain ones before ``.gz``, those before members of archives, and higher
            ones before deeper ones.
    """

    def __init__(self, root: Path) -> None:
        """List the files.

        Raises:
            DataError: If there is nothing at ``root``, or an archive in it is damaged.
        """
        self.root = root
        with reading(str(root)):
            root.stat()
        self.files: list[SourceFile] = []
        self._folders: list[Path] = []
        for path in _walk(root):
            if path.is_dir():
                self._folders.append(path)
            elif path.suffix.lower() == ".zip":
                self.files.extend(_members(path))
            else:
                self.files.append(SourceFile(path))
        self.files.sort(key=_preference)

    def __str__(self) -> str:
        """Return the path to show in errors."""
        return str(self.root)

    def find(self, *names: str) -> SourceFile | None:
        """Return the file with the first of these names (without ``.gz``) that there is."""
        for name in names:
            for file in self.files:
                if file.name == name:
                    return file
            for folder in self._folders:
                if folder.name in (name, f"{name}.gz"):
                    return SourceFile(folder)  # opening it says that it is a folder
        return None

    def need(self, *names: str) -> SourceFile:
        """Return the file with the first of these names that there is.

        Raises:
            DataError: If there is none.
        """
        if (file := self.find(*names)) is None:
            raise DataError(f"no {names[0]} here (plain, .gz or in a .zip)", path=self.root)
        return file

    def matching(self, pattern: str) -> list[SourceFile]:
        """Return the files whose name fits a shell pattern, one of each name, sorted by name."""
        found: dict[str, SourceFile] = {}
        for file in self.files:
            if fnmatch(file.name, pattern):
                found.setdefault(file.name, file)
        return [found[name] for name in sorted(found)]

    def relative(self, file: SourceFile) -> str:
        """Return the name of a file below the root, as the manifest records it."""
        inside = file.path.relative_to(self.root if file.path != self.root else self.root.parent)
        return (inside / (file.member or "")).as_posix()


def _walk(root: Path) -> Iterator[Path]:
    """Yield ``root`` if it is a file, else the files and folders in it, hidden ones left out."""
    if not root.is_dir():
        yield root
        return
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        yield from (here / name for name in folders)
        yield from (here / name for name in sorted(files) if not name.startswith("."))
        if len(here.relative_to(root).parts) >= MAX_DEPTH:
            folders.clear()


def _members(path: Path) -> list[SourceFile]:
    """Return the files in an archive."""
    with reading(str(path)), zipfile.ZipFile(path) as archive:
        return [
            SourceFile(path, entry.filename)
            for entry in archive.infolist()
            if not entry.is_dir() and not entry.filename.startswith("__MACOSX/")
        ]


def _preference(file: SourceFile) -> tuple[bool, bool, int, str]:
    """Order files: plain, compressed, in an archive; then by depth; then by name."""
    name = str(file)
    return file.member is not None, name.lower().endswith(".gz"), len(Path(name).parts), name


def find_source(
    name: str, *, source: Path | None, report: Callable[[str], None], progress: Progress
) -> Path:
    """Return the folder or archive that holds the files of a corpus.

    Looked for in this order: ``source``, ``$ARAE_SOURCES/name``, the cache folder, a download.

    Args:
        name: A corpus known by name.
        source: What the user points to, if anything; then nothing else is tried.
        report: Told where a download goes.
        progress: Shows how far the download is.

    Raises:
        DataError: If there is none; the message names the places and the ways to supply it.
    """
    if source is not None:
        if not source.exists():
            raise NotFound("no such file or folder", path=source, hint="check --source")
        return source
    given, kept = source_folder(name), cache_folder() / "sources" / name
    for folder in (given, kept):
        if folder is not None and folder.exists():
            return folder
    downloads = DOWNLOADS.get(name, {})
    failure = "it may not be redistributed, so there is no download"
    if downloads:
        try:
            fetch(downloads, kept, report=report, progress=progress)
        except (OSError, ValueError) as error:
            failure = f"download from {next(iter(downloads))} failed: {_brief(error)}"
        else:
            return kept
    variable = f"${SOURCES_VARIABLE}/{name}" + ("" if given else f" ({SOURCES_VARIABLE} not set)")
    raise DataError(
        f"corpus {name} not found: looked at {variable} and {kept}; {failure}; supply it with "
        f"--source FOLDER_OR_ARCHIVE, or as the folder {name} in the folder that "
        f"{SOURCES_VARIABLE} names, or as the folder {kept}"
    )


def _brief(error: Exception) -> str:
    """Return the innermost reason of a failure, in one line of bounded length."""
    while isinstance(reason := getattr(error, "reason", None) or error.__cause__, Exception):
        error = reason
    if error.args and isinstance(error.args[0], Exception) and error.args[0] is not error:
        return _brief(error.args[0])
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
