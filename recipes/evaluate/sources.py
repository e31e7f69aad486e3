"""Sources that lie in a file of their own: published outputs are laid beside them.

Most published outputs of transfer are lines alone, one for each line of a test file, or lines that
name their source and stand in any order.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.evaluate.outputs import (
    Known,
    OutputFields,
    UnusableRow,
    label_named,
    labels_of,
    parsed_rows,
    read_outputs,
)
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.shared.row_streams import JSONL_SUFFIXES
from arae_toolkit.storage.rows import Row, RowFormat, problem_of_text
from arae_toolkit.storage.text_lines import open_binary, read_lines

if TYPE_CHECKING:
    from arae_toolkit.evaluation.transfer.comparison import SystemOutputs

Source = tuple[str, Mapping[str, Any]]
"""A sentence, and what is said of it: maybe its ``label``, maybe ``to``."""


def read_sources(source: str, text_field: str, known: Known) -> list[Source]:
    """Return the sentences of a file, in their order.

    Args:
        source: JSONL by its suffix, with ``text`` and maybe ``label`` and ``to``; or lines, of
            which the first column counts, and the second where it is a label. Plain or compressed.
        text_field: Field of JSONL that holds the sentence.
        known: Tells the labels.

    Raises:
        DataError: At the first row that cannot be used, or if there is none.
    """

    def parse(row: Row, row_format: RowFormat) -> Source:
        if row_format == "jsonl":
            return row.texts[0], {name: row.fields.get(name) for name in ("label", "to")}
        text, *others = row.texts[0].split("\t")
        if not text.strip():
            raise UnusableRow("empty text")
        return text, {"label": label_named(others[0], known) if others else None}

    return parsed_rows(source, text_field, parse)


def read_outputs_beside(
    source: str, fields: OutputFields, known: Known, sources: Sequence[Source], *, name: str
) -> SystemOutputs:
    """Return what a system has made of sources that lie in another file, in the order of that.

    Args:
        source: Outputs alone, a line for each source; or rows as for :func:`read_outputs`, in any
            order. Sources without a row are left out, as are rows of no source: both are told.
        fields: Where a row holds what.
        known: Tells the label of a source that has none in either file.
        sources: What :func:`read_sources` returns.
        name: Of the system, for what is told.

    Raises:
        DataError: If there are more or fewer outputs than sources, no row is of a source, or a row
            cannot be used.
    """
    lines = _outputs_alone(source)
    if lines is None:
        return _in_order(
            read_outputs(source, fields, known), known, sources, name=name, path=source
        )
    while len(lines) > len(sources) and not lines[-1].strip():
        lines.pop()
    if len(lines) != len(sources):
        raise DataError(
            f"{len(lines):,} outputs for {len(sources):,} sources",
            path=source,
            hint="where some are missing, write source, tab and output in each line",
        )
    from arae_toolkit.evaluation.transfer.comparison import SystemOutputs

    origins, targets = [], []
    for line, (output, (text, own)) in enumerate(zip(lines, sources, strict=True), start=1):
        try:
            if problem := problem_of_text(fields.output, output, "output"):
                raise UnusableRow(problem)
            origin, target = labels_of(known.words_of(text), own, fields.to, known)
        except UnusableRow as error:
            raise DataError(str(error), path=source, line=line) from error
        origins.append(origin)
        targets.append(target)
    return SystemOutputs([text for text, _ in sources], lines, origins, targets)


def _outputs_alone(source: str) -> list[str] | None:
    """Return the lines of a file of outputs without their sources, ``None`` for any other."""
    if source == "-" or source.lower().endswith(JSONL_SUFFIXES):
        return None
    with open_binary(Path(source)) as stream:
        lines = []
        for _, line in read_lines(stream, path=source):
            if "\t" in line:
                return None
            lines.append(line)
    return lines


def _in_order(
    system: SystemOutputs, known: Known, sources: Sequence[Source], *, name: str, path: str
) -> SystemOutputs:
    """Return the rows of a system in the order of the sources, and tell what is left out."""
    import numpy as np

    rows: dict[str, deque[int]] = defaultdict(deque)
    for row, text in enumerate(system.sources):
        rows[known.words_of(text)].append(row)
    found = [rows[words].popleft() for text, _ in sources if rows[words := known.words_of(text)]]
    if not found:
        raise DataError("no row is of a sentence of --sources", path=path)
    if missing := len(sources) - len(found):
        say(f"{name}: {missing:,} of {len(sources):,} sources have no output, and are left out")
    if others := len(system) - len(found):
        say(f"{name}: {others:,} of {len(system):,} rows are of no source, and are left out")
    return system.at(np.array(found, dtype=np.int64))
