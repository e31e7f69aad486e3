"""Tables of generated text: the paper's Table 1 beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.markdown import (
    Result,
    Results,
    budget,
    measured,
    metric_cell,
    seeds_of,
    table,
)

PAPER = {
    "train, copied whole": (27.4, None),
    "language model": (90.6, 18.8),
    "AE, fitted Gaussian": (97.3, 87.8),
    "ARAE": (82.2, 44.3),
    "AAE, N(0, I)": (980.0, None),
}
"""The paper's reverse and forward perplexities, by row. Its ``real`` is a model of train that reads
test; that of the AAE stands in footnote 2."""

LANGUAGE_MODEL, REAL = "language model", ("real", "train")
"""What the names of rows begin with."""
PERPLEXITIES = ("forward_perplexity", "reverse_perplexity")
ABOVE = "above the curve"
"""Head of the column of :func:`above_curve`."""
BOTH = "both"
"""How results of readings call what all readers said."""
READINGS = "readings"
"""The name of their results, or its beginning."""
TOPIC_READINGS = "topic-readings"
"""The name of the results of reading rewritten sentences, or its beginning."""
FRONTIER = (
    *("setting", "prior", "words drawn at", "reconstruction, nats", "neighbours' cosine"),
    *("reverse", "forward", "in train, percent", ABOVE),
)
COLUMNS = {
    "reverse_perplexity": "reverse",
    "forward_perplexity": "forward",
    "distinct_sentences": "distinct, percent",
    "diversity": "diversity, percent",
    "found_in_train": "in train, percent",
    "four_grams_in_train": "4-grams in train, percent",
}
"""Heads of the columns by measure."""


def row_name(title: str, temperature: float, *, alone: bool) -> str:
    """Return the name of a row at a temperature, which is left out where there is one alone.

    Example:
        >>> row_name("language model", 0.9, alone=False), row_name("AE", 0.0, alone=False)
        ('language model, T=0.9', 'AE, greedy')
    """
    if alone:
        return title
    return f"{title}, T={temperature:g}" if temperature else f"{title}, greedy"


def table1(result: Result) -> str:
    """Return Table 1 in Markdown: ours and the paper's figures."""
    heads = ["", *COLUMNS.values(), ABOVE, "paper: reverse", "forward"]
    both = {
        name: tuple(result["metrics"].get(f"{name}, {m}", {}).get("value") for m in PERPLEXITIES)
        for name in result["details"]["cells"]
    }
    curve = [own for name, own in both.items() if name.startswith(LANGUAGE_MODEL) and all(own)]
    rows = []
    for name, own in both.items():
        cells = [metric_cell(result, f"{name}, {measure}") for measure in COLUMNS]
        judged = all(own) and not name.startswith((LANGUAGE_MODEL, *REAL))
        cells.append(_cell(above_curve(curve, *own) if judged else None, 1))
        title = name.split(", T=")[0] if name.endswith(", T=1") else name
        paper = PAPER.get(title, (None, None))
        rows.append([name, *cells, *("" if value is None else f"{value:g}" for value in paper)])
    return table(heads, rows)


def above_curve(
    curve: Sequence[tuple[float, float]], forward: float, reverse: float
) -> float | None:
    """Return how far a reverse perplexity lies above a language model's at the same forward one.

    Between points of the curve it is interpolated over the logarithm of the forward perplexity;
    beyond its ends there is none, and so no figure.

    Args:
        curve: Forward and reverse perplexity at some temperatures.
        forward: Of the row.
        reverse: Of the row.

    Example:
        >>> above_curve([(10.0, 44.0), (40.0, 34.0)], 20.0, 40.0)
        1.0
    """
    if not curve:
        return None
    forwards, reverses = zip(*sorted(curve), strict=True)
    if not forwards[0] <= forward <= forwards[-1]:
        return None
    return reverse - float(np.interp(np.log(forward), np.log(forwards), reverses))


def readings_block(results: Results) -> str:
    """Return of how many rows of each source every reader said yes, and where those are from.

    A table for each reading: ``readings`` and whatever is named ``readings-...``.

    Raises:
        ToolkitError: If no reading has been counted.
    """
    measured(results, READINGS, "a reading", "arae-toolkit evaluate readings count")
    return "\n\n".join(_reading(results[name]) for name in _named(results, READINGS))


