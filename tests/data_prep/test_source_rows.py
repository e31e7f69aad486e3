import csv
import gzip
import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_files import good_rows

from arae_toolkit.data_prep.readers.source_files import SourceFile
from arae_toolkit.data_prep.readers.source_rows import RowLog, csv_rows, json_rows
from arae_toolkit.errors import DataError
from arae_toolkit.storage.failure_counts import NAMED_FAILURES

plain_text = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30)
names = st.text(st.characters(categories=["L"]), min_size=1, max_size=8)


@pytest.fixture
def source(tmp_path):
    """Return a function that writes a file and gives it as a source."""

    def write(content, name="rows.jsonl"):
        path = tmp_path / name
        content = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return SourceFile(path)

    return write


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"text": "a"', "malformed JSON (Expecting ',' delimiter at column 13)"),
        ("[1, 2]", "a list, a JSON object is expected"),
        ('"text"', "a string, a JSON object is expected"),
        ("[" * 200_000, "malformed JSON (too deep"),
        ("1" * 10_000, "malformed JSON (too deep or too large a number)"),
        ("null", "null, a JSON object"),
    ],
)
def test_a_line_that_is_no_object_is_named(source, line, problem):
    file = source('{"text": "good"}\n\n' + line + '\n{"text": "good"}\n')
    found = good_rows(partial(json_rows, file), f"{file}:3", problem)
    assert [row.line for row in found] == [1, 4]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"other": 1}, "no field 'text'; the fields here are 'other'"),
        ({}, "no field 'text'; the fields here are none"),
        ({"text": 5}, "field 'text' is a number, text is expected"),
        ({"text": None}, "field 'text' is null"),
        ({"text": ["a"]}, "field 'text' is a list"),
        ({"text": True}, "field 'text' is true or false"),
        ({"text": "a\0b"}, "NUL character"),
        ({"text": "a\ud800b"}, "half of a surrogate pair"),
    ],
)
def test_a_field_that_is_no_text_is_named(source, fields, problem):
    file = source(json.dumps(fields))
    (row,) = json_rows(file, RowLog())
    with pytest.raises(DataError) as raised:
        row.text("text")
    assert str(raised.value).startswith(f"{file.path}:1: {problem}")


@given(objects=st.lists(st.dictionaries(names, plain_text, min_size=1), min_size=1))
@pytest.mark.parametrize("ascii_only", [True, False])
def test_objects_come_back(tmp_path_factory, objects, ascii_only):
    path = tmp_path_factory.getbasetemp() / "objects.jsonl"
    lines = [json.dumps(fields, ensure_ascii=ascii_only) for fields in objects]
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    rows = list(json_rows(SourceFile(path), RowLog()))
    assert [row.fields for row in rows] == objects
    assert all(row.text(name) == row.fields[name] for row in rows for name in row.fields)


@given(rows=st.lists(st.tuples(plain_text, plain_text), min_size=1))
def test_csv_rows_come_back_with_line_breaks_and_quotes(tmp_path_factory, rows):
    # A reader of lines cannot tell the two forms of a line break inside a quoted field apart.
    rows = [tuple(text.replace("\r", "") for text in row) for row in rows]
    path = tmp_path_factory.getbasetemp() / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target, quoting=csv.QUOTE_ALL).writerows([("one", "two"), *rows])
    found = [tuple(row.fields.values()) for row in csv_rows(SourceFile(path), RowLog())]
    assert found == rows


def test_a_tab_separated_file_has_no_quotes(source):
    file = source('text\tlabel\n"half a quote\tx\n', "rows.tsv")
    assert [row.fields for row in csv_rows(file, RowLog())] == [
        {"text": '"half a quote', "label": "x"}
    ]


def test_bad_csv_rows_are_named_and_the_others_are_read(source):
    file = source('text,label\ngood,x\none\n"bad"quote,x\ngood,y\n\na,b,c\n', "rows.csv")
    with pytest.raises(DataError, match=r"rows\.csv:3: 1 columns, 2 are expected"):
        list(csv_rows(file, RowLog()))
    log = RowLog(skip=True)
    assert [(row.line, row.fields["label"]) for row in csv_rows(file, log)] == [(2, "x"), (5, "y")]
    assert log.take_dropped() == {"malformed": 3}
    assert log.take_dropped() == {}


