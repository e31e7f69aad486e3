"""The English indefinite article before a word: a song, an hour."""

from __future__ import annotations

import re

ARTICLES = ("a", "an")
# Vowel letters that are spoken as consonants: a year's sound (unit, use, euro, US), a w's (one).
_LIKE_CONSONANT = re.compile(
    r"uni(?!dent)(?:[^mn]|$)|u[bfkrst][aeiou]|ukr|u(?:[knv]|ps|s[ab]?)?(?:\W|$)"
    r"|eu|ew|one(?:\W|s?$)|once"
)
_SILENT_H = re.compile(r"h(?:our|onest|ono|eir)")
_LIKE_VOWEL_NUMBER = re.compile(r"8|1[18](?:\D|$)")
_SPELLED_OUT = re.compile(r"[^aeiouy\W\d_]+(?:\d|$)|[^aeiouy\W\d_]-")
_VOWEL_NAMES = frozenset("fhlmnrsx")


def article_before(word: str) -> str:
    """Return ``a`` or ``an``, by how a word begins when it is spoken.

    Letters and numbers tell it for all but a few words; abbreviations without a vowel are spelled
    out.

    Args:
        word: In any casing.

    Example:
        >>> [article_before(word) for word in ("song", "equation", "hour", "Unit", "mp3", "8")]
        ['a', 'an', 'an', 'a', 'an', 'an']
    """
    word = word.lower()
    if word[:1].isdigit():
        vowel = bool(_LIKE_VOWEL_NUMBER.match(word))
    elif _SPELLED_OUT.match(word):
        vowel = word[0] in _VOWEL_NAMES
    elif word[:1] in "aeiou":
        vowel = bool(word) and not _LIKE_CONSONANT.match(word)
    else:
        vowel = bool(_SILENT_H.match(word))
    return "an" if vowel else "a"
