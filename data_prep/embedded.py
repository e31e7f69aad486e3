"""The splits of the ``synthetic`` corpus, which needs no files: captions and entailment pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

import numpy as np

from arae_toolkit.corpus import Sentence, SentencePair
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.rows import RowLog, TextRows
from arae_toolkit.data_prep.snli import LABELS

FEWEST_EVALUATION_PAIRS, MOST_EVALUATION_PAIRS = 100, 5_000
SAMPLE_ROWS = 200
"""Rows by which the generator is recognised."""


def rows(options: PrepareOptions) -> TextRows:
    """Return splits like those of SNLI: train of captions and pairs, dev and test of pairs.

    Half of the ``size`` training sentences are captions, half are the two sides of pairs. Dev and
    test have a twentieth as many pairs as train has sentences, within bounds.
    """
    from arae_toolkit.data_prep import synthetic  # here, because its word lists take time to load

    train_pairs = options.size // 4
    captions = options.size - 2 * train_pairs
    evaluation_pairs = min(max(options.size // 20, FEWEST_EVALUATION_PAIRS), MOST_EVALUATION_PAIRS)
    seeds = {
        name: int(np.random.SeedSequence([options.seed, number]).generate_state(1)[0])
        for number, name in enumerate(("captions", "train", "dev", "test"))
    }
    pair_counts = {"train": train_pairs, "dev": evaluation_pairs, "test": evaluation_pairs}

    def read_captions(log: RowLog) -> Iterator[Sentence]:
        del log  # nothing can be wrong with them
        yield from synthetic.caption_sentences(captions, seed=seeds["captions"])

    def read_pairs(split: str, log: RowLog) -> Iterator[SentencePair]:
        del log
        yield from synthetic.entailment_pairs(pair_counts[split], seed=seeds[split])

    return TextRows(
        files=(),
        sentences={"train": read_captions},
        pairs={split: partial(read_pairs, split) for split in pair_counts},
        labels=LABELS,
        label_pairs=True,
    )


def fingerprint() -> str:
    """Return a SHA-256 over the generator's first rows, which changes when the grammar does."""
    from arae_toolkit.data_prep import synthetic

    digest = hashlib.sha256()
    for row in (
        *synthetic.caption_sentences(SAMPLE_ROWS, seed=0),
        *synthetic.entailment_pairs(SAMPLE_ROWS, seed=0),
    ):
        digest.update(repr(row).encode())
    return digest.hexdigest()
