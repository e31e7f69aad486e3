"""Walks that change little at each step: the best chain of sentences about a straight way.

A decoder changes several words at once where its first choice of a word changes, so that a straight
way of evenly placed codes stands still and then jumps. Here sentences are decoded in many places of
the way and about each of them, and of all chains through them that never turn back the one is taken
whose steps change least. It is not in the paper, which walks straight (section 7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from torch import Tensor

from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.generation.best_of import nats_of_ids
from arae_toolkit.generation.decoding import Decoding, decode
from arae_toolkit.latent.spaces import Space
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.interpolation import Interpolation, points_between

PLACES, DRAWS = 33, 16
"""Places on a way, and points about each of them, itself included."""
SPREAD = 0.35
"""How far from the way they lie on average, in its length."""
EDITS_A_NAT = 0.1
"""How many squared word edits a nat of a sentence, to the decoder that wrote it, is worth."""


@dataclass(frozen=True)
class SmoothWay:
    """The way whose sentences change least from step to step.

    Of all chains of so many candidates that never turn back, it has the least sum of the squared
    word edits between neighbours and of what its sentences cost their decoder, so that one large
    jump is worse than several small ones and a stumbling sentence worse than a plain one. The
    constants above were chosen on pairs of dev (``docs/guides/code-space.md``).

    Attributes:
        model: Decodes the candidates.
        steps: Sentences on the way, both ends included.
        interpolation: Form of the way that they lie about.
        decoding: How sentences are chosen; greedily unless given.
        seed: Draws where candidates lie, for each pair of ends alike.
    """

    model: ARAE
    steps: int
    interpolation: Interpolation = "linear"
    decoding: Decoding | None = None
    seed: int = 0

    @torch.no_grad()
    def __call__(self, space: Space, start: Tensor, end: Tensor) -> Tensor:
        """Return the codes of the ways from points to others, each found by itself.

        Args:
            space: What the points are of.
            start: Shape (N, D).
            end: Shape (N, D).

        Returns:
            Shape (N, steps, Z).

        Raises:
            ValueError: If there are fewer than two steps.
        """
        if self.steps < 2:
            raise ValueError(f"steps must be at least 2, got {self.steps}")
        generator = torch.Generator(start.device).manual_seed(self.seed)
        size = (1, PLACES - 2, DRAWS, start.shape[1])
        aside = torch.randn(size, generator=generator, device=start.device)
        aside[:, :, 0] = 0
        place = np.array([0, *np.repeat(np.arange(1, PLACES - 1), DRAWS), PLACES - 1])
        ways = []
        for first, last in zip(start[:, None], end[:, None], strict=True):
            way = points_between(first, last, steps=PLACES, interpolation=self.interpolation)
            distance = SPREAD * (last - first).norm() / start.shape[1] ** 0.5
            about = (way[:, 1:-1, None] + distance * aside).flatten(0, 2)
            codes = space.codes(torch.cat([first, about, last]))
            ways.append(codes[self._chain(codes, place)])
        return torch.stack(ways) if ways else start.new_zeros(0, self.steps, self.model.code_size)

    def _chain(self, codes: Tensor, place: npt.NDArray[np.int64]) -> list[int]:
        """Return which codes the way leads over, from the first to the last. Shape (M, Z)."""
        decoder, decoding = self.model.decoder, self.decoding or Decoding()
        words = decode(decoder, codes, decoding=decoding, max_length=self.model.max_length)
        sentences = [row[: row.index(EOS)] if EOS in row else row for row in words.tolist()]
        nats, _ = nats_of_ids(decoder, codes, words)
        edits = cdist(sentences, sentences, scorer=Levenshtein.distance).astype(np.float64)
        cost = edits**2 + EDITS_A_NAT * nats.cpu().double().numpy()
        return cheapest_chain(cost, place, self.steps)


def cheapest_chain(
    cost: npt.NDArray[np.float64], place: npt.NDArray[np.int64], length: int
) -> list[int]:
    """Return the chain of so many candidates, from the first to the last, that costs least.

    A candidate may follow itself, and any that does not lie behind it.

    Args:
        cost: Of a step from each candidate to each. Shape (M, M).
        place: Where each lies on the way. Shape (M,), rising.
        length: Candidates in the chain, both ends included; 2 at least.

    Example:
        >>> edits = np.array([[0, 1, 3], [1, 0, 2], [3, 2, 0]], dtype=float)
        >>> cheapest_chain(edits**2, np.arange(3), 3)
        [0, 1, 2]
    """
    step = np.where(place[:, None] > place[None], np.inf, cost)
    best, came_from = step[0], []
    for _ in range(length - 2):
        through = best[:, None] + step
        came_from.append(through.argmin(axis=0))
        best = through.min(axis=0)
    chain = [len(cost) - 1]
    for before in reversed(came_from):
        chain.append(int(before[chain[-1]]))
    return [0, *reversed(chain)]
