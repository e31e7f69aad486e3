"""A prepared corpus on disk: packed token arrays, a tokenizer and a manifest. No torch here.

A corpus folder holds, for each split, a flat array of token ids and the offsets of its sentences:

    manifest.json  tokenizer.json
    train.tokens.npy  train.offsets.npy  [train.labels.npy]      distinct sentences, for pretraining
    dev...  test...
    pairs.train.tokens.npy ...                                   premise, hypothesis, premise, ...
    judges...                                                    for scoring models; no system's
    train.pixels.npy  [train.labels.npy]                         an image corpus instead of text

Arrays are opened memory-mapped: a corpus of any size costs no memory until its rows are used.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arae_toolkit.data.corpus_checks import (
    AGAIN,
    MOST_FILE_BYTES,
    check_file,
    check_sentences,
    read_manifest,
)
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.errors import CheckpointMismatch, DataError, ToolkitWarning
from arae_toolkit.storage.atomic_files import replacing
from arae_toolkit.storage.json_files import check_regular
from arae_toolkit.storage.paths import is_plain_name
from arae_toolkit.storage.stand_ins import stand_in

UNLABELLED = -1

_BLOCK_ROWS = 8_192


@dataclass(frozen=True)
class Sentence:
    """One text row, with the name of its attribute value where the corpus has one."""

    text: str
    label: str | None = None
    document: int | None = field(default=None, repr=False, compare=False)
    """A number of the text that it is a part of, where that is known."""


@dataclass(frozen=True)
class SentencePair:
    """One premise and hypothesis. ``label`` is ``None`` where annotators did not agree."""

    premise: str
    hypothesis: str
    label: str | None = None


class PackedSentences:
    """Read-only sentences of token ids, each ending in ``<eos>``.

    Attributes:
        tokens: All sentences end to end. Shape (sum of lengths,), uint16 or uint32.
        offsets: Where each sentence starts, and the end of the last. Shape (N + 1,), int64.
        labels: Class ids, ``UNLABELLED`` where there is none. Shape (N,), int16; or ``None``.
    """

    def __init__(
        self,
        tokens: npt.NDArray[Any],
        offsets: npt.NDArray[np.int64],
        labels: npt.NDArray[np.int16] | None = None,
    ) -> None:
        """Wrap arrays made by :func:`pack` or read by :meth:`open`."""
        if offsets.ndim != 1 or len(offsets) < 1 or offsets[-1] != len(tokens):
            raise ValueError(f"offsets end at {offsets[-1:]}, but there are {len(tokens)} tokens")
        self.tokens, self.offsets, self.labels = tokens, offsets, labels

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> npt.NDArray[Any]:
        """Return the ids of one sentence, ``<eos>`` last."""
        return self.tokens[self.offsets[index] : self.offsets[index + 1]]

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens per sentence, ``<eos>`` included. Shape (N,)."""
        return np.diff(self.offsets)

    def at(self, rows: npt.NDArray[np.int64]) -> PackedSentences:
        """Return the sentences of these row numbers, in this order."""
        lengths = self.lengths[rows]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        tokens = np.empty(offsets[-1], dtype=self.tokens.dtype)
        # In blocks, because the positions of tokens take four times the memory of the tokens.
        for start in range(0, len(rows), _BLOCK_ROWS):
            end = min(start + _BLOCK_ROWS, len(rows))
            size = lengths[start:end]
            within = np.arange(size.sum()) - np.repeat(offsets[start:end] - offsets[start], size)
            source = np.repeat(self.offsets[rows[start:end]], size) + within
            tokens[offsets[start] : offsets[end]] = self.tokens[source]
        return PackedSentences(tokens, offsets, None if self.labels is None else self.labels[rows])

    def of_at_most(self, words: int) -> PackedSentences:
        """Return the sentences of at most so many words, ``<eos>`` not counted; all for 0."""
        if not words:
            return self
        return self.at(np.flatnonzero(self.lengths <= words + 1))

    def save(self, folder: Path, name: str) -> None:
        """Write ``name.tokens.npy``, ``name.offsets.npy`` and, if labelled, ``name.labels.npy``."""
        for part, array in (
            ("tokens", self.tokens),
            ("offsets", self.offsets),
            ("labels", self.labels),
        ):
            if array is not None:
                save_array(folder / f"{name}.{part}.npy", array)

    @classmethod
    def open(cls, folder: Path, name: str) -> PackedSentences:
        """Memory-map what :meth:`save` wrote.

        Raises:
            DataError: If a file is missing or damaged.
        """
        labels = folder / f"{name}.labels.npy"
        arrays = (
            open_array(folder / f"{name}.tokens.npy"),
            open_array(folder / f"{name}.offsets.npy"),
            open_array(labels) if labels.exists() else None,
        )
        check_sentences(folder, name, *arrays)
        return cls(*arrays)


