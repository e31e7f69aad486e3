"""``arae-toolkit nli predict``: the label of each pair of a stream, with its probabilities.

torch is imported when the model is loaded, so that help and usage errors come at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.bulk.row_answers import label_answers
from arae_toolkit.recipes.nli.options import (
    find_nli_run,
    load_nli_model,
    pair_field_options,
    pair_fields,
)
from arae_toolkit.recipes.shared.answers import answers_to
from arae_toolkit.recipes.shared.bulk import BulkFiles, bulk_options
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.options import json_row_options, run_argument, source_argument
from arae_toolkit.recipes.shared.row_streams import open_request, write_answers

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
        "arae-toolkit nli predict tiny --input 'pairs/*.parquet' --output labelled --workers 4",
    ],
)
@run_argument
@source_argument
@pair_field_options
@json_row_options(batch_size=BATCH_SIZE)
@bulk_options
def predict(
    run: str,
    source: str | None,
    premise_field: str | None,
    hypothesis_field: str | None,
    device: str,
    precision: Precision,
    files: BulkFiles | None,
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
    names = pair_fields(premise_field, hypothesis_field)
    if files is not None:
        rows |= {"device": device, "precision": precision}
        files.answer("nli predict", find_nli_run(run), names, {}, **rows)
        return
    with open_request(source, names=names, **rows) as request:
        answers = label_answers(load_nli_model(run, device, precision))
        for batch in answers_to(request, answers):
            write_answers(batch, request.output_format, field="label")
    request.check()
