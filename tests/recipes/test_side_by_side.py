"""Calls of one table side by side: what another has in hand is passed over, then waited for."""

import json
import subprocess
import sys
import threading
from functools import partial

import pytest
from command_line import call

from arae_toolkit.errors import FolderInUse, ToolkitError
from arae_toolkit.recipes.reproduce.side_by_side import all_free, until_done
from arae_toolkit.storage.locks import locked
from arae_toolkit.training.metrics_log import read_rows


class Jobs:
    """Jobs in folders of their own, each done once."""

    def __init__(self, folder):
        self.folder, self.done = folder, []

    def do(self, name):
        with locked(self.folder / name, "a job"):
            if name not in self.done:
                self.done.append(name)
            return name.upper()

    def all(self):
        return all_free(partial(self.do, name) for name in ("a", "b", "c"))


@pytest.fixture
def held(tmp_path):
    """Hold the lock of the job ``a`` as another process would, until told to let go."""
    release, ready = threading.Event(), threading.Event()

    def hold():
        with locked(tmp_path / "a", "a training"):
            ready.set()
            release.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert ready.wait(60)
    yield release
    release.set()
    thread.join()


def test_what_is_in_hand_elsewhere_is_passed_over(tmp_path, held):
    jobs = Jobs(tmp_path)
    with pytest.raises(FolderInUse, match="a: a training is going on there") as caught:
        jobs.all()
    assert jobs.done == ["b", "c"]
    assert caught.value.folder == tmp_path / "a"


def test_then_it_is_waited_for_and_every_result_is_there(tmp_path, held, capsys):
    jobs = Jobs(tmp_path)
    threading.Timer(1.5, held.set).start()
    assert until_done(jobs.all) == ["A", "B", "C"]
    assert jobs.done == ["b", "c", "a"]
    assert capsys.readouterr().err.count("waiting for its end") == 1


def test_a_signal_ends_the_waiting_with_its_code(tmp_path, held):
    with pytest.raises(ToolkitError, match="stopped while waiting") as caught:
        until_done(Jobs(tmp_path).all, stop_signal=lambda: 15)
    assert caught.value.exit_code == 143


@pytest.mark.slow
@pytest.mark.parametrize("table", ["table3", "table5"])
def test_two_calls_of_a_table_share_its_trainings(tmp_path, table):
    """Both end well with the same table, nothing was trained twice, and one call alone has it."""
    (tmp_path / "both").mkdir()
    command = [sys.executable, "-m", "arae_toolkit", "reproduce", table, "--quick"]
    calls = [
        subprocess.Popen(
            [*command, "--out", "both"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    tables = [process.communicate(timeout=600)[0] for process in calls]
    assert [process.returncode for process in calls] == [0, 0]
    assert tables[0] == tables[1]
    logs = list((tmp_path / "both").rglob("metrics.jsonl"))
    assert logs
    for log in logs:
        done = [row["iteration"] for row in read_rows(log) if "iteration" in row]
        assert done == sorted(done)
    results = tmp_path / "results" / f"{table}-quick.json"
    both = json.loads(results.read_text())["metrics"]
    call("reproduce", table, "--quick", "--out", tmp_path / "alone", "--results", results.parent)
    assert json.loads(results.read_text())["metrics"] == both
