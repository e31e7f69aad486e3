"""What commands that answer with a trained model share: options, and loading the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.common import find_run

if TYPE_CHECKING:
    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.models.decoding import Decoding

Command = TypeVar("Command", bound=Callable[..., Any])

METHOD_OF_SETTING = {
    "temperature": "sample",
    "top_k": "sample",
    "top_p": "sample",
    "beam_size": "beam",
}
"""The one method of choosing words for which a setting means something."""


def in_order(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return one decorator that gives a command several options, shown by help in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


run_argument = click.argument("run")
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes a GPU if there is one.",
)
search_options = in_order(
    click.option(
        "--method",
        type=click.Choice(["greedy", "beam"]),
        default="greedy",
        show_default=True,
        help="How words are chosen.",
    ),
    click.option(
        "--beam-size", type=click.IntRange(1), help="For beam: beginnings kept  [default: 5]"
    ),
)
sampling_options = in_order(
    click.option(
        "--method",
        type=click.Choice(["greedy", "sample", "beam"]),
        default="greedy",
        show_default=True,
        help="How words are chosen.",
    ),
    click.option(
        "--temperature",
        type=click.FloatRange(0, min_open=True),
        help="For sample: below 1 is more cautious  [default: 1]",
    ),
    click.option("--top-k", type=click.IntRange(1), help="For sample: the K likeliest words only."),
    click.option(
        "--top-p",
        type=click.FloatRange(0, 1, min_open=True),
        help="For sample: the fewest words of this joint probability only.",
    ),
    click.option(
        "--beam-size", type=click.IntRange(1), help="For beam: beginnings kept  [default: 5]"
    ),
)
text_options = in_order(
    click.option(
        *("-t", "--text", "texts"),
        multiple=True,
        metavar="TEXT",
        help="A text, in place of FILE; may be given again.",
    ),
    click.option(
        "--text-field",
        default="text",
        show_default=True,
        help="The field of a row that holds the text.",
    ),
)
row_options = in_order(
    click.option(
        "--format",
        "row_format",
        type=click.Choice(["lines", "jsonl"]),
        help="How rows are written  [default: jsonl for FILE.jsonl, else lines]",
    ),
    click.option(
        "--on-error",
        type=click.Choice(["skip", "emit", "fail"]),
        default="skip",
        show_default=True,
        help="An unusable row is reported on stderr and makes the exit code 3. skip leaves it out, "
        "emit lets it out in its place with an 'error' field (as empty lines in text), fail stops "
        "there.",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1),
        default=64,
        show_default=True,
        help="Rows answered together. 1 answers each row at once, as at a terminal.",
    ),
)
output_format_option = click.option(
    "--output-format",
    type=click.Choice(["lines", "jsonl"]),
    help="How answers are written  [default: as the rows]",
)


def check_search(method: str, **settings: Any) -> None:
    """Refuse a setting that the method does not look at, before anything heavy is imported.

    Raises:
        click.UsageError: If there is one.
    """
    for name, value in settings.items():
        needed = METHOD_OF_SETTING[name]
        if value is not None and method != needed:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --method {needed}")


def decoding_of(**search: Any) -> Decoding:
    """Return how sentences are chosen, from the values of the search options."""
    from arae_toolkit.models.decoding import Decoding

    return Decoding(**{name: value for name, value in search.items() if value is not None})


def load_model(run: str, device: str) -> ARAE:
    """Return the text model of a run.

    Args:
        run: A corpus name or a model folder.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ToolkitError: If there is no such model, it is damaged, or there is no such device.
    """
    folder = find_run(run)
    import torch

    from arae_toolkit.models.arae import ARAE

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise ToolkitError("no usable GPU; take --device cpu, or see 'arae-toolkit doctor'")
    return ARAE.from_pretrained(folder, device=device)
