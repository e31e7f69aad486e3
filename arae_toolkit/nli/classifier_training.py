"""Training of a pair classifier: one update, and early stopping at the best epoch on dev."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.data.labelled_batches import class_weights
from arae_toolkit.data.samplers import EpochSampler, reseed
from arae_toolkit.devices import Precision, dtype_of, reduced
from arae_toolkit.distributed.ranks import ALONE, Ranks
from arae_toolkit.nli.baselines import hypothesis_log_probabilities
from arae_toolkit.nli.networks import PairNetwork
from arae_toolkit.nli.pair_batches import PairBatch, PairStore
from arae_toolkit.nli.settings import PairTrainingConfig
from arae_toolkit.nn.shared_rows import OwnRows
from arae_toolkit.optim.schedules import learning_rate
from arae_toolkit.optim.update import Scalars, Update, adam_update
from arae_toolkit.training.loop import far_above_guessing

EVALUATION_BATCH = 256
_BEST = "best/"


def classification_step(
    network: PairNetwork,
    batch: PairBatch,
    updates: Mapping[str, Update],
    *,
    word_drop: float,
    generator: torch.Generator,
    dtype: torch.dtype,
    class_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
    targets: Tensor | None = None,
    explained: Tensor | None = None,
    ranks: Ranks = ALONE,
) -> Scalars:
    """Descend the cross-entropy of the labels; return it in nats a pair, with the share right.

    Args:
        network: Moved.
        batch: Labelled pairs.
        updates: Of all of the network's parameters, by name.
        word_drop: Share of the words replaced by ``<unk>``.
        generator: Source of dropout.
        dtype: ``bfloat16`` runs the matrix products in it.
        class_weights: Of the classes in the mean over the batch; all alike without. Shape (A,).
        label_smoothing: Share of a label's weight that is spread over all labels.
        targets: Class of each pair, in place of its label, shape (B,), or the probabilities of
            the classes, shape (B, A).
        explained: What is added to the scores, and so need not be learned. Shape (B, A).
        ranks: Processes that share out the pairs, and add up gradients in ``updates``.
    """
    premise, hypothesis = batch.premise, batch.hypothesis
    if word_drop:
        premise = premise.corrupted(share=word_drop, generator=generator)
        hypothesis = hypothesis.corrupted(share=word_drop, generator=generator)
    with reduced(batch.labels.device, dtype):
        own = OwnRows(ranks, len(batch))
        part = network(own.of(premise), own.of(hypothesis), own.noise(generator))
    scores = own.gathered(part)
    learned = batch.labels if targets is None else targets
    nats = functional.cross_entropy(
        scores if explained is None else scores + explained,
        learned,
        weight=class_weights,
        label_smoothing=label_smoothing,
    )
    parameters = [p for update in updates.values() for p in update.parameters]
    nats.backward(inputs=parameters)
    norms = [update.apply() for update in updates.values()]
    return {
        "nats_per_pair": nats.detach(),
        "share_right": (scores.detach().argmax(dim=1) == _likeliest(learned)).float().mean(),
        "gradient_norm": torch.stack([norm.detach().float() for norm in norms]).norm(),
    }


def _likeliest(targets: Tensor) -> Tensor:
    """Return classes as they are, and of probabilities the likeliest class. Shape (B,)."""
    return targets if targets.ndim == 1 else targets.argmax(dim=1)


class ClassifierTraining:
    """The training of a network over labelled pairs, for :func:`~arae_toolkit.training.loop.fit`.

    Args:
        network: Moved in place.
        settings: The schedule.
        store: Pairs of the train split.
        rows: Numbers of the pairs to learn from. Shape (N,).
        precision: Of the matrix products.
        labels: Class of every pair of the store, to be used in place of its own labels, shape (of
            the store,), or the probabilities of its classes, shape (of the store, A).
        ranks: Processes that share out the pairs of every batch.
    """

    def __init__(
        self,
        network: PairNetwork,
        settings: PairTrainingConfig,
        store: PairStore,
        rows: npt.NDArray[np.int64],
        *,
        precision: Precision = "fp32",
        labels: npt.NDArray[np.int64] | npt.NDArray[np.float32] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Make the optimizers; the weights are left as they are."""
        self.network, self.intervals, self.store, self.rows = network, settings, store, rows
        self.dtype, self.ranks = dtype_of(precision), ranks
        self.device = store.device
        self.labels = None if labels is None else torch.from_numpy(labels).to(self.device)
        self.sampler = EpochSampler(
            store.lengths[rows], batch_size=settings.batch_size, seed=settings.seed
        )
        self._class_weights = self._explained = None
        own = (store.labels if labels is None else labels)[rows]
        used: npt.NDArray[np.int64] = own.argmax(axis=1) if own.ndim > 1 else own.astype(np.int64)
        count = network.output.out_features
        if settings.balanced:
            self._class_weights = class_weights(used, count).to(self.device)
        if settings.hypothesis_weight:
            told = hypothesis_log_probabilities(store, rows, used, labels=count)
            self._explained = settings.hypothesis_weight * torch.from_numpy(told).to(self.device)
        self.batches_per_epoch = self.sampler.batches_per_epoch
        self.iterations = settings.epochs * self.batches_per_epoch
        self.random = torch.Generator(self.device)
        self.modules = {"network": network}
        # The best accuracy on dev, the weights it was reached with (once there are any), and the
        # running mean of the loss over some hundred iterations, in nats a pair.
        self.kept = {
            "best_accuracy": torch.tensor(-1.0, dtype=torch.float64),
            "recent_nats": torch.full((), math.log(network.output.out_features)),
        }
        rest = [p for name, p in network.named_parameters() if not name.startswith("encoder.")]
        parts = {"encoder": [*network.encoder.parameters()], "classifier": rest}
        self.updates = {
            name: adam_update(part, rate=settings.rate, clip_norm=settings.clip_norm, ranks=ranks)
            for name, part in parts.items()
            if part  # a frozen encoder has none
        }

    def iteration(self, iteration: int) -> Scalars:
        """Run one iteration: a function of (seed, iteration) and the weights before it."""
        settings = self.intervals
        rate = learning_rate(
            settings.rate, iteration, iterations=self.iterations, warmup=settings.warmup
        )
        for name, update in self.updates.items():
            update.set_rate(rate * settings.encoder_rate if name == "encoder" else rate)
        reseed(self.random, seed=settings.seed, iteration=iteration)
        batch = self.store.batch(self.rows[self.sampler.at(iteration)])
        rows = torch.from_numpy(np.ascontiguousarray(batch.rows)).to(self.device)
        self.network.train()
        scalars = classification_step(
            self.network,
            batch,
            self.updates,
            word_drop=settings.word_drop,
            generator=self.random,
            dtype=self.dtype,
            class_weights=self._class_weights,
            label_smoothing=settings.label_smoothing,
            targets=None if self.labels is None else self.labels[rows],
            explained=None if self._explained is None else self._explained[rows],
            ranks=self.ranks,
        )
        self.kept["recent_nats"] = torch.lerp(
            self.kept["recent_nats"], scalars["nats_per_pair"].cpu(), 0.01
        )
        return scalars

    @property
    def recent_nats(self) -> float:
        """Running mean of the training loss, in nats a pair."""
        return float(self.kept["recent_nats"])

    @property
    def best_accuracy(self) -> float:
        """The best on dev so far; -1 before any evaluation."""
        return float(self.kept["best_accuracy"])

    def consider(self, accuracy: float) -> bool:
        """Keep the present weights if no evaluation before was as good; return whether so."""
        if accuracy <= self.best_accuracy:
            return False
        self.kept["best_accuracy"] = torch.tensor(accuracy, dtype=torch.float64)
        self.kept |= {_BEST + k: value.clone() for k, value in self.network.state_dict().items()}
        return True

    def model_weights(self) -> Mapping[str, Tensor]:
        """Return the weights that were best on dev; before any evaluation the present ones."""
        best = {k.removeprefix(_BEST): v for k, v in self.kept.items() if k.startswith(_BEST)}
        return best or self.network.state_dict()

    def problem(self, means: Mapping[str, float]) -> str | None:
        """Return that the labels' cross-entropy is far above that of guessing, if it is."""
        guessing = math.log(self.network.output.out_features)
        return far_above_guessing(means, "nats_per_pair", guessing)


@torch.no_grad()
def probabilities_of(
    network: PairNetwork,
    store: PairStore,
    rows: npt.NDArray[np.int64] | None = None,
    *,
    dtype: torch.dtype = torch.float32,
) -> npt.NDArray[np.float64]:
    """Return the probability of each class for some pairs, for all where ``rows`` is ``None``.

    Args:
        network: Put into evaluation mode.
        store: The pairs.
        rows: Shape (N,).
        dtype: Precision of the matrix products.

    Returns:
        Shape (N, A), in the order of ``rows``.
    """
    network.eval()
    chosen = np.arange(len(store)) if rows is None else rows
    result = np.empty((len(chosen), network.output.out_features))
    order = np.argsort(store.lengths[chosen], kind="stable")
    for start in range(0, len(order), EVALUATION_BATCH):
        places = order[start : start + EVALUATION_BATCH]
        batch = store.batch(chosen[places])
        with reduced(store.device, dtype):
            scores = network(batch.premise, batch.hypothesis)
        result[places] = scores.double().softmax(dim=1).cpu().numpy()
    return result
