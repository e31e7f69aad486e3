"""What several seeds came to on dev, as a table and a file with mean and spread; which failed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from arae_toolkit.config.overrides import to_dict
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.recipes.pretrain.seed_runs import SeedRun, SeedsFailed, SeedsStopped, beside
from arae_toolkit.recipes.shared.progress import console
from arae_toolkit.reports.results import Metric, corpus_identity, summarise, write_result
from arae_toolkit.storage.atomic_files import sha256_of_file

COLUMNS = {
    "nats_per_sentence": ("nats/sentence", "nats per sentence", "{:.2f}"),
    "nats_per_image": ("nats/image", "nats per image", "{:.2f}"),
    "token_accuracy": ("tokens right, %", "percent", "{:.1f}"),
    "pixel_accuracy": ("pixels right, %", "percent", "{:.2f}"),
    "exact": ("exact, %", "percent", "{:.1f}"),
    "nats_per_hidden_word": ("nats/hidden word", "nats per hidden word", "{:.3f}"),
    "transferred": ("transferred, %", "percent", "{:.1f}"),
    "content_bleu": ("BLEU", "BLEU", "{:.1f}"),
}
"""Title, unit and form of the measurements on dev that are put together."""


def report(
    runs: Sequence[SeedRun],
    out: Path,
    *,
    corpus: Corpus,
    settings: Any,
    device: str,
    threads: int | None,
    command: Sequence[str],
    stopped_by: int = 0,
) -> None:
    """Show and write the results of the finished runs, and name those that failed.

    Args:
        runs: All of them.
        out: The folder beside which those of the runs stand; ``runs/snli`` puts the results into
            ``runs/snli-seeds.json``.
        corpus: Of the runs.
        settings: Of the runs, apart from the seed.
        device: ``cpu`` or ``cuda``.
        threads: Of each run, if known.
        command: What was typed.
        stopped_by: Number of the signal that asked to stop, 0 for none.

    Raises:
        SeedsStopped: If a signal has kept a run from its end.
        SeedsFailed: If a run has failed.
    """
    unfinished = [run for run in runs if run.state in ("waiting", "stopped")]
    failed = [run for run in runs if run.state == "failed"]
    done = [run for run in runs if run.state == "done"]
    final = {run.seed: row for run in done if (row := run.last_row("dev")) is not None}
    metrics = {
        name: summarise([row[name] for row in final.values()], unit)
        for name, (_, unit, _) in COLUMNS.items()
        if final and all(row.get(name) is not None for row in final.values())
    }
    if metrics and not unfinished:
        _show(final, metrics, total=len(runs))
        path = beside(out, "-seeds.json")
        write_result(
            path.parent,
            re.sub(r"[^\w.-]", "-", path.stem),  # which is what a result may be called
            command=shlex.join(command),
            corpus=corpus_identity(corpus),
            seeds=list(final),
            device=device,
            seconds=sum(row["seconds"] for row in final.values()),
            metrics=metrics,
            threads=threads,
            details={
                "split": "dev",
                "settings": to_dict(settings),
                "failed": [run.seed for run in failed],
                "runs": [_entry(run, final[run.seed]) for run in done if run.seed in final],
            },
        )
    for run in failed:
        click.echo(f"seed {run.seed}: {run.folder}: {run.last_words}", err=True)
    if unfinished:
        raise SeedsStopped(stopped_by, len(done), len(runs))
    if failed:
        raise SeedsFailed(failed, len(runs))


def _entry(run: SeedRun, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written about one run: its last evaluation, and of which weights."""
    from arae_toolkit.models.model_folder import WEIGHTS

    return {
        "seed": run.seed,
        "folder": str(run.folder),
        "model_sha256": sha256_of_file(run.folder / WEIGHTS),
        **{name: value for name, value in row.items() if isinstance(value, int | float)},
    }


def _show(
    final: Mapping[int, Mapping[str, Any]], metrics: Mapping[str, Metric], *, total: int
) -> None:
    """Print the last evaluation of each run on stderr, and mean and spread of them all."""
    from rich.table import Table

    table = Table(
        title=f"dev at the end of training, {len(final)} of {total} seeds", title_justify="left"
    )
    table.add_column("seed")
    for name in metrics:
        table.add_column(COLUMNS[name][0], justify="right")
    for seed, row in final.items():
        table.add_row(str(seed), *(COLUMNS[name][2].format(row[name]) for name in metrics))
    table.add_section()
    table.add_row(
        "mean", *(COLUMNS[name][2].format(entry["value"]) for name, entry in metrics.items())
    )
    spreads = (entry["spread"] for entry in metrics.values())
    table.add_row("spread", *("" if spread is None else f"{spread:.2g}" for spread in spreads))
    console().print(table)
