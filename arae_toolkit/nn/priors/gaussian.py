"""Gaussian priors: a standard one on the sphere, and one fitted to codes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

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


class FittedGaussian(nn.Module):
    """A multivariate Gaussian fitted to a plain autoencoder's codes after training (footnote 8)."""

    mean: Tensor
    factor: Tensor

    def __init__(self, *, code_size: int, on_sphere: bool = True) -> None:
        """Start as the standard Gaussian.

        Args:
            code_size: Z.
            on_sphere: Scale what is drawn to the unit sphere, where the encoder's codes lie.
        """
        super().__init__()
        self.on_sphere = on_sphere
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
        return functional.normalize(codes, dim=1) if self.on_sphere else codes


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
