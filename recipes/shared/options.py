"""What commands share: options, the settings and models that they ask for, answers to a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arae_toolkit.config.presets import PRESETS
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.shared.row_streams import Answer, Request, open_request, write_answers
from arae_toolkit.recipes.shared.rows import Row, RowFormat
from arae_toolkit.storage.row_forms import KINDS
from arae_toolkit.storage.text_encoding import encoding_named

if TYPE_CHECKING:
    from arae_toolkit.data.vocabulary import Vocabulary
    from arae_toolkit.generation.decoding import Decoding
    from arae_toolkit.models.arae import ARAE

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
precision_option = click.option(
    "--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", help="Of matrix products."
)
set_option = click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting."
)
plain_options = in_order(
    click.option("--epochs", type=click.IntRange(1), help="Same as --set epochs=N."),
    click.option("--batch-size", type=click.IntRange(1), help="Same as --set batch_size=N."),
    click.option(
        "--learning-rate",
        type=click.FloatRange(0),
        help="The setting rate; autoencoder_rate of an autoencoder.",
    ),
)
"""Settings by plain names; :func:`with_plain_names` puts them beside those of ``--set``."""
overwrite_option = click.option(
    "--overwrite",
    is_flag=True,
    help="Start anew where a model lies; its folder is renamed to NAME.before-DATE.",
)
results_option = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    help="Folder for the file of results.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object in place of tables."
)


def out_option(of: str, *, default: str | None = None) -> Callable[[Command], Command]:
    """Return the option of the folder that a command writes."""
    shown = f"  [default: {default}]" if default else ""
    return click.option("--out", type=click.Path(path_type=Path), help=f"{of}{shown}")


def run_options(of: str, *, default: str | None = None) -> Callable[[Command], Command]:
    """Return the options of a command that trains: on what, how exactly, and the folder."""
    return in_order(device_option, precision_option, out_option(of, default=default))


def preset_option(purpose: str) -> Callable[[Command], Command]:
    """Return the option that names a preset."""
    presets = click.Choice(list(PRESETS))
    return click.option("--preset", type=presets, default="default", help=purpose)


class Checked(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """The type of an option whose value a function makes of a text, or refuses by ValueError."""

    name = "text"

    def __init__(self, made_of: Callable[[str], Any]) -> None:
        self.made_of = made_of

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return what is made of a text."""
        try:
            return self.made_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _device_name(name: str) -> str:
    """Return a device's name as it is; torch, which knows what there is, takes seconds to load."""
    if name in ("auto", "cpu", "cuda"):
        return name
    from arae_toolkit.devices import check_device_name

    return check_device_name(name)


device_option = click.option(
    "--device",
    type=Checked(_device_name),
    default="auto",
    metavar="auto|cpu|cuda|cuda:N|mps",
    help="Where to compute; auto takes the first GPU if there is one, cuda:1 the second.",
)


def _label_split(name: str) -> str:
    from arae_toolkit.nli.label_splits import wanted_count

    wanted_count(name)  # refuses a name of a split that there is not
    return name


def labels_option(help_text: str, **more: Any) -> Callable[[Command], Command]:
    """Return the option that names a split of labels."""
    metavar = "tiny|small|medium|full|N"
    return click.option(
        "--labels", type=Checked(_label_split), metavar=metavar, help=help_text, **more
    )


def _labels_map(text: str) -> tuple[tuple[str, str], ...]:
    """Return labels as rows write them, each with its name.

    Raises:
        ValueError: If a part has no name or stands twice.

    Example:
        >>> _labels_map("0=entailment,1=neutral, -1=")
        (('0', 'entailment'), ('1', 'neutral'), ('-1', ''))
    """
    parts = [part.partition("=") for part in text.split(",")]
    found = {written.strip(): name.strip() for written, equals, name in parts if equals}
    if len(found) != len(parts):
        raise ValueError("WRITTEN=NAME for each label is expected, with commas between them")
    if not any(found.values()):
        raise ValueError("no label has a name")
    return tuple(found.items())


def labels_map_option(help_text: str) -> Callable[[Command], Command]:
    """Return the option that names labels which rows write otherwise."""
    return click.option(
        "--labels-map",
        type=Checked(_labels_map),
        callback=lambda context, parameter, value: value or (),
        metavar="WRITTEN=NAME,...",
        help=help_text,
    )


pairs_option = click.option(
    "--corpus",
    "corpus_name",
    default="snli",
    help="snli, synthetic, a prepared folder with pairs, or a file of pairs (see prepare).",
)
drawing_options = in_order(
    click.option(
        "--label-seed", type=click.IntRange(0), default=0, help="Which pairs' labels are drawn."
    ),
    click.option(
        "--draw-from",
        type=click.IntRange(0),
        default=0,
        show_default=False,
        metavar="N",
        help="Draw from the corpus's first N pairs only; for a copy whose end was selected.",
    ),
)


def _method_option(*methods: str) -> Callable[[Command], Command]:
    return click.option(
        "--method", type=click.Choice(methods), default="greedy", help="How words are chosen."
    )


