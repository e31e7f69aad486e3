"""Tables that people fill: written for spreadsheet programs, and read however these save them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arae_toolkit.errors import DataError, NotFound, ToolkitError
from arae_toolkit.storage.atomic_files import write_text
from arae_toolkit.storage.json_files import read_object
from arae_toolkit.storage.text_lines import read_csv

# The mark by which spreadsheet programs know UTF-8.
ENCODING = "utf-8-sig"
KEY = "key.json"
"""Name of the file that says whose each row is, which nobody who fills a table gets."""


def refuse_existing(folder: Path, names: Sequence[str]) -> None:
    """Refuse a folder that holds a sheet, which someone may have filled.

    Raises:
        ToolkitError: If it does.
    """
    for name in names:
        if (folder / name).exists():
            raise ToolkitError(f"{folder / name}: there is a sheet already; name another folder")


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table; no cell of it is one that a spreadsheet program takes for a formula."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(header)
    writer.writerows([[_shown(cell) for cell in row] for row in rows])
    write_text(path, "\ufeff" + table.getvalue())


def table_rows(
    path: Path, columns: Sequence[str], *, maybe: Sequence[str] = ()
) -> list[tuple[int, Mapping[str, str]]]:
    """Return number and cells, by column, of each line of a table but the first, empty ones not.

    Commas, semicolons and tabs between the cells are understood: programs save all of them. What
    stands in parentheses in a column's title does not belong to its name.

    Args:
        path: The table.
        columns: Those that are wanted.
        maybe: Further ones, which a table may lack; then the cells lack them, too.

    Raises:
        NotFound: If there is no such file.
        DataError: If it cannot be read, or lacks a column.
    """
    try:
        text = path.read_text(encoding=ENCODING)
    except FileNotFoundError as error:
        raise NotFound("no such file", path=path) from error
    except OSError as error:
        raise DataError(error.strerror or str(error), path=path) from error
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8", path=path, hint="save the table as UTF-8") from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    lines = enumerate((line.removesuffix("\n") for line in io.StringIO(text, newline=None)), 1)
    rows: list[tuple[int, Mapping[str, str]]] = []
    places: dict[str, int] | None = None
    for line, cells, problem in read_csv(lines, columns=0, delimiter=delimiter):
        if problem is not None:
            raise DataError(problem, path=path, line=line)
        if not any(cell.strip() for cell in cells):
            continue
        if places is None:
            names = [cell.partition("(")[0].strip().lower() for cell in cells]
            missing = [name for name in columns if name not in names]
            if missing:
                raise DataError(f"no column {missing[0]!r}", path=path, line=line)
            there = [name for name in maybe if name in names]
            places = {name: names.index(name) for name in (*columns, *there)}
            continue
        padded = [*cells, *[""] * (max(places.values()) + 1)]
        rows.append((line, {name: padded[at].strip() for name, at in places.items()}))
    if places is None:
        raise DataError("an empty table", path=path)
    return rows


def _shown(text: str) -> str:
    return f" {text}" if text.startswith(("=", "+", "-", "@")) else text


def read_key_content(path: Path, form: str, *, of: str) -> dict[str, Any]:
    """Return what the key beside some sheets says.

    Args:
        path: Of the key.
        form: What its ``format`` has to be.
        of: Whose key it is, in words.

    Raises:
        NotFound: If there is no such file.
        DataError: If it is none.
    """
    try:
        content = read_object(path)
    except FileNotFoundError as error:
        raise NotFound("no such file", path=path) from error
    except OSError as error:
        raise DataError(error.strerror or str(error), path=path) from error
    except ValueError as error:
        hint = f"name the {KEY} beside the sheets"
        raise DataError(f"not JSON ({error})", path=path, hint=hint) from error
    if content.get("format") != form:
        raise DataError(f"not the key of {of}", path=path)
    return content
