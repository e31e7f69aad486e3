"""What commands share: options, and the settings and models that they ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arae_toolkit.config.presets import PRESETS
from arae_toolkit.data.row_labels import NO_NUMBER, means_no_label
from arae_toolkit.priors.settings import OF_CORPUS
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.option_types import FOLDER_TO_WRITE, Checked, NumberRange
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.storage.row_forms import KINDS
from arae_toolkit.storage.text_encoding import encoding_named

if TYPE_CHECKING:
    from arae_toolkit.data.vocabulary import Vocabulary
    from arae_toolkit.data.word_vectors import WordVectors
    from arae_toolkit.devices import Precision
    from arae_toolkit.generation.decoding import Decoding
    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.models.image_arae import ImageARAE
    from arae_toolkit.nn.priors import Prior

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
        type=NumberRange(0),
        help="The setting rate; autoencoder_rate of an autoencoder.",
    ),
)
"""Settings by plain names; :func:`with_plain_names` puts them beside those of ``--set``."""
word_vectors_option = click.option(
    "--word-vectors",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of GloVe, word2vec or fastText vectors, plain or compressed, that the embeddings "
    "start from; embedding_size must be theirs.",
)
overwrite_option = click.option(
    "--overwrite",
    is_flag=True,
    help="Start anew where a model lies; its folder is renamed to NAME.before-DATE.",
)
results_option = click.option(
    "--results",
    type=FOLDER_TO_WRITE,
    default=Path("results"),
    help="Folder for the file of results.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object in place of tables."
)


def optional_results_option(
    of: str = "Folder for a file of results.",
) -> Callable[[Command], Command]:
    """Return the option of a command that writes a file of results only where it is asked for."""
    shown = f"{of}  [default: none is written]"
    return click.option("--results", type=FOLDER_TO_WRITE, help=shown)


def out_option(of: str, *, default: str | None = None) -> Callable[[Command], Command]:
    """Return the option of the folder that a command writes."""
    shown = f"  [default: {default}]" if default else ""
    return click.option("--out", type=FOLDER_TO_WRITE, help=f"{of}{shown}")


def run_options(of: str, *, default: str | None = None) -> Callable[[Command], Command]:
    """Return the options of a command that trains: on what, how exactly, and the folder."""
    return in_order(device_option, precision_option, out_option(of, default=default))


def preset_option(purpose: str) -> Callable[[Command], Command]:
    """Return the option that names a preset."""
    presets = click.Choice(list(PRESETS))
    return click.option("--preset", type=presets, default="default", help=purpose)


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
compute_options = in_order(device_option, precision_option)
"""Where a model computes, and how exactly."""


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
        >>> _labels_map("0=entailment,1=neutral, -1=,3=-")
        (('0', 'entailment'), ('1', 'neutral'), ('-1', ''), ('3', ''))
    """
    parts = [part.partition("=") for part in text.split(",")]
    found = {
        written.strip(): "" if means_no_label(name) and name.strip() != NO_NUMBER else name.strip()
        for written, equals, name in parts
        if equals
    }
    if len(found) != len(parts):
        raise ValueError("WRITTEN=NAME is expected once for each label, with commas between them")
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
        "--draw",
        type=click.Choice(["balanced", "cs-lvm"]),
        default="balanced",
        help="Which labels: as many of each class, or those of Choi, Kim and Lee (2019): the first "
        "lines of SNLI's whole train file, shuffled with seed 2019.",
    ),
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
        type=NumberRange(0, min_open=True),
        help="For sample: below 1 is more cautious  [default: 1]",
    ),
    click.option("--top-k", type=click.IntRange(1), help="For sample: the K likeliest words only."),
    click.option(
        "--top-p",
        type=NumberRange(0, 1, min_open=True),
        help="For sample: the fewest words of this joint probability only.",
    ),
    _beam_size_option,
)
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
        type=NumberRange(0),
        help="For a flow: deviation of its starting noise. Below 1 samples are likelier and less "
        "varied  [default: 1]",
    ),
)
best_of_option = click.option(
    "--best-of",
    type=click.IntRange(1, 4096),
    default=1,
    metavar="K",
    help="Of K draws for each sentence keep the one that costs the decoder the fewest nats for its "
    "length: likelier and less varied. A draw is decoded and read, 2.5 times the work of a usual "
    "one.",
)
source_argument = click.argument("source", metavar="[FILE|-]", required=False)
text_field_option = click.option(
    "--text-field", default="text", help="The field of a row that holds the text."
)
text_options = in_order(
    click.option(
        *("-t", "--text", "texts"),
        multiple=True,
        metavar="TEXT",
        help="A text, in place of FILE; may be given again.",
    ),
    text_field_option,
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
        "called 1, 2 and so on.  [default: a header; where fields are "
        "named by number, only if its first row looks like names]",
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
def refused_settings(ending: str = "", *, option: str = "'--set'") -> Iterator[None]:
    """Make a usage error of a setting that the library refuses by :class:`ValueError`."""
    try:
        yield
    except ValueError as error:
        raise click.BadParameter(f"{error}{ending}", param_hint=option) from error


def open_word_vectors(
    path: Path | None, vocabulary: Vocabulary, *, size: int
) -> WordVectors | None:
    """Return the vectors that a file has for a vocabulary, ``None`` where no file is given.

    Args:
        path: Of the file.
        vocabulary: The words that are wanted.
        size: ``embedding_size`` of the settings.

    Raises:
        DataError: If it is no file of vectors, or knows none of the words.
        click.BadParameter: If its vectors are of another size.
    """
    if path is None:
        return None
    from arae_toolkit.data.word_vectors import read_word_vectors

    found = read_word_vectors(path, vocabulary)
    if found.size != size:
        problem = f"vectors of {found.size} numbers, embedding_size is {size}"
        hint = f"give --set embedding_size={found.size} with it"
        raise click.BadParameter(f"{problem}; {hint}", param_hint="'--word-vectors'")
    words, known = len(vocabulary), len(found.ids)
    say(f"{path}: vectors for {known:,} of {words:,} words ({100 * known / words:.1f} %)")
    return found


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


def load_model(run: str, device: str, precision: Precision = "fp32") -> ARAE:
    """Return the text model of a run, which is a corpus name or a model folder.

    Raises:
        ToolkitError: If there is no such model, it is damaged, or there is no such device.
    """
    folder = find_run(run)
    from arae_toolkit.devices import choose_device
    from arae_toolkit.models.arae import ARAE

    return ARAE.from_pretrained(folder, device=choose_device(device), precision=precision)


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
