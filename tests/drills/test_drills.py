"""A few trials of every drill, and what a run of drills does with them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from arae_toolkit.errors import ToolkitError
from drills import damage, forked
from drills.__main__ import main
from drills.catalogue import DRILLS
from drills.frame import Broken, Drill, NotTried
from drills.records import Record, Records, clock_seconds, fingerprint
from drills.running import Plan, run_trial, run_trials


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """Run as few trials of each drill as are meant for tests, in a program of their own."""
    place = tmp_path_factory.mktemp("drills")
    records, materials = place / "trials.jsonl", place / "materials"
    done = run_drills("--fewest", "--records", records, "--materials", materials)
    return list(Records(records)), done.stderr, materials


def run_drills(*words, **settings):
    """Run the program of the drills."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "drills", *words]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, **settings
    )


def test_a_run_tells_what_it_is_at(few):
    _, said, _ = few
    lines = said.splitlines()
    assert lines[0].startswith("making the models and corpora")
    whole = sum(drill.fewest for drill in DRILLS.values())
    assert lines[1] == f"trying {whole} trials; 1 at a time"
    assert f"trials: {whole} in " in said


def test_one_trial_can_be_run_again_and_is_put_on_no_record(few, tmp_path):
    records, _, materials = few
    before = {r.number: r.what for r in records if r.drill == "damage"}
    again = ("--only", "damage", "--number", "4", "--number", "2", "--number", "4")
    done = run_drills(*again, "--materials", materials, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    told = [f"held damage, seed 0, trial {number}: {before[number]}" for number in (2, 4)]
    assert [line for line in lines if line.startswith("held")] == told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--number", "3"], "of one drill: name that with --only"),
        (["--only", "kills", "--only", "disks", "--number", "3"], "of one drill"),
        (["--only", "kills", "--number", "3", "--trials", "2"], "leave --trials out"),
        (["--only", "kills", "--number", "3", "--earlier"], "leave --earlier out"),
        (["--only", "kills", "--number", "3", "--results", "here"], "leave --results out"),
    ],
)
def test_a_number_is_refused_where_it_has_no_sense(words, reason):
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert reason in done.output


@pytest.mark.parametrize("name", DRILLS)
def test_a_few_trials_keep_what_is_promised(few, name):
    records, said, _ = few
    own = [record for record in records if record.drill == name]
    assert len(own) == DRILLS[name].fewest, said
    assert [record for record in own if record.verdict == "broken"] == []


