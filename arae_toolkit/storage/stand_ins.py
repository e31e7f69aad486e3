"""Stand-ins: what lies in the place of a file that was not really downloaded or cloned."""

from __future__ import annotations

from pathlib import Path

_LFS, _PAGES = b"version https://git-lfs", (b"<!doctype html", b"<html")
_HEAD_BYTES = 512


def stand_in(path: Path) -> str | None:
    """Return what lies there instead of a file, and what to do; ``None`` if it may be the file.

    Example:
        >>> stand_in(Path("/dev/null"))
    """
    try:
        if not path.is_file():
            return None
        with path.open("rb") as source:
            head = source.read(_HEAD_BYTES)
    except OSError:
        return None
    if head.startswith(_LFS):
        size = path.stat().st_size
        return f"a Git LFS pointer of {size} bytes, not the file itself; run 'git lfs pull'"
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(_PAGES):
        return "a web page, not the file itself; download it again"
    return None
