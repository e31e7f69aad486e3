"""Lines of text, JSON or CSV out of files that may hold anything: errors name their row."""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from arae_toolkit.errors import DataError, NotFound
from arae_toolkit.storage.stand_ins import stand_in

MAX_LINE_BYTES = 1 << 20
"""Longest line read, its line break not counted. A longer one is skipped, never held whole."""

ENCODING_HINT = "name its encoding with --encoding, such as cp1252 or utf-16-le"

_BLOCK_BYTES = 1 << 16
_BYTE_ORDER_MARK, _GZIP_MARK = "\ufeff", b"\x1f\x8b"


def read_lines(
    stream: BinaryIO, *, path: str, on_bad: Callable[[DataError], None] | None = None
) -> Iterator[tuple[int, str]]:
    r"""Yield each line of UTF-8 text with its number, counted from 1, without its line break.

    Lines end in ``\n`` or ``\r\n``; a byte order mark at the start is dropped. Blank lines are
    yielded, so that the caller's rows keep their numbers.

    Args:
        stream: A binary stream, such as ``sys.stdin.buffer`` or what :func:`open_binary` yields.
        path: What to call the stream in errors.
        on_bad: Called with the error of each line that cannot be used (too long, not UTF-8, a NUL
            byte); reading goes on behind that line. Without it the error is raised.

    Raises:
        DataError: For the first such line, unless ``on_bad`` is given. An error of the stream
            itself, such as a truncated archive, is raised in both cases.

    Example:
        >>> list(read_lines(io.BytesIO(b"one\r\ntwo"), path="rows.txt"))
        [(1, 'one'), (2, 'two')]
    """
    number = 0
    # Two more than the limit leave room for the line break.
    while raw := stream.readline(MAX_LINE_BYTES + 2):
        number += 1
        line = raw.removesuffix(b"\n").removesuffix(b"\r")
        problem = hint = None
        if len(line) > MAX_LINE_BYTES:
            problem = f"line longer than {MAX_LINE_BYTES:,} bytes"
            if not raw.endswith(b"\n"):
                _skip_rest_of_line(stream)
        elif b"\0" in line:
            problem = "NUL byte in text"
        else:
            try:
                text = line.decode()
            except UnicodeDecodeError as error:
                problem = f"not UTF-8 (byte {error.start + 1} of the line)"
                hint = ENCODING_HINT
        if problem is None:
            yield number, text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text
            continue
        bad = DataError(problem, path=path, line=number, hint=hint)
        if on_bad is None:
            raise bad
        on_bad(bad)


def _skip_rest_of_line(stream: BinaryIO) -> None:
    """Read on to the end of the line, one block at a time."""
    while block := stream.readline(_BLOCK_BYTES):
        if block.endswith(b"\n"):
            return


def read_json(
    lines: Iterable[tuple[int, str]], *, decoder: json.JSONDecoder | None = None
) -> Iterator[tuple[int, Any, BaseException | None]]:
    """Yield the JSON values of each line that is not blank, with its number and what is wrong.

    A line holds one value, or objects side by side, as where a line break was lost.

    Args:
        lines: Numbered, as :func:`read_lines` yields them.
        decoder: What reads a value.

    Returns:
        Number, value, and the error of the decoder or ``None``. A line with an error gives no
        value; reading goes on behind it.

    Example:
        >>> [(number, value) for number, value, _ in read_json([(1, "[7]"), (2, " "), (3, "[")])]
        [(1, [7]), (3, None)]
        >>> [(number, value) for number, value, _ in read_json([(1, '{"a": 1}{"a": 2}')])]
        [(1, {'a': 1}), (1, {'a': 2})]
    """
    import jsonlines  # here, because it takes as long to load as all else that help needs

    number, decoder = 0, decoder or json.JSONDecoder()

    def texts() -> Iterator[str]:
        nonlocal number
        for number, text in lines:  # noqa: B007
            yield text

    reader = jsonlines.Reader(texts(), loads=lambda text: _values_in(cast(str, text), decoder))
    while True:
        values: list[Any] = [None]
        problem: BaseException | None = None
        try:
            values = cast(list[Any], reader.read(skip_empty=True))
        except EOFError:
            return
        except jsonlines.InvalidLineError as error:
            problem = error.__cause__
        except RecursionError as error:
            problem = error
        for value in values:
            yield number, value, problem


def _values_in(text: str, decoder: json.JSONDecoder) -> list[Any]:
    """Return the one value of a line, or the objects that stand there side by side.

    Raises:
        ValueError: If it is not JSON.
    """
    try:
        return [decoder.decode(text)]
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise
        alone = error
    found, at = [], 0
    while at < len(text):
        value, end = decoder.raw_decode(text, at)
        if not isinstance(value, dict):
            raise alone
        found.append(value)
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return found


