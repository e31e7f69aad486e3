import contextlib
import gzip
import io
import itertools
import json
import os
import sys
import tracemalloc

import click
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.recipes.shared.row_streams import (
    Request,
    growing_array,
    json_line,
    open_request,
    write_answers,
)
from arae_toolkit.storage.failure_counts import NAMED_FAILURES
from arae_toolkit.storage.row_forms import RowForm
from arae_toolkit.storage.rows import Row, read_rows


def request_of(content, *, on_error="skip", batch_size=2, row_format="lines"):
    rows = read_rows(io.BytesIO(content), path="in", names=["text"], form=RowForm(row_format))
    return Request(
        rows, path="in", on_error=on_error, batch_size=batch_size, output_format=row_format
    )


def shout(batch):
    return [row.texts[0].upper() for row in batch]


def answers_until_failure(request):
    """Return the answers of all batches, and the error that ended them."""
    batches = []
    try:
        for batch in request.answers(shout):
            batches.append([answer for _, answer in batch])
        request.check()
    except DataError as error:
        return batches, error
    return batches, None


# --- batches and unusable rows ---------------------------------------------------------------


def test_rows_are_answered_in_order_in_batches():
    batches, error = answers_until_failure(request_of(b"a\nb\nc\nd\ne\n"))
    assert batches == [["A", "B"], ["C", "D"], ["E"]]
    assert error is None


def test_skip_leaves_an_unusable_row_out_and_fails_at_the_end(capsys):
    batches, error = answers_until_failure(request_of(b"a\n\nc\n\xff\ne\n"))
    assert batches == [["A", "C"], ["E"]]
    assert str(error) == "in: 2 of 5 rows could not be used"
    assert error.exit_code == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "in:2: empty text" in printed.err
    assert "in:4: not UTF-8" in printed.err


def test_emit_lets_an_unusable_row_out_in_its_place():
    batches, error = answers_until_failure(request_of(b"a\n\nc\n\n\n", on_error="emit"))
    assert batches == [["A", None], ["C", None], [None]]
    assert error is not None


def test_fail_answers_the_rows_before_and_reads_no_further():
    stream = io.BytesIO(b"a\nb\nc\n\nd\n" * 1000)
    rows = read_rows(stream, path="in", names=["text"], form=RowForm("lines"))
    request = Request(rows, path="in", on_error="fail", batch_size=2, output_format="lines")
    batches, error = answers_until_failure(request)
    assert batches == [["A", "B"], ["C"]]
    assert str(error) == "in:4: empty text"
    assert stream.readline() == b"d\n"


def test_rows_before_a_damaged_part_of_an_archive_are_answered(tmp_path):
    path = tmp_path / "in.gz"
    lines = "".join(f"row {number} {os.urandom(40).hex()}\n" for number in range(20_000))
    path.write_bytes(gzip.compress(lines.encode())[:-200_000])
    with open_request(str(path), names=["text"], batch_size=100) as request:
        batches, error = answers_until_failure(request)
    answered = list(itertools.chain.from_iterable(batches))
    assert answered == lines.upper().splitlines()[: len(answered)]
    assert len(answered) > 1000
    assert "damaged or truncated archive" in str(error)


@pytest.mark.parametrize(("content", "row_format"), [(b"", "lines"), (b"\n\n", "jsonl")])
def test_a_request_without_rows_is_an_error(content, row_format):
    batches, error = answers_until_failure(request_of(content, row_format=row_format))
    assert batches == []
    assert "empty" in str(error)


@given(
    st.lists(st.sampled_from(["a man", "", "two dogs", "\0", "é"]), min_size=1, max_size=20),
    st.integers(1, 7),
    st.sampled_from(["skip", "emit"]),
)
def test_batch_size_changes_no_answer(lines, batch_size, on_error):
    content = "".join(f"{line}\n" for line in lines).encode()
    whole, _ = answers_until_failure(request_of(content, on_error=on_error, batch_size=100))
    parts, _ = answers_until_failure(request_of(content, on_error=on_error, batch_size=batch_size))
    assert list(itertools.chain(*parts)) == list(itertools.chain(*whole))
    usable = [line.upper() for line in lines if line not in ("", "\0")]
    assert [answer for answer in itertools.chain(*parts) if answer is not None] == usable
    if on_error == "emit":
        assert sum(map(len, parts)) == len(lines)


