"""Training of the scorer: classifier and language model side by side, on the same batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor

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
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.labelled_batches import AttributeStore, class_weights
from arae_toolkit.data.samplers import EpochSampler, reseed
from arae_toolkit.devices import Precision, dtype_of, reduced
from arae_toolkit.distributed.ranks import ALONE
from arae_toolkit.ops.sampled_softmax import SoftmaxSample
from arae_toolkit.optim.schedules import COSINE_FLOOR, learning_rate
from arae_toolkit.optim.update import Scalars, adam_update
from arae_toolkit.pretraining.objectives import classifier_nats
from arae_toolkit.training.experiment import Experiment, RunOptions
from arae_toolkit.training.loop import Evaluate
from arae_toolkit.training.selection import select_if_best, selected_weights
from arae_toolkit.transfer.scorer.fluency import provide_floor
from arae_toolkit.transfer.scorer.scorer import SCORER, Scorer, copy_scorer

WANTED_SENTENCES, MOST_EPOCHS = 600_000, 8
SHARED_SECONDS = 60.0
"""So long does a run wait for another that looks at the scorer which all of a corpus share."""


@dataclass(frozen=True)
class ScorerSizes:
    """Sizes of the networks."""

    embedding_size: Size = 128
    """E, of both networks."""
    hidden_size: Size = 256
    """H, of the language model."""
    filters: Size = 128
    """Filters of the classifier, of each of its three widths."""


@dataclass(frozen=True)
class ScorerSchedule:
    """The schedule."""

    batch_size: Rows = 128
    """Sentences a step."""
    epochs: Times = 2
    """Passes over the training split."""
    rate: Amount = 3e-3
    """Adam rate at its highest."""
    warmup: OptionalTimes = 200
    """Iterations over which the rate rises from 0."""
    clip_norm: Amount = 5.0
    """Largest gradient norm."""
    dropout: PartialShare = 0.5
    """Share of the classifier's responses dropped."""
    word_drop: Share = 0.1
    """Share of the words replaced by ``<unk>`` for the classifier."""
    softmax_samples: OptionalRows = 512
    """Words, beside those of the batch, that the language model's softmax is estimated from."""
    seed: Seed = 0
    """Fixes weights, batches and dropout."""
    log_every: Times = 200
    """Iterations between log lines."""
    save_every: Times = 1000
    """Iterations between checkpoints."""
    evaluate_every: OptionalTimes = 0
    """Iterations between evaluations on dev; 0 evaluates after each epoch."""


@dataclass(frozen=True)
class ScorerConfig:
    """All settings of a scorer."""

    model: ScorerSizes = field(default_factory=ScorerSizes)
    """Sizes."""
    training: ScorerSchedule = field(default_factory=ScorerSchedule)
    """Schedule."""


