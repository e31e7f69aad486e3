import shlex

import click
import pytest
from click.testing import CliRunner

from arae_toolkit.recipes.reproduce.transfer.options import (
    QUICK_CHANGES,
    QUICK_SENTENCES,
    table_command,
    table_options,
)
from arae_toolkit.recipes.reproduce.transfer.systems import SYSTEMS, chosen_systems


def _asked(*words):
    """Return the choices made by these words, and the command line that makes them again."""
    seen = []

    @click.command
    @click.option("--quick", is_flag=True)
    @table_options
    def table(quick, choices):
        seen.append((choices, table_command(), quick))

    result = CliRunner().invoke(table, words, prog_name="table")
    assert result.exit_code == 0, result.output
    return seen[0]


def _choices(*words):
    return _asked(*words)[0]


def test_every_system_has_the_seeds_asked_for():
    choices = _choices("--seeds", "3")
    assert choices.systems == SYSTEMS
    assert {choices.seeds_for(system) for system in SYSTEMS} == {range(3)}
    assert _choices().seeds_for(SYSTEMS[0]) == range(1)


@pytest.mark.parametrize("named", ["arae-1", "arae-1@c8"])
def test_several_seeds_of_one_system_are_those_of_its_runs(named):
    choices = _choices("--seeds", "3", "--seeds-of", named, "--seeds-of", "cycle")
    found = {system.name: len(choices.seeds_for(system)) for system in SYSTEMS}
    several = {name for name, seeds in found.items() if seeds == 3}
    assert several == {name for name in found if name.split("@")[0] in ("arae-1", "cycle")}
    assert {"arae-1", "arae-1@s2", "cycle"} < several
    assert set(found.values()) == {1, 3}


def test_a_quick_table_has_its_own_systems_and_settings_before_the_users(tmp_path):
    asked = ("--seeds", "3", "--set", "iterations=9", "--split", "dev", "--limit", "7")
    choices = _choices(*asked, "--out", str(tmp_path))
    quick = choices.quick(("ae", "cycle"))
    assert list(quick.systems) == chosen_systems(("ae", "cycle"))
    assert (quick.preset, quick.seeds, quick.tune) == ("demo", 3, False)
    assert quick.changes == (*QUICK_CHANGES, "iterations=9")
    assert (quick.split, quick.most, quick.out) == ("dev", 7, tmp_path)
    assert _choices().quick(("ae",)).most == QUICK_SENTENCES
    named = _choices("--system", "paper-2018", "--system", "ae@c2").quick(("arae-1",))
    assert [system.name for system in named.systems] == ["paper-2018", "ae@c2"]


@pytest.mark.parametrize("asked", ["@", "@x", "@c0", "@s-1", "@c2@c3", "@s2@s3", "@c1.5", "@c8x"])
def test_a_system_cannot_be_asked_for_what_there_is_not(asked):
    with pytest.raises(ValueError, match="not of the form"):
        chosen_systems((f"infilling{asked}",))


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--quick", "--results", "else where"],
        ["--system", "ae@c2", "--system=infilling", "--set", "epochs=1", "--set=batch_size=8"],
        ["--seeds", "2", "--seeds-of", "ae", "--split=dev", "--limit", "5", "--preset", "fast"],
        ["--scorer", "a folder", "--out", "b", "--device", "cpu", "--precision", "bf16"],
    ],
)
def test_the_command_line_asks_for_the_same_again(words):
    choices, line, quick = _asked(*words)
    name, *again = shlex.split(line)
    assert name == "table"
    if "--results" in words:
        assert "--results" not in line  # where the file lies is not how it was measured
        again += ["--results", "else where"]
    assert _asked(*again) == (choices, line, quick)


def test_what_was_left_to_default_is_not_named():
    assert _asked()[1] == "table"


def test_an_unknown_system_is_answered_with_the_known():
    command = click.command(table_options(lambda choices: None))
    result = CliRunner().invoke(command, ["--system", "ae", "--system", "araee"])
    assert result.exit_code == 2
    assert "no system 'araee'; there are cross-aligned, ae, " in result.output
