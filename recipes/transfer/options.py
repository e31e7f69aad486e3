"""What ``transfer`` and its benchmark share: the model of a run, its targets, texts rewritten."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.errors import NotFound
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.options import in_order
from arae_toolkit.recipes.shared.progress import progress
from arae_toolkit.storage.json_files import significant

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision
    from arae_toolkit.transfer.model import TransferModel

ALL = "all"


def finite(ctx: click.Context, parameter: click.Parameter, value: float) -> float:
    """Refuse ``nan`` and ``inf``, which click takes for numbers like others."""
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is no amount.", ctx=ctx, param=parameter)
    return value


def number(ctx: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse ``nan``, which no number is less than."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is no amount.", ctx=ctx, param=parameter)
    return value


rewriting_options = in_order(
    click.option(
        "--candidates",
        type=click.IntRange(1),
        default=1,
        help="Rewritings of each text, of which the best by attribute, content and fluency counts.",
    ),
    click.option(
        "--strength",
        type=click.FloatRange(0),
        callback=finite,
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


def targets_of(model: TransferModel, asked: Sequence[str], *, run: str) -> list[str]:
    """Return the labels asked for, each once; ``all`` stands for every one that the model knows.

    Raises:
        NotFound: If the model does not know one of them.
    """
    targets: dict[str, None] = {}
    for name in asked:
        try:
            everything = name == ALL and ALL not in model.attributes
            names = model.attributes if everything else [model.attributes[model.value_of(name)]]
        except ValueError as error:
            raise NotFound(str(error), path=run) from error
        targets |= dict.fromkeys(names)
    return list(targets)


def rewritten(
    texts: Sequence[str], targets: Sequence[str], model: TransferModel, **rewriting: Any
) -> list[list[Mapping[str, Any]]]:
    """Return what is written of each text towards each target, in the style of the text."""
    from arae_toolkit.transfer.detokenization.natural_text import transfer_natural

    each = [text for text in texts for _ in targets]
    answers = iter(transfer_natural(model, each, list(targets) * len(texts), **rewriting))
    measures = ("attribute_probability", "content_bleu", "nats_per_token", "fluency")
    marks = ("unchanged", "refused", "unknown_words")
    return [
        [
            {
                "transferred": answer.text,
                "to": target,
                **{name: significant(getattr(answer, name)) for name in measures},
                **{name: getattr(answer, name) for name in marks},
            }
            for target, answer in zip(targets, answers, strict=False)
        ]
        for _ in texts
    ]
