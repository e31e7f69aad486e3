"""``arae-toolkit evaluate transfer``: rewritten sentences measured, or made into a rating sheet.

The numbers are computed in :mod:`arae_toolkit.evaluation.transfer.metrics`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.evaluate.outputs import (
    Known,
    OutputFields,
    named_source,
    read_outputs,
    read_references,
    transferred_split,
    with_references,
)
from arae_toolkit.recipes.evaluate.report import as_json_object, as_text, write_report
from arae_toolkit.recipes.evaluate.sources import read_outputs_beside, read_sources
from arae_toolkit.recipes.shared.child_processes import command_line
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import corpus_of_run
from arae_toolkit.recipes.shared.generation_systems import encoder_of_run, encoder_option
from arae_toolkit.recipes.shared.options import (
    device_option,
    json_option,
    optional_results_option,
    precision_option,
)
from arae_toolkit.recipes.shared.progress import progress, say, show
from arae_toolkit.recipes.transfer.options import load_transfer_model, rewriting_options
from arae_toolkit.reports.results import corpus_identity

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.evaluation.generation.feature_distances import Encoder
    from arae_toolkit.evaluation.transfer.comparison import SystemOutputs
    from arae_toolkit.transfer.model import TransferModel

OTHER_SPLIT = {"dev": "test", "test": "dev"}


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit evaluate transfer yelp",
        "arae-toolkit evaluate transfer yelp --limit 500 --json > scores.json",
        "arae-toolkit evaluate transfer --corpus yelp --outputs ours=a.jsonl "
        "--outputs theirs=b.tsv",
        "arae-toolkit evaluate transfer --corpus yelp --outputs theirs=outputs.0.txt "
        "--sources sentiment.test.0",
        "arae-toolkit evaluate transfer yelp --references human.tsv --results results",
        "arae-toolkit evaluate transfer yelp --encoder nli-small",
        "arae-toolkit evaluate transfer yelp --rating-sheet 100",
    ],
)
@click.argument("run", required=False)
@click.option(
    "--outputs",
    multiple=True,
    metavar="[NAME=]FILE",
    help="What a system has written, in place of RUN's model; may be given again.",
)
@click.option(
    "--sources",
    metavar="FILE",
    help="For --outputs: the sentences that they were made of, for outputs alone, a line for each, "
    "and for rows that stand in another order or are missing.",
)
@click.option(
    "--references",
    metavar="FILE",
    help="What people have written: sources with one or more rewritings.",
)
@click.option(
    "--corpus",
    "corpus_name",
    metavar="NAME",
    help="The labelled corpus that the judges learn from: a name or a prepared folder.  "
    "[default: RUN's]",
)
@click.option(
    "--split",
    type=click.Choice(["dev", "test"]),
    default="test",
    help="Sentences that RUN's model rewrites.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="At most so many sentences, evenly spread over split or file.",
)
@click.option("--to", metavar="LABEL", help="Target of outputs whose rows do not tell theirs.")
@click.option("--text-field", default="text", help="The field of a row that holds the source.")
@click.option(
    "--output-field", default="transferred", help="The field that holds what was made of it."
)
@rewriting_options
@click.option(
    "--reverse/--no-reverse",
    default=True,
    help="Measure reverse perplexity, for which a language model of each system's outputs is "
    "trained.",
)
@click.option(
    "--probe",
    is_flag=True,
    help="Also measure how well fresh classifiers read the label from RUN's codes.",
)
@encoder_option("similarity to the source is")
@json_option
@optional_results_option()
@click.option(
    "--rating-sheet",
    "rated_sources",
    type=click.IntRange(1),
    metavar="N",
    help="Measure nothing; write sheets on which people rate N sentences, as many a direction, "
    "blind: label and naturalness, then similarity. The paper's N is 1000.",
)
@click.option(
    "--rating-folder",
    type=click.Path(path_type=Path),
    default=Path("ratings"),
    help="For --rating-sheet: where to write.",
)
@device_option
@precision_option
def transfer(
    run: str | None,
    outputs: Sequence[str],
    sources: str | None,
    references: str | None,
    corpus_name: str | None,
    split: str,
    limit: int | None,
    to: str | None,
    text_field: str,
    output_field: str,
    candidates: int,
    strength: float,
    seed: int,
    reverse: bool,
    probe: bool,
    encoder: str | None,
    as_json: bool,
    results: Path | None,
    rated_sources: int | None,
    rating_folder: Path,
    device: str,
    precision: Precision,
) -> None:
    """Measure how well sentences were rewritten: by RUN's model, or by any system.

    Accuracy is that of three judges, which learn from a part of train that no system learns from
    and are kept in runs/judges: of n-grams, a BiLSTM and fastText's model, the paper's kind. BLEU
    is to the source and to references; perplexity is forward and reverse by one language model;
    similarity to the source, with --encoder, is the mean cosine of sentence vectors. The numbers of
    copying the input, whose BLEU is 100 and whose similarity is 1 by construction, stand beside
    those of the system, and those of the references where there are some.

    Rows of --outputs are JSONL with "text", "transferred" and "to", as 'arae-toolkit transfer'
    writes them, and maybe the source's "label"; or lines with tabs between source, output and maybe
    the label of the source, or its number in the corpus's order. Outputs alone, line by line, are
    laid beside --sources: lines, of which the first column counts, or JSONL with "text".
    Rows of --references are JSONL with "text" and "reference" or "references", or lines with tabs.

    RUN is a corpus name (yelp means runs/yelp) or a model folder.
    """
    began = time.monotonic()
    if run is None and not outputs:
        raise click.UsageError("RUN or --outputs is missing")
    if sources is not None and not outputs:
        raise click.UsageError("--sources needs --outputs")
    if run is None and corpus_name is None:
        raise click.UsageError("--outputs needs RUN or --corpus, which says what judges learn from")
    model = None if outputs or run is None else load_transfer_model(run, device)
    if probe:
        _check_probed(model)
    corpus = corpus_of_run(run, corpus_name)
    if to is not None and to not in corpus.labels:
        labels = ", ".join(corpus.labels)
        raise click.BadParameter(f"{to!r} is not one of {labels}", param_hint="'--to'")
    _check_corpus(corpus, split, needs_rows=not outputs, needs_judges=rated_sources is None)
    if rated_sources is not None:
        from arae_toolkit.evaluation.human.sheet_files import FILES
        from arae_toolkit.evaluation.human.tables import refuse_existing

        refuse_existing(rating_folder, FILES)
    space = None
    if encoder is not None:
        from arae_toolkit.devices import choose_device

        space = encoder_of_run(encoder, choose_device(device))
    split_known = split if split in corpus.manifest["splits"] else OTHER_SPLIT[split]
    known = Known.of(corpus, split_known)
    people = None if references is None else read_references(references, text_field, known)
    given = None if sources is None else read_sources(sources, text_field, known)
    systems: dict[str, SystemOutputs] = {}
    for value in outputs:
        name, source = named_source(value)
        if name in systems:
            raise click.UsageError(f"two outputs are called {name!r}; name them NAME=FILE")
        fields = OutputFields(text_field, output_field, to)
        if given is None:
            system = read_outputs(source, fields, known)
        else:
            system = read_outputs_beside(source, fields, known, given, name=name)
        systems[name] = system.limited(limit)
    if model is not None and run is not None:
        systems[Path(run).name] = transferred_split(
            model, corpus, split, limit=limit, candidates=candidates, strength=strength, seed=seed
        )
    read_from_codes = _probed(model, corpus, seed=seed) if probe else None
    if people is not None and references is not None:
        systems = with_references(systems, people, references, known)
    from arae_toolkit.evaluation.transfer.comparison import with_baselines

    if rated_sources is not None:
        _write_sheet(systems, rated_sources, rating_folder, corpus=corpus, seed=seed)
        return
    try:
        compared = with_baselines(systems)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    for name, system in systems.items():
        if empty := sum(not output.strip() for output in system.outputs):
            of = f"{empty:,} of {len(system):,} outputs are empty"
            say(f"arae-toolkit: warning: {name}: {of}, of which an accuracy says nothing")
    measured, judged = _measured(
        compared, corpus, split, device, precision, reverse=reverse, encoder=space
    )
    report = as_json_object(measured, corpus, split=split, judged=judged)
    if read_from_codes is not None:
        report["probe"] = read_from_codes
    if results is not None:
        from arae_toolkit.devices import choose_device, name_of

        path = write_report(
            report,
            results,
            name=f"transfer-{'-'.join(systems)}",
            corpus=corpus,
            command=command_line(),
            seeds=[seed],
            device=name_of(choose_device(device)),
            seconds=time.monotonic() - began,
        )
        say(str(path))
    show(report, as_json=as_json, as_text=as_text)


def _check_corpus(corpus: Corpus, split: str, *, needs_rows: bool, needs_judges: bool) -> None:
    """Refuse a corpus that lacks what is asked for, before anything is computed.

    Raises:
        DataError: If there is no such split, no label in it, or nothing that judges could learn.
    """
    if needs_rows:
        labels = corpus.split(split).labels
        if labels is None or not (labels >= 0).any():
            raise DataError(
                f"the {split} split has no labelled sentence",
                path=corpus.folder,
                hint=f"measure --split {OTHER_SPLIT[split]}, or a corpus with labels there",
            )
    if needs_judges:
        from arae_toolkit.evaluation.transfer.evaluators import check_labels

        check_labels(corpus)


def _check_probed(model: TransferModel | None) -> None:
    """Refuse a model that has no codes to be read.

    Raises:
        click.UsageError: If it is none of a run, or no autoencoder.
    """
    from arae_toolkit.transfer.autoencoder.rewriter import LatentRewriter

    if model is None or not isinstance(model.rewriter, LatentRewriter):
        raise click.UsageError("--probe reads the codes of RUN, which has to be an autoencoder")


def _probed(model: Any, corpus: Corpus, *, seed: int) -> dict[str, float]:
    """Return what fresh classifiers read from an autoencoder's codes, in percent."""
    from dataclasses import asdict

    from arae_toolkit.transfer.autoencoder.code_probe import probe_model

    found = asdict(probe_model(model.rewriter.model, corpus, seed=seed))
    say(
        f"label read from the code by fresh classifiers: linear {found['linear']:.1f} %, "
        f"perceptron {found['perceptron']:.1f} %, most frequent label {found['majority']:.1f} %"
    )
    return found


