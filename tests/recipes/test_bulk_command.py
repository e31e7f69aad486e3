"""Bulk work of commands: the answers are those of the same command over a stream."""

import json

import pytest
import small
import small_transfer
from command_line import call, json_lines, rows_in
from small_bulk import content_of, here

from arae_toolkit.bulk import processes

PAIRS = [dict(zip(("premise", "hypothesis"), pair, strict=True)) for pair in small.PAIRS]
TEXTS = [{"text": text, "label": "negative"} for text in (*small.SENTENCES, "zebra zorb")]
COMMANDS = {
    "transfer --to positive --to negative": (small_transfer.save_model, TEXTS),
    "encode": (small.save_model, TEXTS),
    "reconstruct --method beam": (small.save_model, TEXTS),
    "nli predict": (small.save_pair_model, PAIRS),
}


@pytest.fixture(scope="module", params=COMMANDS)
def command(request, tmp_path_factory):
    save, rows = COMMANDS[request.param]
    words = request.param.split()
    run = save(tmp_path_factory.mktemp("runs") / "model")
    start = 2 if words[0] == "nli" else 1
    return [*words[:start], run, *words[start:], "--device", "cpu"], rows


@pytest.fixture
def in_this_process(monkeypatch):
    monkeypatch.setattr(processes, "by_processes", here)


def close(value, other):
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(close(value[n], other[n]) for n in value)
    if isinstance(value, list):
        return len(value) == len(other) and all(map(close, value, other))
    return value == (pytest.approx(other, rel=1e-4, abs=1e-4) if type(other) is float else other)


def test_files_are_answered_as_a_stream_is(command, in_this_process, tmp_path):
    words, rows = command
    for at in (0, 1):
        (tmp_path / "rows").mkdir(exist_ok=True)
        (tmp_path / "rows" / f"{at}.jsonl").write_text(json_lines(rows[at::2]))
    files = ("--input", tmp_path / "rows", "--output", tmp_path / "out", "--part-rows", 2)
    result = call(*words, *files, "--batch-size", 2)
    assert result.stdout == ""
    assert f"{tmp_path}/out: {len(rows)} of {len(rows)} rows of 2 files answered" in result.stderr
    for at in (0, 1):
        expected = rows_in(call(*words, tmp_path / "rows" / f"{at}.jsonl"))
        paths = sorted((tmp_path / "out" / "answers" / f"{at}.jsonl").iterdir())
        found = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
        assert [list(row) for row in found] == [list(row) for row in expected]
        assert all(map(close, found, expected))


def test_unusable_rows_are_told_and_make_the_exit_code(command, in_this_process, tmp_path):
    words, rows = command
    path = tmp_path / "rows.jsonl"
    path.write_text(json_lines(rows) + "nonsense\n")
    files = ("--input", path, "--output", tmp_path / "out")
    result = call(*words, *files, code=3)
    assert f"arae-toolkit: warning: {path}:{len(rows) + 1}: not JSON" in result.stderr
    last = f"arae-toolkit: error: {path}: 1 of {len(rows) + 1} rows could not be used; see "
    assert result.stderr.splitlines()[-1] == f"{last}{tmp_path}/out/bad-rows.jsonl"
    before = content_of(tmp_path / "out")
    again = call(*words, *files, code=3)
    assert f"({len(rows)} of them before)" in again.stderr
    assert content_of(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("--output out", "--output needs --input"),
        ("--workers 2", "--workers needs --input"),
        ("--engine local", "--engine needs --input"),
        ("--input rows", "--input needs --output DIR"),
        ("--input rows --output out rows.jsonl", "--input is given, and FILE or --text as well"),
        ("--input rows --output out --on-error emit", "--on-error emit is for streams"),
    ],
)
def test_options_that_do_not_go_together_are_refused(command, options, problem):
    words, _ = command
    assert problem in call(*words, *options.split(), code=2).stderr


def test_processes_answer_what_is_asked_of_the_program(tmp_path):
    run = small.save_model(tmp_path / "model")
    path = tmp_path / "rows.txt"
    path.write_text("\n".join(small.SENTENCES))
    files = ("--input", path, "--output", tmp_path / "out", "--part-rows", 4, "--workers", 2)
    call("reconstruct", run, *files, "--device", "cpu")
    found = b"".join(content_of(tmp_path / "out" / "answers").values()).decode().splitlines()
    expected = call("reconstruct", run, path, "--device", "cpu").stdout.splitlines()
    assert sorted(found) == sorted(expected)
