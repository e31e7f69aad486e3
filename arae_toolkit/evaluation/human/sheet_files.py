"""Sheets for raters as files: tables for spreadsheets, pages for browsers, and the key.

There are two tasks, as in the paper: texts alone, of which raters name the label and say how
natural they are; and originals with what was made of them, of which they say how similar both are.
The key says which row is whose. Raters get the tables or the pages, and never the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from arae_toolkit.errors import DataError
from arae_toolkit.evaluation.human.ratings import HIGHEST, LOWEST, NEITHER, Rating, RatingItem
from arae_toolkit.evaluation.human.sheet_page import rating_page, similarity_page
from arae_toolkit.evaluation.human.tables import (
    KEY,
    read_key_content,
    refuse_existing,
    table_rows,
    write_table,
)
from arae_toolkit.storage.atomic_files import write_json, write_text

TABLE, PAGE = "ratings.csv", "ratings.html"
"""Of the first task, texts alone."""
PAIR_TABLE, PAIR_PAGE = "similarity.csv", "similarity.html"
"""Of the second task, originals and what was made of them."""
FORMAT = "arae-toolkit-ratings-1"
COLUMNS = ("id", "text", "attribute", "naturalness")
PAIR_COLUMNS = ("id", "original", "text", "similarity")
ANSWERS = ("attribute", "naturalness", "similarity")


@dataclass(frozen=True)
class RatingKey:
    """What a key file says.

    Attributes:
        items: Every row of the sheet.
        labels: Values of the attribute.
        made: With what it was made: corpus, seed, sentences. Nothing in keys of 0.1.
    """

    items: tuple[RatingItem, ...]
    labels: tuple[str, ...]
    made: Mapping[str, Any] = field(default_factory=dict)


FILES = (TABLE, PAGE, PAIR_TABLE, PAIR_PAGE, KEY)
"""What a folder of ratings holds."""


def write_rating_files(
    folder: Path,
    items: Sequence[RatingItem],
    *,
    labels: Sequence[str],
    made: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write table and page of both tasks, and the key, into a folder that holds none yet.

    Rows of the second task stand in another order, so that nobody finds a text of the first again.

    Args:
        folder: For the files.
        items: Rows, in the order of the first task.
        labels: Values of the attribute.
        made: As :class:`RatingKey` has it.

    Returns:
        The files.

    Raises:
        ToolkitError: If the folder holds a sheet, which someone may have filled.
    """
    refuse_existing(folder, FILES)
    key = {"labels": list(labels), "items": [asdict(item) for item in items]}
    write_json(folder / KEY, {"format": FORMAT, "made": dict(made or {}), **key})
    header = header_of(labels)
    write_table(folder / TABLE, header, [[item.key, item.output, "", ""] for item in items])
    page = rating_page(items, columns=COLUMNS, header=header, answers=[*labels, NEITHER])
    write_text(folder / PAGE, page)
    pairs = sorted(items, key=lambda item: item.key)  # which are by chance
    pair_header = header_of(labels, PAIR_COLUMNS)
    rows = [[item.key, item.source, item.output, ""] for item in pairs]
    write_table(folder / PAIR_TABLE, pair_header, rows)
    page = similarity_page(pairs, columns=PAIR_COLUMNS, header=pair_header, labels=labels)
    write_text(folder / PAIR_PAGE, page)
    return [folder / name for name in FILES]


def header_of(labels: Sequence[str], columns: Sequence[str] = COLUMNS) -> list[str]:
    """Return the titles of the columns, with what may stand in each.

    Example:
        >>> header_of(["bad", "good"])[2:]
        ['attribute (bad / good / neither)', 'naturalness (1-5)']
    """
    points = f"({LOWEST}-{HIGHEST})"
    allowed = {
        "attribute": f"({' / '.join([*labels, NEITHER])})",
        "naturalness": points,
        "similarity": points,
    }
    return [f"{name} {allowed[name]}" if name in allowed else name for name in columns]


def read_key(path: Path) -> RatingKey:
    """Read a key.

    Raises:
        DataError: If it is none.
    """
    content = read_key_content(path, FORMAT, of="a rating sheet")
    try:
        items = tuple(RatingItem(**item) for item in content["items"])
        return RatingKey(items, tuple(content["labels"]), dict(content.get("made", {})))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"a damaged key ({error})", path=path) from error


def read_sheet(path: Path, key: RatingKey) -> dict[str, Rating]:
    """Read a filled table, by the key of each row; rows without any answer are left out.

    It is of either task, or of both, as tables of 0.1 are.

    Raises:
        DataError: If it lacks the columns of both tasks; or at the first row that cannot be used:
            it does not belong to the key, comes twice, or has an answer that is none of those
            allowed.
    """
    known = {item.key for item in key.items}
    found: dict[str, Rating] = {}
    for line, cells in table_rows(path, ["id"], maybe=ANSWERS):
        row = cells["id"]
        missing = [name for name in ANSWERS if name not in cells]
        if missing not in ([], ["similarity"], ["attribute", "naturalness"]):
            raise DataError(f"no column {missing[0]!r}", path=path, line=1)
        if row not in known:
            raise DataError(f"row {row!r} is not in the key", path=path, line=line)
        if row in found:
            raise DataError(f"row {row!r} comes twice", path=path, line=line)
        try:
            rating = Rating(
                _attribute(cells.get("attribute", ""), key.labels),
                _points("naturalness", cells.get("naturalness", "")),
                _points("similarity", cells.get("similarity", "")),
            )
        except ValueError as error:
            raise DataError(str(error), path=path, line=line) from error
        if rating != Rating(None, None, None):
            found[row] = rating
    return found


def _attribute(cell: str, labels: Sequence[str]) -> str | None:
    """Return the label that a cell names, ``None`` for an empty one."""
    if not cell:
        return None
    answers = {answer.casefold(): answer for answer in (*labels, NEITHER)}
    if cell.casefold() not in answers:
        raise ValueError(f"attribute is {cell[:40]!r}, not one of {', '.join(answers.values())}")
    return answers[cell.casefold()]


def _points(name: str, cell: str) -> int | None:
    """Return the points in a cell, ``None`` for an empty one."""
    if not cell:
        return None
    # A spreadsheet program may write 4 as 4.0.
    number = cell.removesuffix(".0").removesuffix(",0")
    if not number.isascii() or not number.isdigit() or not LOWEST <= int(number) <= HIGHEST:
        raise ValueError(f"{name} is {cell[:40]!r}, not a number from {LOWEST} to {HIGHEST}")
    return int(number)
