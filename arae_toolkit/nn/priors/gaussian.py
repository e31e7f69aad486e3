"""Gaussian priors: standard ones, on the sphere and off it, and one fitted to codes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.noise import with_noise

BLOCK_ROWS = 16_384
"""Codes that are turned to float64 at once."""


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
    """A multivariate Gaussian fitted to a plain autoencoder's codes after training (footnote 8)."""

    mean: Tensor
    factor: Tensor

    def __init__(self, *, code_size: int, on_sphere: bool = True, noise: float = 0.0) -> None:
        """Start as the standard Gaussian.

        Args:
            code_size: Z.
            on_sphere: See :func:`finished`.
            noise: See :func:`finished`.
        """
        super().__init__()
        self.on_sphere, self.noise = on_sphere, noise
        self.register_buffer("mean", torch.zeros(code_size))
        self.register_buffer("factor", torch.eye(code_size))

    @torch.no_grad()
    def fit(self, codes: Tensor) -> None:
        """Take the mean and covariance of codes. Shape (N, Z), N > 1."""
        mean, covariance = mean_and_covariance(codes)
        # A little more variance in every direction keeps the factor defined for flat codes.
        ridge = 1e-8 + 1e-6 * covariance.diagonal().mean()
        eye = torch.eye(len(mean), dtype=torch.float64, device=codes.device)
        self.mean.copy_(mean)
        self.factor.copy_(torch.linalg.cholesky(covariance + ridge * eye))

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes drawn from the Gaussian. Shape (count, Z)."""
        standard = torch.randn(count, len(self.mean), generator=generator, device=generator.device)
        codes = self.mean + standard @ self.factor.t()
        return finished(codes, on_sphere=self.on_sphere, noise=self.noise, generator=generator)


def mean_and_covariance(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the covariance of codes, in float64.

    Args:
        codes: Shape (N, Z), N > 1.

    Returns:
        Shapes (Z,) and (Z, Z).

    Raises:
        ValueError: If there are fewer than two codes, which have no covariance.
    """
    if codes.ndim != 2 or len(codes) < 2:
        raise ValueError(f"codes must have shape (N, Z) with N > 1, got {tuple(codes.shape)}")
    mean = codes.mean(dim=0, dtype=torch.float64)
    blocks = (block.double() - mean for block in codes.split(BLOCK_ROWS))
    return mean, sum(block.t() @ block for block in blocks) / (len(codes) - 1)


def finished(codes: Tensor, *, on_sphere: bool, noise: float, generator: torch.Generator) -> Tensor:
    """Return drawn codes as the decoder of a model is to get them.

    Args:
        codes: Shape (N, Z).
        on_sphere: Scale them to the unit sphere, where the encoder's codes lie.
        noise: Deviation of the noise that is then added. A decoder that was trained with much of it
            writes from clean codes what is likeliest, and little else.
        generator: Source of randomness, on the codes' device.
    """
    if on_sphere:
        codes = functional.normalize(codes, dim=1)
    return with_noise(codes, noise, generator)
