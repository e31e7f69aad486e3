"""The file of results of a text model: the figures of its page, as the tables of docs take them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.errors import ToolkitError
from arae_toolkit.latent.pairs import PAIRS
from arae_toolkit.recipes.shared.child_processes import command_line, threads_of
from arae_toolkit.recipes.shared.options import load_model
from arae_toolkit.reports.results import Metric, corpus_identity, summarise, write_result
from arae_toolkit.reports.run_page.run_folder import run_config, training_command
from arae_toolkit.training.metrics_log import dev_rows

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.evaluation.text_model import TextModelFigures
    from arae_toolkit.models.arae import ARAE

UNITS = {
    "nats_per_sentence": "nats",
    "nats_per_token": "nats",
    "token_accuracy": "percent",
    "exact": "percent",
}
MONITOR_UNITS = {
    "code_norm": "norm",
    "generated_norm": "norm",
    "code_variance": "variance",
    "generated_variance": "variance",
    "neighbour_cosine": "cosine",
    "random_cosine": "cosine",
    "mean_distance": "distance",
    "unique_samples": "percent",
}
CURVE = ("iteration", "epoch", "seconds", *UNITS, *MONITOR_UNITS, "wasserstein")
SAMPLES_SHOWN, STEPS = 20, 7


def write_figures(
    results: Path,
    folder: Path,
    *,
    corpus: Corpus,
    figures: TextModelFigures,
    device: str,
) -> Path:
    """Write ``pretraining-NAME.json`` and return its path.

    Args:
        results: Folder for the file.
        folder: Of the run, whose name is the file's.
        corpus: The one that it was trained on.
        figures: Of its page.
        device: Where walks between fixed pairs of captions are computed, if the model has codes.

    Raises:
        CheckpointMismatch: If ``pretrain`` has not trained it.
        ToolkitError: If its log holds no evaluation.
    """
    config, curve = run_config(folder), dev_rows(folder)
    if not curve:
        raise ToolkitError(f"{folder}: the log holds no evaluation; let the run finish an epoch")
    last = curve[-1]
    metrics: dict[str, Metric] = {}
    for split, measures in figures.reconstruction.items():
        for key, unit in UNITS.items():
            if measures[key] is not None:
                metrics[f"{split}_{key}"] = summarise([measures[key]], unit)
    for swaps, nats in enumerate(figures.swapped_nats):
        metrics[f"dev_nats_per_sentence_{swaps}_swaps"] = summarise([nats], "nats")
    for key, unit in MONITOR_UNITS.items():
        if key in figures.code_space and key != "unique_samples":
            metrics[key] = summarise([figures.code_space[key]], unit)
    metrics["unique_samples"] = summarise([figures.distinct], "percent")
    metrics["copied_samples"] = summarise([figures.copied], "percent")
    metrics["training_epochs"] = summarise([last["epoch"]], "epochs")
    metrics["training_seconds"] = summarise([last["seconds"]], "seconds")
    counts = {split: found["sentences"] for split, found in figures.reconstruction.items()}
    return write_result(
        results,
        f"pretraining-{folder.resolve().name}",
        command=training_command(config) or "unknown",
        corpus=corpus_identity(corpus),
        seeds=[config["settings"]["training"]["seed"]],
        device=_trained_on(config),
        seconds=last["seconds"],
        metrics=metrics,
        threads=threads_of(),
        details={
            "model": config["run"]["model"],
            "precision": config["run"]["precision"],
            "training_device": _trained_on(config),
            "measured_by": command_line(),
            "settings": config["settings"],
            "curve": [{key: row[key] for key in CURVE if key in row} for row in curve],
            "sentences": {
                **counts,
                "swapped": figures.swapped,
                "too_short_to_swap": figures.too_short,
            },
            "samples_drawn": len(figures.drawn),
            "samples": figures.drawn[:SAMPLES_SHOWN],
            "interpolations": _walks(load_model(str(folder), device)) if figures.code_space else [],
        },
    )


def _walks(model: ARAE) -> list[dict[str, Any]]:
    """Return walks between fixed pairs of captions."""
    return [
        {"from": first, "to": second, "way": model.interpolate(first, second, steps=STEPS)}
        for first, second in PAIRS
    ]


def _trained_on(config: Mapping[str, Any]) -> str:
    """Return what a run was trained on; folders of earlier versions do not tell."""
    return str((config.get("made") or {}).get("device", "unknown"))
