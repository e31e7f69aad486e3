"""Settings of an infilling model and of its training."""

from __future__ import annotations

from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class InfillingModelConfig:
    """Sizes of the network."""

    embedding_size: Size = 256
    """E, of the words that are read and of those that are filled in."""
    hidden_size: Size = 256
    """H, of each direction."""
    attribute_size: Size = 32
    """Coordinates of an attribute value's embedding."""
    channels: Size = 192
    """Channels of each layer of the attribute classifier."""


@dataclass(frozen=True)
class InfillingTrainingConfig:
    """One training: masked words are predicted from the others and the sentence's attribute."""

    batch_size: Rows = 128
    """Sentences an iteration, as many of each attribute value."""
    epochs: Times = 3
    """Passes over the sentences of the most frequent value; those of others come more often."""
    iterations: OptionalTimes = 0
    """Iterations of the whole run, whatever ``epochs`` says; 0 trains for ``epochs``."""
    rate: Amount = 2e-3
    """Adam's learning rate; it rises during ``warmup`` and falls to nothing as a cosine."""
    warmup: OptionalTimes = 300
    """Iterations over which the rate rises from 0."""
    clip_norm: Amount = 2.0
    """Largest gradient norm; 0 does not clip."""
    dropout: PartialShare = 0.1
    """Share of the embeddings' coordinates dropped."""
    recognizer_dropout: PartialShare = 0.3
    """Share of the attribute classifier's inputs and layers dropped."""
    recognizer_weight: Amount = 1.0
    """Weight of the classifier's cross-entropy, in nats a sentence, beside the nats of a word."""
    recognizer_hides: Share = 0.15
    """Mean share of the words masked for the classifier; a sentence's own is at most twice it."""
    softmax_samples: OptionalRows = 512
    """Words, beside those masked, that the softmax is estimated from; 0 takes the whole
    vocabulary."""
    smoothing: Positive = 1.0
    """Number added to each count of words for their salience."""
    least_salience: Amount = 0.3
    """Least bound in nats: words that mark their sentence's attribute more than a bound, drawn for
    each sentence, are masked."""
    most_salience: Amount = 3.0
    """Greatest bound in nats."""
    share: Share = 0.1
    """Share of the words masked whatever they mark; in a third of the sentences three times it."""
    beside: Share = 0.2
    """Share of the neighbours of masked words that are masked too."""
    asked: Share = 0.15
    """Share of the visible words that are predicted as well."""
    empty: Share = 0.2
    """Chance that a mask is put beside a masked word where there is no word, which is to be
    predicted, too. Elsewhere it is a tenth of it."""

    seed: Seed = 0
    """Fixes starting weights, batches, masked words and dropout."""
    log_every: Times = 100
    """Iterations between log lines."""
    save_every: Times = 1000
    """Iterations between checkpoints."""
    evaluate_every: OptionalTimes = 0
    """Iterations between evaluations on dev; 0 evaluates after each epoch."""


@dataclass(frozen=True)
class InfillingConfig:
    """All settings of an infilling model."""

    model: InfillingModelConfig = field(default_factory=InfillingModelConfig)
    """Network."""
    training: InfillingTrainingConfig = field(default_factory=InfillingTrainingConfig)
    """Training."""


@dataclass(frozen=True)
class Search:
    """What is tried to rewrite a sentence, and how the sentences that come of it are ordered."""

    words: int = 4000
    """As many of the most frequent words may be filled in."""
    guidance: float = 1.0
    """Nats a word gains, where words are chosen, for each nat by which it marks the target."""
    most_guidance: float = 3.0
    """Most nats a word gains for marking the target."""
    kinship: float = 6.0
    """Nats a word gains, where words are chosen, for being used like the one it replaces."""
    endings: float = 0.4
    """What is added to the similarity of words that end alike, which is 1 for a word and itself."""
    ways: int = 4
    """Words tried at each position of a sentence, and at the last one of a template."""
    edits: int = 10
    """Edits of a single word that the classifier scores, of those that seem best."""
    salience_weight: float = 0.3
    """Weight of a word's salience, beside what the classifier says of it in its sentence, where
    words to mask are chosen."""
    fewest: int = 2
    """Least words masked together: an edit of one word needs no template."""
    spread: int = 1
    """Number of words by which more and fewer are masked, too."""
    close: int = 4
    """Sentences whose pseudo-likelihood is computed, of those that seem best."""
    rounds: int = 1
    """Times that a further word of the best sentence is changed, where its margin is small."""
    enough_margin: float = 1.0
    """Margin in nats, times the strength, from which the best sentence is changed no further."""
    wanted_margin: float = 2.0
    """Nats by which the classifier should prefer the target."""
    margin_weight: float = 2.0
    """Cost of a nat missing from the wanted margin."""
    worse_weight: float = 0.5
    """Cost of a nat of pseudo-likelihood that a sentence has less than the source."""
    better_weight: float = 0.05
    """Worth of a nat that it has more: so little that no sentence is changed for it."""
    left_weight: float = 2.5
    """Cost of a nat by which one of its words, by itself, marks other attributes."""
    least_left: float = 0.4
    """Nats of other attributes that a word may mark at no cost."""
    change_weight: float = 1.0
    """Cost of a word changed, put in or left out."""
    unlike_weight: float = 4.0
    """Cost of a word that is not used like the one it replaces."""
    repeated_weight: float = 8.0
    """Cost of a word that marks an attribute and is said once more than the source says it."""
    rarity: float = 1.0
    """Share of the nats that words cost by their frequency alone that is not counted where
    sentences are compared."""
