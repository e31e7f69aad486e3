"""Settings of an infilling model and of its training."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class InfillingModelConfig:
    """Sizes of the network."""

    embedding_size: int = 256
    """E, of the words that are read and of those that are filled in."""
    hidden_size: int = 256
    """H, of each direction."""
    attribute_size: int = 32
    """Coordinates of an attribute value's embedding."""
    channels: int = 192
    """Of each layer of the recognizer of attributes."""


@dataclass(frozen=True)
class InfillingTrainingConfig:
    """One training: hidden words are told from the others and from the sentence's attribute."""

    batch_size: int = 128
    """Sentences an iteration, as many of each attribute value."""
    epochs: int = 3
    """Passes over the sentences of the most frequent value; those of others come more often."""
    iterations: int = 0
    """Iterations of the whole run, whatever ``epochs`` says; 0 trains for ``epochs``."""
    rate: float = 2e-3
    """Adam's learning rate; it rises during ``warmup`` and falls to nothing as a cosine."""
    warmup: int = 300
    """Iterations over which the rate rises from 0."""
    clip_norm: float = 2.0
    """Largest gradient norm; 0 does not clip."""
    dropout: float = 0.1
    """Share of the embeddings' coordinates dropped."""
    recognizer_dropout: float = 0.3
    """The same of what the recognizer of attributes reads and of its layers."""
    recognizer_weight: float = 1.0
    """Of the recognizer's cross-entropy, in nats a sentence, beside the nats of a hidden word."""
    recognizer_hides: float = 0.15
    """Most words hidden from the recognizer: a sentence's share is drawn between 0 and twice it."""
    softmax_samples: int = 512
    """Words, beside those hidden, that the softmax is estimated from."""
    smoothing: float = 1.0
    """Added to counts where the salience of words is counted."""
    least_salience: float = 0.3
    """Nats. Words that mark their sentence's attribute more than a bound are hidden; the bound is
    drawn for each sentence from here ..."""
    most_salience: float = 3.0
    """... up to here."""
    share: float = 0.1
    """Of the words hidden whatever they mark; in a third of the sentences three times it."""
    beside: float = 0.2
    """Share of the neighbours of hidden words that are hidden too."""
    asked: float = 0.15
    """Share of the visible words that are told as well."""
    empty: float = 0.2
    """Chance that a place is made beside a hidden word where there is none: that must be told,
    too. Elsewhere it is a tenth of it."""

    seed: int = 0
    """Fixes starting weights, batches, hidden words and dropout."""
    log_every: int = 100
    """Iterations between log lines."""
    save_every: int = 1000
    """Iterations between checkpoints."""
    evaluate_every: int = 0
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
    """Nats a word gains, where words are chosen, for each nat by which it marks the target ..."""
    most_guidance: float = 3.0
    """... and the most that it gains."""
    kinship: float = 6.0
    """Nats a word gains, where words are chosen, for being used like the one it replaces."""
    endings: float = 0.4
    """What is added to the likeness of words that end alike, which is 1 for a word and itself."""
    ways: int = 4
    """Words tried at each place of a sentence, and at the last place of a template."""
    edits: int = 10
    """Changes of a single word that the recognizer looks at, of those that seem best."""
    salience_weight: float = 0.3
    """Of what a word marks by itself, beside what the recognizer says of it in its sentence, where
    words to hide are chosen."""
    fewest: int = 2
    """Words are hidden together where the recognizer needs as many to be: a change of one word
    needs no template."""
    spread: int = 1
    """So many words more and fewer are hidden, too."""
    close: int = 4
    """Sentences that are read, of those that seem best, for how likely they are."""
    rounds: int = 1
    """Times that a further word of the best sentence is changed, where the recognizer is not
    content ..."""
    enough_margin: float = 1.0
    """... with this margin in nats, times the strength."""
    wanted_margin: float = 2.0
    """Nats by which the recognizer should prefer the target."""
    margin_weight: float = 2.0
    """Cost of a nat that is missing there."""
    worse_weight: float = 0.5
    """Cost of a nat by which a sentence fits together less well than the source ..."""
    better_weight: float = 0.05
    """... and what one is worth by which it does so better: no sentence is changed for that."""
    left_weight: float = 2.5
    """Cost of a nat by which one of its words, by itself, marks other attributes ..."""
    least_left: float = 0.4
    """... beyond so many."""
    change_weight: float = 1.0
    """Cost of a word changed, put in or left out ..."""
    unlike_weight: float = 4.0
    """... and of one that is not used like the word it replaces."""
    repeated_weight: float = 8.0
    """Cost of a word that marks an attribute and is said once more than the source says it."""
    rarity: float = 1.0
    """Share of the nats that words cost by their frequency alone that is not counted where
    sentences are compared."""
