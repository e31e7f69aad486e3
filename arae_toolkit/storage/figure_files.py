"""Figures as files: a picture, or a page that holds it beside tables and needs no other."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from arae_toolkit.storage.atomic_files import replacing, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 100
SUFFIXES = (".png", ".html")

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
svg {{ max-width: 100%; height: auto }}
table {{ border-collapse: collapse; font-size: .9rem }}
td, th {{ padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #ccc }}
td:first-child, th:first-child {{ text-align: left }}
.tables {{ overflow-x: auto }}
pre {{ white-space: pre-wrap }}
</style>
<h1>{title}</h1>
{picture}
<p>{about}</p>
<div class="tables">
{tables}
</div>
{notes}
</html>
"""

Table = Sequence[Sequence[str]]
"""Rows of cells, titles first."""


def check_suffix(path: Path) -> Path:
    """Return a path if it is that of a picture or page.

    Raises:
        ValueError: If it is not.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: a name that ends in {' or '.join(SUFFIXES)} is expected")
    return path


def save_plot(
    path: Path,
    figure: Figure,
    *,
    title: str,
    about: str,
    tables: Sequence[Table],
    notes: Sequence[str] = (),
) -> None:
    """Write a plot, whole or not at all, the same bytes for the same numbers.

    Args:
        path: Ends in ``.png`` or ``.html``.
        figure: The plot.
        title: Of the page.
        about: What is said under the plot on the page.
        tables: Shown on the page.
        notes: Lines under the tables.

    Raises:
        ToolkitError: If the file cannot be written.
    """
    check_suffix(path)
    if path.suffix == ".png":
        save_picture(path, figure)
        return
    page = PAGE.format(
        title=escape(title),
        picture=_svg(figure),
        about=escape(about),
        tables="\n".join(map(_html_table, tables)),
        notes="\n".join(f"<p>{escape(note)}</p>" for note in notes),
    )
    write_text(path, page)


def save_picture(path: Path, figure: Figure) -> None:
    """Write a plot as PNG, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def _svg(figure: Figure) -> str:
    """Return a figure as SVG."""
    import matplotlib as mpl

    target = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "arae-toolkit"}):
        figure.savefig(target, format="svg", metadata={"Date": None})
    text = target.getvalue()
    return text[text.index("<svg") :]


def _html_table(rows: Table) -> str:
    """Return rows of cells as a table, the first one as its head."""
    lines = [
        "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"
        for tag, row in [("th", rows[0]), *(("td", row) for row in rows[1:])]
    ]
    return "<table>\n" + "\n".join(lines) + "\n</table>"
