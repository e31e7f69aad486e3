"""The rows of the overview of a machine, and how they look as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arae_toolkit.reports.results import Metric

COLUMNS = (
    "",
    "textbook, sentences/s",
    "arae-toolkit, sentences/s",
    "ratio",
    "of the arithmetic limit",
    "of the bandwidth limit",
    "of the chain limit",
    "what binds",
)


@dataclass(frozen=True)
class Row:
    """What is known of one kind of work.

    Attributes:
        name: Of the work.
        textbook: Sentences a second of the textbook version.
        own: Sentences a second of the library.
        ratio: The second over the first, round by round.
        arithmetic: Percent of the arithmetic limit that the library reaches.
        bandwidth: The same of the bandwidth limit, ``None`` where that sets no limit.
        chain: The same of the chain limit, ``None`` where that sets no limit.
        binding: The lowest limit.
    """

    name: str
    textbook: Metric
    own: Metric
    ratio: Metric
    arithmetic: Metric
    bandwidth: Metric | None
    chain: Metric | None
    binding: str

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, one for each of :data:`COLUMNS`."""
        spread = self.ratio["spread"]
        ratio = f"{self.ratio['value']:.2f}" + ("" if spread is None else f" ± {spread:.2f}")
        return (
            self.name,
            _number(self.textbook["value"]),
            _number(self.own["value"]),
            ratio,
            *(_percent(share) for share in (self.arithmetic, self.bandwidth, self.chain)),
            self.binding,
        )


def row_of(
    name: str,
    metrics: Mapping[str, Metric],
    reference: str,
    own: str,
    *,
    binding: str = "arithmetic",
) -> Row:
    """Return the row of a measurement.

    Args:
        name: Of the work.
        metrics: Of a benchmark.
        reference: What the textbook version is called there.
        own: What the library is called there.
        binding: The lowest limit.
    """
    over = next(
        key for key in (f"{own}, over {reference}", f"{own} over {reference}") if key in metrics
    )
    return Row(
        name,
        metrics[f"{reference}, rate"],
        metrics[f"{own}, rate"],
        metrics[over],
        metrics[f"{own}, share of the arithmetic limit"],
        metrics.get(f"{own}, share of the bandwidth limit"),
        metrics.get(f"{own}, share of the chain limit"),
        binding,
    )


def markdown(rows: Sequence[Row]) -> str:
    """Return the table in Markdown."""
    lines = [COLUMNS, ("---", *["---:"] * 6, "---"), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _percent(share: Metric | None) -> str:
    if share is None:
        return "–"
    value = share["value"]
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"
