"""``arae-toolkit evaluate reconstruction``: how well rows of a corpus come out of their codes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.errors import CheckpointMismatch, DataError
from arae_toolkit.recipes.shared.child_processes import command_line, threads_of
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import corpus_of_run
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.options import device_option, json_option, optional_results_option
from arae_toolkit.recipes.shared.progress import progress, say, show
from arae_toolkit.recipes.shared.row_streams import aligned
from arae_toolkit.storage.json_files import significant

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data.packed_sequence import Indices
    from arae_toolkit.reports.results import Metric

TEXT = {
    "nats_per_sentence": ("nats per sentence", "nats"),
    "nats_per_token": ("nats per token", "nats"),
    "perplexity": ("perplexity per token", "per token"),
    "token_accuracy": ("tokens right, those before given, percent", "percent"),
    "exact": ("sentences restored exactly, percent", "percent"),
    "bleu": ("BLEU to the sentence", "BLEU"),
    "word_errors": ("word errors, percent", "percent"),
}
IMAGES = {
    "nats_per_image": ("nats per image", "nats"),
    "nats_per_pixel": ("nats per pixel", "nats"),
    "pixel_accuracy": ("pixels right, percent", "percent"),
}
"""Title and unit of each measure."""


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit evaluate reconstruction snli",
        "arae-toolkit evaluate reconstruction snli snli-ae --split dev",
        "arae-toolkit evaluate reconstruction snli --results results --json > scores.json",
    ],
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--corpus",
    "corpus_name",
    metavar="NAME",
    help="Whose rows: a name or a prepared folder.  [default: the first RUN's]",
)
@click.option(
    "--split", type=click.Choice(["dev", "test"]), default="test", help="Which of its rows."
)
@click.option(
    "--limit", type=click.IntRange(1), help="At most so many rows, evenly spread over the split."
)
@json_option
@optional_results_option()
@device_option
def reconstruction(
    runs: tuple[str, ...],
    corpus_name: str | None,
    split: str,
    limit: int | None,
    as_json: bool,
    results: Path | None,
    device: str,
) -> None:
    """Measure how well the models of one or more RUNs write sentences, or images, from their codes.

    Nats are the negative log-likelihood of a sentence given its code (given no code, for a language
    model; given the mean of its posterior, for a VAE), the end of the sentence included; perplexity
    is the exponential of nats per token. Greedy decoding says how many sentences come back word for
    word, their BLEU to the originals, and the words left out, put in or replaced.

    RUN is a corpus name (snli means runs/snli) or a model folder.
    """
    began = time.monotonic()
    folders = {find_run(run).resolve().name: find_run(run) for run in runs}
    if len(folders) < len(set(runs)):
        raise click.UsageError(f"two runs are called alike: {', '.join(runs)}")
    corpus = corpus_of_run(runs[0], corpus_name)
    count = corpus.rows(split) if split in corpus.manifest["splits"] else 0
    if count == 0:
        raise DataError(f"no row in the {split} split", path=corpus.folder, hint=_another(split))
    from arae_toolkit.data.corpus import evenly_spread
    from arae_toolkit.devices import choose_device, name_of

    rows = evenly_spread(count, limit or count)
    place = choose_device(device)
    report: dict[str, Any] = {"corpus": corpus.name, "split": split, "rows": len(rows)}
    report["models"] = found = {}
    with progress("rows measured", len(rows) * len(folders)) as advance:
        for name, folder in folders.items():
            found[name] = significant(_measured(folder, corpus, split, rows, place, advance))
    if results is not None:
        from arae_toolkit.reports.results import corpus_identity, write_result

        path = write_result(
            results,
            f"reconstruction-{next(iter(folders))}",
            command=command_line(),
            corpus=corpus_identity(corpus),
            seeds=[],
            device=name_of(place),
            seconds=time.monotonic() - began,
            metrics=_metrics(found),
            threads=threads_of(),
            details=report,
        )
        say(str(path))
    show(report, as_json=as_json, as_text=_as_text)


def _another(split: str) -> str:
    return f"measure --split {'dev' if split == 'test' else 'test'}"


def _measured(
    folder: Path,
    corpus: Corpus,
    split: str,
    rows: Indices,
    device: torch.device,
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """Return the measures of one run; ``advance`` is told of rows that are measured.

    Raises:
        CheckpointMismatch: If it is no plain model, or damaged.
        DataError: If it is of another kind than the corpus.
    """
    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.models.image_arae import ImageARAE
    from arae_toolkit.models.model_folder import read_config

    kind = read_config(folder).get("kind")
    if kind not in ("text", "image"):
        raise CheckpointMismatch(
            f"{folder}: a model of kind {kind}, where an autoencoder of text or images is needed; "
            "transfer models are measured by 'arae-toolkit evaluate transfer', classifiers by "
            "'arae-toolkit nli evaluate'"
        )
    if kind != corpus.kind:
        raise DataError(
            f"{folder} is a model of {kind}s, this corpus holds {corpus.kind}s",
            path=corpus.folder,
            hint="name another with --corpus, or measure the runs apart",
        )
    if kind == "image":
        from arae_toolkit.data.image_batches import PixelStore
        from arae_toolkit.evaluation.reconstruction import measure_images

        images = ImageARAE.from_pretrained(folder, device=device)
        store = PixelStore(corpus.pixels(split), device=device)
        measured = asdict(measure_images(images, store, rows=rows))
        advance(len(rows))
        return measured
    from arae_toolkit.evaluation.reconstruction import measure_split

    model = ARAE.from_pretrained(folder, device=device)
    return measure_split(model, corpus, split, rows=rows, advance=advance)


def _metrics(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Metric]:
    from arae_toolkit.reports.results import summarise

    return {
        f"{name}_{key}": summarise([float(measures[key])], unit)
        for name, measures in found.items()
        for key, (_, unit) in {**TEXT, **IMAGES}.items()
        if measures.get(key) is not None
    }


def _as_text(report: Mapping[str, Any]) -> str:
    """Return the measures as a table, a column for each run."""
    models = report["models"]
    titles = IMAGES if "nats_per_image" in next(iter(models.values())) else TEXT
    rows = [[f"{report['rows']:,} of {report['corpus']}, {report['split']}", *models]]
    for key, (title, _) in titles.items():
        values = (measures.get(key) for measures in models.values())
        rows.append([title, *("-" if value is None else f"{value:,.2f}" for value in values)])
    return aligned(rows)
