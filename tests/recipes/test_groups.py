import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared.commands import ExamplesCommand, ExamplesGroup, ToolkitGroup

SCRIPT = """
import sys
import click
from arae_toolkit.recipes.shared.commands import ExamplesGroup, ToolkitGroup

program = ToolkitGroup("arae-toolkit")

@program.group(cls=ExamplesGroup, table={
    "predict": ("arae_toolkit.recipes.nli.predict:predict", "Label pairs."),
    "evaluate": ("arae_toolkit.recipes.nli.evaluate:evaluate", "Measure."),
})
@click.option("--labels")
def nli(labels):
    pass

try:
    program(sys.argv[1:] or None, prog_name="arae-toolkit")
except SystemExit:
    pass
print([n for n in sys.modules if n.startswith("arae_toolkit.recipes.nli.")], file=sys.stderr)
"""


def program_with(action, *, by_itself=True):
    """Return a program with a group ``work`` that trains by itself and has the command ``act``."""

    @click.group(cls=ToolkitGroup)
    @click.option("--debug", is_flag=True)
    def program(debug):
        pass

    @program.group(
        cls=ExamplesGroup,
        invoke_without_command=by_itself,
        examples=["arae-toolkit work --size 3", "arae-toolkit work act"],
    )
    @click.option("--size", default=1, help="How large.")
    @click.pass_context
    def work(ctx, size):
        """Do the work."""
        if ctx.invoked_subcommand is None:
            click.echo(f"worked at size {size}")

    @work.command(cls=ExamplesCommand)
    @click.option("--often", default=1)
    def act(often):
        """Act, and no more."""
        return action(often)

    return program


def run(*arguments, action=click.echo, **settings):
    program = program_with(action, **settings)
    return CliRunner().invoke(program, list(arguments), prog_name="arae-toolkit")


def fail(_):
    raise DataError("bad row")


def test_a_group_works_by_itself_and_through_its_commands():
    assert run("work").stdout == "worked at size 1\n"
    assert run("work", "--size", "3").stdout == "worked at size 3\n"
    assert run("work", "act", "--often", "5").stdout == "5\n"


def test_a_groups_own_option_in_front_of_its_command_is_refused():
    ended = run("work", "--size", "3", "act")
    assert ended.exit_code == 2
    assert "--size is an option of 'arae-toolkit work' by itself" in ended.stderr
    assert "its command 'act'" in ended.stderr
    assert ended.stdout == ""


def test_a_group_that_does_nothing_by_itself_may_share_its_options():
    assert run("work", "--size", "3", "act", by_itself=False).stdout == "1\n"


def test_help_shows_description_examples_options_and_commands():
    text = run("work", "--help").stdout
    parts = ("Do the work.", "Examples:", "  arae-toolkit work --size 3\n", "--size", "Commands:")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "act  Act, and no more." in text


@pytest.mark.parametrize("name", ["atc", "--size 3 atc"])
def test_a_mistyped_command_of_a_group_names_the_nearest_one(name):
    ended = run("work", *name.split())
    assert ended.exit_code == 2
    assert "No such command 'atc'. Did you mean 'act'?" in ended.stderr


def test_a_failure_below_a_group_is_one_line_of_the_program():
    ended = run("work", "act", action=fail)
    assert ended.exit_code == 3
    assert ended.stderr == "arae-toolkit: error: bad row\n"


@pytest.mark.parametrize("place", range(4))
def test_debug_is_accepted_anywhere(place):
    words = ["work", "act"]
    ended = run(*words[:place], "--debug", *words[place:], action=fail)
    assert ended.exit_code == 3
    assert ended.stderr.startswith("Traceback")
    assert ended.stderr.endswith("arae-toolkit: error: bad row\n")


def test_debug_does_not_count_as_an_option_of_the_work():
    assert run("work", "--debug", "act").stdout == "1\n"


def start(*arguments, **environment):
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout, ended.stderr.splitlines()[-1]


def test_help_of_a_group_imports_none_of_its_commands():
    shown, imported = start("nli", "--help")
    assert "predict   Label pairs." in shown
    assert imported == "[]"


@pytest.mark.parametrize(
    ("typed", "answer", "imported"),
    [
        ("arae-toolkit nl", ["plain,nli"], False),
        ("arae-toolkit nli pre", ["plain,predict"], False),
        ("arae-toolkit nli --lab", ["plain,--labels"], False),
        ("arae-toolkit nli predict --batch", ["plain,--batch-size"], True),
    ],
)
def test_commands_of_a_group_are_completed_without_importing_them(typed, answer, imported):
    shown, modules = start(
        _ARAE_TOOLKIT_COMPLETE="bash_complete",
        COMP_WORDS=typed,
        COMP_CWORD=str(len(typed.split()) - 1),
    )
    assert shown.split() == answer
    assert ("nli.predict" in modules) == imported
    assert "nli.evaluate" not in modules
