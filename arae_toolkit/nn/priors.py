"""Priors over codes: learned, fixed and fitted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.nn.code_head import CodeNorm
from arae_toolkit.nn.mlp import Normalization, mlp
from arae_toolkit.ops.batch_norm_double_backward import forward_groups

OutputBound = Literal["sphere", "tanh", "none"]
PriorKind = Literal["generator", "sphere", "gaussian", "fitted", "none"]


class Prior(Protocol):
    """What samples codes: P_z of the paper."""

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes drawn from the prior. Shape (count, Z)."""


class Generator(nn.Module):
    """Learned prior: an MLP from Gaussian noise to a code (section 3).

    Args:
        noise_size: S.
        code_size: Z.
        hidden_sizes: Units of each hidden layer.
        normalization: ``batch`` is what the published code used; ``layer`` does not depend on the
            other rows; ``none``.
        output: ``tanh`` is the paper's bound; ``sphere`` puts the output on the unit sphere, where
            the encoder's codes lie; ``none`` is what the published text code did.
    """

    def __init__(
        self,
        *,
        noise_size: int,
        code_size: int,
        hidden_sizes: Sequence[int],
        normalization: Normalization = "layer",
        output: OutputBound = "sphere",
    ) -> None:
        super().__init__()
        if normalization == "spectral":
            raise ValueError(
                "spectral normalization bounds a critic; a generator has no use for it"
            )
        self.noise_size, self.output = noise_size, output
        self.layers = mlp(
            noise_size, hidden_sizes, code_size, activation=nn.ReLU(), normalization=normalization
        )

    def forward(self, noise: Tensor) -> Tensor:
        """Return generated codes. Shape (B, S) to (B, Z)."""
        return self._bounded(self.layers(noise))

    @torch.no_grad()
    def forward_groups(self, noise: Tensor) -> Tensor:
        """Return generated codes, each group as if it came alone. Shape (G, B, S) to (G, B, Z)."""
        return self._bounded(forward_groups(self.layers, noise))

    def draw_noise(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return s ~ N(0, I). Shape (count, S), on the generator's device."""
        return torch.randn(count, self.noise_size, generator=generator, device=generator.device)

    @torch.no_grad()
    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes drawn from the prior. Shape (count, Z)."""
        return self(self.draw_noise(count, generator=generator))  # type: ignore[no-any-return]

    def _bounded(self, code: Tensor) -> Tensor:
        if self.output == "sphere":
            return functional.normalize(code, dim=-1)
        return code.tanh() if self.output == "tanh" else code


class SphericalPrior(nn.Module):
    """Fixed prior: a standard Gaussian scaled to the unit sphere (the AAE's)."""

    def __init__(self, *, code_size: int) -> None:
        super().__init__()
        self.code_size = code_size

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes uniform on the unit sphere. Shape (count, Z)."""
        codes = torch.randn(count, self.code_size, generator=generator, device=generator.device)
        return functional.normalize(codes, dim=1)


class GaussianPrior(nn.Module):
    """Fixed prior: the standard Gaussian N(0, I) of the VAE, and of the paper's AAE."""

    def __init__(self, *, code_size: int) -> None:
        super().__init__()
        self.code_size = code_size

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes drawn from N(0, I). Shape (count, Z)."""
        return torch.randn(count, self.code_size, generator=generator, device=generator.device)


class NoCodePrior(nn.Module):
    """Of a language model, whose decoder is fed no code: one zero."""

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return zeros. Shape (count, 1)."""
        return torch.zeros(count, 1, device=generator.device)


class FittedGaussian(nn.Module):
    """A multivariate Gaussian fitted to a plain autoencoder's codes after training (footnote 8).

    Args:
        code_size: Z.
        code_norm: ``sphere`` scales what is drawn to norm 1, where the codes lie.
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, *, code_size: int, code_norm: CodeNorm = "sphere") -> None:
        """Start as the standard Gaussian."""
        super().__init__()
        self.code_norm = code_norm
        self.register_buffer("mean", torch.zeros(code_size))
        self.register_buffer("factor", torch.eye(code_size))

    @torch.no_grad()
    def fit(self, codes: Tensor) -> None:
        """Take the mean and covariance of codes. Shape (N, Z), N > 1."""
        mean = codes.double().mean(dim=0)
        covariance = (codes.double() - mean).t() @ (codes.double() - mean) / (len(codes) - 1)
        # A little more variance in every direction keeps the factor defined for flat codes.
        ridge = 1e-8 + 1e-6 * covariance.diagonal().mean()
        eye = torch.eye(len(mean), dtype=torch.float64, device=codes.device)
        self.mean.copy_(mean)
        self.factor.copy_(torch.linalg.cholesky(covariance + ridge * eye))

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes drawn from the Gaussian. Shape (count, Z)."""
        standard = torch.randn(count, len(self.mean), generator=generator, device=generator.device)
        codes = self.mean + standard @ self.factor.t()
        return functional.normalize(codes, dim=1) if self.code_norm == "sphere" else codes


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
) -> AnyPrior:
    """Return the prior of a model.

    Args:
        kind: ``generator``, whose settings are the last four; ``sphere``; ``gaussian``;
            ``fitted``; ``none``.
        noise_size: S.
        code_size: Z.
        code_norm: See :class:`FittedGaussian`.
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
    if kind == "gaussian":
        return GaussianPrior(code_size=code_size)
    if kind == "none":
        return NoCodePrior()
    return FittedGaussian(code_size=code_size, code_norm=code_norm)


@torch.no_grad()
def update_average(average: nn.Module, current: nn.Module, *, decay: float) -> None:
    """Move the running mean of a network's weights towards the current ones."""
    means, values = list(average.state_dict().values()), list(current.state_dict().values())
    moving = [mean.is_floating_point() for mean in means]
    # All at once: a GPU takes as long to start on one weight as on them all.
    torch._foreach_lerp_(list(compress(means, moving)), list(compress(values, moving)), 1 - decay)
    for mean, value, moves in zip(means, values, moving, strict=True):
        if not moves:
            mean.copy_(value)
