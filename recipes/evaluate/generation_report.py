"""What ``evaluate generation`` shows: tables, one JSON object, a file of results, plots."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.recipes.shared.child_processes import threads_of
from arae_toolkit.recipes.shared.row_streams import aligned
from arae_toolkit.reports.generation_plots import write_plot
from arae_toolkit.reports.results import (
    Metric,
    corpus_identity,
    summarise,
    write_result,
)

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus

Report = Mapping[str, Any]

FLUENCY = {
    "sentences": ("sentences", "sentences"),
    "parameters": ("parameters", "parameters"),
    "reverse_perplexity": ("reverse perplexity", "per token"),
    "forward_perplexity": ("forward perplexity", "per token"),
    "frechet": ("Frechet", "squared distance"),
    "mauve": ("MAUVE", "share"),
    "unknown": ("unknown %", "percent"),
    "words": ("words", "words"),
}
VARIETY = {
    "distinct_sentences": ("distinct %", "percent"),
    "distinct_1": ("distinct-1 %", "percent"),
    "distinct_2": ("distinct-2 %", "percent"),
    "distinct_3": ("distinct-3 %", "percent"),
    "distinct_4": ("distinct-4 %", "percent"),
    "diversity": ("diversity %", "percent"),
    "self_bleu": ("self-BLEU", "BLEU"),
    "found_in_train": ("in train %", "percent"),
    "four_grams_in_train": ("4-grams in train %", "percent"),
    "nearest_edits": ("edits to train", "words"),
}
"""Title and unit of each measure."""
COUNTS = ("sentences", "parameters")
JUDGE_SAW_TRAIN = (
    "the judge of forward perplexity has learned from the rows that systems learn from, which "
    "flatters these: prepare the corpus again, with --judges-share above 0"
)
NO_ENCODER = (
    "no Frechet distance and no MAUVE: name a classifier of 'arae-toolkit nli' with --encoder"
)


def tables_of(report: Report) -> list[list[list[str]]]:
    """Return the tables: fluency and distances, then variety and copying; a system a row."""
    systems: Mapping[str, Mapping[str, Any]] = report["systems"]
    tables = []
    for title, columns in (("fluency", FLUENCY), ("variety", VARIETY)):
        shown = {
            name: heading
            for name, (heading, _) in columns.items()
            if any(found.get(name) is not None for found in systems.values())
        }
        rows = [[title, *shown.values()]]
        rows += [
            [system, *(_cell(name, found.get(name)) for name in shown)]
            for system, found in systems.items()
        ]
        tables.append(rows)
    return tables


def notes_of(report: Report) -> list[str]:
    """Return what has to be known to read the tables."""
    judge, settings, split = report["judge"], report["settings"], report["split"]
    sizes = judge["settings"]
    systems: Sequence[Mapping[str, Any]] = list(report["systems"].values())
    notes = [
        f"judges: LSTM language models, embedding {sizes['embedding_size']}, hidden "
        f"{sizes['hidden_size']}, {report['vocabulary']:,} words; a word outside them is <unk>, "
        "which counts as a word",
        f"forward: a model of {judge['rows']:,} sentences of {judge['split']}, perplexity "
        f"{judge['held_out_perplexity']:.2f} on dev, reads "
        f"{_range({found['forward_sentences'] for found in systems})} samples",
        f"reverse: a model of the samples, a tenth of them held out, reads {report['split']} "
        f"({report['split_rows']:,} sentences)",
        "brackets: bootstrap intervals of 95 % over the sentences that were read",
    ]
    signatures = {str(found["self_bleu_signature"]) for found in systems}
    compared = {found.get("self_bleu_sentences") for found in systems}
    notes.append(
        f"self-BLEU: among {_range(compared)} sentences, {', '.join(sorted(signatures))}; edits to "
        f"train: words changed to the nearest sentence of train, "
        f"{_range({found['nearest_sentences'] for found in systems})} samples; lower is closer"
    )
    if report["encoder"] is None:
        notes.append(NO_ENCODER)
    else:
        compared = {found.get("feature_sentences") for found in systems} - {None}
        notes.append(
            f"Frechet distance and MAUVE: {_range(compared)} samples and as many sentences of "
            f"{split}, vectors of {report['encoder']['name']}"
        )
    if len({found["sentences"] for found in systems if found["kind"] != "real"}) > 1:
        notes.append(
            "systems have written different numbers of sentences: distinct shares, diversity and "
            "reverse perplexity of unequal numbers cannot be compared"
        )
    if judge["split"] == "train":
        notes.append(JUDGE_SAW_TRAIN)
    if settings["seed"] is not None:
        notes.append(f"seed {settings['seed']} draws samples and subsets")
    return notes


def as_text(report: Report) -> str:
    """Return the tables and the notes for a reader."""
    blocks = [aligned(table) for table in tables_of(report)]
    return "\n\n".join([*blocks, "\n".join(notes_of(report))])


def write_report(report: Report, folder: Path, *, corpus: Corpus, seed: int, **made: Any) -> Path:
    """Write a file of results and return its path.

    Args:
        report: What ``--json`` prints.
        folder: For the file.
        corpus: Of the judges.
        seed: Of the samples.
        made: Further arguments of :func:`~arae_toolkit.reports.results.write_result`.
    """
    metrics: dict[str, Metric] = {}
    measured = {**FLUENCY, **VARIETY}
    for system, found in report["systems"].items():
        for name, (_, unit) in measured.items():
            value = found.get(name)
            if value is not None:
                number = value["value"] if isinstance(value, dict) else value
                metrics[f"{system}_{name}".replace(" ", "_")] = summarise([float(number)], unit)
    title_of = {name: title for title, names in report["curves"].items() for name in names}
    systems = [name for name, found in report["systems"].items() if found["kind"] != "real"]
    titles = list(dict.fromkeys(title_of.get(name, name) for name in systems))
    name = "-".join(["generation", *(titles or [report["split"]])])
    return write_result(
        folder,
        re.sub(r"[^\w.-]", "_", name)[:120],  # of all systems, each named as its user likes
        corpus=corpus_identity(corpus),
        metrics=metrics,
        threads=threads_of(),
        seeds=[seed],
        details={key: part for key, part in report.items() if key != "corpus"},
        **made,
    )


def write_plots(report: Report, paths: Sequence[Path]) -> None:
    """Write the plot of reverse against forward perplexity into each file.

    Raises:
        ToolkitError: If there is nothing to draw, or a file cannot be written.
    """
    for path in paths:
        write_plot(
            path,
            report["systems"],
            report["curves"],
            title=f"Generated text on {report['corpus']['name']}",
            tables=tables_of(report),
            notes=notes_of(report),
        )


def _range(numbers: set[Any]) -> str:
    """Return one number, or the least and the greatest.

    Example:
        >>> _range({500}), _range({20, 500})
        ('500', '20 to 500')
    """
    least, most = min(numbers), max(numbers)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return f"{value['value']:,.2f} [{value['low']:,.2f}, {value['high']:,.2f}]"
    if name in COUNTS:
        return f"{value:,}"
    return f"{value:,.3f}" if name in ("mauve", "frechet") else f"{value:,.2f}"
