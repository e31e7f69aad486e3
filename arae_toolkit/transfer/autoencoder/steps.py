"""The updates that Algorithm 2 adds to Algorithm 1, and that of writing sentences back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from arae_toolkit.data.labelled_batches import AttributeBatch
from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.devices import reduced
from arae_toolkit.nn.critic import AttributeClassifier
from arae_toolkit.ops.sampled_softmax import SoftmaxSample
from arae_toolkit.optim.update import Scalars, Update
from arae_toolkit.pretraining.objectives import classifier_nats, flipped_label_nats
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder

PullMode = Literal["scale", "norm"]


@dataclass(frozen=True)
class AttributePull:
    """The latent attribute classifier's pull on the codes of a joint encoder update (step 3b).

    Attributes:
        classifier: Fixed during the update.
        weight: lambda(2), scalar tensor.
        class_weights: See :func:`~arae_toolkit.pretraining.objectives.flipped_label_nats`.
        mode: ``norm`` first brings the rows' gradients to the reconstruction's mean norm.
    """

    classifier: AttributeClassifier
    weight: Tensor
    class_weights: Tensor
    mode: PullMode = "scale"

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
    model: TransferAutoencoder,
    batch: AttributeBatch,
    update: Update,
    pull: AttributePull,
    *,
    reference_norm: Tensor,
    dtype: torch.dtype,
) -> Scalars:
    """Train the encoder against the classifier (Algorithm 2, step 3b).

    Args:
        model: Its encoder is moved.
        batch: The sentences.
        update: Of the encoder's parameters.
        pull: What it is moved by.
        reference_norm: Mean norm of the reconstruction's gradient at the code, scalar tensor.
        dtype: Precision of the encoder's matrix products.
    """
    with reduced(batch.device, dtype):
        code = model.encoder(batch)
    gradient = pull.gradient(code.detach(), batch, reference_norm=reference_norm)
    code.backward(gradient, inputs=update.parameters)
    return {"attribute_encoder_gradient_norm": update.apply()}


def cycle_step(
    model: TransferAutoencoder,
    transferred: TokenBatch,
    value: int,
    originals: TokenBatch,
    update: Update,
    *,
    weight: float,
    sample: SoftmaxSample | None,
    dtype: torch.dtype,
) -> Scalars:
    """Train encoder and decoders to write sentences back from their transfer (back-translation).

    Args:
        model: Moved.
        transferred: What the sentences were turned into, of another attribute value.
        value: The originals' own value.
        originals: The sentences.
        update: Of encoder and decoders.
        weight: Of the loss.
        sample: Of the softmax; ``None`` for all of it.
        dtype: Precision of the matrix products.
    """
    with reduced(originals.device, dtype):
        code = model.encoder(transferred)
        nats = model.decoder.part_nats(value, code, originals, dtype=dtype, sample=sample)
    update.descend(weight * nats / len(originals))  # the other values' decoders have no part in it
    return {"cycle_nats_per_token": nats.detach() / originals.symbols}
