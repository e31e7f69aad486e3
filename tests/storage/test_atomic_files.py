import errno
import hashlib
import os
import signal
import subprocess
import sys
import time

import pytest

from arae_toolkit.errors import ToolkitError
from arae_toolkit.storage.atomic_files import (
    remove_leftovers,
    replacing,
    sha256_of_bytes,
    sha256_of_file,
    write_json,
    write_text,
)


def test_a_file_is_replaced_and_nothing_else_stays(tmp_path):
    target = tmp_path / "deep" / "er" / "file.txt"
    write_text(target, "old")
    write_text(target, "new é")
    assert target.read_text(encoding="utf-8") == "new é"
    assert list(target.parent.iterdir()) == [target]


def test_a_failing_writer_leaves_the_old_file_and_no_rubbish(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="broke off"), replacing(target) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError("broke off")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_one_line_and_keeps_the_old_file(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    line = r"file\.txt: cannot write \(No space left"
    with pytest.raises(ToolkitError, match=line), replacing(target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "blocker").write_text("a file where a folder should be")
    with pytest.raises(ToolkitError, match="cannot write"):
        write_text(tmp_path / "blocker" / "file.txt", "new")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ToolkitError, match="Permission denied"):
        write_text(tmp_path / "file.txt", "new")


def test_a_writer_killed_in_the_middle_leaves_the_old_file(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    writer = (
        "import os, signal, sys; from pathlib import Path\n"
        "from arae_toolkit.storage.atomic_files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half of the n')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", writer, str(target)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    write_text(target, "new")  # what the killed writer left is in nobody's way
    assert target.read_text() == "new"


def test_files_are_made_with_the_permissions_of_the_user(tmp_path):
    previous = os.umask(0o027)
    try:
        write_text(tmp_path / "file.txt", "new")
    finally:
        os.umask(previous)
    assert (tmp_path / "file.txt").stat().st_mode & 0o777 == 0o640


def test_json_is_readable_by_people(tmp_path):
    write_json(tmp_path / "a.json", {"wörter": [1]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "wörter": [\n    1\n  ]\n}\n'


def test_fingerprints_of_file_and_bytes_agree(tmp_path):
    content = bytes(range(256)) * 9000  # more than one block
    (tmp_path / "file").write_bytes(content)
    expected = hashlib.sha256(content).hexdigest()
    assert sha256_of_file(tmp_path / "file") == sha256_of_bytes(content) == expected


def test_what_killed_writers_of_a_file_left_is_removed_by_the_next(tmp_path):
    target, hour_ago = tmp_path / "file.txt", time.time() - 3600
    left = {
        name: tmp_path / name
        for name in (".file.txt.0123456789a1.part", ".file.txt.0123456789ef.part")
    }
    others = [tmp_path / ".other.txt.0123456789a1.part", tmp_path / ".file.txt.0123456789f0.part"]
    for path in (*left.values(), others[0]):
        path.write_text("half")
    others[1].mkdir()
    for path in (left[".file.txt.0123456789a1.part"], *others):
        os.utime(path, (hour_ago, hour_ago))
    write_text(target, "whole")
    assert set(tmp_path.iterdir()) == {target, left[".file.txt.0123456789ef.part"], *others}


def test_what_is_being_written_is_no_leftover(tmp_path):
    with replacing(tmp_path / "file.txt") as temporary:
        remove_leftovers(tmp_path)
        temporary.write_text("whole")
    assert (tmp_path / "file.txt").read_text() == "whole"


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o002])
def test_the_processes_mask_says_who_may_read(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_text(tmp_path / "file.txt", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "file.txt").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize(
    "write",
    [
        "from arae_toolkit.data.corpus import save_array; import numpy\n"
        "write = lambda path: save_array(path, numpy.zeros(10_000))\n",
        "from arae_toolkit.storage.safetensors_file import save_tensors; import torch\n"
        "write = lambda path: save_tensors(path, {'a': torch.zeros(10_000)}, metadata={})\n",
        "from arae_toolkit.storage.atomic_files import write_json\n"
        "write = lambda path: write_json(path, [0] * 10_000)\n",
    ],
    ids=["array", "tensors", "json"],
)
def test_whoever_writes_a_full_disk_is_one_line_that_says_why(tmp_path, write):
    target = tmp_path / "file"
    target.write_text("old")
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from arae_toolkit.errors import ToolkitError\n"
        f"{write}"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write(Path(sys.argv[1]))\n"
        "except ToolkitError as error: print(error, error.exit_code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, target], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"{target}: cannot write (")
    assert done.stdout.endswith("); the previous file is kept 1\n")
    assert "None" not in done.stdout
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("prefix", [".", ".file.txt."])
def test_a_users_own_file_is_no_leftover(tmp_path, prefix):
    own = [".notes.part", ".file.txt.notes.part", ".file.txt.0123456789AB.part"]
    left = tmp_path / ".file.txt.0123456789ab.part"
    other = tmp_path / ".file.txt.v2.0123456789ab.part"
    for path in (left, other, *(tmp_path / name for name in own)):
        path.touch()
    remove_leftovers(tmp_path, prefix)
    assert not left.exists()
    assert other.exists() == (prefix != ".")
    assert all((tmp_path / name).exists() for name in own)


@pytest.mark.parametrize("made", [os.mkfifo, os.mkdir, lambda path: path.symlink_to(os.devnull)])
def test_what_is_no_file_is_not_replaced_by_one(tmp_path, made):
    target = tmp_path / "file.txt"
    made(target)
    before = target.lstat()
    with pytest.raises(ToolkitError, match=r"file.txt: is a folder, pipe or device; name a file"):
        write_text(target, "new")
    assert target.lstat().st_ino == before.st_ino
    assert list(tmp_path.iterdir()) == [target]
