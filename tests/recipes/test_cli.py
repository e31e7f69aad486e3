import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import arae_toolkit
from arae_toolkit.errors import CheckpointMismatch, DataError, ToolkitError
from arae_toolkit.recipes.cli import COMMANDS, main
from arae_toolkit.recipes.shared import progress as common
from arae_toolkit.recipes.shared.commands import ExamplesCommand, ToolkitGroup
from arae_toolkit.recipes.shared.progress import progress

PROGRAM = [sys.executable, "-c", "from arae_toolkit.recipes.cli import main; main()"]
HEAVY = ("torch", "tokenizers", "numpy", "sklearn", "rich", "matplotlib", "safetensors")


def run(*arguments, **settings):
    return CliRunner().invoke(main, list(arguments), prog_name="arae-toolkit", **settings)


def group_with(action):
    """Return a program like ours whose one command, ``act``, does ``action``."""

    @click.group(cls=ToolkitGroup)
    @click.option("--debug", is_flag=True, envvar="ARAE_DEBUG")
    def program(debug):
        pass

    @program.command(cls=ExamplesCommand)
    def act():
        return action()

    return program


def act(action, *before, after=(), **settings):
    arguments = [*before, "act", *after]
    return CliRunner().invoke(group_with(action), arguments, prog_name="arae-toolkit", **settings)


def raising(error):
    def action():
        raise error

    return action


# --- start -----------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["prepar"]])
def test_the_program_starts_without_the_heavy_libraries(arguments):
    script = (
        "import sys; from arae_toolkit.recipes.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    assert ended.stderr.splitlines()[-1] == "[]"


def test_help_takes_at_most_three_times_as_long_as_an_empty_program():
    empty = [sys.executable, "-c", "import click; click.command()(lambda: None)(['--help'])"]

    def seconds(command):
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start

    # Alternating, and the fastest of each: what else the machine does cancels out.
    times = [(seconds(empty), seconds([*PROGRAM, "--help"])) for _ in range(5)]
    assert min(own for _, own in times) < 3 * min(other for other, _ in times)


def test_help_names_every_command_with_its_purpose():
    text = run("--help").stdout
    for name, (_, purpose) in COMMANDS.items():
        assert f"  {name} " in text
        assert purpose.split(",")[0] in text


def test_the_version_is_that_of_the_package():
    assert run("--version").stdout == f"arae-toolkit, version {arae_toolkit.__version__}\n"


def test_a_mistyped_command_names_the_nearest_one():
    ended = run("pretrian")
    assert ended.exit_code == 2
    assert "No such command 'pretrian'. Did you mean 'pretrain'?" in ended.stderr
    unlike = run("xyzzy")
    assert unlike.exit_code == 2
    assert "No such command 'xyzzy'. There are" in unlike.stderr and "pretrain" in unlike.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell):
    ended = run("completion", shell)
    assert ended.exit_code == 0
    assert f"_ARAE_TOOLKIT_COMPLETE={shell}_complete" in ended.stdout


