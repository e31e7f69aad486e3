from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import small_pairs
from click.testing import CliRunner

from arae_toolkit.data.vocabulary import MOST_WORDS
from arae_toolkit.recipes.cli import main
from arae_toolkit.recipes.shared.rows import MAX_CHARACTERS
from arae_toolkit.storage.paths import run_folder

PROGRAM = "from arae_toolkit.recipes.cli import main; main(prog_name='arae-toolkit')"
PAIRS = [
    ("a man runs .", "a man sleeps ."),
    ("two dogs sleep in the sun .", "two dogs play"),
    ("the girl holds a red ball .", "a girl reads a book in the park ."),
    ("a boy eats .", "zebras"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_pairs.save_model(tmp_path_factory.mktemp("runs") / "pairs")


@pytest.fixture(scope="module")
def model():
    return small_pairs.model()


@pytest.fixture
def call(folder):
    """Run ``nli predict``; RUN is given by this function."""

    def invoke(*arguments, run=folder, code=0, **settings):
        words = ["nli", "predict", str(run), *map(str, arguments)]
        result = CliRunner().invoke(main, words, prog_name="arae-toolkit", **settings)
        assert result.exit_code == code, result.output
        return result

    return invoke


def json_row(pair=PAIRS[0], names=("premise", "hypothesis"), **others):
    return json.dumps({**dict(zip(names, pair, strict=True)), **others})


def json_rows(pairs=PAIRS, **settings):
    return "".join(f"{json_row(pair, **settings)}\n" for pair in pairs)


def rows_in(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def labels_in(result):
    return [row["label"] for row in rows_in(result)]


# --- answers ---------------------------------------------------------------------------------


def test_rows_keep_their_order_and_fields_and_get_label_and_probabilities(call, model):
    content = json_rows(PAIRS, pairID="7é", gold_label="-")
    result = call(input=content)
    assert result.stderr == ""
    expected = model.probabilities(PAIRS)
    assert len({row.argmax() for row in expected}) > 1, "the model is too dull to test with"
    for row, pair, probabilities in zip(rows_in(result), PAIRS, expected, strict=True):
        names = ["premise", "hypothesis", "pairID", "gold_label", "label", "probabilities"]
        assert list(row) == names
        assert (row["premise"], row["hypothesis"], row["pairID"]) == (*pair, "7é")
        assert row["label"] == small_pairs.LABELS[probabilities.argmax()]
        assert list(row["probabilities"]) == list(small_pairs.LABELS)
        np.testing.assert_allclose(list(row["probabilities"].values()), probabilities, rtol=1e-5)
        assert all(len(f"{value:.9g}") <= 11 for value in row["probabilities"].values())


def test_each_row_may_have_our_names_or_those_of_snli(call, model):
    ours, theirs = json_row(PAIRS[0]), json_row(PAIRS[1], names=("sentence1", "sentence2"))
    both = json.dumps({**json.loads(json_row(PAIRS[2])), "sentence1": "x", "sentence2": "y"})
    result = call(input=f"{ours}\n{theirs}\n{both}\n")
    assert labels_in(result) == model.predict(PAIRS[:3])


def test_other_fields_can_be_named(call, model):
    content = json_rows(names=("p", "h"), premise="not this one")
    result = call("--premise-field", "p", "--hypothesis-field", "h", input=content)
    assert labels_in(result) == model.predict(PAIRS)
    refused = call("--premise-field", "p", input=json_rows(), code=3)
    assert "<stdin>:1: no field 'p'" in refused.stderr


def test_added_fields_replace_those_of_the_row(call, model):
    content = json_row(label="mine", probabilities=[1], error=None)
    (row,) = rows_in(call(input=content))
    assert row["label"] == model.predict(PAIRS[:1])[0]
    assert set(row["probabilities"]) == set(small_pairs.LABELS)
    assert row["error"] is None


def test_lines_are_answered_by_labels_alone(call, model):
    content = "".join(f"{premise}\t{hypothesis}\n" for premise, hypothesis in PAIRS)
    result = call("--format", "lines", input=content)
    assert result.stdout.splitlines() == model.predict(PAIRS)
    as_json = call("--format", "lines", "--output-format", "jsonl", input=content)
    assert as_json.stdout == call(input=json_rows()).stdout
    only_labels = call("--output-format", "lines", input=json_rows())
    assert only_labels.stdout == result.stdout


def test_file_archive_and_stdin_give_the_same_bytes(call, tmp_path):
    content = json_rows()
    expected = call(input=content).stdout_bytes
    plain, packed = tmp_path / "pairs.txt", tmp_path / "pairs.jsonl.gz"
    plain.write_text(content)
    packed.write_bytes(gzip.compress(content.encode()))
    assert call("-", input=content).stdout_bytes == expected
    assert call(plain).stdout_bytes == expected
    assert call(packed).stdout_bytes == expected


@pytest.mark.parametrize("batch_size", [1, 2, 3, 1000])
def test_the_batch_size_changes_nothing_beyond_rounding(call, batch_size):
    content = json_rows(PAIRS * 5, names=("sentence1", "sentence2"))
    expected = rows_in(call(input=content))
    rows = rows_in(call("--batch-size", batch_size, input=content))
    for row, other in zip(rows, expected, strict=True):
        assert row["label"] == other["label"]
        assert row["probabilities"] == pytest.approx(other["probabilities"], rel=1e-4)


def test_longer_texts_are_cut_and_told_of(call):
    premise = "a man runs " * MOST_WORDS
    result = call(input=json_rows([(premise, "a man"), PAIRS[0]]))
    assert len(rows_in(result)) == 2
    assert result.stderr == (
        f"arae-toolkit: warning: <stdin>: texts longer than the {MOST_WORDS} words this model was "
        "trained on, read up to there: 1\n"
    )


# --- unusable rows ---------------------------------------------------------------------------

BAD_ROWS = {
    "nonsense": "not JSON (Expecting value at character 1)",
    "[1]": "a list, where a JSON object is expected",
    '{"premise": "a"}': "no field 'hypothesis' or 'sentence2'",
    '{"sentence2": "a"}': "no field 'premise' or 'sentence1'",
    '{"premise": "a", "hypothesis": null}': "field 'hypothesis' is null, not a text",
    '{"premise": " ", "hypothesis": "a"}': "empty text",
    '{"premise": "a", "hypothesis": "a\\u0000"}': "NUL byte in text",
    '{"premise": "a", "hypothesis": "a\0"}': "NUL byte in text",
    json_row(("a" * (MAX_CHARACTERS + 1), "a")): "text of 10,001 characters, at most 10,000",
    " " * ((1 << 20) + 1): "line longer than 1,048,576 bytes",
}


@pytest.mark.parametrize("on_error", ["skip", "emit"])
def test_unusable_rows_are_named_and_no_other_row_is_lost(call, model, on_error):
    content = "".join(f"{bad}\n{json_row()}\n" for bad in BAD_ROWS)
    result = call("--on-error", on_error, "--batch-size", 3, code=3, input=content)
    for number, problem in enumerate(BAD_ROWS.values()):
        assert f"<stdin>:{2 * number + 1}: {problem}" in result.stderr
    assert (
        f"{len(BAD_ROWS)} of {2 * len(BAD_ROWS)} rows could not" in result.stderr.splitlines()[-1]
    )
    rows = rows_in(result)
    good = [row["label"] for row in rows if "error" not in row]
    assert good == model.predict(PAIRS[:1]) * len(BAD_ROWS)
    if on_error == "emit":
        problems = [row["error"] for row in rows[::2]]
        assert all(map(str.startswith, problems, BAD_ROWS.values()))
        assert rows[4] == {"premise": "a", "error": "no field 'hypothesis' or 'sentence2'"}
    else:
        assert len(rows) == len(BAD_ROWS)


@pytest.mark.parametrize("bad", BAD_ROWS, ids=lambda row: row[:24].replace("\0", "NUL"))
def test_the_first_unusable_row_ends_a_request_that_asks_for_it(call, bad):
    content = f"{json_row()}\n{bad}\n{json_row()}\n"
    result = call("--on-error", "fail", code=3, input=content)
    assert len(rows_in(result)) == 1
    assert result.stderr.startswith(f"arae-toolkit: error: <stdin>:2: {BAD_ROWS[bad]}")
    assert len(result.stderr.splitlines()) == 1


def test_lines_that_are_no_pairs_are_empty_lines_when_let_out(call, model):
    content = "a man runs .\ta man sleeps .\nonly one\n"
    result = call("--format", "lines", "--on-error", "emit", code=3, input=content)
    assert result.stdout.split("\n") == [*model.predict(PAIRS[:1]), "", ""]
    assert "<stdin>:2: 2 texts separated by tabs are expected, found 1" in result.stderr


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_empty_input_is_an_error(call, content):
    result = call(input=content, code=3)
    assert result.stderr == "arae-toolkit: error: <stdin>: empty, there is no row to work on\n"


# --- models ----------------------------------------------------------------------------------


def test_several_networks_are_averaged(call, tmp_path):
    run = small_pairs.save_model(tmp_path / "several", 1, 2)
    rows = rows_in(call(run=run, input=json_rows()))
    expected = small_pairs.model(1, 2).probabilities(PAIRS)
    given = [list(row["probabilities"].values()) for row in rows]
    np.testing.assert_allclose(given, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["tiny", "nli-tiny"])
def test_a_run_is_found_with_and_without_its_prefix(call, name):
    small_pairs.save_model(run_folder("nli-tiny"))
    assert len(rows_in(call(run=name, input=json_rows()))) == len(PAIRS)


def test_a_missing_run_names_the_places_and_the_command_that_makes_one(call):
    result = call(run="nowhere", input=json_rows(), code=1)
    assert len(result.stderr.splitlines()) == 1
    for place in (run_folder("nowhere"), run_folder("nli-nowhere")):
        assert str(place / "config.json") in result.stderr
    assert "'arae-toolkit nli --labels tiny'" in result.stderr


def test_a_missing_file_is_met_before_the_model_is_loaded(call, tmp_path):
    result = call(tmp_path / "no.jsonl", run="nowhere", code=3)
    assert result.stderr == f"arae-toolkit: error: {tmp_path}/no.jsonl: no such file\n"


@pytest.mark.parametrize("damage", ["cut", "no weights", "another kind", "no member"])
def test_a_damaged_model_is_one_line(call, folder, tmp_path, damage):
    run = tmp_path / "damaged"
    if damage == "no member":
        small_pairs.save_model(run, 1, 2)
        shutil.rmtree(run / "member-1")
    else:
        shutil.copytree(folder, run)
    weights, config = run / "model.safetensors", run / "config.json"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "no weights":
        weights.unlink()
    elif damage == "another kind":
        config.write_text(config.read_text().replace('"pairs"', '"arae"'))
    result = call(run=run, input=json_rows(), code=4)
    assert result.stderr.startswith(f"arae-toolkit: error: {run}")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


# --- the program in a pipe -------------------------------------------------------------------


def start(*arguments, **streams):
    command = [sys.executable, "-c", PROGRAM, "nli", "predict", *map(str, arguments)]
    return subprocess.Popen(command, text=True, **streams)


def test_the_answers_to_a_batch_are_out_before_more_rows_are_read(folder, model):
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with start(folder, "--batch-size", 2, "--output-format", "lines", **pipes) as process:
        for _ in range(3):
            process.stdin.write(json_rows(PAIRS[:2]))
            process.stdin.flush()
            answers = [process.stdout.readline().strip() for _ in range(2)]
            assert answers == model.predict(PAIRS[:2])
        process.stdin.write(json_rows(PAIRS[2:3]))
        out, errors = process.communicate()
    assert out.split() == model.predict(PAIRS[2:3])
    assert (process.returncode, errors) == (0, "")


def test_a_reader_that_has_enough_is_no_failure(folder, tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text(json_rows() * 20_000)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    with start(folder, path, env=buffered, **pipes) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
