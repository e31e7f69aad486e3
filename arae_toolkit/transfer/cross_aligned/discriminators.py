"""The adversarial half of Algorithm 1 of Shen et al. (NIPS 2017)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.devices import reduced
from arae_toolkit.optim.update import Update
from arae_toolkit.transfer.cross_aligned.generator import Behaviour
from arae_toolkit.transfer.cross_aligned.settings import AdversarialForm


class Judged(NamedTuple):
    """What discriminators are shown.

    Attributes:
        behaviour: Of N sentences.
        values: The discriminator that each is shown to: its own value if it was read, the target
            if it was transferred. Shape (N,), int64.
    """

    behaviour: Behaviour
    values: Tensor


class Judges:
    """The discriminators D_a, with the dropout of the current iteration.

    Args:
        discriminators: A of them.
        dropout: Share of their responses dropped.
        generator: Source of the dropout.
        dtype: Precision of the convolutions.
    """

    def __init__(
        self,
        discriminators: nn.ModuleList,
        *,
        dropout: float,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.discriminators, self.dropout, self.generator = discriminators, dropout, generator
        self.dtype = dtype

    def step(self, real: Judged, written: Judged, update: Update) -> Tensor:
        """Train each discriminator to tell h from h~.

        Args:
            real: Of sentences that were read; their graph is left alone.
            written: Of sentences that were transferred; the same.
            update: Of all discriminators' parameters.

        Returns:
            Nats of each before the step. Shape (A,).
        """
        real, written = (
            Judged(Behaviour(states.detach(), lengths), values)
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

    def against(self, real: Judged, written: Judged, form: AdversarialForm) -> Tensor:
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

    def _scores(self, value: int, judged: Judged) -> Tensor:
        """Return a discriminator's scores of what is shown to it."""
        rows = (judged.values == value).nonzero()[:, 0]
        shown = Behaviour(judged.behaviour.states[rows], judged.behaviour.lengths[rows])
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
