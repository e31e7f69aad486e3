"""Tables of transfer, cell by cell: train what is missing, have it write, measure what it wrote."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import jsonlines
import numpy as np

from arae_toolkit.errors import DataError, TrainingDiverged
from arae_toolkit.recipes.reproduce.earlier_rows import MADE_BY, SECONDS_OF, EarlierRows
from arae_toolkit.recipes.reproduce.side_by_side import all_free, until_done
from arae_toolkit.recipes.reproduce.transfer.options import TableChoices
from arae_toolkit.recipes.reproduce.transfer.runs import (
    Sources,
    outputs_of,
    sha256_of,
    train_system,
    weights_of,
)
from arae_toolkit.recipes.reproduce.transfer.systems import System
from arae_toolkit.recipes.reproduce.transfer.tuning import PILOTS, check_rows, tuned
from arae_toolkit.recipes.shared.child_processes import threads_of
from arae_toolkit.recipes.shared.generation_systems import encoder_of_run
from arae_toolkit.recipes.shared.progress import progress, say
from arae_toolkit.reports.results import (
    Metric,
    corpus_identity,
    read_result,
    summarise,
    write_result,
)
from arae_toolkit.reports.tables.transfer import metric_name
from arae_toolkit.storage.atomic_files import write_json
from arae_toolkit.storage.locks import locked
from arae_toolkit.training.metrics_log import seconds_trained

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.evaluation.transfer.evaluators import Evaluators, EvaluatorSettings
    from arae_toolkit.reports.markdown import Result

UNITS = {
    "probe": "percent",
    "accuracy": "percent",
    "copied": "percent",
    "distinct": "percent",
    "unknown": "percent",
    "similarity": "mean cosine",
}


class Measurer:
    """Measures outputs, and keeps the numbers of those it has measured before.

    Args:
        corpus: Of the outputs.
        split: Of the sources.
        sources: What the systems were given.
        instruments: What is measured with.
    """

    def __init__(
        self, corpus: Corpus, split: str, sources: Sources, instruments: Evaluators
    ) -> None:
        self.corpus, self.split = corpus, split
        self.sources, self.instruments = sources, instruments

    def measured(self, outputs: Sequence[str], kept: Path, fingerprint: str) -> dict[str, Any]:
        """Return the measures of outputs as JSON, from a file if it holds just theirs.

        Args:
            outputs: One for each source.
            kept: The file.
            fingerprint: Of what wrote them.
        """
        encoder = self.instruments.encoder
        wanted = {
            "weights": fingerprint,
            "corpus": self.corpus.sha256,
            "rows": len(outputs),
            "sources": self.sources.sha256,
            "outputs": sha256_of(list(outputs)),
            "judges": {judge.name: judge.dev_accuracy for judge in self.instruments.classifiers},
            "encoder": None if encoder is None else encoder.sha256,
        }
        with suppress(OSError, ValueError, RecursionError, AttributeError):  # none, or damaged
            found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
            if all(found.get(name) == value for name, value in wanted.items()):
                return found
        from arae_toolkit.evaluation.language_model import reverse_perplexity
        from arae_toolkit.evaluation.transfer.metrics import measure_transfer

        # Real text that is neither an output nor what one was made from.
        began, other = time.monotonic(), "dev" if self.split == "test" else "test"
        reverse = None
        if other in self.corpus.manifest["splits"]:
            real = self.corpus.split(other)
            reverse = partial(reverse_perplexity, real=real, vocabulary=self.corpus.vocabulary)
        result = measure_transfer(
            self.sources.texts,
            outputs,
            self.sources.labels,
            self.sources.targets,
            classifiers=self.instruments.classifiers,
            language_model=self.instruments.language_model,
            reverse=reverse,
            encoder=encoder,
        )
        content = {
            **wanted,
            "overall": asdict(result.overall),
            "directions": {name: asdict(part) for name, part in result.directions.items()},
            "signature": dict(result.signature),
            "seconds": round(time.monotonic() - began, 2),
        }
        write_json(kept, content)
        return content

    def probed(self, cell: dict[str, Any], folder: Path, kept: Path) -> dict[str, Any]:
        """Return measures of an autoencoder with what fresh classifiers read from its codes."""
        if "probe" not in cell["overall"]:
            from arae_toolkit.models.model_folder import load_model_folder
            from arae_toolkit.transfer.autoencoder.code_probe import probe_model
            from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder
            from arae_toolkit.transfer.rewriter import network_of

            model = network_of(TransferAutoencoder, load_model_folder(folder))
            cell["overall"]["probe"] = probe_model(model, self.corpus).perceptron
            write_json(kept, cell)
        return cell


def measure_systems(
    choices: TableChoices,
    measurer: Measurer,
    folder: Path,
    train: Callable[[System, int, Path], None],
) -> tuple[dict[str, dict[int, dict[str, Any]]], dict[str, TrainingDiverged]]:
    """Return the measures of each system by seed, and the runs that diverged, which have none.

    What is finished is left alone, and what another call has in hand is waited for. ``train``
    trains a system's seed into a folder; it is quick where that has been done.
    """
    found: dict[str, dict[int, dict[str, Any]]] = {}
    diverged: dict[str, TrainingDiverged] = {}
    copied = measurer.sources.texts
    kept = folder / "copy" / "measures.json"  # not beside results, which may lie in the folder
    kept.parent.mkdir(parents=True, exist_ok=True)
    found["copy"] = {0: measurer.measured(copied, kept, "copy")}

    def measure(system: System, seed: int) -> None:
        place = folder / system.run / f"seed-{seed}"
        if seed in found.get(system.name, {}) or system.run in diverged:
            return
        with locked(place, "a measurement", name=system.name):
            if system.model is None and not trained(system, seed, place, train, diverged):
                return
            names, precision = measurer.corpus.labels, choices.precision
            outputs = outputs_of(system, place, measurer.sources, names, precision=precision)
            kept = place / "outputs" / f"{system.name}.json"
            cell = measurer.measured(outputs, kept, weights_of(system.model_in(place)))
            if system.kind in ("arae", "ae", "aae") and system.name == system.run:
                cell = measurer.probed(cell, place, kept)
        found.setdefault(system.name, {})[seed] = cell
        overall = cell["overall"]
        judged = " / ".join(f"{value:.1f}" for value in overall["accuracy"].values())
        say(
            f"{system.name}, seed {seed}: transfer {judged} %, BLEU "
            f"{overall['source_bleu']:.1f}, combined {overall['combined']:.1f}"
        )

    each = [
        partial(measure, system, seed)
        for system in choices.systems
        for seed in choices.seeds_for(system)
    ]
    until_done(partial(all_free, each))
    rows = ["copy", *(system.name for system in choices.systems if system.run not in diverged)]
    return {name: dict(sorted(found[name].items())) for name in rows}, diverged


def trained(
    system: System,
    seed: int,
    place: Path,
    train: Callable[[System, int, Path], None],
    diverged: dict[str, TrainingDiverged],
) -> bool:
    """Train a system's seed; return whether there is a model, and note the run that diverges.

    It costs no other row: it is told once, and rows that ask the same run otherwise have none.
    """
    if system.run not in diverged:
        try:
            train(system, seed, place)
        except TrainingDiverged as error:
            say(f"arae-toolkit: warning: {place}: {error}; left out")
            diverged[system.run] = error
    return system.run not in diverged


def metrics_of(cells: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> dict[str, Metric]:
    """Return the metrics of a table: every measure of every system, overall and by direction."""
    metrics: dict[str, Metric] = {}
    for system, by_seed in cells.items():
        first = next(iter(by_seed.values()))
        for direction in ("overall", *first["directions"]):
            parts = [
                _flat(cell["overall"] if direction == "overall" else cell["directions"][direction])
                for cell in by_seed.values()
            ]
            for measure in parts[0]:
                values = [value for part in parts if (value := part.get(measure)) is not None]
                if values:
                    unit = next((u for name, u in UNITS.items() if measure.startswith(name)), "")
                    metrics[metric_name(system, direction, measure)] = summarise(
                        values, unit or "points"
                    )
    return metrics


def _flat(measures: Mapping[str, Any]) -> dict[str, float | None]:
    """Return measures with the judges' accuracies as measures of their own."""
    accuracies = {f"accuracy {name}": value for name, value in measures["accuracy"].items()}
    return accuracies | {
        name: value
        for name, value in measures.items()
        if name not in ("accuracy", "rows", "referenced")
    }


