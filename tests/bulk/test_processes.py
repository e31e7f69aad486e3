import multiprocessing
import os
import signal

import pytest
from small_bulk import DeadlyTask, FailingTask, content_of, here, parts, reconstructing

from arae_toolkit.bulk.processes import by_processes
from arae_toolkit.errors import ToolkitError
from arae_toolkit.storage.atomic_files import remove_leftovers


def test_a_killed_worker_loses_nothing_and_doubles_nothing(tmp_path):
    task, given = reconstructing(tmp_path / "model"), parts(30)
    expected = list(here(task, str(tmp_path / "expected"), given, 1))
    found, victims = [], []
    for record in by_processes(task, str(tmp_path / "found"), given, 2):
        if not found:
            (one, other) = multiprocessing.active_children()
            victims = [one.pid, other.pid]
            os.kill(other.pid, signal.SIGKILL)
        found.append(record)
        if len(found) == 10:
            now = [child.pid for child in multiprocessing.active_children()]
            assert len(now) == 2 and victims[0] in now and victims[1] not in now
    assert sorted(found, key=lambda record: record.index) == expected
    for folder in (tmp_path / "found").rglob("*"):  # whole work clears up what was being written
        if folder.is_dir():
            remove_leftovers(folder)
    assert content_of(tmp_path / "found") == content_of(tmp_path / "expected")
    assert not multiprocessing.active_children()


def test_workers_that_are_killed_over_a_part_again_and_again_end_the_work(tmp_path):
    task = DeadlyTask("encode", str(tmp_path), ("text",))
    with pytest.raises(ToolkitError, match=r"rows.jsonl, rows 1 to 8: 3 workers .* by SIGKILL; if"):
        list(by_processes(task, str(tmp_path / "out"), parts(1), 2))
    assert not multiprocessing.active_children()


def test_a_fault_of_ours_ends_the_work_at_once(tmp_path, capfd):
    task = FailingTask("encode", str(tmp_path), ("text",))
    with pytest.raises(ToolkitError, match=r"a worker failed \(exit code 1\); what it says stands"):
        list(by_processes(task, str(tmp_path / "out"), parts(1), 1))
    assert "RuntimeError: a fault" in capfd.readouterr().err


def test_what_a_worker_cannot_do_is_raised_as_it_would_be_here(tmp_path):
    task = reconstructing(tmp_path / "model")
    (tmp_path / "model" / "config.json").unlink()
    with pytest.raises(ToolkitError, match="the model has changed since this work began"):
        list(by_processes(task, str(tmp_path / "out"), parts(3), 1))
