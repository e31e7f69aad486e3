import csv
import io
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import good_rows, splits_of

from arae_toolkit.data.corpus import Sentence
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers import yahoo
from arae_toolkit.data_prep.readers.source_files import SourceFile
from arae_toolkit.data_prep.readers.source_rows import RowLog
from arae_toolkit.errors import DataError, NotFound

EVERY_CLASS = dict(enumerate(yahoo.CLASSES, start=1))
NAMES = list(yahoo.CLASSES.values())


def write(path, rows):
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    return SourceFile(path)


def texts_of(file, part="both", classes=EVERY_CLASS):
    return list(yahoo.read_sentences(file, classes, part, RowLog()))


fields = st.text(
    st.characters(exclude_characters="\n\r\0\\_<", exclude_categories=["Z", "C"], codec="utf-8"),
    min_size=1,
)


@settings(max_examples=25)
@given(rows=st.lists(st.tuples(st.integers(1, 10), fields, fields), min_size=1))
def test_titles_and_replies_come_back(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "yahoo.csv"
    file = write(path, [(number, title, "details", reply) for number, title, reply in rows])
    titles = [Sentence(title, EVERY_CLASS[number]) for number, title, _ in rows]
    replies = [Sentence(reply, EVERY_CLASS[number]) for number, _, reply in rows]
    assert texts_of(file, "titles") == titles
    assert texts_of(file, "replies") == replies
    both = [sentence for pair in zip(titles, replies, strict=True) for sentence in pair]
    assert texts_of(file, "both") == both


def test_line_breaks_rare_words_and_empty_fields(tmp_path):
    rows = [
        (2, r"why is\nthe sky blue ?", "", ""),
        (8, "", "", r"_UNK is my _UNK .\n\nso is <br />his_UNK ."),
    ]
    found = [sentence.text for sentence in texts_of(write(tmp_path / "train.csv", rows))]
    assert found == ["why is the sky blue ?", "<unk> is my <unk> .", "so is", "his_UNK ."]


def test_exports_with_true_line_breaks_are_read_as_the_official_files(tmp_path):
    file = write(tmp_path / "train.csv", [(2, "why", "", "first\nsecond"), (8, "how", "", "so")])
    assert [found.text for found in texts_of(file)] == ["why", "first", "second", "how", "so"]


def test_classes_that_are_not_asked_for_are_counted(tmp_path):
    file = write(
        tmp_path / "train.csv", [(number, f"title {number}", "", "") for number in EVERY_CLASS]
    )
    log = RowLog()
    classes = yahoo.chosen_classes(PrepareOptions().classes, NAMES)
    found = list(yahoo.read_sentences(file, classes, "both", log))
    assert [(sentence.text, sentence.label) for sentence in found] == [
        ("title 2", "science"),
        ("title 8", "music"),
        ("title 10", "politics"),
    ]
    assert log.take_dropped() == {"other_class": 7}


@pytest.mark.parametrize(
    "asked",
    [["music", "sports"], ["6", "8"], ["Entertainment & Music", "SPORTS"], ["8", "music", "6"]],
)
def test_classes_by_short_name_full_name_and_number(asked):
    assert yahoo.chosen_classes(asked, NAMES) == {6: "sports", 8: "music"}


def test_a_class_that_there_is_not(tmp_path):
    with pytest.raises(NotFound, match="'cooking' is no class of yahoo; choose from society"):
        yahoo.chosen_classes(["cooking"], NAMES)
    with pytest.raises(NotFound, match="no class of yahoo is chosen"):
        yahoo.chosen_classes([], NAMES)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('"2","title","details"', "3 columns, 4 are expected"),
        ('"2","ti"tle","",""', "malformed CSV"),
        ('"2","title never closed', "malformed CSV"),
        ('"11","title","",""', "class 11 is none of 1 to 10"),
        ('"0","title","",""', "class 0 is none of 1 to 10"),
        ('"two","title","",""', "class 'two' is no number from 1 to 10"),
        ('"²","title","",""', "class '²' is no number"),
        ("", "0 columns"),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_read(tmp_path, line, problem):
    path = tmp_path / "train.csv"
    path.write_text(f'"2","one","",""\n{line}\n"2","three","",""\n', encoding="utf-8")
    read = partial(yahoo.read_sentences, SourceFile(path), EVERY_CLASS, "both")
    assert [sentence.text for sentence in good_rows(read, f"{path}:2", problem)] == ["one", "three"]


def test_splits_and_the_names_of_classes_txt(tmp_path):
    write(tmp_path / "train.csv", [(1, "a", "", "b")])
    write(tmp_path / "test.csv", [(1, "c", "", "d")])
    (tmp_path / "classes.txt").write_text("\n".join(["People", *NAMES[1:]]))
    options = {"part": "replies", "classes": ("people",)}
    assert splits_of(yahoo, tmp_path, **options) == {
        "train": [Sentence("b", "society")],
        "test": [Sentence("d", "society")],
    }
    (tmp_path / "classes.txt").write_text("People\n")
    with pytest.raises(DataError, match=r"classes\.txt: 1 class names, 10 are expected"):
        splits_of(yahoo, tmp_path, **options)
