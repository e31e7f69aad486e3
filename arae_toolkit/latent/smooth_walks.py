"""Walks that change little at each step: the best chain of sentences about a straight way.

A decoder changes several words at once where its first choice of a word changes, so that a straight
way of evenly placed codes stands still and then jumps. Here sentences are decoded in many places of
the way and about each of them, and of all chains through them that never turn back the one is taken
whose steps change least. It is not in the paper, which walks straight (section 7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from torch import Tensor

from arae_toolkit.generation.best_of import before_ends, nats_of_ids
from arae_toolkit.generation.decoding import Decoding, decode
from arae_toolkit.latent.spaces import Space
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.interpolation import Interpolation, points_between

Places = npt.NDArray[np.float64]
PLACES, DRAWS = 9, 16
"""Places on a way, and candidates about each of them, itself included."""
ROUNDS, MORE = 6, 64
"""So many times the largest step of the best chain is given so many more candidates."""
SPREAD = 0.35
"""How far candidates lie from the line on average, in its length ..."""
LEAST_LENGTH = 0.25
"""... which counts as at least so much of the whole way's."""
EDITS_A_NAT = 0.1
"""How many squared word edits a nat of a sentence, to the decoder that wrote it, is worth."""


@dataclass(frozen=True)
class SmoothWay:
    """The way whose sentences change least from step to step.

    Of all chains of so many candidates that never turn back, it has the least sum of the squared
    word edits between neighbours and of what its sentences cost their decoder, so that one large
    jump is worse than several small ones and a stumbling sentence worse than a plain one. Where its
    largest step is, candidates are added, some times over. The constants above were chosen on pairs
    of dev (``docs/guides/code-space.md``).

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
        ways = [
            self._way(space, first, last)
            for first, last in zip(start[:, None], end[:, None], strict=True)
        ]
        return torch.stack(ways) if ways else start.new_zeros(0, self.steps, self.model.code_size)

    def _way(self, space: Space, first: Tensor, last: Tensor) -> Tensor:
        """Return the codes of one. Shapes (1, D), (1, D) to (steps, Z)."""
        generator = torch.Generator(first.device).manual_seed(self.seed)
        way = points_between(first, last, steps=PLACES, interpolation=self.interpolation)[0]
        whole = float((last - first).norm())
        aside = _aside(first, (PLACES - 2) * DRAWS, SPREAD * whole, generator=generator)
        aside.view(PLACES - 2, DRAWS, -1)[:, 0] = 0
        about = way[1:-1].repeat_interleave(DRAWS, dim=0) + aside
        inner = np.repeat(np.arange(1.0, PLACES - 1), DRAWS)
        points = torch.cat([first, about, last])
        found = self._read(space, points, np.array([0, *inner, PLACES - 1]))
        for _ in range(ROUNDS):
            chain, edits = found.best(self.steps)
            at = int(edits.argmax())
            if edits[at] == 0:
                break
            left, right = found.points[chain[at]], found.points[chain[at + 1]]
            share = torch.rand(MORE, 1, generator=generator, device=first.device)
            length = max(float((right - left).norm()), LEAST_LENGTH * whole)
            aside = _aside(first, MORE, SPREAD * length, generator=generator)
            places = found.place[chain[at : at + 2]]
            place = places[0] + (places[1] - places[0]) * share[:, 0].double().cpu().numpy()
            found = found.joined(self._read(space, left + share * (right - left) + aside, place))
        chain, _ = found.best(self.steps)
        return space.codes(found.points[chain])

    def _read(self, space: Space, points: Tensor, place: Places) -> _Candidates:
        """Return points with the sentences that their codes are decoded to. Shape (M, D)."""
        decoder, codes = self.model.decoder, space.codes(points)
        decoding = self.model.in_precision(self.decoding)  # as the way's codes will be decoded
        words = decode(decoder, codes, decoding=decoding, max_length=self.model.max_length)
        nats, _ = nats_of_ids(decoder, codes, words)
        return _Candidates(points, place, before_ends(words), nats.double().cpu().numpy())


@dataclass(frozen=True)
class _Candidates:
    """What a way may lead over; the first and the one that lies furthest are its ends.

    Attributes:
        points: Shape (M, D).
        place: Where each lies on the way. Shape (M,).
        sentences: Ids of the words of each.
        nats: What each costs its decoder. Shape (M,).
    """

    points: Tensor
    place: Places
    sentences: list[list[int]]
    nats: npt.NDArray[np.float64]

    def joined(self, other: _Candidates) -> _Candidates:
        return _Candidates(
            torch.cat([self.points, other.points]),
            np.concatenate([self.place, other.place]),
            self.sentences + other.sentences,
            np.concatenate([self.nats, other.nats]),
        )

    def best(self, length: int) -> tuple[list[int], npt.NDArray[np.float64]]:
        """Return the cheapest chain of so many, and the word edits of its steps."""
        order = self.place.argsort(kind="stable")
        sentences = [self.sentences[at] for at in order]
        edits = cdist(sentences, sentences, scorer=Levenshtein.distance).astype(np.float64)
        cost = edits**2 + EDITS_A_NAT * self.nats[order]
        chain = cheapest_chain(cost, self.place[order], length)
        return [int(order[at]) for at in chain], edits[chain[:-1], chain[1:]]


def _aside(like: Tensor, count: int, distance: float, *, generator: torch.Generator) -> Tensor:
    """Return random moves whose root mean square length is given. Shape (count, D)."""
    moves = torch.randn(count, like.shape[1], generator=generator, device=like.device)
    return moves * (distance / math.sqrt(like.shape[1]))


def cheapest_chain(cost: npt.NDArray[np.float64], place: Places, length: int) -> list[int]:
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
