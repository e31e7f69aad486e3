"""Reader of SNLI 1.0: JSONL files of sentence pairs, and captions as further unlabelled text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from arae_toolkit.data.corpus import Sentence, SentencePair
from arae_toolkit.data.row_labels import means_no_label
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers.source_files import SourceFile, SourceTree
from arae_toolkit.data_prep.readers.source_rows import Row, RowLog, TextRows, json_rows

LABELS = ("entailment", "neutral", "contradiction")
NO_AGREEMENT = "-"
"""Gold label of a pair whose annotators did not agree; the pair is kept as unlabelled."""
MULTINLI = {
    "train": "multinli_1.0_train.jsonl",
    "dev": "multinli_1.0_dev_matched.jsonl",
    "test": "multinli_1.0_dev_mismatched.jsonl",
}

# How a Penn Treebank parse writes characters that have a meaning in it, and quotation marks.
_TREEBANK = {
    "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}",
    "``": '"', "''": '"',
}  # fmt: skip
_ESCAPED = re.compile(r"\\([/*])")
_MARKED = re.compile("|".join([*map(re.escape, _TREEBANK), _ESCAPED.pattern]))


def rows(tree: SourceTree, options: PrepareOptions) -> TextRows:
    """Return the splits of an SNLI source: ``snli_1.0_{train,dev,test}.jsonl``, ``captions*.txt``.

    Captions are training text. Dev is never part of train. MultiNLI's files are known as well; its
    matched dev file is dev, the mismatched one test, whose labels are not published. What is
    missing of these two is taken from train, as of a file of one's own.

    Raises:
        DataError: If a split of SNLI is missing.
    """
    del options  # nothing to choose
    names = {split: f"snli_1.0_{split}.jsonl" for split in ("train", "dev", "test")}
    if tree.find(names["train"]) is None and tree.find(MULTINLI["train"]) is not None:
        names = {split: name for split, name in MULTINLI.items() if tree.find(name) is not None}
    pairs = {split: tree.need(name) for split, name in names.items()}
    captions = tree.matching("captions*.txt")
    return TextRows(
        files=(*captions, *pairs.values()),
        sentences={"train": partial(read_captions, captions)},
        pairs={split: partial(read_pairs, file) for split, file in pairs.items()},
        labels=LABELS,
        label_pairs=True,
    )


def read_captions(files: list[SourceFile], log: RowLog) -> Iterator[Sentence]:
    """Yield the lines of caption files."""
    for file in files:
        for _, line in log.lines(file):
            yield Sentence(line)


def read_pairs(file: SourceFile, log: RowLog) -> Iterator[SentencePair]:
    """Return the pairs of one JSONL file; ``label`` is ``None`` where the gold label is none."""
    return log.accepted(json_rows(file, log), _pair)


def _pair(row: Row) -> SentencePair:
    """Return the pair of one row."""
    unlabelled = "gold_label" in row.fields and means_no_label(row.fields["gold_label"])
    label = None if unlabelled else row.text("gold_label")
    if label is not None and label not in LABELS:
        expected = ", ".join((*LABELS, NO_AGREEMENT))
        raise row.error(f"gold_label {label[:40]!r} is none of {expected}")
    return SentencePair(
        _sentence(row, "sentence1"),
        _sentence(row, "sentence2"),
        label,
    )


def _sentence(row: Row, name: str) -> str:
    """Return one side of a pair: the tokens of its binary parse where there is one, or its text."""
    parse = f"{name}_binary_parse"
    if parse in row.fields and (tokens := words_of_parse(row.text(parse))):
        return tokens
    return row.text(name)


def words_of_parse(parse: str) -> str:
    """Return the words of a binary parse, separated by spaces, brackets and quotes written plainly.

    Example:
        >>> words_of_parse("( ( Two dogs ) ( -LRB- ( brown -RRB- ) ) )")
        'Two dogs ( brown )'
    """
    words = [word for word in parse.split() if word not in ("(", ")")]
    if _MARKED.search(parse):
        words = [_TREEBANK.get(word) or _ESCAPED.sub(r"\1", word) for word in words]
    return " ".join(words)
