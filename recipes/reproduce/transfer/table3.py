"""``arae-toolkit reproduce table3``: sentiment transfer, the paper's systems and others beside."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from arae_toolkit.recipes.reproduce.side_by_side import until_done
from arae_toolkit.recipes.reproduce.transfer.options import (
    QUICK_SYSTEMS,
    TableChoices,
    open_reviews,
    table_command,
    table_options,
)
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.generation_systems import encoder_option
from arae_toolkit.storage.paths import run_folder

SAMPLES_SHOWN = 6


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit reproduce table3",
        "arae-toolkit reproduce table3 --quick",
        "arae-toolkit reproduce table3 --encoder nli-small",
        "arae-toolkit reproduce table3 --system ae --system arae-1@c8 --seeds 3 --precision bf16",
    ],
)
@click.option("--corpus", default="yelp", help="Name or prepared folder, with labels.")
@click.option(
    "--quick", is_flag=True, help="On made-up reviews and with small networks, in about a minute."
)
@encoder_option("similarity to the input is")
@table_options
def table3(corpus: str, quick: bool, encoder: str | None, choices: TableChoices) -> None:
    """Train and measure the systems of Table 3 (Yelp): the paper's, the floor, and ideas beyond.

    Each system is tuned by pilots on dev, trained into runs/table3 and measured on the test split:
    transfer by three judges trained apart, BLEU to the input, forward and reverse perplexity, with
    the copied input beside them. What is finished is left alone, so that the same command goes on
    after a stop, and started again meanwhile takes a share of the trainings. Markdown goes to
    stdout, everything to results/table3.json, where rows of other systems stay if they were
    measured alike.
    """
    from arae_toolkit.recipes.reproduce.transfer.table import show_samples, write_table
    from arae_toolkit.reports.tables.transfer import measured_on, transfer_table

    name = "table3-quick" if quick else "table3"
    folder = choices.out or run_folder(name)
    opened = until_done(partial(open_reviews, corpus, folder, quick=quick))
    if quick:
        choices = choices.quick(QUICK_SYSTEMS)
    command = table_command()
    how: dict[str, Any] = {"folder": folder, "command": command, "quick": quick}
    result, shown, diverged = write_table(name, opened, choices, encoder=encoder, **how)
    if shown:
        show_samples(shown[-1], folder, count=SAMPLES_SHOWN)
    click.echo(f"{transfer_table(result)}\n\n{measured_on(result)}")
    for error in diverged:
        raise error
