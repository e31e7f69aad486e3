"""``arae-toolkit reproduce table5``: three encoders by label splits, cell by cell."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.presets import preset
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.errors import DataError, TrainingDiverged
from arae_toolkit.nli.settings import MODELS, PairConfig
from arae_toolkit.recipes.nli.seeds import draw_labels, fitted, identity_of, train_seeds
from arae_toolkit.recipes.reproduce.plain_systems import QUICK_CHANGES, quick_folder, quick_text
from arae_toolkit.recipes.shared.child_processes import command_line, signals_noted, threads_of
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import open_pairs, prepared
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.options import (
    drawing_options,
    labels_option,
    results_option,
    run_options,
)
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.shared.training_display import training_display
from arae_toolkit.reports.nli_tables import cell_name
from arae_toolkit.reports.nli_tables import table5 as markdown_table
from arae_toolkit.reports.results import (
    Metric,
    corpus_identity,
    read_result,
    summarise,
    write_result,
)
from arae_toolkit.storage.atomic_files import write_text
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.nli.experiment import Task
    from arae_toolkit.nli.label_splits import LabelledRows
    from arae_toolkit.nli.outside_encoder import OutsideWeights
    from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder

PAPER_LABELS = ("medium", "small", "tiny")
EPOCHS = {"tiny": 4}
MORE_LABELS_EPOCHS = 3
"""Passes over the labels: one budget for all three encoders of a split."""
QUICK_LABELS = ("3000",)
WORDS, VOCABULARY = 60, 20_000
"""Of the corpus prepared: the plain autoencoder reads sentences of any length."""
ARAE_WORDS = 15
PUBLISHED_TABLES, ESTIMATED_SOFTMAX = "tied_embeddings=none", "softmax_samples=512"
KINDS: tuple[Literal["ae", "arae"], ...] = ("ae", "arae")
SETTINGS: dict[str, list[str]] = {
    "ae": ["epochs=7", PUBLISHED_TABLES, ESTIMATED_SOFTMAX, "critic_steps=1"],
    "arae": [
        "epochs=9",
        PUBLISHED_TABLES,
        ESTIMATED_SOFTMAX,
        f"longest_sentence={ARAE_WORDS}",
        "critic_steps=2",
        "adversarial_weight=20",
    ],
}
"""Changes of the preset ``faithful``: about as many sentences read by each."""
SPLITS = ("dev", "test")


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit reproduce table5",
        "arae-toolkit reproduce table5 --labels tiny --seeds 1",
        "arae-toolkit reproduce table5 --ae runs/snli-ae --arae runs/snli",
        "arae-toolkit reproduce table5 --quick",
    ],
)
@labels_option(
    "A label split; may be given again.  [default: medium, small and tiny]", multiple=True
)
@click.option(
    "--seeds", type=click.IntRange(1), help="Of each cell.  [default: 3, and 1 for --quick]"
)
@click.option(
    "--corpus",
    "corpus_name",
    metavar="NAME|FOLDER",
    help="Prepared folder with pairs.  [default: snli, prepared with sentences of any length]",
)
@click.option("--ae", metavar="RUN", help="A plain autoencoder that is trained already.")
@click.option("--arae", metavar="RUN", help="An ARAE that is trained already.")
@drawing_options
@click.option(
    "--quick", is_flag=True, help="On synthetic pairs and with small networks, in about a minute."
)
@run_options("Folder of all runs.", default="runs/table5")
@results_option
def table5(
    labels: tuple[str, ...],
    seeds: int | None,
    corpus_name: str | None,
    ae: str | None,
    arae: str | None,
    draw: str,
    label_seed: int,
    draw_from: int,
    quick: bool,
    device: str,
    precision: Precision,
    out: Path | None,
    results: Path,
) -> None:
    """Measure Table 5: encoders from random weights, an AE and an ARAE, on few labels.

    The AE learns from all sentences, the ARAE from those of at most 15 words, as in the paper. All
    classifiers of a label split have one budget, and the epoch that is best on dev is kept. A
    split that the corpus has too few labels for is left out, and said so. The table is printed in
    Markdown.
    """
    began = time.monotonic()
    seeds = seeds or (1 if quick else 3)
    folder = out or run_folder("table5-quick" if quick else "table5")
    # The models of the other quick tables, unless another corpus is named.
    shared = quick_folder(out) if quick and corpus_name is None else folder
    corpus = _open(corpus_name, shared, quick=quick)
    from arae_toolkit.devices import choose_device, keep_freed_memory
    from arae_toolkit.nli.experiment import Task

    keep_freed_memory()
    place = choose_device(device)
    wanted = labels or (QUICK_LABELS if quick else PAPER_LABELS)
    drawn = _draw(corpus, wanted, draw=draw, seed=label_seed, first=draw_from)
    with signals_noted() as stop_signal:
        how: dict[str, Any] = {"device": place, "precision": precision, "stop_signal": stop_signal}
        given = {"ae": ae, "arae": arae}
        encoders = _encoders(corpus, shared, given=given, quick=quick, **how)
        cells = {
            (labelled.name, objective): _cell(
                Task(corpus, labelled, encoder, None, objective),
                folder,
                range(seeds),
                quick=quick,
                **how,
            )
            for labelled in drawn
            for objective, encoder in encoders.items()
        }
    _report(
        corpus,
        drawn,
        {where: cell for where, cell in cells.items() if isinstance(cell, dict)},
        folder,
        encoders={kind: e.sha256 for kind, e in encoders.items() if e is not None},
        name="table5-quick" if quick else "table5",
        command=command_line(),
        seeds=range(seeds),
        device=place,
        seconds=time.monotonic() - began,
        results=results,
    )
    for cell in cells.values():
        if isinstance(cell, TrainingDiverged):
            raise cell


def _open(name: str | None, folder: Path, *, quick: bool) -> Corpus:
    """Return the corpus, prepared into the table's folder unless it is given."""
    if name is not None:
        return open_pairs(name)
    if quick:
        return quick_text(folder)
    options = PrepareOptions(max_length=WORDS, vocab_size=VOCABULARY)
    return prepared("snli", folder / "corpus", options)


