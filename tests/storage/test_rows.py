import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared.row_streams import json_line
from arae_toolkit.storage.row_forms import RowForm
from arae_toolkit.storage.rows import MAX_CHARACTERS, Row, known_label, read_rows
from arae_toolkit.storage.text_lines import MAX_LINE_BYTES


def rows_of(content, *, names=("text",), row_format="lines"):
    return list(read_rows(io.BytesIO(content), path="in", names=names, form=RowForm(row_format)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
usable_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).filter(
    str.strip
)


def test_lines_become_rows_with_their_numbers():
    first, second = rows_of(b"a man .\r\n two dogs .")
    assert (first.line, first.texts, first.problem) == (1, ("a man .",), None)
    assert (second.line, second.fields) == (2, {"text": " two dogs ."})


def test_pairs_are_separated_by_a_tab():
    (row,) = rows_of(b"a man\ttwo dogs\n", names=("first", "second"))
    assert row.texts == ("a man", "two dogs")
    assert row.fields == {"first": "a man", "second": "two dogs"}


def test_other_fields_of_a_json_row_are_kept_in_order():
    (row,) = rows_of(
        b'{"id": 7, "caption": "a man", "x": [1.5]}', names=["caption"], row_format="jsonl"
    )
    assert row.texts == ("a man",)
    answered = row.answered({"code": [1]})
    assert list(answered.items()) == [("id", 7), ("caption", "a man"), ("x", [1.5]), ("code", [1])]


def test_objects_side_by_side_on_a_line_are_a_row_each():
    content = b'{"text": "a"}\n{"text": "b"} {"text": "c"}{"text": "d"}\n{"text": "e"}\n'
    rows = rows_of(content, row_format="jsonl")
    assert [(row.line, *row.texts) for row in rows] == [
        *((1, "a"), (2, "b"), (2, "c"), (2, "d"), (3, "e")),
    ]


@pytest.mark.parametrize(
    ("line", "column"), [(b'{"text": "a"} {"text": ', 24), (b'{"text": "a"}, 7', 14), (b"1 2", 3)]
)
def test_a_line_with_anything_else_behind_an_object_is_one_bad_row(line, column):
    bad, good = rows_of(line + b'\n{"text": "e"}\n', row_format="jsonl")
    assert bad.problem is not None and bad.problem.startswith("not JSON (")
    assert bad.problem.endswith(f"at character {column})")
    assert (bad.line, bad.texts, good.line) == (1, (), 2)


def test_blank_lines_of_jsonl_are_no_rows_but_are_counted():
    rows = rows_of(b'\n  \n{"text": "a"}\n\n', row_format="jsonl")
    assert [(row.line, row.problem) for row in rows] == [(3, None)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty text"),
        (b" \t ", "empty text"),
        (
            b"caf\xe9 noir",
            "not UTF-8 (byte 4 of the line); name its encoding with --encoding, such as cp1252 or "
            "utf-16-le",
        ),
        (b"a\0b", "NUL byte in text"),
        (b"a " * MAX_LINE_BYTES, f"line longer than {MAX_LINE_BYTES:,} bytes"),
        (
            b"a" * (MAX_CHARACTERS + 1),
            f"text of {MAX_CHARACTERS + 1:,} characters, at most {MAX_CHARACTERS:,} are accepted",
        ),
    ],
    ids=["empty", "blank", "latin-1", "nul", "long line", "long text"],
)
def test_an_unusable_line_says_why_and_the_next_one_is_read(content, problem):
    bad, good = rows_of(content + b"\na dog\n")
    assert (bad.line, bad.problem, bad.texts) == (1, problem, ())
    assert (good.line, good.texts) == (2, ("a dog",))


@pytest.mark.parametrize(
    ("content", "problem", "kept"),
    [
        (b'{"text": "a"', "not JSON (Expecting ',' delimiter at character 13)", {}),
        (b"a man", "not JSON (Expecting value at character 1)", {}),
        (b'["a man"]', "a list, where a JSON object is expected", {}),
        (b"null", "null, where a JSON object is expected", {}),
        (b'{"id": 7}', "no field 'text'", {"id": 7}),
        (b'{"text": null}', "field 'text' is null, not a text", {"text": None}),
        (b'{"text": true}', "field 'text' is true or false, not a text", {"text": True}),
        (b'{"text": 1.5}', "field 'text' is a number, not a text", {"text": 1.5}),
        (b'{"text": ["a"]}', "field 'text' is a list, not a text", {"text": ["a"]}),
        (b'{"text": {}}', "field 'text' is an object, not a text", {"text": {}}),
        (b'{"text": ""}', "empty text", {"text": ""}),
        (rb'{"text": "a\u0000"}', "NUL byte in text", {"text": "a\0"}),
        (rb'{"text": "\ud83d"}', "not UTF-8 (half a surrogate pair)", {"text": "\ud83d"}),
        (b'{"text": "a", "x": Infinity}', "not usable JSON (Infinity is no JSON value)", {}),
        (b'{"text": "a", "x": 1e999}', "not usable JSON (number 1e999 is out of range)", {}),
        (b"[" * 100_000, "not usable JSON (too deep or too large a number)", {}),
        (
            b'{"text": "a", "x": ' + b"9" * 5000 + b"}",
            "not usable JSON (too deep or too large a number)",
            {},
        ),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else "",
)
def test_an_unusable_json_row_says_why_and_keeps_its_fields(content, problem, kept):
    bad, good = rows_of(content + b'\n{"text": "a dog"}\n', row_format="jsonl")
    assert bad.problem is not None
    assert bad.problem.startswith(problem)
    assert bad.texts == ()
    assert bad.answered(None) == {**kept, "error": bad.problem}
    assert json.loads(json_line(bad.answered(None))) == {**kept, "error": bad.problem}
    assert (good.line, good.texts) == (2, ("a dog",))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a man", "2 texts separated by tabs are expected, found 1"),
        (b"a\tb\tc", "2 texts separated by tabs are expected, found 3"),
        (b"a man\t", "empty text"),
        (b"", "empty text"),
    ],
)
def test_an_unusable_line_of_a_pair_says_why(content, problem):
    (row,) = rows_of(content + b"\n", names=("first", "second"))
    assert row.problem == problem