def _measured(
    systems: dict[str, SystemOutputs],
    corpus: Corpus,
    split: str,
    device: str,
    precision: Precision,
    *,
    reverse: bool,
    encoder: Encoder | None,
) -> Any:
    """Return the result of each system by name, and how far the judges are right on the sources."""
    from arae_toolkit.devices import choose_device, dtype_of, keep_freed_memory
    from arae_toolkit.evaluation.language_model import FEWEST_OUTPUTS, reverse_perplexity
    from arae_toolkit.evaluation.transfer.comparison import compare, judged_as_labelled
    from arae_toolkit.evaluation.transfer.evaluators import evaluators_of

    keep_freed_memory()
    place = choose_device(device)
    dtype = dtype_of(precision)
    instruments = evaluators_of(
        corpus, encoder=encoder, device=place, dtype=dtype, note=say, progress=progress
    )
    # Real text that is neither an output nor what one was made from.
    others = (OTHER_SPLIT[split], "judges")
    held_out = next((corpus.split(s) for s in others if s in corpus.manifest["splits"]), None)

    def reverse_of(name: str) -> Any:
        real = held_out
        if not reverse or len(systems[name]) < FEWEST_OUTPUTS or not real:
            return None

        def measure(outputs: Sequence[str]) -> float:
            with progress(f"learning the outputs of {name}") as advance:
                return reverse_perplexity(
                    outputs, real, corpus.vocabulary, device=place, dtype=dtype, advance=advance
                )

        return measure

    judged = judged_as_labelled(systems, instruments.classifiers)
    return compare(systems, instruments, reverse=reverse_of), judged