def test_a_bad_row_says_how_it_is_left_out(source):
    file = source("text,label\ngood,x\none\n", "rows.csv")
    with pytest.raises(DataError, match=r"expected; --on-error skip leaves such rows out$"):
        list(csv_rows(file, RowLog()))
    log = RowLog(skip=True, report=(reported := []).append)
    list(csv_rows(file, log))
    assert not any("--on-error" in line for line in reported)


def test_a_quote_that_is_never_closed_is_one_bad_row(source):
    file = source('text,label\n"open,x\n' + "good,y\n" * 10, "rows.csv")
    assert good_rows(partial(csv_rows, file), f"{file}:2", "malformed CSV") != []


def test_a_header_that_cannot_be_read_is_an_error_even_when_rows_are_skipped(source):
    file = source('"bad"header,x\nrow,x\n', "rows.csv")
    with pytest.raises(DataError, match=r"rows\.csv:1: malformed CSV"):
        list(csv_rows(file, RowLog(skip=True)))


def test_the_first_bad_rows_are_reported_and_all_are_counted(source):
    reported = []
    log = RowLog(skip=True, report=reported.append)
    file = source("no json\n" * 100)
    assert list(json_rows(file, log)) == []
    assert log.take_dropped() == {"malformed": 100}
    assert len(reported) == NAMED_FAILURES + 2
    assert reported[0].startswith(f"skipped {file.path}:1: malformed JSON")
    assert "counted" in reported[-2]
    assert reported[-1] == "skipped in all: 100 x malformed JSON (Expecting value at column 1)"


def test_undecodable_lines_are_counted_apart(source):
    log = RowLog(skip=True)
    file = source(b"good\n\xff\nnul\0\nno json\n", "rows.txt")
    assert [text for _, text in log.lines(file)] == ["good", "no json"]
    assert log.take_dropped() == {"undecodable": 2}
    assert log.rows[file] == 4


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_an_empty_file_is_named_whether_rows_are_skipped_or_not(source, skip, name):
    with pytest.raises(DataError, match=r"rows\.jsonl.*: file is empty"):
        list(json_rows(source(b"", name), RowLog(skip=skip)))


@given(
    content=st.binary(max_size=300) | st.text('{}[]":,text\\u0d8\n', max_size=80).map(str.encode)
)
@pytest.mark.parametrize("read", [json_rows, csv_rows])
def test_any_bytes_are_rows_or_errors_that_name_the_file(tmp_path_factory, read, content):
    path = tmp_path_factory.getbasetemp() / "noise.csv"
    path.write_bytes(content)
    for log, texts_are_read in ((RowLog(), True), (RowLog(skip=True), False)):
        good = 0
        try:
            for row in read(SourceFile(path), log):
                good += 1
                if texts_are_read:
                    assert all(isinstance(row.text(name), str) for name in row.fields)
        except DataError as error:
            assert str(error).startswith(f"{path}:")
        assert good + sum(log.dropped.values()) <= log.rows[SourceFile(path)]


def test_an_unclosed_quote_takes_only_its_own_row(tmp_path):
    path = tmp_path / "rows.csv"
    lines = ["stars,review", *(f"5,row {number}" for number in range(2, 3001))]
    lines[4] = '5,"opened and never closed'
    lines[7] = '5,"two'
    lines[8] = 'lines"'
    path.write_text("\n".join(lines))
    rows = good_rows(
        lambda log: csv_rows(SourceFile(path), log),
        f"{path}:5",
        "malformed CSV (a quote opens here",
    )
    assert [row.line for row in rows] == [2, 3, 4, 6, 7, 8, *range(10, 3001)]
    assert rows[5].fields["review"] == "two\nlines"


def test_an_unclosed_quote_without_another_behind_it_takes_only_its_own_row(tmp_path):
    path = tmp_path / "rows.csv"
    lines = ["stars,review", *(f"5,row {number}" for number in range(2, 3001))]
    lines[2] = '5,"opened and never closed'
    path.write_text("\n".join(lines))
    rows = good_rows(
        lambda log: csv_rows(SourceFile(path), log),
        f"{path}:3",
        "malformed CSV (a quote opens here",
    )
    assert len(rows) == 2998
