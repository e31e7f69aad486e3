"""Pages of HTML in one file: blocks of facts, tables, texts and pictures, all text escaped.

A page names no other address, and its policy forbids a browser to ask one. It is light or dark as
the reader's system is, and as wide as the screen.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --paper: #fff; --ink: #1c1f23; --faint: #646b73; --line: #d5d9de;
  --panel: #f5f6f8; --c0: #1f6fb4; --c1: #c75b12; --c2: #2a8a3e; --c3: #b3303a; --c4: #7a4fb0;
  --c5: #6b5b4f }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: #15181c; --ink: #e4e7ea; --faint: #9aa3ac;
  --line: #363c43; --panel: #1e2227; --c0: #69b1ee; --c1: #f0a05f; --c2: #74c985; --c3: #f08089;
  --c4: #b897e6; --c5: #c5b2a3 }} }}
body {{ font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 0 auto; padding: 1rem 1rem 4rem }}
h1 {{ font-size: 1.6rem; line-height: 1.2; overflow-wrap: anywhere }}
h2 {{ font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-top: .5rem;
  border-top: 1px solid var(--line) }}
h3 {{ font-size: 1rem; margin: 1.5rem 0 .4rem }}
nav a {{ margin-right: .9rem; color: var(--c0); white-space: nowrap }}
.note {{ color: var(--faint) }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th, td {{ padding: .25rem .9rem .25rem 0; text-align: right; vertical-align: top;
  border-bottom: 1px solid var(--line) }}
th {{ font-weight: 600 }}
th:first-child, td:first-child, .texts th, .texts td {{ text-align: left }}
dl {{ display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .2rem 1rem;
  margin: 0 }}
dt {{ color: var(--faint) }} dd {{ margin: 0; overflow-wrap: anywhere }}
code, dd.code {{ font: .9em/1.5 ui-monospace, monospace }}
ol.texts, ul.texts {{ padding: .6rem 1rem .6rem 2.4rem; background: var(--panel);
  border-radius: .4rem; margin: .5rem 0; overflow-wrap: anywhere }}
li.marked {{ color: var(--faint); font-style: italic }}
.texts td {{ min-width: 6rem }}
.charts {{ display: grid; gap: 1.2rem;
  grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)) }}
figure {{ margin: 0 }} figcaption {{ font-size: .85rem }}
figcaption b {{ display: block; font-size: .95rem }}
figcaption span {{ margin-right: .8rem; white-space: nowrap }}
figcaption i {{ display: inline-block; width: .8em; height: .8em; margin-right: .3em;
  border-radius: .2em }}
svg {{ width: 100%; height: auto; display: block }}
svg text {{ fill: var(--faint); font: 11px system-ui, sans-serif }}
svg .grid {{ stroke: var(--line); stroke-width: 1 }}
svg polyline {{ fill: none; stroke-width: 1.8; stroke-linejoin: round }}
pre {{ overflow-x: auto }}
img {{ max-width: 100% }}
img.small {{ width: min(100%, 36rem); image-rendering: pixelated }}
summary {{ cursor: pointer }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{lead}</p>
<nav>{links}</nav>
{sections}
</body>
</html>
"""


def text(value: object) -> str:
    """Return a value as HTML shows it: what could be markup is escaped.

    Example:
        >>> text('<b> & "c"')
        '&lt;b&gt; &amp; &quot;c&quot;'
    """
    # JSON may hold half of a surrogate pair, which no file can.
    return escape(str(value).encode("utf-8", "replace").decode("utf-8"))


def page(title: str, lead: str, sections: Mapping[str, Sequence[str]]) -> str:
    """Return a page.

    Args:
        title: Of the page.
        lead: What it is about, in a sentence.
        sections: Blocks of HTML by the title of their section; those without any are left out.
    """
    shown = {name: blocks for name, blocks in sections.items() if any(blocks)}
    links = "".join(f'<a href="#s{number}">{text(name)}</a> ' for number, name in enumerate(shown))
    parts = (
        f'<section id="s{number}">\n<h2>{text(name)}</h2>\n{"".join(blocks)}</section>'
        for number, (name, blocks) in enumerate(shown.items())
    )
    return _PAGE.format(title=text(title), lead=text(lead), links=links, sections="\n".join(parts))


