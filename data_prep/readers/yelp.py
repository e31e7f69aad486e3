"""Reader of Yelp reviews as in Shen et al. (2017): a tokenized sentence a line, a file a label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from arae_toolkit.data.corpus import Sentence
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers.source_files import SourceFile, SourceTree
from arae_toolkit.data_prep.readers.source_rows import RowLog, TextRows

LABELS = ("negative", "positive")


def rows(tree: SourceTree, options: PrepareOptions) -> TextRows:
    """Return the splits of a source: ``sentiment.{train,dev,test}.{0,1}``, 0 for negative.

    Raises:
        DataError: If a file is missing.
    """
    del options  # nothing to choose
    files = {
        split: [tree.need(f"sentiment.{split}.{label}") for label in range(len(LABELS))]
        for split in ("train", "dev", "test")
    }
    return TextRows(
        files=tuple(file for pair in files.values() for file in pair),
        sentences={split: partial(read_sentences, pair) for split, pair in files.items()},
        labels=LABELS,
    )


def read_sentences(files: Sequence[SourceFile], log: RowLog) -> Iterator[Sentence]:
    """Yield the sentences of a negative and a positive file."""
    for label, file in zip(LABELS, files, strict=True):
        for _, line in log.lines(file):
            yield Sentence(line, label)
