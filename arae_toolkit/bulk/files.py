"""Files of bulk work, by path or by any address that fsspec knows: read in order, written whole."""

from __future__ import annotations

import hashlib
import os
import posixpath
import secrets
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from arae_toolkit.errors import DataError, NotFound, ToolkitError
from arae_toolkit.storage.atomic_files import json_text, remove_leftovers, replacing
from arae_toolkit.storage.json_files import check_regular, parsed_object, read_object
from arae_toolkit.storage.paths import is_address
from arae_toolkit.storage.row_forms import ROW_SUFFIXES
from arae_toolkit.storage.text_lines import checked, open_binary, reading

PACKED = ".gz"
_GLOB_MARKS = "*?["
_TEMPORARY = ".part"


def file_system(name: str) -> tuple[Any, str]:
    """Return the file system of a path or an address, and the path there.

    Raises:
        ToolkitError: If there is no such file system, or what reads it is not installed.
    """
    import fsspec  # here, because help needs this module and no library
    from fsspec.core import url_to_fs

    if not is_address(name):  # as it stands: "::" and "~" mean something in addresses alone
        return fsspec.filesystem("file"), str(Path(name).absolute())
    try:
        system, path = url_to_fs(name)
    except (ImportError, ValueError) as error:
        raise ToolkitError(f"{name}: no such place can be reached ({error})") from error
    return system, str(path)