def pack(
    sentences: Iterable[Sequence[int]],
    *,
    vocab_size: int,
    labels: Sequence[int] | None = None,
) -> PackedSentences:
    """Pack sentences of ids that end in ``<eos>``; uint16 where the vocabulary allows it.

    Blocks of the input are turned into arrays at once, so a stream of a million sentences costs
    little more than the packed result.
    """
    dtype = token_dtype(vocab_size)
    blocks: list[npt.NDArray[Any]] = []
    lengths: list[int] = []
    pending: list[int] = []
    for sentence in sentences:
        lengths.append(len(sentence))
        pending.extend(sentence)
        if len(pending) > 1 << 16:
            blocks.append(np.asarray(pending, dtype=dtype))
            pending = []
    blocks.append(np.asarray(pending, dtype=dtype))
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return PackedSentences(
        np.concatenate(blocks),
        offsets,
        None if labels is None else np.asarray(labels, dtype=np.int16),
    )


def token_dtype(vocab_size: int) -> type[np.uint16 | np.uint32]:
    """Return the smallest type of token ids: uint16 where the vocabulary allows it."""
    return np.uint16 if vocab_size <= np.iinfo(np.uint16).max + 1 else np.uint32


def save_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an ``.npy`` file, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as target:
        np.save(target, array, allow_pickle=False)


def open_array(path: Path) -> npt.NDArray[Any]:
    """Memory-map an ``.npy`` file read-only.

    Raises:
        DataError: If it is missing or damaged.
    """
    try:
        check_regular(path, most_bytes=MOST_FILE_BYTES)
        return np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError, OverflowError, MemoryError) as error:
        problem = stand_in(path) or "cannot read this packed array"
        raise DataError(problem, path=path, hint=AGAIN) from error


