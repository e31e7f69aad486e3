"""What is told of trials, and the file of results that the page is made of."""

import json

import pytest

from arae_toolkit.reports.pages import guarantees_block
from drills.catalogue import DRILLS
from drills.records import Record, Records
from drills.results import show, write
from drills.running import Plan


def record(name, number, verdict="held", words="", **more):
    given = {"code": "new", "commit": "b" * 40, **more}
    code = given.pop("code")
    return Record(name, 3, number, code, verdict, "what is tried", words, 2, 60.0, 30.0, **given)


def plan(*names, **more):
    drills = [DRILLS[name] for name in names or DRILLS]
    numbers = {drill.name: range(drill.whole) for drill in drills}
    settings = {"seed": 3, "code": "new", "end": float("inf"), "brief": False}
    return Plan(drills, numbers, **{**settings, **more})


def written(tmp_path, chosen, *found):
    kept = Records(tmp_path / "trials.jsonl")
    for one in found:
        kept.add(one)
    return json.loads(write(tmp_path / "results", kept, chosen).read_text())


@pytest.mark.parametrize(("brief", "length"), [(True, ""), (False, " --whole")])
def test_a_broken_trial_is_told_with_the_command_that_runs_it_again(capsys, brief, length):
    found = [record("kills", 16), record("kills", 17, "broken", "\x1b[2J not kept")]
    show([DRILLS["kills"]], found, brief=brief, each=False)
    assert capsys.readouterr().err.splitlines() == [
        "kills: 2 trials, 4 inputs, 1 broken, 0 not tried, 60 s computed",
        r"BROKEN kills, seed 3, trial 17: what is tried: \x1b[2J not kept",
        "  run it again: PYTHONPATH=tests python -m drills --only kills --seed 3 --number 17"
        + length,
    ]


def test_a_trial_that_was_asked_for_is_told_even_if_it_held(capsys):
    show([DRILLS["kills"]], [record("kills", 16)], brief=True, each=True)
    assert "held kills, seed 3, trial 16: what is tried" in capsys.readouterr().err


def test_a_run_of_some_drills_leaves_the_others_as_they_are_on_record(tmp_path):
    old = {"code": "old", "commit": "a" * 40}
    result = written(
        tmp_path,
        plan("kills"),
        *(record("kills", 0, **old), record("disks", 0, **old), record("disks", 1, **old)),
        *(record("twins", 0, "broken", **old), record("kills", 1)),
    )
    counts = {
        name: result["metrics"][f"{name}, trials"]["value"] for name in ("kills", "disks", "twins")
    }
    assert counts == {"kills": 1, "disks": 2, "twins": 0}
    assert result["details"]["commits"] == {"a" * 40: 2, "b" * 40: 1}
    assert not result["details"]["whole"]


def page(result):
    return guarantees_block({"drills": result})


def cells(text, name):
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_page_counts_what_was_not_tried_apart_and_tells_why(tmp_path):
    found = [record("disks", 0), record("disks", 1, "not tried", "no small disk here")]
    text = page(written(tmp_path, plan(), *found))
    assert cells(text, "drill")[1:] == [
        *("trials", "trials of a whole run", "inputs", "not tried", "broken", "minutes")
    ]
    assert cells(text, "disks")[1:] == ["1", "600", "2", "1", "0", "2"]
    assert "- disks, not tried: `no small disk here`" in text
    assert "Not yet a whole run" in text


def test_the_page_tells_how_to_run_a_broken_trial_again(tmp_path):
    text = page(written(tmp_path, plan(), record("kills", 17, "broken", "lost")))
    assert cells(text, "kills")[1:] == ["1", "1,500", "2", "0", "1", "1"]
    command = "PYTHONPATH=tests python -m drills --only kills --seed 3 --number 17 --whole"
    assert f"- kills, trial 17: `what is tried`: `lost`; once more: `{command}`" in text


def test_the_commits_of_the_page_add_up_to_its_trials(tmp_path):
    old = {"code": "old", "commit": "a" * 40 + "+changes"}
    found = [record("kills", 0, **old), record("kills", 1), record("kills", 2)]
    text = page(written(tmp_path, plan(earlier=True), *found))
    assert "of 3 trials (cpu, " in text
    assert ", 1 thread, " in text
    assert "2 of them were run at commit bbbbbbbbbb, the last one; 1 at earlier ones" in text
    assert "1 at aaaaaaaaaa+changes." in text
    only = page(written(tmp_path, plan(), record("kills", 1)))
    assert "All were run at commit bbbbbbbbbb." in only


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ([{}, {}], "waited for the rest. All were run"),
        ([{}, {"began": 90.0, "jobs": 2}], "Run 2 at a time, 1 of them took 1 minute on"),
        (
            [{"began": 30.0, "jobs": 1}, {"began": 90.0, "jobs": 2}],
            "Run 1 or 2 at a time, all of them took 2 minutes on the clock",
        ),
    ],
)
def test_the_page_tells_the_time_on_the_clock_where_it_is_on_record(tmp_path, times, told):
    found = [record("kills", number, **time) for number, time in enumerate(times)]
    text = page(written(tmp_path, plan(), *found))
    assert (
        "add up to 2 minutes (several ran side by side): they computed for 1 minute of these"
        in text
    )
    assert told in text
