"""Rows of text to the files of a corpus: read, selected, split, packed and counted."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arae_toolkit.data.corpus import UNLABELLED
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.data_prep import encoded_texts
from arae_toolkit.data_prep.corpus_folder import TOKENIZER
from arae_toolkit.data_prep.encoded_texts import EncodedTexts, Rows, TextTable
from arae_toolkit.data_prep.readers.downloads import Advance, Progress
from arae_toolkit.data_prep.readers.source_rows import RowLog, TextRows
from arae_toolkit.errors import DataError

SPLITS = ("train", "dev", "test")
DEV_SHARE, MOST_DEV_SENTENCES = 0.1, 5_000
"""Size of a dev split that is taken from train, where the corpus has none of its own."""


class LabelledRows:
    """Rows as they are read: the index of each text, and a label id.

    A pair is two texts and one label.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._texts, self._labels = array("q"), array("h")

    def add(self, label: int, *texts: int) -> None:
        """Add a row."""
        self._texts.extend(texts)
        self._labels.append(label)

    def relabel(self, new_ids: Mapping[int, int]) -> None:
        """Replace every label id by another."""
        self._labels = array("h", (new_ids[label] for label in self._labels))

    @property
    def texts(self) -> Rows:
        """Text indices. Shape (N,), for pairs (2N,)."""
        return np.array(self._texts, dtype=np.int64)

    @property
    def labels(self) -> npt.NDArray[np.int16]:
        """Label ids. Shape (N,)."""
        return np.array(self._labels, dtype=np.int16)


@dataclass
class ReadRows:
    """All that was read of a corpus."""

    table: TextTable = field(default_factory=TextTable)
    sentences: dict[str, LabelledRows] = field(default_factory=dict)
    pairs: dict[str, LabelledRows] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    dropped: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Selection:
    """The sentences of one split."""

    texts: Rows
    labels: npt.NDArray[np.int16]

    def at(self, chosen: npt.NDArray[Any]) -> Selection:
        """Return the sentences at some positions, or where a mask is true."""
        return Selection(self.texts[chosen], self.labels[chosen])


def write_text_corpus(
    folder: Path,
    rows: TextRows,
    *,
    max_length: int,
    vocab_size: int,
    seed: int,
    log: RowLog,
    progress: Progress,
) -> dict[str, Any]:
    """Write the arrays and the tokenizer of a text corpus; return what its manifest says of them.

    Sentences are distinct within a split. A dev or test sentence that also stands in train is
    dropped there; train is never cut by what stands in the others. Pairs are kept whole.

    Args:
        folder: Where to write.
        rows: The rows of each split.
        max_length: Most words in a sentence.
        vocab_size: Most words in the vocabulary, which is that of train.
        seed: Chooses the sentences of a dev split that is taken from train.
        log: Counts rows and rejects bad ones.
        progress: Shows how far it is.

    Raises:
        DataError: If a row cannot be used, or no sentence of a split can.
    """
    read = read_rows(rows, log, progress)
    with progress("counting words", len(read.table)) as advance:
        every_word = encoded_texts.every_word(read.table, advance)
    with progress("encoding", len(read.table)) as advance:
        texts = encoded_texts.encode_texts(read.table, every_word, advance)
    read.table = TextTable()  # the texts are no longer needed, and they are most of the memory
    kept, dropped, dev_split = select_sentences(texts, read, max_length=max_length, seed=seed)
    for split, selection in kept.items():
        if not len(selection.texts):
            raise _no_sentence(split, dropped[split], rows)
    vocabulary = encoded_texts.vocabulary_of(texts, kept["train"].texts, size=vocab_size)
    vocabulary.save(folder / TOKENIZER)
    sentence_labels = [] if rows.label_pairs else read.labels
    return {
        "labels": read.labels,
        "max_length": max_length,
        "lowercase": True,
        "vocab_size": len(vocabulary),
        "splits": _write_sentences(folder, texts, kept, vocabulary, sentence_labels),
        "dropped": dropped,
        "pairs": _write_pairs(folder, texts, read.pairs, vocabulary, read.labels),
        "dev_split": dev_split,
        "checks": {
            "evaluation_sentences_in_train": {
                split: int(
                    encoded_texts.standing_in(texts, kept[split].texts, kept["train"].texts).sum()
                )
                for split in kept
                if split != "train"
            }
        },
    }


def _no_sentence(split: str, dropped: Mapping[str, int], rows: TextRows) -> DataError:
    """Return the error of a split that would be empty."""
    reasons = ", ".join(
        f"{count:,} {reason.replace('_', ' ')}" for reason, count in dropped.items() if count
    )
    where = rows.files[0].path.parent if rows.files else None
    return DataError(f"no usable sentence for {split} (dropped: {reasons or 'none'})", path=where)


