"""Masking of training sentences: words that mark the attribute, some others, empty gaps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.data.token_batches import TokenBatch, real_tokens
from arae_toolkit.data.vocabulary import PAD
from arae_toolkit.transfer.infilling.network import EMPTY, MASK, known_words
from arae_toolkit.transfer.infilling.settings import InfillingTrainingConfig

_OFTEN_MORE = 3.0  # times the share of words masked in some sentences
_MORE_SENTENCES = 1 / 3
_EMPTY_ELSEWHERE = 0.1  # of the chance beside a masked word


@dataclass(frozen=True)
class MaskedBatch:
    """Sentences with words masked.

    Attributes:
        batch: What the model reads, with positions where there are no words.
        masked: Where words are masked, or positions made. Shape (B, T), bool.
        asked: Visible words that are to be predicted, too. Shape (B, T), bool.
        targets: What it is to predict: words, ``EMPTY`` at a position where there is none. Shape
            (B, T), int64.
    """

    batch: TokenBatch
    masked: Tensor
    asked: Tensor
    targets: Tensor


def mask_for_infilling(
    batch: TokenBatch,
    labels: Tensor,
    salience: Tensor,
    settings: InfillingTrainingConfig,
    generator: torch.Generator,
) -> MaskedBatch:
    """Mask words of sentences, those that mark their sentence's attribute first of all.

    Each sentence draws a bound, and its words of a salience above it are masked, as in transfer
    everything that marks an attribute is. Some other words and some neighbours of masked ones are
    masked as well, and at least one in each sentence with a known word.

    Args:
        batch: Sentences.
        labels: Their attributes. Shape (B,), int64.
        salience: Of each word for each attribute, in nats. Shape (A, V).
        settings: How many words.
        generator: Source of randomness on the batch's device.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, device=batch.device, generator=generator)

    words = known_words(batch)
    rows, width = words.shape
    lowest, highest = settings.least_salience, settings.most_salience
    bound = lowest + (highest - lowest) * uniform(rows, 1)
    marked = salience[labels[:, None], batch.tokens] > bound
    share = torch.full((rows, 1), settings.share, device=batch.device)
    share = torch.where(uniform(rows, 1) < _MORE_SENTENCES, _OFTEN_MORE * share, share)
    order = uniform(rows, width).masked_fill(~words, 2.0)
    masked = words & (marked | (order < share))
    neighbours = _beside(masked) & words
    masked = masked | (neighbours & (uniform(rows, width) < settings.beside))
    first = functional.one_hot(order.argmin(dim=1), width).bool() & words
    masked = masked | (first & ~masked.any(dim=1, keepdim=True))
    # A position before token i stands beside masked words if i or the token before it is masked.
    after = functional.pad(masked[:, :-1], (1, 0))
    chance = torch.where(masked | after, settings.empty, settings.empty * _EMPTY_ELSEWHERE)
    gaps = real_tokens(batch) & (uniform(rows, width) < chance)
    part = with_masks(batch, masked, gaps)
    visible = known_words(part.batch) & ~part.masked
    asked = visible & (uniform(*visible.shape) < settings.asked)
    return replace(part, asked=asked)


def with_masks(batch: TokenBatch, masked: Tensor, gaps: Tensor) -> MaskedBatch:
    """Return sentences with words masked, and with positions made for words that are not there.

    Args:
        batch: Sentences.
        masked: Which words to mask. Shape (B, T), bool.
        gaps: Before which tokens to make a position. Shape (B, T), bool; False at padding.
    """
    shifts = gaps.long().cumsum(dim=1)
    lengths = batch.lengths + shifts[:, -1]
    width = int(lengths.max())
    columns = torch.arange(batch.tokens.shape[1], device=batch.device)
    # What moves beyond the width is padding; it is collected in one more column and cut off.
    positions = (columns + shifts).clamp(max=width)
    wide = (len(batch), width + 1)
    targets = torch.full(wide, EMPTY, device=batch.device).scatter_(1, positions, batch.tokens)
    is_masked = torch.zeros(wide, dtype=torch.bool, device=batch.device)
    is_masked.scatter_(1, positions, masked)
    made = torch.where(gaps, positions - 1, width)
    is_masked.scatter_(1, made, True)
    targets, is_masked = targets[:, :width], is_masked[:, :width]
    inside = torch.arange(width, device=batch.device) < lengths[:, None]
    targets = torch.where(inside, targets, PAD)
    tokens = targets.masked_fill(is_masked, MASK)
    unasked = torch.zeros_like(is_masked)
    return MaskedBatch(TokenBatch(tokens, lengths, None), is_masked & inside, unasked, targets)


def mask_at_random(batch: TokenBatch, *, share: float, generator: torch.Generator) -> TokenBatch:
    """Return sentences with words masked whatever they are: a share drawn for each sentence.

    Args:
        batch: Sentences.
        share: Mean share of the words; a sentence's own lies between 0 and twice it.
        generator: Source of randomness on the batch's device.
    """
    rows, width = batch.tokens.shape
    draws = torch.rand((rows, width + 1), device=batch.device, generator=generator)
    chosen = known_words(batch) & (draws[:, :width] < 2 * share * draws[:, width:])
    return batch.with_tokens(batch.tokens.masked_fill(chosen, MASK))


def _beside(chosen: Tensor) -> Tensor:
    """Return the positions next to chosen ones. Shape (B, T), bool."""
    return functional.pad(chosen[:, :-1], (1, 0)) | functional.pad(chosen[:, 1:], (0, 1))
