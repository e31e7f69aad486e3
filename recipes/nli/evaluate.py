"""``arae-toolkit nli evaluate``: how well a trained classifier labels pairs whose labels are known.

The numbers are computed in :mod:`arae_toolkit.evaluation.classification`.
"""

from __future__ import annotations

import shlex
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.bulk.row_answers import RowAnswers, pair_readings, probabilities_of
from arae_toolkit.data.row_labels import PAIR_LABEL, means_no_label
from arae_toolkit.errors import DataError
from arae_toolkit.recipes.nli.options import (
    load_nli_model,
    pair_field_options,
    pair_fields,
)
from arae_toolkit.recipes.shared.answers import answers_to
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.options import (
    batch_size_option,
    device_option,
    json_option,
    labels_map_option,
    precision_option,
    row_form_options,
    run_argument,
)
from arae_toolkit.recipes.shared.progress import progress, show
from arae_toolkit.recipes.shared.row_streams import OnError, aligned, open_request
from arae_toolkit.storage.json_files import significant
from arae_toolkit.storage.row_forms import Kind, Name, found_in
from arae_toolkit.storage.rows import Row, known_label, problem_of_label

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision

BATCH_SIZE = 1024  # nobody waits for the first rows: more are sorted by length
UNREAD = -1
"""What stands for the answer to a pair with a text of which the model knows no word."""
MOST_STRANGERS = 8
"""Of labels that the model does not know: the values of a field with more are hardly labels."""
PERCENTS = ("precision", "recall", "f1")


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit nli evaluate tiny snli_1.0_test.jsonl",
        "arae-toolkit nli evaluate runs/nli-tiny pairs.jsonl.gz --json > scores.json",
        "arae-toolkit nli evaluate tiny rows.jsonl --label-field answer",
        "arae-toolkit nli evaluate fits pairs.csv --label-field fits --labels-map 0=no,1=yes",
    ],
)
@run_argument
@click.argument("source", metavar="FILE|-")
@pair_field_options
@click.option(
    "--label-field",
    metavar="NAME",
    help="The field of a row that holds the label  [default: gold_label, else label]",
)
@labels_map_option("The model's labels by what rows write, as in 0=no,1=yes; an empty one is none.")
@json_option
@row_form_options
@click.option(
    "--on-error",
    type=click.Choice(["skip", "fail"]),
    default="skip",
    help="An unusable row is reported on stderr and makes the exit code 3. skip leaves it out, "
    "fail stops there.",
)
@batch_size_option(BATCH_SIZE)
@device_option
@precision_option
def evaluate(
    run: str,
    source: str,
    premise_field: str | None,
    hypothesis_field: str | None,
    label_field: str | None,
    labels_map: tuple[tuple[str, str], ...],
    as_json: bool,
    row_format: Kind | None,
    header: bool | None,
    encoding: str | None,
    on_error: OnError,
    batch_size: int,
    device: str,
    precision: Precision,
) -> None:
    """Measure the classifier of RUN on the labelled pairs of FILE.

    FILE is JSONL, a JSON array, CSV, TSV or Parquet, plain or compressed, or - for stdin, with the
    fields "premise" and "hypothesis" or, as in SNLI, "sentence1" and "sentence2", and "gold_label"
    or "label". Rows without a label, or labelled "-", -1 or NaN, are counted and left out, and so
    are those of which the model knows no word of a text. Case does not matter, and for SNLI's
    labels 0, 1, 2 are entailment, neutral, contradiction.

    RUN is a name (tiny means runs/tiny or runs/nli-tiny) or a model folder.
    """
    label_name, names = label_field or PAIR_LABEL, dict(labels_map)
    scores, gold = array("d"), array("q")  # all that is kept: a million rows of three labels: 32 MB

    def gold_of(row: Row) -> Any:
        label = label_of(row.fields, label_name, (*model.labels, *names))
        return names.get(str(label), label) or None if names else label

    def problem_of(row: Row) -> str | None:
        field, label = found_in(row.fields, label_name), gold_of(row)
        if field is None or label is None:
            return None
        problem = problem_of_label(field, label, model.labels)
        if problem is not None and len(strangers) <= MOST_STRANGERS:
            strangers.add(str(row.fields[field]))
        return problem

    def compute(batch: list[Row], _: bool) -> list[Any]:  # class numbers, None without a label
        labelled = [row for row in batch if gold_of(row) is not None]
        scores.extend(probabilities_of(labelled, model).ravel())
        labels = (gold_of(row) for row in batch)
        meant = [None if label is None else known_label(label, model.labels) for label in labels]
        return [None if label is None else model.labels.index(label) for label in meant]

    unanswered, strangers = 0, set[str]()
    with _labels_explained(strangers, lambda: model.labels):
        with open_request(
            source,
            names=pair_fields(premise_field, hypothesis_field),
            problem_of=problem_of,
            row_format=row_format,
            header=header,
            encoding=encoding,
            on_error=on_error,
            batch_size=batch_size,
        ) as request:
            model = load_nli_model(run, device, precision)
            with progress("evaluating") as advance:
                readings = pair_readings(model, fate="not answered")
                answers = RowAnswers(compute, readings, unread=UNREAD)
                for batch in answers_to(request, answers, title=None):
                    gold.extend(label for _, label in batch if label not in (None, UNREAD))
                    unanswered += sum(
                        label == UNREAD and gold_of(row) is not None for row, label in batch
                    )
                    advance(len(batch))
        if unanswered and not gold:
            problem = "the model knows no word of a text in any labelled row"
            raise DataError(problem, path=request.path)
        if not gold:
            problem = "no usable row has a label"
            raise DataError(problem, path=request.path, hint="see --label-field")
        report = {
            "run": run,
            "source": request.path,
            "pairs": len(gold),
            "unanswered": unanswered,
            "unlabelled": request.row_count - request.unusable_count - len(gold) - unanswered,
            "unusable": request.unusable_count,
            **measured(scores, gold, model.labels),
        }
        show(report, as_json=as_json, as_text=as_text)
        request.check()


