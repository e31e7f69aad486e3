"""``arae-toolkit reproduce``: the paper's tables and figures, measured anew, beside its own."""

from __future__ import annotations

import click

from arae_toolkit.recipes.shared.commands import ExamplesGroup

TABLES = {
    "table1": (
        "arae_toolkit.recipes.reproduce.table1:table1",
        "Generated text: ARAE, AE, AAE and language model, by reverse and forward perplexity.",
    ),
    "table2": (
        "arae_toolkit.recipes.reproduce.transfer.table2:table2",
        "Sentences of both sentiments, and what the systems of table3 write.",
    ),
    "figure2": (
        "arae_toolkit.recipes.reproduce.figure2:figure2",
        "Digits that models make, as pictures and measured by a classifier.",
    ),
    "table3": (
        "arae_toolkit.recipes.reproduce.transfer.table3:table3",
        "Sentiment transfer: the paper's systems, a floor, and ideas beyond.",
    ),
    "table4": (
        "arae_toolkit.recipes.reproduce.transfer.table4:table4",
        "Topic transfer of questions and replies, in all directions.",
    ),
    "figure3": (
        "arae_toolkit.recipes.reproduce.code_space:figure3",
        "The code space in training: norms, variances and cosines, ARAE beside AE.",
    ),
    "figure4": (
        "arae_toolkit.recipes.reproduce.code_space:figure4",
        "Sentences with words swapped: what they cost, and what is written.",
    ),
    "figure5": (
        "arae_toolkit.recipes.reproduce.figure5:figure5",
        "Words brought in by offset vectors, beside controls.",
    ),
    "table5": (
        "arae_toolkit.recipes.reproduce.inference.table5:table5",
        "Inference from few labels: random, AE and ARAE encoders by label splits.",
    ),
    "all": (
        "arae_toolkit.recipes.reproduce.everything:everything",
        "Every one of these in turn, on models that they share.",
    ),
}


@click.group(
    cls=ExamplesGroup,
    table=TABLES,
    examples=[
        "arae-toolkit reproduce all --quick",
        "arae-toolkit reproduce table3 --quick",
        "arae-toolkit reproduce table5",
    ],
)
def reproduce() -> None:
    """Measure a table or figure of the paper anew, the paper's numbers beside ours.

    A table that was interrupted goes on where it was when the same command is given again.
    """
