"""Inversion of the generator: the noise whose generated code lies nearest to a given one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from arae_toolkit.nn.priors import Generator


@dataclass(frozen=True)
class InversionSettings:
    """How noise is searched for."""

    starts: int = 4
    """The descent starts from so many noises for each code, and the best end counts."""
    draws: int = 4096
    """Starts are those of so many random noises whose codes lie nearest."""
    steps: int = 300
    """Adam takes so many steps."""
    rate: float = 0.1
    """Adam starts at this rate, which falls to 0 along a half cosine."""
    prior_weight: float = 0.0
    """Weight of the noise's own negative log density, half its squared norm: above 0 the noise
    stays where the prior would draw it, and the code is met less exactly."""
    seed: int = 0
    """It fixes the random noises."""


@dataclass(frozen=True)
class Inversion:
    """Noises found for codes.

    Attributes:
        noise: Shape (B, S).
        code: What the generator makes of it. Shape (B, Z).
        distance: Euclidean, from that code to the given one. Shape (B,).
    """

    noise: Tensor
    code: Tensor
    distance: Tensor


def invert(
    generator: Generator, code: Tensor, *, settings: InversionSettings | None = None
) -> Inversion:
    """Find noise s with g(s) near to each code z, by descent on the squared distance.

    What is found for a code does not depend on the others.

    Args:
        generator: In evaluation mode. Its weights and their gradients stay as they are.
        code: Shape (B, Z).
        settings: Of the search.
    """
    settings = settings or InversionSettings()
    random = torch.Generator(code.device).manual_seed(settings.seed)
    with torch.no_grad():
        draws = generator.draw_noise(max(settings.draws, settings.starts), generator=random)
        distances = torch.cdist(code, generator(draws))
        nearest = distances.topk(settings.starts, dim=1, largest=False).indices
    targets = code.detach().repeat_interleave(settings.starts, dim=0)
    noise = draws[nearest.flatten()].requires_grad_()
    optimizer = torch.optim.Adam([noise], lr=settings.rate)
    schedule = CosineAnnealingLR(optimizer, settings.steps)
    for _ in range(settings.steps):
        with torch.enable_grad():
            loss = _objective(generator, noise, targets, settings.prior_weight).sum()
            # Not backward(), which would leave gradients on the generator's weights.
            (noise.grad,) = torch.autograd.grad(loss, [noise])
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        ends = noise.detach().view(len(code), settings.starts, -1)
        reached = _objective(generator, ends.flatten(0, 1), targets, settings.prior_weight)
        best = reached.view(len(code), settings.starts).argmin(dim=1)
        found = ends[torch.arange(len(code), device=code.device), best]
        found_code = generator(found)
        return Inversion(found, found_code, (found_code - code).norm(dim=1))


def _objective(generator: Generator, noise: Tensor, code: Tensor, prior_weight: float) -> Tensor:
    """Return the squared distance of each generated code, and the weighted prior term. (B,)."""
    distance: Tensor = (generator(noise) - code).square().sum(dim=1)
    return distance + prior_weight * noise.square().sum(dim=1) / 2
