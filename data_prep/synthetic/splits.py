"""The splits of the synthetic corpora, which need no files."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from arae_toolkit.data.corpus import Sentence, SentencePair
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers.snli import LABELS
from arae_toolkit.data_prep.readers.source_rows import RowLog, TextRows

FEWEST_EVALUATION_PAIRS, MOST_EVALUATION_PAIRS = 100, 5_000
SAMPLE_ROWS = 200
"""Rows by which the generator is recognised."""


SENTENCE_LABELS = {
    "synthetic-sentiment": ("negative", "positive"),
    "synthetic-topics": ("science", "music", "politics"),
}


def rows(name: str, options: PrepareOptions) -> TextRows:
    """Return the splits of a synthetic corpus.

    ``synthetic`` is like SNLI, ``synthetic-sentiment`` like Yelp and ``synthetic-topics`` like
    Yahoo. Dev and test have a twentieth as many rows as train has sentences, within bounds.
    """
    return _pairs(options) if name == "synthetic" else _sentences(name, options)


def _sentences(name: str, options: PrepareOptions) -> TextRows:
    """Return splits of labelled sentences."""
    from arae_toolkit.data_prep.synthetic import (
        corpora,  # here, because its word lists take time to load
    )

    draw = corpora.sentiment_sentences if name == "synthetic-sentiment" else corpora.topic_sentences
    evaluation = min(max(options.size // 20, FEWEST_EVALUATION_PAIRS), MOST_EVALUATION_PAIRS)

    def read(count: int, seed: int, log: RowLog) -> Iterator[Sentence]:
        del log  # nothing can be wrong with them
        yield from draw(count, seed=seed)

    return TextRows(
        files=(),
        sentences={
            split: partial(read, options.size if split == "train" else evaluation, seed)
            for split, seed in _seeds(options.seed, ("train", "dev", "test")).items()
        },
        labels=SENTENCE_LABELS[name],
    )


def _seeds(seed: int, names: Sequence[str]) -> dict[str, int]:
    """Return a seed of its own for each name."""
    return {
        name: int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        for number, name in enumerate(names)
    }


def _pairs(options: PrepareOptions) -> TextRows:
    """Return splits like those of SNLI: train of captions and pairs, dev and test of pairs.

    Half of the ``size`` training sentences are captions, half are the two sides of pairs. Dev and
    test have a twentieth as many pairs as train has sentences, within bounds.
    """
    from arae_toolkit.data_prep.synthetic import (
        corpora,  # here, because its word lists take time to load
    )

    train_pairs = options.size // 4
    captions = options.size - 2 * train_pairs
    evaluation_pairs = min(max(options.size // 20, FEWEST_EVALUATION_PAIRS), MOST_EVALUATION_PAIRS)
    seeds = _seeds(options.seed, ("captions", "train", "dev", "test"))
    pair_counts = {"train": train_pairs, "dev": evaluation_pairs, "test": evaluation_pairs}

    def read_captions(log: RowLog) -> Iterator[Sentence]:
        del log  # nothing can be wrong with them
        yield from corpora.caption_sentences(captions, seed=seeds["captions"])

    def read_pairs(split: str, log: RowLog) -> Iterator[SentencePair]:
        del log
        yield from corpora.entailment_pairs(pair_counts[split], seed=seeds[split])

    return TextRows(
        files=(),
        sentences={"train": read_captions},
        pairs={split: partial(read_pairs, split) for split in pair_counts},
        labels=LABELS,
        label_pairs=True,
    )


def fingerprint(name: str) -> str:
    """Return a SHA-256 over a generator's first rows, which changes when the grammar does."""
    from arae_toolkit.data_prep.synthetic import corpora

    samples: tuple[Iterator[Sentence | SentencePair], ...] = (
        corpora.caption_sentences(SAMPLE_ROWS, seed=0),
        corpora.entailment_pairs(SAMPLE_ROWS, seed=0),
    )
    if name == "synthetic-sentiment":
        samples = (corpora.sentiment_sentences(SAMPLE_ROWS, seed=0),)
    elif name == "synthetic-topics":
        samples = (corpora.topic_sentences(SAMPLE_ROWS, seed=0),)
    digest = hashlib.sha256()
    for row in itertools.chain(*samples):
        digest.update(repr(row).encode())
    return digest.hexdigest()
