"""Detokenization: natural text to a model's words, and its answer in the style of the source.

A model reads and writes lower-case words with spaces between them. Casing and spacing of its answer
are those of the source wherever the two align, and what is usual elsewhere.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from tokenizers import Regex, pre_tokenizers

from arae_toolkit.data.text_normalization import normalized, tidied
from arae_toolkit.data.vocabulary import MOST_WORDS, SPECIAL_TOKENS, UNKNOWN, WORD_PATTERN
from arae_toolkit.transfer.detokenization.indefinite_article import ARTICLES, article_before
from arae_toolkit.transfer.detokenization.truecasing import Truecaser, sentence_starts

Known = Callable[[str], bool]
"""Whether a model knows a word, given in lower case."""

UNKNOWN_WORD = SPECIAL_TOKENS[UNKNOWN]
NUMBER_WORD = "_num_"
"""What stands for every number in corpora such as Yelp."""

MOST_WORDS_READ = 4 * MOST_WORDS
"""Words of a source that are looked at: several times as many as a model reads of it."""

_WORDS = pre_tokenizers.Split(Regex(f"(?i){WORD_PATTERN}"), behavior="removed", invert=True)
_AMOUNT, _NUMBER = re.compile(r"\d+(?:\.\d+)?"), re.compile(r"\d+(?:[.,:/]\d+)*")
_PLAIN_MARKS = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-"})
_QUOTES = {"``": '"', "''": '"'}

_CLITIC = re.compile(r"n['’]t|['’](?:s|re|ve|ll|d|m)", re.IGNORECASE)
_ENDING = re.compile(r"[.!?…]+")
_ATTACHED = frozenset([",", ".", "!", "?", ";", ":", "%", ")", "]", "}", "…", "”", "°"])
_OPENING = frozenset(["(", "[", "{", "$", "£", "€", "#", "“"])
_HALVES = frozenset({("gon", "na"), ("wan", "na"), ("got", "ta")})


@dataclass(frozen=True)
class _Token:
    """One word of a source.

    Attributes:
        raw: As it stands there.
        read: As the model reads it: lower-case, or the mark of an unknown word.
        spaced: Whether space stands before it.
    """

    raw: str
    read: str
    spaced: bool


@dataclass(frozen=True)
class _Piece:
    """One word of an answer.

    Attributes:
        word: As it is to be written.
        place: Number of the source's word that it is, ``None`` for a new word.
    """

    word: str
    place: int | None = None


def readable_text(source: str, known: Known) -> str:
    """Return a text spelled as a model knows it: its words in their own casing, spaces between.

    Numbers become the word for numbers where the model knows it, and typographic marks that it
    does not know plain ones.

    Example:
        >>> words = {"it", "'s", "$", "_num_", "."}
        >>> readable_text("It’s $7.50.", words.__contains__)
        "It 's $ _num_ ."
    """
    tokens = _tokens_of(source, known)
    return " ".join(
        token.raw if token.read in (token.raw.lower(), UNKNOWN_WORD) else token.read
        for token in tokens
    )


def natural_text(
    source: str,
    output: str,
    *,
    known: Known = lambda word: True,
    casings: Mapping[str, str] | None = None,
) -> str:
    """Return a model's answer in the style of what it was asked.

    A source that is lower-case words with spaces between them gets its answer in this form. Unknown
    words of the answer are those of the source; where it has no more, they are left out. An article
    fits the word behind it, where one of the two is new.

    Args:
        source: What was to be rewritten, as the user wrote it.
        output: The model's words, separated by spaces.
        known: Whether the model knows a word.
        casings: Usual casing of words, such as ``{"iraq": "Iraq"}``; for new ones, and those moved
            from where a sentence began.

    Returns:
        One line. For the source's own words it is the source, tidied, with single spaces.

    Example:
        >>> natural_text("The staff didn't help!", "the staff did n't stop smiling , i loved it !")
        "The staff didn't stop smiling, I loved it!"
        >>> natural_text("the staff did n't help !", "the staff helped , i loved it !")
        'the staff helped , i loved it !'
    """
    tokens = _tokens_of(source, known)
    apart = _writes_words_apart(tokens)
    pieces = _with_articles(_aligned(tokens, output.split()))
    if not apart:
        pieces = [
            piece if piece.place is not None else _Piece(_QUOTES.get(piece.word, piece.word))
            for piece in _with_ending_of(tokens, pieces)
        ]
    words = [piece.word for piece in pieces]
    spaces = [True] * len(words) if apart else _usual_spaces(words)
    truecaser = Truecaser([token.raw for token in tokens], casings or {})
    starts, before, parts = sentence_starts(words), _Piece(""), list[str]()
    for at, (piece, space) in enumerate(zip(pieces, spaces, strict=True)):
        if before.place is not None and piece.place == before.place + 1:  # neighbours as they were
            space = tokens[piece.place].spaced
        parts.append(" " if space and at else "")
        parts.append(truecaser.of(piece.word, piece.place, starts=at in starts))
        before = piece
    return "".join(parts)


def one_line(text: str) -> str:
    r"""Return a text, tidied, in one line; half a surrogate pair, which is no text, as ``?``.

    Example:
        >>> one_line("It  isn`t\nhere. ")
        "It isn't here."
    """
    return " ".join(tidied(text.encode("utf-8", "replace").decode("utf-8")).split())


def _tokens_of(text: str, known: Known) -> list[_Token]:
    """Return the words of a text."""
    text = one_line(text)
    tokens, end, quoted = list[_Token](), 0, False
    for raw, (start, stop) in _WORDS.pre_tokenize_str(text)[:MOST_WORDS_READ]:
        quoted ^= raw == '"'
        read = next(filter(known, _spellings(raw, opening=quoted)), UNKNOWN_WORD)
        tokens.append(_Token(raw, read, spaced=bool(tokens) and start > end))
        end = stop
    return tokens


def _spellings(raw: str, *, opening: bool) -> Iterator[str]:
    """Yield how a model may know a word, the likeliest first."""
    if _AMOUNT.fullmatch(raw):  # such corpora have a few left, in words like 20+
        yield NUMBER_WORD
    yield raw.lower()
    yield normalized(raw.lower())
    plain = raw.lower().translate(_PLAIN_MARKS)
    yield plain
    if plain == '"':
        yield "``" if raw == "“" or (raw == '"' and opening) else "''"
    if _NUMBER.fullmatch(raw):
        yield NUMBER_WORD


def _writes_words_apart(tokens: Sequence[_Token]) -> bool:
    """Return whether spaces stand between all words of a source, punctuation included.

    Where nothing in it tells, lower-case words are taken as such, as rows of Yelp are.
    """
    usual = _usual_spaces([token.raw for token in tokens])
    telling = [
        token.spaced for token, space in list(zip(tokens, usual, strict=True))[1:] if not space
    ]
    if telling:
        return 2 * sum(telling) > len(telling)
    return all(token.raw == token.raw.lower() for token in tokens)


def _aligned(tokens: Sequence[_Token], words: Sequence[str]) -> list[_Piece]:
    """Return the words of an answer with their places in the source, those of unknown ones filled.

    Unknown words and numbers that stand nowhere in the source take what is left there, in order.
    """
    pieces = [_Piece(word) for word in words]
    matcher = SequenceMatcher(None, [token.read for token in tokens], words, autojunk=False)
    for place, at, size in matcher.get_matching_blocks():
        for step in range(size):
            pieces[at + step] = _Piece(words[at + step], place + step)
    taken = {piece.place for piece in pieces}
    free = [(place, token.read) for place, token in enumerate(tokens) if place not in taken]
    left = {
        mark: iter([place for place, read in free if read == mark])
        for mark in (UNKNOWN_WORD, NUMBER_WORD)
    }
    filled = []
    for piece in pieces:
        if piece.place is None and piece.word in left:
            piece = replace(piece, place=next(left[piece.word], None))
        if piece.place is not None:
            filled.append(replace(piece, word=tokens[piece.place].raw))
        elif piece.word != UNKNOWN_WORD:
            filled.append(piece)
    return filled


def _with_articles(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Return an answer whose articles fit the words behind them, where one of the two is new."""
    fitting = list(pieces)
    for at, (piece, behind) in enumerate(itertools.pairwise(pieces)):
        word = piece.word.lower()
        is_new = piece.place is None or behind.place is None
        if is_new and word in ARTICLES and word != article_before(behind.word):
            fitting[at] = _Piece(article_before(behind.word))
    return fitting


