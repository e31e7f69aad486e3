"""The options of every command that samples: from which prior."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.priors.settings import OF_CORPUS
from arae_toolkit.recipes.shared.options import in_order

if TYPE_CHECKING:
    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.models.image_arae import ImageARAE
    from arae_toolkit.nn.priors import Prior

prior_options = in_order(
    click.option(
        "--prior",
        default="own",
        metavar="NAME",
        help="Where codes come from: own, the model's; one fitted by 'prior fit', such as flow; "
        "codes, the training codes themselves with the decoder's noise, or neighbours, which lie "
        "between two that are alike.",
    ),
    click.option(
        "--start-scale",
        type=click.FloatRange(0),
        help="For a flow: deviation of its starting noise. Below 1 samples are likelier and less "
        "varied  [default: 1]",
    ),
)


def chosen_prior(
    run: Path, model: ARAE | ImageARAE, prior: str, start_scale: float | None
) -> Prior | None:
    """Return the prior of the options, ``None`` for the model's own.

    Args:
        run: The run's folder.
        model: Loaded from it.
        prior: Value of ``--prior``.
        start_scale: Value of ``--start-scale``.

    Raises:
        ToolkitError: If there is no such prior.
        CheckpointMismatch: If it was fitted to the codes of other weights.
        DataError: If codes of the corpus are asked for and the run's corpus is not found.
        click.UsageError: If what is no flow is to be scaled.
    """
    if prior == "own" and start_scale is None:
        return None
    from arae_toolkit.priors.folder import prior_named

    corpus = None
    if prior in OF_CORPUS:
        from arae_toolkit.recipes.shared.corpora import corpus_of_run

        corpus = corpus_of_run(str(run), None)
    try:
        return prior_named(prior, run, model, corpus, start_scale=start_scale)
    except ValueError as error:
        raise click.UsageError(f"--start-scale: {error}") from error
