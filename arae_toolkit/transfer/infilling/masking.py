"""Which words an infilling model learns to tell: those that mark attributes, some others, none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.data.token_batches import TokenBatch, real_tokens
from arae_toolkit.data.vocabulary import EOS, PAD, UNKNOWN
from arae_toolkit.transfer.infilling.network import EMPTY, HIDDEN
from arae_toolkit.transfer.infilling.settings import InfillingTrainingConfig

_OFTEN_MORE = 3.0  # times the share of words hidden in some sentences
_MORE_SENTENCES = 1 / 3
_EMPTY_ELSEWHERE = 0.1  # of the chance beside a hidden word


@dataclass(frozen=True)
class HiddenWords:
    """Sentences with words hidden.

    Attributes:
        batch: What the model reads, with places where there are no words.
        hidden: Where words are hidden, or places made. Shape (B, T), bool.
        asked: Visible words that are to be predicted, too. Shape (B, T), bool.
        targets: What it is to predict: words, ``EMPTY`` at a place where there is none. Shape
            (B, T), int64.
    """

    batch: TokenBatch
    hidden: Tensor
    asked: Tensor
    targets: Tensor


def words_of(batch: TokenBatch) -> Tensor:
    """Return where the known words of sentences are. Shape (B, T), bool."""
    return real_tokens(batch) & (batch.tokens != UNKNOWN) & (batch.tokens != EOS)


def hide_for_infilling(
    batch: TokenBatch,
    labels: Tensor,
    salience: Tensor,
    settings: InfillingTrainingConfig,
    generator: torch.Generator,
) -> HiddenWords:
    """Hide words of sentences, those that mark their sentence's attribute first of all.

    Each sentence draws a bound, and its words of a salience above it are hidden, as in transfer
    everything that marks an attribute is. Some other words and some neighbours of hidden ones are
    hidden as well, and at least one in each sentence with a known word.

    Args:
        batch: Sentences.
        labels: Their attributes. Shape (B,), int64.
        salience: Of each word for each attribute, in nats. Shape (A, V).
        settings: How many words.
        generator: Source of randomness on the batch's device.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, device=batch.device, generator=generator)

    words = words_of(batch)
    rows, width = words.shape
    lowest, highest = settings.least_salience, settings.most_salience
    bound = lowest + (highest - lowest) * uniform(rows, 1)
    marked = salience[labels[:, None], batch.tokens] > bound
    share = torch.full((rows, 1), settings.share, device=batch.device)
    share = torch.where(uniform(rows, 1) < _MORE_SENTENCES, _OFTEN_MORE * share, share)
    order = uniform(rows, width).masked_fill(~words, 2.0)
    hidden = words & (marked | (order < share))
    neighbours = _beside(hidden) & words
    hidden = hidden | (neighbours & (uniform(rows, width) < settings.beside))
    first = functional.one_hot(order.argmin(dim=1), width).bool() & words
    hidden = hidden | (first & ~hidden.any(dim=1, keepdim=True))
    # A place before token i stands beside hidden words if i or the token before it is hidden.
    after = functional.pad(hidden[:, :-1], (1, 0))
    chance = torch.where(hidden | after, settings.empty, settings.empty * _EMPTY_ELSEWHERE)
    gaps = real_tokens(batch) & (uniform(rows, width) < chance)
    part = with_places(batch, hidden, gaps)
    visible = words_of(part.batch) & ~part.hidden
    asked = visible & (uniform(*visible.shape) < settings.asked)
    return replace(part, asked=asked)


def with_places(batch: TokenBatch, hidden: Tensor, gaps: Tensor) -> HiddenWords:
    """Return sentences with words hidden, and with places made for words that are not there.

    Args:
        batch: Sentences.
        hidden: Which words to hide. Shape (B, T), bool.
        gaps: Before which tokens to make a place. Shape (B, T), bool; False at padding.
    """
    shifts = gaps.long().cumsum(dim=1)
    lengths = batch.lengths + shifts[:, -1]
    width = int(lengths.max())
    columns = torch.arange(batch.tokens.shape[1], device=batch.device)
    # What moves beyond the width is padding; it is collected in one more column and cut off.
    places = (columns + shifts).clamp(max=width)
    wide = (len(batch), width + 1)
    targets = torch.full(wide, EMPTY, device=batch.device).scatter_(1, places, batch.tokens)
    is_hidden = torch.zeros(wide, dtype=torch.bool, device=batch.device)
    is_hidden.scatter_(1, places, hidden)
    made = torch.where(gaps, places - 1, width)
    is_hidden.scatter_(1, made, True)
    targets, is_hidden = targets[:, :width], is_hidden[:, :width]
    inside = torch.arange(width, device=batch.device) < lengths[:, None]
    targets = torch.where(inside, targets, PAD)
    tokens = targets.masked_fill(is_hidden, HIDDEN)
    nothing = torch.zeros_like(is_hidden)
    return HiddenWords(TokenBatch(tokens, lengths, None), is_hidden & inside, nothing, targets)


def hide_at_random(batch: TokenBatch, *, share: float, generator: torch.Generator) -> TokenBatch:
    """Return sentences with words hidden whatever they are: a share drawn for each sentence.

    Args:
        batch: Sentences.
        share: Mean share of the words; a sentence's own lies between 0 and twice it.
        generator: Source of randomness on the batch's device.
    """
    rows, width = batch.tokens.shape
    draws = torch.rand((rows, width + 1), device=batch.device, generator=generator)
    chosen = words_of(batch) & (draws[:, :width] < 2 * share * draws[:, width:])
    return batch.with_tokens(batch.tokens.masked_fill(chosen, HIDDEN))


def _beside(chosen: Tensor) -> Tensor:
    """Return the places next to chosen ones. Shape (B, T), bool."""
    return functional.pad(chosen[:, :-1], (1, 0)) | functional.pad(chosen[:, 1:], (0, 1))
