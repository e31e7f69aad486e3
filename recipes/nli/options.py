"""What ``nli predict`` and ``nli evaluate`` share: the fields of a pair, the model of a run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.data.row_labels import HYPOTHESIS, PREMISE
from arae_toolkit.recipes.shared.find_run import CONFIG, find_run
from arae_toolkit.recipes.shared.options import in_order, names_of
from arae_toolkit.storage.row_forms import Name

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision
    from arae_toolkit.nli.model import NLIModel

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


def classifier_name(corpus: str, labels: str) -> str:
    """Return how the runs of classifiers begin: by the corpus, unless that is SNLI.

    Example:
        >>> classifier_name("snli", "tiny"), classifier_name("questions", "tiny")
        ('nli-tiny', 'nli-questions-tiny')
    """
    return f"nli-{labels}" if corpus == "snli" else f"nli-{corpus}-{labels}"


def refuse_unused(
    changes: Sequence[str], unused: Collection[str], *, folder: Path, used_by: str
) -> None:
    """Refuse a setting that a training does not look at, unless its run was begun with it.

    Args:
        changes: ``key=value`` strings.
        unused: Names of settings.
        folder: Of the run; one that is there says itself what it was begun with.
        used_by: The command that looks at them.

    Raises:
        click.BadParameter: Naming the first.
    """
    given = sorted(names_of(changes) & set(unused))
    if given and not (folder / CONFIG).exists():
        raise click.BadParameter(
            f"{given[0]} changes nothing here; '{used_by}' uses it", param_hint="'--set'"
        )


def find_nli_run(run: str) -> Path:
    """Return the folder of a classifier, by name or path.

    Raises:
        ToolkitError: If there is none.
    """
    return find_run(run, prefixes=("", "nli-"), advice="arae-toolkit nli --labels tiny")


def load_nli_model(run: str, device: str, precision: Precision = "fp32") -> NLIModel:
    """Return the classifier of a run.

    Args:
        run: ``tiny`` means ``runs/tiny`` or ``runs/nli-tiny``; a path is taken as it is.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: Of the matrix products.

    Raises:
        ToolkitError: If there is no such model, it is damaged, or there is no such device.
    """
    folder = find_nli_run(run)
    from arae_toolkit.devices import choose_device
    from arae_toolkit.nli.model import NLIModel

    model = NLIModel.from_pretrained(folder, device=choose_device(device))
    model.precision = precision
    return model