def _draw(corpus: Corpus, names: tuple[str, ...], **how: Any) -> list[LabelledRows]:
    """Draw the label splits, each once; say which ones the corpus is too small for.

    How they are drawn goes on to ``draw_labels``.

    Raises:
        DataError: If there is none that it is large enough for.
    """
    drawn: list[LabelledRows] = []
    problem: DataError | None = None
    for name in dict.fromkeys(names):
        try:
            drawn.append(draw_labels(corpus, name, **how))
        except DataError as error:
            problem = error
            say(f"arae-toolkit: warning: {error}; left out")
    if problem is not None and not drawn:
        raise problem
    for labelled in drawn:
        say(f"{labelled.name}: {len(labelled.rows):,} pairs, sha256 {labelled.sha256}")
    return drawn


def _cell(
    task: Task, folder: Path, seeds: range, *, quick: bool, **how: Any
) -> dict[int, Any] | TrainingDiverged:
    """Train the seeds of one cell, those finished left alone.

    Returns:
        What they measured, or why one of them has learned nothing.
    """
    labels = task.labelled.name
    config = _settings(labels, quick=quick, encoder=task.encoder)
    try:
        return train_seeds(task, config, folder / f"{labels}-{task.objective}", seeds, **how)
    except TrainingDiverged as error:
        say(f"arae-toolkit: warning: {labels} labels, {task.objective}: {error}; left out")
        return error


