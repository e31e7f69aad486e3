"""``arae-toolkit prior``: priors fitted to the codes of a trained model."""

from __future__ import annotations

import click

from arae_toolkit.recipes.shared.commands import ExamplesGroup

SUBCOMMANDS = {
    "fit": (
        "arae_toolkit.recipes.prior.fit:fit",
        "Fit a Gaussian, a mixture or a flow to a run's codes.",
    ),
    "list": (
        "arae_toolkit.recipes.prior.listing:list_priors",
        "List the priors that a run can be sampled from.",
    ),
}


@click.group(
    cls=ExamplesGroup,
    table=SUBCOMMANDS,
    examples=[
        "arae-toolkit prior fit snli-ae --kind flow",
        "arae-toolkit prior list snli-ae",
        "arae-toolkit sample snli-ae --prior flow",
    ],
)
def prior() -> None:
    """Fit priors to the codes of a trained model, and list those that there are."""
