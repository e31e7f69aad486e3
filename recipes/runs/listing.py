"""``arae-toolkit runs``: the runs that there are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.recipes.shared.commands import ExamplesGroup
from arae_toolkit.recipes.shared.options import json_option
from arae_toolkit.recipes.shared.progress import print_table, say, size_text
from arae_toolkit.recipes.shared.training_display import DEV_COLUMNS
from arae_toolkit.storage.paths import runs_folder

if TYPE_CHECKING:
    from arae_toolkit.training.run_records import RunRecord

SUBCOMMANDS = {
    "compare": (
        "arae_toolkit.recipes.runs.compare:compare",
        "Set the settings and curves of runs side by side.",
    ),
}
FIGURES_SHOWN = 3
"""Of the last evaluation on dev, in the table."""


@click.group(
    cls=ExamplesGroup,
    table=SUBCOMMANDS,
    invoke_without_command=True,
    examples=[
        "arae-toolkit runs",
        "arae-toolkit runs --folder models --json | jq '.runs[] | {name, dev}'",
        "arae-toolkit runs compare snli snli-ae --plot curves.html",
    ],
)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where runs lie.  [default: $ARAE_RUNS, else runs]",
)
@json_option
@click.pass_context
def runs(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """List the runs that there are, the last changed first.

    A row has the kind of model, the corpus, the epochs trained, figures on dev as of the last
    evaluation, the size on disk and the time of the last change; a sweep's trials have a row each.
    --json has all figures.
    """
    if ctx.invoked_subcommand is not None:
        return
    place = folder or runs_folder()
    found = sorted(_runs_in(place), key=lambda run: run.changed, reverse=True)
    if as_json:
        rows = [run.summary() for run in found]
        click.echo(json.dumps({"looked_in": str(place), "runs": rows}, indent=2))
        return
    if not found:
        say(f"no runs in {place}; 'arae-toolkit pretrain CORPUS' trains one")
        return
    print_table(
        ["run", "kind", "corpus", "epochs", "dev", "size", "changed"],
        [
            [
                *(run.name, run.kind, run.corpus, f"{run.epochs:g}", _figures(run)),
                *(size_text(run.bytes), f"{run.changed:%Y-%m-%d %H:%M}"),
            ]
            for run in found
        ],
    )


def _runs_in(place: Path) -> list[RunRecord]:
    """Return the runs in a folder; what is none, or cannot be read, is told and left out."""
    from arae_toolkit.training.run_records import CONFIG, read_run

    found = []
    folders = [*place.glob("*"), *place.glob("*/trial-*")]  # those of sweeps lie in them
    for folder in sorted(folders):
        if not (folder / CONFIG).is_file():
            continue
        try:
            found.append(replace(read_run(folder), name=folder.relative_to(place).as_posix()))
        except (CheckpointMismatch, OSError) as error:
            say(f"left out: {error}")
    return found


def _figures(run: RunRecord) -> str:
    """Return some figures of the last evaluation on dev."""
    from arae_toolkit.training.run_records import figures_of

    row = figures_of(run.dev[-1]) if run.dev else {}
    shown = [form.format(row[name]) for name, form in DEV_COLUMNS.items() if row.get(name)]
    return ", ".join(shown[:FIGURES_SHOWN])