_beam_size_option = click.option(
    "--beam-size", type=click.IntRange(1), help="For beam: beginnings kept  [default: 5]"
)
search_options = in_order(_method_option("greedy", "beam"), _beam_size_option)
sampling_options = in_order(
    _method_option("greedy", "sample", "beam"),
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
    _beam_size_option,
)
source_argument = click.argument("source", metavar="[FILE|-]", required=False)
text_options = in_order(
    click.option(
        *("-t", "--text", "texts"),
        multiple=True,
        metavar="TEXT",
        help="A text, in place of FILE; may be given again.",
    ),
    click.option("--text-field", default="text", help="The field of a row that holds the text."),
)
on_error_option = click.option(
    "--on-error",
    type=click.Choice(["skip", "emit", "fail"]),
    default="skip",
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
        help="Rows answered together. 1 answers each row at once, as at a terminal.",
    )


output_format_option = click.option(
    "--output-format",
    type=click.Choice(["lines", "jsonl"]),
    help="How answers are written  [default: lines if rows are lines, else jsonl]",
)
row_form_options = in_order(
    click.option(
        "--format",
        "row_format",
        type=click.Choice(KINDS),
        help="How rows are written  [default: what their first bytes tell]",
    ),
    click.option(
        "--header/--no-header",
        default=None,
        help="Whether a table begins with the names of its columns; without them, columns are "
        "called 1, 2 and so on.  [default: a header, unless fields are named by number]",
    ),
    click.option(
        "--encoding",
        type=Checked(encoding_named),
        metavar="NAME",
        help="Of the text, such as cp1252.  [default: UTF-8, or UTF-16 with a byte order mark]",
    ),
)
line_or_json_options = in_order(row_form_options, on_error_option, batch_size_option(64))


def json_row_options(*, batch_size: int) -> Callable[[Command], Command]:
    """Return the options of a command that answers many rows with a large model.

    Args:
        batch_size: Rows answered together unless asked for.
    """
    return in_order(
        row_form_options,
        output_format_option,
        on_error_option,
        batch_size_option(batch_size),
        device_option,
        precision_option,
    )


def names_of(assignments: Sequence[str]) -> set[str]:
    """Return the settings that ``key=value`` strings change, without their sections.

    Example:
        >>> sorted(names_of(["epochs=3", "model.code_size=64"]))
        ['code_size', 'epochs']
    """
    return {key.partition("=")[0].strip().rpartition(".")[2] for key in assignments}


def with_plain_names(
    assignments: Sequence[str],
    *,
    rate: str = "rate",
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    select: str | None = None,
) -> tuple[str, ...]:
    """Return the ``key=value`` strings of ``--set`` and of :data:`plain_options` together.

    Args:
        assignments: Of ``--set``.
        rate: The name that the setting of the learning rate has.
        epochs: Unless ``None``.
        batch_size: Unless ``None``.
        learning_rate: Unless ``None``.
        select: Unless ``None``.

    Raises:
        click.UsageError: If one is given both ways.
    """
    named = names_of(assignments)
    given = {"epochs": epochs, "batch_size": batch_size, rate: learning_rate, "select": select}
    for name, value in given.items():
        if value is not None and name in named:
            option = "learning-rate" if name == rate else name.replace("_", "-")
            raise click.UsageError(f"--{option} and --set {name} are one setting; give one of them")
    plain = (f"{name}={value}" for name, value in given.items() if value is not None)
    return (*assignments, *plain)


@contextmanager
def refused_settings(ending: str = "") -> Iterator[None]:
    """Make a usage error of a setting that the library refuses by :class:`ValueError`."""
    try:
        yield
    except ValueError as error:
        raise click.BadParameter(f"{error}{ending}", param_hint="'--set'") from error


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
    """Return the text model of a run, which is a corpus name or a model folder.

    Raises:
        ToolkitError: If there is no such model, it is damaged, or there is no such device.
    """
    folder = find_run(run)
    from arae_toolkit.devices import choose_device
    from arae_toolkit.models.arae import ARAE

    return ARAE.from_pretrained(folder, device=choose_device(device))


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
        say(
            f"arae-toolkit: warning: {request.path}: texts longer than the {most_words} words "
            f"this model was trained on{', read up to there' if cut else ''}: {longer:,}"
        )


def answer_stream(
    source: str | None,
    load: Callable[[], ARAE],
    compute: Callable[[ARAE, list[Row], RowFormat], Sequence[Mapping[str, Any]]],
    *,
    field: str,
    lines: int = 1,
    **rows: Any,
) -> None:
    """Answer the rows of a text model's command on stdout, batch by batch.

    Args:
        source: As for :func:`open_request`.
        load: Returns the model; called once the source is open.
        compute: Returns the fields that answer each row; called with the model, usable rows and
            the format of the answers.
        field: What lines of text hold of an answer.
        lines: How many lines an answer has.
        rows: Further arguments of :func:`open_request`.

    Raises:
        DataError: Once every answer is out, if a row could not be used.
    """
    with open_request(source, **rows) as request:
        model = load()
        answers = answers_to(
            request,
            lambda batch: compute(model, batch, request.output_format),
            model.vocabulary,
            most_words=model.max_length,
        )
        for batch in answers:
            write_answers(batch, request.output_format, field=field, lines=lines)
    request.check()
