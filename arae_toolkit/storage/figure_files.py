"""Figures as files: a picture, or a page that holds it beside tables and needs no other."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from arae_toolkit.storage.atomic_files import replacing, write_text
from arae_toolkit.storage.html_page import note, page, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 100
SUFFIXES = (".png", ".html")

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
        about: What the plot shows, in a sentence.
        tables: Shown on the page under the plot.
        notes: Lines under the tables.

    Raises:
        ToolkitError: If the file cannot be written.
    """
    check_suffix(path)
    if path.suffix == ".png":
        save_picture(path, figure)
        return
    sections = {
        "Figure": [_svg(figure)],
        "Numbers": [table(head, rows) for head, *rows in tables],
        "Notes": [note(line) for line in notes],
    }
    write_text(path, page(title, about, sections))


def save_picture(path: Path, figure: Figure, *, dots_per_inch: int = DOTS_PER_INCH) -> None:
    """Write a plot as PNG, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=dots_per_inch, metadata={"Software": None})


def _svg(figure: Figure) -> str:
    """Return a figure as SVG."""
    import matplotlib as mpl

    target = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "arae-toolkit"}):
        figure.savefig(target, format="svg", metadata={"Date": None})
    text = target.getvalue()
    return text[text.index("<svg") :]
