"""Decoding of codes to sentences: greedy (section 5), sampling and beam search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from arae_toolkit.data.vocabulary import BOS, EOS, PAD
from arae_toolkit.generation.continuous_batching import ContinuousBatcher, StepDecoder, TokenSampler
from arae_toolkit.generation.token_sampling import draw, greedy_tokens
from arae_toolkit.nn.lstm_decoder import IncrementalLSTM, LSTMDecoder
from arae_toolkit.nn.priors import DRAWN_TOGETHER, Prior

Method = Literal["greedy", "sample", "beam"]

SLOTS = {"cpu": 384, "cuda": 2048}
"""Sentences decoded side by side. More are no faster: their scores would leave a CPU's cache."""

WINDOW = {"cpu": 8192, "cuda": 32_768}
"""Codes handed over at once, from which ended sentences' slots are filled; bounds the memory."""

BEAM_CODES = 512
"""Codes of which beams grow side by side."""


@dataclass(frozen=True)
class Decoding:
    """How sentences are chosen.

    Attributes:
        method: ``greedy`` takes the likeliest word at each step, ``sample`` draws one, ``beam``
            keeps the likeliest ``beam_size`` beginnings and returns the likeliest sentence.
        temperature: Divides the scores before sampling; below 1 is more cautious.
        top_k: Draw from the k likeliest words only; 0 draws from all.
        top_p: Draw from the fewest words that together have this probability; 1 draws from all.
        beam_size: Beginnings kept by beam search.
        max_length: Most words in a sentence; ``None`` takes the model's.
        dtype: Precision of the matrix products; ``None`` takes the model's, float32 where it has
            none.
    """

    method: Method = "greedy"
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    beam_size: int = 5
    max_length: int | None = None
    dtype: torch.dtype | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.method not in ("greedy", "sample", "beam"):
            raise ValueError(f"method must be greedy, sample or beam, got {self.method!r}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")
        if self.top_k < 0 or not 0 < self.top_p <= 1 or self.beam_size < 1:
            raise ValueError("top_k must be >= 0, top_p in (0, 1] and beam_size >= 1")
        if self.max_length is not None and self.max_length < 1:
            raise ValueError(f"max_length must be at least 1, got {self.max_length}")


AnyDecoder = LSTMDecoder | StepDecoder


class Search:
    """Decodes any number of codes by one decoder, whose weights must not change meanwhile.

    What can be computed once for all calls is kept from one to the next.

    Args:
        decoder: Makes scores.
        decoding: How words are chosen.
        max_length: Most words, unless ``decoding`` says otherwise.
        device: Where the decoder is.
        expected: About how many codes there will be in all, if that is known.
        slots: Sentences decoded side by side; by default what suits the device.
        capture: Replay steps as CUDA graphs where that is possible.
    """

    def __init__(
        self,
        decoder: AnyDecoder,
        *,
        decoding: Decoding,
        max_length: int,
        device: torch.device,
        expected: int | None = None,
        slots: int | None = None,
        capture: bool = True,
    ) -> None:
        self.decoding, self.steps = decoding, decoding.max_length or max_length
        self.decoder, kind = decoder, device.type if device.type in WINDOW else "cpu"
        self.window = WINDOW[kind] if expected is None else max(1, min(WINDOW[kind], expected))
        if decoding.method != "beam":
            self.batcher = ContinuousBatcher(
                self._stepper(),
                _token_sampler(decoding),
                count=slots or SLOTS[kind],
                capacity=self.window,
                steps=self.steps,
                keep=device.type == "cuda",
                capture=capture,
            )

    def draws(self, codes: int, generator: torch.Generator | None) -> Tensor | None:
        """Return the random numbers that as many sentences are drawn by, if they are drawn.

        They are made up front, a row for each sentence, so that a sentence depends neither on how
        long others are nor on how many are decoded side by side.

        Args:
            codes: N.
            generator: Source of randomness, on the decoder's device.

        Returns:
            Shape (N, steps), or ``None`` for greedy and beam search.

        Raises:
            ValueError: If the method is ``sample`` and there is no generator.
        """
        if self.decoding.method != "sample":
            return None
        if generator is None:
            raise ValueError("sampling needs a generator")
        return torch.rand(codes, self.steps, generator=generator, device=generator.device)

    @torch.no_grad()
    def __call__(self, code: Tensor, uniform: Tensor | None = None) -> Tensor:
        """Return the ids of one sentence per code.

        Args:
            code: Shape (N, Z).
            uniform: From :meth:`draws`.

        Returns:
            Right-padded ids, ``<eos>`` last in each row that ended before it was cut. Shape (N, T).
        """
        if self.decoding.method == "beam":
            stepper = self._stepper()  # of this call alone: its memory is not for two threads
            beam_size, steps = self.decoding.beam_size, self.steps
            found = [
                _beam_search(stepper, codes, steps=steps, beam_size=beam_size)
                for codes in code.split(BEAM_CODES)
            ]
            return torch.cat(found)
        windows = code.split(self.window)
        draws = [None] * len(windows) if uniform is None else uniform.split(self.window)
        return torch.cat([self.batcher.decode(*both) for both in zip(windows, draws, strict=True)])

    def _stepper(self) -> StepDecoder:
        """Return what makes one step after the other of the decoder."""
        if isinstance(self.decoder, LSTMDecoder):
            return IncrementalLSTM(self.decoder, dtype=self.decoding.dtype or torch.float32)
        return self.decoder


def _token_sampler(decoding: Decoding) -> TokenSampler:
    """Return how a word is chosen for each row of scores (B, V)."""
    return partial(_token, decoding)


