import json
import shutil

import pytest
from command_line import call

from arae_toolkit.storage.paths import runs_folder


@pytest.fixture
def two(undisturbed):
    """Put two runs into the folder of runs, and what is none."""
    place = runs_folder()
    for name in ("first", "second"):
        shutil.copytree(undisturbed, place / name)
    (place / "notes").mkdir()
    (place / "torn").mkdir()
    (place / "torn" / "config.json").write_text("{")
    config = json.loads((place / "second" / "config.json").read_text())
    config["run"]["training.seed"] = "7"
    (place / "second" / "config.json").write_text(json.dumps(config))
    return place


def test_the_runs_that_there_are(two):
    shown = call("runs")
    lines = shown.stdout.splitlines()
    assert lines[0] == "| run | kind | corpus | epochs | dev | size | changed |"
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in lines[2:]}
    assert rows.keys() == {"first", "second"}
    assert rows["first"][1:4] == ["arae", "synthetic", "6"]
    assert "nats/sentence" in rows["first"][4]
    assert "left out" in shown.stderr and "torn" in shown.stderr
    found = json.loads(call("runs", "--json").stdout)["runs"]
    assert {one["name"] for one in found} == {"first", "second"}
    assert found[0]["dev"]["nats_per_sentence"] > 0


def test_no_runs_is_no_failure(tmp_path):
    assert "no runs in" in call("runs").stderr
    assert json.loads(call("runs", "--json").stdout)["runs"] == []
    assert call("runs", "--folder", tmp_path / "nowhere", code=2).stdout == ""


def test_runs_side_by_side(two, tmp_path):
    plots = [tmp_path / "curves.png", tmp_path / "curves.html"]
    options = [word for path in plots for word in ("--plot", path)]
    shown = call("runs", "compare", "first", two / "second", "--metric", "exact", *options)
    assert "| seed | 0 | 7 |" in shown.stdout.splitlines()
    assert "| epoch: exact | first | second |" in shown.stdout
    assert plots[0].read_bytes().startswith(b"\x89PNG")
    assert "<svg" in plots[1].read_text()
    (one, _) = json.loads(call("runs", "compare", "first", "second", "--json").stdout)["runs"]
    assert one["settings"]["training.epochs"] == 6
    assert len(one["curves"]) == 6


def test_what_cannot_be_compared_is_told(two, tmp_path):
    unknown = call("runs", "compare", "first", "second", "--metric", "nats_per_image", code=2)
    assert "there are nats_per_sentence, " in unknown.stderr
    assert "no trained model 'third'" in call("runs", "compare", "first", "third", code=2).stderr
    other = call("runs", "compare", "first", "--plot", tmp_path / "x.gif", code=2)
    assert ".png or .html is expected" in other.stderr


def test_a_classifier_is_found_by_its_short_name_as_where_it_predicts(two):
    (two / "first").rename(two / "nli-few")
    assert "| nli-few |" in call("runs", "compare", "second", "few").stdout
    assert call("report", "few").stdout == f"{two / 'nli-few' / 'report.html'}\n"


@pytest.mark.parametrize("value", ["x", [1], {}, 10**400], ids=["text", "list", "object", "huge"])
def test_a_figure_that_is_no_number_is_not_shown(two, value):
    path = two / "first" / "metrics.jsonl"
    rows = [json.loads(line) | {"exact": value} for line in path.read_text().splitlines()]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert "nats/sentence" in call("runs").stdout


@pytest.mark.parametrize("command", ["sample", "reconstruct", "runs compare"])
def test_a_configuration_that_is_nested_too_deeply_is_told_in_a_line(two, command):
    (two / "first" / "config.json").write_text("[" * 100_000)
    (line,) = call(*command.split(), "first", code=4).stderr.splitlines()
    assert "config.json" in line


def test_a_working_folder_that_was_removed_is_told_in_a_line(two, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    (line,) = call(
        "encode", two / "first", "--input", "rows", "--output", "out", code=1
    ).stderr.splitlines()
    assert "the working folder was removed; start from another one" in line
