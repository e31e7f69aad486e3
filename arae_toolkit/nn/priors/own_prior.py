"""What every prior does, and the priors that a model is trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor

from arae_toolkit.nn.code_head import CodeNorm
from arae_toolkit.nn.mlp import Normalization
from arae_toolkit.nn.priors.gaussian import (
    FittedGaussian,
    GaussianPrior,
    NoCodePrior,
    SphericalPrior,
)
from arae_toolkit.nn.priors.generator import Generator, OutputBound

PriorKind = Literal["generator", "sphere", "gaussian", "fitted", "none"]


class Prior(Protocol):
    """What samples codes: P_z of the paper."""

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes drawn from the prior. Shape (count, Z)."""


DRAWN_TOGETHER = 512
"""Codes are drawn in so many, however few are wanted: a prior draws many numbers of one kind first,
and then those of another, so that a code would depend on how many are drawn with it."""


AnyPrior = Generator | SphericalPrior | GaussianPrior | FittedGaussian | NoCodePrior


def new_prior(
    kind: PriorKind,
    *,
    noise_size: int,
    code_size: int,
    code_norm: CodeNorm = "sphere",
    generator_sizes: Sequence[int],
    generator_normalization: Normalization,
    generator_output: OutputBound,
    generator_noise: float = 0.0,
) -> AnyPrior:
    """Return the prior of a model.

    Args:
        kind: ``generator``, whose settings are the last four and ``noise_size``; ``sphere``;
            ``gaussian``; ``fitted``; ``none``.
        noise_size: S.
        code_size: Z.
        code_norm: Whether codes lie on the sphere, and so those of a fitted Gaussian.
        generator_sizes: Hidden layers of the generator.
        generator_normalization: See :class:`Generator`.
        generator_output: See :class:`Generator`.
        generator_noise: Of what is sampled from a generator.
    """
    if kind == "generator":
        return Generator(
            noise_size=noise_size,
            code_size=code_size,
            hidden_sizes=generator_sizes,
            normalization=generator_normalization,
            output=generator_output,
            noise=generator_noise,
        )
    if kind == "sphere":
        return SphericalPrior(code_size=code_size)
    if kind == "gaussian":
        return GaussianPrior(code_size=code_size)
    if kind == "none":
        return NoCodePrior()
    return FittedGaussian(code_size=code_size, on_sphere=code_norm == "sphere")


def without_noise(prior: Prior, count: int, *, generator: torch.Generator) -> Tensor:
    """Return codes drawn from a prior, without the noise that belongs to a generator's.

    The noise would outshine what is to be compared with codes that have none. Shape (count, Z).
    """
    draw = prior.means if isinstance(prior, Generator) else prior.sample
    return draw(count, generator=generator)
