"""What ``nli predict`` and ``nli evaluate`` share: the fields of a pair, the model of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from arae_toolkit.recipes.common import find_run
from arae_toolkit.recipes.model_options import in_order
from arae_toolkit.recipes.rows import Name, Row

if TYPE_CHECKING:
    from arae_toolkit.models.nli import NLIModel, Pair

BATCH_SIZE = 256
PREMISE, HYPOTHESIS = ("premise", "sentence1"), ("hypothesis", "sentence2")

pair_field_options = in_order(
    click.option(
        "--premise-field",
        metavar="NAME",
        help="The field of a row that holds the premise  [default: premise, else sentence1]",
    ),
    click.option(
        "--hypothesis-field",
        metavar="NAME",
        help="The field of a row that holds the hypothesis  [default: hypothesis, else sentence2]",
    ),
)


def pair_fields(premise_field: str | None, hypothesis_field: str | None) -> list[Name]:
    """Return where rows hold their two texts: our own names and SNLI's, or those asked for."""
    return [premise_field or PREMISE, hypothesis_field or HYPOTHESIS]


def pairs_of(rows: Sequence[Row]) -> list[Pair]:
    """Return premise and hypothesis of each row."""
    return [(row.texts[0], row.texts[1]) for row in rows]


def load_nli_model(run: str, device: str) -> NLIModel:
    """Return the classifier of a run.

    Args:
        run: ``tiny`` means ``runs/tiny`` or ``runs/nli-tiny``; a path is taken as it is.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ToolkitError: If there is no such model, it is damaged, or there is no such device.
    """
    folder = find_run(run, prefixes=("", "nli-"), advice="arae-toolkit nli --labels tiny")
    from arae_toolkit.devices import choose_device
    from arae_toolkit.models.nli import NLIModel

    return NLIModel.from_pretrained(folder, device=choose_device(device))
