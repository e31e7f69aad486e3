import os
import pty
import subprocess
import sys

import pytest
import small

from arae_toolkit.recipes.shared.progress import rows_of_file


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("rows.jsonl", "1\n2\n3\n", 3),
        ("rows", "a\nb\n", 2),
        ("rows.txt", "", None),
        ("rows.csv", 'text\n"two\nlines"\n', None),
        ("rows.jsonl.gz", "1\n2\n", None),
    ],
)
def test_rows_are_counted_where_lines_are_rows(tmp_path, name, content, rows):
    path = tmp_path / name
    path.write_text(content)
    assert rows_of_file(str(path)) == rows


def test_rows_of_what_is_no_file_are_not_known(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in ("<stdin>", "<arguments>", tmp_path, tmp_path / "no.txt", tmp_path / "pipe"):
        assert rows_of_file(str(place)) is None


@pytest.mark.parametrize("stdout", ["file", "terminal"])
def test_a_stream_shows_how_far_it_is_on_a_terminal_alone(tmp_path, stdout):
    folder, rows = small.save_model(tmp_path / "model"), tmp_path / "rows.txt"
    rows.write_text("a man runs .\n" * 300)
    command = [sys.executable, "-c", "from arae_toolkit.recipes.cli import main; main()"]
    command += ["reconstruct", str(folder), str(rows), "--batch-size", "50"]
    ours, theirs = pty.openpty()
    with (tmp_path / "answers.txt").open("wb") as answers:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=answers if stdout == "file" else theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        )
        os.close(theirs)
        shown = b""
        while True:
            try:
                block = os.read(ours, 4096)
            except OSError:  # as Linux says that the other end is closed
                break
            if not block:
                break
            shown += block
        os.close(ours)
        assert process.wait() == 0
    written = (tmp_path / "answers.txt").read_text().splitlines()
    if stdout == "file":
        assert len(written) == 300
        assert b"answering" in shown
        assert b"300/300" in shown
        assert b"/s" in shown
    else:
        assert b"answering" not in shown
        assert shown.count(b"\n") == 300
