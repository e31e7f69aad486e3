"""Reader of one's own text: a text, JSONL or CSV file, or a folder or archive of the splits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from arae_toolkit.data.corpus import Sentence
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers.source_files import SourceFile, SourceTree
from arae_toolkit.data_prep.readers.source_rows import Row, RowLog, TextRows, csv_rows, json_rows
from arae_toolkit.errors import DataError

JSON_SUFFIXES, TABLE_SUFFIXES, TEXT_SUFFIXES = (".jsonl", ".ndjson"), (".csv", ".tsv"), (".txt",)
SPLIT_NAMES = {"train": ("train",), "dev": ("dev", "valid", "validation", "val"), "test": ("test",)}
"""File names, without suffix, by which each split is known."""

_NO_LABEL = "-1"
"""What exports of corpora say where labels are kept secret; no label, if train does not know it."""

_SHOWN_LABELS = 8
_WHOLE_NUMBER = re.compile(r"^([+-]?\d+)\.0+$", re.ASCII)

MAX_LABELS = 1_000
"""More distinct labels than this mean that the field holds something else."""


def rows(tree: SourceTree, options: PrepareOptions) -> TextRows:
    """Return the splits of a file, folder or archive.

    A single file is train. In a folder, ``train`` is needed, ``dev`` and ``test`` are optional,
    each with any of the suffixes ``.txt .jsonl .ndjson .csv .tsv``, plain or ``.gz``.

    Raises:
        DataError: If there is no training file.
    """
    if len(tree.files) == 1:
        files = {"train": tree.files[0]}
    else:
        suffixes = (*JSON_SUFFIXES, *TABLE_SUFFIXES, *TEXT_SUFFIXES)
        named = {
            split: tree.find(*(stem + suffix for stem in stems for suffix in suffixes))
            for split, stems in SPLIT_NAMES.items()
        }
        files = {split: file for split, file in named.items() if file}
    if "train" not in files:
        known_suffixes = " ".join((*TEXT_SUFFIXES, *JSON_SUFFIXES, *TABLE_SUFFIXES))
        problem = f"no training file here: train with one of {known_suffixes}"
        raise DataError(problem, path=tree.root)
    known: set[str] = set()
    return TextRows(
        files=tuple(files.values()),
        sentences={
            split: partial(read_sentences, file, options, known, training=split == "train")
            for split, file in files.items()
        },
    )


def read_sentences(
    file: SourceFile, options: PrepareOptions, known: set[str], log: RowLog, *, training: bool
) -> Iterator[Sentence]:
    """Yield the sentences of one file, its form told by its suffix.

    Args:
        file: A JSONL or CSV file; anything else is text, one sentence a line.
        options: Which fields or columns hold the text and, if there is one, the label.
        known: The labels of train: filled by the training file, the only ones allowed in others.
        log: Where rows are counted.
        training: Whether this is the training file.

    Raises:
        DataError: If a label field is asked of a text file, or train has too many labels.
    """
    name = file.name.lower()
    if name.endswith(JSON_SUFFIXES):
        rows_of_file = json_rows(file, log)
    elif name.endswith(TABLE_SUFFIXES):
        rows_of_file = csv_rows(file, log)
    else:
        if options.label_field is not None:
            raise file.error("a text file has no labels", hint="--label-field needs JSONL or CSV")
        yield from (Sentence(line) for _, line in log.lines(file))
        return

    def sentence(row: Row) -> Sentence:
        text, label = row.text(options.text_field), _label(row, options.label_field)
        if label is not None and not training and label not in known:
            if label == _NO_LABEL:
                return Sentence(text)
            there = ", ".join(sorted(known)[:_SHOWN_LABELS])
            raise row.error(f"label {label[:40]!r} is none of train's ({there[:200]})")
        return Sentence(text, label)

    for found in log.accepted(rows_of_file, sentence):
        if training and found.label is not None:
            known.add(found.label)
            if len(known) > MAX_LABELS:
                problem = f"more than {MAX_LABELS:,} labels; is this the right label field?"
                raise file.error(problem, line=log.rows[file])
        yield found


def _label(row: Row, name: str | None) -> str | None:
    """Return the label of a row; ``None`` if it is null or empty.

    A whole number is one label, in tables however it is written: an empty cell makes 1.0 of 1.
    """
    if name is None:
        return None
    value: Any = row.fields.get(name)
    if isinstance(value, bool | int | float):
        whole = isinstance(value, float) and value.is_integer()
        return json.dumps(int(value) if whole else value)
    if value is None and name in row.fields:
        return None
    label = row.text(name)
    if row.file.name.lower().endswith(TABLE_SUFFIXES):
        label = _WHOLE_NUMBER.sub(r"\1", label)
    return label or None