def read_csv(
    lines: Iterable[tuple[int, str]], *, columns: int | None = None, **form: Any
) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield the cells of each record, with the number of its first line and what is wrong with it.

    A quoted field may hold line breaks. Where a record of several lines is no good (its quote is
    never closed, or other rows lie in it), only its first line is lost: reading goes on behind it.
    The parser's bound on a field, 131,072 characters, bounds what is read ahead.

    Args:
        lines: Numbered, as :func:`read_lines` yields them.
        columns: Cells of a good record; by default as many as in the first one, 0 for any number.
        **form: As for :func:`csv.reader`.

    Returns:
        Number, cells (none for a blank line), and the problem or ``None``.

    Raises:
        DataError: What ``lines`` raises, behind all records before it.

    Example:
        >>> list(read_csv([(1, '5,"two'), (2, 'lines"'), (3, '6,"open'), (4, "7,good")]))[2:]
        [(4, ['7', 'good'], None)]
    """
    source, ahead = iter(lines), deque[tuple[int, str]]()
    taken: list[tuple[int, str]] = []
    failure: DataError | None = None

    def next_line() -> tuple[int, str] | None:
        nonlocal failure
        if ahead or failure is not None:
            return ahead.popleft() if ahead else None
        try:
            return next(source, None)
        except DataError as error:  # told behind what was read ahead
            failure = error
            return None

    def texts() -> Iterator[str]:
        while numbered := next_line():
            taken.append(numbered)
            yield numbered[1] + "\n"

    while True:
        taken.clear()
        cells: list[str] = []
        problem = None
        try:
            cells = next(csv.reader(texts(), strict=True, **form), [])
        except csv.Error as error:
            problem = f"malformed CSV ({error})"
        if not taken:
            if failure is not None:
                raise failure
            return
        if problem is None and cells:
            columns = len(cells) if columns is None else columns
            if columns and len(cells) != columns:
                problem = f"{len(cells)} columns, {columns} are expected"
        if problem is not None and len(taken) > 1:
            problem = "malformed CSV (a quote opens here, and other rows follow before it closes)"
            ahead.extendleft(reversed(taken[1:]))
        yield taken[0][0], cells, problem


def kind_of(value: Any) -> str:
    """Return what a JSON value is, in words."""
    if value is None:
        return "null"
    kinds = {bool: "true or false", str: "a string", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")


@contextmanager
def open_binary(path: Path, *, member: str | None = None) -> Iterator[BinaryIO]:
    """Open a plain, gzipped or ``.zip`` file for reading its content, decompressed as it is read.

    Args:
        path: The file.
        member: Which file of a ``.zip`` archive to read; it may itself be a ``.gz`` file. An
            archive that holds one file needs none.

    Raises:
        NotFound: If there is no such file.
        DataError: If there is no such member, if it is a folder or may not be read, and,
            on opening or at any later read, if the archive is damaged or cut short.
    """
    name = str(path) if member is None else f"{path}/{member}"
    with ExitStack() as stack:
        if problem := stand_in(path):
            raise DataError(problem, path=name)
        with reading(name):
            stream: IO[bytes] = stack.enter_context(path.open("rb"))
            if path.suffix.lower() == ".zip":
                archive = stack.enter_context(zipfile.ZipFile(stream))
                member = member if member is not None else _only_member(archive, name)
                stream = stack.enter_context(archive.open(member))
            named_so = (member or path.name).lower().endswith(".gz")
            # A pipe is not looked into before it is read: it may have nothing yet.
            if named_so or (path.is_file() and _begins(stream, _GZIP_MARK)):
                stream = cast(IO[bytes], stack.enter_context(gzip.open(stream)))
        yield checked(stream, name)


def checked(stream: IO[bytes], name: str) -> BinaryIO:
    """Return a stream whose failures to be read are :class:`DataError`, with the file's name."""
    return cast(BinaryIO, io.BufferedReader(_Checked(stream, name), _BLOCK_BYTES))


def _begins(stream: IO[bytes], mark: bytes) -> bool:
    """Return whether a stream begins with some bytes, and leave them in it."""
    return bool(cast(Any, stream).peek(len(mark)).startswith(mark))


def _only_member(archive: zipfile.ZipFile, name: str) -> str:
    """Return the name of the single file in an archive."""
    members = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    if len(members) != 1:
        raise DataError(f"archive of {len(members)} files, one is expected", path=name)
    return members[0]


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what can go wrong while a file is read into a :class:`DataError` that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound("no such file", path=name) from error
    except IsADirectoryError as error:
        raise DataError("a folder, where a file is expected", path=name) from error
    except PermissionError as error:
        raise DataError("no permission to read it", path=name) from error
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"damaged or truncated archive ({error})", path=name) from error
    except KeyError as error:  # zipfile's way of saying that a member is missing
        raise DataError("no such file in the archive", path=name) from error
    except (RuntimeError, NotImplementedError) as error:  # a password, an unknown compression
        raise DataError(f"archive cannot be read ({error})", path=name) from error
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read ({error})", path=name) from error


class _Checked(io.RawIOBase):
    """A readable stream whose failures are :class:`DataError` with the name of the file."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        super().__init__()
        self._read_some, self._name = getattr(stream, "read1", stream.read), name
        self._is_terminal = stream.isatty()

    def readable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._is_terminal

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with reading(self._name):
            # read1 gives what there is: a named pipe's lines come as they are written.
            block = self._read_some(len(buffer))
        buffer[: len(block)] = block
        return len(block)