def test_a_failing_stream_is_an_error_and_not_a_row():
    class Broken(io.BytesIO):
        def readline(self, size=-1):
            raise DataError("damaged or truncated archive", path="in.gz")

    with pytest.raises(DataError, match=r"in\.gz: damaged"):
        list(read_rows(Broken(), path="in.gz", names=["text"], form=RowForm("lines")))


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=6))
def test_every_line_is_one_row_whatever_it_holds(lines):
    rows = rows_of(b"".join(line + b"\n" for line in lines))
    assert [row.line for row in rows] == list(range(1, len(lines) + 1))
    assert all((row.problem is None) == bool(row.texts) for row in rows)


@given(st.binary(max_size=60))
def test_any_bytes_as_jsonl_give_rows_and_no_failure(content):
    rows = rows_of(content, row_format="jsonl")
    assert all((row.problem is None) == bool(row.texts) for row in rows)
    for row in rows:
        json_line(row.answered(None)).encode()


@given(st.dictionaries(st.text(), json_values, max_size=3), usable_texts)
def test_a_json_row_goes_through_unchanged(fields, text):
    given_fields = {**fields, "text": text}
    (row,) = rows_of(json.dumps(given_fields).encode(), row_format="jsonl")
    assert row.texts == (text,)
    assert json.loads(json_line(row.answered({}))) == given_fields
    assert list(json.loads(json_line(row.answered({})))) == list(given_fields)


ALTERNATIVES = [("premise", "sentence1"), "hypothesis"]


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({"premise": "a", "hypothesis": "b"}, ("a", "b")),
        ({"sentence1": "a", "hypothesis": "b"}, ("a", "b")),
        ({"sentence1": "x", "premise": "a", "hypothesis": "b"}, ("a", "b")),
    ],
)
def test_the_first_of_the_fields_that_may_hold_a_text_counts(fields, texts):
    content = json.dumps(fields).encode()
    (row,) = rows_of(content, names=ALTERNATIVES, row_format="jsonl")
    assert row.texts == texts
    assert row.fields == fields


def test_a_row_without_any_of_the_fields_says_which_were_looked_for():
    (row,) = rows_of(b'{"hypothesis": "b"}', names=ALTERNATIVES, row_format="jsonl")
    assert row.problem == ("no field 'premise' or 'sentence1'; the fields here are 'hypothesis'")
    (row,) = rows_of(b'{"sentence1": 5}', names=ALTERNATIVES, row_format="jsonl")
    assert row.problem == "field 'sentence1' is a number, not a text"


def test_lines_get_the_first_name_that_their_texts_may_have():
    (row,) = rows_of(b"a\tb\n", names=ALTERNATIVES)
    assert row.fields == {"premise": "a", "hypothesis": "b"}


def test_a_check_makes_a_row_unusable_and_leaves_an_unusable_one_alone():
    good, bad = rows_of(b'{"text": "a", "id": 1}\n{"id": 2}\n', row_format="jsonl")
    assert good.checked(lambda row: None) is good
    refused = good.checked(lambda row: f"id {row.fields['id']} is taken")
    assert (refused.problem, refused.texts) == ("id 1 is taken", ())
    assert refused.answered(None) == {"text": "a", "id": 1, "error": "id 1 is taken"}
    assert bad.checked(lambda row: "another problem") is bad


def test_an_answer_takes_no_name_that_the_row_has():
    row = Row(1, {"label": "neutral", "new_label": 5, "text": "a"})
    answered = row.answered({"label": "entailment", "score": 1.0})
    assert list(answered.items()) == [
        *(("label", "neutral"), ("new_label", 5), ("text", "a")),
        *(("new_new_label", "entailment"), ("score", 1.0)),
    ]


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        *(("Entailment", "entailment"), (" neutral ", "neutral"), ("c", "contradiction")),
        *((0, "entailment"), ("1", "neutral"), (2, "contradiction")),
        *((3, None), (True, None), (-1, None), (["c"], None), (None, None), ("x", None)),
    ],
)
def test_labels_of_snli_are_known_as_its_copies_write_them(label, meant):
    assert known_label(label, ["contradiction", "entailment", "neutral"]) == meant


@pytest.mark.parametrize("label", [0, "n", "-1", None])
def test_other_labels_are_known_by_their_names_alone(label):
    assert known_label(label, ["no", "yes"]) is None
    assert known_label("YES", ["no", "yes"]) == "yes"
