"""Distinct, packed sentences of vocabulary ids from rows of text. Arrays, no files.

Every different text is tokenized once, over the vocabulary of all its words. What follows (lengths,
duplicates, sentences of one split that stand in another, word counts, the cut to the vocabulary of
train) is arithmetic on ids. Sentences are thus compared by their words, before rare words become
``<unk>``, and whatever the spacing and letter case of their source.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import numpy.typing as npt

from arae_toolkit.data.corpus import PackedSentences, pack, token_dtype
from arae_toolkit.data.vocabulary import OWN_TOKENIZER, SPECIAL_TOKENS, UNKNOWN, Vocabulary

EVERY_WORD = 100_000_000
"""Vocabulary size that no corpus reaches."""

_BATCH = 8_192

Rows = npt.NDArray[np.int64]
"""Indices of texts in an :class:`EncodedTexts`, one for each row. Shape (N,)."""


Advance = Callable[[int], None]
"""Told how many more texts are done."""


class TextTable:
    """Different texts, each held once and known by its index."""

    def __init__(self) -> None:
        self._indices: dict[str, int] = {}

    def __len__(self) -> int:
        """Return the number of different texts."""
        return len(self._indices)

    def add(self, text: str) -> int:
        """Return the index of a text."""
        return self._indices.setdefault(text, len(self._indices))

    def batches(self, advance: Advance = lambda _: None) -> Iterator[list[str]]:
        """Yield the texts in lists, in the order of their indices, counting them."""
        texts = iter(self._indices)
        while batch := list(islice(texts, _BATCH)):
            yield batch
            advance(len(batch))


@dataclass(frozen=True)
class EncodedTexts:
    """Every different text as ids over the vocabulary of all words."""

    packed: PackedSentences
    """The texts in the order of the table."""

    identity: npt.NDArray[np.int64]
    """For each text, the index of the first one of the same words. Shape (number of texts,)."""

    vocabulary: Vocabulary
    """Every word of every text."""

    @property
    def word_counts(self) -> npt.NDArray[np.int64]:
        """Tokens of each text, ``<eos>`` not counted. Shape (number of texts,)."""
        return self.packed.lengths - 1


def every_word(
    table: TextTable, advance: Advance = lambda _: None, *, tokenizer: str = OWN_TOKENIZER
) -> Vocabulary:
    """Return the vocabulary of all words of all texts, counting the texts."""
    texts = chain.from_iterable(table.batches(advance))
    return Vocabulary.build(texts, size=EVERY_WORD, tokenizer_name=tokenizer)


def encode_texts(
    table: TextTable, vocabulary: Vocabulary, advance: Advance = lambda _: None
) -> EncodedTexts:
    """Tokenize every text over the vocabulary of :func:`every_word`, counting the texts."""
    first: dict[bytes, int] = {}
    identity = array("q")

    def encoded() -> Iterator[list[int]]:
        for batch in table.batches(advance):
            for ids in vocabulary.encode_batch(batch):
                identity.append(first.setdefault(array("I", ids).tobytes(), len(identity)))
                yield ids

    packed = pack(encoded(), vocab_size=len(vocabulary))
    return EncodedTexts(packed, np.array(identity, dtype=np.int64), vocabulary)


def usable_rows(
    texts: EncodedTexts, rows: Rows, labels: npt.NDArray[np.int16], *, max_length: int
) -> tuple[npt.NDArray[np.int64], dict[str, int]]:
    """Return which rows of a split are kept, and how many are dropped for each reason.

    Args:
        texts: What the rows point to.
        rows: Text of each row. Shape (N,).
        labels: Label id of each row. Shape (N,).
        max_length: Most words in a sentence.

    Returns:
        Positions in ``rows`` in rising order: the first row of each distinct sentence. And counts
        of ``empty``, ``too_long``, ``duplicate`` and, for those duplicates whose label differs
        from that of the row that is kept, ``duplicate_other_label``.
    """
    words = texts.word_counts[rows]
    fitting = np.flatnonzero((words > 0) & (words <= max_length))
    identity = texts.identity[rows[fitting]]
    _, first, group = np.unique(identity, return_index=True, return_inverse=True)
    kept = fitting[np.sort(first)]
    other_label = labels[fitting] != labels[fitting[first]][group]
    dropped = {
        "empty": int((words == 0).sum()),
        "too_long": int((words > max_length).sum()),
        "duplicate": int(len(fitting) - len(kept) - other_label.sum()),
        "duplicate_other_label": int(other_label.sum()),
    }
    return kept, dropped


def standing_in(texts: EncodedTexts, rows: Rows, others: Rows) -> npt.NDArray[np.bool_]:
    """Return which rows hold a sentence that also stands in ``others``. Shape (N,)."""
    return np.isin(texts.identity[rows], texts.identity[others])


def pairs_standing_in(texts: EncodedTexts, pairs: Rows, others: Rows) -> int:
    """Return how many pairs (two rows each) also stand in ``others``."""

    def keys(rows: Rows) -> npt.NDArray[np.int64]:
        identity = texts.identity[rows]
        return identity[0::2] * len(texts.identity) + identity[1::2]

    return int(np.isin(keys(pairs), keys(others)).sum())


def some_seen_once(
    texts: EncodedTexts, rows: Rows, *, share: float, size: int, seed: int
) -> set[int]:
    """Return words that stand once in some rows, to be unknown, so that ``<unk>`` is met there.

    Args:
        texts: What the rows point to.
        rows: Of train. Shape (N,).
        share: Of all words of the rows, as many as may become unknown; those that the rows mark as
            unknown themselves count.
        size: Most words of the vocabulary: where there are more, the rarest are unknown already.
        seed: Draws them, where there are more than the share.

    Returns:
        Their ids in the vocabulary of all words.
    """
    counts = _counts_in(texts, rows)
    if np.count_nonzero(counts) > size:
        return set()
    once = np.flatnonzero(counts == 1)
    marked = int((texts.packed.at(rows).tokens == UNKNOWN).sum())
    most = max(0, int(share * counts.sum()) - marked)
    return set(np.random.default_rng(seed).permutation(once)[:most].tolist())


def vocabulary_of(
    texts: EncodedTexts,
    rows: Rows,
    *,
    size: int,
    min_count: int = 1,
    without: Collection[int] = (),
) -> Vocabulary:
    """Return the vocabulary of the ``size`` most frequent words of some rows.

    Words that stand there fewer than ``min_count`` times, or whose ids are in ``without``, are left
    out. Else it is the same as :meth:`Vocabulary.build` on their texts, without tokenizing them
    again.
    """
    words, counts = texts.vocabulary.words, _counts_in(texts, rows)
    found = [
        index
        for index in range(len(SPECIAL_TOKENS), len(words))
        if counts[index] >= min_count and index not in without
    ]
    found.sort(key=lambda index: (-counts[index], words[index]))
    chosen = [*SPECIAL_TOKENS, *(words[index] for index in found[:size])]
    return texts.vocabulary.with_words(chosen)


def _counts_in(texts: EncodedTexts, rows: Rows) -> npt.NDArray[np.int64]:
    """Return how often each word stands in some rows, the special tokens never. Shape (V,)."""
    every_word = texts.vocabulary.words
    counts = np.bincount(texts.packed.at(rows).tokens, minlength=len(every_word))
    counts[: len(SPECIAL_TOKENS)] = 0
    return counts


def packed(
    texts: EncodedTexts,
    rows: Rows,
    vocabulary: Vocabulary,
    labels: npt.NDArray[np.int16] | None = None,
) -> PackedSentences:
    """Return rows as sentences of vocabulary ids, words that are not in it as ``<unk>``."""
    known = {word: index for index, word in enumerate(vocabulary.words)}
    new_ids = [known.get(word, UNKNOWN) for word in texts.vocabulary.words]
    chosen = texts.packed.at(rows)
    tokens = np.array(new_ids, dtype=token_dtype(len(vocabulary)))[chosen.tokens]
    return PackedSentences(tokens, chosen.offsets, labels)


def counts_of(sentences: PackedSentences) -> dict[str, int]:
    """Return the numbers of sentences, tokens and unknown tokens; ``<eos>`` is a token here."""
    return {
        "sentences": len(sentences),
        "tokens": len(sentences.tokens),
        "unknown_tokens": int((sentences.tokens == UNKNOWN).sum()),
    }


def label_counts(labels: npt.NDArray[np.int16], names: Sequence[str]) -> dict[str, int]:
    """Return how many rows have each label."""
    return {name: int((labels == index).sum()) for index, name in enumerate(names)}
