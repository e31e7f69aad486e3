"""Reader of one's own texts or pairs of texts: a file, or a folder or archive of the splits."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import Any

from arae_toolkit.data.corpus import Sentence, SentencePair
from arae_toolkit.data.row_labels import (
    HYPOTHESIS,
    NO_NUMBER,
    PAIR_LABEL,
    PREMISE,
    means_no_label,
)
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers.source_files import SourceFile, SourceTree
from arae_toolkit.data_prep.readers.source_rows import (
    Row,
    RowLog,
    TextRows,
    field_rows,
    form_of_file,
)
from arae_toolkit.errors import DataError
from arae_toolkit.storage.row_forms import ROW_SUFFIXES, Name, RowForm, found_in

SPLIT_NAMES = {"train": ("train",), "dev": ("dev", "valid", "validation", "val"), "test": ("test",)}
"""File names, without suffix, by which each split is known."""

_SHOWN_LABELS = 8
_MOST_SHOWN = 300
"""Characters of an option that is worth copying."""
_WHOLE_NUMBER = re.compile(r"^([+-]?\d+)\.0+$", re.ASCII)

MAX_LABELS = 1_000
"""More distinct labels than this mean that the field holds something else."""


class UnknownLabel(DataError):
    """A row whose label is none of those that train has."""


@dataclass(frozen=True)
class Fields:
    """Where rows hold their texts and their label, and the labels of train.

    Attributes:
        texts: Fields of the text, or of premise and hypothesis.
        label: Field of the label; ``None`` if rows have none.
        names: Of labels, by what the rows say; empty if they say the names.
        known: The labels of train: filled by the training file, the only ones allowed in others.
    """

    texts: tuple[Name, ...]
    label: Name | None
    names: dict[str, str] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    @property
    def wanted(self) -> list[Name]:
        """All fields that a row must have."""
        return [*self.texts, *([] if self.label is None else [self.label])]


def rows(tree: SourceTree, options: PrepareOptions) -> TextRows:
    """Return the splits of a file, folder or archive.

    A single file is train. In a folder, ``train`` is needed, ``dev`` and ``test`` are optional,
    each with any of the usual suffixes, plain or ``.gz``. What the files hold tells their form.

    Raises:
        DataError: If there is no training file, or it has no such fields.
    """
    if len(tree.files) == 1:
        files = {"train": tree.files[0]}
    else:
        named = {split: tree.find(*_names_of(split)) for split in SPLIT_NAMES}
        files = {split: file for split, file in named.items() if file}
    if "train" not in files:
        problem = f"no training file here: train with one of {' '.join(ROW_SUFFIXES)}"
        raise DataError(problem, path=tree.root)
    fields = fields_of(files["train"], options)
    are_pairs = len(fields.texts) > 1
    read: Any = read_pairs if are_pairs else read_sentences
    readers = {
        split: partial(read, file, options, fields, training=split == "train")
        for split, file in files.items()
    }
    return TextRows(
        files=tuple(files.values()),
        sentences={} if are_pairs else readers,
        pairs=readers if are_pairs else {},
        labels=tuple(dict.fromkeys(filter(None, fields.names.values()))) or None,
        label_pairs=are_pairs,
    )


def passed_over(tree: SourceTree) -> list[str]:
    """Return a line for each file that could be a split as well as the one that is read."""
    if len(tree.files) == 1:
        return []
    notes = []
    for split in SPLIT_NAMES:
        read = tree.find(*_names_of(split))
        there = {file.name: file for file in reversed(tree.files)}
        notes += [
            f"{there[name]} is not read: {split} is {tree.relative(read)}"
            for name in _names_of(split)
            if read and name in there and name != read.name
        ]
    return notes


def _names_of(split: str) -> list[str]:
    """Return the file names of a split, the first that there is being taken."""
    return [stem + suffix for stem in SPLIT_NAMES[split] for suffix in ROW_SUFFIXES]


def fields_of(file: SourceFile, options: PrepareOptions) -> Fields:
    """Return where a file holds its texts and labels.

    Its rows are pairs if fields of pairs are asked for, or if it has such fields by their usual
    names and none for a text.

    Raises:
        DataError: If the file cannot be read, a table has no such column, one field is to be two
            things, or labels are named where none are read.
    """
    names, label = dict(options.labels_map), options.label_field
    sides: tuple[Name, ...] = (
        options.premise_field or PREMISE,
        options.hypothesis_field or HYPOTHESIS,
    )
    asked = options.premise_field is not None or options.hypothesis_field is not None
    there = _first_fields(file, options)
    usual = options.text_field not in there and all(found_in(there, name) for name in sides)
    if not asked and not usual:
        fields = Fields((options.text_field,), label, names)
    elif label is None and found_in(there, PAIR_LABEL):
        fields = Fields(sides, PAIR_LABEL, names)
    else:
        fields = Fields(sides, label, names)
    if names and fields.label is None:
        raise file.error("labels are named, but none are read", hint="--label-field names theirs")
    twice = [name for name, count in Counter(fields.wanted).items() if count > 1]
    if twice:
        raise file.error(f"field {twice[0]!r} cannot be two things: text, and label or other text")
    return fields


def _first_fields(file: SourceFile, options: PrepareOptions) -> list[str]:
    """Return the fields of the first row; none where rows are lines, or none can be read."""
    log = RowLog(skip=True, encoding=options.encoding)
    form = form_of_file(file, log, kind=options.row_format, header=options.header)
    if form.kind in ("lines", "csv"):
        return list(form.names)
    rows = field_rows(file, form, log, text_field=options.text_field)
    return next((list(row.fields) for row in rows), [])


def read_sentences(
    file: SourceFile, options: PrepareOptions, fields: Fields, log: RowLog, *, training: bool
) -> Iterator[Sentence]:
    """Yield the sentences of one file, whatever its form.

    Args:
        file: Texts, one a line, or rows with fields.
        options: How rows are written.
        fields: Which of them are read.
        log: Where rows are counted.
        training: Whether this is the training file.

    Raises:
        DataError: If a label field is asked of a text file, no row has the fields, or train has too
            many labels.
    """
    form = _form(file, options, fields, log)
    if form.kind == "lines":
        if fields.label is not None:
            raise file.error("a text file has no labels", hint="--label-field needs JSONL or CSV")
        yield from (Sentence(line) for _, line in log.lines(file))
        return
    label_of = _label_reader(fields, form, training=training)
    name = fields.texts[0]

    def sentence(row: Row) -> Sentence:
        return Sentence(row.text(_field(row, name)), label_of(row))

    rows = field_rows(file, form, log, text_field=options.text_field)
    for found in log.accepted(rows, sentence):
        _check_labels(file, fields, log)
        yield found


def read_pairs(
    file: SourceFile, options: PrepareOptions, fields: Fields, log: RowLog, *, training: bool
) -> Iterator[SentencePair]:
    """Yield the pairs of one file; the arguments are those of :func:`read_sentences`.

    Raises:
        DataError: If no row has the fields, or train has too many labels.
    """
    form = _form(file, options, fields, log)
    if form.kind == "lines":
        raise file.error("lines of text, where pairs have fields", hint="give JSONL, CSV or TSV")
    label_of = _label_reader(fields, form, training=training)

    def pair(row: Row) -> SentencePair:
        premise, hypothesis = (row.text(_field(row, name)) for name in fields.texts)
        return SentencePair(premise, hypothesis, label_of(row))

    for found in log.accepted(field_rows(file, form, log), pair):
        _check_labels(file, fields, log)
        yield found


def _form(file: SourceFile, options: PrepareOptions, fields: Fields, log: RowLog) -> RowForm:
    """Return the form of a file that must have these fields."""
    known = {"kind": options.row_format, "header": options.header}
    return form_of_file(file, log, wanted=fields.wanted, **known)


def _field(row: Row, name: Name) -> str:
    """Return the field that is meant, whether the row has it or not."""
    return found_in(row.fields, name) or (name if isinstance(name, str) else name[0])


def _label_reader(fields: Fields, form: RowForm, *, training: bool) -> Callable[[Row], str | None]:
    """Return what reads the label of each row of a file, and notes those of train."""

    def label_of(row: Row) -> str | None:
        label = _label(row, fields, is_table=form.kind == "csv")
        if label is None or fields.names:
            return label
        if training:
            fields.known.add(label)
        elif label not in fields.known:
            if label == NO_NUMBER:
                return None
            raise _unknown(row, label, sorted(fields.known))
        return label

    return label_of


def _unknown(row: Row, label: str, known: list[str]) -> UnknownLabel:
    """Return the refusal of a label that train does not have, with the map that mends it."""
    if not known:
        problem = f"label {label[:40]!r}, and no row of train has one"
        hint = "--label-field names the field of the labels"
        return UnknownLabel(problem, path=str(row.file), line=row.line, hint=hint)
    there = ", ".join(known[:_SHOWN_LABELS])
    nearest = get_close_matches(label, known, n=1)
    # The map has to name every label: what it does not know is refused.
    names = {label: nearest[0] if nearest else "LABEL"} | {name: name for name in known}
    shown = " " + shlex.quote(",".join(f"{name}={meant}" for name, meant in names.items()))
    if len(shown) > _MOST_SHOWN or any(set(name) & set(",=") for name in names):
        shown = ""
    problem = f"label {label[:40]!r} is none of train's ({there[:200]})"
    hint = f"--labels-map{shown} says which is meant, and --on-error skip leaves such rows out"
    return UnknownLabel(problem, path=str(row.file), line=row.line, hint=hint)


def _check_labels(file: SourceFile, fields: Fields, log: RowLog) -> None:
    """Refuse a file whose labels are too many, bad rows skipped or not."""
    if len(fields.known) > MAX_LABELS:
        problem = f"more than {MAX_LABELS:,} labels; is this the right label field?"
        raise file.error(problem, line=log.rows[file])


def _label(row: Row, fields: Fields, *, is_table: bool) -> str | None:
    """Return the label of a row by its name; ``None`` if it has none.

    A whole number is one label, in tables however it is written: an empty cell makes 1.0 of 1.
    Blanks around a label are no part of it.
    """
    if fields.label is None:
        return None
    name = _field(row, fields.label)
    value: Any = row.fields.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if name in row.fields and means_no_label(value) and str(value).strip() != NO_NUMBER:
        return None
    said = json.dumps(value) if isinstance(value, bool | int | float) else row.text(name).strip()
    said = _WHOLE_NUMBER.sub(r"\1", said) if is_table else said
    if not fields.names:
        return said
    if said not in fields.names and said not in fields.names.values():
        if said == NO_NUMBER:
            return None
        there = ", ".join([*fields.names][:_SHOWN_LABELS])
        shown = said[:40]
        raise row.error(
            f"label {shown!r} is none of --labels-map's ({there[:200]})",
            hint=f"add {shown}=NAME, or {shown}= for no label",
        )
    return fields.names.get(said, said) or None
