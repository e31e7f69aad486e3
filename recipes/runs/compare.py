"""``arae-toolkit runs compare``: the settings and curves of runs side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.errors import DataError, NotFound
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.option_types import Checked
from arae_toolkit.recipes.shared.options import json_option
from arae_toolkit.recipes.shared.progress import print_table, say
from arae_toolkit.storage.figure_files import check_suffix

if TYPE_CHECKING:
    from arae_toolkit.training.run_records import RunRecord, Table

MOST_PANELS = 9
"""Figures drawn, unless they are named."""


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit runs compare snli snli-ae",
        "arae-toolkit runs compare snli-seed-0 snli-seed-1 --metric exact --plot curves.png",
        "arae-toolkit runs compare snli runs/tried/small --plot curves.png --plot curves.html",
    ],
)
@click.argument("runs", nargs=-1, required=True)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="A figure on dev whose curve is shown; may be given again.  [default: the first that all "
    "runs have, in plots all]",
)
@click.option(
    "--plot",
    "plots",
    multiple=True,
    type=Checked(lambda text: check_suffix(Path(text))),
    metavar="FILE.png|FILE.html",
    help="Draw the curves, on a page (.html) beside the tables; may be given again.",
)
@json_option
def compare(
    runs: tuple[str, ...], metrics: tuple[str, ...], plots: tuple[Path, ...], as_json: bool
) -> None:
    """Set RUNS side by side: the settings that differ, the last figures on dev, and curves.

    RUNS are corpus names (snli means runs/snli) or folders of runs.
    """
    from arae_toolkit.training import run_records as records

    found = [records.read_run(find_run(name, prefixes=("", "nli-"))) for name in runs]
    shared = records.common_metrics(found)
    if unknown := [name for name in metrics if name not in shared]:
        raise NotFound(
            f"no figure {unknown[0]!r} that all of these runs have on dev",
            hint=f"there are {', '.join(shared)}" if shared else "train them first",
        )
    curves = [records.curve_table(found, name) for name in metrics or shared[:1]]
    tables = [records.differences_table(found), records.last_table(found), *curves]
    for path in plots:
        _draw(path, found, list(metrics) or shared[:MOST_PANELS], tables)
    if as_json:
        rows = [
            {
                **run.summary(),
                "precision": run.precision,
                "settings": dict(run.settings),
                "curves": [{"epoch": row["epoch"], **records.figures_of(row)} for row in run.dev],
            }
            for run in found
        ]
        click.echo(json.dumps({"runs": rows}, indent=2))
        return
    for number, (heads, *lines) in enumerate(tables):
        if number:
            click.echo()
        print_table(heads, lines)


def _draw(
    path: Path, found: Sequence[RunRecord], metrics: Sequence[str], tables: Sequence[Table]
) -> None:
    """Write the curves of runs into a file, and say so."""
    from arae_toolkit.storage.figure_files import save_plot
    from arae_toolkit.training.run_records import draw_curves, labels

    if not metrics:
        raise DataError("no figure on dev that all of these runs have: nothing to draw")
    save_plot(
        path,
        draw_curves(found, metrics),
        title=", ".join(labels(found)),
        about="Figures on held-out sentences (dev) over the epochs of training.",
        tables=tables,
    )
    say(f"curves: {path}")
