"""``arae-toolkit transfer``: texts of a stream rewritten so that their attribute changes.

torch is imported when the model is loaded, so that help and usage errors come at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.bulk.row_answers import targets_of, transfer_answers
from arae_toolkit.recipes.shared.answers import answers_to
from arae_toolkit.recipes.shared.bulk import BulkFiles, bulk_options
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.option_types import NumberRange
from arae_toolkit.recipes.shared.options import (
    json_row_options,
    run_argument,
    source_argument,
    text_options,
)
from arae_toolkit.recipes.shared.row_streams import open_request, write_answers
from arae_toolkit.recipes.transfer.options import (
    load_transfer_model,
    rewriting_options,
)
from arae_toolkit.storage.rows import Row

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision

Fields = Mapping[str, Any]

BATCH_SIZE = 256


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit transfer yelp --to positive < reviews.jsonl > rewritten.jsonl",
        'arae-toolkit transfer yelp --to positive --text "The food was cold, and I was bored."',
        "arae-toolkit transfer yahoo --to music --to politics questions.jsonl.gz --candidates 8",
        "arae-toolkit transfer runs/yahoo --to all < questions.txt",
        "arae-toolkit transfer yelp --to positive reviews.csv --text-field review > out.jsonl",
        "arae-toolkit transfer yelp --to positive --precision bf16 < million.jsonl > out.jsonl",
        "tail -f reviews.txt | arae-toolkit transfer yelp --to negative --batch-size 1",
        "arae-toolkit transfer yelp --to positive --input reviews/ --output rewritten --workers 4",
    ],
)
@run_argument
@source_argument
@click.option(
    "--to",
    "asked",
    multiple=True,
    required=True,
    metavar="LABEL|all",
    help="What the texts are to become; may be given again, all means every label of the model.",
)
@text_options
@rewriting_options
@click.option(
    "--min-fluency",
    type=NumberRange(infinite=True),
    metavar="NATS",
    help="Refuse rewritings whose fluency is less; -inf refuses none.  [default: the model's own, "
    "found on dev]",
)
@json_row_options(batch_size=BATCH_SIZE)
@bulk_options
def transfer(
    run: str,
    source: str | None,
    asked: Sequence[str],
    texts: Sequence[str],
    text_field: str,
    candidates: int,
    strength: float,
    seed: int,
    min_fluency: float | None,
    device: str,
    precision: Precision,
    files: BulkFiles | None,
    **rows: Any,
) -> None:
    """Rewrite texts with the model of RUN so that they become LABEL and keep their content.

    Rows are lines of text, JSONL, a JSON array, CSV, TSV or Parquet, told by their first bytes, and
    each is answered for each label, in their order. A label in the rows is not read: a text that
    has LABEL already is rewritten too, towards it; leave out such rows, or the answers to them,
    where that is not wanted. Lines of text are answered by the rewritten
    texts alone, other rows and --text by JSONL. It keeps the fields and adds "transferred", "to",
    and what the model's own judges say of it: "attribute_probability", "content_bleu" (to the text,
    0 to 100), "nats_per_token" (how unlikely it is as a text of that label) and "fluency" (by how
    many nats a token it is likelier than the text was; below 0 it is less likely).

    Candidates below a floor of fluency are refused ("refused" counts them); where none is left, and
    where the model knows no word of the text ("unknown_words" counts those that it lacks), the text
    itself is the answer, and "unchanged" is true. Casing and spacing are those of the text. Without
    FILE, rows are read from stdin.

    RUN is a corpus name (yelp means runs/yelp) or a model folder.
    """
    how: dict[str, Any] = {"candidates": candidates, "strength": strength, "seed": seed}
    how["min_fluency"] = min_fluency
    if files is not None:
        options = {"to": list(asked), **how}
        rows |= {"device": device, "precision": precision}
        files.answer("transfer", find_run(run), [text_field], options, **rows)
        return
    given = [(text,) for text in texts]
    if texts and rows["output_format"] is None:
        rows["output_format"] = "jsonl"  # who tries a few texts wants to see what is thought of it
    with open_request(source, texts=given, names=[text_field], **rows) as request:
        model = load_transfer_model(run, device, precision)
        targets = targets_of(model, asked, run=run)
        for batch in answers_to(request, transfer_answers(model, targets, **how)):
            answers = one_for_each(batch, targets)
            write_answers(answers, request.output_format, field="transferred")
    request.check()


def one_for_each(
    batch: Sequence[tuple[Row, Sequence[Fields] | None]], targets: Sequence[str]
) -> Iterator[tuple[Row, Fields | None]]:
    """Yield a row for each target, unusable ones too: what is answered can be counted off."""
    for row, answers in batch:
        for at, target in enumerate(targets):
            if answers is None:
                yield replace(row, fields={**row.fields, "to": target}), None
            else:
                yield row, answers[at]
