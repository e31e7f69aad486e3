"""JSON files that anyone may have written: regular, of bounded size and depth, finite numbers."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

MOST_JSON_BYTES = 1 << 26
"""No file is larger: a configuration takes kilobytes, the tokenizer of many words megabytes."""


def read_text(path: Path, *, most_bytes: int = MOST_JSON_BYTES) -> str:
    """Return the UTF-8 text of a regular file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no regular file (a pipe or a device would never end), larger than
            ``most_bytes``, or not UTF-8.
    """
    check_regular(path, most_bytes=most_bytes)
    with path.open("rb") as source:
        content = source.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"larger than {most_bytes:,} bytes")
    return content.decode()


def check_regular(path: Path, *, most_bytes: int) -> None:
    """Refuse what is no regular file, or a larger one, before it is opened.

    Raises:
        OSError: If there is none.
        ValueError: Saying which.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if status.st_size > most_bytes:
        raise ValueError(f"larger than {most_bytes:,} bytes")


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no such file, or holds anything but a JSON object of finite numbers.
    """
    return parsed_object(read_text(path))


def parsed_object(text: str) -> dict[str, Any]:
    """Return the JSON object of a text.

    Raises:
        ValueError: If it is none, is nested too deeply, or holds a number that is not finite.

    Example:
        >>> parsed_object('{"rate": NaN}')
        Traceback (most recent call last):
        ValueError: NaN is no JSON number
    """
    try:
        value = json.loads(text, parse_constant=_refused)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def significant(value: Any) -> Any:
    """Return a number with six significant digits; the same of all floats that a JSON value holds.

    Example:
        >>> significant({"mean": 0.123456789, "counts": [1, 2]})
        {'mean': 0.123457, 'counts': [1, 2]}
    """
    if isinstance(value, dict):
        return {key: significant(part) for key, part in value.items()}
    if isinstance(value, list):
        return [significant(part) for part in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")