def write_table(
    name: str,
    corpus: Corpus,
    choices: TableChoices,
    *,
    folder: Path,
    command: str,
    quick: bool = False,
    encoder: str | None = None,
    details: Mapping[str, Any] | None = None,
    more: Mapping[str, Callable[[System], Any]] = MappingProxyType({}),
) -> tuple[Result, list[System], list[TrainingDiverged]]:
    """Train and measure the systems of a table, and write its results.

    Similarity to the input is measured where ``encoder``, the run of a pair classifier, is given.
    ``more`` makes details, by name, of the table's last system. Rows of other systems stay in the
    file, if the same instruments have measured them on the same sentences.

    Returns:
        The results, the systems that this call has measured, and why others are not in them.
    """
    from arae_toolkit.devices import choose_device, dtype_of
    from arae_toolkit.evaluation.transfer.evaluators import evaluators_of

    device = choose_device(choices.device)
    # What is missing, or in the way, is told before anything is trained.
    check_rows(choices, corpus, folder)
    sources = Sources.of(corpus, choices.split, most=choices.most)
    space = None if encoder is None else encoder_of_run(encoder, device)
    learn = partial(
        evaluators_of,
        corpus,
        settings=_quick_evaluators() if quick else None,
        encoder=space,
        device=device,
        dtype=dtype_of(choices.precision),
        note=say,
        progress=progress,
    )
    instruments = until_done(learn)
    measurer = Measurer(corpus, choices.split, sources, instruments)
    choices, tunings = tuned(choices, corpus, folder, device=device)
    train = partial(train_system, corpus=corpus, choices=choices, device=device)
    cells, diverged = measure_systems(choices, measurer, folder, train)
    shown = [system for system in choices.systems if system.name in cells]
    signature = cells["copy"][0]["signature"]
    same = {
        "split": choices.split,
        "judges_split": instruments.split,
        "rows": len(sources.texts),
        "directions": list(cells["copy"][0]["directions"]),
        "signature": signature,
    }
    identity = corpus_identity(corpus)
    earlier = EarlierRows(
        choices.results,
        name,
        ["copy", *(system.name for system in choices.systems)],
        rows=itemgetter("systems"),
        corpus=identity,
        alike=same,
    )
    by_row: dict[str, dict[str, Any]] = {
        "settings": {system.name: system.changes for system in choices.systems},
        "presets": {s.name: s.preset for s in choices.systems if s.preset is not None},
        "tuning": {s.name: tunings[s.run].as_json() for s in choices.systems if s.run in tunings},
        "seeds_of": {system: len(by_seed) for system, by_seed in cells.items()},
        "weights_sha256": {
            system: [cell["weights"] for cell in by_seed.values()]
            for system, by_seed in cells.items()
        },
        MADE_BY: earlier.provenance("judges_dev_accuracy"),
    }
    by_row = {detail: earlier.of_each(detail) | own for detail, own in by_row.items()}
    by_row[SECONDS_OF] = earlier.seconds() | _seconds(cells, choices, folder)
    places = dict.fromkeys([*earlier.result["details"].get("systems", ()), *cells])
    write_result(
        choices.results,
        name,
        command=command,
        corpus=identity,
        seeds=range(max(by_row["seeds_of"].values())),
        device=device.type,
        seconds=sum(by_row[SECONDS_OF].values()),
        metrics=earlier.metrics(lambda metric, row: metric.startswith(f"{row}, "))
        | metrics_of(cells),
        threads=threads_of(),
        details={
            **dict(details or {}),
            **same,
            **by_row,
            "systems": [row for row in places if row in by_row["seeds_of"]],
            "judges_dev_accuracy": {
                judge.name: judge.dev_accuracy for judge in instruments.classifiers
            },
            "bleu_signature": signature["bleu"],
            "left_out": {run: str(error) for run, error in diverged.items()},
            **{name: made(shown[-1]) for name, made in more.items() if shown},
        },
    )
    return read_result(choices.results, name), shown, list(diverged.values())


