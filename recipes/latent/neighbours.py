"""``arae-toolkit latent neighbours``: the sentences of a corpus whose codes lie nearest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.shared.answers import answer_stream
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import corpus_of_run
from arae_toolkit.recipes.shared.options import (
    compute_options,
    line_or_json_options,
    load_model,
    output_format_option,
    run_argument,
    source_argument,
    text_options,
)
from arae_toolkit.recipes.shared.progress import progress
from arae_toolkit.storage.json_files import significant
from arae_toolkit.storage.rows import Row, RowFormat

if TYPE_CHECKING:
    from torch import Tensor

    from arae_toolkit.devices import Precision
    from arae_toolkit.models.arae import ARAE


@click.command(
    cls=ExamplesCommand,
    examples=[
        'arae-toolkit latent neighbours snli -t "a man is sleeping ."',
        "arae-toolkit latent neighbours snli sentences.txt -k 3 --output-format jsonl",
        "arae-toolkit sample snli | arae-toolkit latent neighbours snli --split dev",
    ],
)
@run_argument
@source_argument
@text_options
@click.option("-k", "count", type=click.IntRange(1), default=5, help="Sentences for each text.")
@click.option(
    "--split",
    type=click.Choice(["train", "dev", "test"]),
    default="train",
    help="The sentences that are searched.",
)
@click.option(
    "--limit", type=click.IntRange(1), help="Search at most so many, evenly spread over the split."
)
@click.option(
    "--corpus",
    "corpus_name",
    metavar="NAME",
    help="A name or a prepared folder.  [default: RUN's]",
)
@line_or_json_options
@output_format_option
@compute_options
def neighbours(
    run: str,
    source: str | None,
    texts: Sequence[str],
    text_field: str,
    count: int,
    split: str,
    limit: int | None,
    corpus_name: str | None,
    device: str,
    precision: Precision,
    **rows: Any,
) -> None:
    """Find the sentences of a corpus whose codes have the largest cosine with that of each text.

    Each text is answered by k lines, cosine and sentence with a tab between them, the nearest
    first; JSONL keeps the fields of a row and adds "neighbours", a list of "text", "cosine" and
    "row" (its number in the split). A text that stands in the split is its own nearest. Without
    FILE, rows are read from stdin.

    RUN is a corpus name (snli means runs/snli) or a model folder.
    """
    corpus = corpus_of_run(run, corpus_name)
    from arae_toolkit.data.corpus import evenly_spread, texts_of

    sentences = corpus.split(split)
    if not len(sentences):
        raise _empty(split, corpus.folder)
    kept = evenly_spread(len(sentences), limit or len(sentences))
    count = min(count, len(kept))
    searched: list[str] = []
    codes: list[Tensor] = []

    def compute(model: ARAE, batch: list[Row], form: RowFormat) -> list[Mapping[str, Any]]:
        from arae_toolkit.latent.neighbours import encoded, nearest

        if not codes:  # once there is a text that can be answered
            searched.extend(texts_of(sentences.at(kept), corpus.vocabulary))
            with progress(f"encoding {split}", len(searched)) as advance:
                codes.append(encoded(model, searched, advance=advance))
        queries = model.encode([row.texts[0] for row in batch])
        found = nearest(queries, codes[0], count=count)
        answers: list[Mapping[str, Any]] = []
        for own, cosines in zip(found.rows.tolist(), found.cosines.tolist(), strict=True):
            near = [searched[row] for row in own]
            if form == "lines":
                lines = [
                    f"{cosine:.4f}\t{text}" for cosine, text in zip(cosines, near, strict=True)
                ]
                answers.append({"neighbours": lines})
                continue
            listed = zip(near, cosines, kept[own].tolist(), strict=True)
            answers.append(
                {
                    "neighbours": [
                        {"text": text, "cosine": significant(cosine), "row": row}
                        for text, cosine, row in listed
                    ]
                }
            )
        return answers

    answer_stream(
        source,
        partial(load_model, run, device, precision),
        compute,
        field="neighbours",
        lines=count,
        texts=[(text,) for text in texts],
        names=[text_field],
        **rows,
    )


def _empty(split: str, folder: Any) -> Exception:
    from arae_toolkit.errors import DataError

    return DataError(f"no sentence in the {split} split", path=folder, hint="name another --split")
