"""What commands that answer with a trained model share: options, the model, its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.row_streams import Answer, Request
from arae_toolkit.recipes.shared.rows import Row

if TYPE_CHECKING:
    from arae_toolkit.data.vocabulary import Vocabulary
    from arae_toolkit.generation.decoding import Decoding
    from arae_toolkit.models.arae import ARAE
from pathlib import Path

from arae_toolkit.nli.label_splits import wanted_count

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
precision_option = click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16"]),
    default="fp32",
    show_default=True,
    help="Of matrix products.",
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
on_error_option = click.option(
    "--on-error",
    type=click.Choice(["skip", "emit", "fail"]),
    default="skip",
    show_default=True,
    help="An unusable row is reported on stderr and makes the exit code 3. skip leaves it out, "
    "emit lets it out in its place with an 'error' field (as empty lines in text), fail stops "
    "there.",
)


def batch_size_option(default: int) -> Callable[[Command], Command]:
    """Return the option that says how many rows are answered together."""
    return click.option(
        "--batch-size",
        type=click.IntRange(1),
        default=default,
        show_default=True,
        help="Rows answered together. 1 answers each row at once, as at a terminal.",
    )


row_options = in_order(
    click.option(
        "--format",
        "row_format",
        type=click.Choice(["lines", "jsonl"]),
        help="How rows are written  [default: jsonl for FILE.jsonl, else lines]",
    ),
    on_error_option,
    batch_size_option(64),
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
    from arae_toolkit.generation.decoding import Decoding

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


def answers_to(
    request: Request,
    compute: Callable[[list[Row]], Sequence[Answer]],
    vocabulary: Vocabulary,
    *,
    most_words: int,
    cut: bool = False,
) -> Iterator[list[tuple[Row, Answer | None]]]:
    """Yield the answers of a request, then tell how many texts were longer than the model knows.

    Args:
        request: The rows.
        compute: As for :meth:`Request.answers`.
        vocabulary: The model's.
        most_words: In a sentence that the model was trained on.
        cut: Whether the model reads no further.
    """
    longer = 0
    for batch in request.answers(compute):
        yield batch
        texts = [text for row, _ in batch for text in row.texts]
        lengths = map(len, vocabulary.encode_batch(texts))
        longer += sum(length > most_words + 1 for length in lengths)  # one is <eos>
    if longer:
        click.echo(
            f"arae-toolkit: warning: {request.path}: texts longer than the {most_words} words "
            f"this model was trained on{', read up to there' if cut else ''}: {longer:,}",
            err=True,
        )


LABELS_METAVAR = "tiny|small|medium|full|N"


def known_labels(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse a name of a split that there is not."""
    try:
        if value is not None:
            wanted_count(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx=ctx, param=parameter) from error
    return value


pairs_option = click.option(
    "--corpus",
    "corpus_name",
    default="snli",
    show_default=True,
    help="snli, synthetic, or a prepared folder with pairs.",
)


drawing_options = in_order(
    click.option(
        "--label-seed",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Which pairs' labels are drawn.",
    ),
    click.option(
        "--draw-from",
        type=click.IntRange(0),
        default=0,
        metavar="N",
        help="Draw from the corpus's first N pairs only; for a copy whose end was selected.",
    ),
)


set_option = click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting."
)


results_option = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder for the file of results.",
)
