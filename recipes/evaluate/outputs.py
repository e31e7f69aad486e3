"""Rewritten sentences to be measured, and what is known beside them.

Sentences come out of any system's file or are written by a model of ours; corpus, labels and what
people have written are looked up by the words of the source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared.options import in_order
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.shared.row_streams import JSONL_SUFFIXES, open_request
from arae_toolkit.recipes.transfer.options import transferred
from arae_toolkit.storage.rows import (
    Row,
    RowFormat,
    known_label,
    problem_of_label,
    problem_of_text,
)

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.evaluation.transfer.comparison import SystemOutputs
    from arae_toolkit.transfer.model import TransferModel

BATCH_SIZE = 256

sentences_options = in_order(
    click.option(
        "--outputs",
        multiple=True,
        metavar="[NAME=]FILE",
        help="Sentences of any system, lines or JSONL; may be given again.",
    ),
    click.option("--text-field", default="text", help="The field of JSONL that holds a sentence."),
)

Parsed = TypeVar("Parsed")
References = Mapping[tuple[str, str | None], Sequence[str]]
"""What people have written, by the words of the source and the target label if it is told."""


class UnusableRow(Exception):
    """Why a row cannot be used."""


@dataclass(frozen=True)
class Known:
    """What is known of the sources.

    Attributes:
        corpus: With the labels.
        origins: Class id of each sentence of a split, by its words; negative without a label.
    """

    corpus: Corpus
    origins: Mapping[str, int]

    @classmethod
    def of(cls, corpus: Corpus, split: str) -> Known:
        """Return what the sentences of a split tell."""
        from arae_toolkit.data.corpus import texts_of

        sentences = corpus.split(split)
        if sentences.labels is None:
            return cls(corpus, {})
        texts = texts_of(sentences, corpus.vocabulary)
        return cls(corpus, dict(zip(texts, sentences.labels.tolist(), strict=True)))

    def words_of(self, text: str) -> str:
        """Return a text in the corpus's words, by which sources are recognised."""
        return self.corpus.vocabulary.decode(self.corpus.vocabulary.encode(text))


def parsed_rows(
    source: str, text_field: str, parse: Callable[[Row, RowFormat], Parsed]
) -> list[Parsed]:
    """Return what every row of a file says.

    Args:
        source: Plain or compressed, JSONL or lines by its suffix; ``-`` is JSONL from stdin.
        text_field: Field of JSONL that has to hold a text.
        parse: Returns what a row says, or raises :class:`UnusableRow`.

    Raises:
        DataError: At the first row that cannot be used, or if there is none.
    """
    is_jsonl = source == "-" or source.lower().endswith(JSONL_SUFFIXES)
    row_format: RowFormat = "jsonl" if is_jsonl else "lines"
    found: list[Parsed] = []

    def problem_of(row: Row) -> str | None:
        try:
            found.append(parse(row, row_format))
        except UnusableRow as error:
            return str(error)
        return None

    with open_request(
        source,
        names=[text_field],
        problem_of=problem_of,
        row_format=row_format,
        on_error="fail",
    ) as request:
        for _ in request.answers(lambda batch: batch):
            pass
    return found


def read_references(source: str, text_field: str, known: Known) -> References:
    """Return what people have written, by source.

    Args:
        source: JSONL with ``text`` and ``reference`` or a list ``references``, maybe ``to``; or
            lines of a source and its references with tabs between them.
        text_field: Field of the source.
        known: Tells how sources are recognised.

    Raises:
        DataError: At the first row that cannot be used, or if there is none.
    """

    def parse(row: Row, row_format: RowFormat) -> tuple[str, str | None, list[str]]:
        text, to = row.texts[0], row.fields.get("to")
        if row_format == "lines":
            text, *given = text.split("\t")
            texts: list[Any] = [one for one in given if one.strip()]
            to = None
        else:
            found = row.fields.get("references", row.fields.get("reference"))
            texts = found if isinstance(found, list) else [found]
        usable = [one for one in texts if isinstance(one, str) and one.strip()]
        if not text.strip() or not texts or len(usable) < len(texts):
            raise UnusableRow("a source and one or more references are expected")
        problem = None if to is None else problem_of_label("to", to, known.corpus.labels)
        if problem is not None:
            raise UnusableRow(problem)
        return text, known_label(to, known.corpus.labels), usable

    result: dict[tuple[str, str | None], list[str]] = {}
    for text, to, texts in parsed_rows(source, text_field, parse):
        result.setdefault((known.words_of(text), to), []).extend(texts)
    return result


