"""``evaluate transfer --rating-sheet``: the files that raters get, and the key to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.errors import DataError

if TYPE_CHECKING:
    from arae_toolkit.evaluation.transfer.comparison import SystemOutputs


def write_sheet(
    systems: Mapping[str, SystemOutputs],
    count: int,
    folder: Path,
    *,
    labels: Sequence[str],
    seed: int,
) -> None:
    """Write the files of a rating sheet and print their paths.

    Args:
        systems: By name. What people wrote is one more where every system has references.
        count: Sources to be shown.
        folder: Where to write.
        labels: Names by class id.
        seed: Fixes sources and order.

    Raises:
        DataError: If no source was answered by every system.
        ToolkitError: If there is a sheet already.
    """
    from arae_toolkit.evaluation.human.ratings import draw_items
    from arae_toolkit.evaluation.human.sheet_files import KEY, PAGE, TABLE, write_rating_files
    from arae_toolkit.evaluation.transfer.comparison import REFERENCES

    human = next((s.human for s in systems.values() if s.human is not None), None)
    shown = dict(systems) if human is None else {**systems, REFERENCES: human}
    try:
        items = draw_items(shown, count, labels=labels, seed=seed)
    except ValueError as error:
        raise DataError(str(error)) from error
    write_rating_files(folder, items, labels=labels)
    click.echo(
        f"{len(items):,} rows of {', '.join(shown)}; raters get {TABLE} or {PAGE}, and not {KEY}\n"
        f"score with: arae-toolkit evaluate transfer-ratings {folder / KEY} FILLED...",
        err=True,
    )
    click.echo(f"{folder / TABLE}\n{folder / PAGE}\n{folder / KEY}")