def _write_sheet(
    systems: Mapping[str, SystemOutputs],
    count: int,
    folder: Path,
    *,
    corpus: Corpus,
    seed: int,
) -> None:
    """Write the files of both rating tasks and print their paths.

    Raises:
        DataError: If no source was answered by every system.
        ToolkitError: If there is a sheet already.
    """
    from arae_toolkit.evaluation.human.ratings import draw_items
    from arae_toolkit.evaluation.human.sheet_files import (
        PAGE,
        PAIR_PAGE,
        PAIR_TABLE,
        TABLE,
        write_rating_files,
    )
    from arae_toolkit.evaluation.human.tables import KEY
    from arae_toolkit.evaluation.transfer.comparison import REFERENCES

    human = next((s.human for s in systems.values() if s.human is not None), None)
    shown = dict(systems) if human is None else {**systems, REFERENCES: human}
    labels = corpus.labels
    try:
        items = draw_items(shown, count, labels=labels, seed=seed)
    except ValueError as error:
        raise DataError(str(error)) from error
    drawn = Counter(f"{item.origin} -> {item.target}" for item in items)
    directions = {name: rows // len(shown) for name, rows in sorted(drawn.items())}
    sources = sum(directions.values())
    made = {"corpus": corpus_identity(corpus), "seed": seed, "sources": directions}
    files = write_rating_files(folder, items, labels=labels, made=made)
    if sources < count or max(directions.values()) > min(directions.values()) + 1:
        say(f"arae-toolkit: warning: {count:,} sentences, as many a direction, are not there")
    told = ", ".join(f"{number:,} {name}" for name, number in directions.items())
    say(
        f"{len(items):,} rows of {', '.join(shown)} for {sources:,} sentences: {told}\n"
        f"raters get {TABLE} or {PAGE}, then {PAIR_TABLE} or {PAIR_PAGE}, and not {KEY}\n"
        f"score with: arae-toolkit evaluate transfer-ratings {folder / KEY} FILLED..."
    )
    click.echo("\n".join(map(str, files)))
