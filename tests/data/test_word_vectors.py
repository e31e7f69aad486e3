import gzip

import numpy as np
import pytest
import small

from arae_toolkit.data.word_vectors import read_word_vectors
from arae_toolkit.errors import DataError

GLOVE = "dog 0.5 -1 2\nman 1 2 3\nzebra 9 9 9\n. . . 7 7 7\n"


def read(tmp_path, text, name="vectors.txt"):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return read_word_vectors(path, small.vocabulary())


@pytest.mark.parametrize("name", ["glove.txt", "glove.txt.gz"])
def test_the_words_of_the_vocabulary_have_the_vectors_of_the_file(tmp_path, name):
    words = small.vocabulary()
    found = read(tmp_path, GLOVE, name)
    assert found.size == 3
    rows = {
        words.words[index]: row
        for index, row in zip(found.ids, found.vectors.tolist(), strict=True)
    }
    assert rows == {"dog": [0.5, -1, 2], "man": [1, 2, 3]}
    assert found.ids.tolist() == sorted(found.ids)


def test_a_header_of_word2vec_is_no_word(tmp_path):
    plain, headed = read(tmp_path, GLOVE), read(tmp_path, f"4 3\n{GLOVE}")
    assert headed.sha256 == plain.sha256
    assert read(tmp_path, GLOVE.replace("0.5", "0.6")).sha256 != plain.sha256


def test_another_case_stands_in_where_the_word_itself_is_missing(tmp_path):
    found = read(tmp_path, "Dog 1 1\ndog 2 2\nDOG 3 3\nMan 4 4\nman 5 5\nman 6 6\nGirl 7 7\n")
    vocabulary = small.vocabulary()
    rows = {
        vocabulary.words[index]: row[0] for index, row in zip(found.ids, found.vectors, strict=True)
    }
    assert rows == {"dog": 2, "man": 5, "girl": 7}


def test_padding_has_no_vector_and_the_unknown_word_may_have_one(tmp_path):
    found = read(tmp_path, "<pad> 1 1\n<unk> 2 2\n")
    assert found.ids.tolist() == [3]
    np.testing.assert_array_equal(found.vectors, [[2, 2]])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dog 1 2\nman 1\n", "vectors.txt:2: 1 numbers, 2 are expected"),
        ("dog 1 x\n", "vectors.txt:1: not a vector"),
        ("dog 1 nan\n", "vectors.txt:1: a vector that is not finite"),
        ("dog\n", "vectors.txt:1: no vector"),
        ("zebra 1 2\n", "no vector for any of"),
        ("", "no vector for any of"),
    ],
)
def test_what_is_no_file_of_vectors_is_told_in_one_line(tmp_path, text, problem):
    with pytest.raises(DataError, match=problem):
        read(tmp_path, text)
