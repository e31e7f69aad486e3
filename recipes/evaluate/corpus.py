"""What is known beside a system's outputs: the corpus, its labels, what people have written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.progress import progress
from arae_toolkit.recipes.shared.row_streams import JSONL_SUFFIXES, open_request
from arae_toolkit.recipes.shared.rows import Row, RowFormat
from arae_toolkit.storage.text_lines import kind_of

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.evaluation.transfer.comparison import SystemOutputs

MOST_SHOWN = 40
"""Characters of an unknown label in a message."""

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


def open_corpus(run: str | None, name: str | None) -> Corpus:
    """Return the corpus of this name, or the one that a run was trained on.

    Raises:
        ToolkitError: If there is no such run.
        DataError: If the corpus is not found.
    """
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data_prep.preparation import find_or_prepare

    trained_on: dict[str, Any] = {}
    if run is not None:
        path = find_run(run) / "config.json"
        try:
            trained_on = dict(json.loads(path.read_text(encoding="utf-8")).get("corpus") or {})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise DataError("not the configuration of a run", path=path) from error
    wanted = name or _still_there(trained_on) or trained_on.get("name")
    if wanted is None:
        raise DataError("does not name its corpus", path=run, hint="name it with --corpus")
    try:
        corpus = Corpus(find_or_prepare(str(wanted), report=told, progress=progress))
    except DataError as error:
        if name is not None:
            raise
        raise DataError(
            f"the corpus of this run, {wanted!r}, is not found ({error.problem})",
            path=run,
            hint="name its prepared folder with --corpus",
        ) from error
    if trained_on.get("sha256") not in (None, corpus.sha256):
        told(f"arae-toolkit: warning: {run} was trained on another corpus than {corpus.folder}")
    return corpus


def _still_there(trained_on: Mapping[str, Any]) -> str | None:
    """Return the folder that a run was trained from, if it still holds the same corpus."""
    from arae_toolkit.data.corpus import Corpus

    folder = trained_on.get("folder")
    if not isinstance(folder, str):
        return None
    try:
        same = Corpus(Path(folder)).sha256 == trained_on.get("sha256")
    except DataError:
        return None
    return folder if same else None


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


def problem_of_label(field: str, label: Any, known: Sequence[str]) -> str | None:
    """Return why a label cannot be used, or ``None``."""
    if label in known:
        return None
    shown = repr(label[:MOST_SHOWN]) if isinstance(label, str) else kind_of(label)
    return f"field {field!r} is {shown}, not one of {', '.join(known)}"


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
        return text, to, usable

    result: dict[tuple[str, str | None], list[str]] = {}
    for text, to, texts in parsed_rows(source, text_field, parse):
        result.setdefault((known.words_of(text), to), []).extend(texts)
    return result


def with_references(
    systems: Mapping[str, SystemOutputs], source: str, text_field: str, known: Known
) -> dict[str, SystemOutputs]:
    """Return systems with the references of each row, and tell how many rows have some.

    Raises:
        DataError: As :func:`read_references`, or if no row of any system has one.
    """
    references = read_references(source, text_field, known)
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
        told(f"{name}: {count:,} of {len(result[name]):,} rows have references")
    return result


def told(text: str) -> None:
    """Write a line for the user to stderr."""
    click.echo(text, err=True)
