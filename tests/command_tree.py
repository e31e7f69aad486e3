"""Every command of the program by its full name, those of groups included."""

from collections.abc import Iterator

import click

from arae_toolkit.recipes.cli import PROGRAM, main
from arae_toolkit.recipes.shared.commands import LazyGroup


def command_named(name: str) -> click.Command:
    """Return the command of a full name such as ``nli predict``."""
    command: click.Command | None = main
    for word in name.split():
        assert isinstance(command, click.Group), f"{name!r}: no command stands before {word!r}"
        command = command.get_command(click.Context(command, info_name=PROGRAM), word)
    assert command is not None, f"no command {name!r}"
    return command


def command_names(group: click.Group = main, before: str = "") -> Iterator[str]:
    """Yield the full name of every command, a group's own before those of its commands."""
    for word in group.list_commands(click.Context(group, info_name=PROGRAM)):
        name = f"{before} {word}".strip()
        yield name
        command = command_named(name)
        if isinstance(command, click.Group):
            yield from command_names(command, name)


def command_modules(group: click.Group = main) -> Iterator[str]:
    """Yield the modules that hold commands, by the tables of the groups."""
    if isinstance(group, LazyGroup):
        yield from (target.split(":")[0] for target, _ in group.table.values())
    for word in group.list_commands(click.Context(group, info_name=PROGRAM)):
        command = group.get_command(click.Context(group, info_name=PROGRAM), word)
        if isinstance(command, click.Group):
            yield from command_modules(command)
