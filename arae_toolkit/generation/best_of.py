"""The best of several draws, by the decoder's own nats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from arae_toolkit.data.token_batches import length_bucketed_batches
from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.generation.decoding import Search, decoded_blocks, drawn_blocks
from arae_toolkit.nn.lstm_decoder import LSTMDecoder
from arae_toolkit.nn.priors import DRAWN_TOGETHER, Prior

LEAST_NATS = 1e-6
"""Stands for what a decoder is sure of where a logarithm is taken."""


def best_blocks(
    search: Search,
    prior: Prior,
    sizes: Iterable[int],
    *,
    best_of: int,
    generator: torch.Generator,
    at_once: int = 1,
    growth: int = 2,
) -> Iterator[Tensor]:
    """Yield the sentences of blocks, each sentence the best of so many draws of its own.

    The best has the fewest nats for its length: nats / tokens ** a, ``<eos>`` included in both.
    With a = 1, nats a word, short sentences would win: a decoder forgets its code as it goes on, so
    that the words of long ones cost more (the best of 4 were 11 % shorter for an ARAE of SNLI).
    Therefore a is what the decoder's nats grow by: :func:`length_exponent` of the seed's first
    draws. A sentence depends on the seed, its number and ``best_of`` alone.

    Args:
        search: Decodes, with an LSTM decoder.
        prior: Where the codes come from.
        sizes: Sentences in each block.
        best_of: Draws for each sentence; 1 takes them as they come, and reads none.
        generator: Source of randomness, on the prior's device.
        at_once: See :func:`~arae_toolkit.generation.decoding.decoded_blocks`, as for growth.
        growth: Factor on what was decoded at once, from one time to the next.

    Yields:
        Right-padded ids. Shape (size, T).

    Raises:
        ValueError: If ``best_of`` is less than 1.
    """
    if best_of < 1:
        raise ValueError(f"best_of must be at least 1, got {best_of}")
    way = {"at_once": best_of * at_once, "growth": growth}
    if best_of == 1:
        yield from decoded_blocks(search, prior, sizes, generator=generator, **way)
        return
    decoder = search.decoder
    assert isinstance(decoder, LSTMDecoder), "models have no other"
    again = torch.Generator(generator.device)
    again.set_state(generator.get_state())  # these draws are candidates as well
    ((code, words),) = drawn_blocks(search, prior, [DRAWN_TOGETHER], generator=again)
    exponent = length_exponent(*nats_of_ids(decoder, code, words))
    sizes = (best_of * size for size in sizes)
    for code, words in drawn_blocks(search, prior, sizes, generator=generator, **way):
        nats, tokens = nats_of_ids(decoder, code, words)
        best = (nats / tokens**exponent).view(-1, best_of).argmin(dim=1)
        first = torch.arange(0, len(words), best_of, device=words.device)
        yield words[first + best]


def expected_draws(expected: int | None, best_of: int) -> int | None:
    """Return how many codes a search will decode for so many sentences, if that is known.

    Example:
        >>> expected_draws(10, 1), expected_draws(10, 4), expected_draws(1000, 4)
        (10, 512, 4000)
    """
    if expected is None or best_of == 1:
        return expected
    return max(DRAWN_TOGETHER, expected * best_of)  # so many are looked at beforehand


def nats_of_ids(decoder: LSTMDecoder, code: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
    """Return what sentences cost a decoder that is given their codes.

    One that was cut is read as if it ended there, which costs the more the less it does.

    Args:
        decoder: Reads them.
        code: Shape (N, Z).
        words: Right-padded ids. Shape (N, T), int64.

    Returns:
        Nats, and tokens, ``<eos>`` included in both. Shapes (N,) and (N,), float32.
    """
    sentences = [[*row, EOS] for row in before_ends(words)]
    read = length_bucketed_batches(sentences, 256, device=code.device)
    nats, tokens = code.new_zeros(2, len(code), dtype=torch.float32)
    for rows, batch in read:
        at = torch.tensor(rows, device=code.device)
        nats[at] = decoder.sentence_nats(code[at], batch).float()
        tokens[at] = batch.lengths.float()
    return nats, tokens


def before_ends(words: Tensor) -> list[list[int]]:
    """Return the ids of each sentence before its ``<eos>``, all of one that was cut. Shape (N, T).

    Example:
        >>> before_ends(torch.tensor([[7, EOS, 0], [7, 8, 9]]))
        [[7], [7, 8, 9]]
    """
    return [row[: row.index(EOS)] if EOS in row else row for row in words.tolist()]


def length_exponent(nats: Tensor, tokens: Tensor) -> float:
    """Return by which power of their lengths the nats of sentences grow.

    The slope of the logarithms' regression line; 1 where all lengths are equal.

    Args:
        nats: Of each sentence. Shape (N,).
        tokens: Its tokens. Shape (N,).

    Example:
        >>> tokens = torch.tensor([2.0, 4.0, 8.0])
        >>> round(length_exponent(3 * tokens**1.5, tokens), 4)
        1.5
        >>> length_exponent(torch.ones(2), torch.ones(2))
        1.0
    """
    across, up = tokens.double().log(), nats.double().clamp_min(LEAST_NATS).log()
    across, up = across - across.mean(), up - up.mean()
    spread = float(across @ across)
    return float(across @ up) / spread if spread > 0 else 1.0