@pytest.fixture(scope="session")
def planted():
    """Plant a fault for each drill, in a program of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "drills.planted"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return {answer["drill"]: answer for answer in map(json.loads, done.stdout.splitlines())}


@pytest.mark.slow
@pytest.mark.parametrize("name", DRILLS)
def test_a_drill_finds_what_is_planted(planted, name):
    assert planted[name]["found"], planted[name]


def plan(*drills, numbers=range(3), **more):
    to_run = {drill.name: numbers for drill in drills}
    settings = {"seed": 3, "code": "abc", "end": float("inf"), "brief": True}
    return Plan(drills, to_run, **{**settings, **more})


def drill(attempt, name="one"):
    return Drill(name, "a promise", "a way", attempt, whole=3)


def break_promise(trial):
    trial.what = "something"
    raise Broken("not kept")


def skip(_):
    raise NotTried("no such thing here")


def fail(_):
    raise KeyError("a mistake")


@pytest.mark.parametrize(
    ("attempt", "verdict", "words"),
    [
        (lambda _: None, "held", ""),
        (break_promise, "broken", "not kept"),
        (skip, "not tried", "no such thing here"),
        (fail, "broken", "the drill itself failed: KeyError('a mistake')"),
    ],
)
def test_what_a_trial_comes_to_is_told_in_words(tmp_path, attempt, verdict, words):
    one = drill(attempt)
    record = run_trial(one, plan(one), 2, None, tmp_path / "work")
    assert (record.verdict, record.number) == (verdict, 2)
    assert record.words.startswith(words)


def test_a_trial_is_known_by_its_drill_seed_and_number(tmp_path):
    def attempt(trial):
        trial.what = str(trial.random.random())

    one, other = drill(attempt), drill(attempt, "other")
    first, again, another, elsewhere = (
        run_trial(which, plan(which), number, None, tmp_path / "work").what
        for which, number in ((one, 0), (one, 0), (one, 1), (other, 0))
    )
    assert first == again
    assert len({first, another, elsewhere}) == 3


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_stopped_run_goes_on_behind_what_is_on_record(tmp_path):
    def attempt(trial):
        with (tmp_path / "runs").open("a") as target:
            target.write(f"{trial.number}\n")

    records, one = Records(tmp_path / "trials.jsonl"), drill(attempt)
    records.add(Record("one", 3, 1, "abc", "held", "", "", 1, 0.1))
    records.add(Record("one", 3, 2, "an older version", "held", "", "", 1, 0.1))
    with records.path.open("ab") as torn:
        torn.write(b'{"drill": "one", "se')
    run_trials(plan(one, jobs=2), records, None, tmp_path / "work")
    assert sorted((tmp_path / "runs").read_text().split()) == ["0", "2"]
    assert [r.number for r in records.of(["one"], seed=3, code="abc")] == [0, 1, 2]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_the_drill_that_is_least_far_is_next(tmp_path):
    short, long = drill(lambda _: None, "short"), drill(lambda _: None, "long")
    numbers = {"short": range(2), "long": range(6)}
    chosen = replace(plan(short, long), numbers=numbers)
    records = Records(tmp_path / "trials.jsonl")
    run_trials(chosen, records, None, tmp_path / "work")
    order = [record.drill for record in records]
    assert order == ["short", "long", "long", "long", "short", "long", "long", "long"]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_every_trial_belongs_to_one_process_and_is_counted(tmp_path, capsys):
    drills = [drill(lambda _: None, name) for name in ("one", "two")]
    records = Records(tmp_path / "trials.jsonl")
    run_trials(plan(*drills, numbers=[2, 5, 8], jobs=3), records, None, tmp_path / "work")
    found = sorted((record.drill, record.number) for record in records)
    assert found == [(name, number) for name in ("one", "two") for number in (2, 5, 8)]
    assert {record.jobs for record in records} == {3}
    assert "trials: 6 in " in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_ends_in_the_middle_fails_the_run(tmp_path):
    def attempt(trial):
        if trial.number == 1:
            os._exit(7)

    records = Records(tmp_path / "trials.jsonl")
    with pytest.raises(ToolkitError, match="1 of 2 processes of the drills ended before"):
        run_trials(plan(drill(attempt), jobs=2), records, None, tmp_path / "work")
    assert [record.number for record in records] == [0, 2]


def test_the_time_on_the_clock_counts_once_what_ran_side_by_side():
    def ran(began, seconds):
        return Record("one", 3, 0, "abc", "held", "", "", 1, seconds, began=began)

    assert clock_seconds([]) == 0
    assert clock_seconds([ran(14, 1), ran(10, 3), ran(11, 1), ran(12, 1.5)]) == 4.5


def test_what_held_with_earlier_code_counts_if_asked_for_and_what_did_not_is_tried_again(tmp_path):
    records = Records(tmp_path / "trials.jsonl")
    trials = [
        *((0, "old", "held"), (1, "old", "broken"), (2, "old", "held"), (2, "newer", "broken")),
        *((3, "old", "not tried"), (4, "abc", "broken"), (5, "old", "broken"), (5, "abc", "held")),
    ]
    for number, code, verdict in trials:
        records.add(Record("one", 3, number, code, verdict, "", "", 1, 0.1))

    def counted(**settings):
        return [r.number for r in records.of(["one"], seed=3, code="abc", **settings)]

    assert counted() == [4, 5]
    assert counted(earlier=True) == [0, 4, 5]


def test_a_fingerprint_is_of_the_code_alone(tmp_path):
    code, other = tmp_path / "code", tmp_path / "other.py"
    code.mkdir()
    (code / "module.py").write_text("one = 1\n")
    other.write_text("two = 2\n")
    first = fingerprint([code, other])
    (code / "test_module.py").write_text("a test\n")
    (code / "__pycache__").mkdir()
    (code / "__pycache__" / "module.pyc").write_bytes(b"compiled")
    assert fingerprint([code, other]) == first
    other.write_text("two = 3\n")
    second = fingerprint([code, other])
    (code / "module.py").rename(code / "moved.py")
    assert len({first, second, fingerprint([code, other])}) == 3


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_run_that_is_stopped_leaves_no_process(tmp_path):
    begun = tmp_path / "begun"

    def sleep():
        begun.touch()
        time.sleep(600)

    def run_until_stopped():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
        one = drill(lambda trial: forked.run(sleep, trial.folder / "work"))
        run_trials(plan(one), Records(tmp_path / "trials"), None, tmp_path / "work")

    run = forked.start(run_until_stopped, tmp_path / "run")
    end = time.monotonic() + 60
    while not begun.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(run.number, signal.SIGTERM)
    done = run.wait(60)
    assert done.code == 9, done.stderr
    working = [link for link in Path("/proc").glob("[0-9]*/cwd") if lies_in(link, tmp_path)]
    assert working == []


def lies_in(link, folder):
    with contextlib.suppress(OSError):
        return link.readlink().is_relative_to(folder)
    return False


def ended(work, tmp_path, **settings):
    return forked.run(work, tmp_path / "forked", **settings)


def show_traceback():
    raise KeyError("met by a user")


def fail_without_a_word():
    sys.exit(3)


def say_and_exit():
    sys.stderr.write("arae-toolkit: error: a reason\n")
    sys.exit(3)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize(
    ("work", "problem"),
    [
        (show_traceback, "a traceback, exit 1: KeyError"),
        (fail_without_a_word, "exit 3 with 0 lines of error"),
        (lambda: time.sleep(60), "hangs"),
        (lambda: os.kill(os.getpid(), 9), "exit -9, where"),
        (lambda: sys.exit(2), "exit 2, where"),
    ],
)
def test_an_end_that_no_user_should_meet_is_found(tmp_path, work, problem):
    with pytest.raises(Broken, match=problem):
        forked.check_end(ended(work, tmp_path, seconds=2), [0, 3])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_failure_in_one_line_is_a_good_end(tmp_path):
    forked.check_end(ended(say_and_exit, tmp_path), [3])
    assert ended(lambda: sys.stdout.write("an answer\n"), tmp_path).stdout == b"an answer\n"


@pytest.mark.parametrize("how", damage.DAMAGES)
def test_damage_changes_a_file(tmp_path, how):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(1, 256)))
    assert how(path, Random(1))
    assert not path.is_file() or path.read_bytes() != bytes(range(1, 256))
