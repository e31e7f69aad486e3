"""``arae-toolkit evaluate readings``: sheets on which people read blind, and what they say.

The numbers are counted in :mod:`arae_toolkit.evaluation.human.readings`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.evaluate.novel import (
    NovelTexts,
    named_runs,
    novel_options,
    walks,
)
from arae_toolkit.recipes.evaluate.outputs import named_source, sentences_options
from arae_toolkit.recipes.shared.child_processes import command_line
from arae_toolkit.recipes.shared.commands import ExamplesCommand, ExamplesGroup
from arae_toolkit.recipes.shared.corpora import corpus_of_run
from arae_toolkit.recipes.shared.generation_systems import best_of_key, texts_of_file
from arae_toolkit.recipes.shared.options import (
    device_option,
    json_option,
    optional_results_option,
    out_option,
)
from arae_toolkit.recipes.shared.progress import progress, say, show
from arae_toolkit.recipes.shared.row_streams import aligned
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.latent.spaces import SpaceName
    from arae_toolkit.reports.results import Metric

MOST_ROWS = 100_000
"""Of a file are looked at."""
SUBCOMMANDS = {
    "make": (
        "arae_toolkit.recipes.evaluate.readings:make",
        "Make sheets of samples, real sentences and walks.",
    ),
    "count": (
        "arae_toolkit.recipes.evaluate.readings:count",
        "Count what filled sheets say of each source.",
    ),
}


@click.group(
    cls=ExamplesGroup,
    table=SUBCOMMANDS,
    examples=[
        "arae-toolkit evaluate readings make ARAE=snli AE=snli-ae@flow",
        "arae-toolkit evaluate readings count runs/readings/key.json anna.csv ben.csv",
    ],
)
def readings() -> None:
    """Have people read samples and walks, not knowing whose they are, and count what they say."""


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit evaluate readings make snli",
        "arae-toolkit evaluate readings make ARAE=snli AE=snli-ae@flow --real 20 --count 20 "
        "--seed 1 --out runs/readings-1",
        "arae-toolkit evaluate readings make ARAE=snli@best4 LM=snli-lm@t0.8 --walks 0",
        "arae-toolkit evaluate readings make --corpus yahoo --outputs ours=out.jsonl "
        "--text-field transferred",
    ],
)
@novel_options(runs_required=False)
@sentences_options
@click.option(
    "--real", "real_count", type=click.IntRange(0), default=20, help="Real sentences among them."
)
@click.option(
    "--count", type=click.IntRange(0), default=20, help="Samples of each run, rows of each file."
)
@click.option(
    "--walks",
    "walk_count",
    type=click.IntRange(0, 10),
    default=5,
    help="Walks of each run, between the first pairs of sentences of a gallery.",
)
@click.option(
    "--through",
    type=click.Choice(["codes", "noise"]),
    default="codes",
    help="What walks lead through.",
)
@click.option("--smooth", is_flag=True, help="Walks go around, in small steps.")
@click.option(
    "--steps", type=click.IntRange(2), default=7, help="Sentences on a walk, both ends included."
)
@click.option(
    "--split", type=click.Choice(["test", "dev"]), default="test", help="Real sentences come from."
)
@out_option("Folder of the sheets, which hold sentences of the corpus", default="runs/readings")
@device_option
def make(
    runs: tuple[str, ...],
    corpus_name: str | None,
    prior: str,
    temperature: float | None,
    seed: int,
    outputs: tuple[str, ...],
    text_field: str,
    real_count: int,
    count: int,
    walk_count: int,
    through: SpaceName,
    smooth: bool,
    steps: int,
    split: str,
    out: Path | None,
    device: str,
) -> None:
    """Make sheets of samples of each RUN, mixed with real sentences, and of walks.

    A table and a page for each of both, sentences and walks, and the key that says whose each row
    is, which readers do not get. Samples are the first distinct ones that stand in no split of the
    corpus, and so are rows of --outputs; all are shown as the corpus writes words, and real
    sentences are those that it knows every word of. Each reader fills a copy of the table, or the
    page saves one: 1 for yes, 0 for no.

    RUN is a corpus name (snli means runs/snli) or a model folder; NAME= names it in the results,
    @flow takes another prior than its own, @t0.8 draws words at a temperature, @best4 keeps the
    best of 4 draws as 'sample --best-of' does.
    """
    files = dict(map(named_source, outputs))
    if len(files) < len(outputs):
        raise click.UsageError("two files have the same name; call them NAME=FILE")
    if not runs and not files:
        raise click.UsageError("RUN or --outputs is missing")
    sources = named_runs(runs, prior=prior, temperature=temperature, beside=files)
    if not sources and corpus_name is None:
        raise click.UsageError("--outputs alone do not say whose sentences are real: give --corpus")
    folder = out or run_folder("readings")
    from arae_toolkit.evaluation.human.reading_files import write_reading_files
    from arae_toolkit.evaluation.human.readings import REAL, mixed_items
    from arae_toolkit.latent.pairs import MORE_PAIRS, PAIRS
    from arae_toolkit.reports.results import corpus_identity

    if REAL in files or any(source.name == REAL for source in sources):
        raise click.UsageError(f"{REAL!r} is what real sentences are called; name it NAME=...")
    given = {name: texts_of_file(file, text_field, MOST_ROWS) for name, file in files.items()}
    corpus = corpus_of_run(None if corpus_name else sources[0].run, corpus_name)
    novel, pairs = NovelTexts(corpus), (*PAIRS, *MORE_PAIRS)[:walk_count]
    texts = {REAL: _real(corpus, split, real_count, seed=seed)}
    ways: dict[str, list[str]] = {}
    systems: dict[str, Any] = {}
    walked: dict[str, str] = {}  # walks have no prior and no draws: readers see them once
    with progress("writing sentences", len(sources) + len(given)) as advance:
        for source in sources:
            system = source.system(corpus, device)
            samples = novel.samples(source, system, count, seed=seed, distinct=True)
            texts[source.name] = samples.texts
            if len(samples.texts) < count:
                say(f"{source.name}: no more than {len(samples.texts)} new sentences were found")
            if pairs and system.model is None:
                say(f"{source.name}: a language model has no codes to walk through")
            elif pairs and system.sha256 in walked:
                say(f"{source.name}: its walks are those of {walked[system.sha256]}")
            elif pairs and system.model is not None:
                walked[system.sha256] = source.name
                found = walks(
                    *(system.model, pairs),
                    through=through,
                    smooth=smooth,
                    steps=steps,
                    seed=seed,
                )
                ways[source.name] = ["\n".join(way) for way in found]
            systems[source.name] = {
                "prior": system.priors[0].name,
                "temperature": source.temperature,
                **best_of_key(source.best_of),
                "weights_sha256": system.sha256,
                "samples_left_out": samples.left_out,
            }
            advance(1)
        for name, rows in given.items():
            new = novel.without([" ".join(corpus.vocabulary.parted(row)) for row in rows])
            texts[name] = list(dict.fromkeys(filter(None, new)))[:count]
            if len(texts[name]) < count:
                say(f"{name}: no more than {len(texts[name])} new sentences were found")
            systems[name] = {"samples_left_out": new.count(None)}
            advance(1)
    items = mixed_items("sample", texts, seed=seed) + mixed_items("walk", ways, seed=seed)
    made = {
        "command": command_line(),
        "corpus": dict(corpus_identity(corpus)),
        "split": split,
        "seed": seed,
        "device": device,
        "through": through,
        "smooth": smooth,
        "steps": steps,
        "systems": systems,
    }
    for path in write_reading_files(folder, items, made=made):
        click.echo(path)
    say(f"{len(items)} rows of {', '.join(texts)}; the key is not for readers")


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit evaluate readings count runs/readings/key.json anna.csv ben.csv",
        "arae-toolkit evaluate readings count runs/readings/key.json anna.csv ben.csv "
        "anna-walks.csv ben-walks.csv --results results",
    ],
)
@click.argument("key", type=click.Path(path_type=Path))
@click.argument("sheets", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@optional_results_option("Folder for a file of results, of counts alone.")
@click.option("--name", default="readings", help="Of the file of results.")
def count(
    key: Path, sheets: tuple[Path, ...], as_json: bool, results: Path | None, name: str
) -> None:
    """Count what SHEETS say, each filled by one person, with the KEY that says whose each row is.

    For each source: of how many rows each reader says yes, and of how many all do; and how far
    readers agree (Cohen's kappa). Rows that not every reader has answered are left out. Sheets of
    sentences and of walks are told apart by their rows.
    """
    began = time.monotonic()
    from arae_toolkit.evaluation.human.reading_files import read_reading_key, read_readings
    from arae_toolkit.evaluation.human.readings import QUESTIONS, agreement, count_readings

    if len({path.resolve() for path in sheets}) < len(sheets):
        raise click.UsageError("a sheet is given twice; each reader fills one of their own")
    content = read_reading_key(key)
    filled = [read_readings(path, content) for path in sheets]
    for path, (_, sheet) in zip(sheets, filled, strict=True):
        if not any(sheet.values()):
            raise DataError("no row is read", path=path, hint="fill it, or leave it out")
    report: dict[str, Any] = {}
    for kind, questions in QUESTIONS.items():
        items, readers = content.of(kind), [sheet for of, sheet in filled if of == kind]
        for question, words in questions.items() if readers else ():
            report["sample" if kind == "sample" else f"walk {question}"] = {
                "question": words,
                "sources": {
                    source: asdict(found)
                    for source, found in count_readings(items, readers, question).items()
                },
                "kappa": agreement(items, readers, question),
            }
    if results is not None:
        from arae_toolkit.reports.results import write_result

        path = write_result(
            results,
            name,
            command=command_line(without=("results",)),
            corpus=content.made["corpus"],
            seeds=[content.made["seed"]],
            device=content.made["device"],
            seconds=time.monotonic() - began,
            metrics=_metrics(report),
            details={"made": content.made, "counts": report},
        )
        say(str(path))
    show(report, as_json=as_json, as_text=_as_text)


def _real(corpus: Corpus, split: str, count: int, *, seed: int) -> list[str]:
    """Return distinct sentences of a split, drawn by the seed, of words that are all known."""
    import numpy as np

    from arae_toolkit.data.corpus import texts_of
    from arae_toolkit.data.vocabulary import UNKNOWN

    sentences = corpus.split(split)
    rows = np.random.default_rng(seed).permutation(len(sentences))
    texts: dict[str, None] = {}
    for row in rows.tolist():
        if len(texts) == count:
            break
        if UNKNOWN in sentences[row]:  # readers would know it by that
            continue
        texts.update(dict.fromkeys(texts_of(sentences.at(np.array([row])), corpus.vocabulary)))
    if len(texts) < count:
        raise DataError(
            f"{len(texts)} sentences of known words in the {split} split, {count} are wanted",
            path=corpus.folder,
            hint="name another --split, or fewer with --real",
        )
    return list(texts)


def _metrics(report: Mapping[str, Any]) -> dict[str, Metric]:
    """Return the shares in percent, by source, question and reader, and each kappa."""
    from arae_toolkit.reports.results import summarise

    metrics: dict[str, Metric] = {}
    for question, found in report.items():
        for source, counts in found["sources"].items():
            shares = {f"reader {n}": yes for n, yes in enumerate(counts["yes"], start=1)}
            if len(shares) > 1:
                shares["both"] = counts["all"]
            for who, yes in shares.items() if counts["rows"] else ():
                share = summarise([100 * yes / counts["rows"]], "percent")
                metrics[f"{source}, {question}, {who}"] = share
        if found["kappa"] is not None:
            metrics[f"{question}, kappa"] = summarise([found["kappa"]], "kappa")
    return metrics


def _as_text(report: Mapping[str, Any]) -> str:
    """Return a table a question."""
    blocks = []
    for found in report.values():
        sources = found["sources"]
        readers = len(next(iter(sources.values()))["yes"])
        heads = [found["question"], "rows", *(f"reader {n + 1}" for n in range(readers))]
        rows = [heads + ["both" if readers == 2 else "all"] * (readers > 1)]
        for source, counts in sources.items():
            cells = [counts["rows"], *counts["yes"], *[counts["all"]] * (readers > 1)]
            rows.append([source, *map(str, cells)])
        block = aligned(rows)
        if readers > 1:
            kappa = "-" if found["kappa"] is None else f"{found['kappa']:.2f}"
            block += f"\nCohen's kappa: {kappa}"
        blocks.append(block)
    return "\n\n".join(blocks)
