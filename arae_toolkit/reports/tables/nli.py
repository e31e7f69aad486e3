"""Tables of natural language inference: the paper's Table 5 beside ours, and what goes beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.markdown import (
    Result,
    Results,
    measured,
    metric_cell,
    rows_sources,
    seeds_of,
    table,
)

TABLE5 = {
    "supervised": {"medium": 65.9, "small": 62.5, "tiny": 57.9},
    "ae": {"medium": 68.5, "small": 64.6, "tiny": 59.9},
    "arae": {"medium": 70.9, "small": 66.8, "tiny": 62.5},
}
"""The paper's accuracies on test, percent, by what the encoder starts from and label split."""

TITLES = {
    "supervised": "random weights (supervised)",
    "ae": "AE",
    "arae": "ARAE",
    "ae-15": "AE, at most 15 words",
    "denoising-ae": "denoising AE, at most 15 words",
    "denoising-arae": "denoising ARAE",
    "arae-strong": "ARAE, critic's weight 200",
    "arae-norm": "ARAE, gradient of equal norm",
    "arae-critic": "ARAE, eight critic steps",
    "arae-noise": "ARAE, noise of 0.15 that stays",
    "masked-pairs": "masked pairs",
    "cross-sentence": "cross-sentence",
}

MEASURES = {
    "dev_accuracy": "dev",
    "test_accuracy": "test",
    "test_ensemble_accuracy": "seeds averaged, test",
    "test_hypothesis_only": "hypothesis alone, test",
    "test_calibration_error": "calibration error, points",
}
"""Heads of the columns by metric."""


def cell_name(labels: str, objective: str, split: str) -> str:
    """Return the name of a cell's metric.

    Example:
        >>> cell_name("tiny", "arae", "test")
        'tiny, arae, test'
    """
    return f"{labels}, {objective}, {split}"


def table5(result: Result) -> str:
    """Return Table 5 in Markdown: ours, the paper's beside it, and the rows without a network.

    Below it stands what rows have more than others, if that was measured.
    """
    details = result["details"]
    columns = sorted(details["labels"], key=lambda name: details["labels"][name]["count"])
    heads = [""]
    for name in columns:
        count = details["labels"][name]["count"]
        heads += [f"{name} ({count:,}), test", "paper", "dev"]
    rows = []
    others = [name for name in details.get("rows", ()) if name not in TABLE5]
    for name in (*TABLE5, *others, "hypothesis alone", "most frequent label"):
        row, paper = [TITLES.get(name, name)], TABLE5.get(name, {})
        for labels in columns:
            test, dev = (
                metric_cell(result, cell_name(labels, name, split)) for split in ("test", "dev")
            )
            row += [test, f"{paper[labels]} %" if labels in paper else "", dev]
        if any(row[1::3]):
            rows.append(row)
    found = table(heads, rows)
    if differences := details.get("differences"):
        found += f"\n\n{_differences_table(differences)}"
    return found


def _differences_table(differences: Sequence[Mapping[str, Any]]) -> str:
    """Return what rows have more than others on test, with intervals of 95 %."""
    heads = ["points more on test", "labels", "over all runs", "95 %", "over encoders alone"]
    rows = [
        [
            f"{_plain_title(found['row'])}, than {_plain_title(found['less'])}",
            found["labels"],
            f"{found['runs']['mean']:+.1f} ({found['runs']['pairs']} pairs)",
            _ends(found["runs"]),
            "" if found["encoders"] is None else _ends(found["encoders"]),
        ]
        for found in differences
    ]
    return table(heads, rows)


def _plain_title(row: str) -> str:
    return TITLES[row].partition(" (")[0]


def _ends(found: Mapping[str, float]) -> str:
    return f"{found['low']:+.1f} to {found['high']:+.1f}"


def table5_block(results: Results) -> str:
    """Return Table 5 with what it was measured on.

    Raises:
        ToolkitError: If it has not been measured.
    """
    result = measured(results, "table5", "Table 5", "arae-toolkit reproduce table5")
    corpus = result["corpus"]
    return "\n\n".join(
        [
            table5(result),
            f"{corpus['name']}: test {result['details']['pairs']['test']:,} pairs, dev "
            f"{result['details']['pairs']['dev']:,}; {seeds_of(result)} on "
            "one draw of labels, the epoch that is best on dev.",
            rows_sources(result),
        ]
    )


def inference_block(results: Results) -> str:
    """Return every classifier that has been measured, best on dev first for each label split.

    Those with outside weights come last, and say what these have seen.

    Raises:
        ToolkitError: If none has been.
    """
    found = [
        r for name, r in results.items() if name.startswith("nli-") and "labels" in r["details"]
    ]
    if not found:
        raise ToolkitError("no classifier has been measured; see arae-toolkit nli --labels tiny")
    found.sort(
        key=lambda result: (
            "outside" in result["details"],
            result["details"]["labels"]["count"],
            -result["metrics"]["dev_accuracy"]["value"],
        )
    )
    rows = [
        [
            _title(result),
            f"{result['details']['labels']['count']:,}",
            str(len(result["seeds"])),
            *(metric_cell(result, name) for name in MEASURES),
        ]
        for result in found
    ]
    return table(["run", "labels", "seeds", *MEASURES.values()], rows)


def _title(result: Result) -> str:
    """Return what the row of a classifier is called."""
    name, outside = str(result["name"]).removeprefix("nli-"), result["details"].get("outside")
    if outside is None:
        return name
    how = "tuned" if outside["tuned"] else "frozen"
    return f"**with outside weights**: {name}, {outside['name']}, {how}; {outside['seen']}"
