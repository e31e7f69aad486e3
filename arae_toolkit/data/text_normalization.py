"""Text normalization: one form for what people type in several.

Word processors and phones write ``isn’t`` where a keyboard writes ``isn't``, and a model that knows
one would read the other as unknown words. The rules stand in every new ``tokenizer.json``, so that
the tokenizers library applies them on its own; here they are applied some ten times as fast.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_MARKS = {
    "": "\u200b\u2060\ufeff\u00ad",  # zero-width spaces and joiners, soft hyphen
    "'": "\u2018\u2019\u201b\u02b9\u02bc\u2032\uff07",
    '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02",
    "-": "\u2010\u2011\u2012\u2013\u2212",
    "--": "\u2014\u2015",
    "...": "\u2026",
}
"""What is written in place of which characters. Spaces of any kind part words as they are."""

_ACCENT = "(?<=[A-Za-z])[`\u00b4](?=[A-Za-z])"  # for an apostrophe, as in isn`t

_TABLE = {ord(mark): plain for plain, marks in _MARKS.items() for mark in marks}
_ACCENT_PATTERN = re.compile(_ACCENT)
_INVISIBLE = re.compile(f"[{_MARKS['']}]")
_ODD_APOSTROPHE = re.compile("(?<=[^\\W\\d_])[\u201b\u02b9\u02bc\u2032\uff07](?=[^\\W\\d_])")


def normalized(text: str) -> str:
    """Return a text in Unicode's composed form (NFC), with plain apostrophes, quotes and dashes.

    Example:
        >>> print(normalized("The man isn’t here – “gone”…"))
        The man isn't here - "gone"...
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).translate(_TABLE)
    return _ACCENT_PATTERN.sub("'", text) if "`" in text or "\u00b4" in text else text


def tidied(text: str) -> str:
    """Return a text in which words begin and end as in its normalized form, with its own marks.

    For texts that are to be answered in their own style: what is invisible goes, and so does what
    stands for an apostrophe and is none; curly apostrophes, quotes and dashes are left.

    Example:
        >>> print(tidied("The man isn`t here – “so\u00adlo”, isn’t he…"))
        The man isn't here – “solo”, isn’t he…
    """
    if not text.isascii():
        text = _ODD_APOSTROPHE.sub("'", _INVISIBLE.sub("", text))
    return _ACCENT_PATTERN.sub("'", text)


def tokenizer_rules() -> list[dict[str, Any]]:
    """Return the same rules as the tokenizers library writes them in ``tokenizer.json``."""
    replaced = [(f"[{marks}]", plain) for plain, marks in _MARKS.items()] + [(_ACCENT, "'")]
    return [
        {"type": "NFC"},
        *(
            {"type": "Replace", "pattern": {"Regex": pattern}, "content": plain}
            for pattern, plain in replaced
        ),
    ]
