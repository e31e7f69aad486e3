import csv
import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import small
import small_transfer
from command_line import call, json_lines, rows_in, start

from arae_toolkit.storage.failure_counts import NAMED_FAILURES
from arae_toolkit.storage.paths import run_folder
from arae_toolkit.storage.rows import MAX_CHARACTERS


@dataclass(frozen=True)
class Stream:
    """A command, what it needs, and what it says.

    Attributes:
        words: The command.
        options: That make it write JSONL, whatever it reads.
        save: Writes a small model folder and returns it.
        rows: Rows with different answers.
        field: What lines of text hold of an answer.
        missing: How a row without the first text is told of.
        longest: Words that the model knows of.
        advice: The command that makes a model.
    """

    words: tuple[str, ...]
    options: tuple[str, ...]
    save: Callable[[Path], Path]
    rows: tuple[dict[str, str], ...]
    field: str
    missing: str
    longest: int
    advice: str

    @property
    def text(self) -> str:
        """Name of the first text of a row."""
        return next(iter(self.rows[0]))

    def bad_rows(self) -> dict[bytes, str]:
        """Return rows that cannot be used, with why not."""

        def row(value: Any) -> bytes:
            return json.dumps({**self.rows[0], self.text: value}).encode()

        return {
            b"nonsense": "not JSON (Expecting value at character 1)",
            b"[1]": "a list, where a JSON object is expected",
            b'{"id": 5}': self.missing,
            row(None): f"field '{self.text}' is null, not a text",
            row(7): f"field '{self.text}' is a number, not a text",
            row(" \n"): "empty text",
            row("a\0"): "NUL byte in text",
            row("\ud800"): "not UTF-8 (half a surrogate pair)",
            row("x").replace(b'"x"', b'"\xff"'): "not UTF-8 (byte ",
            row("a" * (MAX_CHARACTERS + 1)): "text of 10,001 characters, at most 10,000",
            b" " * ((1 << 20) + 1): "line longer than 1,048,576 bytes",
        }


