"""Galleries: samples, walks and variations of runs, in Markdown, from files of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arae_toolkit.reports.markdown import Result, Results, metric_cell, sources

KNOWN = "(a sentence of the corpus)"
"""Stands for each that is not shown."""


def gallery(result: Result) -> str:
    """Return a gallery in Markdown: for each run its samples, walks and variations."""
    corpus = result["corpus"]
    head = f"On {corpus['name']}, {corpus['rows']:,} training sentences."
    runs = result["details"]["runs"]
    return "\n\n".join([head, *(_run(result, name) for name in runs), sources([result])])


def gallery_block(results: Results) -> str:
    """Return every gallery that was made, or that there is none yet."""
    found = [result for name, result in results.items() if name.startswith("gallery-")]
    if not found:
        return "No gallery has been made yet; `arae-toolkit evaluate gallery` makes one."
    return "\n\n".join(map(gallery, found))


def _run(result: Result, name: str) -> str:
    """Return what is shown of a run."""
    shown = result["details"]["runs"][name]
    temperatures = result["details"]["temperatures"]
    likeliest = "the likeliest words" if shown["kind"] == "text" else "words drawn at 1"
    chosen = shown["temperature"]
    words = likeliest if chosen is None else f"words drawn at {chosen:g}"
    if (best_of := shown.get("best_of", 1)) > 1:
        words += f", the best of {best_of} draws each"
    share = metric_cell(result, f"{name}, samples in the corpus")
    parts = [
        f"## {name}",
        f"The first {len(shown['samples'])} samples, {words}, prior {shown['prior']}; "
        f"left out because they stand in the corpus: {shown['samples_left_out']} ({share}).",
        _text(shown["samples"]),
    ]
    for through, ways in shown["walks"].items():
        share = metric_cell(result, f"{name}, steps through {through} in the corpus")
        parts += [
            f"Walks through {through}; {share} of the steps stand in the corpus.",
            _walks(ways),
        ]
    if shown["variations"]:
        told = ", ".join(f"{temperature:g}" for temperature in temperatures)
        share = metric_cell(result, f"{name}, variations in the corpus")
        rows = [_indented(several["text"], several["drawn"]) for several in shown["variations"]]
        parts += [
            f"Drawn from the code of a sentence, temperatures {told}; {share} stand in the corpus.",
            _text(rows),
        ]
    return "\n\n".join(parts)


def _walks(ways: Sequence[Mapping[str, Any]]) -> str:
    rows = [_indented(f"{way['from']} -> {way['to']}", way["steps"]) for way in ways]
    return _text(rows)


def _indented(head: str, lines: Sequence[str | None]) -> str:
    return "\n".join([head, *(f"    {line or KNOWN}" for line in lines)])


def _text(lines: Sequence[str]) -> str:
    return f"```text\n{chr(10).join(lines)}\n```"
