"""Line charts as SVG within a page, in the page's own colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from arae_toolkit.storage.html_page import text

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 400, 220
LEFT, RIGHT, TOP, BOTTOM = 48, 8, 8, 34
"""Of the picture outside the axes, for their labels."""
TICKS, COLOURS = 4, 6
MOST_POINTS = 400
"""More points of a line than can be told apart are thinned, evenly."""
FEW_POINTS = 25
"""So many points of a line are marked by dots."""


def line_chart(title: str, lines: Mapping[str, Points], *, along: str) -> str:
    """Return a chart as HTML, or nothing where no line has a finite point.

    The vertical axis starts at zero unless a value is below.

    Args:
        title: What is drawn, with its unit.
        lines: Points by the name of their line.
        along: What the horizontal axis is.
    """
    kept = {name: _thinned(points) for name, points in lines.items()}
    kept = {name: points for name, points in kept.items() if points}
    if not kept:
        return ""
    across = [x for points in kept.values() for x, _ in points]
    values = [y for points in kept.values() for _, y in points]
    right, bottom, top = max(*across, 1e-9), min(*values, 0.0), max(*values, 0.0)
    top = bottom + 1.04 * (top - bottom or 1.0)  # dots at the edge would be cut in half

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * x / right,
            TOP + (HEIGHT - TOP - BOTTOM) * (top - y) / (top - bottom),
        )

    parts = []
    for value in ticks(bottom, top):
        _, y = place(0, value)
        ends = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
        parts += [f'<line class="grid" {ends}/>', _label(value, LEFT - 6, y + 4, anchor="end")]
    for value in ticks(0.0, right):
        parts.append(_label(value, place(value, 0)[0], HEIGHT - 18))
    parts.append(_label(along, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 3))
    for number, points in enumerate(kept.values()):
        colour = f"var(--c{number % COLOURS})"
        placed = [place(x, y) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline style="stroke:{colour}" points="{path}"/>')
        dots = placed if len(placed) <= FEW_POINTS else []
        parts += [
            f'<circle style="fill:{colour}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in dots
        ]
    legend = "".join(
        f'<span><i style="background:var(--c{number % COLOURS})"></i>{text(name)}</span> '
        for number, name in enumerate(kept)
    )
    drawing = "\n".join(parts)
    return (
        f"<figure><figcaption><b>{text(title)}</b>{legend}</figcaption>\n"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(title)}">\n{drawing}\n'
        "</svg></figure>\n"
    )


def ticks(low: float, high: float) -> list[float]:
    """Return some round numbers from ``low`` to ``high``.

    Example:
        >>> ticks(0, 78.3)
        [0, 20, 40, 60]
        >>> ticks(-0.2, 0.9)
        [0.0, 0.5]
    """
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    numbers = range(first, math.floor(high / step + 1e-9) + 1)
    whole = step == int(step)
    return [int(number * step) if whole else round(number * step, 12) for number in numbers]


def _label(value: object, x: float, y: float, *, anchor: str = "middle") -> str:
    shown = f"{value:g}" if isinstance(value, float | int) else text(value)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{shown}</text>'


def _thinned(points: Points) -> list[tuple[float, float]]:
    finite = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if len(finite) <= MOST_POINTS:
        return finite
    step = (len(finite) - 1) / (MOST_POINTS - 1)
    return [finite[round(number * step)] for number in range(MOST_POINTS)]