def _seconds(
    cells: Mapping[str, Mapping[int, Mapping[str, Any]]], choices: TableChoices, folder: Path
) -> dict[str, float]:
    """Return how long each row has been measured and trained for, whenever that was.

    Training counts for the first of the rows that share it.
    """
    found = {
        name: float(sum(cell.get("seconds", 0.0) for cell in by_seed.values()))
        for name, by_seed in cells.items()
    }
    counted: set[Path] = set()
    for system in choices.systems:
        if system.model is None:
            runs = {folder / system.run / f"seed-{seed}" for seed in choices.seeds_for(system)}
            runs |= set((folder / PILOTS).glob(f"{system.run}-[0-9]"))
            trained_for = sum(map(seconds_trained, runs - counted))
            found[system.name] = found.get(system.name, 0.0) + trained_for
            counted |= runs
    return found


def _quick_evaluators() -> EvaluatorSettings:
    """Return the settings of the evaluators of quick tables, which learn a small corpus."""
    from arae_toolkit.evaluation.language_model import LanguageModelSettings
    from arae_toolkit.evaluation.transfer.bilstm_classifier import BiLSTMClassifierSettings
    from arae_toolkit.evaluation.transfer.evaluators import EvaluatorSettings
    from arae_toolkit.evaluation.transfer.fasttext_classifier import FastTextClassifierSettings

    return EvaluatorSettings(
        fasttext=FastTextClassifierSettings(hash_size=2**14, iterations=200, rates=(3e-2,)),
        neural=BiLSTMClassifierSettings(embedding_size=64, state_size=64, iterations=100),
        language_model=LanguageModelSettings(embedding_size=64, hidden_size=64, iterations=120),
    )


