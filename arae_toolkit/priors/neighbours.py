"""The neighbours' prior: codes between those of a training row and of one that is near it."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.data.noise import add_code_noise
from arae_toolkit.priors.codes import SplitCodes

NEAREST = 5
_SHARES = (0.25, 0.75)
"""Of the way to the neighbour: nearer to either end, mostly the training sentence comes back."""
_CHUNK_ROWS = 256
_SAME = 2e-3
"""Distance of what is the same, as a share of a code's norm: float32 tells no less apart."""


class NeighboursPrior:
    """Draws on the way from a random training code to one of its nearest others, with noise.

    It learns nothing and keeps all of train: a test of how smooth a code space is between sentences
    that are alike, and with a smooth one a prior that no network has to fit. The share of samples
    found in train says how much of it is memory.

    Args:
        codes: Of the training split.
        noise: Standard deviation of the noise on each coordinate.
        nearest: How many neighbours one is chosen from.
    """

    def __init__(self, codes: SplitCodes, *, noise: float, nearest: int = NEAREST) -> None:
        self.codes, self.noise, self.nearest = codes, noise, nearest

    @cached_property
    def _all(self) -> Tensor:
        """The codes of all rows, encoded when the first are drawn. Shape (N, Z)."""
        return self.codes.some(0, seed=0)

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """Return codes between neighbours. Shape (count, Z).

        Where codes lie on the unit sphere, so does the point between two.
        """
        device = generator.device
        rows = torch.randint(len(self.codes), (count,), generator=generator, device=device)
        first = self._all[rows]
        others = self._neighbours(first, generator=generator)
        share = torch.empty(count, 1, device=device).uniform_(*_SHARES, generator=generator)
        between = torch.lerp(first, others, share)
        if self.codes.model.code_norm == "sphere":
            between = functional.normalize(between, dim=1)
        deviation = torch.tensor(self.noise, device=device)
        return add_code_noise(between, deviation=deviation, generator=generator)

    def _neighbours(self, codes: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return for each code one of the nearest that are not the same. Shape (count, Z)."""
        nearest = min(self.nearest, len(self._all))
        found = []
        for chunk in codes.split(_CHUNK_ROWS):
            distances = torch.cdist(chunk, self._all)
            # Several rows may read alike, and a sentence is no neighbour of itself.
            distances[distances < _SAME * chunk.norm(dim=1, keepdim=True)] = torch.inf
            values, places = distances.topk(nearest, largest=False)
            others = values.isfinite().sum(dim=1, keepdim=True)  # at times fewer, or none at all
            draw = torch.rand(len(chunk), 1, generator=generator, device=codes.device)
            choice = (draw * others).long()
            found.append(self._all[places.gather(1, choice)[:, 0]])
        return torch.cat([codes[:0], *found])