def test_commands_are_completed_without_importing_them():
    environment = {
        **os.environ,
        **{"_ARAE_TOOLKIT_COMPLETE": "bash_complete", "COMP_CWORD": "1"},
        "COMP_WORDS": "arae-toolkit pre",
    }
    script = (
        "import sys; from arae_toolkit.recipes.cli import main\n"
        "try: main(prog_name='arae-toolkit')\n"
        "except SystemExit: pass\n"
        "assert not any(name.startswith('arae_toolkit.recipes.pre') for name in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == ["plain,prepare", "plain,pretrain"]


def test_examples_stand_before_the_options_and_are_not_wrapped():
    example = "arae-toolkit " + "--option value " * 12 + "end"

    @click.command(cls=ExamplesCommand, examples=[example])
    @click.option("--size", default=1)
    def command(size):
        """Do a thing."""

    text = CliRunner().invoke(command, ["--help"]).stdout
    assert f"\n  {example}\n" in text
    assert text.index("Do a thing.") < text.index("Examples:") < text.index("--size")


# --- failures --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "exit_code", "line"),
    [
        (ToolkitError("cannot go on"), 1, "error: cannot go on"),
        (DataError("bad row", path="a.csv", line=7), 3, "error: a.csv:7: bad row"),
        (CheckpointMismatch("parts differ"), 4, "error: parts differ"),
        (DataError("first\nsecond"), 3, "error: first second"),
        (PermissionError(13, "Permission denied", "/x/y"), 1, "error: /x/y: Permission denied"),
        (OSError("the tape tore"), 1, "error: the tape tore"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_each_failure_is_one_line_on_stderr_and_its_exit_code(error, exit_code, line):
    ended = act(raising(error))
    assert ended.exit_code == exit_code
    assert ended.stderr == f"arae-toolkit: {line}\n"
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("before", "after", "environment"),
    [(["--debug"], [], {}), ([], ["--debug"], {}), ([], [], {"ARAE_DEBUG": "1"})],
)
def test_debug_shows_the_traceback_above_the_line(before, after, environment):
    ended = act(raising(DataError("bad row")), *before, after=after, env=environment)
    assert ended.exit_code == 3
    assert ended.stderr.startswith("Traceback (most recent call last):")
    assert ended.stderr.endswith("arae-toolkit: error: bad row\n")


def test_a_mistake_of_ours_is_not_hidden():
    ended = act(raising(ZeroDivisionError("ours")))
    assert isinstance(ended.exception, ZeroDivisionError)


def test_a_command_may_choose_its_exit_code():
    def action():
        click.echo("the good rows")
        click.get_current_context().exit(3)

    ended = act(action)
    assert (ended.exit_code, ended.stdout) == (3, "the good rows\n")


def script_with(body):
    """Return a command line that runs a program like ours; ``body`` is what its command does."""
    return [
        *(sys.executable, "-c"),
        "import click, sys, time\n"
        "from arae_toolkit.recipes.shared.commands import ExamplesCommand\n"
        "from arae_toolkit.recipes.shared.commands import ToolkitGroup\n"
        "group = ToolkitGroup('arae-toolkit')\n"
        "@group.command(cls=ExamplesCommand)\n"
        f"def act(): {body}\n"
        "group(['act'], prog_name='arae-toolkit')\n",
    ]


@pytest.mark.parametrize(
    "body",
    [
        "[click.echo('row') for _ in range(100_000)]",
        "sys.stdout.write('row\\n' * 100_000)",
        "(sys.stdout.write('row\\n'), time.sleep(0.5))",  # still in the buffer when the reader left
        "(sys.stdout.write('row\\n'), time.sleep(0.5), click.get_current_context().exit(3))",
    ],
)
def test_a_reader_that_leaves_early_is_no_failure(body):
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    writer = subprocess.Popen(
        script_with(body),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=buffered,
    )
    assert writer.stdout is not None
    if "sleep" not in body:
        assert writer.stdout.readline() == "row\n"
    writer.stdout.close()
    assert writer.stderr is not None
    with writer.stderr:
        assert writer.stderr.read() == ""
    assert writer.wait() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_one_line():
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            script_with("click.echo('row')"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == (
        "arae-toolkit: error: cannot write to stdout (No space left on device)\n"
    )


def test_control_c_leaves_with_130():
    sleeper = subprocess.Popen(
        script_with("(print('ready', flush=True), time.sleep(60))"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert sleeper.stdout is not None
    assert sleeper.stdout.readline() == "ready\n"
    sleeper.send_signal(signal.SIGINT)
    _, errors = sleeper.communicate(timeout=20)
    assert (sleeper.returncode, errors) == (130, "arae-toolkit: interrupted\n")


# --- progress --------------------------------------------------------------------------------


def test_progress_is_plain_lines_where_stderr_is_no_terminal(capsys, monkeypatch):
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(common.time, "monotonic", lambda: float(next(clock)))
    with progress("reading train", total=40) as advance:
        for _ in range(4):
            advance(10)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "reading train: 20 of 40 (50 %), 16 s, about 16 s left"
    assert lines[-1].startswith("reading train: 40 in ")
    assert len(lines) == 3


def test_progress_without_a_total_counts(capsys):
    with progress("reading") as advance:
        advance()
        advance(2)
    assert capsys.readouterr().err.startswith("reading: 3 in 0.")


def test_progress_that_breaks_off_claims_nothing(capsys):
    with contextlib.suppress(DataError), progress("reading", total=5) as advance:
        advance()
        raise DataError("bad row")
    assert capsys.readouterr().err == ""


def test_progress_is_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("reading train", total=40) as advance:
        advance(40)
    errors = capsys.readouterr().err
    assert "reading train" in errors
    assert "40/40" in errors


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["foo"], "No such command 'foo'. There are demo, prepare, "),
        (["nli", "xyz"], "No such command 'xyz'. There are pretrain, predict, evaluate.\n"),
        (["evaluate", "captions"], "No such command 'captions'. There are generation, gallery, "),
        (["evaluate", "transfr"], "No such command 'transfr'. Did you mean 'transfer'?\n"),
        (["runs", "x", "--json"], "No such command 'x'. There are compare.\n"),
    ],
)
def test_a_mistyped_command_is_one_line_with_what_there_is(words, line):
    ended = run(*words)
    assert ended.exit_code == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"arae-toolkit: error: {line}")
    assert ended.stderr.count("\n") == 1


def test_the_package_is_the_program():
    """Where the script is not on the path."""
    command = [sys.executable, "-m", "arae_toolkit", "nli", "xyz"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("arae-toolkit: error: No such command 'xyz'")


# --- values that would cost the work --------------------------------------------------------


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_is_finite(value):
    for words in (
        ("sample", "snli", "--method", "sample", f"--temperature={value}"),
        ("transfer", "yelp", f"--strength={value}"),
        ("latent", "arithmetic", "snli", f"--scale={value}"),
    ):
        result = run(*words)
        assert result.exit_code == 2, words
        assert "no finite number" in result.output or "is not in the range" in result.output


def test_a_folder_of_results_that_cannot_be_made_is_refused_first(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        result = run("evaluate", "latent", "snli", "--results", str(place))
        assert result.exit_code == 2
        assert f"{tmp_path / 'file'} is no folder" in result.output
