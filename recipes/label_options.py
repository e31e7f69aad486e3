"""Options of the commands that learn from labelled pairs: which corpus, and which of its labels."""

from __future__ import annotations

from pathlib import Path

import click

from arae_toolkit.nli.label_splits import wanted_count
from arae_toolkit.recipes.model_options import in_order

LABELS_METAVAR = "tiny|small|medium|full|N"


def known_labels(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse a name of a split that there is not."""
    try:
        if value is not None:
            wanted_count(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx=ctx, param=parameter) from error
    return value


pairs_option = click.option(
    "--corpus",
    "corpus_name",
    default="snli",
    show_default=True,
    help="snli, synthetic, or a prepared folder with pairs.",
)
drawing_options = in_order(
    click.option(
        "--label-seed",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Which pairs' labels are drawn.",
    ),
    click.option(
        "--draw-from",
        type=click.IntRange(0),
        default=0,
        metavar="N",
        help="Draw from the corpus's first N pairs only; for a copy whose end was selected.",
    ),
)
set_option = click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting."
)
results_option = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder for the file of results.",
)
