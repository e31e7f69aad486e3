"""Scores of tokens and sentences: pseudo-likelihoods, likeliest fillers, attribute margins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.data.token_batches import TokenBatch, batch_of, real_tokens
from arae_toolkit.data.vocabulary import EOS, UNKNOWN
from arae_toolkit.devices import reduced
from arae_toolkit.transfer.infilling.network import EMPTY, MASK, InfillingNetwork, known_words
from arae_toolkit.transfer.infilling.settings import Search
from arae_toolkit.transfer.infilling.word_similarity import usage

_NEVER = -1e9  # below every score
_OTHERS = 0.3  # share of a word's frequency in all sentences in what is called its frequency
_POSITIONS = 128  # scored together: their scores should stay in the processor's cache
_ROWS, _CLASSIFIED_ROWS = 512, 1024  # sentences in a batch
Words = Sequence[int]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Positions:
    """Positions in sentences, with the network's context of each.

    Attributes:
        context: Shape (N, 2H).
        attributes: Those that the network was conditioned on. Shape (N,), int64.
        standing: Words there; ``EMPTY`` where there is none. Shape (N,), int64.
        before: Words before them. Shape (N,), int64.
        after: Words after them. Shape (N,), int64.
        replaced: Words that new ones there would replace; ``EMPTY`` for none. Shape (N,), int64.
    """

    context: Tensor
    attributes: Tensor
    standing: Tensor
    before: Tensor
    after: Tensor
    replaced: Tensor

    def __len__(self) -> int:
        """Return N."""
        return len(self.standing)

    def part(self, start: int, stop: int) -> Positions:
        """Return some of them."""
        return Positions(*(value[start:stop] for value in vars(self).values()))


class TokenScorer:
    """Scores the words that a network may fill in, F of them, ``EMPTY`` among them.

    The cost of a word is its negative log-likelihood given everything around it, less that by its
    rarity among the words of the target. One that is as likely as in any sentence of the target
    costs nothing, one that fits its position less: so a sentence does not become better by losing
    its rare words, as its likelihood would. ``<unk>`` costs nothing.

    Args:
        network: In evaluation mode; what is made of its weights here is not made again.
        search: Which words may be filled in, and which are preferred.
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
        search: Search,
        *,
        dtype: torch.dtype,
        directions: Tensor | None = None,
    ) -> None:
        self.network, self.dtype = network, dtype
        self.directions = usage(network) if directions is None else directions
        seen = network.counts.sum(dim=0)
        seen[: UNKNOWN + 1] = 0
        frequent = seen.argsort(descending=True, stable=True)[: search.words]
        words = frequent[seen[frequent] > 0].sort().values
        self.ids = torch.cat([words.new_tensor([EMPTY]), words])
        self._weight = network.embedding.weight.detach()[self.ids].to(dtype)
        self._bias = network.word_bias.detach()[self.ids]
        most = search.most_guidance
        self._gains = (search.guidance * network.salience[:, self.ids]).clamp(-most, most)
        self._gains[:, 0] = 0.0  # no word marks nothing
        self._similarity_weight = search.kinship
        self._directions = self.directions.to(dtype)
        self._own_directions = self._directions[self.ids]
        self._column_of = torch.zeros_like(seen)
        self._column_of[self.ids] = torch.arange(len(self.ids), device=seen.device)
        self._rarity = -search.rarity * _frequencies(network.counts).log().float()
        self._rarity[:, : UNKNOWN + 1] = 0.0  # no word is not rare

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.ids.device

    @torch.no_grad()
    def score(self, positions: Positions, *, ways: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the cost of what stands at positions, and the words that would be best there.

        A word that may not be filled in is compared with those that may. No word is said twice in
        a row: those beside a position are not filled in there.

        Args:
            positions: N positions.
            ways: K, how many words are wanted; 0 for none.

        Returns:
            Costs of what stands there, shape (N,); ids of the best words, the best first, and their
            costs. Shape (N, K) each.
        """
        with reduced(self.device, self.dtype):
            predicted = self.network.predicted(positions.context, positions.attributes)
        predicted = predicted.to(self.dtype)
        parts = [
            self._score(positions.part(at, at + _POSITIONS), predicted[at : at + _POSITIONS], ways)
            for at in range(0, len(positions), _POSITIONS)
        ]
        if not parts:
            nothing = self._bias.new_zeros(0)
            return nothing, self.ids.new_zeros(0, ways), nothing.reshape(0, ways)
        costs, best, best_costs = zip(*parts, strict=True)
        return torch.cat(costs), torch.cat(best), torch.cat(best_costs)

    def _score(
        self, positions: Positions, predicted: Tensor, ways: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Do the same for a few; ``predicted`` is what words are compared with, (N, E)."""
        words, attributes = positions.standing, positions.attributes
        scores = functional.linear(predicted, self._weight).float().add_(self._bias)
        likely = functional.log_softmax(scores, dim=1)
        # The first word gives the softmax's normalizer, and that the likelihood of any word.
        normalizer = scores[:, 0] - likely[:, 0]
        rows = functional.embedding(words, self.network.embedding.weight.detach())
        own = (rows.to(predicted) * predicted).sum(dim=1, dtype=torch.float32)
        nats = normalizer - own - self.network.word_bias.detach()[words]
        costs = (nats - self._rarity[attributes, words]).masked_fill(words == UNKNOWN, 0.0)
        if not ways:
            return costs, words.new_zeros(len(words), 0), costs.new_zeros(len(words), 0)
        wanted = likely + self._gains[attributes]
        if self._similarity_weight:
            wanted += self.similarity_gains(positions.replaced)
        for beside in (positions.before, positions.after):
            columns = self._column_of[beside]
            (known,) = columns.nonzero(as_tuple=True)
            wanted[known, columns[known]] = _NEVER
        columns = wanted.topk(min(ways, wanted.shape[1]), dim=1).indices
        best = self.ids[columns]
        return costs, best, -likely.gather(1, columns) - self._rarity[attributes[:, None], best]

    def similarity_gains(self, replaced: Tensor) -> Tensor:
        """Return the nats each word gains for its use, in place of others. (N,) to (N, F)."""
        products = functional.linear(self._directions[replaced], self._own_directions).float()
        return products.mul_(self._similarity_weight)


def _frequencies(counts: Tensor) -> Tensor:
    """Return how frequent words are in each attribute's sentences. Shape (A, V), float64.

    A word of other attributes has a share of its frequency there, so that none has none.
    """
    own = counts.double()
    own = own / own.sum(dim=1, keepdim=True).clamp(min=1)
    smallest = 1 / counts.sum().clamp(min=1).double()
    return (1 - _OTHERS) * own + _OTHERS * own.mean(dim=0) + smallest


@dataclass(frozen=True)
class PseudoLikelihood:
    """The costs of one sentence's tokens, each given all others and the target.

    They are those of :class:`TokenScorer`.

    Attributes:
        costs: Of each word given all others, 0 for ``<unk>`` and ``<eos>``; and of that nothing
            stands before each token. Shape (2, T).
        best: Words that could stand at each word's position, and before each token. Shape
            (2, T, K), int64.
        best_costs: What they would cost. Shape (2, T, K).
    """

    costs: Floats
    best: npt.NDArray[np.int64]
    best_costs: Floats


@torch.no_grad()
def pseudo_likelihoods(
    sentences: Sequence[Words], targets: Sequence[int], scorer: TokenScorer, *, ways: int
) -> list[PseudoLikelihood]:
    """Encode sentences once, and score at each position and gap what stands there and what could.

    Args:
        sentences: N sentences.
        targets: Attribute that the network is conditioned on for each.
        scorer: Of the words that may be filled in.
        ways: K, words tried at each position.
    """
    found: list[PseudoLikelihood] = []
    for start in range(0, len(sentences), _ROWS):
        batch = _batch(sentences[start : start + _ROWS], scorer.device)
        attributes = torch.tensor(targets[start : start + _ROWS], device=scorer.device)
        parts = []
        for where, positions in _of_tokens_and_gaps(batch, attributes, scorer):
            costs, best, best_costs = scorer.score(positions, ways=ways)
            shape, each = batch.tokens.shape, where[:, :, None]
            wide = (*shape, best.shape[1])
            parts.append(
                (
                    costs.new_zeros(shape).masked_scatter_(where, costs).cpu().numpy(),
                    best.new_zeros(wide).masked_scatter_(each, best).cpu().numpy(),
                    costs.new_zeros(wide).masked_scatter_(each, best_costs).cpu().numpy(),
                )
            )
        tables = [np.stack(both) for both in zip(*parts, strict=True)]
        found += [
            PseudoLikelihood(*(table[:, row, :length] for table in tables))
            for row, length in enumerate(batch.lengths.tolist())
        ]
    return found


@torch.no_grad()
def region_costs(
    sentences: Sequence[Words],
    targets: Sequence[int],
    regions: Sequence[tuple[int, int]],
    scorer: TokenScorer,
) -> Floats:
    """Return what the words of a region of each sentence cost, and the gaps before and in it.

    Args:
        sentences: N sentences.
        targets: Attribute that the network is conditioned on for each.
        regions: First position, and the one after the last.
        scorer: Of the words that may be filled in.

    Returns:
        Summed nats, as those of :func:`pseudo_likelihoods` over the same region. Shape (N,).
    """
    result = np.zeros(len(sentences), dtype=np.float32)
    for rows, batch in _by_length(sentences, _ROWS, scorer.device):
        attributes = torch.tensor([targets[row] for row in rows], device=scorer.device)
        bounds = torch.tensor([regions[row] for row in rows], device=scorer.device)
        columns = torch.arange(batch.tokens.shape[1], device=scorer.device)
        inside = (columns >= bounds[:, :1]) & (columns < bounds[:, 1:])
        total = torch.zeros(len(rows), device=scorer.device)
        for where, positions in _of_tokens_and_gaps(batch, attributes, scorer, inside=inside):
            costs, _, _ = scorer.score(positions, ways=0)
            total.index_add_(0, where.nonzero()[:, 0], costs)
        result[rows] = total.cpu().numpy()
    return result


@torch.no_grad()
def margins(sentences: Sequence[Words], targets: Sequence[int], scorer: TokenScorer) -> Floats:
    """Return by how many nats the classifier prefers each sentence's target to the others. (N,)."""
    result = np.zeros(len(sentences), dtype=np.float32)
    for rows, batch in _by_length(sentences, _CLASSIFIED_ROWS, scorer.device):
        own = torch.tensor([targets[row] for row in rows], device=scorer.device)[:, None]
        with reduced(scorer.device, scorer.dtype):
            scores = scorer.network.classify(batch)
        others = scores.scatter(1, own, -torch.inf).logsumexp(dim=1, keepdim=True)
        result[rows] = (scores.gather(1, own) - others)[:, 0].cpu().numpy()
    return result


def gains_from_masking(
    sentences: Sequence[Words], targets: Sequence[int], scorer: TokenScorer
) -> tuple[Floats, list[Floats]]:
    """Return the margin of each sentence, and by how much masking each of its words raises it.

    Returns:
        Shape (N,); and for each sentence, shape (T,), minus infinity where there is no known word.
    """
    known = [[i for i, word in enumerate(s[:-1]) if word > UNKNOWN] for s in sentences]
    masked: list[Words] = []
    own: list[int] = []
    for sentence, positions, target in zip(sentences, known, targets, strict=True):
        masked += [sentence, *([*sentence[:i], MASK, *sentence[i + 1 :]] for i in positions)]
        own += [target] * (1 + len(positions))
    found = margins(masked, own, scorer)
    starts = np.cumsum([0, *(1 + len(positions) for positions in known)])[:-1]
    whole, gains = found[starts], []
    for sentence, positions, start in zip(sentences, known, starts.tolist(), strict=True):
        gain = np.full(len(sentence), -np.inf, dtype=np.float32)
        gain[positions] = found[start + 1 : start + 1 + len(positions)] - found[start]
        gains.append(gain)
    return whole, gains


def _batch(sentences: Sequence[Words], device: torch.device) -> TokenBatch:
    return batch_of([list(sentence) for sentence in sentences], device=device)


def _by_length(
    sentences: Sequence[Words], size: int, device: torch.device
) -> Iterator[tuple[list[int], TokenBatch]]:
    """Yield sentences in batches of similar lengths, with the row numbers they hold."""
    order = sorted(range(len(sentences)), key=lambda row: len(sentences[row]))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield rows, _batch([sentences[row] for row in rows], device)


def _of_tokens_and_gaps(
    batch: TokenBatch, attributes: Tensor, scorer: TokenScorer, *, inside: Tensor | None = None
) -> Iterator[tuple[Tensor, Positions]]:
    """Yield the positions of known words, and those of the gaps before tokens, and where they are.

    Args:
        batch: Sentences.
        attributes: Those that the network is conditioned on. Shape (B,), int64.
        scorer: With the network.
        inside: The region that is looked at; all of it where ``None``. Shape (B, T), bool.
    """
    with reduced(scorer.device, scorer.dtype):
        context = scorer.network.states(batch, attributes)
    padded = functional.pad(batch.tokens, (1, 1), value=EOS)
    for where, around, is_gap in (
        (known_words(batch), context.positions, False),
        (real_tokens(batch), context.gaps, True),
    ):
        where = where if inside is None else inside & where
        rows, columns = where.nonzero(as_tuple=True)
        tokens = batch.tokens[rows, columns]
        standing = torch.full_like(tokens, EMPTY) if is_gap else tokens
        after = tokens if is_gap else padded[rows, columns + 2]
        before = padded[rows, columns]
        yield where, Positions(around[where], attributes[rows], standing, before, after, standing)
