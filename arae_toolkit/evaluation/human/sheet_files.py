"""A sheet for raters as files: a table for spreadsheets, a page for browsers, and the key.

The key says which row is whose. Raters get the table or the page, and never the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from arae_toolkit.errors import DataError
from arae_toolkit.evaluation.human.ratings import HIGHEST, LOWEST, NEITHER, Rating, RatingItem
from arae_toolkit.evaluation.human.sheet_page import page_of
from arae_toolkit.evaluation.human.tables import (
    KEY,
    read_key_content,
    refuse_existing,
    table_rows,
    write_table,
)
from arae_toolkit.storage.atomic_files import write_json, write_text

TABLE, PAGE = "ratings.csv", "ratings.html"
FORMAT = "arae-toolkit-ratings-1"
COLUMNS = ("id", "text", "attribute", "naturalness", "original", "similarity")
ANSWERED = ("id", "attribute", "naturalness", "similarity")


@dataclass(frozen=True)
class RatingKey:
    """What a key file says.

    Attributes:
        items: Every row of the sheet.
        labels: Values of the attribute.
    """

    items: tuple[RatingItem, ...]
    labels: tuple[str, ...]


FILES = (TABLE, PAGE, KEY)
"""What a folder of ratings holds."""


def write_rating_files(folder: Path, items: Sequence[RatingItem], *, labels: Sequence[str]) -> None:
    """Write table, page and key into a folder that holds none yet.

    Raises:
        ToolkitError: If the folder holds a sheet, which someone may have filled.
    """
    refuse_existing(folder, FILES)
    answers = [*labels, NEITHER]
    write_json(
        folder / KEY,
        {
            "format": FORMAT,
            "labels": list(labels),
            "items": [asdict(item) for item in items],
        },
    )
    header = header_of(labels)
    rows = [[item.key, item.output, "", "", item.source, ""] for item in items]
    write_table(folder / TABLE, header, rows)
    write_text(folder / PAGE, page_of(items, columns=COLUMNS, header=header, answers=answers))


def header_of(labels: Sequence[str]) -> list[str]:
    """Return the titles of the columns, with what may stand in each.

    Example:
        >>> header_of(["bad", "good"])[2:4]
        ['attribute (bad / good / neither)', 'naturalness (1-5)']
    """
    points = f"({LOWEST}-{HIGHEST})"
    allowed = {
        "attribute": f"({' / '.join([*labels, NEITHER])})",
        "naturalness": points,
        "similarity": points,
    }
    return [f"{name} {allowed[name]}" if name in allowed else name for name in COLUMNS]


def read_key(path: Path) -> RatingKey:
    """Read a key.

    Raises:
        DataError: If it is none.
    """
    content = read_key_content(path, FORMAT, of="a rating sheet")
    try:
        items = tuple(RatingItem(**item) for item in content["items"])
        return RatingKey(items, tuple(content["labels"]))
    except (KeyError, TypeError) as error:
        raise DataError(f"a damaged key ({error})", path=path) from error


def read_sheet(path: Path, key: RatingKey) -> dict[str, Rating]:
    """Read a filled table, by the key of each row; rows without any answer are left out.

    Raises:
        DataError: At the first row that cannot be used: it does not belong to the key, comes
            twice, or has an answer that is none of those allowed.
    """
    known = {item.key for item in key.items}
    found: dict[str, Rating] = {}
    for line, cells in table_rows(path, ANSWERED):
        row = cells["id"]
        if row not in known:
            raise DataError(f"row {row!r} is not in the key", path=path, line=line)
        if row in found:
            raise DataError(f"row {row!r} comes twice", path=path, line=line)
        try:
            rating = Rating(
                _attribute(cells["attribute"], key.labels),
                _points("naturalness", cells["naturalness"]),
                _points("similarity", cells["similarity"]),
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
