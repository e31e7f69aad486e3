import shutil

import numpy as np
import pytest
import small
from command_line import call as call_program
from command_line import json_lines, rows_in

from arae_toolkit.data.vocabulary import MOST_WORDS
from arae_toolkit.storage.paths import run_folder

PAIRS = [*small.PAIRS[:3], ("a man runs .", "the old man runs .")]


@pytest.fixture(scope="module")
def model():
    return small.pair_model()


@pytest.fixture
def call(pair_model):
    """Run ``nli predict``; RUN is given by this function."""
    return lambda *words, run=pair_model, **settings: call_program(
        "nli", "predict", run, *words, **settings
    )


def json_rows(pairs=PAIRS, names=("premise", "hypothesis"), **others):
    return json_lines({**dict(zip(names, pair, strict=True)), **others} for pair in pairs)


def labels_in(result):
    return [row["label"] for row in rows_in(result)]


def test_rows_keep_their_order_and_fields_and_get_label_and_probabilities(call, model):
    content = json_rows(PAIRS, pairID="7é", gold_label="-")
    result = call(input=content)
    assert result.stderr == ""
    expected = model.probabilities(PAIRS)
    assert len({row.argmax() for row in expected}) > 1, "the model is too dull to test with"
    for row, pair, probabilities in zip(rows_in(result), PAIRS, expected, strict=True):
        names = ["premise", "hypothesis", "pairID", "gold_label", "label", "probabilities"]
        assert list(row) == [*names, "unknown_words"]
        assert (row["premise"], row["hypothesis"], row["pairID"]) == (*pair, "7é")
        assert row["label"] == small.LABELS[probabilities.argmax()]
        assert list(row["probabilities"]) == list(small.LABELS)
        np.testing.assert_allclose(list(row["probabilities"].values()), probabilities, rtol=1e-5)
        assert all(len(f"{value:.9g}") <= 11 for value in row["probabilities"].values())


def test_a_sentence_without_a_known_word_leaves_a_pair_without_a_label(call):
    content = json_rows([PAIRS[0], ("a man runs .", "Ein Mann läuft ."), ("😍", "a man runs .")])
    result = call(input=content)
    rows = rows_in(result)
    assert [row["unknown_words"] for row in rows] == [0, 3, 1]
    assert [row["label"] is None for row in rows] == [False, True, True]
    assert [row["probabilities"] is None for row in rows] == [False, True, True]
    assert result.stderr == (
        "arae-toolkit: warning: <stdin>: 2 of 6 texts are mostly unknown words, 2 of them "
        "entirely and so not answered\n"
    )
    lines = call("--output-format", "lines", input=content).stdout.split("\n")
    assert lines == [rows[0]["label"], "", "", ""]


def test_each_row_may_have_our_names_or_those_of_snli(call, model):
    ours, theirs = json_rows(PAIRS[:1]), json_rows(PAIRS[1:2], names=("sentence1", "sentence2"))
    both = json_rows(PAIRS[2:3], sentence1="x", sentence2="y")
    assert labels_in(call(input=ours + theirs + both)) == model.predict(PAIRS[:3])


def test_other_fields_can_be_named(call, model):
    content = json_rows(names=("p", "h"), premise="not this one")
    result = call("--premise-field", "p", "--hypothesis-field", "h", input=content)
    assert labels_in(result) == model.predict(PAIRS)
    refused = call("--premise-field", "p", input=json_rows(), code=3)
    assert "<stdin>:1: no field 'p'" in refused.stderr


def test_added_fields_replace_none_of_the_row(call, model):
    content = json_rows(PAIRS[:1], label="mine", probabilities=[1], error=None)
    (row,) = rows_in(call(input=content))
    assert (row["label"], row["probabilities"], row["error"]) == ("mine", [1], None)
    assert row["new_label"] == model.predict(PAIRS[:1])[0]
    assert set(row["new_probabilities"]) == set(small.LABELS)


def test_longer_texts_are_cut(call):
    result = call(input=json_rows([("a man runs " * MOST_WORDS, "a man")]))
    assert "read up to there: 1\n" in result.stderr


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({"premise": "a"}, "no field 'hypothesis' or 'sentence2'"),
        ({"premise": "a", "hypothesis": None}, "field 'hypothesis' is null, not a text"),
        ({"sentence1": " ", "hypothesis": "a"}, "empty text"),
    ],
)
def test_both_texts_have_to_be_usable(call, bad, problem):
    (row,) = rows_in(call("--on-error", "emit", input=json_lines([bad]), code=3))
    assert row == {**bad, "error": row["error"]} and row["error"].startswith(problem)


def test_a_line_is_a_pair(call):
    result = call("--format", "lines", code=3, input="a man runs .\ta man sleeps .\nonly one\n")
    assert "<stdin>:2: 2 texts separated by tabs are expected, found 1" in result.stderr


def test_several_networks_are_averaged(call, tmp_path):
    run = small.save_pair_model(tmp_path / "several", 1, 2)
    rows = rows_in(call(run=run, input=json_rows()))
    expected = small.pair_model(1, 2).probabilities(PAIRS)
    given = [list(row["probabilities"].values()) for row in rows]
    np.testing.assert_allclose(given, expected, rtol=1e-5)


def test_a_run_is_found_with_and_without_its_prefix(call):
    missing = call(run="nowhere", input=json_rows(), code=2)
    for place in (run_folder("nowhere"), run_folder("nli-nowhere")):
        assert str(place / "config.json") in missing.stderr
    small.save_pair_model(run_folder("nli-tiny"))
    for name in ("tiny", "nli-tiny"):
        assert len(rows_in(call(run=name, input=json_rows()))) == len(PAIRS)


def test_a_lost_member_of_several_is_one_line(call, tmp_path):
    run = small.save_pair_model(tmp_path / "damaged", 1, 2)
    shutil.rmtree(run / "member-1")
    result = call(run=run, input=json_rows(), code=4)
    assert result.stderr.startswith(f"arae-toolkit: error: {run}")
    assert len(result.stderr.splitlines()) == 1
