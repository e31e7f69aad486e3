"""What an infilling model reads in whole sentences: words' costs, neighbours, and attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.data.token_batches import TokenBatch, batch_of, real_tokens
from arae_toolkit.data.vocabulary import EOS, UNKNOWN
from arae_toolkit.devices import reduced
from arae_toolkit.transfer.infilling.masking import words_of
from arae_toolkit.transfer.infilling.network import EMPTY, HIDDEN
from arae_toolkit.transfer.infilling.token_scoring import Places, WordScores

_ROWS, _RECOGNIZED_ROWS = 512, 1024  # sentences read together
Words = Sequence[int]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """One sentence as the model sees it, told a target.

    Costs are those of :class:`~arae_toolkit.transfer.infilling.token_scoring.WordScores`.

    Attributes:
        costs: Of each word given all others, 0 for ``<unk>`` and ``<eos>``; and of that nothing
            stands before each token. Shape (2, T).
        best: Words that could stand at each word's place, and before each token. Shape
            (2, T, K), int64.
        best_costs: What they would cost. Shape (2, T, K).
    """

    costs: Floats
    best: npt.NDArray[np.int64]
    best_costs: Floats


@torch.no_grad()
def read(
    sentences: Sequence[Words], targets: Sequence[int], words: WordScores, *, ways: int
) -> list[Reading]:
    """Read sentences once, and say of each place and gap what stands there and what could.

    Args:
        sentences: N sentences.
        targets: Attribute told for each.
        words: That may be filled in.
        ways: K, words tried at each place.
    """
    readings: list[Reading] = []
    for start in range(0, len(sentences), _ROWS):
        batch = batch_of(
            [list(sentence) for sentence in sentences[start : start + _ROWS]], device=words.device
        )
        told = torch.tensor(targets[start : start + _ROWS], device=words.device)
        with reduced(words.device, words.dtype):
            around = words.network.states(batch, told)
        real, known = real_tokens(batch), words_of(batch)
        own = _table(batch, told, around.places, known, words, ways, empty=False)
        gaps = _table(batch, told, around.gaps, real, words, ways, empty=True)
        costs, best = np.stack([own[0], gaps[0]]), np.stack([own[1], gaps[1]])
        best_costs = np.stack([own[2], gaps[2]])
        readings += [
            Reading(costs[:, row, :length], best[:, row, :length], best_costs[:, row, :length])
            for row, length in enumerate(batch.lengths.tolist())
        ]
    return readings


def _table(
    batch: TokenBatch,
    told: Tensor,
    around: Tensor,
    where: Tensor,
    words: WordScores,
    ways: int,
    *,
    empty: bool,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return costs of what stands at places, or of gaps, with the best words there.

    Returns:
        Shapes (B, T), (B, T, K) and (B, T, K); 0 where there is no place.
    """
    costs, best, best_costs = words.look(
        _places(batch, told, around, where, empty=empty), ways=ways
    )
    shape, count = batch.tokens.shape, best.shape[1]
    return (
        costs.new_zeros(shape).masked_scatter_(where, costs).cpu().numpy(),
        best.new_zeros(*shape, count).masked_scatter_(where[:, :, None], best).cpu().numpy(),
        costs.new_zeros(*shape, count).masked_scatter_(where[:, :, None], best_costs).cpu().numpy(),
    )


def _places(
    batch: TokenBatch, told: Tensor, around: Tensor, where: Tensor, *, empty: bool
) -> Places:
    """Return places of a batch: those of tokens, or the empty ones before them."""
    rows, columns = where.nonzero(as_tuple=True)
    tokens = batch.tokens[rows, columns]
    padded = functional.pad(batch.tokens, (1, 1), value=EOS)
    before, after = padded[rows, columns], padded[rows, columns + 2]
    standing = torch.full_like(tokens, EMPTY) if empty else tokens
    after = tokens if empty else after
    return Places(around[where], told[rows], standing, before, after, replaced=standing)