@contextmanager
def _labels_explained(strangers: set[str], known: Callable[[], Sequence[str]]) -> Iterator[None]:
    """Give a failure the way out where rows have labels that the model does not know.

    Args:
        strangers: What such labels are, some of them; filled while rows are read.
        known: Returns the model's labels, once there are strangers to them.
    """
    try:
        yield
    except DataError as error:
        if not strangers:
            raise
        hint = "is it the field of the labels? see --label-field and --labels-map"
        if len(strangers) <= MOST_STRANGERS and all(map(str.isprintable, strangers)):
            names = ",".join(f"{name}=LABEL" for name in sorted(strangers))
            hint = (
                f"the model's labels are {', '.join(known())}: say which are meant by --labels-map "
                f"{shlex.quote(names)}, or name another field by --label-field"
            )
        raise DataError(error.problem, path=error.path, line=error.line, hint=hint) from error


def label_of(fields: Mapping[str, Any], name: Name, known: Sequence[str] = ()) -> Any:
    """Return the label of a row, ``None`` if it has none.

    Args:
        fields: Of the row.
        name: The field of the label, or those that may be.
        known: Labels that there are, whatever they look like.

    Example:
        >>> label_of({"gold_label": "neutral", "label": "x"}, ("gold_label", "label"))
        'neutral'
        >>> label_of({"gold_label": "-"}, "gold_label")
    """
    field = found_in(fields, name)
    value = None if field is None else fields[field]
    return None if means_no_label(value) and str(value) not in known else value


def measured(scores: array[float], gold: array[int], labels: Sequence[str]) -> dict[str, Any]:
    """Return what is measured, by name, as numbers that JSON can hold.

    Args:
        scores: Probabilities, the labels of a pair side by side.
        gold: Class ids.
        labels: Names by class id.
    """
    import numpy as np

    from arae_toolkit.evaluation.classification import measure_classification

    found = measure_classification(
        np.frombuffer(scores).reshape(-1, len(labels)),
        np.frombuffer(gold, dtype=np.int64),
        labels=labels,
    )
    report: dict[str, Any] = significant(
        {
            "accuracy": found.accuracy,
            "majority": found.majority,
            "calibration_error": found.calibration_error,
            "nats": found.nats,
            "labels": found.per_class(),
            "confusion": found.confusion.tolist(),
        }
    )
    return report


def as_text(report: Mapping[str, Any]) -> str:
    """Return the report as tables for a reader."""
    names = [row["label"] for row in report["labels"]]
    totals = [
        ["pairs", f"{report['pairs']:,}"],
        ["not answered, all words unknown", f"{report['unanswered']:,}"],
        ["left out, without a label", f"{report['unlabelled']:,}"],
        ["accuracy, percent", f"{report['accuracy']:.2f}"],
        ["accuracy of the most frequent label", f"{report['majority']:.2f}"],
        ["calibration error, points", f"{report['calibration_error']:.2f}"],
        ["nats a pair", f"{report['nats']:.4f}"],
    ]
    classes = [["label", "pairs", *PERCENTS]]
    for row in report["labels"]:
        classes.append([row["label"], f"{row['rows']:,}", *(f"{row[p]:.2f}" for p in PERCENTS)])
    confusion = [["gold \\ predicted", *names]]
    for name, counts in zip(names, report["confusion"], strict=True):
        confusion.append([name, *(f"{count:,}" for count in counts)])
    return "\n\n".join(map(aligned, (totals, classes, confusion)))
