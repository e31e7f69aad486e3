"""The pages on which people rate texts: one file each, nothing is sent anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from arae_toolkit.evaluation.human.ratings import HIGHEST, LOWEST, RatingItem

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
fieldset {{ margin: 1.5rem 0; border: 1px solid #888; border-radius: .3rem }}
.text {{ font-size: 1.15rem; margin: .3rem 0; white-space: pre-line }}
label {{ margin-right: 1rem; white-space: nowrap }}
footer {{ position: sticky; bottom: 0; background: #fff; padding: .7rem 0 }}
</style>
<h1>{title}</h1>
{instructions}
<p>Answers stay in this window until they are saved, so please save now and then.</p>
<form id="sheet">
{items}
</form>
<footer><button id="save" type="button">Save my answers</button> <span id="count"></span></footer>
<script>
const header = {header}, columns = {columns};
const items = [...document.querySelectorAll("#sheet fieldset")];
const cell = text => '"' + text.replaceAll('"', '""') + '"';
const answer = (item, name) =>
  (item.querySelector('input[name$="-' + name + '"]:checked') || {{value: ""}}).value;
const content = (item, name) => {{
  const shown = item.querySelector('[data-column="' + name + '"]');
  return name === "id" ? item.dataset.id : shown ? shown.textContent : answer(item, name);
}};
const questions = item => new Set([...item.querySelectorAll("input")].map(i => i.name)).size;
const count = () => {{
  const done = items.filter(i => i.querySelectorAll("input:checked").length === questions(i));
  document.getElementById("count").textContent = done.length + " of {total} answered";
}};
document.getElementById("sheet").addEventListener("change", count);
count();
document.getElementById("save").addEventListener("click", () => {{
  const rows = items.map(item => columns.map(name => content(item, name)));
  const table = [header, ...rows].map(row => row.map(cell).join(",")).join("\\r\\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\\ufeff" + table], {{type: "text/csv"}}));
  link.download = {file};
  link.click();
}});
</script>
</html>
"""

INSTRUCTIONS = """<p>Please read each text by itself and answer both questions. Words are separated
by spaces on purpose; spacing and small letters should not count. What cannot be answered may stay
open.</p>
<ul>
<li><b>Attribute</b>: what the text is. Take the last answer if it is none of the others.</li>
<li><b>Naturalness</b>: {lowest} no one would write this, {highest} anyone could have.</li>
</ul>"""

PAIR_INSTRUCTIONS = """<p>Each row shows an original and a text that was made of it. Please say how
similar both are in structure and in what they say: {lowest} nothing in common, {highest} the same.
The text was to differ in one thing, {attribute}: please leave that out of account. Words are
separated by spaces on purpose; spacing and small letters should not count.</p>"""

ITEM = """<fieldset data-id="{key}"><legend>{number} of {total}</legend>
<p class="text" data-column="text">{output}</p>
<p>Attribute: {attribute}</p>
<p>Naturalness: {naturalness}</p></fieldset>"""

PAIR_ITEM = """<fieldset data-id="{key}"><legend>{number} of {total}</legend>
<p>Original</p>
<p class="text" data-column="original">{source}</p>
<p>Text</p>
<p class="text" data-column="text">{output}</p>
<p>Similarity: {similarity}</p></fieldset>"""

POINTS = [str(number) for number in range(LOWEST, HIGHEST + 1)]


def rating_page(
    items: Sequence[RatingItem],
    *,
    columns: Sequence[str],
    header: Sequence[str],
    answers: Sequence[str],
) -> str:
    """Return the page on which people name the label of texts and say how natural they are.

    Args:
        items: The rows, in the order that people see.
        columns: Of the table that the page saves.
        header: Their titles.
        answers: For the attribute.
    """
    shown = [
        ITEM.format(
            key=escape(item.key),
            number=number,
            total=len(items),
            output=escape(item.output),
            attribute=choices(f"{item.key}-attribute", answers),
            naturalness=choices(f"{item.key}-naturalness", POINTS),
        )
        for number, item in enumerate(items, start=1)
    ]
    instructions = INSTRUCTIONS.format(lowest=LOWEST, highest=HIGHEST)
    told: dict[str, Any] = {"columns": columns, "header": header, "file": "ratings.csv"}
    return whole_page("Rating of texts", instructions, shown, **told)


def similarity_page(
    items: Sequence[RatingItem],
    *,
    columns: Sequence[str],
    header: Sequence[str],
    labels: Sequence[str],
) -> str:
    """Return the page on which people say how similar texts are to their originals.

    Args:
        items: The rows, in the order that people see.
        columns: Of the table that the page saves.
        header: Their titles.
        labels: Values of the attribute, which is left out of account.
    """
    shown = [
        PAIR_ITEM.format(
            key=escape(item.key),
            number=number,
            total=len(items),
            source=escape(item.source),
            output=escape(item.output),
            similarity=choices(f"{item.key}-similarity", POINTS),
        )
        for number, item in enumerate(items, start=1)
    ]
    instructions = PAIR_INSTRUCTIONS.format(
        lowest=LOWEST, highest=HIGHEST, attribute=escape(f"whether it is {' or '.join(labels)}")
    )
    told: dict[str, Any] = {"columns": columns, "header": header, "file": "similarity.csv"}
    return whole_page("Similarity of texts", instructions, shown, **told)


def whole_page(
    title: str,
    instructions: str,
    items: Sequence[str],
    *,
    columns: Sequence[str],
    header: Sequence[str],
    file: str,
) -> str:
    """Return a page that shows items and saves what is answered as a table.

    Args:
        title: Of the page.
        instructions: HTML.
        items: HTML, each a fieldset with ``data-id``. What an element with ``data-column`` says is
            the cell of that column; any other column is a question, whose buttons are called
            ``<id>-<column>``.
        columns: Of the table; ``id`` is one.
        header: Their titles.
        file: Name of the table.
    """
    return PAGE.format(
        title=escape(title),
        instructions=instructions,
        items="\n".join(items),
        columns=_script(list(columns)),
        header=_script(list(header)),
        file=_script(file),
        total=len(items),
    )


def choices(name: str, values: Sequence[str], titles: Sequence[str] = ()) -> str:
    """Return one button for each value, of which one can be pressed; shown by value or title."""
    return " ".join(
        f'<label><input type="radio" name="{escape(name)}" value="{escape(value)}"> '
        f"{escape(title)}</label>"
        for value, title in zip(values, titles or values, strict=True)
    )


def _script(value: object) -> str:
    """Return a value as JavaScript; inside a script, ``</`` would end it."""
    return json.dumps(value).replace("</", "<\\/")
