"""Training of an infilling model: one update, its schedule, evaluation on dev, and the run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.data.corpus import Corpus, PackedSentences
from arae_toolkit.data.samplers import BalancedSampler, reseed
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.devices import Precision, dtype_of, reduced
from arae_toolkit.distributed.ranks import ALONE, Ranks
from arae_toolkit.nn.shared_rows import OwnRows
from arae_toolkit.ops.sampled_softmax import SoftmaxSample
from arae_toolkit.optim import schedules
from arae_toolkit.optim.schedules import learning_rate
from arae_toolkit.optim.update import Scalars, adam_update
from arae_toolkit.training.experiment import Experiment, RunOptions
from arae_toolkit.training.loop import Evaluate, far_above_guessing
from arae_toolkit.transfer.infilling.masking import mask_at_random, mask_for_infilling
from arae_toolkit.transfer.infilling.network import (
    INFILLING,
    InfillingNetwork,
    new_infilling_network,
)
from arae_toolkit.transfer.infilling.settings import InfillingConfig, InfillingTrainingConfig
from arae_toolkit.transfer.salience import log_ratios, word_counts
from arae_toolkit.transfer.scorer.training import provide_scorer

_EVALUATION_BATCH = 256


class InfillingTraining:
    """The training of an infilling network, for :func:`~arae_toolkit.training.loop.fit`.

    Args:
        network: Moved in place; its ``salience`` is counted already.
        settings: The schedule.
        sentences: Labelled train split.
        device: Of the network and the sentences.
        precision: Of the matrix products.
        ranks: Processes that share out the sentences of every batch.

    Raises:
        ValueError: If a class has no sentences.
    """

    def __init__(
        self,
        network: InfillingNetwork,
        settings: InfillingTrainingConfig,
        sentences: PackedSentences,
        *,
        device: torch.device,
        precision: Precision = "fp32",
        ranks: Ranks = ALONE,
    ) -> None:
        """Make the optimizer; the weights are left as they are."""
        assert sentences.labels is not None, "salience was counted in labelled sentences"
        self.network, self.intervals, self.device = network, settings, device
        self.dtype, self.ranks = dtype_of(precision), ranks
        self.store = TokenStore(sentences, device=device)
        labels = np.asarray(sentences.labels, dtype=np.int64)
        self.labels = torch.from_numpy(labels).to(device)
        self.sampler = BalancedSampler(
            self.store.host_lengths,
            labels,
            network.attribute.num_embeddings,
            batch_size=settings.batch_size,
            seed=settings.seed,
        )
        self.batches_per_epoch = self.sampler.batches_per_epoch
        self.iterations = schedules.iterations(settings, batches_per_epoch=self.batches_per_epoch)
        self.modules, self.kept = {"network": network}, dict[str, Tensor]()
        self.random = torch.Generator(device)
        self.updates = {
            "network": adam_update(
                network.parameters(), rate=settings.rate, clip_norm=settings.clip_norm, ranks=ranks
            )
        }

    def iteration(self, iteration: int) -> Scalars:
        """Run one iteration: a function of (seed, iteration) and the weights before it."""
        settings, update = self.intervals, self.updates["network"]
        rate = learning_rate(
            settings.rate, iteration, iterations=self.iterations, warmup=settings.warmup
        )
        update.set_rate(rate)
        reseed(self.random, seed=settings.seed, iteration=iteration)
        rows = self.sampler.at(iteration)
        batch = self.store.batch(rows)
        labels = self.labels[torch.from_numpy(np.ascontiguousarray(rows)).to(self.device)]
        network, random = self.network, self.random
        part = mask_for_infilling(batch, labels, network.salience, settings, random)
        visible = mask_at_random(batch, share=settings.recognizer_hides, generator=random)
        asked = part.masked | part.asked
        own = OwnRows(self.ranks, len(batch))
        noise, own_labels, own_asked = own.noise(random), labels[own.rows], asked[own.rows]
        with reduced(self.device, self.dtype):
            states = network.states(
                own.of(part.batch), own_labels, dropout=settings.dropout, generator=noise
            )
            nats = network.nats_at(
                states.positions[own_asked],
                own_labels[own_asked.nonzero(as_tuple=True)[0]],
                part.targets[own.rows][own_asked],
                sample=SoftmaxSample(
                    settings.softmax_samples, random, batch_words=part.targets[asked]
                ),
                dtype=self.dtype,
            )
            scores = network.classify(
                own.of(visible), dropout=settings.recognizer_dropout, generator=noise
            )
        nats = own.summed(nats) / asked.sum().clamp(min=1)
        scores = own.gathered(scores)
        recognition = functional.cross_entropy(scores, labels)
        norm = update.descend(nats + settings.recognizer_weight * recognition)
        right = scores.detach().argmax(dim=1) == labels
        return {
            "nats_per_word": nats.detach(),
            "recognition_nats_per_sentence": recognition.detach(),
            "share_recognized": right.float().mean(),
            "gradient_norm": norm.detach().float(),
        }

    def model_weights(self) -> Mapping[str, Tensor]:
        """Return the network's weights."""
        weights: Mapping[str, Tensor] = self.network.state_dict()
        return weights

    def problem(self, means: Mapping[str, float]) -> str | None:
        """Return that masked words cost far more than guessing, if they do."""
        return far_above_guessing(means, "nats_per_word", math.log(len(self.network.word_bias)))


