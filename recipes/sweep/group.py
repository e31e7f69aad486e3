"""``arae-toolkit sweep``: settings searched by Optuna, every trial an ordinary run."""

from __future__ import annotations

import click

from arae_toolkit.recipes.shared.commands import ExamplesGroup

KINDS_OF_RUNS = {
    "pretrain": (
        "arae_toolkit.recipes.sweep.pretrain:pretrain",
        "Search the settings of an autoencoder or a language model.",
    ),
    "nli": (
        "arae_toolkit.recipes.sweep.nli:nli",
        "Search the settings of a classifier of sentence pairs.",
    ),
    "transfer": (
        "arae_toolkit.recipes.sweep.transfer:transfer",
        "Search the settings of a model that transfers labels.",
    ),
}


@click.group(
    cls=ExamplesGroup,
    table=KINDS_OF_RUNS,
    examples=[
        "arae-toolkit sweep pretrain --quick",
        "arae-toolkit sweep pretrain snli --over adversarial_weight=log:1:100",
        "arae-toolkit sweep nli --labels tiny --over dropout=0:0.5",
    ],
)
def sweep() -> None:
    """Search settings by Optuna: every trial is a run of its own, in the sweep's folder.

    The same command, given again while the first still runs, here or on another machine with the
    same storage, is a further worker; given after one was stopped, it goes on. Needs the extra
    search: pip install 'arae-toolkit[search]'.
    """
