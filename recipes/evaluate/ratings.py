"""``arae-toolkit evaluate transfer-ratings``: what people say of each system, from filled sheets.

The numbers are computed in :mod:`arae_toolkit.evaluation.human.ratings`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared.child_processes import command_line
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.options import json_option, optional_results_option
from arae_toolkit.recipes.shared.progress import say, show
from arae_toolkit.recipes.shared.row_streams import aligned
from arae_toolkit.reports.results import Metric, write_result
from arae_toolkit.reports.tables.transfer import PEOPLES

if TYPE_CHECKING:
    from arae_toolkit.evaluation.human.sheet_files import RatingKey

QUESTIONS = {
    "transfer": "of the target, percent",
    "naturalness": "naturalness, 1-5",
    "similarity": "similarity, 1-5",
}
UNITS = {"transfer": "percent", "naturalness": "points", "similarity": "points"}
AGREED = {
    "attribute": "the same attribute",
    "naturalness": "naturalness within one point",
    "similarity": "similarity within one point",
}


@click.command(
    "transfer-ratings",
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit evaluate transfer-ratings ratings/key.json filled.csv",
        "arae-toolkit evaluate transfer-ratings ratings/key.json anna.csv anna-similarity.csv "
        "ben.csv ben-similarity.csv --results results",
    ],
)
@click.argument("key", type=click.Path(path_type=Path))
@click.argument("sheets", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@optional_results_option(
    "Folder for a file of results, transfer-ratings.json, from which the paper's table of "
    "people's judgement is filled."
)
def transfer_ratings(
    key: Path, sheets: tuple[Path, ...], as_json: bool, results: Path | None
) -> None:
    """Score SHEETS, each filled by one person, with the KEY that says which row is whose.

    SHEETS are of either task: labels and naturalness of texts, or their similarity to originals.
    For each system: the percent of ratings that name the target label, and the means of
    naturalness and similarity, with standard errors; ratings of several people are pooled, and
    those of one row count as one observation in the errors. Rows that nobody has rated are left
    out. Where two people have rated the same rows, how far they agree.
    """
    began = time.monotonic()
    from arae_toolkit.evaluation.human.ratings import agreement, score_ratings
    from arae_toolkit.evaluation.human.sheet_files import read_key, read_sheet

    content = read_key(key)
    ratings = [read_sheet(sheet, content) for sheet in sheets]
    if not any(ratings):
        raise DataError("no row is rated", path=sheets[0])
    agreed = agreement(ratings)
    report = {
        "rows": len(content.items),
        "rated": [len(sheet) for sheet in ratings],
        "systems": {
            system: asdict(found) for system, found in score_ratings(content.items, ratings).items()
        },
        "agreement": None if agreed is None else asdict(agreed),
    }
    if results is not None:
        say(str(_write(report, results, content, key, seconds=time.monotonic() - began)))
    show(report, as_json=as_json, as_text=_as_text)


def _write(
    report: Mapping[str, Any], folder: Path, key: RatingKey, path: Path, *, seconds: float
) -> Path:
    """Write a file of results and return its path.

    Raises:
        DataError: If the key does not say what it was made with.
    """
    if not key.made:
        raise DataError(
            "an older key, which does not name its corpus",
            path=path,
            hint="score it without --results",
        )
    metrics: dict[str, Metric] = {
        f"{system}, {question}": {
            "value": found[question]["value"],
            "spread": found[question]["error"],
            "unit": unit,
        }
        for system, found in report["systems"].items()
        for question, unit in UNITS.items()
        if found[question] is not None
    }
    return write_result(
        folder,
        PEOPLES,
        command=command_line(without=("results",)),
        corpus=key.made["corpus"],
        seeds=[key.made["seed"]],
        device="people",
        seconds=seconds,
        metrics=metrics,
        details={**report, "spread": "standard error", "sources": key.made["sources"]},
    )


def _as_text(report: Mapping[str, Any]) -> str:
    """Return the report as tables for a reader."""
    systems = report["systems"]
    rows = [["", *systems]]
    for name, words in QUESTIONS.items():
        found = [system[name] for system in systems.values()]
        rows.append([words, *(_cell(average) for average in found)])
        counts = [average["ratings"] if average else 0 for average in found]
        rows.append(["  ratings", *(f"{count:,}" for count in counts)])
    rated = ", ".join(f"{count:,}" for count in report["rated"])
    blocks = [aligned(rows), f"rows rated: {rated} of {report['rows']:,}"]
    agreed = report["agreement"]
    if agreed is not None:
        shares = [["two people agree, percent of rows", ""]]
        for name, words in AGREED.items():
            shares.append([words, "-" if agreed[name] is None else f"{agreed[name]:.1f}"])
        blocks.append(aligned(shares))
    return "\n\n".join(blocks)


def _cell(average: Mapping[str, Any] | None) -> str:
    """Return a mean with its standard error."""
    if average is None:
        return "-"
    error = average["error"]
    return f"{average['value']:.2f}" + ("" if error is None else f" ± {error:.2f}")