def _settings(
    labels: str, *, quick: bool, encoder: PretrainedEncoder | OutsideWeights | None
) -> PairConfig:
    """Return the settings of a cell."""
    config = MODELS["paper"]
    epochs = 5 if quick else EPOCHS.get(labels, MORE_LABELS_EPOCHS)
    config = replace(config, training=replace(config.training, epochs=epochs))
    if quick:
        config = replace(
            config, model=replace(config.model, embedding_size=96, code_size=96, hidden_size=96)
        )
    return fitted(config, encoder)


def _encoders(
    corpus: Corpus,
    folder: Path,
    *,
    given: dict[str, str | None],
    quick: bool,
    **how: Any,
) -> dict[str, PretrainedEncoder | None]:
    """Return what the encoder starts from in each row of the table, by name."""
    from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder
    from arae_toolkit.pretraining.experiment import pretrain

    encoders: dict[str, PretrainedEncoder | None] = {"supervised": None}
    for kind in KINDS:
        run = given[kind]
        if run is not None:
            encoders[kind] = PretrainedEncoder.load(find_run(run))
            continue
        out = folder / kind
        if quick:
            out = folder / kind / "seed-0"
            config = with_overrides(preset("demo", corpus=corpus.name), QUICK_CHANGES)
        else:
            config = with_overrides(preset("faithful", corpus=corpus.name), SETTINGS[kind])
        with training_display(corpus, config, title=kind, place=f", to {out}") as display:
            pretrain(corpus, config, out, kind=kind, listeners=[display], **how)
        encoders[kind] = PretrainedEncoder.load(out)
    return encoders


def _report(
    corpus: Corpus,
    drawn: Sequence[LabelledRows],
    cells: Mapping[tuple[str, str], Mapping[int, Any]],
    folder: Path,
    *,
    encoders: Mapping[str, str],
    name: str,
    device: torch.device,
    results: Path,
    **made: Any,
) -> None:
    """Write ``results/NAME.json`` and ``folder/NAME.md``, and print the table."""
    metrics: dict[str, Metric] = {
        cell_name(labels, objective, split): summarise(
            [run[split]["accuracy"] for run in found.values()], "percent"
        )
        for (labels, objective), found in cells.items()
        for split in SPLITS
    }
    stores = _stores(corpus, device)
    for labelled in drawn:
        metrics |= _without_network(stores, labelled, corpus)
    write_result(
        results,
        name,
        corpus=corpus_identity(corpus),
        device=device.type,
        metrics=metrics,
        threads=threads_of(),
        **made,
        details={
            "encoders_sha256": dict(encoders),
            "pairs": {split: len(stores[split]) for split in SPLITS},
            "labels": {labelled.name: identity_of(labelled) for labelled in drawn},
            "runs": {
                f"{labels}, {objective}": {str(seed): run for seed, run in found.items()}
                for (labels, objective), found in cells.items()
            },
        },
    )
    text = markdown_table(read_result(results, name))
    write_text(folder / f"{name}.md", text + "\n")
    click.echo(text)
    say(f"{results / name}.json, {folder / name}.md")


def _stores(corpus: Corpus, device: torch.device) -> dict[str, Any]:
    from arae_toolkit.nli.pair_batches import PairStore

    return {split: PairStore(corpus.pairs(split), device=device) for split in ("train", *SPLITS)}


def _without_network(
    stores: Mapping[str, Any], labelled: LabelledRows, corpus: Corpus
) -> dict[str, Metric]:
    """Return what the hypothesis alone gives away, and the most frequent label."""
    from arae_toolkit.nli.baselines import hypothesis_only_accuracies, majority_accuracy

    train, evaluated = stores["train"], {split: stores[split] for split in SPLITS}
    alone = hypothesis_only_accuracies(train, labelled.rows, evaluated)
    metrics = {}
    for split, store in evaluated.items():
        gold = store.labels[store.labels >= 0]
        most = majority_accuracy(train.labels[labelled.rows], gold, labels=len(corpus.labels))
        for row, value in (("hypothesis alone", alone[split]), ("most frequent label", most)):
            metrics[cell_name(labelled.name, row, split)] = summarise([value], "percent")
    return metrics