def read_rows(rows: TextRows, log: RowLog, progress: Progress) -> ReadRows:
    """Read every split, train first, each different text once.

    Raises:
        DataError: If a row cannot be used.
    """
    read = ReadRows()
    ids: dict[str | None, int] = {name: index for index, name in enumerate(rows.labels or ())}
    if rows.labels is None:
        ids = _GrowingLabels()
    ids[None] = UNLABELLED
    for split in [name for name in SPLITS if name in rows.sentences or name in rows.pairs]:
        with progress(f"reading {split}", None) as advance:
            _read_split(split, rows, read, ids, log, advance)
        read.dropped[split] = log.take_dropped()
    names = [name for name in ids if name is not None]
    read.labels = names if rows.labels is not None else sorted(names)
    if read.labels != names:
        new_ids = {ids[name]: index for index, name in enumerate(read.labels)}
        for sentences in read.sentences.values():
            sentences.relabel(new_ids | {UNLABELLED: UNLABELLED})
    return read


def _read_split(
    split: str,
    rows: TextRows,
    read: ReadRows,
    label_ids: Mapping[str | None, int],
    log: RowLog,
    advance: Advance,
) -> None:
    """Read one split; both sides of its pairs are sentences too."""
    sentences = read.sentences[split] = LabelledRows()
    if split in rows.sentences:
        for sentence in rows.sentences[split](log):
            sentences.add(label_ids[sentence.label], read.table.add(sentence.text))
            advance()
    if split in rows.pairs:
        pairs = read.pairs[split] = LabelledRows()
        for pair in rows.pairs[split](log):
            sides = read.table.add(pair.premise), read.table.add(pair.hypothesis)
            pairs.add(label_ids[pair.label], *sides)
            for side in sides:
                sentences.add(UNLABELLED, side)
            advance()


class _GrowingLabels(dict[str | None, int]):
    """Label ids that are given out in the order in which the labels are first met."""

    def __missing__(self, name: str | None) -> int:
        self[name] = len(self) - 1  # one entry is that of the unlabelled
        return self[name]


def select_sentences(
    texts: EncodedTexts, read: ReadRows, *, max_length: int, seed: int
) -> tuple[dict[str, Selection], dict[str, dict[str, int]], dict[str, Any] | None]:
    """Return the sentences of each split, what was dropped of it, and how dev was made, if here."""
    kept: dict[str, Selection] = {}
    dropped: dict[str, dict[str, int]] = {}
    dev_split = None
    for split, rows in read.sentences.items():
        every = Selection(rows.texts, rows.labels)
        chosen, reasons = encoded_texts.usable_rows(
            texts, every.texts, every.labels, max_length=max_length
        )
        kept[split], dropped[split] = every.at(chosen), read.dropped[split] | reasons
    if "dev" not in kept:
        train, in_dev = kept["train"], _dev_mask(len(kept["train"].texts), seed)
        kept |= {"train": train.at(~in_dev), "dev": train.at(in_dev)}
        dropped["dev"] = {}
        dev_split = {"from": "train", "sentences": int(in_dev.sum()), "seed": seed}
    kept = {split: kept[split] for split in SPLITS if split in kept}
    for split in kept:
        if split != "train":
            also = encoded_texts.standing_in(texts, kept[split].texts, kept["train"].texts)
            kept[split] = kept[split].at(~also)
            dropped[split]["also_in_train"] = int(also.sum())
    return kept, dropped, dev_split


def _dev_mask(count: int, seed: int) -> npt.NDArray[np.bool_]:
    """Return which of ``count`` training sentences become the dev split. Shape (count,)."""
    size = min(MOST_DEV_SENTENCES, max(round(count * DEV_SHARE), 1))
    mask = np.zeros(count, dtype=np.bool_)
    if count > 1:
        mask[np.random.default_rng(seed).permutation(count)[:size]] = True
    return mask


def _write_sentences(
    folder: Path,
    texts: EncodedTexts,
    kept: Mapping[str, Selection],
    vocabulary: Vocabulary,
    labels: list[str],
) -> dict[str, Any]:
    """Write the sentences of each split and return their counts."""
    counts: dict[str, Any] = {}
    for split, selection in kept.items():
        own = selection.labels if labels else None
        sentences = encoded_texts.packed(texts, selection.texts, vocabulary, own)
        sentences.save(folder, split)
        counts[split] = encoded_texts.counts_of(sentences)
        if own is not None:
            counts[split]["labels"] = encoded_texts.label_counts(own, labels)
            counts[split]["unlabelled"] = int((own == UNLABELLED).sum())
    return counts


def _write_pairs(
    folder: Path,
    texts: EncodedTexts,
    pairs: Mapping[str, LabelledRows],
    vocabulary: Vocabulary,
    labels: list[str],
) -> dict[str, Any]:
    """Write the pairs of each split, of any length, and return their counts."""
    counts: dict[str, Any] = {}
    for split, rows in pairs.items():
        sides, own = rows.texts, rows.labels
        blank = (texts.word_counts[sides] == 0).reshape(-1, 2).any(axis=1)
        sides, own = sides[np.repeat(~blank, 2)], own[~blank]
        encoded_texts.packed(texts, sides, vocabulary, own).save(folder, f"pairs.{split}")
        counts[split] = {
            "pairs": len(own),
            "unlabelled": int((own == UNLABELLED).sum()),
            "labels": encoded_texts.label_counts(own, labels),
            "dropped_empty": int(blank.sum()),
        }
        if split != "train" and "train" in pairs:
            in_train = encoded_texts.pairs_standing_in(texts, sides, pairs["train"].texts)
            counts[split]["also_in_train"] = in_train
    return counts
