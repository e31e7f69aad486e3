"""Settings of a cross-aligned autoencoder and of its training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from arae_toolkit.config.ranges import (
    Amount,
    OptionalRows,
    OptionalTimes,
    PartialShare,
    Positive,
    Rows,
    Seed,
    Share,
    Size,
    Times,
)

AdversarialForm = Literal["minimax", "non-saturating"]


@dataclass(frozen=True)
class CrossAlignedSizes:
    """Sizes of the networks."""

    embedding_size: Size = 128
    """E, of encoder and generator."""
    attribute_size: Size = 64
    """Coordinates of y, in the generator's first state."""
    code_size: Size = 192
    """Z, of the content; beside y it is the generator's first state."""
    filters: Size = 64
    """Filters of the discriminators, of each of their five widths."""


@dataclass(frozen=True)
class CrossAlignedSchedule:
    """The schedule."""

    batch_size: Rows = 128
    """Sentences an iteration, as many of each attribute value."""
    epochs: Times = 1
    """Passes over the sentences of the most frequent value; those of others come more often. More
    of them copy more: the code comes to hold the whole sentence before its value has left it."""
    iterations: OptionalTimes = 0
    """Iterations of the whole run, whatever ``epochs`` says; 0 trains for ``epochs``."""
    rate: Amount = 2e-3
    """Adam rate of encoder and generator at its highest."""
    warmup: OptionalTimes = 200
    """Iterations over which the rate rises from 0."""
    clip_norm: Amount = 5.0
    """Largest gradient norm, of both updates."""
    dropout: PartialShare = 0.0
    """Share of the embeddings' coordinates dropped."""
    word_drop: Share = 0.0
    """Share of the words replaced by ``<unk>`` for the encoder."""
    softmax_samples: OptionalRows = 512
    """Words, beside those of the batch, that the reconstruction's softmax is estimated from; 0
    takes the whole vocabulary."""
    adversarial_weight: Amount = 3.0
    """lambda: what a nat of the discriminators weighs beside a nat a sentence of reconstruction."""
    adversarial_form: AdversarialForm = "minimax"
    """``minimax``, the paper's: encoder and generator ascend the discriminators' losses;
    ``non-saturating``: they descend the nats of their own free runs being taken for real."""
    adversarial_sentences: Rows = 24
    """Sentences of each value, of those of an iteration, that are transferred to another one."""
    adversarial_start: Share = 0.2
    """Share of the iterations after which the discriminators begin; before it, there is nothing
    worth telling from real sentences."""
    adversarial_warmup: OptionalTimes = 500
    """Iterations over which the weight rises from 0."""
    loss_bound: Amount = 1.2
    """Nats of a discriminator from which on its gradient is left out; chance is 2 log 2 = 1.39."""
    discriminator_rate: Amount = 1e-3
    """Adam rate of the discriminators."""
    discriminator_dropout: PartialShare = 0.0
    """Share of the discriminators' responses dropped."""
    first_temperature: Positive = 1.0
    """Temperature of the soft words when the discriminators begin; it falls geometrically."""
    last_temperature: Positive = 0.1
    """Temperature of the soft words at the end of the fall."""
    temperature_fall: Share = 0.5
    """Share of the iterations left over which the temperature falls."""
    soft_words: OptionalRows = 16
    """Likeliest words that a soft word is made of; 0 takes all."""
    gradient_bound: Amount = 0.3
    """Largest norm of the gradient that reaches a soft word, for a loss that is a sum over
    sentences; 0 does not bound it. Each cold soft word multiplies gradients by up to one over the
    temperature, and a few sentences of a batch would drown all others."""
    extra_steps: OptionalRows = 3
    """Words that a transferred sentence may have more than the longest of its batch."""
    seed: Seed = 0
    """Fixes weights, batches and dropout."""
    log_every: Times = 100
    """Iterations between log lines."""
    save_every: Times = 1000
    """Iterations between checkpoints."""
    evaluate_every: OptionalTimes = 0
    """Iterations between evaluations on dev; 0 evaluates after each epoch."""
    evaluation_sentences: Rows = 2000
    """Dev sentences used for the evaluations."""


@dataclass(frozen=True)
class CrossAlignedConfig:
    """All settings of a cross-aligned autoencoder."""

    model: CrossAlignedSizes = field(default_factory=CrossAlignedSizes)
    """Sizes."""
    training: CrossAlignedSchedule = field(default_factory=CrossAlignedSchedule)
    """Schedule."""