def scorer_settings(rows: int) -> ScorerConfig:
    """Return the settings for a corpus of so many training sentences.

    Small corpora are passed more often, as far as their language model does not learn them by
    heart; and a run is not all warm-up.

    Example:
        >>> [scorer_settings(rows).training.epochs for rows in (300_000, 16_000)]
        [2, 8]
    """
    schedule = ScorerSchedule()
    epochs = min(MOST_EPOCHS, max(schedule.epochs, round(WANTED_SENTENCES / max(rows, 1))))
    batch_size = min(schedule.batch_size, max(16, rows // 50))
    iterations = epochs * max(1, rows // batch_size)
    warmup = min(schedule.warmup, iterations // 10)
    schedule = replace(schedule, epochs=epochs, batch_size=batch_size, warmup=warmup)
    return ScorerConfig(training=schedule)


class ScorerTraining:
    """The training of a scorer's two networks, for :func:`~arae_toolkit.training.loop.fit`.

    Args:
        scorer: Moved in place.
        settings: The schedule.
        store: Training sentences with their attribute values.
        precision: Of the matrix products.
    """

    def __init__(
        self,
        scorer: Scorer,
        settings: ScorerSchedule,
        store: AttributeStore,
        *,
        precision: Precision = "fp32",
    ) -> None:
        self.scorer, self.intervals, self.store = scorer, settings, store
        self.dtype = dtype_of(precision)
        self.device = store.device
        self.sampler = EpochSampler(
            store.host_lengths, batch_size=settings.batch_size, seed=settings.seed
        )
        self.class_weights = class_weights(store.labels, len(scorer.attributes)).to(self.device)
        self.batches_per_epoch = self.sampler.batches_per_epoch
        self.iterations = settings.epochs * self.batches_per_epoch
        self.modules, self.kept = {"scorer": scorer}, dict[str, Tensor]()
        self.random = torch.Generator(self.device)
        parts = {"recognizer": scorer.recognizer, "language_model": scorer.language_model}
        self.updates = {
            name: adam_update(part.parameters(), rate=settings.rate, clip_norm=settings.clip_norm)
            for name, part in parts.items()
        }

    def iteration(self, iteration: int) -> Scalars:
        """Run one iteration: a function of (seed, iteration) and the weights before it."""
        settings, scorer = self.intervals, self.scorer
        length, warmup = self.iterations, settings.warmup
        rate = learning_rate(
            settings.rate, iteration, iterations=length, warmup=warmup, floor=COSINE_FLOOR
        )
        for update in self.updates.values():
            update.set_rate(rate)
        reseed(self.random, seed=settings.seed, iteration=iteration)
        batch = self.store.batch(self.sampler.at(iteration))
        visible = batch.corrupted(share=settings.word_drop, generator=self.random).whole
        with reduced(self.device, self.dtype):
            scores = scorer.recognizer(
                visible, dropout=settings.dropout, generator=self.random
            ).float()
        nats = classifier_nats(scores, batch.labels, class_weights=self.class_weights)
        self.updates["recognizer"].descend(nats)
        sample = SoftmaxSample(settings.softmax_samples, self.random)
        code = torch.zeros(len(batch), 0, device=self.device)
        with reduced(self.device, self.dtype):
            written = scorer.language_model.nats(code, batch, dtype=self.dtype, sample=sample)
        norm = self.updates["language_model"].descend(written / len(batch))
        return {
            "recognizer_nats": nats.detach(),
            "nats_per_token": written.detach() / batch.symbols,
            "gradient_norm": norm,
        }

    def model_weights(self) -> Mapping[str, Tensor]:
        """Return the weights that the model folder is to hold: the selected ones, or the last."""
        return selected_weights(self.kept, self.scorer.state_dict())

    def select(self, *, accuracy: float, nats_per_token: float) -> None:
        """Keep the present weights of each network for the folder if none were better on dev.

        Args:
            accuracy: Of the recognizer, percent.
            nats_per_token: Of the language model.
        """
        scores = {"recognizer": -accuracy, "language_model": nats_per_token}
        weights = self.scorer.state_dict()
        for part, score in scores.items():
            own = {name: value for name, value in weights.items() if name.startswith(f"{part}.")}
            select_if_best(self.kept, own, score, part=part)

    def problem(self, means: Mapping[str, float]) -> str | None:
        """Return nothing: two plain likelihoods do not diverge while they are finite."""
        del means
        return None


def train_scorer(
    corpus: Corpus,
    config: ScorerConfig,
    folder: Path,
    **options: Unpack[RunOptions],
) -> None:
    """Train a scorer on a labelled corpus's train split, resuming what the folder holds.

    Its floor of fluency is found on dev; see :mod:`arae_toolkit.transfer.scorer.fluency`.

    Raises:
        CheckpointMismatch: If the folder holds another run.
        TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
    """
    experiment = Experiment(folder, config, {"corpus": corpus.sha256}, option="--scorer", **options)
    scorer = Scorer(len(corpus.vocabulary), attributes=corpus.labels, **asdict(config.model))
    scorer.initialize(torch.Generator().manual_seed(config.training.seed))
    dev = corpus.split("dev")
    sentences = [dev[row].tolist() for row in range(len(dev))]
    labels = np.asarray(dev.labels)

    def evaluate(training: ScorerTraining, last: bool) -> Mapping[str, Any]:
        del last
        guessed = training.scorer.probabilities(sentences).argmax(axis=1)
        nats = training.scorer.nats_per_token(sentences, labels.tolist())
        lengths = dev.lengths
        found = {
            "accuracy": 100 * float((guessed == labels).mean()),
            "nats_per_token": float((nats * lengths).sum() / lengths.sum()),
        }
        training.select(**found)
        return found

    def make() -> tuple[ScorerTraining, Evaluate[ScorerTraining]]:
        store = AttributeStore(corpus.split("train"), device=experiment.device)
        training = ScorerTraining(scorer, config.training, store, precision=experiment.precision)
        return training, evaluate

    experiment.train(
        scorer,
        make,
        record={"kind": SCORER, "model": scorer.arguments, "corpus": corpus.record},
        vocabulary=corpus.vocabulary,
        patience=SHARED_SECONDS,
    )
    provide_floor(folder, sentences, labels, device=experiment.device)


def provide_scorer(
    corpus: Corpus,
    scorer_folder: Path,
    folder: Path,
    options: RunOptions,
) -> None:
    """Train a corpus's scorer where its folder holds none, and copy it into a model's folder.

    Args:
        corpus: With labelled sentences.
        scorer_folder: Where the scorer is, or is to be.
        folder: Of the model.
        options: Of the model's run; its listeners are told nothing of the scorer's, and its word
            vectors are its own: a scorer is shared. A rehearsal needs no scorer.
    """
    if options.get("rehearsal") is not None:
        return
    ranks = options.get("ranks", ALONE)
    if ranks.leads:  # it is small: the others wait
        own: RunOptions = {**options, "listeners": (), "extend": False, "word_vectors": None}
        own["ranks"] = ALONE
        train_scorer(corpus, scorer_settings(corpus.rows("train")), scorer_folder, **own)
        copy_scorer(scorer_folder, folder)
    ranks.wait()
