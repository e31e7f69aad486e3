"""``arae-toolkit latent map``: codes in two dimensions, as a picture and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import corpus_of_run
from arae_toolkit.recipes.shared.option_types import FOLDER_TO_WRITE
from arae_toolkit.recipes.shared.options import (
    compute_options,
    load_model,
    run_argument,
    source_argument,
    text_field_option,
)
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.shared.row_streams import open_request, write_lines

if TYPE_CHECKING:
    from arae_toolkit.devices import Precision

GENERATED = "generated"
FEWEST = 3


@click.command(
    "map",
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit latent map snli",
        "arae-toolkit latent map yelp --count 2000 --generated 0 --method tsne --out maps",
        "arae-toolkit latent map snli rows.jsonl --label-field topic",
    ],
)
@run_argument
@source_argument
@text_field_option
@click.option("--label-field", help="The field of a row that says how it is coloured.")
@click.option(
    "--split",
    type=click.Choice(["train", "dev", "test"]),
    default="dev",
    help="Without FILE: sentences of RUN's corpus.",
)
@click.option(
    "--corpus",
    "corpus_name",
    metavar="NAME",
    help="Without FILE: a name or a prepared folder.  [default: RUN's]",
)
@click.option(
    *("-n", "--count"), type=click.IntRange(1), default=1000, help="At most so many of them."
)
@click.option(
    "--generated", type=click.IntRange(0), default=500, help="So many generated ones beside."
)
@click.option(
    "--method",
    type=click.Choice(["pca", "tsne"]),
    default="pca",
    help="PCA keeps the largest distances, t-SNE the neighbourhoods.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Fixes what is drawn.")
@click.option(
    "--out",
    type=FOLDER_TO_WRITE,
    default=Path("maps"),
    help="Folder for map-RUN.png and map-RUN.html.",
)
@compute_options
def draw(
    run: str,
    source: str | None,
    text_field: str,
    label_field: str | None,
    split: str,
    corpus_name: str | None,
    count: int,
    generated: int,
    method: Any,
    seed: int,
    out: Path,
    device: str,
    precision: Precision,
) -> None:
    """Draw the codes of sentences in two dimensions, as a PNG and as a page for a browser.

    The sentences are those of FILE (lines, or JSONL), or of a split of the corpus, coloured by
    label, and generated ones, drawn from the prior. The page shows the sentence of a dot, zooms,
    and marks sentences that hold a word; it is one file that asks no other address. The paths of
    both files go to stdout.

    RUN is a corpus name (snli means runs/snli) or a model folder.
    """
    if source is None and label_field is not None:
        raise click.UsageError("--label-field names a field of FILE; a split has its own labels")
    if source is None:
        texts, kinds = _of_split(run, corpus_name, split, count, seed)
    else:
        texts, kinds = _of_file(source, text_field, label_field, count)
    if len(texts) + generated < FEWEST:
        raise DataError(
            f"{len(texts) + generated} sentences, where a map needs {FEWEST}", path=source or run
        )
    model = load_model(run, device, precision)
    import torch

    from arae_toolkit.latent.maps import draw_map, project, write_map_page

    codes = [model.encode(texts)]
    if generated:
        generator = torch.Generator(model.device).manual_seed(seed)
        drawn = model.prior.sample(generated, generator=generator)
        codes.append(drawn)
        texts = [*texts, *model.decode(drawn)]
        kinds = [*kinds, *[GENERATED] * generated]
    found = project(torch.cat(codes).numpy(force=True), method=method, seed=seed)
    if found.explained is None:
        caption = "Codes by t-SNE: who lies beside whom means something, distances do not."
    else:
        caption = f"Codes by PCA: two directions with {found.explained:.1f} % of the variance."
    name = f"map-{Path(run).name}"
    draw_map(found.points, kinds, out / f"{name}.png")
    write_map_page(
        found.points, texts, kinds, out / f"{name}.html", title=f"Codes of {run}", caption=caption
    )
    say(f"{len(texts):,} sentences. {caption}")
    write_lines([str(out / f"{name}.png"), str(out / f"{name}.html")])


def _of_split(
    run: str, corpus_name: str | None, split: str, count: int, seed: int
) -> tuple[list[str], list[str]]:
    """Return random sentences of a split, and their labels or the name of the split."""
    import numpy as np

    from arae_toolkit.data.corpus import texts_of

    corpus = corpus_of_run(run, corpus_name)
    sentences = corpus.split(split)
    rows = np.random.default_rng(seed).permutation(len(sentences))[:count]
    chosen = sentences.at(np.sort(rows))
    labels = chosen.labels
    names = corpus.labels
    kinds = (
        [split] * len(chosen)
        if labels is None
        else [names[label] if label >= 0 else split for label in labels.tolist()]
    )
    return texts_of(chosen, corpus.vocabulary), kinds


def _of_file(
    source: str, text_field: str, label_field: str | None, count: int
) -> tuple[list[str], list[str]]:
    """Return the first sentences of a file, and what colours them.

    Raises:
        DataError: At the first row that cannot be used, or if there is none.
    """
    texts: list[str] = []
    kinds: list[str] = []
    names = [text_field] if label_field is None else [text_field, label_field]
    kind = "stdin" if source == "-" else Path(source).name
    with open_request(source, names=names, on_error="fail") as request:
        for batch in request.answers(lambda rows: rows):
            for row, _ in batch:
                texts.append(row.texts[0])
                kinds.append(kind if label_field is None else row.texts[1])
            if len(texts) >= count:
                break
    return texts[:count], kinds[:count]
