"""Settings compared on dev: what reconstruction costs, and what samples are worth.

For choosing settings, so nothing here is what published tables are measured with: the judge is half
as large, has another seed, reads fewer samples, and the sentences are those of dev.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import torch

from arae_toolkit.benchmarks.common import Measured, Setting, note, number, program
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.evaluation.generation.cells import Cells
from arae_toolkit.evaluation.generation.measurement import (
    GenerationMeasurement,
    GenerationSettings,
    Subject,
    real_subjects,
)
from arae_toolkit.evaluation.kept_judges import kept_language_model
from arae_toolkit.evaluation.language_model import LanguageModelSettings
from arae_toolkit.recipes.shared.generation_systems import (
    AUTOENCODER,
    decodings_of,
    load_system,
    samples_of,
)
from arae_toolkit.reports.results import Metric, summarise
from arae_toolkit.storage.paths import run_folder

SEED = 7
JUDGE = LanguageModelSettings(embedding_size=128, hidden_size=128, iterations=1_800, seed=SEED)
SETTINGS = GenerationSettings(
    judge=JUDGE,
    forward_sentences=10_000,
    nearest_sentences=200,
    self_bleu_sentences=200,
    seed=SEED,
)
MEASURES = {
    "reverse_perplexity": "per token",
    "forward_perplexity": "per token",
    "distinct_sentences": "percent",
    "found_in_train": "percent",
    "four_grams_in_train": "percent",
    "words": "words",
}
OF_CODES = {
    "nats_per_sentence": "nats",
    "neighbour_cosine": "cosine",
    "random_cosine": "cosine",
}
"""What the last row of a run's log says of dev."""


@program(
    "frontier",
    "runs/pilots/ae-noise runs/pilots/lm --corpus corpora/snli --temperature 0 --temperature 0.8",
    "runs/pilots/ae-noise --prior own --prior flow --prior flow@0.9 --prior codes",
    takes=("corpus", "device", "threads"),
)
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--prior",
    "priors",
    multiple=True,
    default=["own"],
    help="Where codes come from: own, codes, or as flow and flow@0.9; may be repeated.",
)
@click.option(
    "--temperature",
    "temperatures",
    multiple=True,
    type=click.FloatRange(0),
    default=[0.0, 0.8],
    help="Draw words at it, 0 takes the likeliest; may be repeated.",
)
@number("--count", 20_000, "Samples drawn of each.", least=100)
def main(
    here: Setting,
    runs: tuple[Path, ...],
    corpus: Corpus,
    *,
    priors: tuple[str, ...],
    temperatures: tuple[float, ...],
    count: int,
) -> Measured:
    """Measure trained runs on dev, by prior and temperature; what is measured already is kept."""
    measurement = measurement_of(here, corpus)
    here.seeds = [SEED]
    metrics: dict[str, Metric] = {}
    rows: dict[str, dict[str, Any]] = {}
    for name, subject in real_subjects(corpus, "dev", count, seed=SEED).items():
        rows[name] = measurement.of(name, subject)
    for run in runs:
        last = last_dev_row(run)
        # A language model has no codes, and nothing to give back.
        codes = {key: last.get(key) if "code_norm" in last else None for key in OF_CODES}
        for prior in priors:
            for name, found in measured(run, prior, temperatures, count, measurement):
                rows[name] = {**codes, **found}
    for name, found in rows.items():
        note(line_of(name, found))
        for measure, unit in {**OF_CODES, **MEASURES}.items():
            value = found.get(measure)
            if value is not None:
                number_of = value["value"] if isinstance(value, dict) else value
                metrics[f"{name}, {measure}"] = summarise([float(number_of)], unit)
    return metrics, {"count": count, "split": "dev", "rows": rows}


def measurement_of(here: Setting, corpus: Corpus) -> GenerationMeasurement:
    """Return what measures all runs, its judge trained where it is not kept."""
    folder = run_folder("evaluations") / f"frontier-{corpus.name}-{corpus.sha256[:8]}"
    judge = kept_language_model(
        corpus, folder=folder / "judge", settings=JUDGE, device=here.device, note=note
    )
    cells = Cells(folder / "cells")
    return GenerationMeasurement(
        corpus, "dev", judge=judge, cells=cells, settings=SETTINGS, device=here.device
    )


def measured(
    run: Path,
    prior: str,
    temperatures: tuple[float, ...],
    count: int,
    measurement: GenerationMeasurement,
) -> Any:
    """Yield name and measures of a run's samples at each temperature."""
    corpus = measurement.corpus
    kind, _, scale = prior.partition("@")
    start_scale = float(scale) if scale else None
    system = load_system(
        str(run),
        corpus,
        measurement.device or torch.device("cpu"),
        priors=[kind],
        start_scale=start_scale,
    )
    if system.kind != AUTOENCODER and prior != "own":
        return
    none: dict[str, Any] = {"top_k": None, "top_p": None, "beam_size": None}
    asked = decodings_of(system, temperatures, most_words=corpus.max_length, **none)
    for temperature, decoding in asked.items():
        sentences = samples_of(
            *(system, system.priors[0], decoding, count),
            start_scale=start_scale,
            seed=SEED,
            corpus=corpus,
            cells=measurement.cells,
        )
        name = f"{run.name}, {prior}, temperature {temperature:g}"
        found = measurement.of(name, Subject(sentences, system.parameters))
        note(line_of(name, found))
        yield name, {"run": run.name, "prior": prior, "temperature": temperature, **found}


def last_dev_row(run: Path) -> dict[str, Any]:
    """Return what a run's log says of dev in the end, nothing if it has kept none."""
    try:
        lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    rows = [row for row in map(json.loads, lines) if row["kind"] == "dev"]
    return rows[-1] if rows else {}


def line_of(name: str, found: dict[str, Any]) -> str:
    """Return what is looked at first."""
    reverse = found["reverse_perplexity"]
    return (
        f"{name}: reverse {reverse['value'] if reverse else float('nan'):.2f}, forward "
        f"{found['forward_perplexity']['value']:.2f}, in train {found['found_in_train']:.1f} %, "
        f"four-grams {found['four_grams_in_train']:.1f} %, {found['words']:.2f} words"
    )


if __name__ == "__main__":
    main()
