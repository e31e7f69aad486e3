import itertools

import numpy as np
import pytest
import reference
from rapidfuzz.distance import Levenshtein

from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.transfer.infilling.search import changed_regions, repetitions

THE, GOOD, SONG, MOON = 5, 6, 7, 8
MARKING = np.isin(np.arange(9), [SONG, MOON])


def test_regions_and_distances_by_all_short_sentences():
    every = [list(words) for size in range(4) for words in itertools.product((5, 6), repeat=size)]
    for first, second in itertools.product(every, repeat=2):
        source, other = [*first, EOS], [*second, EOS]
        (start, end), (same_start, other_end) = changed_regions(source, other)
        assert start == same_start
        assert source[:start] == other[:start]
        assert source[end:] == other[other_end:]
        between = Levenshtein.distance(source[start:end], other[start:other_end])
        assert between == reference.edit_distance(first, second)


@pytest.mark.parametrize(
    ("source", "other", "expected"),
    [
        ([THE, GOOD, THE], [THE, THE, THE], 0),
        ([THE, GOOD, MOON], [THE, SONG, SONG], 1),
        ([SONG, SONG], [SONG, SONG], 0),
        ([SONG, SONG], [SONG, SONG, SONG], 1),
        ([SONG, MOON], [MOON, MOON, SONG, SONG], 2),
        ([MOON], [SONG], 0),
        ([], [SONG, SONG, SONG], 2),
        ([SONG], [], 0),
    ],
)
def test_only_words_that_mark_something_are_said_again(source, other, expected):
    assert repetitions(source, other, among=MARKING) == expected
