"""Cells and tables of Markdown, made from results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from arae_toolkit.errors import ToolkitError

Result = Mapping[str, Any]
Results = Mapping[str, Result]

UNITS = {
    "percent": (1, " %"),
    "percent points": (1, ""),
    "pairs/s": (0, " pairs/s"),
    "sentences/s": (0, " sentences/s"),
    "seconds": (0, " s"),
    "milliseconds": (0, " ms"),
    "epochs": (1, ""),
    "iterations": (0, ""),
    "mean cosine": (3, ""),
    "GB": (2, " GB"),
    "MB": (0, " MB"),
}
"""Decimals shown, and what is written behind the number where the label does not tell it."""

_FEW_SECONDS = 10.0  # below it, whole seconds would say little


def metric_cell(result: Result, name: str) -> str:
    """Return a metric with its unit and spread, or nothing if it was not measured."""
    metric = result["metrics"].get(name)
    if metric is None:
        return ""
    value, spread, unit = metric["value"], metric["spread"], metric["unit"]
    digits, behind = UNITS.get(unit, (2, ""))
    if unit == "seconds" and value < _FEW_SECONDS:
        digits = 2
    around = "" if spread is None else f" ± {spread:,.{digits}f}"
    return f"{value:,.{digits}f}{around}{behind}"


def place_of(result: Result) -> str:
    """Return where a result was measured, in one line."""
    machine = result["machine"]
    threads = f", {counted(machine['threads'], 'thread')}" if machine["threads"] else ""
    return (
        f"{result['device']}, {machine['cpu']}{threads}, torch {result['versions']['torch']}, "
        f"commit {short_commit(result['commit'])}"
    )


def counted(number: int, thing: str) -> str:
    """Return a number of things in words.

    Example:
        >>> counted(1, "thread"), counted(1200, "trial")
        ('1 thread', '1,200 trials')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def short_commit(commit: str) -> str:
    """Return the first ten letters of a commit, and whether changes were not committed.

    Example:
        >>> short_commit("99e26c72c4d4b112a80610a523a819e03db8f621+changes")
        '99e26c72c4+changes'
    """
    name, plus, changes = commit.partition("+")
    return f"{name[:10]}{plus}{changes}"


def sources(measured: Iterable[Result]) -> str:
    """Return the commands that measured some results, and where, as a Markdown list."""
    return "\n".join(f"- `{result['command']}`: {place_of(result)}" for result in measured)


def rows_sources(result: Result) -> str:
    """Return the commands that measured a table whose rows may be of several calls.

    Those of the newest call stand first, and those of earlier ones with the rows they measured.
    """
    calls: list[tuple[Result, list[str]]] = []
    for row, made in result["details"].get("made_by", {}).items():
        for call, rows in calls:
            if call == made:
                rows.append(row)
                break
        else:
            calls.append((made, [row]))
    told = [f"{sources([call])} ({', '.join(rows)})" for call, rows in calls]
    return "\n".join([sources([result]), *told])


def measured(results: Results, name: str, title: str, command: str) -> Result:
    """Return the result of a name.

    Raises:
        ToolkitError: If there is none, naming the command that measures it.
    """
    if name not in results:
        raise ToolkitError(f"{title} has not been measured; see {command}")
    return results[name]


def seeds_of(result: Result) -> str:
    """Return how many seeds a result is from, in words, and which rows have but one.

    Example:
        >>> seeds_of({"seeds": [7]})
        '1 seed'
        >>> seeds_of({"seeds": [0, 1], "details": {"once": ["AE, flow"]}})
        '2 seeds (one of AE, flow)'
    """
    number, once = len(result["seeds"]), result.get("details", {}).get("once")
    alone = f" (one of {'; '.join(once)})" if once and number > 1 else ""
    return f"{counted(number, 'seed')}{alone}"


PAPER_BUDGETS = {
    "text": "the paper trains on all of SNLI (543,000 pairs), its published code for 15 epochs "
    "with 300 units",
    "image": "the paper trains on MNIST, its published code for some 18 epochs with 800 units",
}
"""By kind of corpus."""


def budget(result: Result) -> str:
    """Return in a sentence what differs from the paper in data and budget."""
    corpus, own = result["corpus"], result["details"]["budget"]
    rows = "images" if own["kind"] == "image" else "sentences"
    apart = own.get("other_epochs", {}).items()
    others = f" ({'; '.join(f'{row}: {epochs:g}' for row, epochs in apart)})" if apart else ""
    return (
        f"Trained on {corpus['rows']:,} {rows} of {corpus['name']} for {own['epochs']:g} epochs"
        f"{others} with {own['hidden_size']} units and codes of {own['code_size']}; "
        f"{PAPER_BUDGETS[own['kind']]}."
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are aligned right.

    Example:
        >>> print(table(["", "a"], [["x", "1"]]))
        |  | a |
        | --- | ---: |
        | x | 1 |
    """
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table of sentences; all columns are aligned left.

    Example:
        >>> print(text_table(["said", "written"], [["a|b", "c"]]))
        | said | written |
        | --- | --- |
        | a/b | c |
    """
    cells = [[cell.replace("|", "/") for cell in row] for row in rows]
    return table(heads, cells).replace("---:", "---", len(heads) - 1)
