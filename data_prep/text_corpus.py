"""Text corpora: rows of text that are read, selected, split, packed and counted."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arae_toolkit.data.corpus import UNLABELLED
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.data_prep import encoded_texts, judges_part
from arae_toolkit.data_prep.corpus_folder import TOKENIZER
from arae_toolkit.data_prep.encoded_texts import EncodedTexts, Rows, TextTable
from arae_toolkit.data_prep.readers.downloads import Advance, Progress
from arae_toolkit.data_prep.readers.source_rows import RowLog, TextRows
from arae_toolkit.errors import DataError

SPLITS = ("train", "dev", "test")
"""Those that a source can have."""
JUDGES = "judges"
"""The split that is taken from train for scoring models."""
DEV_SHARE, MOST_DEV_SENTENCES = 0.1, 5_000
"""Size of a dev split that is taken from train, where the corpus has none of its own."""


@dataclass(frozen=True)
class LabelledRows:
    """Sentences or pairs of one split, each with the id of its label."""

    texts: Rows
    """Indices of their texts. Shape (N,), for pairs (2N,)."""

    labels: npt.NDArray[np.int16]
    """Label ids, ``UNLABELLED`` where there is none. Shape (N,)."""

    documents: npt.NDArray[np.int64]
    """The document that each is of, ``NO_DOCUMENT`` where it is not known. Shape (N,)."""

    def at(self, chosen: npt.NDArray[Any]) -> LabelledRows:
        """Return the sentences at some positions, or where a mask is true."""
        return LabelledRows(self.texts[chosen], self.labels[chosen], self.documents[chosen])


@dataclass
class ReadRows:
    """All that was read of a corpus."""

    table: TextTable = field(default_factory=TextTable)
    """Every different text."""

    sentences: dict[str, LabelledRows] = field(default_factory=dict)
    """The sentences of each split, among them both sides of its pairs."""

    pairs: dict[str, LabelledRows] = field(default_factory=dict)
    """The pairs of each split that has any."""

    labels: list[str] = field(default_factory=list)
    """The label names by id."""

    dropped: dict[str, dict[str, int]] = field(default_factory=dict)
    """The rows of each split that could not be used, counted by reason."""


def write_text_corpus(
    folder: Path,
    rows: TextRows,
    *,
    max_length: int,
    vocab_size: int,
    judges_share: float,
    seed: int,
    tokenizer: str,
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
        judges_share: Of train's sentences, those that become a split for scoring models; see
            :mod:`~arae_toolkit.data_prep.judges_part`.
        seed: Chooses the sentences of a dev split that is taken from train.
        tokenizer: See :class:`~arae_toolkit.data_prep.options.PrepareOptions`.
        log: Counts rows and rejects bad ones.
        progress: Shows how far it is.

    Raises:
        DataError: If a row cannot be used, or no sentence of a split can.
    """
    read = read_rows(rows, log, progress)
    with progress("counting words", len(read.table)) as advance:
        every_word = encoded_texts.every_word(read.table, advance, tokenizer=tokenizer)
    with progress("encoding", len(read.table)) as advance:
        texts = encoded_texts.encode_texts(read.table, every_word, advance)
    read.table = TextTable()  # the texts are no longer needed, and they are most of the memory
    kept, dropped, dev_split = select_sentences(texts, read, max_length=max_length, seed=seed)
    kept, dropped, judges = with_judges_part(texts, kept, dropped, share=judges_share)
    for split, selection in kept.items():
        if not len(selection.texts):
            counts = {reason.replace("_", " "): n for reason, n in dropped[split].items() if n}
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
            raise DataError(
                f"no usable sentence for {split} (dropped: {reasons or 'none'})",
                path=rows.files[0].path.parent if rows.files else None,
            )
    vocabulary = encoded_texts.vocabulary_of(texts, kept["train"].texts, size=vocab_size)
    vocabulary.save(folder / TOKENIZER)
    in_train = {
        split: int(encoded_texts.standing_in(texts, kept[split].texts, kept["train"].texts).sum())
        for split in kept
        if split != "train"
    }
    sentence_labels = [] if rows.label_pairs else read.labels
    return {
        "labels": read.labels,
        "max_length": max_length,
        "lowercase": tokenizer != "torchtext:split",
        "vocab_size": len(vocabulary),
        "splits": _write_sentences(folder, texts, kept, vocabulary, sentence_labels),
        "dropped": dropped,
        "pairs": _write_pairs(folder, texts, read.pairs, vocabulary, read.labels),
        "dev_split": dev_split,
        "judges_part": judges,
        "checks": {"evaluation_sentences_in_train": in_train},
    }


