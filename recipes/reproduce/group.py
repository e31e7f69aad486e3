"""``arae-toolkit reproduce``: the paper's tables, measured anew, its figures beside ours."""

from __future__ import annotations

import click

from arae_toolkit.recipes.shared.commands import ExamplesGroup

TABLES = {
    "table1": (
        "arae_toolkit.recipes.reproduce.table1:table1",
        "Generated text: ARAE, AE, AAE and language model, by reverse and forward perplexity.",
    ),
    "figure2": (
        "arae_toolkit.recipes.reproduce.figure2:figure2",
        "Digits that models make, as pictures and measured by a classifier.",
    ),
    "table3": (
        "arae_toolkit.recipes.reproduce.table3:table3",
        "Sentiment transfer: the paper's systems, a floor, and ideas beyond.",
    ),
    "table4": (
        "arae_toolkit.recipes.reproduce.table4:table4",
        "Topic transfer of questions and replies, in all directions.",
    ),
    "table5": (
        "arae_toolkit.recipes.reproduce.table5:table5",
        "Inference from few labels: random, AE and ARAE encoders by label splits.",
    ),
}


@click.group(
    cls=ExamplesGroup,
    table=TABLES,
    examples=["arae-toolkit reproduce table3 --quick", "arae-toolkit reproduce table5"],
)
def reproduce() -> None:
    """Measure a table of the paper anew, and print it with the paper's figures beside ours.

    A table that was interrupted goes on where it was when the same command is given again.
    """
