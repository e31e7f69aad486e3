"""Rows of a table that an earlier call measured alike: they stay in its file beside new ones."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.reports.results import CorpusIdentity, Metric, read_result

MADE_BY, SECONDS_OF = "made_by", "seconds_of"
"""Details: what made each row that is not of the newest call, and how long each row took."""
PROVENANCE = ("command", "commit", "device", "machine", "versions")
OF_PROCESSOR = {"dev_accuracy": 0.005, "held_out_perplexity": 0.02}
"""Figures of instruments that the same training gives a little otherwise on another processor, and
the share by which they may differ: such instruments measure alike."""


class EarlierRows:
    """Rows that the file of a table holds and a call does not measure.

    Args:
        folder: Of results.
        name: Of the table's file.
        measured: Rows that the call measures itself.
        rows: Returns the rows that the details of a file tell of, in their order.
        corpus: Which the call measures on.
        alike: Details that rows must share with those of the call to stand beside them; of what is
            a mapping there, the entries that both have. Figures in :data:`OF_PROCESSOR` need only
            be near.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        measured: Collection[str],
        *,
        rows: Callable[[Mapping[str, Any]], Collection[str]],
        corpus: CorpusIdentity,
        alike: Mapping[str, Any],
    ) -> None:
        self.result: Mapping[str, Any] = {"details": {}, "metrics": {}}
        self.names: list[str] = []
        # There is none, it is of before rows were kept, or no file of ours.
        with suppress(DataError, LookupError, TypeError, AttributeError):
            found = read_result(folder, name)
            others = [row for row in rows(found["details"]) if row not in measured]
            others = others if found["corpus"] is not None else []
            if differs := _difference({"corpus": corpus, **alike}, found):
                if others:
                    say(
                        f"arae-toolkit: warning: {folder / name}.json: not measured as this call "
                        f"measures ({differs}); replaced, with the rows {', '.join(others)}"
                    )
            else:
                self.result, self.names = found, others

    def of_each(self, detail: str) -> dict[str, Any]:
        """Return what a detail of the file, by row, has of the earlier rows."""
        by_row = self.result["details"].get(detail) or {}
        return {row: by_row[row] for row in self.names if row in by_row}

    def metrics(self, belongs: Callable[[str, str], bool]) -> dict[str, Metric]:
        """Return the metrics of the earlier rows.

        Args:
            belongs: Whether a metric of a name is one of a row's.
        """
        return {
            metric: entry
            for metric, entry in self.result["metrics"].items()
            if any(belongs(metric, row) for row in self.names)
        }

    def seconds(self) -> dict[str, float]:
        """Return what each of the earlier rows took, or several together where only that is known.

        The names of several are joined by commas.
        """
        known = self.result["details"].get(SECONDS_OF)
        if known is None:
            known = {", ".join(self.names): float(self.result.get("seconds") or 0)}
        own = set(self.names)
        return {rows: taken for rows, taken in known.items() if own & set(rows.split(", "))}

    def provenance(self, *details: str) -> dict[str, Any]:
        """Return what made each of the earlier rows: its command, commit and machine.

        Args:
            details: Of the file that belong to it as well.
        """
        newest = {name: self.result.get(name) for name in PROVENANCE}
        newest |= {name: self.result["details"].get(name) for name in details}
        return dict.fromkeys(self.names, newest) | self.of_each(MADE_BY)


def _difference(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return the name of the first thing that a file has otherwise, or nothing."""
    there: dict[str, Any] = {"corpus": found["corpus"], **found["details"]}
    as_written: dict[str, Any] = json.loads(json.dumps(wanted))
    for name, value in as_written.items():
        own = there.get(name)
        if isinstance(value, dict) and isinstance(own, dict):
            value, own = ({k: one[k] for k in own.keys() & value.keys()} for one in (value, own))
        if not _alike(value, own):
            return name
    return ""


def _alike(here: Any, there: Any, name: str = "") -> bool:
    """Return whether two details are the same, figures of instruments nearly so."""
    if isinstance(here, dict) and isinstance(there, dict):
        return here.keys() == there.keys() and all(_alike(here[k], there[k], k) for k in here)
    if name in OF_PROCESSOR and here is not None and there is not None:
        return math.isclose(here, there, rel_tol=OF_PROCESSOR[name])
    return bool(here == there)
