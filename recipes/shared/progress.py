"""Progress and tables: what is on the way to stderr, tables that are asked for to stdout."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from arae_toolkit.data_prep.readers.downloads import Advance

INTERRUPTED = 130
PLAIN_INTERVAL_SECONDS = 10.0
BAR_INTERVAL_SECONDS = 0.1
MOST_CHARACTERS = 2_000
"""Longest message shown whole."""

_CONTROL = re.compile("[\0-\b\v-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@cache
def console() -> Console:
    """Return the one rich console, which writes to stderr; stdout is for data."""
    from rich.console import Console

    return Console(stderr=True, markup=False, emoji=False)  # names may look like markup


_QUIET = "ARAE_QUIET"


def be_quiet() -> None:
    """Show nothing of what :func:`say` and the displays are told from here on.

    Of several processes that do the same, the first one speaks for all.
    """
    os.environ[_QUIET] = "1"
    console().quiet = True


def is_quiet() -> bool:
    """Return whether another process speaks for this one."""
    return _QUIET in os.environ


def say(text: str) -> None:
    """Show a line on stderr, above the live display where there is one."""
    console().out(printable(text), highlight=False)


def tell(text: str) -> None:
    """Write a line to stderr where there is no live display, which takes long to load."""
    click.echo(printable(text), err=True)


def say_next(*commands: Sequence[object]) -> None:
    """Show on stderr what can be done next: commands of the program, by their words."""
    shown = (shlex.join(["arae-toolkit", *map(str, words)]) for words in commands)
    say(f"next: {' or '.join(map(repr, shown))}")


def printable(text: str) -> str:
    r"""Return a text that a terminal only shows, whatever names and words of others stand in it.

    Control characters, and those that turn the direction of writing, become escapes; what is longer
    than a message loses its middle.

    Example:
        >>> printable("no file \x1b[2Jx")
        'no file \\x1b[2Jx'
    """
    text = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[: MOST_CHARACTERS // 2]} ... {text[-MOST_CHARACTERS // 4 :]}"


def number_table(title: str, columns: Iterable[str], **style: Any) -> Table:
    """Return a table for the terminal: a column of names, then some of numbers."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", **style)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, wide: str = "") -> None:
    """Print a table of texts on stdout.

    Args:
        heads: Of the columns.
        rows: Their cells.
        wide: The head of a column of long texts, if there is one.
    """
    if not sys.stdout.isatty():
        from arae_toolkit.reports.markdown import text_table

        click.echo(text_table(heads, [[" ".join(cell.split()) for cell in row] for row in rows]))
        return
    from rich.console import Console
    from rich.table import Table

    drawn = Table(show_lines=bool(wide))
    for place, head in enumerate(heads):
        least = 30 if head == wide else None
        drawn.add_column(head, overflow="fold", min_width=least, no_wrap=place == 0)
    for row in rows:
        drawn.add_row(*map(printable, row))
    Console(markup=False, emoji=False, highlight=False).print(drawn)


def show(
    report: Mapping[str, Any], *, as_json: bool, as_text: Callable[[Mapping[str, Any]], str]
) -> None:
    """Print what was measured on stdout: one JSON object, or a text for people.

    Args:
        report: What was measured.
        as_json: Value of ``--json``.
        as_text: Returns the report as a text, such as a table in Markdown.
    """
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else as_text(report))


def size_text(count: int | None) -> str:
    """Return a number of bytes as a reader wants it.

    Example:
        >>> size_text(1536 * 1024)
        '1.5 MiB'
    """
    if count is None:
        return "unknown"
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def duration(seconds: float) -> str:
    """Return seconds as people say it.

    Example:
        >>> duration(59.6), duration(3725)
        ('60 s', '1 h 2 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


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
def stream_progress(description: str, total: Callable[[], int | None]) -> Iterator[Advance]:
    """Show how far a stream is, where a person can see it: stderr is a terminal, stdout is none.

    Where answers come to the terminal themselves, they show how far it is.

    Args:
        description: What is being done.
        total: Returns the number of rows, ``None`` where it is not known; called if it is shown.

    Yields:
        As :func:`progress`.
    """
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda n=1: None
        return
    with progress(description, total()) as advance:
        yield advance


def rows_of_file(path: str) -> int | None:
    """Return how many rows a plain file of lines or JSONL has, ``None`` of anything else.

    Blank lines are counted as well: it is for a display.
    """
    if Path(path).suffix.lower() not in ("", ".txt", ".jsonl", ".ndjson"):
        return None
    try:
        if not Path(path).is_file():
            return None
        with Path(path).open("rb") as source:
            blocks = iter(lambda: source.read(1 << 20), b"")
            return sum(block.count(b"\n") for block in blocks) or None
    except OSError:
        return None


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

    start = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    end = (TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TimeRemainingColumn())
    # What is written to stdout meanwhile is data, and none of this display's.
    with Progress(*start, *end, console=console(), redirect_stdout=False) as bar:
        task = bar.add_task(description, total=total, rate="")
        began = time.monotonic()

        def update(done: int) -> None:
            seconds = time.monotonic() - began
            rate = f"{done / seconds:,.0f}/s" if done and seconds > 0 else ""
            bar.update(task, completed=done, rate=rate)

        yield update


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
            seconds, of_total, left = now - start, "", ""
            if total and 0 < done <= total:
                of_total = f" of {total:,} ({100 * done / total:.0f} %)"
                left = f", about {duration(seconds * (total - done) / done)} left"
            tell(f"{description}: {done:,}{of_total}, {seconds:.0f} s{left}")
            last_line = now

    yield update
    tell(f"{description}: {last_done:,} in {time.monotonic() - start:.1f} s")
