"""``arae-toolkit reproduce all``: every table and figure in turn, on the models that they share."""

from __future__ import annotations

import time
from pathlib import Path

import click

from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.options import device_option, precision_option, results_option
from arae_toolkit.recipes.shared.progress import say


@click.command(
    "all",
    cls=ExamplesCommand,
    examples=["arae-toolkit reproduce all --quick", "arae-toolkit reproduce all --precision bf16"],
)
@click.option("--quick", is_flag=True, help="The quick form of each, in some five minutes.")
@device_option
@precision_option
@results_option
def everything(quick: bool, device: str, precision: str, results: Path) -> None:
    """Make every table and figure of the paper in turn, and print all of them.

    They share their models, and what is finished is left alone, so that the same command goes on
    after a stop. One that fails is named, and the others are made all the same; the exit code is 1
    then. Markdown goes to stdout, how long each took to stderr.
    """
    from arae_toolkit.training.loop import Interrupted

    if quick:
        import torch

        # Matrices this small gain nothing from threads, and lose to waiting for each other.
        torch.set_num_threads(1)
    ctx = click.get_current_context()
    group = ctx.parent
    assert group is not None, "a command of the group"
    assert isinstance(group.command, click.Group), "it has the other commands"
    words = ["--quick"] if quick else []
    words += [f"--device={device}", f"--precision={precision}", f"--results={results}"]
    failed = []
    for name in group.command.list_commands(group):
        if name == ctx.info_name:
            continue
        command = group.command.get_command(group, name)
        assert command is not None, "it was listed"
        click.echo(f"# {name}\n")
        began, computed = time.monotonic(), time.process_time()
        try:
            with command.make_context(name, list(words), parent=group) as own:
                command.invoke(own)
        except Interrupted:
            raise
        except (ToolkitError, click.ClickException, OSError) as error:
            failed.append(name)
            message = error.format_message() if isinstance(error, click.ClickException) else error
            say(f"arae-toolkit: error: {name}: {message}; going on with the next")
        click.echo("")
        say(
            f"{name}: {time.monotonic() - began:.0f} s, of the processor "
            f"{time.process_time() - computed:.0f} s"
        )
    if failed:
        raise ToolkitError(
            f"not made: {', '.join(failed)}; see above, and give the same command again"
        )
