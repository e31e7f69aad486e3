"""Settings of a sentence-pair classifier and of its training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from arae_toolkit.config.ranges import (
    Amount,
    OptionalRows,
    OptionalTimes,
    PartialShare,
    Rows,
    Seed,
    Share,
    Size,
    Times,
)

ModelName = Literal["paper", "bilstm-max", "attention"]
Objective = Literal["supervised", "ae", "arae", "masked-pairs", "cross-sentence"]
OBJECTIVES: tuple[Objective, ...] = ("supervised", "ae", "arae", "masked-pairs", "cross-sentence")
OUTSIDE = "sentence-transformers:"
"""What stands before the name of a model of that library."""
OUTSIDE_OBJECTIVE = "outside"
"""What is recorded as the objective of weights of another library."""
TUNED_RATE = 0.02
"""``encoder_rate`` of outside weights that are tuned: 2e-5 in all, as is usual for transformers."""
PAIR_OBJECTIVES: tuple[Objective, ...] = ("masked-pairs", "cross-sentence")
"""Those that a network of pairs is pretrained by, and not an autoencoder's encoder."""


@dataclass(frozen=True)
class PairModelConfig:
    """Form and sizes of the network."""

    kind: ModelName = "paper"
    """``paper``: the ARAE's encoder and a perceptron over [u, v, |u - v|, u * v]; ``bilstm-max``:
    the same over a bidirectional LSTM's maximum; ``attention``: words aligned and compared."""
    embedding_size: Size = 300
    """E."""
    code_size: Size = 300
    """Z; for the last two kinds, that of both directions together."""
    hidden_size: Size = 300
    """H, hidden units of the perceptron."""
    embedding_dropout: PartialShare = 0.1
    """Share of the embeddings' coordinates dropped in training."""
    dropout: PartialShare = 0.1
    """Share of the perceptron's inputs and hidden units dropped in training."""

    def __post_init__(self) -> None:
        """Refuse a size that two directions cannot share."""
        if self.kind != "paper" and self.code_size % 2:
            raise ValueError(f"code_size must be even for two directions, got {self.code_size}")


@dataclass(frozen=True)
class PairTrainingConfig:
    """One training of a classifier, or one pretraining of it on pairs without labels."""

    batch_size: Rows = 64
    """Pairs an iteration."""
    epochs: Times = 6
    """Passes over the labelled pairs. The epoch that is best on dev is kept."""
    rate: Amount = 1e-3
    """Adam's learning rate; it rises during ``warmup`` and falls to nothing as a cosine."""
    encoder_rate: Amount = 1.0
    """Factor on the rate for the encoder's weights."""
    warmup: OptionalTimes = 100
    """Iterations over which the rate rises from 0."""
    clip_norm: Amount = 5.0
    """Largest gradient norm; 0 does not clip."""
    word_drop: Share = 0.0
    """Share of the words of both sentences replaced by ``<unk>`` in training; in pretraining the
    share that is masked, and predicted."""
    balanced: bool = False
    """Weigh pairs so that every class counts alike in the loss, where labels are not balanced."""
    label_smoothing: PartialShare = 0.0
    """Share of a label's weight that is spread over all labels."""
    hypothesis_weight: Share = 0.0
    """How far what the hypothesis alone gives away is explained already: while training, that share
    of the logarithms of what a model of its words says is added to the scores, as in Clark,
    Yatskar and Zettlemoyer (2019). Not for pretraining."""
    matching_weight: Amount = 0.0
    """Pretraining only: weight of matching a premise with its hypothesis among those of others."""
    softmax_samples: OptionalRows = 1024
    """Pretraining only: words, beside those masked, that the softmax is estimated from; 0 takes the
    whole vocabulary."""

    seed: Seed = 0
    """Fixes starting weights, batches and dropout."""
    log_every: Times = 100
    """Iterations between log lines."""
    save_every: Times = 500
    """Iterations between checkpoints."""
    evaluate_every: OptionalTimes = 0
    """Iterations between evaluations on dev; 0 evaluates after each epoch."""


@dataclass(frozen=True)
class PairConfig:
    """All settings of a classifier."""

    model: PairModelConfig = field(default_factory=PairModelConfig)
    """Network."""
    training: PairTrainingConfig = field(default_factory=PairTrainingConfig)
    """Training."""


_WIDE = PairModelConfig(
    kind="bilstm-max",
    embedding_size=256,
    code_size=512,
    hidden_size=512,
    embedding_dropout=0.2,
    dropout=0.2,
)
MODELS: dict[ModelName, PairConfig] = {
    "paper": PairConfig(),
    "bilstm-max": PairConfig(_WIDE, PairTrainingConfig(epochs=4)),
    "attention": PairConfig(replace(_WIDE, kind="attention"), PairTrainingConfig(epochs=4)),
}
"""Settings of each model."""

PRETRAINING = PairConfig(
    MODELS["bilstm-max"].model,
    PairTrainingConfig(
        epochs=8, word_drop=0.25, matching_weight=0.3, log_every=200, save_every=500
    ),
)
"""Settings of training an encoder on pairs without labels."""
OF_CLASSIFIERS = (
    *("hidden_size", "dropout", "encoder_rate", "balanced", "label_smoothing"),
    "hypothesis_weight",
)
"""Settings that pretraining on pairs does not look at."""
OF_PRETRAINING = ("matching_weight", "softmax_samples")
"""Settings that the training of a classifier does not look at."""


def check_pretrainable(model: PairModelConfig) -> None:
    """Refuse a network that is not pretrained on pairs.

    Raises:
        ValueError: If it is the paper's, whose objectives are an autoencoder's.
    """
    if model.kind == "paper":
        raise ValueError(
            "kind=paper: its encoder is pretrained by 'arae-toolkit pretrain'; use kind=bilstm-max "
            "or kind=attention"
        )
