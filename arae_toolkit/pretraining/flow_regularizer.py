"""A flow as the regularizer of codes: the ARAE's idea with a learned prior that is not adversarial.

A flow learns the distribution of the noisy codes that the decoder is fed while the encoder makes
them, and what it costs the flow to account for a code is a term of the encoder's loss. With weight
1, and codes that keep their noise, the sum with the reconstruction is a bound on the likelihood of
sentences: a VAE's, its posteriors of fixed width, its prior a flow (Vahdat et al., 2021).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from arae_toolkit.config.schema import Config
from arae_toolkit.nn.priors import FlowPrior
from arae_toolkit.nn.priors.flow import LATEST, velocity_errors
from arae_toolkit.optim.update import Scalars, adam_update


class FlowRegularizer:
    """A flow in training, and its loss as a term of the encoder's.

    Codes lie on the unit sphere, so the coordinates in which the flow works are known beforehand:
    no mean, and the scale 1 / sqrt(Z). It is moved whenever its gradient is asked for.

    Args:
        config: Sizes of the flow, the noise where it ends, and its rate.
        device: Of the codes.
    """

    def __init__(self, config: Config, device: torch.device) -> None:
        training, size = config.training, config.model.code_size
        self.flow = FlowPrior(
            code_size=size,
            width=training.flow_width,
            blocks=training.flow_blocks,
            noise=training.code_noise,
        )
        random = torch.Generator().manual_seed(training.seed + 2)
        self.flow.network.initialize(random)
        self.flow.scale.fill_(1 / math.sqrt(size))
        self.flow.to(device)
        self.end = min(self.flow.end, LATEST)
        self.update = adam_update(
            self.flow.network.parameters(), rate=training.flow_rate, clip_norm=1.0
        )
        self.weight = torch.zeros((), device=device)

    def gradient(self, encoded: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Scalars]:
        """Return the weighted gradient at the codes, and ``flow_nats`` a row; move the flow.

        The nats are those that codes with noise cost beyond what they would if they were drawn from
        N(0, I / Z) and the flow were that, below 0 once it has learned; see
        :func:`~arae_toolkit.priors.flow_matching.nats_gained`.
        """
        codes = encoded.detach().requires_grad_()
        standard = self.flow.to_standard(codes)
        noise = torch.empty_like(standard).normal_(generator=generator)
        share = torch.rand(len(codes), generator=generator, device=codes.device)
        time = self.end * share.sqrt()  # in proportion to t, as the nats weigh it
        errors, linear = velocity_errors(self.flow, self.flow.network, standard, noise, time)
        weights = self.end**2 / (2 * (1 - time))
        nats = (weights * errors).mean()
        nats.backward(inputs=[codes, *self.update.parameters])
        assert codes.grad is not None
        norm = self.update.apply()
        excess = (weights * (errors - linear)).mean().detach()
        return self.weight * codes.grad, {"flow_nats": excess, "flow_gradient_norm": norm}
