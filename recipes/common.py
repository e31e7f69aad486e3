"""What commands share: lazy loading, help with examples, one-line errors, progress, runs."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import click

from arae_toolkit.errors import ToolkitError
from arae_toolkit.locations import run_folder

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from rich.console import Console

INTERRUPTED = 130
PLAIN_INTERVAL_SECONDS = 10.0
BAR_INTERVAL_SECONDS = 0.1


class Advance(Protocol):
    """Tells a progress display that some more items are done."""

    def __call__(self, n: int = 1) -> None:
        """Count ``n`` more items."""


@cache
def console() -> Console:
    """Return the one rich console, which writes to stderr; stdout is for data."""
    from rich.console import Console

    return Console(stderr=True)


class ExamplesCommand(click.Command):
    """A command whose ``--help`` shows examples before the options.

    Args:
        *args: As for :class:`click.Command`.
        examples: Complete command lines.
        **kwargs: As for :class:`click.Command`.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        """Keep the examples; accept ``--debug`` behind the command as well as before it."""
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.params.append(
            click.Option(
                ["--debug"], is_flag=True, hidden=True, expose_value=False, callback=_set_debug
            )
        )

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description and, under it, the examples."""
        super().format_help_text(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                indent = " " * formatter.current_indent
                for example in self.examples:  # unwrapped, so that each can be copied
                    formatter.write(f"{indent}{example}\n")


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """Turn on the ``--debug`` of the whole program."""
    if value:
        ctx.find_root().params["debug"] = True


class ToolkitGroup(click.Group):
    """A group that imports a command's module only when that command is used.

    It also gives every failure that a user can meet one line on stderr and its exit code.

    Args:
        *args: As for :class:`click.Group`.
        table: By command name, where the command is (``module:attribute``) and its short help.
        **kwargs: As for :class:`click.Group`.
    """

    def __init__(
        self, *args: Any, table: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any
    ) -> None:
        """Keep the table; nothing is imported."""
        super().__init__(*args, **kwargs)
        self.table = dict(table or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the order of the table, which is that of a user's work."""
        return [*self.table, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or return ``None`` if there is none of this name."""
        if cmd_name not in self.table:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write names and short help texts from the table, without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(self._short_helps())

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete command names from the table, without importing the commands."""
        from click.shell_completion import CompletionItem

        matching = [row for row in self._short_helps() if row[0].startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=text) for name, text in matching] + options

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the first argument; name the nearest one where there is none."""
        name = args[0]
        names = self.list_commands(ctx)
        if name not in names and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            nearest = get_close_matches(name, names, n=1)
            ctx.fail(
                f"No such command {name!r}." + (f" Did you mean {nearest[0]!r}?" * bool(nearest))
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command; turn a failure into one line on stderr and an exit code."""
        try:
            try:
                result = super().invoke(ctx)
            except click.exceptions.Exit:
                sys.stdout.flush()
                raise
            sys.stdout.flush()  # here, so that a closed pipe is met while it can be answered
        except BrokenPipeError:
            _settle_stdout()
            ctx.exit(0)  # the reader has all it wanted
        except KeyboardInterrupt:
            _fail(ctx, "interrupted", INTERRUPTED)
        except ToolkitError as error:
            _fail(ctx, f"error: {error}", error.exit_code)
        except OSError as error:
            _settle_stdout()
            where = "" if error.filename is None else f"{error.filename}: "
            _fail(ctx, f"error: {where}{error.strerror or error}", ToolkitError.exit_code)
        return result

    def _short_helps(self) -> list[tuple[str, str]]:
        """Return name and short help of every command."""
        own = [(name, text) for name, (_, text) in self.table.items()]
        return own + [(name, self.commands[name].get_short_help_str()) for name in self.commands]


def _fail(ctx: click.Context, message: str, exit_code: int) -> NoReturn:
    """Leave with one line on stderr, after the traceback if ``--debug`` asks for it."""
    if ctx.params.get("debug"):
        click.echo(traceback.format_exc(), err=True, nl=False)
    click.echo(f"{ctx.info_name}: {' '.join(message.splitlines())}", err=True)
    ctx.exit(exit_code)


def _settle_stdout() -> None:
    """Flush stdout, or point it at nothing where that fails, so that leaving does not fail too."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(io.UnsupportedOperation):  # stdout is no file, as in a test
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, sys.stdout.fileno())
            os.close(nothing)


def find_run(name_or_path: str) -> Path:
    """Return the model folder of a run: ``snli`` means ``runs/snli``; a path is taken as it is.

    Raises:
        ToolkitError: If there is no model; the message names every place looked at.
    """
    is_name = not any(mark in name_or_path for mark in (os.sep, os.altsep) if mark)
    candidates = [run_folder(name_or_path)] if is_name else []
    candidates.append(Path(name_or_path))
    for folder in candidates:
        if (folder / "config.json").is_file():
            return folder
    looked = " and ".join(str(folder / "config.json") for folder in candidates)
    raise ToolkitError(
        f"no trained model {name_or_path!r}: looked for {looked}; train one with 'arae-toolkit "
        f"pretrain {name_or_path if is_name else 'CORPUS'}', or ask 'arae-toolkit doctor'"
    )


@contextlib.contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Advance]:
    """Show how far a loop is: a bar where stderr is a terminal, else a plain line now and then.

    Args:
        description: What is being done, such as ``reading train``.
        total: Number of items, if known.

    Yields:
        ``advance(n=1)``, to be called as items are done. Calling it is cheap.
    """
    display = _bar if sys.stderr.isatty() else _plain_lines
    with display(description, total) as update:
        done, next_update = 0, 0.0

        def advance(n: int = 1) -> None:
            nonlocal done, next_update
            done += n
            now = time.monotonic()
            if now >= next_update:
                update(done)
                next_update = now + BAR_INTERVAL_SECONDS

        yield advance
        update(done)


@contextlib.contextmanager
def _bar(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that moves a rich progress bar to a count."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console()) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextlib.contextmanager
def _plain_lines(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that prints a line at most every ten seconds; print one at the end."""
    start = time.monotonic()
    last_line, last_done = start, 0

    def update(done: int) -> None:
        nonlocal last_line, last_done
        last_done = done
        now = time.monotonic()
        if now - last_line >= PLAIN_INTERVAL_SECONDS:
            of_total = f" of {total:,} ({100 * done / total:.0f} %)" if total else ""
            click.echo(f"{description}: {done:,}{of_total}, {now - start:.0f} s", err=True)
            last_line = now

    yield update
    click.echo(f"{description}: {last_done:,} in {time.monotonic() - start:.1f} s", err=True)
