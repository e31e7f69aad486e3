"""What ``evaluate`` shows: tables for a reader, one JSON object, a file of results."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.recipes.shared.child_processes import threads_of
from arae_toolkit.recipes.shared.row_streams import aligned
from arae_toolkit.reports.results import (
    Metric,
    corpus_identity,
    summarise,
    write_result,
)
from arae_toolkit.storage.json_files import significant

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.evaluation.transfer.metrics import TransferResult

ROWS = {
    "rows": ("rows", ""),
    "source_bleu": ("BLEU to the source", "BLEU"),
    "similarity": ("similarity to the source", "mean cosine"),
    "combined": ("sqrt(accuracy x BLEU), strictest judge", "points"),
    "reference_bleu": ("BLEU to references", "BLEU"),
    "referenced": ("rows with references", ""),
    "forward_perplexity": ("forward perplexity", "per token"),
    "reverse_perplexity": ("reverse perplexity", "per token"),
    "copied": ("copied, percent", "percent"),
    "distinct_1": ("distinct words, percent", "percent"),
    "distinct_2": ("distinct pairs of words, percent", "percent"),
    "words": ("words", "words"),
    "unknown": ("unknown words, percent", "percent"),
}
"""Title and unit of each measure, the accuracies before them left out."""
JUDGES_SAW_TRAIN = (
    "judges and language model have learned from the rows that systems learn from, which flatters "
    "these: prepare the corpus again, with --judges-share above 0"
)
KEPT = ("split", "judges_split", "signature", "judged_sources", "systems")
"""Parts of a report that stand in the details of a file of results."""
COUNTS = ("rows", "referenced")
MOST_TABLES = 6
"""Directions with a table each; five labels have twenty."""


def as_json_object(
    results: Mapping[str, TransferResult],
    corpus: Corpus,
    *,
    split: str,
    judged: tuple[int, Mapping[str, float]],
) -> dict[str, Any]:
    """Return what was measured as JSON holds it, numbers with six significant digits.

    Args:
        results: By system.
        corpus: Of the judges.
        split: Of the sources.
        judged: How many of the sources are labelled, and the percent of these that each judge
            finds to be as labelled.
    """
    first = next(iter(results.values()))
    return {
        "corpus": corpus_identity(corpus),
        "split": split,
        "judges_split": corpus.judges_split,
        "signature": dict(first.signature),
        "judged_sources": significant({"rows": judged[0], "accuracy": dict(judged[1])}),
        "systems": {
            name: significant(
                {
                    "overall": asdict(result.overall),
                    "directions": {key: asdict(part) for key, part in result.directions.items()},
                }
            )
            for name, result in results.items()
        },
    }


def as_text(report: Mapping[str, Any]) -> str:
    """Return the report as tables for a reader: one for all rows, one for each direction.

    Of many directions, accuracies and BLEU alone are shown, with a direction in each row.
    """
    signature, systems = report["signature"], report["systems"]
    here, lines = report["judged_sources"], []
    for name, judge in signature["judges"].items():
        line = f"{name}: judges {judge['dev_accuracy']:.2f} % of dev as labelled"
        if here["rows"]:
            line += f", {here['accuracy'][name]:.2f} % of {here['rows']:,} sources rewritten here"
        lines.append(line)
    perplexity = signature["language_model"]["held_out_perplexity"]
    lines.append(f"language model: perplexity {perplexity:.2f} on dev")
    if report["judges_split"] == "train":
        lines.append(JUDGES_SAW_TRAIN)
    lines.append(f"BLEU: {signature['bleu']}")
    if encoder := signature["encoder"]:
        lines.append(
            f"similarity: mean cosine in the vectors of {encoder['name']}; of a sentence and the "
            f"next one {encoder['another_source']:.3f}, of a copy 1 by construction"
        )
    blocks = ["\n".join(lines), _table("all rows", {n: s["overall"] for n, s in systems.items()})]
    directions = dict.fromkeys(d for system in systems.values() for d in system["directions"])
    if len(directions) > MOST_TABLES:
        return "\n\n".join([*blocks, *_by_direction(directions, systems)])
    for direction in directions if len(directions) > 1 else ():
        parts = {name: system["directions"].get(direction) for name, system in systems.items()}
        blocks.append(_table(direction, {name: part for name, part in parts.items() if part}))
    return "\n\n".join(blocks)


def _by_direction(
    directions: Iterable[str], systems: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Yield a table for each accuracy and for BLEU, and where the other measures are."""
    judges = next(iter(systems.values()))["overall"]["accuracy"]
    shown: dict[str, Callable[[Any], float]] = {
        f"accuracy by {judge}, percent": partial(_accuracy, judge) for judge in judges
    }
    shown[ROWS["source_bleu"][0]] = itemgetter("source_bleu")
    for title, value in shown.items():
        rows = [[title, *systems]]
        for direction in directions:
            parts = (system["directions"].get(direction) for system in systems.values())
            rows.append([direction, *(_cell("", part and value(part)) for part in parts)])
        yield aligned(rows)
    yield "All measures of each direction: --json"


def _accuracy(judge: str, part: Mapping[str, Any]) -> float:
    return float(part["accuracy"][judge])


def write_report(
    report: Mapping[str, Any], folder: Path, *, name: str, corpus: Corpus, **made: Any
) -> Path:
    """Write a file of results and return its path.

    Args:
        report: Of :func:`as_json_object`.
        folder: For the file.
        name: Of the file; what no name of a file may hold becomes ``_``.
        corpus: Of the judges.
        made: Further arguments of :func:`~arae_toolkit.reports.results.write_result`.
    """
    metrics: dict[str, Metric] = {}
    for system, content in report["systems"].items():
        overall = content["overall"]
        for judge, value in overall["accuracy"].items():
            metrics[f"{system}_accuracy_{judge}"] = summarise([value], "percent")
        for measure, (_, unit) in ROWS.items():
            if overall[measure] is not None:
                value = float(overall[measure])
                metrics[f"{system}_{measure}"] = summarise([value], unit or "rows")
    return write_result(
        folder,
        re.sub(r"[^\w.-]", "_", name),  # of all systems, each named as its user likes
        corpus=corpus_identity(corpus),
        metrics=metrics,
        threads=threads_of(),
        details={key: report[key] for key in KEPT},
        **made,
    )


def _table(title: str, systems: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the measures of some systems, one a row, those that none has left out."""
    columns = list(systems.values())
    rows = [[title, *systems]]
    rows += [
        [f"accuracy by {judge}, percent", *(_cell("", c["accuracy"][judge]) for c in columns)]
        for judge in columns[0]["accuracy"]
    ]
    rows += [
        [words, *(_cell(name, column[name]) for column in columns)]
        for name, (words, _) in ROWS.items()
        if any(column[name] for column in columns) or name in ("source_bleu", "copied")
    ]
    return aligned(rows)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name == "similarity":
        return f"{value:.3f}"
    return f"{value:,}" if name in COUNTS else f"{value:,.2f}"
