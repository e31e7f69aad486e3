"""Tables on stdout: drawn on a terminal, Markdown elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from arae_toolkit.recipes.shared.progress import printable


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
