"""What Algorithm 2 adds to an iteration: the attribute classifier, and the step against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from arae_toolkit.config.schema import TrainingConfig
from arae_toolkit.data.labelled_batches import AttributeStore, class_weights
from arae_toolkit.data.samplers import draw
from arae_toolkit.optim.update import Scalars, Update
from arae_toolkit.pretraining.algorithm import ATTRIBUTE_ENCODER
from arae_toolkit.pretraining.optimizers import classifier_update, encoder_update
from arae_toolkit.pretraining.schedules import attribute_weight
from arae_toolkit.pretraining.steps import GradientTerm, encode_rows
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder
from arae_toolkit.transfer.autoencoder.steps import (
    AttributePull,
    attribute_encoder_step,
    classifier_step,
)

_CLASSIFIER_ROWS, _ENCODER_ROWS = 3, 4  # streams of random rows, beside those of the plan


class AttributeAdversary:
    """Steps 2b and 3b. With lambda(2) = 0 the classifier looks on and the encoder never yields.

    Args:
        model: In training; its classifier is moved.
        training: The schedule.
        store: Training sentences with their attribute values.
        iterations: In the whole run.
        dtype: Precision of the encoder's matrix products.
    """

    def __init__(
        self,
        model: TransferAutoencoder,
        training: TrainingConfig,
        store: AttributeStore,
        *,
        iterations: int,
        dtype: torch.dtype,
    ) -> None:
        self.model, self.training, self.store = model, training, store
        self.iterations, self.dtype = iterations, dtype
        self.modules: Mapping[str, nn.Module] = {}
        self.updates: dict[str, Update] = {
            "classifier": classifier_update(model.classifier, training)
        }
        self.adversarial = training.attribute_weight > 0
        self.separate = self.adversarial and training.encoder_update == "separate"
        if self.separate:
            self.updates[ATTRIBUTE_ENCODER] = encoder_update(model.encoder, training)
        # Deviation: the paper counts every sentence alike, whatever the sizes of the classes.
        self.class_weights = class_weights(store.labels, len(model.attributes)).to(store.device)
        self._iteration = 0

    def prepare(self, iteration: int) -> None:
        """Remember the iteration."""
        self._iteration = iteration

    def gradient_terms(self) -> Sequence[GradientTerm]:
        """Return the classifier's pull, where the encoder's updates are joint."""
        return [self._pull()] if self.adversarial and not self.separate else []

    def _pull(self) -> AttributePull:
        weight = attribute_weight(self.training, self._iteration, iterations=self.iterations)
        return AttributePull(
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
            batch = self.store.batch(self._rows(_CLASSIFIER_ROWS, step, size))
            code = encode_rows(self.model.encoder, [batch], dtype=self.dtype)
            scalars |= classifier_step(
                self.model.classifier,
                code,
                batch.labels,
                self.updates["classifier"],
                class_weights=self.class_weights,
            )
        if self.separate:
            scalars |= attribute_encoder_step(
                self.model,
                self.store.batch(self._rows(_ENCODER_ROWS, 0, size)),
                self.updates[ATTRIBUTE_ENCODER],
                self._pull(),
                reference_norm=code_gradient_norm,
                dtype=self.dtype,
            )
        return scalars

    def _rows(self, stream: int, step: int, size: int) -> np.ndarray:
        return draw(len(self.store), size, seed=(self.training.seed, stream, self._iteration, step))
