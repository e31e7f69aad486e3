"""Rows of a data set that another library reads, as a corpus is prepared from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from arae_toolkit.data.corpus import Sentence, SentencePair
from arae_toolkit.data.row_labels import means_no_label
from arae_toolkit.data_prep.readers.source_files import SourceFile
from arae_toolkit.data_prep.readers.source_rows import Row, RowLog, TextRows
from arae_toolkit.errors import DataError

Fields = Mapping[str, Any]
Split = Callable[[], Iterable[Fields]]
"""Yields the rows of a split, each time from the first."""

PART = 10
"""One row in so many of train becomes dev, or test, where pairs have none of their own."""


@dataclass(frozen=True)
class OutsideRows:
    """A data set that another library reads.

    Attributes:
        name: Of the data set, as the user names it.
        splits: By ``train``, ``dev`` and ``test``, what yields their rows.
        origins: Its files and their fingerprints, for the manifest.
        text_fields: The field of the text; or those of premise and hypothesis.
        label_field: The field of the label, ``None`` where there is none.
        labels: Names of labels by number, ``None`` where rows hold the names.
    """

    name: str
    splits: Mapping[str, Split]
    origins: tuple[Mapping[str, str], ...]
    text_fields: tuple[str, ...]
    label_field: str | None
    labels: tuple[str, ...] | None = None

    def text_rows(self) -> TextRows:
        """Return the rows as any reader hands them over.

        Pairs have a labelled test split in any case: where test has no labels, dev takes its place;
        what is then missing is taken from train, one row in ten.

        Raises:
            DataError: If there is no train split.
        """
        if "train" not in self.splits:
            there = ", ".join(self.splits) or "none"
            raise DataError(f"no train split here (only {there})", path=self.name)
        if len(self.text_fields) == 1:
            splits = {split: partial(self._sentences, split) for split in self.splits}
            return TextRows((), sentences=splits, labels=self.labels)
        whole = self._with_every_split()
        pairs = {split: partial(whole._pairs, split) for split in whole.splits}
        return TextRows((), pairs=pairs, labels=self.labels, label_pairs=True)

    def _with_every_split(self) -> OutsideRows:
        splits = dict(self.splits)
        if "dev" in splits and not self._test_has_labels():
            splits["test"] = splits.pop("dev")
        train = splits["train"]
        missing = [split for split in ("dev", "test") if split not in splits]
        for place, split in enumerate(missing):
            splits[split] = partial(_rows_at, train, place, place + 1)
        splits["train"] = partial(_rows_at, train, len(missing), PART)
        return replace(self, splits=splits)

    def _test_has_labels(self) -> bool:
        """Return whether one of the first rows of test has a label."""
        if "test" not in self.splits or self.label_field is None:
            return False
        first = islice(self.splits["test"](), 100)
        return not all(means_no_label(row.get(self.label_field)) for row in first)

    def _sentences(self, split: str, log: RowLog) -> Iterator[Sentence]:
        (text,) = self.text_fields
        return log.accepted(
            self._rows(split), lambda row: Sentence(row.text(text), self._label(row))
        )

    def _pairs(self, split: str, log: RowLog) -> Iterator[SentencePair]:
        first, second = self.text_fields
        return log.accepted(
            self._rows(split),
            lambda row: SentencePair(row.text(first), row.text(second), self._label(row)),
        )

    def _rows(self, split: str) -> Iterator[Row]:
        file = SourceFile(Path(f"{self.name} {split}"))
        for number, fields in enumerate(self.splits[split](), start=1):
            yield Row(fields, file, number)

    def _label(self, row: Row) -> str | None:
        """Return the name of a row's label, ``None`` where it has none."""
        if self.label_field is None:
            return None
        value = row.fields.get(self.label_field)
        if means_no_label(value):
            return None
        if self.labels is None or value in self.labels:
            return value if isinstance(value, str) else json.dumps(value)
        if not isinstance(value, int) or not 0 <= value < len(self.labels):
            raise row.error(f"label {value!r:.40} is none of {', '.join(self.labels)[:200]}")
        return self.labels[value]


def _rows_at(rows: Split, start: int, end: int) -> Iterator[Fields]:
    """Yield the rows whose number, divided by ten, leaves a remainder within bounds."""
    return (row for number, row in enumerate(rows()) if start <= number % PART < end)
