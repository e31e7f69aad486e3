"""Rows of a table's file that another call has measured: which stay, and with what."""

import json
from operator import itemgetter

import pytest

from arae_toolkit.recipes.reproduce.earlier_rows import EarlierRows
from arae_toolkit.reports.results import write_result

CORPUS = {"name": "reviews", "rows": 9, "sha256": "ab"}
SIGNATURE = {"judge": 70.5, "encoder": None, "bilstm": {"dev_accuracy": 70.5}}
ALIKE = {"split": "test", "signature": SIGNATURE, "sizes": (1, 2)}


def written(folder, **changed):
    """Write a file of two rows, one of which an earlier call than its own has made."""
    told = {
        "command": "arae-toolkit reproduce table",
        "corpus": CORPUS,
        "seeds": [0],
        "device": "cpu",
        "seconds": 3.0,
        "metrics": {
            name: {"value": 1.0, "spread": None, "unit": "percent"}
            for name in ("a, test", "ab, test", "b, test")
        },
        "details": {
            **ALIKE,
            "rows": ["a", "ab", "b"],
            "seconds_of": {"a": 1.0, "b": 2.0},
            "made_by": {"b": {"command": "an earlier one"}},
        },
    }
    write_result(folder, "table", **{**told, **changed})


def earlier(folder, measured=(), *, corpus=CORPUS, alike=ALIKE):
    where = {"rows": itemgetter("rows"), "corpus": corpus, "alike": alike}
    return EarlierRows(folder, "table", measured, **where)


def test_rows_that_are_not_measured_now_stay_with_all_that_is_theirs(tmp_path):
    written(tmp_path)
    found = earlier(tmp_path, ["ab"])
    assert found.names == ["a", "b"]
    assert found.of_each("seconds_of") == {"a": 1.0, "b": 2.0}
    assert found.of_each("no such detail") == {}
    kept = found.metrics(lambda metric, row: metric.startswith(f"{row}, "))
    assert list(kept) == ["a, test", "b, test"]
    made = found.provenance()
    assert made["b"] == {"command": "an earlier one"}
    assert made["a"]["command"] == "arae-toolkit reproduce table"
    assert set(made["a"]) == {"command", "commit", "device", "machine", "versions"}


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"corpus": {**CORPUS, "sha256": "cd"}}, "corpus"),
        ({"alike": {**ALIKE, "split": "dev"}}, "split"),
        ({"alike": {**ALIKE, "signature": {**SIGNATURE, "judge": 70.6}}}, "signature"),
        (
            {"alike": {**ALIKE, "signature": {**SIGNATURE, "bilstm": {"dev_accuracy": 71}}}},
            "signature",
        ),
        ({"alike": {**ALIKE, "sizes": (1, 2, 3)}}, "sizes"),
        ({"alike": {**ALIKE, "words": 5}}, "words"),
    ],
)
def test_rows_that_were_measured_otherwise_go_and_are_named(tmp_path, capsys, changed, differs):
    written(tmp_path)
    found = earlier(tmp_path, ["b"], **changed)
    assert (found.names, found.provenance(), found.of_each("seconds_of")) == ([], {}, {})
    said = capsys.readouterr().err
    assert f"table.json: not measured as this call measures ({differs}); replaced" in said
    assert "with the rows a, ab" in said
    assert earlier(tmp_path, ["a", "ab", "b"], **changed).names == []
    assert not capsys.readouterr().err  # all of them are measured now


def test_of_mappings_what_both_name_is_to_be_alike(tmp_path):
    written(tmp_path)
    more = {**SIGNATURE, "another": 1}
    assert earlier(tmp_path, alike={**ALIKE, "signature": more}).names == ["a", "ab", "b"]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "{",
        "[]",
        json.dumps({"details": {}}),
        # As such files were before they told of rows.
        json.dumps(
            dict.fromkeys(("name", "command", "commit", "seeds", "device", "seconds", "metrics"))
            | {"corpus": CORPUS, "details": {"pairs": {"dev": 3}}}
        ),
        json.dumps(
            dict.fromkeys(("name", "command", "commit", "seeds", "device", "seconds", "metrics"))
            | {"corpus": None, "details": {**ALIKE, "rows": ["a"]}}
        ),
    ],
)
def test_what_is_no_such_file_has_no_rows(tmp_path, content):
    if content is not None:
        (tmp_path / "table.json").write_text(content)
    found = earlier(tmp_path)
    assert (found.names, found.metrics(lambda *_: True)) == ([], {})


def test_an_instrument_trained_anew_on_another_processor_measures_alike(tmp_path):
    written(tmp_path)
    near = {**SIGNATURE, "bilstm": {"dev_accuracy": 70.6}}
    assert earlier(tmp_path, alike={**ALIKE, "signature": near}).names == ["a", "ab", "b"]


def test_what_rows_took_is_never_lost(tmp_path):
    written(tmp_path)
    assert earlier(tmp_path, ["a"]).seconds() == {"b": 2.0}
    file = tmp_path / "table.json"
    told = json.loads(file.read_text())
    del told["details"]["seconds_of"]
    file.write_text(json.dumps(told))
    together = earlier(tmp_path, ["ab"]).seconds()
    assert together == {"a, b": 3.0}
    told["details"]["seconds_of"] = together
    file.write_text(json.dumps(told))
    assert earlier(tmp_path, ["b"]).seconds() == {"a, b": 3.0}
    assert earlier(tmp_path, ["a", "b"]).seconds() == {}


def test_details_that_a_row_was_measured_with_go_with_it(tmp_path):
    written(tmp_path)
    made = earlier(tmp_path).provenance("split")
    assert (made["a"]["split"], made["b"]) == ("test", {"command": "an earlier one"})
