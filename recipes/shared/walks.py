"""Walks as ``latent walk`` and ``interpolate`` ask for them, through codes or noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arae_toolkit.recipes.shared.progress import say

if TYPE_CHECKING:
    from torch import Tensor

    from arae_toolkit.generation.decoding import Decoding
    from arae_toolkit.latent.spaces import Space, SpaceName
    from arae_toolkit.latent.walks import Walks, Way
    from arae_toolkit.models.interfaces import Autoencoder
    from arae_toolkit.models.interpolation import Interpolation


@dataclass(frozen=True)
class WalkOptions:
    """What a walk leads through, and how. The defaults are those of ``interpolate``."""

    steps: int = 5
    """A way has so many sentences or images, both ends included."""
    through: SpaceName | None = "codes"
    """``codes``, ``noise``, or ``None``: noise where the model has a generator."""
    interpolation: Interpolation = "linear"
    """The form of the way."""
    smooth: bool = False
    """Whether the way goes around, so that sentences change little at each step."""
    random: int | None = None
    """So many ways between random points are wanted, if any."""
    seed: int = 0
    """It fixes random points, where the search for noise starts, and what smooth ways look at."""
    starts: int = 4
    """The search for the noise of a code starts from so many."""
    prior_weight: float = 0.0
    """Weight of the noise's own negative log density in that search."""

    def space(self, model: Autoencoder) -> Space:
        """Return the space of a model.

        Raises:
            ToolkitError: If it has no noise, and noise is asked for.
        """
        from arae_toolkit.latent.inversion import InversionSettings
        from arae_toolkit.latent.spaces import has_noise, space_of

        name = self.through or ("noise" if has_noise(model) else "codes")
        inversion = InversionSettings(
            starts=self.starts, prior_weight=self.prior_weight, seed=self.seed
        )
        return space_of(model, name, inversion=inversion)

    def way(self, model: Autoencoder, decoding: Decoding | None = None) -> Way:
        """Return how a model comes from one point to another; sentences are chosen as given."""
        from arae_toolkit.latent.smooth_walks import SmoothWay
        from arae_toolkit.latent.walks import StraightWay
        from arae_toolkit.models.arae import ARAE

        if not self.smooth:
            return StraightWay(self.steps, self.interpolation)
        assert isinstance(model, ARAE), "smooth ways are through sentences"
        return SmoothWay(model, self.steps, self.interpolation, decoding, self.seed)

    def between(
        self, model: Autoencoder, first: Tensor, second: Tensor, decoding: Decoding | None = None
    ) -> Walks:
        """Return the ways between codes. Shapes (N, Z)."""
        from arae_toolkit.latent.walks import walk

        return walk(self.space(model), first, second, self.way(model, decoding))

    def random_codes(self, model: Autoencoder, decoding: Decoding | None = None) -> Tensor:
        """Return the codes on ways between random points. Shape (random, steps, Z)."""
        import torch

        from arae_toolkit.latent.walks import random_walks

        assert self.random is not None, "asked for by --random"
        generator = torch.Generator(model.device).manual_seed(self.seed)
        way = self.way(model, decoding)
        return random_walks(self.space(model), self.random, way, generator=generator)

    def tell(self, distances: Tensor) -> None:
        """Say how far from the given codes those of the noise lie, where noise was searched for."""
        if float(distances.max()) > 0:
            say(
                f"noise found for {distances.numel():,} codes: distance {distances.mean():.3f} on "
                f"average, {distances.max():.3f} at most (codes at right angles are 1.414 apart)"
            )