def test_an_endless_stream_is_answered_in_flat_memory():
    class Endless(io.RawIOBase):
        block = b"a man is sleeping .\n\xff bad row\n\n" + b"x" * 5000 + b"\n"

        def readable(self):
            return True

        def readinto(self, buffer):
            size = min(len(buffer), len(self.block))
            buffer[:size] = self.block[:size]
            return size

    rows = read_rows(io.BufferedReader(Endless()), path="in", names=["text"], form=RowForm("lines"))
    request = Request(rows, path="in", on_error="emit", batch_size=64, output_format="lines")
    batches = request.answers(shout)
    for _ in itertools.islice(batches, 2):
        pass
    tracemalloc.start()
    for _ in itertools.islice(batches, 30):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert request.row_count >= 32 * 64
    assert peak < 4 * 64 * 5000  # some batches of the longest rows


# --- where rows come from --------------------------------------------------------------------


def open_answers(source, **options):
    with open_request(source, names=["text"], **options) as request:
        answered = [pair for batch in request.answers(shout) for pair in batch]
    return request, answered


def test_arguments_are_rows_and_never_json():
    request, answered = open_answers(None, texts=[('{"text": 1}',), ("b",)], row_format="jsonl")
    assert [answer for _, answer in answered] == ['{"TEXT": 1}', "B"]
    assert [row.line for row, _ in answered] == [1, 2]
    assert request.output_format == "jsonl"


def test_arguments_and_a_file_together_are_refused():
    with (
        pytest.raises(click.UsageError, match=r"in\.txt"),
        open_request("in.txt", names=["text"], texts=[("a",)]),
    ):
        pass


@pytest.mark.parametrize("name", ["in.jsonl", "IN.JSONL", "in.ndjson", "in.jsonl.gz"])
def test_the_suffix_says_that_rows_are_json(tmp_path, name):
    content = b'{"text": "a"}\n'
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    request, answered = open_answers(str(path))
    assert [answer for _, answer in answered] == ["A"]
    assert request.output_format == "jsonl"