class Corpus:
    """A prepared corpus folder, opened for reading.

    Attributes:
        folder: Where it lies.
        manifest: The content of ``manifest.json``: name, kind (``text`` or ``image``), counts per
            split, what was dropped and why, fingerprints of the sources.
    """

    _labelled_only = False

    def __init__(self, folder: str | Path) -> None:
        """Read the manifest; compare the sizes of the files with it.

        Raises:
            DataError: If the folder holds no corpus, one of another version, or a damaged one.
        """
        self.folder = folder = Path(folder)
        self._opened: dict[str, PackedSentences] = {}  # looked through once, which takes a while
        self.manifest: dict[str, Any] = read_manifest(folder)
        if "files" not in self.manifest:
            problem = "prepared by an earlier version, it has no fingerprints: damage is not seen"
            warnings.warn(ToolkitWarning(f"{folder}: {problem}; {AGAIN}"), stacklevel=1)

    @property
    def name(self) -> str:
        """The corpus name, such as ``snli``."""
        return str(self.manifest["name"])

    @property
    def kind(self) -> str:
        """``text`` or ``image``."""
        return str(self.manifest["kind"])

    @property
    def labels(self) -> list[str]:
        """Label names by class id; empty for an unlabelled corpus."""
        return list(self.manifest["labels"])

    @property
    def labels_sentences(self) -> bool:
        """Whether sentences of train and dev have one of at least two labels: an attribute."""
        if self.kind != "text" or len(self.labels) < 2:
            return False
        labels = [self.split(name).labels for name in ("train", "dev") if name in self._splits]
        return all(own is not None and bool((own >= 0).any()) for own in labels)

    def labelled(self) -> Corpus:
        """Return the corpus without its unlabelled sentences; itself if there are none.

        Pairs are as before.
        """
        labels = [self.split(name).labels for name in self._splits]
        if all(own is not None and bool((own >= 0).all()) for own in labels):
            return self
        part = copy(self)
        part._labelled_only, part._opened = True, {}
        return part

    @property
    def _splits(self) -> list[str]:
        return list(self.manifest["splits"])

    @property
    def judges_split(self) -> str:
        """Where scoring models learn: ``judges``; ``train`` where train was not divided."""
        return "judges" if "judges" in self.manifest["splits"] else "train"

    @property
    def max_length(self) -> int:
        """Most tokens in a sentence, ``<eos>`` not counted."""
        return int(self.manifest["max_length"])

    @property
    def sha256(self) -> str:
        """Fingerprint of the packed content of all splits."""
        return str(self.manifest["sha256"])

    @property
    def record(self) -> dict[str, Any]:
        """What a model that learns from it says of it: its name and content, and no place.

        ``file`` is the name of the file that it was prepared from, where that is not its own.
        """
        file = self.manifest.get("file")
        named = {"file": file} if is_plain_name(file) else {}
        return {"name": self.name, **named, "sha256": self.sha256, "labels": self.labels}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokenizer the corpus was packed with.

        Raises:
            DataError: If it is missing or damaged, or has another number of words.
        """
        self._check_text()
        path = check_file(self.folder, "tokenizer.json", self.manifest)
        try:
            vocabulary = Vocabulary.load(path)
        except CheckpointMismatch as error:
            raise DataError("not the tokenizer of a corpus", path=path, hint=AGAIN) from error
        expected = self.manifest.get("vocab_size", len(vocabulary))
        if len(vocabulary) != expected:
            problem = f"{len(vocabulary):,} words, the manifest says {expected:,}"
            raise DataError(problem, path=path, hint=AGAIN)
        return vocabulary

    def rows(self, split: str) -> int:
        """Return the number of sentences, or images, of a split.

        Raises:
            DataError: If the corpus has no such split.
        """
        return len(self.split(split)) if self._labelled_only else self._prepared_rows(split)

    def _prepared_rows(self, split: str) -> int:
        counts = self._split_counts(split)
        return int(counts["images" if self.kind == "image" else "sentences"])

    def _split_counts(self, name: str) -> Any:
        """Return what the manifest says of a split.

        Raises:
            DataError: If there is no such split.
        """
        if name not in (there := self.manifest["splits"]):
            raise DataError(
                f"no {name} split here, only {', '.join(there)}",
                path=self.folder,
                hint=f"take another with --split, or prepare a folder that has a file for {name}",
            )
        return there[name]

    def split(self, name: str) -> PackedSentences:
        """Return the distinct sentences of ``train``, ``judges``, ``dev`` or ``test``.

        Raises:
            DataError: If the corpus has no such split, or it cannot be read.
        """
        self._split_counts(name)
        if name not in self._opened:
            sentences = self._sentences(name, self._prepared_rows(name))
            if self._labelled_only:
                labels = sentences.labels
                sentences = sentences.at(np.flatnonzero([] if labels is None else labels >= 0))
            self._opened[name] = sentences
        return self._opened[name]

    def pairs(self, name: str) -> PackedSentences:
        """Return 2N sentences, premise and hypothesis in turn, with N labels.

        Raises:
            DataError: If the corpus has no pairs in this split, or they cannot be read.
        """
        if name not in (there := self.manifest.get("pairs", {})):
            raise DataError(f"no pairs of {name} here, only {', '.join(there)}", path=self.folder)
        return self._sentences(f"pairs.{name}", int(there[name]["pairs"]), sides=2)

    def _check_text(self) -> None:
        """Refuse to look for sentences among images."""
        if self.kind != "text":
            problem = f"a corpus of {self.kind}s, where sentences are needed"
            raise DataError(problem, path=self.folder)

    def _sentences(self, name: str, rows: int, *, sides: int = 1) -> PackedSentences:
        """Return sentences whose files, numbers, ids and labels are those of the manifest."""
        self._check_text()
        for part in ("tokens", "offsets"):
            check_file(self.folder, f"{name}.{part}.npy", self.manifest)
        path = self.folder / f"{name}.labels.npy"
        if path.exists():
            check_file(self.folder, path.name, self.manifest)
        sentences = PackedSentences.open(self.folder, name)
        if len(sentences) != rows * sides:
            problem = f"{len(sentences):,} sentences, the manifest says {rows * sides:,}"
            raise DataError(problem, path=self.folder / f"{name}.offsets.npy", hint=AGAIN)
        longest = int(sentences.lengths.max(initial=1)) - 1  # without its <eos>
        if sides == 1 and longest > self.max_length:  # sides of pairs may have any length
            problem = f"a sentence of {longest} words, the manifest says at most {self.max_length}"
            raise DataError(problem, path=self.folder / f"{name}.offsets.npy", hint=AGAIN)
        vocab_size = self.manifest.get("vocab_size")
        if vocab_size and len(sentences.tokens) and sentences.tokens.max() >= vocab_size:
            path = self.folder / f"{name}.tokens.npy"
            raise DataError("holds words that the vocabulary does not", path=path, hint=AGAIN)
        if (labels := sentences.labels) is not None:
            self._check_labels(path, labels, rows)
        return sentences

    def _check_labels(self, path: Path, labels: npt.NDArray[np.int16], rows: int) -> None:
        """Make sure that there is a known label for each row, or none."""
        known = labels.shape == (rows,) and labels.dtype == np.int16
        if not known or (
            rows and not UNLABELLED <= labels.min() <= labels.max() < len(self.labels)
        ):
            problem = f"not the labels of {rows:,} rows, each one of {len(self.labels)}"
            raise DataError(problem, path=path, hint=AGAIN)

    def pair_labels(self, name: str) -> npt.NDArray[np.int16]:
        """Return the class id of each pair of a split, ``UNLABELLED`` where there is none. (N,)."""
        labels = self.pairs(name).labels
        count = int(self.manifest["pairs"][name]["pairs"])
        return np.full(count, UNLABELLED, dtype=np.int16) if labels is None else labels

    def pixels(self, name: str) -> npt.NDArray[np.uint8]:
        """Return the grey values of an image split. Shape (N, P), 0-255."""
        path = check_file(self.folder, f"{name}.pixels.npy", self.manifest)
        pixels = open_array(path)
        size = math.prod(self.manifest["image_shape"])
        if pixels.dtype != np.uint8 or pixels.shape != (self.rows(name), size):
            problem = f"not {self.rows(name):,} images of {size:,} grey values"
            raise DataError(problem, path=path, hint=AGAIN)
        return pixels

    def check(self) -> None:
        """Read every file that has not been found right before.

        Raises:
            DataError: If one is missing or damaged.
        """
        for name in self.manifest.get("files", ()):
            check_file(self.folder, name, self.manifest)


def evenly_spread(count: int, most: int) -> npt.NDArray[np.int64]:
    """Return at most so many row numbers of ``count`` rows, the first and the last among them.

    Example:
        >>> evenly_spread(7, 3).tolist(), evenly_spread(2, 3).tolist()
        ([0, 3, 6], [0, 1])
    """
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)


def texts_of(sentences: PackedSentences, vocabulary: Vocabulary) -> list[str]:
    """Return packed sentences as words separated by spaces."""
    words, offsets = vocabulary.words, sentences.offsets.tolist()
    tokens = [words[token] for token in sentences.tokens.tolist()]
    # The last token of each is <eos>.
    return [" ".join(tokens[start : end - 1]) for start, end in itertools.pairwise(offsets)]
