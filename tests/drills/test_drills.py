"""A few trials of every drill, and what a run of drills does with them."""

import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from drills import damage, forked
from drills.catalogue import DRILLS
from drills.frame import Broken, Drill, NotTried
from drills.records import Record, Records
from drills.running import Plan, run_trial, run_trials


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """Run as few trials of each drill as are meant for tests, in a program of their own."""
    place = tmp_path_factory.mktemp("drills")
    command = [sys.executable, "-m", "drills", "--fewest", "--records", place / "trials.jsonl"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return list(Records(place / "trials.jsonl")), done.stderr


@pytest.mark.parametrize("name", DRILLS)
def test_a_few_trials_keep_what_is_promised(few, name):
    records, said = few
    own = [record for record in records if record.drill == name]
    assert len(own) == DRILLS[name].fewest, said
    assert [record for record in own if record.verdict == "broken"] == []


def plan(*drills, trials=3):
    most = {drill.name: trials for drill in drills}
    return Plan(drills, most, seed=3, code="abc", end=float("inf"), brief=True)


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
    run_trials(plan(one), records, None, tmp_path / "work", jobs=2)
    assert sorted((tmp_path / "runs").read_text().split()) == ["0", "2"]
    assert [r.number for r in records.of(["one"], seed=3, code="abc")] == [0, 1, 2]


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
