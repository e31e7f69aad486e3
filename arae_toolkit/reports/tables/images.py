"""Tables of generated images: what a classifier of digits says of them (Figure 2)."""

from __future__ import annotations

from arae_toolkit.reports.markdown import (
    Result,
    budget,
    metric_cell,
    seeds_of,
    table,
)

COLUMNS = {
    "confidence": "classifier's confidence",
    "least_digit": "rarest digit, percent",
    "frechet": "Frechet distance",
    "distinct": "distinct, percent",
}
"""Heads of the columns by measure."""


def figure2(result: Result) -> str:
    """Return the measures of each model's images in Markdown, real ones first."""
    details = result["details"]
    rows = [
        [name, *(metric_cell(result, f"{name}, {measure}") for measure in COLUMNS)]
        for name in details["cells"]
    ]
    told = metric_cell(result, "classifier_accuracy")
    note = (
        f"{details['count']:,} images of each model, {seeds_of(result)}, on "
        f"{result['corpus']['name']}. The classifier has learned from dev and names {told} of the "
        f"test images rightly. {budget(result)}"
    )
    return f"{table(['', *COLUMNS.values()], rows)}\n\n{note}"
