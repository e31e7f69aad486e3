"""The latent attribute classifier of Algorithm 2, and the encoder's steps against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from arae_toolkit.config.schema import TrainingConfig
from arae_toolkit.data.labelled_batches import AttributeBatch, AttributeStore, class_weights
from arae_toolkit.data.samplers import draw, reseed
from arae_toolkit.devices import reduced
from arae_toolkit.distributed.ranks import ALONE, Ranks
from arae_toolkit.nn.critic import AttributeClassifier
from arae_toolkit.nn.shared_rows import shared_rows
from arae_toolkit.optim.update import Scalars, Update
from arae_toolkit.pretraining.algorithm import (
    ATTRIBUTE_ENCODER,
    classifier_update,
    encoder_update,
)
from arae_toolkit.pretraining.objectives import classifier_nats, flipped_label_nats
from arae_toolkit.pretraining.plan import attribute_weight
from arae_toolkit.pretraining.steps import GradientTerm, encode_rows
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder

_CLASSIFIER_ROWS, _ENCODER_ROWS = 3, 4  # streams of random rows, beside those of the plan


TermMode = Literal["scale", "norm"]


@dataclass(frozen=True)
class AttributeTerm:
    """The attribute classifier's gradient term at the codes of an encoder update (step 3b).

    Attributes:
        classifier: Fixed during the update.
        weight: lambda(2), scalar tensor.
        class_weights: See :func:`~arae_toolkit.pretraining.objectives.flipped_label_nats`.
        mode: ``norm`` first brings the rows' gradients to the reconstruction's mean norm.
    """

    classifier: AttributeClassifier
    weight: Tensor
    class_weights: Tensor
    mode: TermMode = "scale"

    def gradient(self, code: Tensor, batch: Any, *, reference_norm: Tensor) -> Tensor:
        """Return the weighted gradient of ``-log p(1 - y | z)``. Shape (B, Z)."""
        probe = code.detach().requires_grad_()
        nats = flipped_label_nats(
            self.classifier(probe), batch.labels, class_weights=self.class_weights
        )
        (gradient,) = torch.autograd.grad(nats, probe)
        if self.mode == "norm":
            own = gradient.norm(dim=1).mean()
            gradient = gradient * (reference_norm / own.clamp(min=1e-12))
        return self.weight * gradient


def classifier_step(
    classifier: AttributeClassifier,
    code: Tensor,
    labels: Tensor,
    update: Update,
    *,
    class_weights: Tensor,
) -> Scalars:
    """Train the classifier to tell the attribute from the code (Algorithm 2, step 2b).

    Args:
        classifier: Moved.
        code: Encoded sentences, without a graph. Shape (B, Z).
        labels: Attribute values. Shape (B,).
        update: Of the classifier's parameters.
        class_weights: Of each value in the mean over the batch. Shape (A,).
    """
    scores = classifier(code)
    nats = classifier_nats(scores, labels, class_weights=class_weights)
    update.descend(nats)
    right = (scores.detach().argmax(dim=1) == labels).float()
    weights = class_weights[labels]
    return {
        "classifier_nats": nats.detach(),
        "classifier_share_right": (right * weights).sum() / weights.sum(),
    }


def attribute_encoder_step(
    encoder: Callable[[Any], Tensor],
    batch: AttributeBatch,
    update: Update,
    term: AttributeTerm,
    *,
    reference_norm: Tensor,
    dtype: torch.dtype,
) -> Scalars:
    """Train the encoder against the classifier (Algorithm 2, step 3b).

    Args:
        encoder: Moved.
        batch: The sentences.
        update: Of the encoder's parameters.
        term: Whose gradient it descends.
        reference_norm: Mean norm of the reconstruction's gradient at the code, scalar tensor.
        dtype: Precision of the encoder's matrix products.
    """
    with reduced(batch.device, dtype):
        code = encoder(batch)
    gradient = term.gradient(code.detach(), batch, reference_norm=reference_norm)
    code.backward(gradient, inputs=update.parameters)
    return {"attribute_encoder_gradient_norm": update.apply()}


class AttributeAdversary:
    """Steps 2b and 3b. With lambda(2) = 0 the classifier is trained and the encoder not.

    Classifier and encoder step see what the decoders learn from: codes of sentences with as many
    words hidden as in the reconstruction.

    Args:
        model: In training; its classifier is moved.
        training: The schedule.
        store: Training sentences with their attribute values.
        iterations: In the whole run.
        dtype: Precision of the encoder's matrix products.
        ranks: Processes that share out the rows of every batch.
    """

    def __init__(
        self,
        model: TransferAutoencoder,
        training: TrainingConfig,
        store: AttributeStore,
        *,
        iterations: int,
        dtype: torch.dtype,
        ranks: Ranks = ALONE,
    ) -> None:
        self.model, self.training, self.store = model, training, store
        self.encoder, _ = shared_rows(model.encoder, model.decoder, ranks)
        self.iterations, self.dtype = iterations, dtype
        self.random = torch.Generator(store.device)
        self.modules: Mapping[str, nn.Module] = {}
        self.updates: dict[str, Update] = {
            "classifier": classifier_update(model.classifier, training)
        }
        self.adversarial = training.attribute_weight > 0
        self.separate = self.adversarial and training.encoder_update == "separate"
        if self.separate:
            self.updates[ATTRIBUTE_ENCODER] = encoder_update(model.encoder, training, ranks)
        # Deviation: the paper counts every sentence alike, whatever the sizes of the classes.
        self.class_weights = class_weights(store.labels, len(model.attributes)).to(store.device)
        self._iteration = 0

    def prepare(self, iteration: int) -> None:
        """Remember the iteration, and make which words are hidden a function of it."""
        self._iteration = iteration
        reseed(self.random, seed=self.training.seed, iteration=iteration)

    def gradient_terms(self) -> Sequence[GradientTerm]:
        """Return the classifier's term, where the encoder's updates are joint."""
        return [self._term()] if self.adversarial and not self.separate else []

    def _term(self) -> AttributeTerm:
        weight = attribute_weight(self.training, self._iteration, iterations=self.iterations)
        return AttributeTerm(
            self.model.classifier,
            torch.tensor(weight, device=self.store.device),
            self.class_weights,
            self.training.encoder_gradient,
        )

    def run(self, code_gradient_norm: Tensor) -> Scalars:
        """Train the classifier, and the encoder where its updates are separate."""
        training, scalars = self.training, dict[str, Tensor]()
        size = min(training.batch_size, len(self.store))
        for step in range(training.classifier_steps):
            batch = self._batch(_CLASSIFIER_ROWS, step, size)
            code = encode_rows(self.encoder, [batch], dtype=self.dtype)
            scalars |= classifier_step(
                self.model.classifier,
                code,
                batch.labels,
                self.updates["classifier"],
                class_weights=self.class_weights,
            )
        if self.separate:
            scalars |= attribute_encoder_step(
                self.encoder,
                self._batch(_ENCODER_ROWS, 0, size),
                self.updates[ATTRIBUTE_ENCODER],
                self._term(),
                reference_norm=code_gradient_norm,
                dtype=self.dtype,
            )
        return scalars

    def _batch(self, stream: int, step: int, size: int) -> AttributeBatch:
        """Return random sentences, with words hidden."""
        seed = (self.training.seed, stream, self._iteration, step)
        batch = self.store.batch(draw(len(self.store), size, seed=seed))
        return batch.corrupted(share=self.training.word_drop, generator=self.random)
