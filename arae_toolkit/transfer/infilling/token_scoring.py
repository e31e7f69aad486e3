"""What each word that may be filled in costs at a place, and which is best there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.data.vocabulary import UNKNOWN
from arae_toolkit.devices import reduced
from arae_toolkit.transfer.infilling.network import EMPTY, InfillingNetwork
from arae_toolkit.transfer.infilling.word_similarity import Kinship, usage

_NEVER = -1e9  # below every score
_OTHERS = 0.3  # share of a word's frequency in all sentences in what is called its frequency
_PLACES = 128  # scored together: their scores should stay in the processor's cache


@dataclass(frozen=True)
class Guidance:
    """Which words are filled in, and how far those are preferred that mark the target.

    Attributes:
        weight: Nats that a word gains for each nat by which it marks the target.
        most: Most that it gains.
        words: As many of the most frequent words may be filled in.
        rarity: Of the nats that a word costs by its frequency alone, the share that is not counted
            where whole sentences are compared.
        kinship: Nats that a word gains for being used like the one it replaces, by their cosine;
            see :mod:`~arae_toolkit.transfer.infilling.word_similarity`.
    """

    weight: float
    most: float
    words: int
    rarity: float
    kinship: float = 0.0


@dataclass(frozen=True)
class Places:
    """Places of sentences, with what a network has read around them.

    Attributes:
        around: Shape (N, 2H).
        attributes: What it was told. Shape (N,), int64.
        standing: Words there; ``EMPTY`` where there is none. Shape (N,), int64.
        before: Words before them. Shape (N,), int64.
        after: Words after them. Shape (N,), int64.
        replaced: Words that new ones there would replace; ``EMPTY`` for none. Shape (N,), int64.
    """

    around: Tensor
    attributes: Tensor
    standing: Tensor
    before: Tensor
    after: Tensor
    replaced: Tensor

    def __len__(self) -> int:
        """Return N."""
        return len(self.standing)

    def part(self, start: int, stop: int) -> Places:
        """Return some of them."""
        return Places(
            self.around[start:stop],
            self.attributes[start:stop],
            self.standing[start:stop],
            self.before[start:stop],
            self.after[start:stop],
            self.replaced[start:stop],
        )


class WordScores:
    """Scores the words that a network may fill in, F of them, ``EMPTY`` among them.

    The cost of a word is what it costs at a place given everything around it, less what it costs by
    its rarity among the words of the target. One that is as likely as in any sentence of the target
    costs nothing, one that fits its place less: so a sentence does not become better by losing its
    rare words, as its likelihood would. ``<unk>`` costs nothing.

    Args:
        network: In evaluation mode; what is made of its weights here is not made again.
        guidance: Preference of words that mark the target.
        dtype: Precision of the matrix products.
        directions: Of each word's use, where they are not those of the network alone; see
            :mod:`~arae_toolkit.transfer.infilling.word_similarity`. Shape (V, D).

    Attributes:
        directions: See there.
        ids: Of these words, rising; the first is ``EMPTY``. Shape (F,), int64.
    """

    def __init__(
        self,
        network: InfillingNetwork,
        guidance: Guidance,
        *,
        dtype: torch.dtype,
        directions: Tensor | None = None,
    ) -> None:
        self.network, self.dtype = network, dtype
        self.directions = usage(network) if directions is None else directions
        seen = network.counts.sum(dim=0)
        seen[: UNKNOWN + 1] = 0
        frequent = seen.argsort(descending=True, stable=True)[: guidance.words]
        words = frequent[seen[frequent] > 0].sort().values
        self.ids = torch.cat([words.new_tensor([EMPTY]), words])
        self._weight = network.embedding.weight.detach()[self.ids].to(dtype)
        self._bias = network.word_bias.detach()[self.ids]
        gains = (guidance.weight * network.salience[:, self.ids]).clamp(
            -guidance.most, guidance.most
        )
        gains[:, 0] = 0.0  # no word marks nothing
        self._gains = gains
        self._kinship = None
        if guidance.kinship:
            self._kinship = Kinship(self.directions, self.ids, weight=guidance.kinship, dtype=dtype)
        self._place_of = torch.zeros_like(seen)
        self._place_of[self.ids] = torch.arange(len(self.ids), device=seen.device)
        self._rarity = -guidance.rarity * _frequencies(network.counts).log().float()
        self._rarity[:, : UNKNOWN + 1] = 0.0  # no word is not rare

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.ids.device

    @torch.no_grad()
    def look(self, places: Places, *, ways: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return what stands at places costs there, and which words would be best.

        A word that may not be filled in is compared with those that may. No word is said twice in
        a row: those beside a place are not filled in there.

        Args:
            places: N places.
            ways: K, how many words are wanted; 0 for none.

        Returns:
            Costs of what stands there, shape (N,); ids of the best words, the best first, and their
            costs. Shape (N, K) each.
        """
        with reduced(self.device, self.dtype):
            predicted = self.network.predicted(places.around, places.attributes).to(self.dtype)
        parts = [
            self._look(
                places.part(start, start + _PLACES), predicted[start : start + _PLACES], ways
            )
            for start in range(0, len(places), _PLACES)
        ]
        if not parts:
            nothing = self._bias.new_zeros(0)
            return nothing, self.ids.new_zeros(0, ways), nothing.reshape(0, ways)
        costs, best, best_costs = zip(*parts, strict=True)
        return torch.cat(costs), torch.cat(best), torch.cat(best_costs)

    def _look(self, places: Places, predicted: Tensor, ways: int) -> tuple[Tensor, Tensor, Tensor]:
        """Do the same for a few places; ``predicted`` is what words are compared with, (N, E)."""
        words, told = places.standing, places.attributes
        scores = functional.linear(predicted, self._weight).float().add_(self._bias)
        likely = functional.log_softmax(scores, dim=1)
        # The first word gives the softmax's normalizer, and that the likelihood of any word.
        normalizer = scores[:, 0] - likely[:, 0]
        rows = functional.embedding(words, self.network.embedding.weight.detach())
        own = (rows.to(predicted) * predicted).sum(dim=1, dtype=torch.float32)
        nats = normalizer - own - self.network.word_bias.detach()[words]
        costs = (nats - self._rarity[told, words]).masked_fill(words == UNKNOWN, 0.0)
        if not ways:
            return costs, words.new_zeros(len(words), 0), costs.new_zeros(len(words), 0)
        wanted = likely + self._gains[told]
        if self._kinship is not None:
            wanted += self._kinship.gains(places.replaced)
        for beside in (places.before, places.after):
            numbers = self._place_of[beside]
            (known,) = numbers.nonzero(as_tuple=True)
            wanted[known, numbers[known]] = _NEVER
        numbers = wanted.topk(min(ways, wanted.shape[1]), dim=1).indices
        best = self.ids[numbers]
        return costs, best, -likely.gather(1, numbers) - self._rarity[told[:, None], best]


def _frequencies(counts: Tensor) -> Tensor:
    """Return how frequent words are in each attribute's sentences. Shape (A, V), float64.

    A word of other attributes has a share of its frequency there, so that none has none.
    """
    own = counts.double()
    own = own / own.sum(dim=1, keepdim=True).clamp(min=1)
    smallest = 1 / counts.sum().clamp(min=1).double()
    return (1 - _OTHERS) * own + _OTHERS * own.mean(dim=0) + smallest
