"""What ``nli predict`` and ``nli evaluate`` share: the fields of a pair, the model of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from arae_toolkit.data.row_labels import HYPOTHESIS, PREMISE
from arae_toolkit.recipes.shared.answers import Readings, answers_to
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.options import in_order
from arae_toolkit.recipes.shared.row_streams import Answer, Request
from arae_toolkit.recipes.shared.rows import Row
from arae_toolkit.storage.row_forms import Name

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from arae_toolkit.devices import Precision
    from arae_toolkit.nli.model import NLIModel

CPU_BATCH = 64
"""Pairs computed together on a CPU: the states of more do not stay in its cache."""

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


def load_nli_model(run: str, device: str, precision: Precision = "fp32") -> NLIModel:
    """Return the classifier of a run.

    Args:
        run: ``tiny`` means ``runs/tiny`` or ``runs/nli-tiny``; a path is taken as it is.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: Of the matrix products.

    Raises:
        ToolkitError: If there is no such model, it is damaged, or there is no such device.
    """
    folder = find_run(run, prefixes=("", "nli-"), advice="arae-toolkit nli --labels tiny")
    from arae_toolkit.devices import choose_device
    from arae_toolkit.nli.model import NLIModel

    model = NLIModel.from_pretrained(folder, device=choose_device(device))
    model.precision = precision
    return model


def answers_of(
    model: NLIModel,
    request: Request,
    compute: Callable[[list[Row]], Sequence[Answer]],
    *,
    unread: Answer | None = None,
    title: str | None = "answering",
) -> Iterator[list[tuple[Row, Answer | None]]]:
    """Yield the answers of a request; see :func:`answers_to`."""
    from arae_toolkit.data.vocabulary import MOST_WORDS

    fate = "not answered" if unread is not None else ""
    readings = Readings(model.reader, most_words=MOST_WORDS, cut=True, fate=fate)
    return answers_to(request, compute, readings, unread=unread, title=title)


def probabilities_of(rows: Sequence[Row], model: NLIModel) -> npt.NDArray[np.float64]:
    """Return the probability of each label for each row. Shape (N, A)."""
    pairs = [(row.texts[0], row.texts[1]) for row in rows]
    batch_size = CPU_BATCH if model.device.type == "cpu" else max(1, len(pairs))
    return model.probabilities(pairs, batch_size=batch_size)
