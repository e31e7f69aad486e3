"""``arae-toolkit reproduce table5``: encoders by label splits, cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import product
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.errors import DataError, TrainingDiverged
from arae_toolkit.recipes.nli.seeds import draw_labels, identity_of
from arae_toolkit.recipes.reproduce.earlier_rows import MADE_BY, SECONDS_OF, EarlierRows
from arae_toolkit.recipes.reproduce.inference.rows import QUICK, ROWS, USUAL, Encoders, cell_folder
from arae_toolkit.recipes.reproduce.quick_form import quick_folder, quick_text, refuse_beside_quick
from arae_toolkit.recipes.reproduce.side_by_side import all_free, until_done
from arae_toolkit.recipes.reproduce.tuning import Tuning
from arae_toolkit.recipes.shared.child_processes import command_line, signals_noted, threads_of
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import open_pairs, prepared
from arae_toolkit.recipes.shared.options import (
    drawing_options,
    labels_option,
    results_option,
    run_options,
)
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.reports.results import (
    Metric,
    corpus_identity,
    mean_difference,
    read_result,
    summarise,
    write_result,
)
from arae_toolkit.reports.tables.nli import cell_name
from arae_toolkit.reports.tables.nli import table5 as markdown_table
from arae_toolkit.storage.atomic_files import write_text
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.nli.experiment import Measured
    from arae_toolkit.nli.label_splits import LabelledRows
    from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder

    Cell = dict[int, dict[int, Measured]]

PAPER_LABELS = ("medium", "small", "tiny")
QUICK_LABELS = ("3000",)
WORDS, VOCABULARY = 60, 20_000
"""Of the corpus prepared: the paper's plain autoencoder reads sentences of any length."""
SPLITS = ("dev", "test")
ALONE, MOST = "hypothesis alone", "most frequent label"
"""Rows without a network."""
DIFFERENCES = (
    ("ae", "supervised"),
    ("arae", "ae"),
    ("arae", "ae-15"),
    ("denoising-ae", "ae-15"),
    ("denoising-arae", "denoising-ae"),
    *((f"arae-{lever}", "ae-15") for lever in ("strong", "norm", "critic", "noise")),
)
"""Rows that are read against each other: what the first has more than the second."""


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit reproduce table5",
        "arae-toolkit reproduce table5 --labels tiny --seeds 1 --pretraining-seeds 1 --no-tune",
        "arae-toolkit reproduce table5 --labels tiny --system ae-15 --system arae-norm",
        "arae-toolkit reproduce table5 --ae runs/snli-ae --arae runs/snli",
        "arae-toolkit reproduce table5 --quick",
    ],
)
@labels_option(
    "A label split; may be given again.  [default: medium, small and tiny]", multiple=True
)
@click.option(
    "--system",
    "systems",
    type=click.Choice(tuple(ROWS)),
    multiple=True,
    help=f"A row; may be given again.  [default: {', '.join(USUAL)}]",
)
@click.option(
    "--seeds", type=click.IntRange(1), help="Of each classifier.  [default: 3, and 1 for --quick]"
)
@click.option(
    "--pretraining-seeds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Of each autoencoder, each with so many classifiers.",
)
@click.option(
    "--tune/--no-tune",
    default=True,
    help="Choose among four settings of each row by pilots of half the length, on dev.",
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
    systems: tuple[str, ...],
    seeds: int | None,
    pretraining_seeds: int,
    tune: bool,
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
    """Measure Table 5: encoders from random weights, AEs and ARAEs, on few labels.

    The AE learns from all sentences, the ARAE from those of at most 15 words, as in the paper;
    ae-15 and the denoising ones read what the ARAE reads. Each row has four settings, of which
    pilots of half the length choose, on dev, with seeds that the table does not have: random
    weights have four classifiers, an AE four kinds of noise, a denoising one four shares of hidden
    words, and an ARAE, with the AE's noise or words hidden, four weights of the critic. All
    classifiers of a label split have one budget, and the epoch that is best on dev is kept. A split
    that the corpus has too few labels for is left out, and said so. What is finished is left alone,
    so that the same command goes on after a stop, and started again meanwhile takes a share of the
    trainings. Rows that results/table5.json
    has and --system does not name stay in it, if they were measured alike. Markdown goes to stdout:
    the table, and what one row has more than another.
    """
    if quick:
        refuse_beside_quick("pretraining_seeds", "tune")
    seeds = seeds or (1 if quick else 3)
    folder = out or run_folder("table5-quick" if quick else "table5")
    # The models of the other quick tables, unless another corpus is named.
    shared = quick_folder(out) if quick and corpus_name is None else folder
    corpus = until_done(partial(_open, corpus_name, shared, quick=quick))
    from arae_toolkit.devices import choose_device, keep_freed_memory

    keep_freed_memory()
    place = choose_device(device)
    wanted = labels or (QUICK_LABELS if quick else PAPER_LABELS)
    drawn = _draw(corpus, wanted, draw=draw, seed=label_seed, first=draw_from)
    rows = systems or (QUICK if quick else USUAL)
    name = "table5-quick" if quick else "table5"
    how_many = {"seeds": seeds, "pretraining": pretraining_seeds}
    alike: dict[str, dict[str, Any]] = {
        "protocol": {**how_many, "precision": precision, "tuned": tune and not quick},
        "labels": {labelled.name: identity_of(labelled) for labelled in drawn},
    }
    earlier = partial(
        EarlierRows,
        results,
        name,
        rows,
        rows=itemgetter("rows"),
        corpus=corpus_identity(corpus),
        alike=alike,
    )
    with signals_noted() as stop_signal:
        encoders = Encoders(
            corpus,
            shared,
            given={name: run for name, run in (("ae", ae), ("arae", arae)) if run is not None},
            quick=quick,
            tuned=tune,
            pilot_labels=min(drawn, key=lambda labelled: len(labelled.rows)),
            how={"device": place, "precision": precision, "stop_signal": stop_signal},
            tunings={
                row: Tuning.from_json(about["tuning"])
                for row, about in earlier().of_each("rows").items()
                if about["given"] is None
            },
        )
        _check(encoders, rows, drawn, folder, **how_many)
        tunings = [partial(encoders.tuning, row) for row in rows]
        until_done(partial(all_free, tunings), stop_signal=stop_signal)
        _check(encoders, rows, drawn, folder, **how_many)  # by what pilots have chosen
        filled: dict[tuple[str, str], Cell | TrainingDiverged] = {}

        def fill(labelled: LabelledRows, row: str) -> None:
            if (labelled.name, row) not in filled:
                cell = _cell(encoders, row, labelled, folder, **how_many)
                filled[labelled.name, row] = cell

        each = [partial(fill, *where) for where in product(drawn, rows)]
        until_done(partial(all_free, each), stop_signal=stop_signal)
    cells = {
        (labelled.name, row): filled[labelled.name, row] for labelled, row in product(drawn, rows)
    }
    _report(
        encoders,
        earlier(),  # read anew: another call may have added to the file meanwhile
        drawn,
        {where: cell for where, cell in cells.items() if isinstance(cell, dict)},
        {where: cell for where, cell in cells.items() if not isinstance(cell, dict)},
        folder,
        name=name,
        command=command_line(),
        seeds=range(seeds),
        device=place,
        results=results,
        alike=alike,
    )
    for cell in cells.values():
        if isinstance(cell, TrainingDiverged):
            raise cell


def _open(name: str | None, folder: Path, *, quick: bool) -> Corpus:
    """Return the corpus, prepared into the table's folder unless it is given."""
    if name is not None:
        return open_pairs(name, measured=SPLITS)
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


def _check(
    encoders: Encoders,
    rows: Iterable[str],
    drawn: Iterable[LabelledRows],
    folder: Path,
    *,
    seeds: int,
    pretraining: int,
) -> None:
    """Refuse what a row would be refused for; see :meth:`Encoders.check`."""
    for name in rows:
        each = _classifiers(encoders, name, seeds=seeds, pretraining=pretraining)
        encoders.check(name, drawn, folder, seeds=each, most=pretraining)


def _classifiers(encoders: Encoders, name: str, *, seeds: int, pretraining: int) -> int:
    """Return the classifiers over each encoder: of random weights as many as others have in all."""
    return seeds if ROWS[name].kind or encoders.quick else seeds * pretraining


def _cell(
    encoders: Encoders,
    name: str,
    labelled: LabelledRows,
    folder: Path,
    *,
    seeds: int,
    pretraining: int,
) -> Cell | TrainingDiverged:
    """Train the classifiers of one cell, those finished left alone.

    Returns:
        What they measured by seeds of the encoder and of the classifier, or why one of them, or
        an encoder, has learned nothing.

    Raises:
        FolderInUse: If another process trains one, after those that are free are trained.
    """
    try:
        own = encoders.of_row(name, pretraining)
    except TrainingDiverged as error:
        return error
    config = encoders.classifier(name, labelled.name)
    each = range(_classifiers(encoders, name, seeds=seeds, pretraining=pretraining))

    def trained(seed: int, encoder: PretrainedEncoder | None) -> dict[int, Measured]:
        place = folder / cell_folder(labelled.name, name, seed)
        found = encoders.classified(encoders.task(name, labelled, encoder), config, place, each)
        if isinstance(found, TrainingDiverged):
            raise found
        return found

    try:
        found = all_free(partial(trained, *one) for one in own.items())
    except TrainingDiverged as error:
        return error
    return dict(zip(own, found, strict=True))


def _report(
    encoders: Encoders,
    earlier: EarlierRows,
    drawn: Sequence[LabelledRows],
    cells: Mapping[tuple[str, str], Cell],
    left_out: Mapping[tuple[str, str], TrainingDiverged],
    folder: Path,
    *,
    name: str,
    device: torch.device,
    results: Path,
    alike: Mapping[str, Mapping[str, Any]],
    **made: Any,
) -> None:
    """Write ``results/NAME.json`` and ``folder/NAME.md``, and print the table.

    Earlier rows are in both.
    """
    corpus = encoders.corpus
    cells = {**_earlier_cells(earlier), **cells}
    metrics: dict[str, Metric] = earlier.metrics(lambda name, _: ALONE in name or MOST in name)
    metrics |= {
        cell_name(labels, row, split): summarise(_accuracies(found, split), "percent")
        for (labels, row), found in cells.items()
        for split in SPLITS
    }
    stores = _stores(corpus, device)
    for labelled in drawn:
        metrics |= _without_network(stores, labelled, corpus)
    rows = {row: encoders.about(row) for _, row in cells if row not in earlier.names}
    pretraining = {row: sorted(found) for (_, row), found in cells.items()}
    seconds = earlier.seconds() | encoders.seconds()
    write_result(
        results,
        name,
        corpus=corpus_identity(corpus),
        device=device.type,
        metrics=metrics,
        threads=threads_of(),
        seconds=sum(seconds.values()),
        **made,
        details={
            "protocol": alike["protocol"],
            "rows": earlier.of_each("rows") | rows,
            "pretraining_seeds": pretraining,
            SECONDS_OF: seconds,
            MADE_BY: earlier.provenance(),
            "pairs": {split: len(stores[split]) for split in SPLITS},
            "labels": {**earlier.result["details"].get("labels", {}), **alike["labels"]},
            "differences": _differences(cells),
            "left_out": {", ".join(where): str(error) for where, error in left_out.items()},
            "runs": {f"{labels}, {row}": found for (labels, row), found in cells.items()},
        },
    )
    text = markdown_table(read_result(results, name))
    write_text(folder / f"{name}.md", text + "\n")
    click.echo(text)
    say(f"{results / name}.json, {folder / name}.md")


def _earlier_cells(earlier: EarlierRows) -> dict[tuple[str, str], Cell]:
    """Return the cells of earlier rows, as a file of results holds them."""
    found: dict[tuple[str, str], Cell] = {}
    for name, by_encoder in earlier.result["details"].get("runs", {}).items():
        labels, _, row = name.partition(", ")
        if row in earlier.names:
            found[labels, row] = {
                int(encoder): {int(seed): measured for seed, measured in runs.items()}
                for encoder, runs in by_encoder.items()
            }
    return found


def _accuracies(cell: Cell, split: str) -> list[float]:
    """Return those of all classifiers, the seeds of the first encoder first."""
    return [run[split]["accuracy"] for found in cell.values() for run in found.values()]


def _differences(cells: Mapping[tuple[str, str], Cell]) -> list[dict[str, Any]]:
    """Return how much more rows have on test than others, with intervals of 95 %.

    Over all pairs of classifiers, as many as there are in both; and over encoders alone, each with
    the mean of its classifiers, where both rows have several: two classifiers from one encoder are
    no two trials of what pretraining does.
    """
    found = []
    for labels in dict.fromkeys(labels for labels, _ in cells):
        for more, less in DIFFERENCES:
            if (labels, more) not in cells or (labels, less) not in cells:
                continue
            both = [cells[labels, row] for row in (more, less)]
            of_each = [_accuracies(cell, "test") for cell in both]
            if min(map(len, of_each)) < 2:
                continue
            of_runs = mean_difference(*of_each)
            means = [
                [fmean(run["test"]["accuracy"] for run in runs.values()) for runs in cell.values()]
                for cell in both
            ]
            of_encoders = mean_difference(*means) if min(map(len, means)) > 1 else None
            found.append(
                {
                    **{"labels": labels, "row": more, "less": less},
                    "runs": asdict(of_runs),
                    "encoders": None if of_encoders is None else asdict(of_encoders),
                }
            )
    return found


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
        for row, value in ((ALONE, alone[split]), (MOST, most)):
            metrics[cell_name(labelled.name, row, split)] = summarise([value], "percent")
    return metrics
