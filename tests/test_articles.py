from __future__ import annotations

import pytest

from arae_toolkit.transfer.detokenization.indefinite_article import article_before


@pytest.mark.parametrize("word", ["song", "Lyrics", "year", "war", "house", "unit", "university"])
@pytest.mark.parametrize("ending", ["", "-like"])
def test_consonants_take_a(word: str, ending: str) -> None:
    assert article_before(word + ending) == "a"


@pytest.mark.parametrize("word", ["equation", "Idol", "atom", "older", "unusual", "uninteresting"])
def test_vowels_take_an(word: str) -> None:
    assert article_before(word) == "an"


@pytest.mark.parametrize(
    ("word", "article"),
    [
        *(("hour", "an"), ("honest", "an"), ("honor", "an"), ("heir", "an"), ("hero", "a")),
        *(("use", "a"), ("usual", "a"), ("us", "an"), ("umbrella", "an"), ("euro", "a")),
        *(("one", "a"), ("one-time", "a"), ("onerous", "an"), ("once", "a"), ("only", "an")),
        *(("mp3", "an"), ("dvd", "a"), ("fm", "an"), ("x", "an"), ("tv", "a"), ("rhythm", "a")),
        *(("8", "an"), ("80", "an"), ("11", "an"), ("18", "an"), ("1", "a"), ("110", "a")),
        *(("180", "a"), ("", "a"), ("?", "a")),
    ],
)
def test_the_exceptions(word: str, article: str) -> None:
    assert article_before(word) == article
