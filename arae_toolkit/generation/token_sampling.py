"""Token sampling: the next word from its scores, by argmax or drawn by chance.

A pass over a whole vocabulary that also keeps track of positions, as ``argmax`` or a sort does,
costs a CPU several times the plain maximum or sum of the same numbers. So these functions first
reduce the vocabulary by blocks of words, and look for positions inside the few blocks that matter.

Inside, a sentence is a column: the transposed scores (V, B) are what the fast decoder computes on a
CPU, and reductions along their first dimension read memory in its order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

BLOCK_WORDS = 64
TOP_BLOCK_WORDS = 16  # smaller, since as many blocks as words are asked for are looked into
NARROW = 64  # words that hold the nucleus of most distributions

Reduction = Callable[..., Tensor]


def greedy_tokens(scores: Tensor) -> Tensor:
    """Return the word of the highest score in each row, the first of several.

    Args:
        scores: Shape (B, V).

    Returns:
        Shape (B,), int64.

    Example:
        >>> greedy_tokens(torch.tensor([[0.0, 2.0, 2.0], [3.0, 1.0, 0.0]]))
        tensor([1, 0])
    """
    vocab_size = scores.shape[1]
    if scores.is_cuda or vocab_size <= BLOCK_WORDS:
        return scores.argmax(dim=1)
    columns = scores.t()
    best = _by_block(columns, torch.amax, BLOCK_WORDS).argmax(dim=0, keepdim=True)
    # The last block may reach past the vocabulary: its last word again comes after itself.
    words = _words_of(best, BLOCK_WORDS).clamp_(max=vocab_size - 1)
    place = columns.gather(0, words).argmax(dim=0, keepdim=True)
    return words.gather(0, place)[0]


def draw(
    scores: Tensor, uniform: Tensor, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> Tensor:
    """Draw a word for each row by inverting the distribution function at ``uniform``.

    The distribution function runs over the words, those that are left, in the vocabulary's order.

    Args:
        scores: Shape (B, V). Overwritten.
        uniform: In [0, 1). Shape (B,).
        temperature: Divides the scores.
        top_k: Draw from the k likeliest words only; 0 draws from all.
        top_p: Draw from the fewest words that together have this probability (among those that
            ``top_k`` leaves); 1 draws from all.

    Returns:
        Shape (B,), int64.

    Example:
        >>> scores = torch.tensor([[0.5, 0.25, 0.25]]).log()
        >>> draw(scores.repeat(3, 1), torch.tensor([0.4, 0.6, 0.9]))
        tensor([0, 1, 2])
    """
    vocab_size = scores.shape[1]
    if top_k == 1:
        return greedy_tokens(scores)
    columns = scores.t().float()
    if 0 < top_k < vocab_size:
        values, words = _top(columns, top_k)
        weights = (values / temperature).softmax(dim=0)
        return _draw_from(weights, words, uniform, top_p=top_p, share=weights.sum(dim=0))
    if temperature != 1:
        columns = columns.div_(temperature)
    weights = columns.sub_(_by_block(columns, torch.amax, BLOCK_WORDS).amax(dim=0)).exp_()
    sums = _by_block(weights, torch.sum, BLOCK_WORDS)
    if top_p == 1:
        return _draw_in_order(weights, sums, uniform)
    share = sums.sum(dim=0)
    if scores.is_cuda or vocab_size <= NARROW:
        return _draw_from_wide(weights, uniform, top_p=top_p, share=share)
    values, words = _top(weights, NARROW)
    drawn = _draw_from(values, words, uniform, top_p=top_p, share=share)
    # Few distributions are so flat that a nucleus is wider than what was looked at.
    wide = (values.sum(dim=0) < top_p * share).nonzero()[:, 0]
    if len(wide) > 0:
        drawn[wide] = _draw_from_wide(
            weights[:, wide], uniform[wide], top_p=top_p, share=share[wide]
        )
    return drawn


def _draw_in_order(weights: Tensor, sums: Tensor, uniform: Tensor) -> Tensor:
    """Draw a word by its weight: first its block, then the word in it.

    Args:
        weights: At least 0. Shape (V, B).
        sums: Their sums by block. Shape (blocks, B).
        uniform: Shape (B,).
    """
    upto = sums.cumsum(dim=0)
    target = uniform * upto[-1]
    block = _first_above(upto, target, possible=sums > 0)
    words = _words_of(block, BLOCK_WORDS)
    last = len(weights) - 1
    inside = weights.gather(0, words.clamp(max=last)).masked_fill_(words > last, 0)
    # A difference of rounded sums may be a hair below 0.
    rest = (target - (upto - sums).gather(0, block)[0]).clamp_(min=0)
    place = _first_above(inside.cumsum(dim=0), rest, possible=inside > 0)
    return words.gather(0, place)[0]


def _draw_from(
    weights: Tensor, words: Tensor, uniform: Tensor, *, top_p: float, share: Tensor
) -> Tensor:
    """Draw from a few words, given the heaviest first.

    Args:
        weights: Shape (k, B).
        words: Shape (k, B).
        uniform: Shape (B,).
        top_p: Keep the first words up to the one that crosses this part of ``share``.
        share: Weight of all words, these and others. Shape (B,).
    """
    if top_p < 1:
        weights = weights.masked_fill(~_in_nucleus(weights, top_p=top_p, share=share), 0)
    words, order = words.sort(dim=0)
    weights = weights.gather(0, order)
    upto = weights.cumsum(dim=0)
    place = _first_above(upto, uniform * upto[-1], possible=weights > 0)
    return words.gather(0, place)[0]


def _draw_from_wide(weights: Tensor, uniform: Tensor, *, top_p: float, share: Tensor) -> Tensor:
    """Draw from a nucleus of any width.

    Args:
        weights: Shape (V, B).
        uniform: Shape (B,).
        top_p: Part of ``share`` that the nucleus has.
        share: Weight of all words. Shape (B,).
    """
    ordered = _heaviest_first(weights)
    count = _in_nucleus(ordered, top_p=top_p, share=share).sum(dim=0, keepdim=True)
    lightest = ordered.gather(0, count - 1)
    kept = weights >= lightest
    if weights.is_cuda or bool((kept.sum(dim=0) > count[0]).any()):
        # Of words as heavy as the lightest of the nucleus, the first fill it up.
        heavier = weights > lightest
        even = kept & ~heavier
        kept = heavier | (even & (even.cumsum(dim=0) <= count - heavier.sum(dim=0)))
    weights = weights.masked_fill(~kept, 0)
    return _draw_in_order(weights, _by_block(weights, torch.sum, BLOCK_WORDS), uniform)


def _in_nucleus(ordered: Tensor, *, top_p: float, share: Tensor) -> Tensor:
    """Return which of the weights (n, B), heaviest first, belong to the nucleus.

    The word that crosses the threshold stays in, so at least one always does.
    """
    inside = (ordered.cumsum(dim=0) - ordered) < top_p * share
    inside[0] = True
    return inside


def _heaviest_first(weights: Tensor) -> Tensor:
    """Return the weights of each column, sorted. Shape (V, B)."""
    if weights.is_cuda:
        return weights.sort(dim=0, descending=True).values
    # numpy sorts numbers without their places, which takes a CPU a tenth of the time.
    rows = np.negative(weights.t().contiguous().numpy())
    rows.sort(axis=1)
    return torch.from_numpy(np.negative(rows, out=rows)).t()


def _first_above(upto: Tensor, target: Tensor, *, possible: Tensor) -> Tensor:
    """Return the first place whose running sum is above the target, or the last possible one.

    Rounding may leave the last sum a hair below the target; a word that cannot be is never drawn.

    Args:
        upto: Running sums. Shape (n, B).
        target: Shape (B,).
        possible: Where the weight is above 0. Shape (n, B).

    Returns:
        Shape (1, B), int64.
    """
    place = (upto <= target).sum(dim=0, keepdim=True)
    numbers = torch.arange(len(upto), device=upto.device)[:, None]
    return torch.minimum(place, (numbers * possible).amax(dim=0, keepdim=True))


def _top(columns: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the highest scores of each column and their words, the highest first.

    Which of several equal scores come in last is left open, but does not depend on other columns.

    Args:
        columns: Shape (V, B).
        count: k.

    Returns:
        Scores and words. Shapes (k, B).
    """
    last = len(columns) - 1
    if columns.is_cuda or 2 * count * TOP_BLOCK_WORDS > len(columns):
        highest = columns.topk(count, dim=0)
        return highest.values, highest.indices
    # Each of the k blocks with the highest maxima holds a word at least as high as any word
    # outside of them, so k words as high as any are in these blocks.
    maxima = _by_block(columns, torch.amax, TOP_BLOCK_WORDS)
    words = _words_of(maxima.topk(count, dim=0, sorted=False).indices, TOP_BLOCK_WORDS)
    inside = columns.gather(0, words.clamp(max=last)).masked_fill_(words > last, -torch.inf)
    highest = inside.topk(count, dim=0)
    return highest.values, words.gather(0, highest.indices).clamp_(max=last)


def _by_block(columns: Tensor, reduce: Reduction, size: int) -> Tensor:
    """Return the maximum or sum of each block of words. Shape (V, B) to (blocks, B)."""
    whole = len(columns) // size * size
    reduced = reduce(columns[:whole].unflatten(0, (whole // size, size)), dim=1)
    if whole == len(columns):
        return reduced
    return torch.cat([reduced, reduce(columns[whole:], dim=0, keepdim=True)])


def _words_of(blocks: Tensor, size: int) -> Tensor:
    """Return the words of blocks, some past the vocabulary. Shape (n, B) to (n * size, B)."""
    inside = torch.arange(size, device=blocks.device)[:, None]
    return (blocks[:, None, :] * size + inside).flatten(0, 1)
