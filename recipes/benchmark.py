"""``arae-toolkit benchmark``: how fast this machine trains, encodes and samples, in one table."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.recipes.shared.child_processes import command_line
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.options import device_option, json_option
from arae_toolkit.recipes.shared.progress import progress, say

if TYPE_CHECKING:
    from arae_toolkit.benchmarks.overview_table import Row
    from arae_toolkit.data.corpus import Corpus

QUICK_SIZE = 2000


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit benchmark --quick",
        "arae-toolkit benchmark --corpus corpora/snli --threads 1 --out results",
        "arae-toolkit benchmark --device cuda --batch-size 1024 --json > gpu.json",
    ],
)
@click.option(
    "--corpus",
    "corpus_path",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A prepared text corpus.  [default: snli in the cache, else the synthetic one]",
)
@device_option
@click.option(
    "--threads", type=click.IntRange(1), help="Computing threads.  [default: torch's choice]"
)
@click.option(
    "--batch-size",
    type=click.IntRange(2),
    default=64,
    show_default=True,
    help="Sentences in a training step.",
)
@click.option(
    "--rounds",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    help="Runs of each version, in turn.",
)
@click.option("--quick", is_flag=True, help="Rough numbers on a tiny corpus, within a minute.")
@json_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Also write benchmark-DEVICE.json into this folder.",
)
def benchmark(
    corpus_path: Path | None,
    device: str,
    threads: int | None,
    batch_size: int,
    rounds: int,
    quick: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Measure this machine: the library against a textbook version, and against its limits.

    Both run in turn on the same sentences with untrained weights, so it takes minutes. Ratios are
    of neighbouring runs, with their spread. The limits are times that no program can go below
    here: of the matrix products, of the memory, and of the steps that wait for one another.
    """
    from arae_toolkit.benchmarks.common import setting
    from arae_toolkit.benchmarks.overview import extent_of, measure
    from arae_toolkit.devices import choose_device

    place = choose_device(device)
    here = setting("benchmark", out or Path(), device_name=str(place), threads=threads)
    here.name, here.seeds = f"benchmark-{place.type}", [0]
    extent = extent_of(place, rounds=rounds, quick=quick)
    with _corpus(corpus_path, quick=quick) as here.corpus:
        with progress("measuring", extent.runs(place)) as here.done:
            metrics, details, rows = measure(here, here.corpus, extent, batch_size=batch_size)
        if out is not None:
            command = command_line(without=("out",))
            say(f"written: {here.save(metrics, details, command=command)}")
    if as_json:
        table = {"rows": [asdict(row) for row in rows], "metrics": metrics, "details": details}
        click.echo(json.dumps(table, indent=2, ensure_ascii=False))
    else:
        _show(rows)


@contextmanager
def _corpus(path: Path | None, *, quick: bool) -> Iterator[Corpus]:
    """Yield the corpus to measure on; a synthetic one is gone afterwards."""
    from arae_toolkit.benchmarks.common import open_corpus
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data_prep.options import PrepareOptions
    from arae_toolkit.data_prep.preparation import prepare_corpus
    from arae_toolkit.storage.paths import corpus_folder

    default = corpus_folder("snli")
    if path is not None or (not quick and default.is_dir()):
        yield open_corpus(path)
        return
    if not quick:
        say(f"no corpus in {default}; measuring on the synthetic one, whose vocabulary is small")
    options = PrepareOptions(size=QUICK_SIZE) if quick else PrepareOptions()
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare_corpus(
            "synthetic",
            out=Path(folder) / "synthetic",
            options=options,
            report=say,
            progress=progress,
        )
        yield Corpus(prepared)


def _show(rows: list[Row]) -> None:
    """Print the table on stdout: drawn on a terminal, else in Markdown."""
    from arae_toolkit.benchmarks.overview_table import COLUMNS, markdown

    if not sys.stdout.isatty():
        click.echo(markdown(rows))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("", COLUMNS[-1]) else "right")
    for row in rows:
        table.add_row(*row.cells())
    Console().print(table)
