"""Tables of the code space: the paper's Figures 3, 4 and 5 beside ours."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from arae_toolkit.reports.markdown import (
    Result,
    budget,
    metric_cell,
    seeds_of,
    table,
)

PAPER_SWAPS = {"AE": (1.06, 4.51, 6.61, 9.14, 9.97), "ARAE": (2.19, 4.07, 5.39, 6.86, 7.47)}
"""Nats per sentence of Figure 4, for 0 to 4 swaps."""
PAPER_OFFSETS = {
    "walking": (85.0, 79.5),
    "man": (92.0, 80.2),
    "two": (86.0, 74.1),
    "dog": (88.0, 77.0),
    "standing": (89.0, 79.3),
    "several": (70.0, 67.0),
}
"""Match % and precision of Figure 5, by the word: verbs, subjects and modifiers."""
CONTROLS = {"offset": "", "none": ", no offset", "random": ", random offset"}
"""What is put behind a row's title in the heads of Figure 5, by control."""
NEAR = 0.1
"""Norms or variances match where one is the other's within this share of it."""

Curve = Sequence[Mapping[str, float]]
"""Rows of :func:`~arae_toolkit.evaluation.code_space.training_curve`."""


def mean_curve(curves: Sequence[Curve]) -> list[dict[str, float]]:
    """Return the mean of the seeds' curves, evaluation by evaluation.

    Example:
        >>> mean_curve([[{"epoch": 1, "code_norm": 1.0}], [{"epoch": 1, "code_norm": 2.0}]])
        [{'epoch': 1.0, 'code_norm': 1.5}]
    """
    return [
        {
            key: statistics.fmean(row[key] for row in rows)
            for key in rows[0]
            if all(key in row for row in rows)
        }
        for rows in zip(*curves, strict=False)
    ]


def matches_from(curve: Curve, first: str, second: str) -> float | None:
    """Return the epoch from which on two measurements stay near each other, ``None`` if never.

    Example:
        >>> rows = [{"epoch": 1, "a": 1.0, "b": 3.0}, {"epoch": 2, "a": 1.0, "b": 1.05}]
        >>> matches_from(rows, "a", "b")
        2
    """
    found = None
    for row in reversed(curve):
        if first not in row or abs(row.get(second, float("inf")) - row[first]) > NEAR * row[first]:
            break
        found = row["epoch"]
    return found


def figure3(result: Result) -> str:
    """Return where the course of each row's training ends, in Markdown, and what the paper saw."""
    heads = [
        *("", "norm: codes", "generated", "match from epoch"),
        *("variance: codes", "generated", "match from epoch"),
        *("cosine: edit neighbours", "random pairs", "edit neighbours at first"),
    ]
    rows = []
    for name, curves in result["details"]["curves"].items():
        curve = mean_curve(curves)
        cells = []
        for measure in ("norm", "variance"):
            keys = (f"code_{measure}", f"generated_{measure}")
            cells += [metric_cell(result, f"{name}, {key}") for key in keys]
            epoch = matches_from(curve, *keys)
            cells.append("-" if epoch is None else f"{epoch:.1f}")
        cells += [
            metric_cell(result, f"{name}, {key}") for key in ("neighbour_cosine", "random_cosine")
        ]
        first = curve[0].get("neighbour_cosine") if curve else None
        rows.append([name, *cells, "" if first is None else f"{first:.2f}"])
    rows.append(
        [
            *("paper's ARAE", "1", "the same", "quickly", "", "the same", "after several"),
            *("above the AE's", "", "rises in early epochs"),
        ]
    )
    return f"{table(heads, rows)}\n\n{_measured(result, 'sentences of dev')}"


def figure4(result: Result) -> str:
    """Return Figure 4 in Markdown: nats, the paper's beside, and what is written."""
    names = result["details"]["cells"]
    swaps = range(result["details"]["swaps"] + 1)

    def cells(k: int, measure: str) -> list[str]:
        return [metric_cell(result, f"{name}, {k} swaps, {measure}") for name in names]

    costs = table(
        ["nats of the original, by swaps", *names, *(f"paper: {name}" for name in PAPER_SWAPS)],
        [
            [
                str(k),
                *cells(k, "nats_per_sentence"),
                *("" if k >= len(own) else f"{own[k]:.2f}" for own in PAPER_SWAPS.values()),
            ]
            for k in swaps
        ],
    )
    written = table(
        [
            "what is written, by swaps",
            *(f"{name}: perplexity" for name in names),
            "perplexity of the inputs",
            *(f"{name}: restored" for name in names),
        ],
        [
            [
                str(k),
                *cells(k, "perplexity"),
                metric_cell(result, f"inputs, {k} swaps, perplexity"),
                *cells(k, "restored"),
            ]
            for k in swaps
        ],
    )
    count = f"{result['details']['count']:,} sentences of test"
    return f"{costs}\n\n{written}\n\n{_measured(result, count)}"


def figure5(result: Result) -> str:
    """Return Figure 5 in Markdown: match % and precision, beside their controls and the paper's."""
    details = result["details"]
    names = details["cells"]
    pairs = [(name, control) for name in names for control in CONTROLS]
    rows = []
    for word, paper in [*details["paper"].items(), ("mean", None)]:
        cells = [
            " / ".join(
                metric_cell(result, f"{name}, {word}, {control}, {measure}").replace(" %", "")
                or "-"
                for measure in ("match", "precision")
            )
            for name, control in pairs
        ]
        rows.append([word, *cells, " / ".join(f"{value:g}" for value in paper or ())])
    heads = ["match % / precision", *(f"{name}{CONTROLS[each]}" for name, each in pairs), "paper"]
    asked = (
        f"{details['count']:,} generated sentences of each model, {details['decodings']} decodings "
        "each"
    )
    chosen = {
        name: ", ".join(f"{found['temperature']:g} and {found['scale']:g}" for found in by_seed)
        for name, by_seed in names.items()
    }
    listed = "; ".join(f"{name}: {temperatures}" for name, temperatures in chosen.items())
    note = f"Temperature and scale of the offset chosen on dev, seed by seed: {listed}."
    if missing := details.get("models_left_out"):
        note += f" Left out: {'; '.join(missing)}."
    return f"{table(heads, rows)}\n\n{_measured(result, asked)} {note}"


def _measured(result: Result, asked: str) -> str:
    """Return what was measured, and what differs from the paper in data and budget."""
    return f"{asked[0].upper()}{asked[1:]}, {seeds_of(result)}. {budget(result)}"
