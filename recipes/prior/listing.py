"""``arae-toolkit prior list``: the priors that a run can be sampled from."""

from __future__ import annotations

import json

import click

from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.options import json_option, run_argument


@click.command(
    "list",
    cls=ExamplesCommand,
    examples=["arae-toolkit prior list snli-ae", "arae-toolkit prior list snli-ae --json"],
)
@run_argument
@json_option
def list_priors(run: str, as_json: bool) -> None:
    """List the priors that RUN can be sampled from, a line each.

    A line holds the name for 'sample --prior', the kind, by how many nats a code of dev it is
    likelier than the Gaussian of the same mean and covariance (of a flow: with the decoder's noise
    on it), and whether it can be used: a prior of other weights cannot.

    RUN is a corpus name (snli means runs/snli) or a model folder.
    """
    folder = find_run(run)
    from arae_toolkit.priors.listing import priors_of
    from arae_toolkit.priors.models import load_autoencoder

    found = priors_of(folder, load_autoencoder(folder))
    if as_json:
        rows = [vars(one) for one in found]
        click.echo(json.dumps({"run": str(folder), "priors": rows}, ensure_ascii=False))
        return
    for one in found:
        gained = "" if one.nats_gained is None else f"{one.nats_gained:.2f}"
        click.echo("\t".join((one.name, one.kind, gained, one.problem or "usable")))
