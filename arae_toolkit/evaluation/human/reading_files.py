"""Sheets for readers as files: tables, pages for browsers, and the key that says whose a row is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from arae_toolkit.errors import DataError
from arae_toolkit.evaluation.human.readings import QUESTIONS, Kind, ReadingItem, Sheet
from arae_toolkit.evaluation.human.sheet_page import choices, whole_page
from arae_toolkit.evaluation.human.tables import (
    KEY,
    read_key_content,
    refuse_existing,
    table_rows,
    write_table,
)
from arae_toolkit.storage.atomic_files import write_json, write_text

NAMES: Mapping[Kind, str] = {"sample": "sentences", "walk": "walks"}
"""Of the table and the page of each kind."""
FORMAT = "arae-toolkit-readings-1"
YES, NO = "1", "0"
INSTRUCTIONS: Mapping[Kind, str] = {
    "sample": """<p>Please read each sentence by itself and say whether it reads as one that a
person would write: its grammar is right and what it says makes sense. Words are separated by
spaces on purpose; spacing, small letters and a missing full stop should not count. Read
&lt;unk&gt; as some rare word that fits.</p>""",
    "walk": """<p>Each row leads from one sentence to another, step by step. Please say of each
whether every step reads as a sentence that a person would write, and whether it gets there little
by little: no step is a jump, in which most words or the sense of the whole change at once. Spacing
and small letters should not count. Read &lt;unk&gt; as some rare word that fits.</p>""",
}
ITEM = """<fieldset data-id="{key}"><legend>{number} of {total}</legend>
<p class="text" data-column="text">{text}</p>
{questions}</fieldset>"""


@dataclass(frozen=True)
class ReadingKey:
    """What a key file says.

    Attributes:
        items: Every row of the sheets.
        made: With what they were made: corpus, seed, device, systems.
    """

    items: tuple[ReadingItem, ...]
    made: Mapping[str, Any]

    def of(self, kind: Kind) -> list[ReadingItem]:
        """Return the rows of a kind."""
        return [item for item in self.items if item.kind == kind]


def write_reading_files(
    folder: Path, items: Sequence[ReadingItem], *, made: Mapping[str, Any]
) -> list[Path]:
    """Write a table and a page for each kind, and the key, into a folder that holds none yet.

    Raises:
        ToolkitError: If the folder holds a sheet, which someone may have filled.
    """
    kinds = [kind for kind in NAMES if any(item.kind == kind for item in items)]
    files = [f"{NAMES[kind]}.{suffix}" for kind in kinds for suffix in ("csv", "html")]
    refuse_existing(folder, [*files, KEY])
    content = {"format": FORMAT, "made": dict(made), "items": [asdict(item) for item in items]}
    write_json(folder / KEY, content)
    for kind in kinds:
        rows = [item for item in items if item.kind == kind]
        columns = ["id", "text", *QUESTIONS[kind]]
        header = ["id", "text", *(f"{name} ({YES} / {NO})" for name in QUESTIONS[kind])]
        cells = [[item.key, item.text, *[""] * len(QUESTIONS[kind])] for item in rows]
        write_table(folder / f"{NAMES[kind]}.csv", header, cells)
        page = whole_page(
            f"Reading of {NAMES[kind]}",
            INSTRUCTIONS[kind],
            [_item(item, number, len(rows)) for number, item in enumerate(rows, start=1)],
            columns=columns,
            header=header,
            file=f"{NAMES[kind]}.csv",
        )
        write_text(folder / f"{NAMES[kind]}.html", page)
    return [folder / name for name in (*files, KEY)]


def read_reading_key(path: Path) -> ReadingKey:
    """Read a key.

    Raises:
        DataError: If it is none.
    """
    content = read_key_content(path, FORMAT, of="sheets of readings")
    try:
        return ReadingKey(tuple(ReadingItem(**item) for item in content["items"]), content["made"])
    except (KeyError, TypeError) as error:
        raise DataError(f"a damaged key ({error})", path=path) from error


def read_readings(path: Path, key: ReadingKey) -> tuple[Kind, Sheet]:
    """Read a filled table: its kind, and the answers by the key of each row.

    Raises:
        DataError: At the first row that cannot be used: it does not belong to the key, stands on
            the other sheet, comes twice, or has an answer that is neither 1 nor 0.
    """
    known = {item.key: item for item in key.items}
    kinds = {cells["id"]: line for line, cells in table_rows(path, ["id"])}
    kind: Kind = next((known[row].kind for row in kinds if row in known), "sample")
    found: dict[str, dict[str, bool]] = {}
    for line, cells in table_rows(path, ["id", *QUESTIONS[kind]]):
        row = cells["id"]
        if row not in known or known[row].kind != kind:
            raise DataError(f"row {row!r} is not in the key", path=path, line=line)
        if row in found:
            raise DataError(f"row {row!r} comes twice", path=path, line=line)
        found[row] = {}
        for question in QUESTIONS[kind]:
            cell = cells[question].removesuffix(".0").removesuffix(",0")
            if cell not in (YES, NO, ""):
                problem = f"{question} is {cell[:40]!r}, neither {YES} nor {NO}"
                raise DataError(problem, path=path, line=line)
            if cell:
                found[row][question] = cell == YES
    return kind, found


def _item(item: ReadingItem, number: int, total: int) -> str:
    """Return a row as HTML."""
    questions = "".join(
        f"<p>{escape(words)}: {choices(f'{item.key}-{name}', (YES, NO), ('yes', 'no'))}</p>\n"
        for name, words in QUESTIONS[item.kind].items()
    )
    return ITEM.format(
        key=escape(item.key),
        number=number,
        total=total,
        text=escape(item.text),
        questions=questions,
    )
