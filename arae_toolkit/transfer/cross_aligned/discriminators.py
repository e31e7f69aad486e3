"""The discriminators of a cross-aligned autoencoder: Algorithm 1 of Shen et al. (NIPS 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.devices import reduced
from arae_toolkit.optim.update import Update
from arae_toolkit.transfer.cross_aligned.generator import Behaviour
from arae_toolkit.transfer.cross_aligned.settings import AdversarialForm


class Labelled(NamedTuple):
    """Behaviour with the attribute values that it is discriminated as.

    Attributes:
        behaviour: Of N sentences.
        values: The discriminator that each is shown to: its own value if it was read, the target
            if it was transferred. Shape (N,), int64.
    """

    behaviour: Behaviour
    values: Tensor


@dataclass(frozen=True)
class Discriminators:
    """The discriminators D_a, and how they are run.

    Attributes:
        discriminators: A of them.
        dropout: Share of their responses dropped.
        generator: Source of the dropout.
        dtype: Precision of the convolutions.
    """

    discriminators: nn.ModuleList
    dropout: float
    generator: torch.Generator
    dtype: torch.dtype = torch.float32

    def step(self, real: Labelled, written: Labelled, update: Update) -> Tensor:
        """Train each discriminator to tell h from h~.

        Args:
            real: Of sentences that were read; their graph is left alone.
            written: Of sentences that were transferred; the same.
            update: Of all discriminators' parameters.

        Returns:
            Nats of each before the step. Shape (A,).
        """
        real, written = (
            Labelled(Behaviour(states.detach(), lengths), values)
            for (states, lengths), values in (real, written)
        )
        losses = torch.stack(
            [
                discriminator_nats(self._scores(value, real), self._scores(value, written))
                for value in range(len(self.discriminators))
            ]
        )
        update.descend(losses.sum())
        return losses.detach()

    def against(self, real: Labelled, written: Labelled, form: AdversarialForm) -> Tensor:
        """Return what encoder and generator descend to be taken for real, in nats. Shape (A,).

        Args:
            real: Of sentences that were read.
            written: Of sentences that were transferred.
            form: See :class:`~arae_toolkit.transfer.cross_aligned.settings.CrossAlignedSchedule`.
        """
        nats = []
        for value in range(len(self.discriminators)):
            scores = self._scores(value, written)
            if form == "minimax":
                nats.append(-discriminator_nats(self._scores(value, real), scores))
            else:
                nats.append(_mean(functional.softplus(-scores)))
        return torch.stack(nats)

    def _scores(self, value: int, labelled: Labelled) -> Tensor:
        """Return a discriminator's scores of the behaviour of its value."""
        rows = (labelled.values == value).nonzero()[:, 0]
        shown = Behaviour(labelled.behaviour.states[rows], labelled.behaviour.lengths[rows])
        with reduced(shown.states.device, self.dtype):
            scores: Tensor = self.discriminators[value](
                shown, dropout=self.dropout, generator=self.generator
            )
        return scores.float()


def discriminator_nats(real_scores: Tensor, written_scores: Tensor) -> Tensor:
    """Return ``-mean log D(h) - mean log(1 - D(h~))``, which a discriminator descends (eq. 7).

    Args:
        real_scores: Before the sigmoid, of sentences that were read. Shape (N,).
        written_scores: The same of sentences that were transferred. Shape (M,).

    Returns:
        Nats, scalar; a mean over nothing is 0.

    Example:
        >>> discriminator_nats(torch.zeros(3), torch.zeros(2))
        tensor(1.3863)
    """
    return _mean(functional.softplus(-real_scores)) + _mean(functional.softplus(written_scores))


def _mean(values: Tensor) -> Tensor:
    return values.sum() / max(1, len(values))