def _named(results: Results, beginning: str) -> list[str]:
    """Return the names of results that are a name, or begin with it and a dash."""
    return sorted(name for name in results if f"{name}-".startswith(f"{beginning}-"))


def topic_readings_block(results: Results) -> str:
    """Return of how many rewritten and real sentences each reader said yes, and all of them.

    A table for each reading, as :func:`readings_block` has them.

    Raises:
        ToolkitError: If none has been counted.
    """
    command = f"arae-toolkit evaluate readings count --name {TOPIC_READINGS}"
    measured(results, TOPIC_READINGS, "a reading of rewritten sentences", command)
    return "\n\n".join(_topic_reading(results[one]) for one in _named(results, TOPIC_READINGS))


def _topic_reading(result: Result) -> str:
    rows: dict[str, dict[str, str]] = {}
    for name in result["metrics"]:
        source, _, who = name.partition(", sample, ")
        if who:
            rows.setdefault(source, {})[who] = metric_cell(result, name)
    heads = list(dict.fromkeys(who for row in rows.values() for who in row))
    made = f"`{result['details']['made']['command']}`"
    cells = [[source, *(row[who] for who in heads)] for source, row in rows.items()]
    return f"{table(['', *heads], cells)}\n\nThe sheets: {made}."


def _reading(result: Result) -> str:
    metrics = result["metrics"]
    ends = f", {BOTH}"
    asked = [name.removesuffix(ends).rpartition(", ") for name in metrics if name.endswith(ends)]
    sources = list(dict.fromkeys(source for source, _, _ in asked))
    questions = list(dict.fromkeys(question for _, _, question in asked))
    rows = [
        [source, *(metric_cell(result, f"{source}, {question}{ends}") for question in questions)]
        for source in sources
    ]
    made = f"`{result['details']['made']['command']}`"
    return f"{table(['', *questions], rows)}\n\nThe sheets: {made}."


def frontier_block(results: Mapping[str, Result]) -> str:
    """Return what settings were chosen by: samples on dev beside a language model's curve.

    The last column is :func:`above_curve`.

    Raises:
        ToolkitError: If the settings have not been measured.
    """
    if "frontier" not in results:
        raise ToolkitError("no settings measured; see python -m arae_toolkit.benchmarks.frontier")
    rows = results["frontier"]["details"]["rows"].values()
    rows = [row for row in rows if "run" in row]
    drawn_once = [row for row in rows if row.get("best_of", 1) == 1]
    curve = [_both(row) for row in drawn_once if row["nats_per_sentence"] is None]
    lines = [[*FRONTIER]]
    for row in rows:
        forward, reverse = _both(row)
        of_code = row["nats_per_sentence"] is not None
        above = above_curve(curve, forward, reverse) if of_code else None
        near = None
        if row["neighbour_cosine"] is not None:
            near = row["neighbour_cosine"] - row["random_cosine"]
        temperature = f"{row['temperature']:g}" if row["temperature"] else "greedy"
        if "best_of" in row:
            temperature += f", best of {row['best_of']}"
        numbers = [
            *(_cell(row["nats_per_sentence"], 1), _cell(near, 2)),
            *(_cell(reverse, 1), _cell(forward, 1), _cell(row["found_in_train"], 1)),
            _cell(above, 1),
        ]
        lines.append([row["run"], row["prior"], temperature, *numbers])
    return table(lines[0], lines[1:])


def _both(row: Mapping[str, Any]) -> tuple[float, float]:
    """Return forward and reverse perplexity."""
    return row["forward_perplexity"]["value"], row["reverse_perplexity"]["value"]


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def measured_on(result: Result) -> str:
    """Return in some sentences what was measured, and in what the paper differs."""
    details, corpus = result["details"], result["corpus"]
    judge = details["judge"]
    return (
        f"{details['count']:,} sentences of each system, {seeds_of(result)}; read on the "
        f"{details['split']} split of {corpus['name']}. {budget(result)} Both language models have "
        f"{judge['hidden_size']} units here; that of forward perplexity has learned the "
        f"{details['judge_split']} split. The paper's is larger, so that its figures are another "
        "scale."
    )