def _with_ending_of(tokens: Sequence[_Token], pieces: list[_Piece]) -> list[_Piece]:
    """Return an answer that ends as its source does: in nothing, a full stop, or in !!!.

    Where only one of the two is a question, the answer ends as the model has it.
    """
    raws = [token.raw for token in tokens]
    first, last = _ending(raws), _ending([piece.word for piece in pieces])
    asks = "?" in "".join(raws[first:])
    if not last or asks != any("?" in piece.word for piece in pieces[last:]):
        return pieces
    return pieces[:last] + [_Piece(raws[place], place) for place in range(first, len(raws))]


def _ending(words: Sequence[str]) -> int:
    """Return where the punctuation begins that ends a text."""
    at = len(words)
    while at and _ENDING.fullmatch(words[at - 1]):
        at -= 1
    return at


def _usual_spaces(words: Sequence[str]) -> list[bool]:
    """Return for each word whether a space stands before it in natural text."""
    spaces, open_quotes = [], set[str]()
    attaches = True  # nothing stands before the first
    for at, word in enumerate(words):
        before = words[at - 1] if at else ""
        quote = _quote_of(word, words[at + 1 :], open_quotes)
        closing = quote in open_quotes or (word == "'" and not quote)
        joined = word in _ATTACHED or closing or _CLITIC.fullmatch(word) or word == "/"
        together = joined or _ENDING.fullmatch(word) or (before.lower(), word.lower()) in _HALVES
        spaces.append(not (attaches or together))
        attaches = word in _OPENING or word == "/" or (bool(quote) and not closing)
        if quote:
            open_quotes ^= {quote}
    return spaces


def _quote_of(word: str, behind: Sequence[str], open_quotes: Collection[str]) -> str:
    """Return which kind of quotation mark a word is, or nothing.

    An apostrophe is one only if another follows, or one is open.
    """
    if word in _QUOTES or word == '"':
        return '"' if word != "''" or '"' in open_quotes else ""
    if word == "'" and (word in open_quotes or word in behind):
        return "'"
    return ""
