import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.errors import DataError
from arae_toolkit.storage import row_forms
from arae_toolkit.storage.row_forms import form_of, read_json_values, read_table

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def values_of(content):
    return list(read_json_values(io.BytesIO(content), path="rows.json"))


@given(st.lists(st.dictionaries(st.text(), json_values, max_size=3), max_size=5), st.booleans())
@pytest.mark.parametrize("block", [1, 1 << 16])
@pytest.mark.parametrize("indent", [None, 2])
def test_objects_come_back_from_arrays_and_one_by_one(block, indent, objects, as_array):
    parts = [json.dumps(value, indent=indent) for value in objects]
    content = json.dumps(objects, indent=indent) if as_array else "\n".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_forms, "_FIRST_VALUE_BYTES", block)
        found = values_of(content.encode())
    assert [value for _, value, _ in found] == objects
    assert all(error is None for _, _, error in found)


def test_the_line_of_each_value_is_told():
    found = values_of(b'[\n {"a": 1},\n {\n  "b": 2\n },\n {}\n]')
    assert [line for line, _, _ in found] == [2, 3, 6]


@pytest.mark.parametrize(
    ("content", "good"),
    [(b'[{"a": 1}, {"b": ]', 1), (b'[{"a": 1}', 1), (b'[{"a": "', 0), (b"[" * 100_000, 0)],
)
def test_an_array_that_is_damaged_gives_what_stands_before(content, good):
    *before, (_, value, error) = values_of(content)
    assert len(before) == good and value is None and error is not None


def test_an_array_of_another_encoding_is_an_error():
    with pytest.raises(DataError, match=r"rows\.json:1: not UTF-8"):
        values_of(b'[{"a": "caf\xe9"}]')


@given(st.binary(max_size=200), st.sampled_from(["", "a.csv", "a.tsv", "a.jsonl", "a.json.gz"]))
def test_any_bytes_have_a_form_or_an_error(head, path):
    try:
        form = form_of(head, path=path, wanted=["text"])
    except DataError as error:
        assert (str(error).startswith(path) and "csv" in path) or "tsv" in path or not path
        return
    assert form.kind in row_forms.KINDS
    assert not (path.startswith("a.js") and form.kind in ("lines", "csv"))


@pytest.mark.parametrize("path", ["", "said.txt"])
def test_sentences_with_a_comma_each_are_lines(path):
    text = b"Yes, sir\nthe man, now\na dog, red\nno, never\nwell, now\n"
    assert form_of(text, path=path, wanted=["text"]).kind == "lines"


def test_a_header_whose_names_are_empty_or_doubled_loses_nothing():
    content = ",text,text\n1,a,b\n"
    form = form_of(content.encode(), path="rows.csv")
    assert form.names == ("column 1", "text", "text.3")
    lines = enumerate(content.splitlines(), start=1)
    (row,) = read_table(lines, form)
    assert row == (2, {"column 1": "1", "text": "a", "text.3": "b"}, None)


@pytest.mark.parametrize("path", ["", "said.txt", "said.csv"])
@pytest.mark.parametrize("head", [b"review\n", b"review\na dog\n", b'"review"\n"a dog, red"\n'])
def test_one_column_is_told_by_its_header_whatever_it_comes_from(path, head):
    form = form_of(head, path=path, wanted=["review"])
    assert (form.kind, form.names, form.header_line) == ("csv", ("review",), 1)


@pytest.mark.parametrize("head", [b"caf\xe9,text\n1,a\n", b'[{"text": "caf\xe9"}]'])
def test_another_encoding_is_told_with_the_way_out(head):
    with pytest.raises(DataError, match="not UTF-8; name its encoding with --encoding"):
        form_of(head, path="rows.csv", wanted=["text"])
        values_of(head)


def test_the_advice_fits_what_was_said_of_the_header():
    with pytest.raises(DataError, match="give --no-header and columns by number"):
        form_of(b"1,a dog\n", path="rows.csv", wanted=["text"])
    with pytest.raises(DataError, match=r"are '1', '2'; columns without a header are named by num"):
        form_of(b"1,a dog\n", path="rows.csv", wanted=["text"], header=False)
