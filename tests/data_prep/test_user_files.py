import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import good_rows, splits_of

from arae_toolkit.data.corpus import Sentence
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers import user_files
from arae_toolkit.data_prep.readers.source_files import SourceFile
from arae_toolkit.data_prep.readers.source_rows import RowLog
from arae_toolkit.errors import DataError

LABELLED = PrepareOptions(text_field="review", label_field="stars")

sentences = st.lists(
    st.tuples(
        st.text(st.characters(exclude_characters="\n\r\0\ufeff", codec="utf-8")),
        st.text("abc", min_size=1, max_size=2),
    ),
    min_size=1,
)


def read(path, options=LABELLED, *, known=(), training=True, log=None):
    file, log = SourceFile(path), log or RowLog()
    return list(user_files.read_sentences(file, options, set(known), log, training=training))


def write(path, rows):
    """Write texts and labels in the form that the suffix tells."""
    with path.open("w", encoding="utf-8", newline="") as target:
        if path.suffix == ".jsonl":
            for text, label in rows:
                target.write(json.dumps({"review": text, "stars": label}) + "\n")
        elif path.suffix == ".csv":
            csv.writer(target).writerows([("id", "stars", "review")])
            csv.writer(target).writerows((5, label, text) for text, label in rows)
        else:
            target.writelines(text + "\n" for text, _ in rows)
    return path


@settings(max_examples=25)
@given(rows=sentences)
@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_texts_and_labels_come_back(tmp_path_factory, suffix, rows):
    path = write(tmp_path_factory.getbasetemp() / f"rows{suffix}", rows)
    assert read(path) == [Sentence(text, label) for text, label in rows]


@settings(max_examples=25)
@given(rows=sentences)
def test_lines_of_text_come_back_without_labels(tmp_path_factory, rows):
    path = write(tmp_path_factory.getbasetemp() / "rows.txt", rows)
    assert read(path, PrepareOptions()) == [Sentence(text) for text, _ in rows]


@pytest.mark.parametrize(
    ("value", "label"),
    [("good", "good"), (5, "5"), (2.5, "2.5"), (True, "true"), (None, None), ("", None)],
)
def test_labels_may_be_text_numbers_or_nothing(tmp_path, value, label):
    path = write(tmp_path / "rows.jsonl", [("a", value)])
    assert read(path) == [Sentence("a", label)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"review": "a"}', "no field 'stars'"),
        ('{"stars": "a"}', "no field 'review'"),
        ('{"review": "a", "stars": [5]}', "field 'stars' is a list"),
        ('{"review": "a", "stars": "x\\u0000"}', "NUL character"),
    ],
)
def test_a_bad_row_is_named(tmp_path, line, problem):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"review": "a", "stars": 1}\n' + line)
    found = good_rows(lambda log: read(path, log=log), f"{path}:2", problem)
    assert found == [Sentence("a", "1")]


def test_a_label_that_train_does_not_have_is_named(tmp_path):
    path = write(tmp_path / "dev.jsonl", [("a", "good"), ("b", "odd"), ("c", None)])
    found = good_rows(
        lambda log: read(path, known=["good"], training=False, log=log),
        f"{path}:2",
        "label 'odd' is none of train's",
    )
    assert [sentence.text for sentence in found] == ["a", "c"]


def test_too_many_labels_mean_the_wrong_field(tmp_path):
    path = write(tmp_path / "rows.csv", [("a", f"id{i}") for i in range(user_files.MAX_LABELS + 1)])
    with pytest.raises(DataError, match=r"rows\.csv:1002: more than 1,000 labels"):
        read(path)


def test_a_text_file_has_no_labels(tmp_path):
    path = write(tmp_path / "rows.txt", [("a", "x")])
    with pytest.raises(DataError, match=r"rows\.txt: a text file has no labels"):
        read(path)


def test_one_file_is_train(tmp_path):
    path = write(tmp_path / "rows.txt", [("a", "")])
    assert splits_of(user_files, path) == {"train": [Sentence("a")]}
    assert splits_of(user_files, tmp_path) == {"train": [Sentence("a")]}


@pytest.mark.parametrize("dev", ["dev", "valid", "validation", "val"])
def test_a_folder_has_up_to_three_splits(tmp_path, dev):
    write(tmp_path / "train.txt", [("a", "")])
    write(tmp_path / f"{dev}.txt", [("b", "")])
    assert splits_of(user_files, tmp_path) == {"train": [Sentence("a")], "dev": [Sentence("b")]}
    write(tmp_path / "test.txt", [("c", "")])
    assert splits_of(user_files, tmp_path)["test"] == [Sentence("c")]


def test_a_folder_without_train_is_named(tmp_path):
    write(tmp_path / "dev.txt", [("a", "")])
    write(tmp_path / "test.txt", [("a", "")])
    with pytest.raises(DataError, match=r"no training file here: train with one of \.txt"):
        splits_of(user_files, tmp_path)


@settings(max_examples=25)
@given(content=st.binary(max_size=300))
@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".csv", ".tsv", ".txt.gz", ".zip"])
def test_any_bytes_are_sentences_or_errors_that_name_the_file(tmp_path_factory, suffix, content):
    path = tmp_path_factory.getbasetemp() / f"noise{suffix}"
    path.write_bytes(content)
    try:
        splits_of(user_files, path)
    except DataError as error:
        assert str(error).startswith(str(path))


@pytest.mark.parametrize(
    ("suffix", "value", "label"),
    [
        *((".jsonl", 1.0, "1"), (".jsonl", 1, "1"), (".jsonl", "1.0", "1.0")),
        *((".csv", "1.0", "1"), (".csv", "-2.00", "-2"), (".csv", "1.5", "1.5")),
    ],
)
def test_a_whole_number_is_one_label_however_it_is_written(tmp_path, suffix, value, label):
    path = write(tmp_path / f"rows{suffix}", [("a", value)])
    assert read(path) == [Sentence("a", label)]


@pytest.mark.parametrize("value", [-1, "-1", -1.0])
def test_minus_one_is_no_label_where_train_does_not_know_it(tmp_path, value):
    path = write(tmp_path / "test.jsonl", [("a", value)])
    assert read(path, known=["0", "1"], training=False) == [Sentence("a")]
    assert read(path, known=["-1", "1"], training=False) == [Sentence("a", "-1")]


def test_the_labels_of_train_are_named(tmp_path):
    path = write(tmp_path / "dev.jsonl", [("a", "odd")])
    with pytest.raises(DataError, match=r"label 'odd' is none of train's \(bad, good\)"):
        read(path, known=["good", "bad"], training=False)
