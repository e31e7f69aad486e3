"""Truecasing of a rewritten sentence: as in its source, and as is usual elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_LEAST_CAPITALS = 3  # in a source that is all upper-case: fewer may be one short name


def sentence_starts(words: Sequence[str]) -> set[int]:
    """Return the numbers of the words that begin a sentence, counted from 0.

    Example:
        >>> sorted(sentence_starts(["(", "Wow", "!", ")", "it", "works", "."]))
        [1, 4]
    """
    starts, begun = set(), False
    for at, word in enumerate(words):
        if word in (".", "!", "?"):
            begun = False
        elif not begun and any(map(str.isalnum, word)):
            starts.add(at)
            begun = True
    return starts


class Truecaser:
    """How a source writes its words.

    Args:
        words: The source's, as they stand there.
        casings: What is usual for words in lower case that the source does not show.

    Example:
        >>> truecaser = Truecaser(["Iraq", "is", "far", "."], {})
        >>> truecaser.of("why", None, starts=True), truecaser.of("Iraq", 0, starts=False)
        ('Why', 'iraq')
    """

    def __init__(self, words: Sequence[str], casings: Mapping[str, str]) -> None:
        self._words, self._casings = words, casings
        self._starts = sentence_starts(words)
        letters = [letter for word in words for letter in word if letter.lower() != letter.upper()]
        capitals = sum(letter != letter.lower() for letter in letters)
        self._any_capital = capitals > 0
        self._all_capitals = len(letters) == capitals >= _LEAST_CAPITALS
        self._capital_starts = self._begins_with_capitals()
        self._shown: dict[str, str] = {}
        for place, word in enumerate(words):
            if place not in self._starts or not _is_capitalised(word):
                self._shown.setdefault(word.lower(), word)

    def of(self, word: str, place: int | None, *, starts: bool) -> str:
        """Return a word of the answer as it is to be written.

        Args:
            word: As the source has it; a new one in lower case.
            place: Which of the source's words it is, counted from 0; ``None`` for a new one.
            starts: Whether it begins a sentence of the answer.
        """
        if self._all_capitals:
            return word if place is not None else word.upper()
        if place is None:
            word = self._usual(word)
        elif place in self._starts:
            if starts:
                return word
            if _is_capitalised(word):
                word = self._usual(word.lower())
        return _capitalised(word) if starts and self._capital_starts else word

    def _usual(self, word: str) -> str:
        """Return a word that stands nowhere in the source, or only where a sentence begins."""
        if word in self._shown or not self._any_capital:
            return self._shown.get(word, word)
        return self._casings.get(word, "I" if word == "i" else word)

    def _begins_with_capitals(self) -> bool:
        """Return whether the source begins its first sentence with a capital letter.

        A number or a word such as iPhone does not tell; then the next sentence does, and at last
        whether there is a capital letter at all.
        """
        for place in sorted(self._starts):
            word = self._words[place]
            initial = next(filter(str.isalnum, word))
            if initial != initial.lower():
                return True
            if initial.isalpha() and word == word.lower():
                return False
        return self._any_capital


def _is_capitalised(word: str) -> bool:
    """Return whether a word has a capital letter at its start and nowhere else."""
    return word[:1] != word[:1].lower() and word[1:] == word[1:].lower()


def _capitalised(word: str) -> str:
    """Return a word in lower case with a capital letter at its start."""
    return word[:1].upper() + word[1:] if word == word.lower() else word