def _token(decoding: Decoding, scores: Tensor, uniform: Tensor | None) -> Tensor:
    """Return the word chosen for each row of scores (B, V)."""
    if uniform is None:
        return greedy_tokens(scores)
    temperature, top_k, top_p = decoding.temperature, decoding.top_k, decoding.top_p
    return draw(scores, uniform, temperature=temperature, top_k=top_k, top_p=top_p)


def decode(
    decoder: AnyDecoder,
    code: Tensor,
    *,
    decoding: Decoding,
    max_length: int,
    generator: torch.Generator | None = None,
    slots: int | None = None,
) -> Tensor:
    """Return the ids of one sentence per code.

    Args:
        decoder: The decoder.
        code: Shape (B, Z).
        decoding: How words are chosen.
        max_length: Most words, unless ``decoding`` says otherwise.
        generator: Source of randomness on the code's device; needed by ``sample`` alone.
        slots: Sentences decoded side by side; by default what suits the device.

    Returns:
        Right-padded ids, ``<eos>`` last in each row that ended before it was cut. Shape (B, T).

    Raises:
        ValueError: If the method is ``sample`` and there is no generator.
    """
    search = Search(
        decoder,
        decoding=decoding,
        max_length=max_length,
        device=code.device,
        expected=len(code),
        slots=slots,
    )
    return search(code, search.draws(len(code), generator))


def block_sizes(count: int, size: int) -> Iterator[int]:
    """Yield the sizes of blocks that have ``count`` rows together, all but the last full.

    Example:
        >>> list(block_sizes(7, 3))
        [3, 3, 1]
    """
    for start in range(0, count, size):
        yield min(size, count - start)


def decoded_blocks(
    search: Search,
    prior: Prior,
    sizes: Iterable[int],
    *,
    generator: torch.Generator,
    at_once: int = 1,
    growth: int = 2,
) -> Iterator[Tensor]:
    """Yield the sentences of blocks of codes drawn from a prior, block by block.

    Codes, and the numbers that words are drawn by, are drawn in an order of their own, whatever the
    sizes and however many are decoded at once: a sentence depends on the seed and its number alone.

    Args:
        search: Decodes.
        prior: Where the codes come from.
        sizes: Codes in each block.
        generator: Source of randomness, on the prior's device.
        at_once: Fewest codes decoded at once at first, in whole blocks. With 1 the first block
            comes soonest.
        growth: Factor on what was decoded at once, from one time to the next, up to the window:
            many at once are faster.

    Yields:
        Right-padded ids. Shape (size, T).
    """
    way = {"at_once": at_once, "growth": growth}
    for _, words in drawn_blocks(search, prior, sizes, generator=generator, **way):
        yield words


def drawn_blocks(
    search: Search,
    prior: Prior,
    sizes: Iterable[int],
    *,
    generator: torch.Generator,
    at_once: int = 1,
    growth: int = 2,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield what :func:`decoded_blocks` does, with the codes.

    Yields:
        Codes and right-padded ids. Shapes (size, Z) and (size, T).
    """
    left = iter(sizes)
    codes = prior.sample(0, generator=generator)
    uniform = search.draws(0, generator)
    while True:
        blocks: list[int] = []
        while sum(blocks) < min(at_once, search.window) and (size := next(left, 0)):
            blocks.append(size)
        if not blocks:
            return
        count = sum(blocks)
        while len(codes) < count:
            codes = torch.cat([codes, prior.sample(DRAWN_TOGETHER, generator=generator)])
            more = search.draws(DRAWN_TOGETHER, generator)
            if uniform is not None and more is not None:
                uniform = torch.cat([uniform, more])
        taken, codes = codes[:count], codes[count:]
        words = search(taken, None if uniform is None else uniform[:count])
        uniform = None if uniform is None else uniform[count:]
        yield from zip(taken.split(blocks), words.split(blocks), strict=True)
        at_once = growth * count if growth > 1 else at_once


def _beam_search(decoder: StepDecoder, code: Tensor, *, steps: int, beam_size: int) -> Tensor:
    """Return the likeliest sentence of those that a beam search completes.

    Scores are total log-probabilities, ``<eos>`` included, without a length correction: the search
    is after the paper's argmax. A sentence cut at the last step counts with what it has.
    """
    batch, device = len(code), code.device
    first_row = torch.arange(batch, device=device)[:, None] * beam_size
    state = decoder.start(code.repeat_interleave(beam_size, dim=0))
    words = torch.full((batch * beam_size, steps), PAD, dtype=torch.int64, device=device)
    previous = torch.full((batch * beam_size,), BOS, dtype=torch.int64, device=device)
    # All beams start alike, so only the first may grow at the first step.
    total = torch.full((batch, beam_size), -torch.inf, device=device)
    total[:, 0] = 0
    ended = torch.zeros(batch * beam_size, dtype=torch.bool, device=device)
    for step in range(steps):
        scores, state = decoder.step(state, previous)
        # Of one beam's continuations no more than beam_size can be among the best of all.
        best, tokens = scores.float().topk(min(beam_size, scores.shape[1]), dim=1)
        gained = best - scores.float().logsumexp(dim=1, keepdim=True)
        # An ended beam has one continuation, which costs nothing.
        gained = gained.masked_fill(ended[:, None], -torch.inf)
        gained[:, 0] = gained[:, 0].masked_fill(ended, 0.0)
        tokens = tokens.masked_fill(ended[:, None], PAD)
        candidates = (total.view(-1, 1) + gained).view(batch, -1)
        total, flat = candidates.topk(beam_size, dim=1)
        origin = (first_row + flat // best.shape[1]).flatten()
        previous = tokens.view(batch, -1).gather(1, flat).flatten()
        words, state = words[origin], state.rows(origin)
        words[:, step] = previous
        ended = ended[origin] | (previous == EOS)
        if bool(ended.all()):
            break
    return words[first_row[:, 0] + total.argmax(dim=1)]
