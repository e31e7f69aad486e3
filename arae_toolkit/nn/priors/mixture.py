"""A mixture of Gaussians over codes, fitted by scikit-learn and sampled by torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arae_toolkit.nn.priors.gaussian import finished


class MixturePrior(nn.Module):
    """A mixture of Gaussians over the leading principal directions, one Gaussian over the rest.

    Args:
        code_size: Z.
        components: How many Gaussians.
        dimensions: Leading principal directions that they span, at most Z.
        diagonal: Whether each has a variance by direction, and no covariance.
        on_sphere: See :func:`~arae_toolkit.nn.priors.gaussian.finished`.
        noise: See :func:`~arae_toolkit.nn.priors.gaussian.finished`.
    """

    mean: Tensor
    basis: Tensor
    deviations: Tensor
    weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(
        self,
        *,
        code_size: int,
        components: int,
        dimensions: int,
        diagonal: bool,
        on_sphere: bool = True,
        noise: float = 0.0,
    ) -> None:
        """Start as the standard Gaussian; the buffers are for who fits it to set."""
        super().__init__()
        self.diagonal, self.on_sphere, self.noise = diagonal, on_sphere, noise
        self.register_buffer("mean", torch.zeros(code_size))
        self.register_buffer("basis", torch.eye(code_size))
        self.register_buffer("deviations", torch.ones(code_size))
        self.register_buffer("weights", torch.full((components,), 1 / components))
        self.register_buffer("means", torch.zeros(components, dimensions))
        ones = torch.ones(components, dimensions)
        self.register_buffer("factors", ones if diagonal else torch.diag_embed(ones))

    @torch.no_grad()
    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes drawn from the mixture. Shape (count, Z)."""
        device, dimensions = generator.device, self.means.shape[1]
        standard = torch.randn(count, len(self.mean), generator=generator, device=device)
        chosen = (
            torch.multinomial(self.weights, count, replacement=True, generator=generator)
            if count
            else torch.zeros(0, dtype=torch.int64, device=device)
        )
        leading, rest = standard[:, :dimensions], standard[:, dimensions:]
        factors = self.factors[chosen]
        spread = (
            factors * leading if self.diagonal else torch.einsum("bij,bj->bi", factors, leading)
        )
        scaled = torch.cat([self.means[chosen] + spread, rest], dim=1)
        # The mixture is over whitened directions, so that all of them are alike to its fit.
        codes = self.mean + (scaled * self.deviations) @ self.basis.t()
        return finished(codes, on_sphere=self.on_sphere, noise=self.noise, generator=generator)
