"""The two spaces that one can move in: codes, and the noise that the generator makes codes of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.errors import ToolkitError
from arae_toolkit.latent.inversion import InversionSettings, invert
from arae_toolkit.models.interfaces import Autoencoder
from arae_toolkit.nn.priors import Generator, Prior

SpaceName = Literal["codes", "noise"]


@dataclass(frozen=True)
class Points:
    """Points of a space, found for codes.

    Attributes:
        points: Shape (N, D): D is Z among codes and S among noises.
        distance: From the given code to that of the point. Shape (N,).
    """

    points: Tensor
    distance: Tensor


class Space(Protocol):
    """Where points lie that can be moved and have codes."""

    def points_of(self, code: Tensor) -> Points:
        """Return the points of codes. Shape (N, Z)."""

    def draw(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return random points, as the prior has them. Shape (count, D)."""

    def codes(self, points: Tensor) -> Tensor:
        """Return the codes of points. Shape (..., D) to (..., Z)."""


class CodeSpace:
    """Codes: what left the unit sphere by a move is scaled back to it, where they lie there.

    Args:
        prior: Random codes come from it.
        on_sphere: Whether codes have norm 1.
    """

    def __init__(self, prior: Prior, *, on_sphere: bool = True) -> None:
        self.prior, self.on_sphere = prior, on_sphere

    def points_of(self, code: Tensor) -> Points:
        """Return the codes themselves."""
        return Points(code, torch.zeros(len(code), device=code.device))

    def draw(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes drawn from the prior. Shape (count, Z)."""
        return self.prior.sample(count, generator=generator)

    def codes(self, points: Tensor) -> Tensor:
        """Return the points, scaled to norm 1 where codes have it."""
        return functional.normalize(points, dim=-1) if self.on_sphere else points


class NoiseSpace:
    """The Gaussian noise in front of the generator, where the paper moves (section 7).

    Args:
        generator: In evaluation mode.
        inversion: How the noise of a given code is searched for.
    """

    def __init__(self, generator: Generator, inversion: InversionSettings | None = None) -> None:
        self.generator, self.inversion = generator, inversion

    def points_of(self, code: Tensor) -> Points:
        """Return noise whose generated code lies near to each code."""
        found = invert(self.generator, code, settings=self.inversion)
        return Points(found.noise, found.distance)

    def draw(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return s ~ N(0, I). Shape (count, S)."""
        return self.generator.draw_noise(count, generator=generator)

    @torch.no_grad()
    def codes(self, points: Tensor) -> Tensor:
        """Return the generated codes."""
        flat = self.generator(points.reshape(-1, points.shape[-1]))
        return flat.view(*points.shape[:-1], -1)  # type: ignore[no-any-return]


def has_noise(model: Autoencoder) -> bool:
    """Return whether the model's codes are generated from noise that can be moved."""
    return isinstance(model.prior, Generator)


def space_of(
    model: Autoencoder, name: SpaceName, *, inversion: InversionSettings | None = None
) -> Space:
    """Return the space of this name.

    Args:
        model: In evaluation mode.
        name: ``codes`` or ``noise``.
        inversion: How the noise of given codes is searched for.

    Raises:
        ToolkitError: If noise is asked for, and the model's prior has no generator.
    """
    if name == "codes":
        on_sphere = model.arguments.get("code_norm", "sphere") == "sphere"
        return CodeSpace(model.prior, on_sphere=on_sphere)
    if not isinstance(model.prior, Generator):
        raise ToolkitError(
            "this model's prior has no generator, so there is no noise to move in; move through "
            "codes"
        )
    return NoiseSpace(model.prior, inversion)
