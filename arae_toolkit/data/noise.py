"""Noise on codes, words, pixels and activations, each from a given source of randomness."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from arae_toolkit.data.vocabulary import UNKNOWN


def add_code_noise(code: Tensor, *, deviation: Tensor, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise to codes (the annealed noise of the paper's text model).

    Args:
        code: Shape (B, Z).
        deviation: Standard deviation of each coordinate's noise. Scalar tensor, so that annealing
            it neither waits for the device nor changes a captured graph.
        generator: Source of randomness on the code's device.
    """
    noise = torch.empty_like(code).normal_(generator=generator)
    return code + deviation * noise


def with_noise(code: Tensor, deviation: float, generator: torch.Generator | None) -> Tensor:
    """Return codes with Gaussian noise of a deviation that stays the same; 0 draws nothing.

    Args:
        code: Shape (B, Z).
        deviation: Of each coordinate.
        generator: Source of randomness on the code's device, wanted unless the deviation is 0.
    """
    if not deviation:
        return code
    return code + deviation * torch.empty_like(code).normal_(generator=generator)


def annealed_deviation(initial: float, *, factor: float, every: int, iteration: int) -> float:
    """Return ``initial * factor ** (iteration // every)``: code noise after some iterations."""
    return initial * factor ** (iteration // every)


def drop_words(
    tokens: Tensor, lengths: Tensor, *, share: float | Tensor, generator: torch.Generator
) -> Tensor:
    """Replace a share of the words by ``<unk>``, never ``<eos>`` or padding (denoising input).

    Args:
        tokens: Right-padded ids. Shape (B, T).
        lengths: Tokens per sentence, ``<eos>`` included. Shape (B,).
        share: Chance of each word to be replaced, in [0, 1]: one for all, or shape (B, T).
        generator: Source of randomness on the tokens' device.
    """
    columns = torch.arange(tokens.shape[1], device=tokens.device)
    is_word = columns < (lengths - 1)[:, None]
    chosen = torch.rand(tokens.shape, device=tokens.device, generator=generator) < share
    return torch.where(is_word & chosen, UNKNOWN, tokens)


def drop_pixels(pixels: Tensor, *, share: float, generator: torch.Generator) -> Tensor:
    """Turn a share of the pixels to paper, 0 (denoising input).

    Args:
        pixels: Shape (B, P).
        share: Chance of each pixel to be turned, in [0, 1].
        generator: Source of randomness on the pixels' device.
    """
    chosen = torch.rand(pixels.shape, device=pixels.device, generator=generator) < share
    return pixels.masked_fill(chosen, 0)


def swap_words(
    tokens: Tensor, lengths: Tensor, *, swaps: int, generator: torch.Generator
) -> Tensor:
    """Exchange neighbouring words at ``swaps`` distinct places (section 7, Figure 4).

    A sentence of n words has n - 1 places, of which k are drawn without replacement and exchanged
    one after the other, in random order. Exchanges at distinct places never cancel: the outcome is
    k exchanges of neighbours away from the sentence and no fewer, if its words are all different.
    Sentences of fewer than k + 1 words stay as they are: see :func:`swappable`.

    Args:
        tokens: Right-padded ids. Shape (B, T).
        lengths: Tokens per sentence, ``<eos>`` included. Shape (B,).
        swaps: How many exchanges, the k of Figure 4.
        generator: Source of randomness on the tokens' device.
    """
    swapped = tokens.clone()
    long_enough = swappable(lengths, swaps=swaps)
    rows = long_enough.nonzero()[:, 0]
    columns = torch.arange(tokens.shape[1], device=tokens.device)
    keys = torch.rand(tokens.shape, device=tokens.device, generator=generator)
    places = keys.masked_fill_(columns >= (lengths - 2)[:, None], 2.0).argsort(dim=1)[rows]
    for left in places[:, :swaps].unbind(dim=1):
        first, second = swapped[rows, left], swapped[rows, left + 1]
        swapped[rows, left], swapped[rows, left + 1] = second, first
    return swapped


def swappable(lengths: Tensor, *, swaps: int) -> Tensor:
    """Return which sentences have ``swaps`` places or more between words. Shape (B,), bool.

    Args:
        lengths: Tokens per sentence, ``<eos>`` included. Shape (B,).
        swaps: How many exchanges.

    Example:
        >>> swappable(torch.tensor([2, 3, 4]), swaps=1)  # one word, two, three
        tensor([False,  True,  True])
    """
    return (lengths - 2).clamp(min=0) >= swaps


@dataclass(frozen=True)
class RowNoise:
    """A source of noise for some rows of a batch, which draws for all of them.

    So the noise of a row is the same whichever process has the row.

    Attributes:
        generator: Source of randomness on the rows' device.
        rows: Which of the batch's rows the values are of.
        count: B, the rows of the whole batch.
    """

    generator: torch.Generator
    rows: slice
    count: int


NoiseSource = torch.Generator | RowNoise
"""What noise is drawn from, for all rows of a batch or for some."""


def seeded_dropout(values: Tensor, share: float, generator: NoiseSource | None) -> Tensor:
    """Set a share of the values to 0 and scale the others up, so that the mean stays.

    Torch's own dropout draws from the global generator.

    Args:
        values: Any shape, rows first.
        share: Chance of each value to be dropped, in [0, 1).
        generator: Source of randomness on the values' device; ``None`` drops nothing.

    Example:
        >>> seeded_dropout(torch.ones(2), 0.5, None)
        tensor([1., 1.])
    """
    if generator is None or not share:
        return values
    if isinstance(generator, RowNoise):
        whole = values.new_empty(generator.count, *values.shape[1:])
        kept = whole.bernoulli_(1 - share, generator=generator.generator)[generator.rows]
    else:
        kept = torch.empty_like(values).bernoulli_(1 - share, generator=generator)
    return values * kept.mul_(1 / (1 - share))