PAIRS = (
    ("a man runs .", "a man sleeps ."),
    ("two dogs sleep in the sun .", "two dogs play"),
    ("the girl holds a red ball .", "a girl reads a book in the park ."),
)
ID_ALONE = "; the fields here are 'id'"
TEXTS = ("The food was bad, and I'm sad.", "the staff did n't care !", "WE PAID $20 FOR IT.")
STREAMS = {
    "reconstruct": Stream(
        ("reconstruct",), ("--output-format", "jsonl"), small.save_model,
        tuple({"text": text} for text in small.SENTENCES[1:4]),
        "reconstruction", f"no field 'text'{ID_ALONE}", 10, "arae-toolkit pretrain CORPUS",
    ),
    "predict": Stream(
        ("nli", "predict"), (), small.save_pair_model,
        tuple({"premise": premise, "hypothesis": hypothesis} for premise, hypothesis in PAIRS),
        "label", f"no field 'premise' or 'sentence1'{ID_ALONE}", 60,
        "arae-toolkit nli --labels tiny",
    ),
    "transfer": Stream(
        ("transfer",), ("--to", "positive"), small_transfer.save_model,
        tuple({"text": text} for text in TEXTS),
        "transferred", f"no field 'text'{ID_ALONE}", 60, "arae-toolkit pretrain CORPUS",
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=STREAMS)
def stream(request):
    return STREAMS[request.param]


@pytest.fixture(scope="module")
def folder(stream, tmp_path_factory):
    return stream.save(tmp_path_factory.mktemp("runs") / "model")


@pytest.fixture
def answer(stream, folder):
    """Run the command; RUN and what makes it read JSONL are given by this function."""
    return lambda *more, run=folder, **settings: call(
        *stream.words, run, *stream.options, *more, **settings
    )


def test_rows_keep_their_order_and_fields(stream, answer):
    given = [{**row, "id": f"{at}é", "error": None} for at, row in enumerate(stream.rows)]
    result = answer(input=json_lines(given))
    assert result.stderr == ""
    rows = rows_in(result)
    assert [{name: row[name] for name in given[0]} for row in rows] == given
    assert list(rows[0])[: len(given[0])] == list(given[0])
    answers = [row[stream.field] for row in rows]
    assert len(set(answers)) > 1, "the model is too dull to test with"
    as_lines = answer("--output-format", "lines", input=json_lines(given))
    assert as_lines.stdout.splitlines() == answers


def test_lines_are_answered_like_rows(stream, answer):
    lines = "".join("\t".join(row.values()) + "\n" for row in stream.rows)
    as_rows = answer(input=json_lines(stream.rows))
    as_json = answer("--format", "lines", "--output-format", "jsonl", input=lines)
    assert as_json.stdout == as_rows.stdout
    answers = [row[stream.field] for row in rows_in(as_rows)]
    as_lines = answer("--format", "lines", "--output-format", "lines", input=lines)
    assert as_lines.stdout.splitlines() == answers


@pytest.mark.parametrize("form", ["array", "csv", "tsv", "utf-16"])
def test_every_form_of_the_rows_is_answered_alike(stream, answer, form):
    names = [*stream.rows[0]]
    cells = [[*row.values()] for row in stream.rows]
    if form == "array":
        content = json.dumps(stream.rows, indent=1).encode()
    elif form == "utf-16":
        content = json_lines(stream.rows).encode("utf-16")
    else:
        target = io.StringIO()
        writer = csv.writer(target, delimiter="\t" if form == "tsv" else ",")
        writer.writerows([["id", *names], *(["7", *row] for row in cells)])
        content = target.getvalue().encode()
    found = rows_in(answer(input=content))
    expected = rows_in(answer(input=json_lines(stream.rows)))
    assert [{k: v for k, v in row.items() if k != "id"} for row in found] == expected
    refused = answer(
        "--" + stream.text.replace("premise", "premise-field").replace("text", "text-field"),
        "nowhere",
        input=content,
        code=3,
    )
    (line,) = refused.stderr.splitlines()
    assert "no field 'nowhere'; the fields here are" in line and f"'{names[0]}'" in line


def test_arguments_file_archive_and_stdin_give_the_same_bytes(stream, answer, tmp_path):
    content = json_lines(stream.rows)
    expected = answer(input=content).stdout_bytes
    plain, packed = tmp_path / "rows.txt", tmp_path / "rows.jsonl.gz"
    plain.write_text(content)
    packed.write_bytes(gzip.compress(content.encode()))
    assert answer("-", input=content).stdout_bytes == expected
    assert answer(plain).stdout_bytes == expected
    assert answer(packed).stdout_bytes == expected
    if stream.text == "text":
        arguments = [word for row in stream.rows for word in ("--text", row["text"])]
        assert answer(*arguments).stdout_bytes == expected


@pytest.mark.parametrize("batch_size", [1, 2, 1000])
def test_the_batch_size_changes_nothing_beyond_rounding(stream, answer, batch_size):
    content = json_lines(stream.rows * 5)
    rows = rows_in(answer("--batch-size", batch_size, input=content))
    for row, other in zip(rows, rows_in(answer(input=content)), strict=True):
        assert row[stream.field] == other[stream.field]
        for name, value in other.items():
            close = value if isinstance(value, str) else pytest.approx(value, rel=1e-4)
            assert row[name] == close


def test_longer_texts_are_told_of(stream, answer):
    long = {name: f"{text} " * stream.longest for name, text in stream.rows[0].items()}
    result = answer(input=json_lines([long, stream.rows[0]]))
    assert len(rows_in(result)) == 2
    (line,) = result.stderr.splitlines()
    assert f"texts longer than the {stream.longest} words this model was trained on" in line
    assert line.endswith(f": {len(long)}")


# --- unusable rows ---------------------------------------------------------------------------


@pytest.mark.parametrize("on_error", ["skip", "emit"])
def test_unusable_rows_are_named_and_no_other_row_is_lost(stream, answer, on_error):
    good, bad = json_lines(stream.rows[:1]).encode(), stream.bad_rows()
    content = b"".join(b"%s\n%s" % (row, good) for row in bad)
    result = answer("--on-error", on_error, "--batch-size", 3, code=3, input=content)
    for number, problem in enumerate([*bad.values()][:NAMED_FAILURES]):
        assert f"<stdin>:{2 * number + 1}: {problem}" in result.stderr
    assert f"{len(bad)} of {2 * len(bad)} rows could not" in result.stderr.splitlines()[-1]
    rows = rows_in(result)
    answered = [row for row in rows if "error" not in row]
    assert answered == rows_in(answer(input=good)) * len(bad)
    if on_error == "emit":
        assert all(map(str.startswith, [row["error"] for row in rows[::2]], bad.values()))
        assert rows[4].items() >= {"id": 5, "error": stream.missing}.items()
    else:
        assert len(rows) == len(bad)


def test_the_first_unusable_row_ends_a_request_that_asks_for_it(stream, answer):
    good = json_lines(stream.rows[:1]).encode()
    for bad, problem in stream.bad_rows().items():
        content = b"%s%s\n%s" % (good, bad, good)
        result = answer("--on-error", "fail", code=3, input=content)
        assert len(rows_in(result)) == 1
        assert result.stderr.startswith(f"arae-toolkit: error: <stdin>:2: {problem}")
        assert len(result.stderr.splitlines()) == 1


def test_unusable_lines_are_empty_lines_when_let_out(stream, answer):
    first, second = ("\t".join(row.values()) for row in stream.rows[:2])
    lines = ["--format", "lines", "--output-format", "lines", "--on-error", "emit"]
    result = answer(*lines, code=3, input=f"{first}\n\n{second}\n")
    answers = [row[stream.field] for row in rows_in(answer(input=json_lines(stream.rows[:2])))]
    assert result.stdout.split("\n") == [answers[0], "", answers[1], ""]


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_empty_input_is_an_error(answer, content):
    result = answer("--format", "jsonl", input=content, code=3)
    assert "error: <stdin>: empty, there is no row to work on" in result.stderr


# --- models ----------------------------------------------------------------------------------


def test_a_run_is_found_by_its_name_or_told_of_in_one_line(stream, answer):
    content = json_lines(stream.rows)
    result = answer(run="nowhere", input=content, code=2)
    assert len(result.stderr.splitlines()) == 1
    assert str(run_folder("nowhere") / "config.json") in result.stderr
    assert f"'{stream.advice}'" in result.stderr
    stream.save(run_folder("nowhere"))
    assert answer(run="nowhere", input=content).stdout == answer(input=content).stdout


def test_a_missing_file_is_met_before_the_model_is_loaded(answer, tmp_path):
    result = answer(tmp_path / "no.jsonl", run="nowhere", code=2)
    assert result.stderr == f"arae-toolkit: error: {tmp_path}/no.jsonl: no such file\n"


def test_a_text_in_the_place_of_a_file_is_told_its_option(stream, answer):
    said = answer("The kettle is slow.", code=2).stderr
    advice = "; a text itself is given by --text" if stream.text == "text" else ""
    assert said == f"arae-toolkit: error: The kettle is slow.: no such file{advice}\n"


@pytest.mark.parametrize("damage", ["cut", "no weights", "another kind"])
def test_a_damaged_model_is_one_line(stream, answer, tmp_path, damage):
    run = stream.save(tmp_path / "damaged")
    weights, config = run / "model.safetensors", run / "config.json"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "no weights":
        weights.unlink()
    else:
        config.write_text(json.dumps({**json.loads(config.read_text()), "kind": "another"}))
    result = answer(run=run, input=json_lines(stream.rows), code=4)
    assert result.stderr.startswith(f"arae-toolkit: error: {run}")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


# --- the program in a pipe -------------------------------------------------------------------


def test_the_answers_to_a_batch_are_out_before_more_rows_are_read(stream, folder, answer):
    expected = [row[stream.field] for row in rows_in(answer(input=json_lines(stream.rows)))]
    options = (*stream.options, "--batch-size", 2, "--output-format", "lines")
    with start(*stream.words, folder, *options, stdin=subprocess.PIPE) as process:
        for _ in range(3):
            process.stdin.write(json_lines(stream.rows[:2]))
            process.stdin.flush()
            assert [process.stdout.readline().rstrip("\n") for _ in range(2)] == expected[:2]
        process.stdin.write(json_lines(stream.rows[2:]))
        out, errors = process.communicate()
    assert out.splitlines() == expected[2:]
    assert (process.returncode, errors) == (0, "")


def test_a_reader_that_has_enough_is_no_failure(stream, folder, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json_lines(stream.rows) * 10_000)
    with start(*stream.words, folder, *stream.options, path) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.parametrize("command", ["reconstruct", "transfer", "pretrain", "prepare"])
def test_help_starts_with_examples_and_without_torch(command):
    text = call(command, "--help").stdout
    assert text.index("Examples:") < text.index("Options:")
    assert text.count(f"arae-toolkit {command} ") >= 4
    program = (
        "import sys\nfrom arae_toolkit.recipes.cli import main\n"
        f"try:\n    main([{command!r}, '--help'])\n"
        "finally:\n    print('torch' in sys.modules or 'tokenizers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"
