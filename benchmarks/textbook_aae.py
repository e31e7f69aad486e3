"""An adversarial autoencoder (AAE) as most people would write it, of the textbook's sizes.

Reconstruction, a discriminator that tells codes from draws of the prior, and the encoder against
it: three updates of one batch, with the cross-entropy of Makhzani et al. (2016) and N(0, I).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.benchmarks.textbook import Batch, PaddedSentences, Textbook


class TextbookAAE(Textbook):
    """The textbook's autoencoder and critic, which here is a discriminator; no generator."""

    def iteration(self, batch: Batch, data: PaddedSentences) -> dict[str, Tensor]:
        """Run one iteration, all of it on ``batch``."""
        losses = self.reconstruction_step(batch)
        losses |= self.critic_step(batch)
        losses |= self.adversarial_step(batch)
        self.iterations += 1
        return losses

    def critic_step(self, batch: Batch) -> dict[str, Tensor]:
        """Train the discriminator; return its cross-entropy, in nats."""
        codes = self.encoder(*batch).detach()
        of_prior, of_codes = self.critic(self._normal(*codes.shape)), self.critic(codes)
        loss = _nats(of_prior, right=1) + _nats(of_codes, right=0)
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()
        return {"discriminator": loss.detach()}

    def adversarial_step(self, batch: Batch) -> dict[str, Tensor]:
        """Train the encoder to be taken for the prior; return its cross-entropy, in nats."""
        loss = _nats(self.critic(self.encoder(*batch)), right=1)
        self.autoencoder_optimizer.zero_grad()
        (self.adversarial_weight * loss).backward()
        nn.utils.clip_grad_norm_(self.encoder.parameters(), self.clip_norm)
        self.autoencoder_optimizer.step()
        return {"adversarial": loss.detach()}


def _nats(scores: Tensor, *, right: int) -> Tensor:
    return functional.binary_cross_entropy_with_logits(scores, torch.full_like(scores, right))
