"""What commands share: help with examples, progress, finding the folder of a run."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from arae_toolkit.errors import ToolkitError
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
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


def find_run(
    name_or_path: str, *, prefixes: Sequence[str] = ("",), advice: str | None = None
) -> Path:
    """Return the model folder of a run: ``snli`` means ``runs/snli``; a path is taken as it is.

    Args:
        name_or_path: What the user calls the run.
        prefixes: What may stand before the name in the folder's, the likeliest first.
        advice: What makes such a run; by default, how to pretrain one.

    Raises:
        ToolkitError: If there is no model; the message names every place looked at.
    """
    is_name = not any(mark in name_or_path for mark in (os.sep, os.altsep) if mark)
    candidates = [run_folder(prefix + name_or_path) for prefix in prefixes] if is_name else []
    candidates.append(Path(name_or_path))
    for folder in candidates:
        if (folder / "config.json").is_file():
            return folder
    looked = " and ".join(str(folder / "config.json") for folder in candidates)
    if advice is None:
        advice = f"arae-toolkit pretrain {name_or_path if is_name else 'CORPUS'}"
    raise ToolkitError(
        f"no trained model {name_or_path!r}: looked for {looked}; train one with {advice!r}, or "
        "ask 'arae-toolkit doctor'"
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
