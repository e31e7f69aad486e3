"""Rewritten sentences to be measured: out of any system's file, or written by a model of ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.evaluate.corpus import Known, UnusableRow, parsed_rows, problem_of_label
from arae_toolkit.recipes.shared.progress import progress
from arae_toolkit.recipes.shared.rows import MAX_CHARACTERS, Row, RowFormat
from arae_toolkit.storage.text_lines import kind_of

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.evaluation.transfer.comparison import SystemOutputs
    from arae_toolkit.transfer.model import TransferModel

BATCH_SIZE = 256


@dataclass(frozen=True)
class OutputFields:
    """Where a row holds what.

    Attributes:
        text: Field of the source.
        output: Field of what was made of it.
        to: Target label of rows that do not tell theirs.
    """

    text: str
    output: str
    to: str | None


def read_outputs(source: str, fields: OutputFields, known: Known) -> SystemOutputs:
    """Return the rows of a system's file. An empty output is one, and counts.

    Args:
        source: JSONL by its suffix, with ``text``, ``transferred``, ``to`` and maybe ``label``; or
            lines with a tab between source and output; plain or compressed, ``-`` for stdin.
        fields: Where a row holds what.
        known: Tells the label of a source whose row does not.

    Raises:
        DataError: At the first row that cannot be used, or if there is none.
    """
    from arae_toolkit.evaluation.transfer.comparison import SystemOutputs

    def parse(row: Row, row_format: RowFormat) -> tuple[str, str, int, int]:
        source, output, own = row.texts[0], row.fields.get(fields.output), row.fields
        if row_format == "lines":
            source, *others = source.split("\t")
            if len(others) != 1 or not source.strip():
                raise UnusableRow(f"source, tab and output are expected, found {len(others)} tabs")
            output, own = others[0], {}
        elif fields.output not in own:
            raise UnusableRow(f"no field {fields.output!r}")
        problem = _problem_of_output(fields.output, output)
        if problem is not None:
            raise UnusableRow(problem)
        origin, target = _labels_of(known.words_of(source), own, fields.to, known)
        return source, str(output), origin, target

    rows = parsed_rows(source, fields.text, parse)
    sources, outputs, origins, targets = (list(part) for part in zip(*rows, strict=True))
    return SystemOutputs(sources, outputs, origins, targets)


def transferred_split(
    model: TransferModel, corpus: Corpus, split: str, *, limit: int | None, **rewriting: Any
) -> SystemOutputs:
    """Return what a model makes of the labelled sentences of a split, towards each other label.

    Args:
        model: The model.
        corpus: With the same labels.
        split: ``dev`` or ``test``.
        limit: Most sentences, evenly spread over the split.
        rewriting: Further arguments of :meth:`TransferModel.transfer`.

    Raises:
        DataError: If model and corpus have different labels, or the split has no sentence.
    """
    import numpy as np

    from arae_toolkit.data.corpus import texts_of
    from arae_toolkit.evaluation.transfer.comparison import SystemOutputs, spread_rows

    if set(model.attributes) != set(corpus.labels):
        raise DataError(
            f"labels {', '.join(corpus.labels)}, the model's are {', '.join(model.attributes)}",
            path=corpus.folder,
            hint="name the model's corpus with --corpus",
        )
    sentences = corpus.split(split)
    labels = sentences.labels
    rows = np.empty(0, dtype=np.int64) if labels is None else np.flatnonzero(labels >= 0)
    if labels is None or not len(rows):
        raise DataError(f"the {split} split has no labelled sentence", path=corpus.folder)
    rows = rows if limit is None else rows[spread_rows(len(rows), limit)]
    tasks = [
        (text, origin, target)
        for text, origin in zip(
            texts_of(sentences.at(rows), corpus.vocabulary), labels[rows].tolist(), strict=True
        )
        for target in range(len(corpus.labels))
        if target != origin
    ]
    texts, origins, targets = (list(part) for part in zip(*tasks, strict=True))
    outputs: list[str] = []
    with progress("rewriting", len(texts)) as advance:
        for start in range(0, len(texts), BATCH_SIZE):
            chosen = slice(start, start + BATCH_SIZE)
            names = [corpus.labels[target] for target in targets[chosen]]
            outputs += [one.text for one in model.transfer(texts[chosen], names, **rewriting)]
            advance(len(names))
    return SystemOutputs(texts, outputs, origins, targets)


def named_source(value: str) -> tuple[str, str]:
    """Return name and path of ``NAME=FILE``, or of a file that gives its name.

    Example:
        >>> named_source("ours=out/a.jsonl"), named_source("out/cross-aligned.jsonl.gz")
        (('ours', 'out/a.jsonl'), ('cross-aligned', 'out/cross-aligned.jsonl.gz'))
    """
    name, equals, path = value.partition("=")
    if equals and name and path and not Path(value).exists():
        return name, path
    return ("stdin" if value == "-" else Path(value).name.split(".")[0] or value), value


def _labels_of(words: str, own: Any, to: str | None, known: Known) -> tuple[int, int]:
    """Return the class ids of a source, -1 if it is not known, and of its target.

    Args:
        words: Of the source.
        own: Fields of the row.
        to: Target label of rows that do not tell theirs.
        known: What else is known of the source.

    Raises:
        UnusableRow: If a label is unknown, or the target is told nowhere.
    """
    labels = known.corpus.labels
    for name in ("label", "to"):
        problem = None if own.get(name) is None else problem_of_label(name, own[name], labels)
        if problem is not None:
            raise UnusableRow(problem)
    origin = known.origins.get(words, -1)
    if own.get("label") is not None:
        origin = labels.index(own["label"])
    target = own.get("to") or to
    if target is not None:
        return origin, labels.index(target)
    if len(labels) == 2 and origin >= 0:
        return origin, 1 - origin
    raise UnusableRow("no field 'to', and the target does not follow from the source; see --to")


def _problem_of_output(name: str, output: Any) -> str | None:
    """Return why an output cannot be used, or ``None``; it may be empty."""
    if not isinstance(output, str):
        return f"field {name!r} is {kind_of(output)}, not a text"
    if len(output) > MAX_CHARACTERS:
        return f"output of {len(output):,} characters, at most {MAX_CHARACTERS:,} are accepted"
    try:
        output.encode()
    except UnicodeEncodeError:
        return f"field {name!r} is not UTF-8 (half a surrogate pair)"
    return None
