"""A sheet for raters as files: a table for spreadsheets, a page for browsers, and the key.

The key says which row is whose. Raters get the table or the page, and never the key.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.evaluation.human.ratings import HIGHEST, LOWEST, NEITHER, Rating, RatingItem
from arae_toolkit.evaluation.human.sheet_page import page_of
from arae_toolkit.storage.atomic_files import write_json, write_text

TABLE, PAGE, KEY = "ratings.csv", "ratings.html", "key.json"
FORMAT = "arae-toolkit-ratings-1"
COLUMNS = ("id", "text", "attribute", "naturalness", "original", "similarity")
# The mark by which spreadsheet programs know UTF-8.
ENCODING = "utf-8-sig"


@dataclass(frozen=True)
class RatingKey:
    """What a key file says.

    Attributes:
        items: Every row of the sheet.
        labels: Values of the attribute.
    """

    items: tuple[RatingItem, ...]
    labels: tuple[str, ...]


def write_rating_files(folder: Path, items: Sequence[RatingItem], *, labels: Sequence[str]) -> None:
    """Write table, page and key into a folder that holds none yet.

    Raises:
        ToolkitError: If the folder holds a sheet, which someone may have filled.
    """
    for name in (TABLE, PAGE, KEY):
        if (folder / name).exists():
            raise ToolkitError(f"{folder / name}: there is a sheet already; name another folder")
    answers = [*labels, NEITHER]
    write_json(
        folder / KEY,
        {
            "format": FORMAT,
            "labels": list(labels),
            "items": [asdict(item) for item in items],
        },
    )
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(header_of(labels))
    writer.writerows(
        [item.key, _shown(item.output), "", "", _shown(item.source), ""] for item in items
    )
    write_text(folder / TABLE, "\ufeff" + table.getvalue())
    write_text(folder / PAGE, page_of(items, header=header_of(labels), answers=answers))


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
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(error.strerror or str(error), path=path) from error
    except ValueError as error:
        raise DataError("not JSON", path=path, hint=f"name the {KEY} beside the sheet") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError("not the key of a rating sheet", path=path)
    try:
        items = tuple(RatingItem(**item) for item in content["items"])
        return RatingKey(items, tuple(content["labels"]))
    except (KeyError, TypeError) as error:
        raise DataError(f"a damaged key ({error})", path=path) from error


def read_sheet(path: Path, key: RatingKey) -> dict[str, Rating]:
    """Read a filled table, by the key of each row; rows without any answer are left out.

    Commas, semicolons and tabs between the cells are understood: programs save all of them.

    Raises:
        DataError: At the first row that cannot be used: it does not belong to the key, comes
            twice, or has an answer that is none of those allowed.
    """
    known = {item.key for item in key.items}
    found: dict[str, Rating] = {}
    for line, cells in _rows(path):
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


def _shown(text: str) -> str:
    """Return a text as a cell that no spreadsheet program takes for a formula."""
    return f" {text}" if text.startswith(("=", "+", "-", "@")) else text


def _rows(path: Path) -> list[tuple[int, Mapping[str, str]]]:
    """Return the lines of a table with their cells by column.

    Raises:
        DataError: If it cannot be read, or lacks a column.
    """
    try:
        text = path.read_text(encoding=ENCODING)
    except OSError as error:
        raise DataError(error.strerror or str(error), path=path) from error
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8", path=path, hint="save the table as UTF-8") from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[tuple[int, Mapping[str, str]]] = []
    places: dict[str, int] | None = None
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if places is None:
            names = [cell.partition("(")[0].strip().lower() for cell in cells]
            wanted = [name for name in COLUMNS if name not in ("text", "original")]
            missing = [name for name in wanted if name not in names]
            if missing:
                raise DataError(f"no column {missing[0]!r}", path=path, line=reader.line_num)
            places = {name: names.index(name) for name in wanted}
            continue
        padded = [*cells, *[""] * len(COLUMNS)]
        rows.append((reader.line_num, {name: padded[at].strip() for name, at in places.items()}))
    if places is None:
        raise DataError("an empty table", path=path)
    return rows


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
