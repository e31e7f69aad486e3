"""Text corpora: rows of text that are read, selected, split, packed and counted."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from arae_toolkit.data.corpus import UNLABELLED
from arae_toolkit.data.row_labels import NO_NUMBER
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.data_prep import encoded_texts, judges_part
from arae_toolkit.data_prep.corpus_folder import TOKENIZER
from arae_toolkit.data_prep.encoded_texts import EncodedTexts, Rows, TextTable
from arae_toolkit.data_prep.held_out import NO_DOCUMENT, held_out_documents, held_out_pairs
from arae_toolkit.data_prep.readers.downloads import Advance, Progress
from arae_toolkit.data_prep.readers.source_rows import OTHER_CLASS, RowLog, TextRows
from arae_toolkit.errors import DataError

SPLITS = ("train", "dev", "test")
"""Those that a source can have."""
JUDGES = "judges"
"""The split that is taken from train for scoring models."""


_LEFT_OUT = {
    "empty": "empty sentences",
    "too_long": "sentences with more words",
    "duplicate": "sentences that repeat another",
    "duplicate_other_label": "sentences that repeat one of another label",
    "also_in_train": "sentences that stand in train",
    OTHER_CLASS: "rows of other classes",
}


def left_out(reason: str) -> str:
    """Return in words what was left out for a reason that a manifest counts under ``dropped``.

    Example:
        >>> left_out("duplicate"), left_out("other_class")
        ('sentences that repeat another', 'rows of other classes')
        >>> left_out("malformed")
        'malformed rows'
    """
    return _LEFT_OUT.get(reason, f"{reason} rows")


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

    rows_of_train: int = 0
    """The rows of train's files, used or not."""


def write_text_corpus(
    folder: Path,
    rows: TextRows,
    *,
    max_length: int,
    vocab_size: int,
    min_count: int,
    rare_share: float,
    judges_share: float,
    held_out: Mapping[str, float],
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
        min_count: Fewest times that a word of the vocabulary stands in train.
        rare_share: Of train's words, those seen once that may become ``<unk>``; see
            :func:`~arae_toolkit.data_prep.encoded_texts.some_seen_once`.
        judges_share: Of train's sentences, those that become a split for scoring models; see
            :mod:`~arae_toolkit.data_prep.judges_part`.
        held_out: The splits that are taken from train where there are none, with their shares.
        seed: Chooses their rows.
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
    missing = {name: share for name, share in held_out.items() if name not in read.sentences}
    taken = take_pairs(texts, read, missing, seed)
    kept, dropped, sentences_taken = select_sentences(
        texts, read, max_length=max_length, held_out=missing, seed=seed
    )
    taken |= sentences_taken
    kept, dropped, judges = with_judges_part(texts, kept, dropped, share=judges_share)
    for split in dict.fromkeys(("train", "dev", *kept)):
        if split not in kept or not len(kept[split].texts):
            _refuse_empty(split, kept, dropped, rows)
    train = kept["train"].texts
    rare = encoded_texts.some_seen_once(texts, train, share=rare_share, size=vocab_size, seed=seed)
    vocabulary = encoded_texts.vocabulary_of(
        texts, train, size=vocab_size, min_count=min_count, without=rare
    )
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
        **({"seen_once": len(rare)} if rare else {}),
        "splits": _write_sentences(folder, texts, kept, vocabulary, sentence_labels),
        "dropped": dropped,
        "pairs": _write_pairs(folder, texts, read.pairs, vocabulary, read.labels),
        "dev_split": taken.get("dev"),
        "test_split": taken.get("test"),
        "judges_part": judges,
        "checks": {"evaluation_sentences_in_train": in_train},
    }


