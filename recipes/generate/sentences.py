"""``arae-toolkit sample | reconstruct | encode``: sentences from a trained model.

For an image model the first two draw a picture; see :mod:`arae_toolkit.recipes.generate.images`.

torch is imported when the model is loaded, so that help and usage errors come at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.bulk.row_answers import code_answers, reconstruction_answers
from arae_toolkit.recipes.generate import images
from arae_toolkit.recipes.shared.answers import answers_to
from arae_toolkit.recipes.shared.bulk import BulkFiles, bulk_options
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.option_types import FILE_TO_WRITE
from arae_toolkit.recipes.shared.options import (
    best_of_option,
    check_search,
    chosen_prior,
    compute_options,
    decoding_of,
    line_or_json_options,
    load_model,
    output_format_option,
    prior_options,
    run_argument,
    sampling_options,
    search_options,
    source_argument,
    text_options,
)
from arae_toolkit.recipes.shared.progress import say, stream_progress
from arae_toolkit.recipes.shared.row_streams import (
    growing_array,
    open_request,
    write_answers,
    write_lines,
    write_rows,
)
from arae_toolkit.storage.json_files import significant
from arae_toolkit.storage.rows import RowFormat

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit sample snli",
        "arae-toolkit sample snli --count 1000 --seed 1 --unique > sentences.txt",
        "arae-toolkit sample runs/snli --method sample --temperature 0.7 --format jsonl",
        "arae-toolkit sample snli-ae --prior flow --start-scale 0.9",
        "arae-toolkit sample snli --count 20 --best-of 4",
        "arae-toolkit sample mnist --count 64 --out digits.png",
    ],
)
@images.run_or_image_run(images.draw_samples, uses=["count", "seed", "prior", "start_scale"])
@click.option(*("-n", "--count"), type=click.IntRange(0), default=10, help="How many.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    help="The same seed gives the same sentences.",
)
@click.option("--unique", is_flag=True, help="Draw on until that many distinct ones are found.")
@click.option(
    "--format",
    "row_format",
    type=click.Choice(["lines", "jsonl"]),
    default="lines",
    help="Text, or JSONL with seed and index.",
)
@prior_options
@best_of_option
@sampling_options
@compute_options
def sample(
    run: str,
    count: int,
    seed: int,
    unique: bool,
    row_format: RowFormat,
    prior: str,
    start_scale: float | None,
    best_of: int,
    device: str,
    precision: Precision,
    **search: Any,
) -> None:
    """Write new sentences, made up by the model of RUN.

    RUN is a corpus name (snli means runs/snli) or a model folder.
    """
    check_search(**search)
    model = load_model(run, device, precision)
    from arae_toolkit.models.arae import draw_sentences

    source = chosen_prior(find_run(run), model, prior, start_scale)
    decoding = decoding_of(**search)
    if model.arguments["prior"] == "none" and decoding.method != "sample" and count > 1:
        hint = "a language model has one likeliest sentence; --method sample draws others"
        say(f"arae-toolkit: note: {hint}")
    index = 0
    with stream_progress("sampling", lambda: count) as advance:
        for batch in draw_sentences(
            *(model, count),
            seed=seed,
            unique=unique,
            decoding=decoding,
            prior=source,
            best_of=best_of,
        ):
            numbered = enumerate(batch, start=index)
            if row_format == "lines":
                write_lines(batch)
            else:
                write_rows({"text": text, "seed": seed, "index": at} for at, text in numbered)
            index += len(batch)
            advance(len(batch))


@click.command(
    cls=ExamplesCommand,
    examples=[
        'arae-toolkit reconstruct snli --text "a man is sleeping ."',
        "arae-toolkit reconstruct snli sentences.txt > reconstructions.txt",
        "arae-toolkit reconstruct snli rows.jsonl --text-field caption > answers.jsonl",
        "tail -f sentences.txt | arae-toolkit reconstruct snli --batch-size 1",
        "arae-toolkit reconstruct snli --input texts/ --output reconstructed --workers 4",
    ],
)
@images.run_or_image_run(images.draw_reconstructions, uses=["source"])
@source_argument
@text_options
@line_or_json_options
@output_format_option
@search_options
@compute_options
@bulk_options
def reconstruct(
    run: str,
    source: str | None,
    texts: Sequence[str],
    text_field: str,
    method: str,
    beam_size: int | None,
    device: str,
    precision: Precision,
    files: BulkFiles | None,
    **rows: Any,
) -> None:
    """Encode each text with the model of RUN and decode it again.

    Rows are lines of text, answered by lines of text, or JSONL, a JSON array, CSV, TSV or Parquet,
    told by their first bytes and answered by JSONL. It keeps the fields of a row and adds
    "reconstruction", "nats" (negative log-likelihood of the text given its code), "tokens" (of the
    text, its end token included) and "unknown_words". A text of which the model knows no word has
    no reconstruction: null, or an empty line. Without FILE, rows are read from stdin.

    RUN is a corpus name (snli means runs/snli) or a model folder.
    """
    check_search(method, beam_size=beam_size)
    if files is not None:
        search = {"method": method, "beam_size": beam_size}
        options = {name: value for name, value in search.items() if value is not None}
        folder = find_run(run)
        files.answer(
            "reconstruct", folder, [text_field], options, device=device, precision=precision, **rows
        )
        return

    given = [(text,) for text in texts]
    with open_request(source, texts=given, names=[text_field], **rows) as request:
        model = load_model(run, device, precision)
        decoding = decoding_of(method=method, beam_size=beam_size)
        for batch in answers_to(request, reconstruction_answers(model, decoding)):
            write_answers(batch, request.output_format, field="reconstruction")
    request.check()


@click.command(
    cls=ExamplesCommand,
    examples=[
        'arae-toolkit encode snli --text "a man is sleeping ."',
        "arae-toolkit encode snli rows.jsonl > codes.jsonl",
        "arae-toolkit encode snli sentences.txt.gz --out codes.npy",
        "arae-toolkit encode snli --input 'texts/*.csv.gz' --output codes --engine ray",
    ],
)
@run_argument
@source_argument
@text_options
@line_or_json_options
@click.option(
    "--out",
    type=FILE_TO_WRITE,
    metavar="FILE.npy",
    help="Write one float32 array instead of JSONL, a row for each text; emit makes a row of NaN.",
)
@compute_options
@bulk_options
def encode(
    run: str,
    source: str | None,
    texts: Sequence[str],
    text_field: str,
    out: Path | None,
    device: str,
    precision: Precision,
    files: BulkFiles | None,
    **rows: Any,
) -> None:
    """Write the code of each text: its place on the unit sphere of the model of RUN.

    Rows are lines of text, JSONL, a JSON array, CSV, TSV or Parquet, told by their first bytes. The
    answer is JSONL, which keeps the fields of a row and adds "code", a list of numbers with six
    significant digits, and "unknown_words". A text of which the model knows no word has no code:
    null, or a row of NaN. Without FILE, rows are read from stdin.

    RUN is a corpus name (snli means runs/snli) or a model folder.
    """
    if out is not None and out.suffix != ".npy":
        raise click.UsageError(f"--out {out}: a name that ends in .npy is expected")
    if files is not None:
        files.answer(
            "encode", find_run(run), [text_field], {}, device=device, precision=precision, **rows
        )
        return

    given = [(text,) for text in texts]
    with open_request(source, texts=given, names=[text_field], **rows) as request:
        model = load_model(run, device, precision)
        batches = answers_to(request, code_answers(model))
        if out is None:
            for batch in batches:
                write_rows(
                    row.answered(None if answer is None else significant(answer))
                    for row, answer in batch
                )
        else:
            nothing = [math.nan] * model.code_size
            with growing_array(out, model.code_size) as append:
                for batch in batches:
                    codes = [None if answer is None else answer["code"] for _, answer in batch]
                    append([nothing if code is None else code for code in codes])
    request.check()
