"""What ``transfer`` and its benchmark share: the model of a run, its targets, texts rewritten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.option_types import NumberRange
from arae_toolkit.recipes.shared.options import in_order
from arae_toolkit.recipes.shared.progress import progress

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision
    from arae_toolkit.transfer.model import TransferModel


rewriting_options = in_order(
    click.option(
        "--candidates",
        type=click.IntRange(1),
        default=1,
        help="Rewritings of each text, of which the best by attribute, content and fluency counts.",
    ),
    click.option(
        "--strength",
        type=NumberRange(0),
        default=1.0,
        help="How much is changed: below 1 stays nearer to the text, above 1 goes further.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0, 2**63 - 1),
        default=0,
        help="The same seed gives the same candidates.",
    ),
)


def load_transfer_model(run: str, device: str, precision: Precision = "fp32") -> TransferModel:
    """Return the transfer model of a run.

    Args:
        run: ``yelp`` means ``runs/yelp``; a path is taken as it is.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: Of the matrix products.

    Raises:
        ToolkitError: If there is no such model, it is damaged, or there is no such device.
    """
    folder = find_run(run)
    from arae_toolkit.devices import choose_device
    from arae_toolkit.transfer.model import TransferModel

    return TransferModel.from_pretrained(folder, device=choose_device(device), precision=precision)


def transferred(
    model: TransferModel,
    texts: Sequence[str],
    targets: Sequence[str],
    *,
    title: str,
    batch_size: int,
    **rewriting: Any,
) -> list[str]:
    """Return what a model makes of each text towards its target, while progress is shown."""
    outputs: list[str] = []
    with progress(title, len(texts)) as advance:
        for start in range(0, len(texts), batch_size):
            part = slice(start, start + batch_size)
            found = model.transfer(texts[part], targets[part], **rewriting)
            outputs += [one.text for one in found]
            advance(len(found))
    return outputs
