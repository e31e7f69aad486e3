"""The page on which people rate texts: one file, nothing is sent anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

from arae_toolkit.evaluation.human.ratings import HIGHEST, LOWEST, RatingItem

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Rating of texts</title>
<style>
body {{ font: 1rem/1.5 sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
fieldset {{ margin: 1.5rem 0; border: 1px solid #888; border-radius: .3rem }}
.text {{ font-size: 1.15rem; margin: .3rem 0 }}
label {{ margin-right: 1rem; white-space: nowrap }}
footer {{ position: sticky; bottom: 0; background: #fff; padding: .7rem 0 }}
</style>
<h1>Rating of texts</h1>
<p>Please read each text by itself and answer the first two questions. Then open the original and
answer the third. Words are separated by spaces on purpose; spacing and small letters should not
count. What cannot be answered may stay open.</p>
<ul>
<li><b>Attribute</b>: what the text is. Take the last answer if it is none of the others.</li>
<li><b>Naturalness</b>: {lowest} no one would write this, {highest} anyone could have.</li>
<li><b>Similarity</b>: {lowest} nothing in common, {highest} the same in form and content. Please
leave the attribute itself out of account.</li>
</ul>
<p>Answers stay in this window until they are saved, so please save now and then.</p>
<form id="sheet">
{items}
</form>
<footer><button id="save" type="button">Save my answers</button> <span id="count"></span></footer>
<script>
const header = {header};
const sheet = document.getElementById("sheet");
const cell = text => '"' + text.replaceAll('"', '""') + '"';
const answer = (item, name) =>
  (item.querySelector('input[name$="' + name + '"]:checked') || {{value: ""}}).value;
const rows = () => [...sheet.querySelectorAll("fieldset")].map(item => [
  item.dataset.id, item.querySelector(".output").textContent, answer(item, "-attribute"),
  answer(item, "-naturalness"), item.querySelector(".source").textContent,
  answer(item, "-similarity")]);
const count = () => {{
  const done = rows().filter(row => row[2] && row[3] && row[5]).length;
  document.getElementById("count").textContent = done + " of {total} answered";
}};
sheet.addEventListener("change", count);
count();
document.getElementById("save").addEventListener("click", () => {{
  const table = [header, ...rows()].map(row => row.map(cell).join(",")).join("\\r\\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\\ufeff" + table], {{type: "text/csv"}}));
  link.download = "ratings.csv";
  link.click();
}});
</script>
</html>
"""

ITEM = """<fieldset data-id="{key}"><legend>{number} of {total}</legend>
<p class="text output">{output}</p>
<p>Attribute: {attribute}</p>
<p>Naturalness: {naturalness}</p>
<details><summary>Original</summary>
<p class="text source">{source}</p>
<p>Similarity: {similarity}</p>
</details></fieldset>"""


def page_of(items: Sequence[RatingItem], *, header: Sequence[str], answers: Sequence[str]) -> str:
    """Return the page.

    Args:
        items: The rows, in the order that people see.
        header: Titles of the columns of the table that the page saves.
        answers: For the attribute.
    """
    points = [str(number) for number in range(LOWEST, HIGHEST + 1)]
    shown = [
        ITEM.format(
            key=escape(item.key),
            number=number,
            total=len(items),
            output=escape(item.output),
            source=escape(item.source),
            attribute=_choices(f"{item.key}-attribute", answers),
            naturalness=_choices(f"{item.key}-naturalness", points),
            similarity=_choices(f"{item.key}-similarity", points),
        )
        for number, item in enumerate(items, start=1)
    ]
    # Inside a script, "</" would end it.
    titles = json.dumps(list(header)).replace("</", "<\\/")
    return PAGE.format(
        items="\n".join(shown),
        header=titles,
        total=len(items),
        lowest=LOWEST,
        highest=HIGHEST,
    )


def _choices(name: str, values: Sequence[str]) -> str:
    """Return one button for each value, of which one can be pressed."""
    return " ".join(
        f'<label><input type="radio" name="{escape(name)}" value="{escape(value)}"> '
        f"{escape(value)}</label>"
        for value in values
    )
