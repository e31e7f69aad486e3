"""What draws codes towards a fixed prior without a critic: the VAE's divergence, the WAE's MMD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from arae_toolkit.nn.code_head import coordinate_nats
from arae_toolkit.nn.priors import AnyPrior
from arae_toolkit.optim.update import Scalars

KERNEL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""The discrepancy sums over kernels of these widths, in units of the prior's own."""


class CodeRegularizer(Protocol):
    """A term of the loss that depends on what the encoder gives, and on nothing else."""

    def gradient(self, encoded: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Scalars]:
        """Return the weighted gradient at what the encoder gave, and the term by name.

        Args:
            encoded: Codes of shape (B, Z), or posteriors of shape (B, 2Z), without a graph.
            generator: Source of randomness.
        """


@dataclass(frozen=True)
class Divergence:
    """KL divergence of each posterior from N(0, I) (Kingma and Welling, 2014).

    Attributes:
        weight: Scalar tensor, which rises during training (annealing).
        free_bits: Nats of each coordinate, as a mean over the batch, that cost nothing.
    """

    weight: Tensor
    free_bits: float = 0.0

    def gradient(self, encoded: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Scalars]:
        """Return the gradient, and ``kl_nats`` a row."""
        del generator
        posterior = encoded.detach().requires_grad_()
        nats = coordinate_nats(posterior).mean(dim=0)
        priced = nats.clamp(min=self.free_bits).sum()
        (gradient,) = torch.autograd.grad(priced, posterior)
        return self.weight * gradient, {"kl_nats": nats.detach().sum()}


@dataclass(frozen=True)
class Discrepancy:
    """Maximum mean discrepancy of codes and prior (Tolstikhin et al., 2018), multiquadratic.

    Attributes:
        prior: Fixed.
        weight: Of the term.
        width: Expected squared distance of two draws from the prior.
    """

    prior: AnyPrior
    weight: float
    width: float

    def gradient(self, encoded: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Scalars]:
        """Return the gradient, and ``mmd``."""
        codes = encoded.detach().requires_grad_()
        drawn = self.prior.sample(len(codes), generator=generator)
        value = squared_discrepancy(codes, drawn, width=self.width)
        (gradient,) = torch.autograd.grad(value, codes)
        return self.weight * gradient, {"mmd": value.detach()}


def squared_discrepancy(first: Tensor, second: Tensor, *, width: float) -> Tensor:
    """Return an unbiased estimate of the squared MMD of two samples. Shapes (B, Z); scalar.

    Args:
        first: B > 1 rows.
        second: As many.
        width: Of the middle kernel, a squared distance.
    """
    rows = len(first)

    def similarity(left: Tensor, right: Tensor) -> Tensor:
        squares = left.square().sum(1)[:, None] + right.square().sum(1) - 2 * left @ right.t()
        distances = squares.clamp(min=0)
        return torch.stack([s * width / (s * width + distances) for s in KERNEL_SCALES]).sum(0)

    def within(sample: Tensor) -> Tensor:
        every = similarity(sample, sample)
        return (every.sum() - every.diagonal().sum()) / (rows * (rows - 1))

    return within(first) + within(second) - 2 * similarity(first, second).mean()
