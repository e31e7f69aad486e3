"""The standard streams of a program, made such that only a lost stdout can stop it.

Whoever starts the program may have closed any of them, or have no locale of UTF-8.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

_READER_IS_GONE = (errno.EPIPE, errno.EBADF, errno.EIO)
_ESCAPES = "arae_toolkit.escapes"


class StdoutLost(OSError):
    """What a command writes to stdout cannot be written."""

    @property
    def unread(self) -> bool:
        """Whether nobody reads it any more, which ends a filter well."""
        return self.errno == errno.EPIPE


class _Data(io.FileIO):
    """The descriptor of stdout, whose failures are told from those of other files."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise StdoutLost(error.errno, error.strerror) from error


class Messages:
    """A text stream that drops what cannot be written, as messages are not what work is done for.

    All else that is asked of it is that of the stream below.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to ``stream``."""
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        """Return what the stream below has."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        with self._dropping():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what has been written."""
        with self._dropping():
            self._stream.flush()

    @contextlib.contextmanager
    def _dropping(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _READER_IS_GONE:
                point_at_nothing(self._stream)
        except ValueError:  # the stream has been closed
            pass


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Make the standard streams ready while a program runs.

    A closed descriptor is taken, or the next file that is opened would have its number, and be
    written to as stdout or stderr. Writing to a closed stdout fails, as writing to a full disk
    does; what goes to a closed stderr is dropped. Stdout is UTF-8 whatever the locale. Bytes of
    names that are not UTF-8 come out as they are, other halves of surrogate pairs as escapes.
    """
    _take_closed_descriptors()
    before = sys.stdout, sys.stderr
    codecs.register_error(_ESCAPES, _bytes_or_escapes)
    if before[0] is None or _is_descriptor(before[0], 1):
        sys.stdout = _stdout()
    stderr = before[1]
    if stderr is None:
        stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = cast(TextIO, Messages(stderr))
    try:
        yield
    finally:
        used = sys.stdout
        sys.stdout, sys.stderr = before
        for stream in (used, stderr):
            try:
                stream.flush()
            except (OSError, ValueError):  # told before, or of no use now: leaving may not fail
                point_at_nothing(stream)


def _is_descriptor(stream: TextIO, number: int) -> bool:
    """Return whether a stream is that descriptor; those of tests are not, nor is a console."""
    if os.name == "nt" and stream.isatty():
        return False
    try:
        return stream.fileno() == number
    except (OSError, ValueError):
        return False


def _stdout() -> TextIO:
    """Return a stream of UTF-8 to stdout, line by line on a terminal."""
    if sys.stdout is not None:
        sys.stdout.flush()
    data = io.BufferedWriter(_Data(1, "w", closefd=False))
    return io.TextIOWrapper(data, encoding="utf-8", errors=_ESCAPES, line_buffering=os.isatty(1))


def silence_stdout() -> None:
    """Point stdout at nothing: its reader is gone, and what goes on writing shall not fail."""
    point_at_nothing(sys.stdout)


def point_at_nothing(stream: TextIO) -> None:
    """Let a stream's descriptor lead nowhere; a stream that is no file, as in a test, stays."""
    with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), stream.fileno())


def _take_closed_descriptors() -> None:
    # Opened the wrong way round: reading a closed stdin fails, as does writing to a closed stdout.
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)


def _bytes_or_escapes(error: UnicodeError) -> tuple[str | bytes, int]:
    for way in ("surrogateescape", "backslashreplace"):
        with contextlib.suppress(UnicodeError):
            return codecs.lookup_error(way)(error)
    raise error
