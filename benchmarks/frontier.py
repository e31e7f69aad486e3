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
from arae_toolkit.priors.settings import OWN
from arae_toolkit.recipes.evaluate.novel import NamedRun, named_runs
from arae_toolkit.recipes.shared.generation_systems import best_of_key, decodings_of, samples_of
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
    "runs/pilots/lm runs/pilots/lm@t0.8 runs/pilots/ae runs/pilots/ae@flow@t0.8 --corpus snli",
    "runs/pilots/ae@codes --count 50000",
    takes=("corpus", "device", "threads"),
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN[@PRIOR][@tT][@bestK]...")
@number("--count", 20_000, "Samples drawn of each.", least=100)
def main(here: Setting, runs: tuple[str, ...], corpus: Corpus, *, count: int) -> Measured:
    """Measure trained runs on dev, each by its prior, its temperature and its draws a sentence.

    What is measured already is kept.
    """
    measurement = measurement_of(here, corpus)
    here.seeds = [SEED]
    metrics: dict[str, Metric] = {}
    rows: dict[str, dict[str, Any]] = {}
    for name, subject in real_subjects(corpus, "dev", count, seed=SEED).items():
        rows[name] = measurement.of(name, subject)
    for run in named_runs(runs, prior=OWN, temperature=None):
        last = last_dev_row(Path(run.run))
        # A language model has no codes, and nothing to give back.
        codes = {key: last.get(key) if "code_norm" in last else None for key in OF_CODES}
        rows[run.name] = {**codes, **measured(run, count, measurement)}
        note(line_of(run.name, rows[run.name]))
    for name, found in rows.items():
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


def measured(run: NamedRun, count: int, measurement: GenerationMeasurement) -> dict[str, Any]:
    """Return the measures of a run's samples."""
    corpus = measurement.corpus
    system = run.system(corpus, (measurement.device or torch.device("cpu")).type)
    asked = [] if run.temperature is None else [run.temperature]
    decodings = decodings_of(system, asked, most_words=corpus.max_length)
    ((temperature, decoding),) = decodings.items()
    sentences = samples_of(
        *(system, system.priors[0], decoding, count),
        start_scale=None,
        seed=SEED,
        corpus=corpus,
        cells=measurement.cells,
        best_of=run.best_of,
    )
    return {
        **{"run": Path(run.run).name, "prior": run.prior, "temperature": temperature},
        **best_of_key(run.best_of),
        **measurement.of(run.name, Subject(sentences, system.parameters)),
    }


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