@dataclass(frozen=True)
class InputFile:
    """A file of rows.

    Attributes:
        name: Its path below what all files lie in: of its answers as well.
        address: By which it is opened, and known in messages.
    """

    name: str
    address: str

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open it for reading its content, decompressed as it is read.

        Raises:
            DataError: If it cannot be read; on opening, or at any later read.
        """
        if not is_address(self.address):
            with open_binary(Path(self.address)) as stream:
                yield stream
            return
        import fsspec

        with reading(self.address):
            file = fsspec.open(self.address, "rb", compression="infer")
            source = file.open()
        try:
            yield checked(source, self.address)
        finally:
            source.close()

    def measured(self) -> tuple[int, str]:
        """Return its size in bytes and its SHA-256, of the file as it lies there.

        Raises:
            DataError: If it cannot be read, or is a pipe or a device, which may never end.
        """
        system, path = file_system(self.address)
        with reading(self.address):
            if not is_address(self.address):
                check_regular(Path(path), most_bytes=sys.maxsize)
            with system.open(path, "rb") as source:
                digest = hashlib.file_digest(source, "sha256").hexdigest()
            return int(system.size(path)), digest

    def state(self) -> str:
        """Return what tells that it may have changed, without reading it.

        Raises:
            DataError: If it is not there any more.
        """
        system, path = file_system(self.address)
        with reading(self.address):
            system.invalidate_cache()
            return str(system.ukey(path))


@dataclass(frozen=True)
class InputFiles:
    """The files of rows that a name means.

    Attributes:
        files: By name.
        passed_over: Of a folder, how many other files it has, by suffix (which may be empty);
            hidden ones do not count.
    """

    files: list[InputFile]
    passed_over: dict[str, int]

    @property
    def note(self) -> str | None:
        """What is to be told of those passed over, ``None`` if there are none."""
        if not self.passed_over:
            return None
        count = sum(self.passed_over.values())
        files = "file" if count == 1 else "files"
        return f"{count:,} {files} passed over, not of rows by suffix: {_counted(self.passed_over)}"


def input_files(source: str) -> InputFiles:
    """Return the files that a name means, by name.

    Args:
        source: A file; a folder, of which every file of rows counts, at any depth; or a pattern
            such as ``rows/*.jsonl.gz``.

    Raises:
        NotFound: If there is no such file or folder.
        DataError: If there is no file of rows in it, or none that the pattern means.
    """
    base, rest = _without_pattern(source)
    system, path = file_system(source)
    others: Counter[str] = Counter()
    if rest:
        found = [one for one in system.glob(path) if system.isfile(one)]
    elif system.isdir(path):
        below = {one: one[len(path) :].strip("/") for one in system.find(path)}
        below = {one: name for one, name in below.items() if not _is_hidden(name)}
        found = [one for one, name in below.items() if _holds_rows(name)]
        others.update(_suffix_of(name) for name in below.values() if not _holds_rows(name))
    elif system.isfile(path):
        base, found = posixpath.dirname(source), [path]
    else:
        raise NotFound("no such file or folder", path=source)
    if not found:
        if rest:
            raise DataError("no file matches", path=source)
        there = f", but {_counted(others)}" if others else ""
        raise DataError(
            f"no file of rows{there}",
            path=source,
            hint=f"their suffixes are {', '.join(ROW_SUFFIXES)}, with {PACKED} behind or in a "
            f".zip; a pattern such as '{base}/*' takes any",
        )
    _, start = file_system(base or ".")
    names = sorted(posixpath.relpath(one, start) for one in found)
    files = [InputFile(name, posixpath.join(base, name)) for name in names]
    return InputFiles(files, dict(sorted(others.items())))


def _without_pattern(source: str) -> tuple[str, str]:
    """Return the part of a name before its first segment with a wildcard, and the rest.

    Example:
        >>> _without_pattern("rows/20*/a.csv"), _without_pattern("rows")
        (('rows', '20*/a.csv'), ('rows', ''))
    """
    if not any(mark in source for mark in _GLOB_MARKS) or _is_there(source):
        return source.rstrip("/") or "/", ""
    segments = source.split("/")
    first = next(at for at, one in enumerate(segments) if any(m in one for m in _GLOB_MARKS))
    return "/".join(segments[:first]), "/".join(segments[first:])


def _is_there(source: str) -> bool:
    return not is_address(source) and Path(source).exists()


def _is_hidden(name: str) -> bool:
    """Return whether a file below a folder is one that other programs leave, or lies in such."""
    return any(segment.startswith((".", "_")) for segment in name.split("/"))


def _holds_rows(name: str) -> bool:
    """Return whether a file is one of rows, by its name.

    An archive counts: that it holds a single file is checked, and told, where it is opened.
    """
    return name.lower().removesuffix(PACKED).endswith((*ROW_SUFFIXES, ".zip"))


def _suffix_of(name: str) -> str:
    """Return the suffix of a file's name, in small letters.

    Example:
        >>> _suffix_of("a/notes.MD.gz"), _suffix_of("a.b/README")
        ('.md.gz', '')
    """
    plain = posixpath.basename(name).lower().removesuffix(PACKED)
    packed = PACKED if name.lower().endswith(PACKED) else ""
    return posixpath.splitext(plain)[1] + packed


def _counted(suffixes: Mapping[str, int]) -> str:
    """Return how many files there are of each suffix, in words."""
    named = sorted(suffixes.items())
    return ", ".join(f"{count:,} {suffix or 'without a suffix'}" for suffix, count in named)


class OutputFolder:
    """A folder whose files are written whole or not at all.

    Args:
        address: A path, or an address that fsspec knows.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/") or "/"

    def write(self, name: str, content: bytes) -> None:
        """Write a file, in place of the one that lies there.

        Raises:
            ToolkitError: If it cannot be written; what lay there is left.
        """
        path = posixpath.join(self.address, name)
        if not is_address(path):
            with replacing(Path(path)) as temporary:
                temporary.write_bytes(content)
            return
        system, target = file_system(path)
        folder, own = posixpath.split(target)
        temporary_name = posixpath.join(folder, f".{own}.{secrets.token_hex(6)}{_TEMPORARY}")
        try:
            system.makedirs(folder, exist_ok=True)
            system.pipe_file(temporary_name, content)
            system.mv(temporary_name, target)
        except OSError as error:
            raise ToolkitError(f"{path}: cannot write ({error})") from error

    def write_json(self, name: str, value: Any) -> None:
        """Write a file of JSON."""
        self.write(name, (json_text(value, indent=1) + "\n").encode())

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Return the JSON object of a file, ``None`` if there is none or it is damaged.

        Raises:
            ToolkitError: If it may not be read.
        """
        path = posixpath.join(self.address, name)
        try:
            if not is_address(path):
                return read_object(Path(path))
            system, target = file_system(path)
            return parsed_object(system.cat_file(target).decode())
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, ValueError):
            return None
        except OSError as error:
            raise ToolkitError(f"{path}: cannot be read ({error.strerror or error})") from error

    def sha256(self, name: str) -> str | None:
        """Return the SHA-256 of a file, ``None`` if it cannot be read."""
        try:
            return InputFile(name, posixpath.join(self.address, name)).measured()[1]
        except DataError:
            return None

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of each file in it, at any depth; hidden ones are left out."""
        system, path = file_system(self.address)
        system.invalidate_cache()
        found = system.find(path, detail=True) if system.isdir(path) else {}
        names = {posixpath.relpath(one, path): about["size"] for one, about in found.items()}
        hidden = {name for name in names if posixpath.basename(name).startswith(".")}
        return {name: int(size) for name, size in names.items() if name not in hidden}

    def remove_leftovers(self) -> None:
        """Remove what killed writers left half written; at an address nobody can tell it."""
        if not is_address(self.address):
            for folder, _, _ in os.walk(self.address):
                remove_leftovers(Path(folder))

    def remove(self, name: str) -> None:
        """Remove a file."""
        system, path = file_system(posixpath.join(self.address, name))
        system.rm_file(path)
