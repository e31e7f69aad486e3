"""Table 5 as a file of results and in Markdown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.shared.child_processes import threads_of
from arae_toolkit.reports.nli_tables import cell_name
from arae_toolkit.reports.nli_tables import table5 as markdown_table
from arae_toolkit.reports.results import (
    Metric,
    corpus_identity,
    read_results,
    summarise,
    write_result,
)
from arae_toolkit.storage.atomic_files import write_text

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.nli.label_splits import LabelledRows

SPLITS = ("dev", "test")


def report(
    corpus: Corpus,
    drawn: Mapping[str, LabelledRows],
    cells: Mapping[tuple[str, str], Mapping[int, Any]],
    folder: Path,
    *,
    encoders: Mapping[str, str],
    name: str,
    command: str,
    seeds: Iterable[int],
    device: torch.device,
    seconds: float,
    results: Path,
) -> None:
    """Write ``results/NAME.json`` and ``folder/NAME.md``, and print the table.

    Args:
        corpus: Of all cells.
        drawn: Labelled pairs by the name of the split.
        cells: Measurements by seed, by split and by what the encoder starts from.
        folder: The table's.
        encoders: Fingerprints of the pretrained ones' weights.
        name: Of the result.
        command: What was typed.
        seeds: Of each cell.
        device: Where it was computed.
        seconds: What this command took; cells finished before took theirs earlier.
        results: Folder for the file.
    """
    metrics: dict[str, Metric] = {
        cell_name(labels, objective, split): summarise(
            [run[split]["accuracy"] for run in found.values()], "percent"
        )
        for (labels, objective), found in cells.items()
        for split in SPLITS
    }
    stores = _stores(corpus, device)
    for labels, labelled in drawn.items():
        metrics |= _without_network(stores, labels, labelled, corpus)
    write_result(
        results,
        name,
        command=command,
        corpus=corpus_identity(corpus),
        seeds=list(seeds),
        device=device.type,
        seconds=seconds,
        metrics=metrics,
        threads=threads_of(os.environ),
        details={
            "encoders_sha256": dict(encoders),
            "pairs": {split: len(stores[split]) for split in SPLITS},
            "labels": {
                labels: {
                    "count": len(labelled.rows),
                    "seed": labelled.seed,
                    "sha256": labelled.sha256,
                }
                for labels, labelled in drawn.items()
            },
            "runs": {
                f"{labels}, {objective}": {str(seed): run for seed, run in found.items()}
                for (labels, objective), found in cells.items()
            },
        },
    )
    text = markdown_table(read_results(results)[name])
    write_text(folder / f"{name}.md", text + "\n")
    click.echo(text)
    click.echo(f"{results / name}.json, {folder / name}.md", err=True)


def _stores(corpus: Corpus, device: torch.device) -> dict[str, Any]:
    from arae_toolkit.nli.pair_batches import PairStore

    return {split: PairStore(corpus.pairs(split), device=device) for split in ("train", *SPLITS)}


def _without_network(
    stores: Mapping[str, Any], name: str, labelled: LabelledRows, corpus: Corpus
) -> dict[str, Metric]:
    """Return what the hypothesis alone gives away, and the most frequent label."""
    from arae_toolkit.nli.baselines import hypothesis_only_accuracies, majority_accuracy

    train, evaluated = stores["train"], {split: stores[split] for split in SPLITS}
    alone = hypothesis_only_accuracies(train, labelled.rows, evaluated)
    metrics = {}
    for split, store in evaluated.items():
        most = majority_accuracy(
            train.labels[labelled.rows],
            store.labels[store.labels >= 0],
            labels=len(corpus.labels),
        )
        metrics[cell_name(name, "hypothesis alone", split)] = summarise([alone[split]], "percent")
        metrics[cell_name(name, "most frequent label", split)] = summarise([most], "percent")
    return metrics
