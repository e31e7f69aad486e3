"""What the batches of an iteration hold: sentences, tokens, distinct words, the longest sentence.

A limit on speed rests on what must be computed, so it is counted on the very batches that are
timed. A word's product with the gate weights is the same wherever it stands: it is needed once for
each *distinct* word of what is encoded together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import chain, islice
from statistics import fmean

import numpy as np

from arae_toolkit.config.schema import Config, TrainingConfig
from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.samplers import EpochSampler, draw

_CRITIC_STREAM, _ENCODER_STREAM = 1, 2
MOST_DRAWN = 10


@dataclass(frozen=True)
class Counts:
    """What is encoded together; means over several batches need not be whole numbers.

    Attributes:
        sentences: B.
        tokens: Of all sentences, ``<eos>`` included.
        distinct: Distinct words among the tokens. The decoder reads ``<bos>`` where the encoder
            reads ``<eos>``, so this is its number, too.
        longest: Tokens of the longest sentence.
    """

    sentences: float
    tokens: float
    distinct: float
    longest: float


@dataclass(frozen=True)
class IterationCounts:
    """What an iteration reads.

    Attributes:
        reconstruction: The batch that is reconstructed.
        critic: The rows encoded for the critic, one entry for each pass of the encoder.
        encoder: The rows of each separate encoder update; empty where the update is joint.
    """

    reconstruction: Counts
    critic: tuple[Counts, ...]
    encoder: tuple[Counts, ...]


def count_rows(sentences: PackedSentences, rows: Indices) -> Counts:
    """Count what some rows of a split hold together.

    Args:
        sentences: The split.
        rows: Row numbers. Shape (B,).
    """
    return count_sentences([np.asarray(sentences[row]) for row in rows.tolist()])


def count_sentences(sentences: Sequence[Sequence[int] | Indices]) -> Counts:
    """Count what some sentences of ids hold together, each ending in ``<eos>``."""
    lengths = [len(sentence) for sentence in sentences]
    words = np.concatenate([np.asarray(sentence) for sentence in sentences])
    return Counts(len(sentences), sum(lengths), len(np.unique(words)), max(lengths))


def mean_counts(counts: Sequence[Counts]) -> Counts:
    """Return the mean of each number."""
    return Counts(*(fmean(numbers) for numbers in zip(*map(astuple, counts), strict=True)))


def critic_passes(training: TrainingConfig) -> list[int]:
    """Return how many of the critic's batches each pass of the encoder encodes together.

    The encoder stands still between its own updates, so one pass serves all critic steps up to the
    next; of several separate encoder updates, all but the last follow a critic step each.
    """
    separate = training.encoder_update == "separate"
    between = min(max(training.encoder_steps - 1, 0), training.critic_steps) if separate else 0
    rest = training.critic_steps - between
    return [1] * between + [rest] * (rest > 0)


def rows_of_iterations(sampler: EpochSampler, iterations: range) -> Iterator[Indices]:
    """Yield the rows that each of these iterations reconstructs."""
    per_epoch = sampler.batches_per_epoch
    epochs = range(iterations.start // per_epoch, (iterations.stop - 1) // per_epoch + 1)
    batches = chain.from_iterable(sampler.epoch(epoch) for epoch in epochs)
    skipped = epochs.start * per_epoch
    return islice(batches, iterations.start - skipped, iterations.stop - skipped)


def counts_of_iterations(
    sentences: PackedSentences, sampler: EpochSampler, config: Config, iterations: range
) -> IterationCounts:
    """Count what these iterations read, as means over them.

    The batches to be reconstructed are those of the sampler. The rows for critic and encoder are
    drawn uniformly, as in training but by other draws and for the first iterations alone: only how
    many words they share matters.

    Args:
        sentences: The train split.
        sampler: Of the training that is timed.
        config: Its settings; one GAN round an iteration.
        iterations: Which iterations, counted from 0.
    """
    training, size = config.training, sampler.batch_size

    def drawn(stream: int, batches: int) -> Counts:
        seeds = [
            (training.seed, stream, iteration, batches) for iteration in iterations[:MOST_DRAWN]
        ]
        rows = [draw(len(sentences), batches * size, seed=seed) for seed in seeds]
        return mean_counts([count_rows(sentences, part) for part in rows])

    updates = training.encoder_steps if training.encoder_update == "separate" else 0
    reconstructed = rows_of_iterations(sampler, iterations)
    return IterationCounts(
        mean_counts([count_rows(sentences, rows) for rows in reconstructed]),
        tuple(drawn(_CRITIC_STREAM, batches) for batches in critic_passes(training)),
        tuple(drawn(_ENCODER_STREAM, 1) for _ in range(updates)),
    )