def show_samples(system: System, folder: Path, *, count: int) -> None:
    """Print sentences drawn at random from what a system wrote, each with all it became."""
    path = folder / system.run / "seed-0" / "outputs" / f"{system.name}.jsonl"
    with jsonlines.open(path) as lines:
        _, *rows = lines  # the first says what wrote them
    texts = list(dict.fromkeys(row["text"] for row in rows))
    chosen = np.random.default_rng(0).permutation(len(texts))[:count]
    for text in (texts[index] for index in chosen):
        own = [row for row in rows if row["text"] == text]
        say(f"{own[0]['label']:>10}  {text}")
        for row in own:
            say(f"{row['to']:>10}  {row['transferred']}")
        say("")


def read_inputs(path: Path, part: str) -> list[dict[str, str]]:
    """Return the rows of a part in one's own JSONL of ``text``, ``label`` and ``part``.

    Raises:
        DataError: At the first row that lacks one of them.
    """
    from arae_toolkit.storage.text_lines import open_binary, read_json, read_lines

    found = []
    with open_binary(path) as stream:
        for line, row, _ in read_json(read_lines(stream, path=str(path))):
            names = ("text", "label", "part")
            if not isinstance(row, dict) or not all(isinstance(row.get(n), str) for n in names):
                raise DataError("not an object with text, label and part", path=path, line=line)
            if row["part"] == part:
                found.append(row)
    return found


def rewritten_inputs(
    system: System, *, rows: Sequence[Mapping[str, str]], folder: Path, labels: Sequence[str]
) -> list[dict[str, Any]]:
    """Return one's own sentences rewritten for every other label, all of them, as a user sees them.

    Args:
        system: Which rewrites them.
        rows: Sentences with their labels; see :func:`read_inputs`.
        folder: The table's.
        labels: What sentences are rewritten to, but for their own.
    """
    from arae_toolkit.transfer.detokenization.detokenize import natural_text, readable_text
    from arae_toolkit.transfer.model import TransferModel

    model = TransferModel.from_pretrained(system.model_in(folder / system.run / "seed-0"))
    known = set(model.vocabulary.words).__contains__
    found = []
    for row in rows:
        own = row["text"]
        others = [name for name in labels if name != row["label"]]
        outputs = model.transfer(
            [readable_text(own, known)] * len(others),
            others,
            candidates=system.candidates,
            strength=system.strength,
        )
        written = [natural_text(own, output.text, known=known) for output in outputs]
        answers = dict(zip(others, written, strict=True))
        found.append({"label": row["label"], "text": own, **answers})
    return found
