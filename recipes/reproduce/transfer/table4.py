"""``arae-toolkit reproduce table4``: topic transfer of questions and of replies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.reproduce.side_by_side import until_done
from arae_toolkit.recipes.reproduce.transfer.options import (
    QUICK_SYSTEMS,
    TableChoices,
    quick_labelled,
    table_command,
    table_options,
)
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import open_corpus
from arae_toolkit.recipes.shared.generation_systems import encoder_option
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.recipes.reproduce.transfer.systems import System

PARTS = ("titles", "replies")
CLASSES = "science,music,politics"
SAMPLES_SHOWN = 6


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit reproduce table4",
        "arae-toolkit reproduce table4 --quick",
        "arae-toolkit reproduce table4 --part titles --system arae-1 --system infilling@c8",
        "arae-toolkit reproduce table4 --inputs tests/data/topics.jsonl --precision bf16",
        "arae-toolkit reproduce table4 --system infilling --model all-topics=runs/yahoo-all",
    ],
)
@click.option(
    "--part",
    "parts",
    type=click.Choice(PARTS),
    multiple=True,
    help="Of the corpus, again for several.  [default: both, apart]",
)
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    metavar="PATH",
    help="Prepared folders in place of yahoo's parts, in their order.",
)
@click.option("--classes", default=CLASSES, help="Topics, separated by commas.")
@click.option(
    "--inputs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSONL of one's own sentences (text, label, part), rewritten by the table's last system.",
)
@click.option("--quick", is_flag=True, help="On made-up questions and with small networks.")
@encoder_option("similarity to the input is")
@table_options
def table4(
    parts: tuple[str, ...],
    corpora: tuple[str, ...],
    classes: str,
    inputs: Path | None,
    quick: bool,
    encoder: str | None,
    choices: TableChoices,
) -> None:
    """Train and measure topic transfer on Yahoo's questions (titles) and replies, part by part.

    Each system is trained into runs/table4 and measured in all directions on the test split. Rows
    drawn at random from what the last system wrote go to stderr, as in the paper's Table 4. What is
    finished is left alone, so that the same command goes on after a stop, and started again
    meanwhile takes a share of the trainings. Markdown goes to stdout, everything to
    results/table4-PART.json, where rows of other systems stay if they were measured alike.
    """
    from arae_toolkit.recipes.reproduce.transfer.table import (
        read_inputs,
        rewritten_inputs,
        show_samples,
        write_table,
    )
    from arae_toolkit.recipes.reproduce.transfer.tuning import check_rows
    from arae_toolkit.reports.tables.transfer import directions_table, measured_on

    if quick:
        if parts or corpora or inputs or classes != CLASSES:
            raise click.UsageError("--quick has a corpus of its own")
        parts, choices = ("quick",), choices.quick(QUICK_SYSTEMS)
    parts = parts or PARTS
    if corpora and len(corpora) != len(parts):
        raise click.UsageError("--corpus is needed once for each --part, or not at all")
    command = table_command()
    opened: list[Corpus] = []
    rows: list[Any] = []
    for index, part in enumerate(parts):  # what is in the way of one is told before another's hours
        folder = (choices.out or run_folder("table4")) / part
        if quick:
            found = partial(quick_labelled, "synthetic-topics", folder)
        elif corpora:
            found = partial(open_corpus, corpora[index])
        else:
            found = partial(open_corpus, "yahoo", part=part, classes=classes)
        opened.append(until_done(found))
        check_rows(choices, opened[-1], folder)
        rows.append(None if inputs is None else read_inputs(inputs, part))
    all_diverged: list[Exception] = []
    for part, corpus, own in zip(parts, opened, rows, strict=True):
        folder = (choices.out or run_folder("table4")) / part
        more: dict[str, Callable[[System], Any]] = {}
        if own is not None:
            how: dict[str, Any] = {"rows": own, "folder": folder, "labels": corpus.labels}
            more["inputs"] = partial(rewritten_inputs, **how)
        result, shown, diverged = write_table(
            f"table4-{part}",
            corpus,
            choices,
            folder=folder,
            command=command,
            quick=quick,
            encoder=encoder,
            details={"part": part},
            more=more,
        )
        if shown:
            show_samples(shown[-1], folder, count=SAMPLES_SHOWN)
        click.echo(f"## {part}\n\n{directions_table(result)}\n\n{measured_on(result)}\n")
        all_diverged += diverged
    for error in all_diverged:
        raise error