def _refuse_empty(
    split: str,
    kept: Mapping[str, LabelledRows],
    dropped: Mapping[str, dict[str, int]],
    rows: TextRows,
) -> NoReturn:
    """Raise the error of a split for which no sentence is left."""
    counted = dropped.get(split, dropped["train"])
    counts = {left_out(reason): count for reason, count in counted.items() if count}
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.items()) or "none"
    problem = f"no usable sentence for {split} (left out: {reasons})"
    if split not in kept:
        problem = f"1 distinct sentence, where train and dev need one each (left out: {reasons})"
    files = [file.path for file in rows.files]
    path = None if not files else files[0] if len(files) == 1 else files[0].parent
    raise DataError(problem, path=path)


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
        if split == "train":
            read.rows_of_train = sum(log.rows.values())
        read.dropped[split] = log.take_dropped()
    read.labels = list(rows.labels) if rows.labels is not None else sorted(ids)
    if rows.labels is None and NO_NUMBER in ids and set(ids) != {NO_NUMBER, "1"}:
        read.labels.remove(NO_NUMBER)
        log.report(f"label {NO_NUMBER} is read as none; --labels-map {NO_NUMBER}=NAME makes it one")
    id_of_name = {name: index for index, name in enumerate(read.labels)}
    # The last id is that of UNLABELLED, which is -1.
    new_ids = np.array([*(id_of_name.get(n, UNLABELLED) for n in ids), UNLABELLED], dtype=np.int16)
    for part in (read.sentences, read.pairs):
        for split, found in part.items():
            part[split] = replace(found, labels=new_ids[found.labels])
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
            documents.append(NO_DOCUMENT if document is None else document)
            advance()
    if split in rows.pairs:
        first, pair_labels = len(texts), array("h")
        for pair in rows.pairs[split](log):
            texts.extend((read.table.add(pair.premise), read.table.add(pair.hypothesis)))
            pair_labels.append(id_of(pair.label))
            labels.extend((UNLABELLED, UNLABELLED))
            documents.extend((NO_DOCUMENT, NO_DOCUMENT))
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


def take_pairs(
    texts: EncodedTexts, read: ReadRows, held_out: Mapping[str, float], seed: int
) -> dict[str, dict[str, Any]]:
    """Move pairs of train, and the sentences that they are made of, to splits that are missing.

    Returns:
        What the manifest says of each such split.
    """
    if "train" not in read.pairs:
        return {}
    pairs, sentences = read.pairs["train"], read.sentences["train"]
    masks = held_out_pairs(texts, pairs.texts, held_out, seed)
    left = np.ones(len(pairs.labels), dtype=np.bool_)
    for split, mask in masks.items():
        sides = np.repeat(mask, 2)
        read.pairs[split] = LabelledRows(
            pairs.texts[sides], pairs.labels[mask], pairs.documents[sides]
        )
        read.sentences[split] = sentences.at(_behind(sentences, sides))
        read.dropped[split] = {}
        left &= ~mask
    sides = np.repeat(left, 2)
    read.pairs["train"] = LabelledRows(
        pairs.texts[sides], pairs.labels[left], pairs.documents[sides]
    )
    own = ~_behind(sentences, np.repeat(~left, 2))  # other sentences stay, as do those left here
    read.sentences["train"] = sentences.at(own)
    return {
        split: {"from": "train", "pairs": int(mask.sum()), "seed": seed}
        for split, mask in masks.items()
    }


def _behind(sentences: LabelledRows, sides: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return a mask of sentences: those of pairs stand behind the others."""
    mask = np.zeros(len(sentences.texts), dtype=np.bool_)
    mask[len(mask) - len(sides) :] = sides
    return mask


def select_sentences(
    texts: EncodedTexts,
    read: ReadRows,
    *,
    max_length: int,
    held_out: Mapping[str, float],
    seed: int,
) -> tuple[dict[str, LabelledRows], dict[str, dict[str, int]], dict[str, dict[str, Any]]]:
    """Return the sentences of each split, what was dropped, and which splits were taken here."""
    kept: dict[str, LabelledRows] = {}
    dropped: dict[str, dict[str, int]] = {}
    taken: dict[str, dict[str, Any]] = {}
    for split, rows in read.sentences.items():
        chosen, reasons = encoded_texts.usable_rows(
            texts, rows.texts, rows.labels, max_length=max_length
        )
        kept[split], dropped[split] = rows.at(chosen), read.dropped[split] | reasons
    missing = {split: share for split, share in held_out.items() if split not in kept}
    train = kept["train"]
    left = np.ones(len(train.texts), dtype=np.bool_)
    masks = held_out_documents(train.documents, missing, seed, in_all=read.rows_of_train)
    for split, mask in masks.items():
        kept[split], dropped[split] = train.at(mask), {}
        taken[split] = {"from": "train", "sentences": int(mask.sum()), "seed": seed}
        if known := set(kept[split].documents.tolist()) - {NO_DOCUMENT}:
            taken[split]["documents"] = len(known)
        left &= ~mask
    kept["train"] = train.at(left)
    kept = {split: kept[split] for split in SPLITS if split in kept}
    for split in [name for name in kept if name != "train"]:
        also = encoded_texts.standing_in(texts, kept[split].texts, kept["train"].texts)
        kept[split] = kept[split].at(~also)
        dropped[split]["also_in_train"] = int(also.sum())
    return kept, dropped, taken


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
