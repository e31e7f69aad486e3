"""What the seeds of a classifier reached: a table on stdout, and a file of results."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arae_toolkit.config.overrides import to_dict
from arae_toolkit.nli.settings import PairConfig
from arae_toolkit.recipes.nli.seeds import identity_of
from arae_toolkit.recipes.shared.child_processes import threads_of
from arae_toolkit.recipes.shared.progress import number_table
from arae_toolkit.reports.results import Metric, corpus_identity, summarise, write_result

if TYPE_CHECKING:
    import torch

    from arae_toolkit.nli.experiment import Measured, Task

SPLITS = ("dev", "test")


def report(
    task: Task,
    config: PairConfig,
    found: dict[int, Measured],
    folder: Path,
    *,
    device: torch.device,
    results: Path,
    **made: Any,
) -> Path:
    """Print and write what was measured; return the path of the file.

    Args:
        task: Of all seeds.
        config: Of all seeds, apart from the seed.
        found: Measurements by seed.
        folder: The model folder; it names the file of results.
        device: Where it was computed.
        results: Folder for the file.
        made: Further arguments of :func:`~arae_toolkit.reports.results.write_result`.
    """
    from rich.console import Console

    from arae_toolkit.nli.outside_encoder import OutsideWeights

    several = len(found) > 1
    metrics = {**_seed_metrics(found), **_other_metrics(task, folder, device, several=several)}
    console = Console(highlight=False)
    outside = task.encoder.about if isinstance(task.encoder, OutsideWeights) else None
    console.print(_table(metrics, len(found), outside=outside is not None))
    console.print(_confusion(task.corpus.labels, found))
    if outside is not None:
        weights = f"outside weights: {outside['name']}, {outside['seen']}"
        console.print(weights, markup=False, soft_wrap=True)
    path = write_result(
        results,
        folder.name,
        corpus=corpus_identity(task.corpus),
        seeds=list(found),
        device=device.type,
        metrics=metrics,
        threads=threads_of(),
        **made,
        details={
            "labels": {"name": task.labelled.name, **identity_of(task.labelled)},
            "pseudo_labels": 0 if task.pseudo is None else len(task.pseudo.rows),
            "objective": task.objective,
            "encoder_sha256": None if task.encoder is None else task.encoder.sha256,
            **({} if outside is None else {"outside": outside}),
            **({"extended": True} if _extended(folder, found) else {}),
            "settings": to_dict(config),
            "runs": {str(seed): measured for seed, measured in found.items()},
        },
    )
    console.print(f"{path}", markup=False, soft_wrap=True)
    return path


def _extended(folder: Path, seeds: Iterable[int]) -> bool:
    """Return whether a seed was trained on: other numbers than its command gives at once."""
    from arae_toolkit.models.model_folder import FORMER_SHA256, read_config

    return any(FORMER_SHA256 in read_config(folder / f"seed-{seed}") for seed in seeds)


def _seed_metrics(found: dict[int, Measured]) -> dict[str, Metric]:
    """Return mean and spread over the seeds."""
    return {
        f"{split}_{name}": summarise([run[split][name] for run in found.values()], unit)
        for split in SPLITS
        for name, unit in (
            ("accuracy", "percent"),
            ("calibration_error", "percent points"),
            ("nats_per_pair", "nats"),
            ("majority", "percent"),
        )
    }


def _other_metrics(
    task: Task, folder: Path, device: torch.device, *, several: bool
) -> dict[str, Metric]:
    """Return what a model reaches that sees the hypothesis alone, and the average of the seeds."""
    from arae_toolkit.evaluation.classification import measure_classification
    from arae_toolkit.nli.baselines import hypothesis_only_accuracies
    from arae_toolkit.nli.classifier_training import probabilities_of
    from arae_toolkit.nli.model import NLIModel
    from arae_toolkit.nli.outside_encoder import OutsideWeights

    stores = {split: task.store(split, device) for split in SPLITS}
    alone = hypothesis_only_accuracies(task.store("train", device), task.labelled.rows, stores)
    metrics = {
        f"{split}_hypothesis_only": summarise([value], "percent") for split, value in alone.items()
    }
    if not several:
        return metrics
    networks = NLIModel.from_pretrained(folder, device=device).networks
    if isinstance(task.encoder, OutsideWeights):
        task.encoder.lend(networks)
    for split, store in stores.items():
        rows = np.flatnonzero(store.labels >= 0)
        mean = np.mean([probabilities_of(network, store, rows) for network in networks], axis=0)
        result = measure_classification(mean, store.labels[rows], labels=task.corpus.labels)
        metrics[f"{split}_ensemble_accuracy"] = summarise([result.accuracy], "percent")
        metrics[f"{split}_ensemble_calibration_error"] = summarise(
            [result.calibration_error], "percent points"
        )
    return metrics


def _table(metrics: dict[str, Metric], seeds: int, *, outside: bool) -> Any:
    """Return accuracies on dev and test as a table, which says where weights are others'."""
    table = number_table("accuracy, percent", SPLITS)
    names = {
        "accuracy": f"classifier{' with outside weights' * outside}, {seeds} seed"
        + "s" * (seeds > 1),
        "ensemble_accuracy": f"the {seeds} averaged",
        "hypothesis_only": "hypothesis alone",
        "majority": "most frequent label",
        "calibration_error": "calibration error, points",
    }
    for name, title in names.items():
        cells = [_cell(metrics.get(f"{split}_{name}")) for split in SPLITS]
        if any(cells):
            table.add_row(title, *cells)
    return table


def _confusion(labels: list[str], found: dict[int, Measured]) -> Any:
    """Return how often each label is taken for each, over all seeds on test."""
    total = np.sum([run["test"]["confusion"] for run in found.values()], axis=0)
    shares = 100 * total / np.maximum(1, total.sum(axis=1, keepdims=True))
    table = number_table("test: percent of each label (rows) taken for ...", labels)
    for label, row in zip(labels, shares, strict=True):
        table.add_row(label, *(f"{share:.1f}" for share in row))
    return table


def _cell(metric: Metric | None) -> str:
    """Return a value with its spread."""
    if metric is None:
        return ""
    spread = metric["spread"]
    return f"{metric['value']:.2f}" + ("" if spread is None else f" ± {spread:.2f}")
