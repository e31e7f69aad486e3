"""Text of one's own: a text, JSONL or CSV file, or a folder or archive with train, dev and test."""

from __future__ import annotations

import json
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
        files = {split: file for split in SPLIT_NAMES if (file := _split_file(tree, split))}
    if "train" not in files:
        suffixes = " ".join((*TEXT_SUFFIXES, *JSON_SUFFIXES, *TABLE_SUFFIXES))
        raise DataError(f"no training file here: train with one of {suffixes}", path=tree.root)
    known: set[str] = set()
    return TextRows(
        files=tuple(files.values()),
        sentences={
            split: partial(
                read_sentences,
                file,
                text_field=options.text_field,
                label_field=options.label_field,
                known=known,
                training=split == "train",
            )
            for split, file in files.items()
        },
    )


def _split_file(tree: SourceTree, split: str) -> SourceFile | None:
    """Return the file of one split."""
    suffixes = (*JSON_SUFFIXES, *TABLE_SUFFIXES, *TEXT_SUFFIXES)
    return tree.find(*(stem + suffix for stem in SPLIT_NAMES[split] for suffix in suffixes))


def read_sentences(
    file: SourceFile,
    log: RowLog,
    *,
    text_field: str,
    label_field: str | None,
    known: set[str],
    training: bool,
) -> Iterator[Sentence]:
    """Yield the sentences of one file, its form told by its suffix.

    Args:
        file: A JSONL or CSV file; anything else is text, one sentence a line.
        log: Where rows are counted.
        text_field: Field or column of the text.
        label_field: Field or column of the label, if there is one.
        known: The labels of train: filled by the training file, the only ones allowed in others.
        training: Whether this is the training file.

    Raises:
        DataError: If a label field is asked of a text file, or train has too many labels.
    """
    name = file.name.lower()
    if name.endswith(JSON_SUFFIXES):
        found = json_rows(file, log)
    elif name.endswith(TABLE_SUFFIXES):
        found = csv_rows(file, log)
    else:
        if label_field is not None:
            raise DataError(
                "a text file has no labels", path=str(file), hint="--label-field needs JSONL or CSV"
            )
        yield from (Sentence(line) for _, line in log.lines(file))
        return
    for row in found:
        try:
            sentence = Sentence(row.text(text_field), _label(row, label_field))
            if sentence.label is not None and not training and sentence.label not in known:
                raise row.error(f"label {sentence.label[:40]!r} is none of train's")
        except DataError as error:
            log.reject(error)
            continue
        if training and sentence.label is not None:
            known.add(sentence.label)
            if len(known) > MAX_LABELS:
                raise row.error(f"more than {MAX_LABELS:,} labels; is this the right label field?")
        yield sentence


def _label(row: Row, name: str | None) -> str | None:
    """Return the label of a row; ``None`` if it is null or empty.

    Raises:
        DataError: If the field is missing, or holds a list or an object.
    """
    if name is None:
        return None
    value: Any = row.fields.get(name)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if value is None and name in row.fields:
        return None
    return row.text(name) or None
