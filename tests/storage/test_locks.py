"""Locks on folders: told by whom and since when, and no obstacle once their process is gone."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from arae_toolkit.errors import ToolkitError
from arae_toolkit.storage.locks import HOLDER, LOCK, locked

HOLD = """
import sys, time
from pathlib import Path
from arae_toolkit.storage.locks import locked
with locked(Path(sys.argv[1]), "a training"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Return another process that holds the lock of ``tmp_path``."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_another_process_is_named_with_its_start(tmp_path, holder):
    told = rf"a training is going on there \(process {holder.pid}, since 20\d\d-.*\); wait for its"
    with pytest.raises(ToolkitError, match=told) as caught, locked(tmp_path, "a test"):
        pass
    assert caught.value.exit_code == 1
    assert len(str(caught.value).splitlines()) == 1


def test_the_lock_of_a_killed_process_is_no_obstacle(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK).exists() and (tmp_path / HOLDER).exists()
    with locked(tmp_path, "a test"):
        pass


def test_nothing_is_left_and_the_block_may_fail(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path / "new", "a test"):
        raise KeyError
    assert not list((tmp_path / "new").iterdir())


def test_what_is_locked_by_name_leaves_its_neighbours_free(tmp_path):
    with locked(tmp_path, "one", name="a"), locked(tmp_path, "two", name="b"):
        told = pytest.raises(ToolkitError, match="a: one is going on")
        with told, locked(tmp_path, "three", name="a"):
            pass


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolkitError, match="cannot write"), locked(tmp_path / "file", "a test"):
        pass


def test_a_holder_file_that_is_damaged_is_no_traceback(tmp_path, holder):
    (tmp_path / HOLDER).write_bytes(b"\xff{")
    with pytest.raises(ToolkitError, match="another process writes there"), locked(tmp_path, ""):
        pass


def test_who_has_just_taken_the_lock_is_waited_for_until_it_is_written_down(tmp_path, holder):
    about = (tmp_path / HOLDER).read_text()
    (tmp_path / HOLDER).unlink()
    threading.Timer(0.3, (tmp_path / HOLDER).write_text, [about]).start()
    with pytest.raises(ToolkitError, match="a training is going on"), locked(tmp_path, "a test"):
        pass


def test_who_is_patient_gets_the_lock_when_it_is_free(tmp_path, holder):
    threading.Timer(0.5, holder.kill).start()
    with locked(tmp_path, "a test", patience=30):
        pass


def test_what_a_dead_process_wrote_does_not_name_it_beside_anothers_lock(tmp_path, holder):
    about = json.loads((tmp_path / HOLDER).read_text())
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    (tmp_path / HOLDER).write_text(json.dumps(about | {"process": ended.pid}))
    with pytest.raises(ToolkitError, match="another process writes there"), locked(tmp_path, "one"):
        pass
    elsewhere = about | {"process": ended.pid, "host": "elsewhere"}
    (tmp_path / HOLDER).write_text(json.dumps(elsewhere))
    with pytest.raises(ToolkitError, match="on elsewhere, since"), locked(tmp_path, "one"):
        pass
