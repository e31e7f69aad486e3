import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small
from command_line import PROGRAM

from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.shared.progress import MOST_CHARACTERS, printable
from arae_toolkit.recipes.shared.standard_streams import Messages
from arae_toolkit.storage.paths import CACHE_VARIABLE, cache_folder


def in_shell(redirection, *words, environment=(), program=PROGRAM):
    """Run the program with its streams redirected by bash; UNREAD is a pipe without reader."""
    reader, unread = os.pipe()
    os.close(reader)
    command = f'"$0" "$@" {redirection.replace("UNREAD", f"&{unread}")}'
    try:
        return subprocess.run(
            ["bash", "-c", command, sys.executable, "-c", program, *map(os.fspath, words)],
            capture_output=True,
            pass_fds=[unread],
            env={**os.environ, **dict(environment)},
            check=False,
        )
    finally:
        os.close(unread)


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("no row\n" * 3 + '{"text": "a man runs ."}\n{"text": "two dogs sleep ."}\n')
    return path


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full", "2>UNREAD"])
def test_work_goes_on_whose_messages_nobody_can_read(rows, tmp_path, stderr):
    out = tmp_path / "corpus"
    done = in_shell(stderr, "prepare", rows, "--on-error", "skip", "--out", out)
    assert done.returncode == 0
    assert done.stdout == os.fsencode(out) + b"\n"
    assert json.loads((out / "manifest.json").read_text())["dropped"]["train"]["malformed"] == 3


@pytest.mark.parametrize("words", [("--help",), ("prepare", "--help"), ("completion", "bash")])
@pytest.mark.parametrize(("stdout", "code"), [(">&-", 1), (">/dev/full", 1), (">UNREAD", 0)])
def test_a_stdout_that_cannot_be_written_is_one_line_and_one_that_is_unread_is_none(
    words, stdout, code
):
    done = in_shell(stdout, *words)
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, len(lines)) == (code, code), lines
    assert all(line.startswith("arae-toolkit: error: cannot write to stdout") for line in lines)


def test_no_stream_at_all_is_a_failure_and_no_traceback(rows, tmp_path):
    out = tmp_path / "corpus"
    done = in_shell("<&- >&- 2>&-", "prepare", rows, "--on-error", "skip", "--out", out)
    assert done.returncode == 1
    assert (out / "manifest.json").exists()


def test_a_closed_stdin_cannot_be_read(tmp_path):
    done = in_shell("<&-", "reconstruct", small.save_model(tmp_path / "model"))
    assert done.returncode == 3
    assert done.stderr.decode() == "arae-toolkit: error: <stdin>: closed, nothing can be read\n"


def test_a_stdin_that_is_open_for_writing_alone_cannot_be_read(tmp_path):
    done = in_shell(f"0> {tmp_path / 'rows'}", "reconstruct", small.save_model(tmp_path / "model"))
    assert done.returncode == 3
    said = done.stderr.decode()
    assert said.startswith("arae-toolkit: error: <stdin>: cannot be read (")
    assert len(said.splitlines()) == 1


PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("environment", [{}, PLAIN, {"PYTHONIOENCODING": "cp1252"}])
def test_names_of_any_bytes_can_be_prepared_in_any_locale(tmp_path, environment):
    source = os.fsencode(tmp_path) + b"/na\xefve-\xc3\xbc.txt"
    Path(os.fsdecode(source)).write_bytes(b"a man runs .\ntwo dogs sleep .\n")
    cache = {**environment, CACHE_VARIABLE: str(tmp_path / "cache")}
    done = in_shell("", "prepare", source, environment=cache)
    assert done.returncode == 0, done.stderr
    assert b"/na\xefve-\xc3\xbc-" in done.stdout
    assert (Path(os.fsdecode(done.stdout.strip())) / "manifest.json").exists()


@pytest.mark.parametrize("environment", [PLAIN, {"PYTHONIOENCODING": "cp1252"}])
def test_tables_are_utf_8_whatever_the_locale(environment):
    program = (
        "import click; from arae_toolkit.recipes.shared.standard_streams import standard_streams\n"
        "with standard_streams(): click.echo('\\u221a \\u03bb \\udcff \\ud800')"
    )
    done = in_shell("", program=program, environment=environment)
    assert done.stdout == "√ λ ".encode() + b"\xff \\ud800\n"


def test_what_has_been_closed_takes_no_messages(tmp_path):
    with (tmp_path / "log").open("w") as stream:
        messages = Messages(stream)
        messages.write("one\n")
    assert messages.write("two\n") == 4
    messages.flush()
    assert (tmp_path / "log").read_text() == "one\n"


def test_a_message_of_foreign_names_is_only_shown():
    assert printable("a\x1b[2Jb\r\x9b \u202ec\tü\n") == "a\\x1b[2Jb\\r\\x9b \\u202ec\tü\n"
    assert len(printable("x" * 5_000)) < MOST_CHARACTERS


@pytest.mark.parametrize("words", [("prepare", "no\x1b]0;file"), ("no\x1b]0;command",)])
def test_no_control_character_of_a_name_reaches_the_terminal(words):
    done = in_shell("", *words)
    assert done.returncode in (2, 3)
    assert b"\x1b" not in done.stderr
    assert b"\\x1b]0;" in done.stderr


def test_a_home_that_is_not_known_is_asked_for(monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", CACHE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}["no such user"])
    with pytest.raises(ToolkitError, match=f"set {CACHE_VARIABLE} to a folder"):
        cache_folder()