@torch.no_grad()
def evaluate(training: InfillingTraining, dev: PackedSentences) -> dict[str, Any]:
    """Return how well masked words and attributes of a labelled split are predicted.

    The words masked are the same in every evaluation.

    Returns:
        ``nats_per_hidden_word`` and, conditioned on another attribute than the sentence's,
        ``nats_per_hidden_word_misled``; ``recognized``, the percentage of sentences whose
        attribute is predicted.
    """
    assert dev.labels is not None, "the corpus has labels"
    network, settings = training.network, training.intervals
    store = TokenStore(dev, device=training.device)
    all_labels = np.asarray(dev.labels, dtype=np.int64)
    random = torch.Generator(training.device).manual_seed(settings.seed)
    rows = np.flatnonzero(all_labels >= 0)
    order = rows[np.argsort(store.host_lengths[rows], kind="stable")]
    network.eval()
    totals, count, right = np.zeros(2), 0, 0
    for start in range(0, len(order), _EVALUATION_BATCH):
        chosen = order[start : start + _EVALUATION_BATCH]
        batch = store.batch(chosen)
        labels = torch.from_numpy(all_labels[chosen]).to(training.device)
        part = mask_for_infilling(batch, labels, network.salience, settings, random)
        with reduced(training.device, training.dtype):
            others = (labels + 1) % network.attribute.num_embeddings
            for number, attributes in enumerate((labels, others)):
                context = network.states(part.batch, attributes).positions[part.masked]
                of_each = attributes[part.masked.nonzero(as_tuple=True)[0]]
                answers = part.targets[part.masked]
                nats = network.nats_at(context, of_each, answers, dtype=training.dtype)
                totals[number] += float(nats)
            scores = network.classify(batch)
        count += int(part.masked.sum())
        right += int((scores.argmax(dim=1) == labels).sum())
    return {
        "nats_per_hidden_word": float(totals[0]) / max(1, count),
        "nats_per_hidden_word_misled": float(totals[1]) / max(1, count),
        "recognized": 100 * right / max(1, len(order)),
    }


def train_infilling(
    corpus: Corpus,
    config: InfillingConfig,
    folder: Path,
    *,
    scorer_folder: Path | None = None,
    **options: Unpack[RunOptions],
) -> None:
    """Train on a corpus's train split, resuming what the folder holds.

    See :meth:`~arae_toolkit.transfer.systems.TransferSystem.train` for the arguments. Without a
    scorer the model's folder holds no complete transfer model.

    Raises:
        CheckpointMismatch: If the folder holds another run.
        ValueError: If the corpus has fewer than two labels, or one without sentences.
        TrainingDiverged, Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
    """
    experiment = Experiment(folder, config, {"corpus": corpus.sha256}, **options)
    if scorer_folder is not None:
        provide_scorer(corpus, scorer_folder, folder, options)
    vocabulary, labels, train = corpus.vocabulary, corpus.labels, corpus.split("train")
    settings, arguments = config.training, asdict(config.model)
    network = new_infilling_network(arguments, len(vocabulary), len(labels), seed=settings.seed)
    counts = word_counts(train, len(labels), len(vocabulary))
    network.counts.copy_(torch.from_numpy(counts))
    salience = log_ratios(counts, smoothing=settings.smoothing)
    network.salience.copy_(torch.from_numpy(salience))
    dev = corpus.split("dev")

    def make() -> tuple[InfillingTraining, Evaluate[InfillingTraining]]:
        training = InfillingTraining(
            *(network, settings, train),
            device=experiment.device,
            precision=experiment.precision,
            ranks=experiment.ranks,
        )
        return training, lambda trained, last: evaluate(trained, dev)

    record = {"kind": INFILLING, "model": arguments, "labels": labels, "corpus": corpus.record}
    experiment.train(network, make, record=record, vocabulary=vocabulary)