def test_a_format_that_is_asked_for_goes_before_the_suffix(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("plain\n")
    request, answered = open_answers(str(path), row_format="lines", output_format="jsonl")
    assert [answer for _, answer in answered] == ["PLAIN"]
    assert request.output_format == "jsonl"


def test_rows_are_checked_for_more_than_their_texts(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("a\nb\n")

    def problem_of(row):
        return "b is not wanted" if row.texts == ("b",) else None

    request, answered = open_answers(str(path), problem_of=problem_of, on_error="emit")
    assert [answer for _, answer in answered] == ["A", None]
    assert request.unusable_count == 1


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_source_that_cannot_be_opened_is_a_data_error(tmp_path, kind):
    path = tmp_path if kind == "folder" else tmp_path / "nothing.txt"
    with pytest.raises(DataError, match=str(path)), open_request(str(path), names=["text"]):
        pass


def test_a_closed_stdin_is_a_data_error(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(DataError, match="<stdin>"), open_request("-", names=["text"]):
        pass


# --- what is written -------------------------------------------------------------------------


def test_answers_are_written_as_json_with_the_fields_or_as_lines():
    good, bad = Row(1, {"id": 1, "text": "é"}, ("é",)), Row(2, {"id": 2}, problem="no field 'text'")

    @click.command()
    @click.argument("output_format")
    def command(output_format):
        answers = [(good, {"twice": ["éé", "."]}), (bad, None)]
        write_answers(answers, output_format, field="twice", lines=2)

    lines = CliRunner(charset="ascii").invoke(command, ["lines"]).stdout_bytes
    assert lines == "éé\n.\n\n\n".encode()
    as_json = CliRunner().invoke(command, ["jsonl"]).stdout
    assert [json.loads(line) for line in as_json.splitlines()] == [
        {"id": 1, "text": "é", "twice": ["éé", "."]},
        {"id": 2, "error": "no field 'text'"},
    ]


def test_json_is_readable_text_and_falls_back_to_escapes():
    assert json_line({"text": "café"}) == '{"text": "café"}'
    assert json_line({"text": "\ud83d é"}) == r'{"text": "\ud83d \u00e9"}'


@pytest.mark.parametrize("counts", [[], [1], [3, 0, 12_345]])
def test_a_growing_array_is_the_array_of_all_its_rows(tmp_path, counts):
    path = tmp_path / "codes.npy"
    blocks = [np.random.default_rng(n).random((n, 3)).astype(np.float32) for n in counts]
    with growing_array(path, 3) as append:
        for block in blocks:
            append(block.tolist())
        assert not path.exists()
    loaded = np.load(path, allow_pickle=False)
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, np.concatenate([np.zeros((0, 3)), *blocks]))


def test_a_growing_array_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "codes.npy"
    np.save(path, np.ones(2))
    with pytest.raises(DataError), growing_array(path, 3) as append:
        append([[1.0, 2.0, 3.0]])
        raise DataError("the source failed")
    np.testing.assert_array_equal(np.load(path), np.ones(2))
    assert [entry.name for entry in tmp_path.iterdir()] == ["codes.npy"]


def bad_rows(count, good=0):
    return [Row(at, {}, problem="no text") for at in range(count)], [
        Row(at, {}, texts=("a",)) for at in range(good)
    ]


def test_the_first_bad_rows_are_told_of_and_all_are_counted(capsys):
    bad, good = bad_rows(99, good=1)
    settings = {"path": "rows.csv", "on_error": "skip", "batch_size": 8, "output_format": "lines"}
    request = Request([*bad, *good, *bad], **settings)
    assert sum(map(len, request.answers(lambda rows: rows))) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == NAMED_FAILURES + 1
    assert lines[-1] == "arae-toolkit: warning: rows.csv: more such rows are only counted"
    with pytest.raises(DataError, match=r"198 of 199 rows could not be used"):
        request.check()


@pytest.mark.parametrize(("on_error", "read"), [("skip", 100), ("emit", 1000)])
def test_a_file_of_another_form_is_not_read_to_its_end(on_error, read):
    settings = {"path": "rows.csv", "batch_size": 8, "output_format": "lines"}
    request = Request(bad_rows(1000)[0], on_error=on_error, **settings)
    ending = pytest.raises(DataError, match="none of the first 100 rows can be used")
    with ending if on_error == "skip" else contextlib.nullcontext():
        list(request.answers(lambda rows: rows))
    assert request.row_count == read


# --- forms of rows ---------------------------------------------------------------------------

FORMS = {
    "lines": ("a dog\ntwo cats\n", "lines"),
    "jsonl": ('{"text": "a dog"}\n{"text": "two cats"}\n', "jsonl"),
    "array": ('[{"text": "a dog"}, {"text": "two cats"}]', "jsonl"),
    "indented": ('[\n {\n  "text": "a dog"\n },\n {"text": "two cats"}\n]\n', "jsonl"),
    "strings": ('["a dog", "two cats"]', "jsonl"),
    "csv": ('id,text\n1,a dog\n2,"two cats"\n', "jsonl"),
    "semicolons": ("id;text\n1;a dog\n2;two cats\n", "jsonl"),
    "tabs": ("id\ttext\n1\ta dog\n2\ttwo cats\n", "jsonl"),
}


def given_on_stdin(monkeypatch, content):
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))
    monkeypatch.setattr("sys.stdin", stream)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("source", ["-", "rows", "rows.txt.gz"])
@pytest.mark.parametrize("form", FORMS)
def test_the_first_bytes_tell_the_form(tmp_path, monkeypatch, form, source, encoding):
    text, output_format = FORMS[form]
    content = text.encode(encoding)
    if source == "-":
        given_on_stdin(monkeypatch, content)
    else:
        path = tmp_path / source
        path.write_bytes(gzip.compress(content) if source.endswith("gz") else content)
        source = str(path)
    request, answered = open_answers(source)
    assert [answer for _, answer in answered] == ["A DOG", "TWO CATS"]
    assert request.output_format == output_format
    request.check()


