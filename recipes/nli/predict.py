"""``arae-toolkit nli predict``: the label of each pair of a stream, with its probabilities.

torch is imported when the model is loaded, so that help and usage errors come at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.nli.options import (
    answers_of,
    load_nli_model,
    pair_field_options,
    pair_fields,
    probabilities_of,
)
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.options import json_row_options, run_argument, source_argument
from arae_toolkit.recipes.shared.row_streams import open_request, write_answers
from arae_toolkit.recipes.shared.rows import Row
from arae_toolkit.storage.json_files import significant

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision

BATCH_SIZE = 256


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit nli predict tiny < pairs.jsonl > labelled.jsonl",
        "arae-toolkit nli predict runs/nli-tiny pairs.jsonl.gz --output-format lines",
        "paste premises.txt hypotheses.txt | arae-toolkit nli predict tiny",
        "arae-toolkit nli predict tiny pairs.csv --premise-field ask --hypothesis-field answer",
        "tail -f pairs.jsonl | arae-toolkit nli predict tiny --batch-size 1",
    ],
)
@run_argument
@source_argument
@pair_field_options
@json_row_options(batch_size=BATCH_SIZE)
def predict(
    run: str,
    source: str | None,
    premise_field: str | None,
    hypothesis_field: str | None,
    device: str,
    precision: Precision,
    **rows: Any,
) -> None:
    """Label pairs of sentences with the classifier of RUN.

    Rows are JSONL, a JSON array, CSV, TSV or Parquet, told by their first bytes, with the fields
    "premise" and "hypothesis" or, as in SNLI, "sentence1" and "sentence2"; or lines with a tab
    between the two. The answer is JSONL, which keeps the order of the rows and the fields of each,
    and adds "label", "probabilities", one for each label, and "unknown_words", a count. Where the
    model knows no word of a sentence, label and probabilities are null. Lines are answered by the
    label alone. Without FILE, rows are read from stdin.

    RUN is a name (tiny means runs/tiny or runs/nli-tiny) or a model folder.
    """

    def compute(batch: list[Row]) -> list[Mapping[str, Any]]:
        return [
            {
                "label": model.labels[scores.argmax()],
                "probabilities": significant(dict(zip(model.labels, scores.tolist(), strict=True))),
            }
            for scores in probabilities_of(batch, model)
        ]

    names = pair_fields(premise_field, hypothesis_field)
    with open_request(source, names=names, **rows) as request:
        model = load_nli_model(run, device, precision)
        unread: Mapping[str, Any] = {"label": None, "probabilities": None}
        for batch in answers_of(model, request, compute, unread=unread):
            write_answers(batch, request.output_format, field="label")
    request.check()
