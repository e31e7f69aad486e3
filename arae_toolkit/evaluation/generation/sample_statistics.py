"""Variety and novelty of samples: distinct sentences and n-grams, self-BLEU, overlap with train.

All but self-BLEU compare token ids, so that a word that the corpus's vocabulary lacks is ``<unk>``
whoever wrote it, and equal to any other such word.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from sacrebleu.metrics.bleu import BLEU

from arae_toolkit.data.corpus import Corpus, PackedSentences, pack
from arae_toolkit.data.vocabulary import UNKNOWN

DIVERSITY_ORDERS = (2, 3, 4)
_SURROGATES = 0xD800, 0x800  # code points that no text may hold: where they start, how many
_BLOCK = 64  # sentences compared with all of train at a time: 20 MB for 160,000 of these


def distinct_sentences(sentences: PackedSentences) -> float:
    """Return the percent of sentences that are different ones.

    It falls with their number, so it says something only beside that of as many others.

    Raises:
        ValueError: If there is no sentence.
    """
    _check(sentences)
    return 100 * len(set(_contents(sentences))) / len(sentences)


def distinct_ngrams(sentences: PackedSentences, n: int) -> float:
    """Return the percent of n-grams that are different ones, over all sentences (Li et al., 2016).

    It falls with their number. 0 where no sentence has so many words.

    Raises:
        ValueError: If ``n`` is below 1.
    """
    keys = ngram_keys(sentences, n)
    return 100 * len(np.unique(keys)) / len(keys) if len(keys) else 0.0


def diversity(sentences: PackedSentences) -> float:
    """Return the product of the shares of distinct 2-, 3- and 4-grams, in percent.

    As in Su et al. (NeurIPS 2022), over all sentences together in place of one long text.
    """
    shares = [distinct_ngrams(sentences, n) / 100 for n in DIVERSITY_ORDERS]
    return 100 * float(np.prod(shares))


def unknown_words(sentences: PackedSentences) -> float:
    """Return the percent of words that the vocabulary lacks; 0 where there is no word."""
    words = len(sentences.tokens) - len(sentences)  # without each <eos>
    return 100 * int((np.asarray(sentences.tokens) == UNKNOWN).sum()) / words if words else 0.0


def mean_length(sentences: PackedSentences) -> float:
    """Return the mean length in words, ``<eos>`` not counted.

    Raises:
        ValueError: If there is no sentence.
    """
    _check(sentences)
    return float(sentences.lengths.mean()) - 1


def ngram_keys(sentences: PackedSentences, n: int) -> npt.NDArray[np.uint64]:
    """Return a number for each n-gram of words, equal for equal ones.

    Numbers are taken modulo 2**64, which tells all 4-grams of up to 65,536 words apart; with more
    words two of them are the same by chance, about once in 10**13 pairs.

    Returns:
        Shape (number of n-grams,), in the order of the text; no n-gram reaches over a sentence.

    Raises:
        ValueError: If ``n`` is below 1.

    Example:
        >>> from arae_toolkit.data.corpus import pack
        >>> ngram_keys(pack([[5, 6, 5, 6, 2], [5, 2]], vocab_size=10), 2).tolist()
        [327686, 393221, 327686]
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    tokens = np.asarray(sentences.tokens).astype(np.uint64)
    ends = np.repeat(sentences.offsets[1:] - 1, sentences.lengths)  # where each one's <eos> stands
    starts = np.flatnonzero(np.arange(len(tokens)) + n <= ends)
    keys = np.zeros(len(starts), dtype=np.uint64)
    for step in range(n):
        keys = keys * np.uint64(1 << 16) + tokens[starts + step]
    return keys


@dataclass(frozen=True)
class SelfBleu:
    """How like each other sentences are.

    Attributes:
        score: From 0 to 100; high where they repeat each other.
        sentences: So many were compared.
        signature: Every setting that moves it, in sacrebleu's form.
    """

    score: float
    sentences: int
    signature: str


def self_bleu(texts: Sequence[str], *, most: int, seed: int = 0) -> SelfBleu:
    """Return the mean BLEU-4 of each sentence with all others as references (Zhu et al., 2018).

    It rises with the number of references: compare equal numbers of sentences only.

    Args:
        texts: Words separated by spaces.
        most: At most so many are compared, drawn by the seed.
        seed: Fixes which.

    Raises:
        ValueError: If there are fewer than two texts.

    Example:
        >>> round(self_bleu(["a dog runs here ."] * 3, most=3).score, 6)
        100.0
    """
    if len(texts) < 2:
        raise ValueError(f"self-BLEU needs two texts or more, got {len(texts)}")
    drawn = [texts[row] for row in drawn_rows(len(texts), most, seed).tolist()]
    metric = BLEU(tokenize="none", effective_order=True, force=True)
    scores = [
        metric.sentence_score(text, [*drawn[:index], *drawn[index + 1 :]]).score
        for index, text in enumerate(drawn)
    ]
    signature = str(metric.get_signature())
    return SelfBleu(float(np.mean(scores)), len(drawn), signature)


