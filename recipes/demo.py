"""``arae-toolkit demo``: the main job from start to end on text the toolkit makes itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import prepared
from arae_toolkit.recipes.shared.options import out_option
from arae_toolkit.recipes.shared.progress import console, progress, say
from arae_toolkit.recipes.shared.training_display import training_display
from arae_toolkit.reports.markdown import text_table
from arae_toolkit.reports.tables.latent import PAPER_OFFSETS
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.evaluation.code_space import CodeSpaceStatistics
    from arae_toolkit.evaluation.reconstruction import Reconstruction
    from arae_toolkit.models.arae import ARAE

SIZE = 20_000
INTERPOLATIONS = 3
CHANGED, DECODINGS, TEMPERATURE = 50, 20, 0.5
"""Sentences that each offset vector changes, how often each is decoded, and how boldly."""


@click.command(
    cls=ExamplesCommand,
    examples=["arae-toolkit demo", "arae-toolkit demo --size 5000 --out runs/quick"],
)
@click.option("--size", type=click.IntRange(200), default=SIZE, help="Training sentences to make.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the demo preset's.")
@out_option("Folder of the run.", default="runs/demo")
def demo(size: int, epochs: int | None, out: Path | None) -> None:
    """Make a corpus, pretrain on it, then sample, reconstruct, interpolate and change words.

    Takes some minutes on two cores and needs no download. Ends with where the report lies; the
    commands for the same steps on a corpus of your own stand in the report.
    """
    import torch

    from arae_toolkit.config.overrides import with_overrides
    from arae_toolkit.config.presets import preset
    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.pretraining.experiment import pretrain

    # Matrices this small gain nothing from threads, and lose much to waiting for each other where
    # another program has a core.
    torch.set_num_threads(1)
    folder = out or run_folder("demo")
    corpus = prepared("synthetic", folder / "corpus", PrepareOptions(size=size))
    changes = [] if epochs is None else [f"epochs={epochs}"]
    config = with_overrides(preset("demo", corpus="synthetic"), changes)
    with training_display(corpus, config, title="arae") as display:
        pretrain(corpus, config, folder, listeners=[display])
    report = folder / "report.md"
    _write_report(report, ARAE.from_pretrained(folder), corpus)
    click.echo(report)


def _write_report(path: Path, model: ARAE, corpus: Corpus) -> None:
    """Measure the model on held-out sentences; show the tables and write them as Markdown."""
    import numpy as np

    from arae_toolkit.data.token_batches import TokenStore
    from arae_toolkit.evaluation.code_space import edit_neighbours, measure_code_space
    from arae_toolkit.evaluation.reconstruction import measure_reconstruction
    from arae_toolkit.storage.atomic_files import write_text

    test = corpus.split("test")
    store = TokenStore(test, device=model.device)
    rows = np.arange(min(1000, len(test)))
    reconstruction = measure_reconstruction(model, store, rows=rows)
    neighbours = edit_neighbours(test, seed=0)
    monitors = measure_code_space(model, store, rows=rows, neighbours=neighbours)
    texts = [model.vocabulary.decode(test[row].tolist()) for row in range(10)]
    pairs = [(texts[2 * i], texts[2 * i + 1]) for i in range(INTERPOLATIONS)]
    walks = [model.interpolate(first, second, steps=5) for first, second in pairs]
    reconstructed = zip(texts, model.reconstruct(texts), strict=True)
    sections: list[tuple[str, list[str], list[list[str]]]] = [
        ("Measured on test sentences", ["", ""], _figures(reconstruction, monitors)),
        ("Samples", ["sentence"], [[text] for text in model.sample(10, seed=0)]),
        ("Reconstructions", ["sentence", "after its code"], [list(pair) for pair in reconstructed]),
        (
            "Interpolations",
            [str(i + 1) for i in range(len(walks))],
            [list(row) for row in zip(*walks, strict=True)],
        ),
    ]
    if moved := _offsets(model, corpus):
        sections.append(
            (
                "Words brought in by offset vectors (Figure 5)",
                ["word", "match %", "without the offset", "a sentence", "with the offset"],
                moved,
            )
        )
    body = ""
    for title, columns, cells in sections:
        _show(title, columns, cells)
        body += f"## {title}\n\n{text_table(columns, cells)}\n\n"
    run = path.parent
    commands = (
        f"    arae-toolkit sample {run} --count 20\n"
        f"    arae-toolkit reconstruct {run} --text 'A man is sleeping on a bench.'\n"
        "    arae-toolkit pretrain my-sentences.txt\n"
    )
    write_text(path, f"# Demonstration\n\n{body}## Go on\n\n{commands}")


def _offsets(model: ARAE, corpus: Corpus) -> list[list[str]]:
    """Return what the offsets of the paper's words reach, nothing where the model is too poor."""
    from arae_toolkit.errors import ToolkitError
    from arae_toolkit.latent.offsets import Settings, measure_offsets, word_transforms
    from arae_toolkit.latent.spaces import space_of

    space = space_of(model, "codes")
    try:
        transforms = word_transforms(model, space, lambda: corpus, list(PAPER_OFFSETS))
        found = measure_offsets(
            *(model, space, transforms, Settings(TEMPERATURE, scale=1.0)),
            count=CHANGED,
            decodings=DECODINGS,
            progress=progress,
        )
    except ToolkitError as error:
        say(f"no offset vectors: {error}")
        return []
    return [
        [
            *(word, f"{moved['offset']['match']:.0f}", f"{moved['none']['match']:.0f}"),
            *(moved["examples"][0]["text"], moved["examples"][0]["output"] or "-"),
        ]
        for word, moved in found["transforms"].items()
    ]


def _figures(reconstruction: Reconstruction, monitors: CodeSpaceStatistics) -> list[list[str]]:
    return [
        ["reconstruction", f"{reconstruction.nats_per_sentence:.2f} nats a sentence"],
        ["likeliest tokens right", f"{reconstruction.token_accuracy:.1f} %"],
        ["sentences given back exactly", f"{reconstruction.exact:.1f} %"],
        ["distinct among 512 samples", f"{monitors.unique_samples:.1f} %"],
        ["variance of codes", f"{monitors.code_variance:.2f}"],
        ["variance of generated codes", f"{monitors.generated_variance:.2f}"],
        ["cosine of near sentences", f"{monitors.neighbour_cosine:.2f}"],
        ["cosine of others as long", f"{monitors.random_cosine:.2f}"],
    ]


def _show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stderr."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=any(columns))
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console().print(table)