def read_rows(rows: TextRows, log: RowLog, progress: Progress) -> ReadRows:
    """Read every split, train first, each different text once.

    Raises:
        DataError: If a row cannot be used.
    """
    read = ReadRows()
    ids = {name: index for index, name in enumerate(rows.labels or ())}

    def id_of(label: str | None) -> int:
        if label is None:
            return UNLABELLED
        return ids[label] if rows.labels is not None else ids.setdefault(label, len(ids))

    for split in [name for name in SPLITS if name in rows.sentences or name in rows.pairs]:
        with progress(f"reading {split}", None) as advance:
            _read_split(split, rows, read, id_of, log, advance)
        read.dropped[split] = log.take_dropped()
    read.labels = list(rows.labels) if rows.labels is not None else sorted(ids)
    # The last id is that of UNLABELLED, which is -1.
    new_ids = np.array([*map(read.labels.index, ids), UNLABELLED], dtype=np.int16)
    for split, found in read.sentences.items():
        read.sentences[split] = replace(found, labels=new_ids[found.labels])
    return read


def _read_split(
    split: str,
    rows: TextRows,
    read: ReadRows,
    id_of: Callable[[str | None], int],
    log: RowLog,
    advance: Advance,
) -> None:
    """Read one split; both sides of its pairs are sentences too."""
    texts, labels, documents = array("q"), array("h"), array("q")
    if split in rows.sentences:
        for sentence in rows.sentences[split](log):
            texts.append(read.table.add(sentence.text))
            labels.append(id_of(sentence.label))
            document = sentence.document
            documents.append(judges_part.NO_DOCUMENT if document is None else document)
            advance()
    if split in rows.pairs:
        first, pair_labels = len(texts), array("h")
        for pair in rows.pairs[split](log):
            texts.extend((read.table.add(pair.premise), read.table.add(pair.hypothesis)))
            pair_labels.append(id_of(pair.label))
            labels.extend((UNLABELLED, UNLABELLED))
            documents.extend((judges_part.NO_DOCUMENT, judges_part.NO_DOCUMENT))
            advance()
        read.pairs[split] = _labelled(texts[first:], pair_labels, documents[first:])
    read.sentences[split] = _labelled(texts, labels, documents)


def _labelled(texts: array[int], labels: array[int], documents: array[int]) -> LabelledRows:
    """Return rows as arrays."""
    return LabelledRows(
        np.array(texts, dtype=np.int64),
        np.array(labels, dtype=np.int16),
        np.array(documents, dtype=np.int64),
    )


def select_sentences(
    texts: EncodedTexts, read: ReadRows, *, max_length: int, seed: int
) -> tuple[dict[str, LabelledRows], dict[str, dict[str, int]], dict[str, Any] | None]:
    """Return the sentences of each split, what was dropped of it, and how dev was made, if here."""
    kept: dict[str, LabelledRows] = {}
    dropped: dict[str, dict[str, int]] = {}
    dev_split = None
    for split, rows in read.sentences.items():
        chosen, reasons = encoded_texts.usable_rows(
            texts, rows.texts, rows.labels, max_length=max_length
        )
        kept[split], dropped[split] = rows.at(chosen), read.dropped[split] | reasons
    if "dev" not in kept:
        train, in_dev = kept["train"], _dev_mask(len(kept["train"].texts), seed)
        kept |= {"train": train.at(~in_dev), "dev": train.at(in_dev)}
        dropped["dev"] = {}
        dev_split = {"from": "train", "sentences": int(in_dev.sum()), "seed": seed}
    kept = {split: kept[split] for split in SPLITS if split in kept}
    for split in [name for name in kept if name != "train"]:
        also = encoded_texts.standing_in(texts, kept[split].texts, kept["train"].texts)
        kept[split] = kept[split].at(~also)
        dropped[split]["also_in_train"] = int(also.sum())
    return kept, dropped, dev_split


def with_judges_part(
    texts: EncodedTexts,
    kept: Mapping[str, LabelledRows],
    dropped: Mapping[str, dict[str, int]],
    *,
    share: float,
) -> tuple[dict[str, LabelledRows], dict[str, dict[str, int]], dict[str, Any]]:
    """Return the splits with train divided, what was dropped, and what the manifest says of it."""
    train = kept["train"]
    judges, also = judges_part.judges_rows(texts, train.texts, train.documents, share=share)
    division = judges_part.record(share, judges, train.documents)
    if not judges.any():
        return dict(kept), dict(dropped), division
    parts = {"train": train.at(~judges & ~also), JUDGES: train.at(judges)}
    reasons = {JUDGES: {"also_in_train": int(also.sum())}}
    return {**kept, **parts}, {**dropped, **reasons}, division


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
    kept: Mapping[str, LabelledRows],
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
