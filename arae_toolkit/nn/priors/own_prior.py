"""What every prior does, and the priors that a model is trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor

from arae_toolkit.nn.mlp import Normalization
from arae_toolkit.nn.priors.gaussian import FittedGaussian, SphericalPrior
from arae_toolkit.nn.priors.generator import Generator, OutputBound

PriorKind = Literal["generator", "sphere", "fitted"]


class Prior(Protocol):
    """What samples codes: P_z of the paper."""

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes drawn from the prior. Shape (count, Z)."""


AnyPrior = Generator | SphericalPrior | FittedGaussian


def new_prior(
    kind: PriorKind,
    *,
    noise_size: int,
    code_size: int,
    generator_sizes: Sequence[int],
    generator_normalization: Normalization,
    generator_output: OutputBound,
) -> AnyPrior:
    """Return the prior of a model: ``generator``, ``sphere`` or ``fitted``.

    Args:
        kind: All other arguments but ``code_size`` concern the first.
        noise_size: S.
        code_size: Z.
        generator_sizes: Hidden layers of the generator.
        generator_normalization: See :class:`Generator`.
        generator_output: See :class:`Generator`.
    """
    if kind == "generator":
        return Generator(
            noise_size=noise_size,
            code_size=code_size,
            hidden_sizes=generator_sizes,
            normalization=generator_normalization,
            output=generator_output,
        )
    if kind == "sphere":
        return SphericalPrior(code_size=code_size)
    return FittedGaussian(code_size=code_size)