@torch.no_grad()
def region_costs(
    sentences: Sequence[Words],
    targets: Sequence[int],
    regions: Sequence[tuple[int, int]],
    words: WordScores,
) -> Floats:
    """Return what the words of a region of each sentence cost, and the gaps before and in it.

    Args:
        sentences: N sentences.
        targets: Attribute told for each.
        regions: First place, and the place after the last.
        words: That may be filled in.

    Returns:
        Summed nats, as those of :func:`read` over the same places. Shape (N,).
    """
    result = np.zeros(len(sentences), dtype=np.float32)
    order = sorted(range(len(sentences)), key=lambda row: len(sentences[row]))
    for start in range(0, len(order), _ROWS):
        chosen = order[start : start + _ROWS]
        batch = batch_of([list(sentences[row]) for row in chosen], device=words.device)
        told = torch.tensor([targets[row] for row in chosen], device=words.device)
        bounds = torch.tensor([regions[row] for row in chosen], device=words.device)
        columns = torch.arange(batch.tokens.shape[1], device=words.device)
        inside = (columns >= bounds[:, :1]) & (columns < bounds[:, 1:])
        with reduced(words.device, words.dtype):
            around = words.network.states(batch, told)
        known, gaps = inside & words_of(batch), inside & real_tokens(batch)
        total = torch.zeros(len(chosen), device=words.device)
        for where, states, empty in ((known, around.places, False), (gaps, around.gaps, True)):
            places = _places(batch, told, states, where, empty=empty)
            costs, _, _ = words.look(places, ways=0)
            total.index_add_(0, where.nonzero()[:, 0], costs)
        result[chosen] = total.cpu().numpy()
    return result


@torch.no_grad()
def margins(sentences: Sequence[Words], targets: Sequence[int], words: WordScores) -> Floats:
    """Return by how many nats the recognizer prefers each sentence's target to the others. (N,)."""
    result = np.zeros(len(sentences), dtype=np.float32)
    order = sorted(range(len(sentences)), key=lambda row: len(sentences[row]))
    for start in range(0, len(order), _RECOGNIZED_ROWS):
        rows = order[start : start + _RECOGNIZED_ROWS]
        batch = batch_of([list(sentences[row]) for row in rows], device=words.device)
        own = torch.tensor([targets[row] for row in rows], device=words.device)[:, None]
        with reduced(words.device, words.dtype):
            scores = words.network.recognize(batch)
        others = scores.scatter(1, own, -torch.inf).logsumexp(dim=1, keepdim=True)
        result[rows] = (scores.gather(1, own) - others)[:, 0].cpu().numpy()
    return result


def gains_from_hiding(
    sentences: Sequence[Words], targets: Sequence[int], words: WordScores
) -> tuple[Floats, list[Floats]]:
    """Return the margin of each sentence, and by how much hiding each of its words raises it.

    Returns:
        Shape (N,); and for each sentence, shape (T,), minus infinity where there is no known word.
    """
    rows: list[Words] = []
    own: list[int] = []
    places: list[list[int]] = []
    for sentence, target in zip(sentences, targets, strict=True):
        known = [i for i, word in enumerate(sentence[:-1]) if word > UNKNOWN]
        rows.append(sentence)
        rows += [[*sentence[:i], HIDDEN, *sentence[i + 1 :]] for i in known]
        own += [target] * (1 + len(known))
        places.append(known)
    found = margins(rows, own, words)
    whole = np.zeros(len(sentences), dtype=np.float32)
    gains, at = [], 0
    for number, (sentence, known) in enumerate(zip(sentences, places, strict=True)):
        whole[number] = found[at]
        gain = np.full(len(sentence), -np.inf, dtype=np.float32)
        gain[known] = found[at + 1 : at + 1 + len(known)] - found[at]
        gains.append(gain)
        at += 1 + len(known)
    return whole, gains