class TrainOverlap:
    """The train split, prepared for the question how much of it stands in samples.

    Args:
        train: Of the samples' vocabulary.
    """

    def __init__(self, train: PackedSentences) -> None:
        self.train = train
        self._contents = frozenset(_contents(train))
        self._grams = np.unique(ngram_keys(train, 4))

    def sentences(self, samples: PackedSentences) -> float:
        """Return the percent of samples that stand in train, word by word.

        Raises:
            ValueError: If there is no sample.
        """
        _check(samples)
        return 100 * sum(row in self._contents for row in _contents(samples)) / len(samples)

    def four_grams(self, samples: PackedSentences) -> float:
        """Return the percent of the samples' 4-grams that stand in train; 0 without any."""
        keys = ngram_keys(samples, 4)
        return 100 * float(np.isin(keys, self._grams).mean()) if len(keys) else 0.0

    def edits(
        self,
        samples: PackedSentences,
        *,
        most: int,
        seed: int = 0,
        advance: Callable[[int], None] = lambda _: None,
    ) -> npt.NDArray[np.int64]:
        """Return how many words must change to reach the nearest training sentence.

        Args:
            samples: To be looked up.
            most: At most so many are, drawn by the seed.
            seed: Fixes which.
            advance: Told how many are done.

        Returns:
            Words inserted, deleted or replaced (Levenshtein). Shape (number drawn,).
        """
        rows = drawn_rows(len(samples), most, seed)
        known = _as_characters(self.train)
        looked_up = _as_characters(samples.at(rows))
        nearest = np.zeros(len(rows), dtype=np.int64)
        for start in range(0, len(rows), _BLOCK):
            block = looked_up[start : start + _BLOCK]
            found = cdist(block, known, scorer=Levenshtein.distance, dtype=np.uint16)
            nearest[start : start + len(block)] = found.min(axis=1)
            advance(len(block))
        return nearest


class KnownSentences:
    """Every sentence of some splits, prepared for the question whether others stand there.

    Args:
        parts: The splits.
    """

    def __init__(self, parts: Sequence[PackedSentences]) -> None:
        self._contents = frozenset(row for part in parts for row in _contents(part))

    def hold(self, sentences: PackedSentences) -> list[bool]:
        """Return whether each sentence, in the splits' vocabulary, stands there word by word."""
        return [row in self._contents for row in _contents(sentences)]


class CorpusTexts:
    """Every sentence of a corpus, for the question whether texts stand in it.

    What differs in unknown words, or in punctuation, alone is the same: who reads a sample without
    the full stop of a training sentence reads a training sentence.

    Args:
        corpus: All its splits.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._words = corpus.vocabulary
        self._spoken = np.array([any(map(str.isalnum, word)) for word in self._words.words])
        splits = [corpus.split(name) for name in corpus.manifest["splits"]]
        self._known = KnownSentences([self._bare(split) for split in splits])

    def hold(self, texts: Sequence[str]) -> list[bool]:
        """Return whether each text stands there."""
        return self.hold_rows(pack(self._words.encode_batch(texts), vocab_size=len(self._words)))

    def hold_rows(self, sentences: PackedSentences) -> list[bool]:
        """Return whether each sentence, in the corpus's vocabulary, stands there."""
        return self._known.hold(self._bare(sentences))

    def _bare(self, sentences: PackedSentences) -> PackedSentences:
        """Return sentences without the words that have neither letter nor digit."""
        tokens = np.asarray(sentences.tokens)
        kept = self._spoken[tokens]
        before = np.concatenate([[0], np.cumsum(kept)])
        return PackedSentences(tokens[kept], before[sentences.offsets])


def novel_texts(
    samples: PackedSentences, texts: Sequence[str], known: CorpusTexts, count: int
) -> tuple[list[str], int]:
    """Return the first texts that stand in no split of a corpus, and how many were left out.

    Args:
        samples: Of the corpus's vocabulary.
        texts: The same sentences as text.
        known: The corpus.
        count: So many are wanted.
    """
    held = known.hold_rows(samples)
    chosen: list[str] = []
    left_out = 0
    for is_known, text in zip(held, texts, strict=True):
        if len(chosen) == count:
            break
        if is_known:
            left_out += 1
        else:
            chosen.append(text)
    return chosen, left_out


def _check(sentences: PackedSentences) -> None:
    if not len(sentences):
        raise ValueError("no sentences, so nothing is known of them")


def _contents(sentences: PackedSentences) -> list[bytes]:
    """Return the ids of each sentence as bytes, by which they are compared."""
    tokens = np.asarray(sentences.tokens)
    whole, size = tokens.tobytes(), tokens.dtype.itemsize
    offsets = (sentences.offsets * size).tolist()
    return [whole[start:end] for start, end in itertools.pairwise(offsets)]


def drawn_rows(total: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    """Return at most so many row numbers, rising; all where there are no more."""
    if total <= most:
        return np.arange(total)
    drawn: npt.NDArray[Any] = np.random.default_rng(seed).choice(total, most, replace=False)
    return np.sort(drawn).astype(np.int64)


def _as_characters(sentences: PackedSentences) -> list[str]:
    """Return each sentence as a text of a character a word: edits of texts are quickest."""
    start, gap = _SURROGATES
    tokens = np.asarray(sentences.tokens).astype(np.uint32)
    points = np.where(tokens < start, tokens, tokens + gap).astype("<u4")
    text = points.tobytes().decode("utf-32-le")
    offsets = sentences.offsets.tolist()
    return [text[first : end - 1] for first, end in itertools.pairwise(offsets)]