def with_references(
    systems: Mapping[str, SystemOutputs], references: References, source: str, known: Known
) -> dict[str, SystemOutputs]:
    """Return systems with the references of each row, and tell how many rows have some.

    Raises:
        DataError: If no row of any system has one, naming the source that they were read from.
    """
    labels = known.corpus.labels
    result, counts = {}, {}
    for name, system in systems.items():
        keys = [
            (known.words_of(text), labels[target])
            for text, target in zip(system.sources, system.target_labels, strict=True)
        ]
        found = [[*references.get(k, ()), *references.get((k[0], None), ())] for k in keys]
        result[name] = replace(system, references=found)
        counts[name] = sum(map(bool, found))
    if not any(counts.values()):
        raise DataError("no source of the outputs has a reference here", path=source)
    for name, count in counts.items():
        say(f"{name}: {count:,} of {len(result[name]):,} rows have references")
    return result


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
            lines with a tab between source and output, and maybe the label of the source, or its
            number, behind another; plain or compressed, ``-`` for stdin.
        fields: Where a row holds what.
        known: Tells the label of a source whose row does not.

    Raises:
        DataError: At the first row that cannot be used, or if there is none.
    """
    from arae_toolkit.evaluation.transfer.comparison import SystemOutputs

    passed_over = set[str]()

    def parse(row: Row, row_format: RowFormat) -> tuple[str, str, int, int]:
        text, output, own = row.texts[0], row.fields.get(fields.output), row.fields
        if row_format == "lines":
            text, *others = text.split("\t")
            if len(others) not in (1, 2) or not text.strip():
                hint = "; lay outputs alone beside --sources FILE"
                if text.lstrip().startswith("{"):
                    hint = "; a file of JSONL is known by its suffix, .jsonl"
                raise UnusableRow(
                    f"source, tab and output are expected, found {len(others)} tabs"
                    + ("" if others else hint)
                )
            output = others[0]
            own = {"label": label_named(others[1], known) if others[1:] else None}
            if others[1:] and own["label"] is None:
                passed_over.add(others[1])
        elif fields.output not in own:
            raise UnusableRow(f"no field {fields.output!r}")
        problem = problem_of_text(fields.output, output, "output")
        if problem is not None:
            raise UnusableRow(problem)
        origin, target = labels_of(known.words_of(text), own, fields.to, known)
        return text, str(output), origin, target

    rows = parsed_rows(source, fields.text, parse)
    if passed_over:
        say(f"{source}: the third column is no label ({next(iter(passed_over))!r}): passed over")
    sources, outputs, origins, targets = (list(part) for part in zip(*rows, strict=True))
    return SystemOutputs(sources, outputs, origins, targets)


def transferred_split(
    model: TransferModel, corpus: Corpus, split: str, *, limit: int | None, **rewriting: Any
) -> SystemOutputs:
    """Return what a model makes of the labelled sentences of a split, towards each other label.

    Raises:
        DataError: If the model lacks a label of the corpus, or the split has no sentence.
    """
    import numpy as np

    from arae_toolkit.data.corpus import texts_of
    from arae_toolkit.evaluation.transfer.comparison import SystemOutputs, spread_rows

    if not set(corpus.labels) <= set(model.attributes):
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
    names = [corpus.labels[target] for target in targets]
    outputs = transferred(
        model, texts, names, title="rewriting", batch_size=BATCH_SIZE, **rewriting
    )
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


def label_named(text: str, known: Known) -> str | None:
    """Return the label that a column names, or numbers in the corpus's order; ``None`` if none."""
    labels = known.corpus.labels
    label = known_label(text.strip(), labels)
    if label is None and text.strip().isdecimal() and int(text) < len(labels):
        return labels[int(text)]
    return label


def labels_of(words: str, own: Any, to: str | None, known: Known) -> tuple[int, int]:
    """Return the class ids of a source, -1 if it is not known, and of its target.

    Raises:
        UnusableRow: If a label is unknown, or the target is told nowhere.
    """
    labels = known.corpus.labels
    for name in ("label", "to"):
        problem = None if own.get(name) is None else problem_of_label(name, own[name], labels)
        if problem is not None:
            raise UnusableRow(problem)
    origin = known.origins.get(words, -1)
    if label := known_label(own.get("label"), labels):
        origin = labels.index(label)
    target = known_label(own.get("to"), labels) or to
    if target is not None:
        return origin, labels.index(target)
    if len(labels) == 2 and origin >= 0:
        return origin, 1 - origin
    raise UnusableRow("no field 'to', and the target does not follow from the source; see --to")