def test_parquet_keeps_its_fields(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows"
    parquet.write_table(arrow.table({"id": [1, 2], "text": ["a", "b"]}), path)
    request, answered = open_answers(str(path))
    assert [row.fields for row, _ in answered] == [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]
    assert request.output_format == "jsonl"


def test_parquet_without_its_library_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1 and more")
    with pytest.raises(ToolkitError, match=r"arae-toolkit\[parquet\]"):
        open_answers(str(path))


@pytest.mark.parametrize("text", ["a dog , red", "dogs, cats\nmen, women", "[ laughs ] hello", "7"])
def test_sentences_with_commas_are_lines(tmp_path, text):
    path = tmp_path / "rows"
    path.write_text(text)
    _, answered = open_answers(str(path))
    assert [answer for _, answer in answered] == text.upper().split("\n")


@pytest.mark.parametrize(
    ("content", "options"),
    [("1,a\n2,b\n", {}), ("1,a\n2,b\n", {"header": False}), ("n,t\n1,a\n2,b\n", {})],
)
def test_columns_by_number(tmp_path, content, options):
    path = tmp_path / "rows.csv"
    path.write_text(content)
    with open_request(str(path), names=["2"], **options) as request:
        answered = [pair for batch in request.answers(shout) for pair in batch]
    assert [(row.fields, answer) for row, answer in answered] == [
        ({"1": "1", "2": "a"}, "A"),
        ({"1": "2", "2": "b"}, "B"),
    ]


def test_bad_rows_of_a_table_are_named_and_the_others_answered(tmp_path, capsys):
    path = tmp_path / "rows.csv"
    path.write_bytes(b'id,text\n1,a\n2\n3,caf\xe9\n4,"open\n5,b\n6,\xff\n7,c\n')
    request, answered = open_answers(str(path))
    assert [answer for _, answer in answered] == ["A", "B", "C"]
    told = [line.split(": ")[2:4] for line in capsys.readouterr().err.splitlines()]
    assert [(where.rpartition(":")[2], problem[:12]) for where, problem in told] == [
        *(("3", "1 columns, 2"), ("4", "not UTF-8 (b"), ("5", "malformed CS")),
        ("7", "not UTF-8 (b"),
    ]
    assert request.row_count == 7


@pytest.mark.parametrize("content", [b"caf\xe9 noir\n" * 20, "thé\n".encode("utf-16-le") * 20])
@pytest.mark.parametrize("on_error", ["skip", "emit"])
def test_another_encoding_ends_it_unless_it_is_named(tmp_path, content, on_error):
    path = tmp_path / "rows.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"20 of its first 20 lines are not UTF-8; .*--encoding"):
        open_answers(str(path), on_error=on_error)
    encoding = "cp1252" if b"caf" in content else "utf-16-le"
    _, answered = open_answers(str(path), encoding=encoding)
    assert len(answered) == 20 and "É" in answered[0][1]


@pytest.mark.parametrize("start", [b"\x89PNG\r\n", b"PK\x03\x04", b"%PDF-1.7\n"])
def test_what_is_no_text_is_said_to_be_none(tmp_path, start):
    path = tmp_path / "rows.txt"
    path.write_bytes(start + bytes(range(256)))
    with pytest.raises(DataError, match="not text"):
        open_answers(str(path))


@pytest.mark.parametrize("count", [3, 1000])
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_field_that_no_row_has_ends_it_in_one_line(tmp_path, capsys, form, count):
    path = tmp_path / "rows"
    line, head = ('{"id": 1, "review": "a"}\n', "") if form == "jsonl" else ("1,a\n", "id,review\n")
    path.write_text(head + line * count)
    with pytest.raises(DataError, match="no field 'text'; the fields here are 'id', 'review'"):
        open_answers(str(path), row_format=form)
    assert capsys.readouterr().err == ""


def test_a_field_that_the_first_rows_lack_is_waited_for(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1}\n' * 9 + '{"text": "a"}\n' + '{"id": 1}\n' * 30)
    request, answered = open_answers(str(path))
    assert [answer for _, answer in answered] == ["A"]
    assert len(capsys.readouterr().err.splitlines()) == NAMED_FAILURES + 1
    with pytest.raises(DataError, match=r"39 of 40 rows .*\(39 x no field 'text'; the fields"):
        request.check()


def test_old_line_ends_are_line_ends(tmp_path):
    path = tmp_path / "rows.txt"
    path.write_bytes(b"a dog\rtwo cats\rthe end\n")
    _, answered = open_answers(str(path))
    assert [answer for _, answer in answered] == ["A DOG", "TWO CATS", "THE END"]


def test_nothing_is_read_before_the_first_row_is_asked_for():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as source, os.fdopen(writer, "wb", buffering=0) as target:
        path = f"/dev/fd/{source.fileno()}"
        with open_request(path, names=["text"], batch_size=1) as request:
            batches = request.answers(shout)  # would wait for ever if it looked already
            target.write(b'{"text": "a"}\n')
            assert [answer for _, answer in next(batches)] == ["A"]
            target.write(b'{"text": "b"}\n')
            assert [answer for _, answer in next(batches)] == ["B"]
