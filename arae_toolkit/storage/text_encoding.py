"""Text of any encoding and with any line ends, as a stream of UTF-8 lines that end in a line feed.

What a stream holds is told by its first bytes; they are looked at and left in it, and no more of it
is waited for than its first line, so that a pipe that never ends can be read as it is written.
"""

from __future__ import annotations

import codecs
import io
from typing import IO, Any, BinaryIO, cast

from arae_toolkit.errors import DataError
from arae_toolkit.storage.text_lines import ENCODING_HINT

PARQUET_MARK = b"PAR1"
"""What a Parquet file begins and ends with."""

_BLOCK_BYTES = 1 << 16
_FEWEST_LINES = 10  # fewer tell nothing of a whole file
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # begins with the mark of UTF-16, and so comes first
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_TEXT = {
    b"PK\x03\x04": "an archive or a workbook, not text; unpack it, or save its table as CSV",
    b"\xd0\xcf\x11\xe0": "an Office document, not text; save its table as CSV",
    b"\x1f\x8b": "compressed data; unpack it first (gunzip -c)",
    b"\x89PNG": "an image, not text",
    b"\xff\xd8\xff": "an image, not text",
    b"%PDF": "a PDF document, not text; extract its text",
}
_UNDECODABLE = "arae_toolkit.undecodable"
# A lone surrogate becomes a byte that is not UTF-8, which the reader of lines reports by its line.
codecs.register_error(_UNDECODABLE, lambda error: ("\udcff", cast(Any, error).end))


def with_head(stream: IO[bytes]) -> tuple[bytes, BinaryIO]:
    """Return the first bytes of a stream, its first line at least, and a stream of all its bytes.

    Args:
        stream: Any binary stream; nothing but what is returned may read it afterwards.
    """
    source = stream if hasattr(stream, "peek") else io.BufferedReader(cast(Any, stream))
    head = b""
    while block := cast(Any, source).peek(_BLOCK_BYTES):
        if b"\n" in block or b"\r" in block or len(head) >= _BLOCK_BYTES:
            break
        head += source.read(len(block))
    if head:
        source = io.BufferedReader(_Prefixed(head, cast(BinaryIO, source)), _BLOCK_BYTES)
    return head + block, cast(BinaryIO, source)


def encoding_named(name: str) -> str:
    """Return the name of an encoding as Python writes it.

    Raises:
        ValueError: If there is no such encoding of text.

    Example:
        >>> encoding_named("Latin-1"), encoding_named("UTF8")
        ('iso8859-1', 'utf-8')
    """
    try:
        "".encode(name)
        return codecs.lookup(name).name
    except LookupError as error:
        raise ValueError(f"no encoding {name!r}; utf-8, utf-16, cp1252 and latin-1 are some") from (
            error
        )


def as_utf8(stream: IO[bytes], *, path: str, encoding: str | None = None) -> BinaryIO:
    r"""Return the text of a stream as UTF-8 with ``\n`` at the ends of lines.

    UTF-16 and UTF-32 are known by their byte order marks; without one, text is UTF-8. Lines may end
    in a lone ``\r`` if there are more of those than of ``\n`` at the start. A stream that is right
    as it is, or that is Parquet, is returned itself.

    Args:
        stream: What is read, and by nothing else from now on.
        path: What to call it in errors.
        encoding: Its encoding, if it is known.

    Raises:
        DataError: If no encoding is given and it is evidently no text, or most of its first lines
            are of another encoding; or if it cannot be of the encoding that is given.

    Example:
        >>> as_utf8(io.BytesIO("café\rthé".encode("utf-16")), path="rows.txt").read().decode()
        'café\nthé'
    """
    head, source = with_head(stream)
    if head.startswith(PARQUET_MARK):
        return source
    told = encoding or next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if told is None:
        for mark, kind in _NO_TEXT.items():
            if head.startswith(mark):
                raise DataError(kind, path=path)
    told = None if told in ("utf-8", "utf-8-sig") else told
    text = head.decode(told or "utf-8", "replace")
    old_ends = text.count("\r") - text.count("\r\n") > text.count("\n")
    if told is not None or old_ends:
        source = io.BufferedReader(_Recoded(source, told or "utf-8", path=path), _BLOCK_BYTES)
        head, source = with_head(source)
    lines = [] if encoding else head.split(b"\n")[:-1]
    undecodable = sum(not _is_text(line) for line in lines)
    if len(lines) >= _FEWEST_LINES and 2 * undecodable > len(lines):
        raise mostly_undecodable(undecodable, len(lines), path=path, encoding=told, first=True)
    return source


def mostly_undecodable(
    undecodable: int, total: int, *, path: str, encoding: str | None = None, first: bool = False
) -> DataError:
    """Return the error of a file that is of another encoding than it was read in.

    Args:
        undecodable: Its lines that are no text.
        total: All its lines, or the first ones.
        path: The file.
        encoding: It was read in; ``None`` for UTF-8.
        first: Whether only the first lines are counted.
    """
    of = f"its first {total:,}" if first else f"{total:,}"
    problem = f"{undecodable:,} of {of} lines are not {(encoding or 'utf-8').upper()}"
    return DataError(problem, path=path, hint=ENCODING_HINT)


def _is_text(line: bytes) -> bool:
    """Return whether a line is UTF-8 without a NUL."""
    try:
        return "\0" not in line.decode()
    except UnicodeDecodeError:
        return False


class _Prefixed(io.RawIOBase):
    """Bytes that were read already, and a stream behind them."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._rest.isatty()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._head[: len(buffer)]
        self._head = self._head[len(block) :]
        block = block or cast(Any, self._rest).read1(len(buffer))
        buffer[: len(block)] = block
        return len(block)


class _Recoded(io.RawIOBase):
    """The text of a stream in UTF-8, each line ended by a line feed."""

    def __init__(self, source: BinaryIO, encoding: str, *, path: str) -> None:
        super().__init__()
        self._source, self._ready, self._ended = source, b"", False
        self._encoding, self._path = encoding, path
        errors = "surrogateescape" if encoding == "utf-8" else _UNDECODABLE
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready and not self._ended:
            block = cast(Any, self._source).read1(_BLOCK_BYTES)
            self._ended = not block
            try:
                text = self._decoder.decode(block, final=self._ended)
            except UnicodeError as error:  # of a codec that asks for more than its bytes
                hint = "name its encoding with --encoding, such as utf-8 or utf-16-le"
                problem = f"not {self._encoding.upper()} ({error})"
                raise DataError(problem, path=self._path, hint=hint) from None
            self._ready = text.encode("utf-8", "surrogateescape")
        block, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(block)] = block
        return len(block)