def heading(title: str) -> str:
    """Return a heading within a section."""
    return f"<h3>{text(title)}</h3>\n"


def note(sentence: str) -> str:
    """Return a sentence that explains."""
    return f'<p class="note">{text(sentence)}</p>\n'


def facts(entries: Mapping[str, object], *, code: Iterable[str] = ()) -> str:
    """Return names with their values; ``None`` is left out.

    Args:
        entries: Values by name.
        code: Names whose values are code.
    """
    shown = set(code)
    rows = "".join(
        f"<dt>{text(name)}</dt><dd{_class('code', name in shown)}>{text(value)}</dd>\n"
        for name, value in entries.items()
        if value is not None
    )
    return f"<dl>\n{rows}</dl>\n" if rows else ""


def table(head: Sequence[object], rows: Sequence[Sequence[object]], *, texts: bool = False) -> str:
    """Return a table, or nothing where it has no rows.

    Args:
        head: A cell for each column.
        rows: Cells; ``None`` is a dash.
        texts: Whether the columns hold texts and not numbers.
    """
    if not rows:
        return ""
    lines = "".join(
        "<tr>" + "".join(f'<td dir="auto">{_cell(cell)}</td>' for cell in row) + "</tr>\n"
        for row in rows
    )
    heads = "".join(f"<th>{text(cell)}</th>" for cell in head)
    kind = ' class="texts"' if texts else ""
    return f'<div class="wide"><table{kind}>\n<tr>{heads}</tr>\n{lines}</table></div>\n'


def texts(lines: Sequence[str], *, marked: Sequence[bool] = (), numbered: bool = False) -> str:
    """Return texts as a list, or nothing where there are none.

    Args:
        lines: The texts.
        marked: Which of them are shown otherwise than the rest; none unless given.
        numbered: Whether they are counted.
    """
    if not lines:
        return ""
    which = list(marked) or [False] * len(lines)
    items = "".join(
        f"<li dir=auto{_class('marked', mark)}>{text(line)}</li>\n"
        for line, mark in zip(lines, which, strict=True)
    )
    tag = "ol" if numbered else "ul"
    return f'<{tag} class="texts">\n{items}</{tag}>\n'


def folded(summary: str, *blocks: str) -> str:
    """Return blocks that are shown when their summary is clicked on."""
    return f"<details><summary>{text(summary)}</summary>\n{''.join(blocks)}</details>\n"


def preformatted(lines: str) -> str:
    """Return lines of text as they are, blanks included."""
    return f"<pre>{text(lines)}</pre>\n"


def picture(png: bytes, description: str, *, is_small: bool = True) -> str:
    """Return a PNG, held in the page itself.

    Args:
        png: The picture.
        description: For who does not see it.
        is_small: Whether it has few pixels, which are shown large and sharp.
    """
    held = base64.b64encode(png).decode("ascii")
    source = f'alt="{text(description)}" src="data:image/png;base64,{held}"'
    return f"<p><img{_class('small', is_small)} {source}></p>\n"


def charts(figures: Sequence[str]) -> str:
    """Return charts side by side as far as the screen is wide, or nothing if there are none."""
    return f'<div class="charts">\n{"".join(figures)}</div>\n' if figures else ""


def _class(name: str, given: bool) -> str:
    return f' class="{name}"' if given else ""


def _cell(value: object) -> str:
    if value is None:
        return "&ndash;"
    if isinstance(value, float):
        return f"{value:#,.4g}" if 0 < abs(value) < 1 else f"{value:,.2f}"
    return f"{value:,}" if type(value) is int else text(value)
