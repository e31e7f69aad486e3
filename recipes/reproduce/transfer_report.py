"""A table of transfer from its choices to its file of results."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import jsonlines
import numpy as np

from arae_toolkit.devices import dtype_of
from arae_toolkit.recipes.reproduce.transfer_options import TableChoices
from arae_toolkit.recipes.reproduce.transfer_systems import System
from arae_toolkit.recipes.reproduce.transfer_table import (
    Measurer,
    Sources,
    measure_systems,
    metrics_of,
)
from arae_toolkit.recipes.shared.child_processes import threads_of
from arae_toolkit.recipes.shared.progress import progress
from arae_toolkit.recipes.transfer.training import AUTOENCODERS, settings_of, train_transfer
from arae_toolkit.reports.results import corpus_identity, read_results, write_result

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.reports.markdown import Result


def write_table(
    name: str,
    corpus: Corpus,
    choices: TableChoices,
    *,
    folder: Path,
    command: str,
    began: float,
    details: Mapping[str, Any] | None = None,
    more: Callable[[], Mapping[str, Any]] = dict,
) -> Result:
    """Train and measure the systems of a table, write its results and return them.

    Args:
        name: Of the file of results.
        corpus: With labelled sentences.
        choices: What is measured, and how.
        folder: Of the table's runs.
        command: What was typed.
        began: When, by the monotonic clock.
        details: Kept in the file beside the measures.
        more: Returns further details once all systems are trained.
    """
    from arae_toolkit.devices import choose_device
    from arae_toolkit.evaluation.transfer.evaluators import evaluators_of

    device = choose_device(choices.device)
    instruments = evaluators_of(
        corpus,
        device=device,
        dtype=dtype_of(choices.precision),
        note=lambda line: click.echo(line, err=True),
        progress=progress,
    )
    sources = Sources.of(corpus, choices.split, most=choices.most)
    measurer = Measurer(corpus, choices.split, sources, instruments)

    def train(system: System, seed: int, place: Path) -> None:
        settings = _settings(system, seed, corpus, choices)
        train_transfer(
            corpus,
            settings,
            place,
            kind=system.kind,
            scorer=choices.scorer,
            device=device,
            precision=choices.precision,
        )

    cells = measure_systems(
        choices.systems,
        measurer,
        folder=folder,
        seeds=choices.seeds_for,
        train=train,
        precision=choices.precision,
    )
    signature = cells["copy"][0]["signature"]
    write_result(
        choices.results,
        name,
        command=command,
        corpus=corpus_identity(corpus),
        seeds=range(max(len(by_seed) for by_seed in cells.values())),
        device=device.type,
        seconds=time.monotonic() - began,
        metrics=metrics_of(cells),
        threads=threads_of(os.environ),
        details={
            **dict(details or {}),
            "split": choices.split,
            "rows": len(sources.texts),
            "systems": list(cells),
            "seeds_of": {system: len(by_seed) for system, by_seed in cells.items()},
            "weights_sha256": {
                system: [cell["weights"] for cell in by_seed.values()]
                for system, by_seed in cells.items()
            },
            "directions": list(cells["copy"][0]["directions"]),
            "judges_dev_accuracy": {
                judge.name: judge.dev_accuracy for judge in instruments.classifiers
            },
            "bleu_signature": signature["bleu"],
            "signature": signature,
            **more(),
        },
    )
    return read_results(choices.results)[name]


def _settings(system: System, seed: int, corpus: Corpus, choices: TableChoices) -> Any:
    """Return the settings that a system's seed is trained with."""
    from arae_toolkit.config.overrides import with_overrides
    from arae_toolkit.config.presets import preset
    from arae_toolkit.config.schema import check_separate

    config = preset(choices.preset, corpus=corpus.name, transfer=True)
    if system.kind in AUTOENCODERS:
        changes = (*system.changes, *choices.changes, f"seed={seed}")
        try:
            config = with_overrides(config, changes)
            check_separate(config.model)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="'--set'") from error
        return settings_of(system.kind, config, (), rows=corpus.rows("train"))
    seeded = () if system.kind == "delete-and-replace" else (f"seed={seed}",)
    changes = (*system.changes, *seeded)
    return settings_of(system.kind, config, changes, rows=corpus.rows("train"))


def show_samples(system: System, folder: Path, *, count: int, seed: int = 0) -> None:
    """Print sentences drawn at random from what a system wrote, each with all it became."""
    path = folder / system.run / "seed-0" / "outputs" / f"{system.name}.jsonl"
    with jsonlines.open(path) as lines:
        _, *rows = lines  # the first says what wrote them
    texts = list(dict.fromkeys(row["text"] for row in rows))
    chosen = np.random.default_rng(seed).permutation(len(texts))[:count]
    for text in (texts[index] for index in chosen):
        own = [row for row in rows if row["text"] == text]
        click.echo(f"{own[0]['label']:>10}  {text}", err=True)
        for row in own:
            click.echo(f"{row['to']:>10}  {row['transferred']}", err=True)
        click.echo("", err=True)


def rewritten_inputs(
    path: Path, part: str, system: System, folder: Path, *, labels: Sequence[str]
) -> list[dict[str, Any]]:
    """Return one's own sentences rewritten for every other label, all of them, as a user sees them.

    Args:
        path: JSONL with ``text``, ``label`` and ``part``.
        part: Rows of other parts are left out.
        system: Which rewrites them.
        folder: The table's.
        labels: What sentences are rewritten to, but for their own.
    """
    from arae_toolkit.transfer.detokenization.detokenize import natural_text, readable_text
    from arae_toolkit.transfer.model import TransferModel

    model = TransferModel.from_pretrained(system.model_in(folder / system.run / "seed-0"))
    known = set(model.vocabulary.words).__contains__
    with jsonlines.open(path) as lines:
        rows = [row for row in lines if row["part"] == part]
    found = []
    for row in rows:
        others = [name for name in labels if name != row["label"]]
        outputs = model.transfer(
            [readable_text(row["text"], known)] * len(others),
            others,
            candidates=system.candidates,
            strength=system.strength,
        )
        found.append(
            {
                "label": row["label"],
                "text": row["text"],
                **{
                    name: natural_text(row["text"], output.text, known=known)
                    for name, output in zip(others, outputs, strict=True)
                },
            }
        )
    return found
