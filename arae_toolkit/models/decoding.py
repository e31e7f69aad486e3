"""From codes to sentences: greedy search (section 5), sampling and beam search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from arae_toolkit.models.decoder import DecoderState
from arae_toolkit.vocabulary import BOS, EOS, PAD

Method = Literal["greedy", "sample", "beam"]


class StepDecoder(Protocol):
    """What decoding needs of a decoder, such as the LSTM's."""

    def start(self, code: Tensor) -> DecoderState:
        """Return the state before the first word."""
        ...

    def step(self, state: DecoderState, previous: Tensor) -> tuple[Tensor, DecoderState]:
        """Return the next word's scores (B, V) and the next state."""
        ...


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
    """

    method: Method = "greedy"
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    beam_size: int = 5
    max_length: int | None = None

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


@torch.no_grad()
def decode(
    decoder: StepDecoder,
    code: Tensor,
    *,
    decoding: Decoding,
    max_length: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the ids of one sentence per code.

    Args:
        decoder: The decoder.
        code: Shape (B, Z).
        decoding: How words are chosen.
        max_length: Most words, unless ``decoding`` says otherwise.
        generator: Source of randomness on the code's device; needed by ``sample`` alone.

    Returns:
        Right-padded ids, ``<eos>`` last in each row that ended before it was cut. Shape (B, T).

    Raises:
        ValueError: If the method is ``sample`` and there is no generator.
    """
    steps = decoding.max_length or max_length
    if decoding.method == "beam":
        return _beam_search(decoder, code, steps=steps, beam_size=decoding.beam_size)
    uniform: Tensor | None = None
    if decoding.method == "sample":
        if generator is None:
            raise ValueError("sampling needs a generator")
        # Every row's draws are made up front, so they do not depend on when other rows end.
        uniform = torch.rand(len(code), steps, generator=generator, device=code.device)
    return _decode_words(decoder, code, steps=steps, uniform=uniform, decoding=decoding)


def _decode_words(
    decoder: StepDecoder, code: Tensor, *, steps: int, uniform: Tensor | None, decoding: Decoding
) -> Tensor:
    """Choose word after word; rows that have ended leave the batch."""
    device = code.device
    words = torch.full((len(code), steps), PAD, dtype=torch.int64, device=device)
    rows = torch.arange(len(code), device=device)
    previous = torch.full((len(code),), BOS, dtype=torch.int64, device=device)
    state = decoder.start(code)
    for step in range(steps):
        scores, state = decoder.step(state, previous)
        if uniform is None:
            previous = scores.argmax(dim=1)
        else:
            previous = _draw(scores, uniform[rows, step], decoding)
        words[rows, step] = previous
        going = (previous != EOS).nonzero()[:, 0]
        if len(going) < len(rows):
            if len(going) == 0:
                break
            rows, previous, state = rows[going], previous[going], state.rows(going)
    return words


def _draw(scores: Tensor, uniform: Tensor, decoding: Decoding) -> Tensor:
    """Draw a word for each row by inverting the distribution function at ``uniform``.

    Args:
        scores: Shape (B, V).
        uniform: In [0, 1). Shape (B,).
        decoding: Temperature, top-k and nucleus.
    """
    probability, words = (
        (scores.float() / decoding.temperature)
        .softmax(dim=1)
        .sort(dim=1, descending=True, stable=True)
    )
    if decoding.top_k:
        probability[:, decoding.top_k :] = 0
    if decoding.top_p < 1:
        before = probability.cumsum(dim=1) - probability
        # The word that crosses the threshold stays in, so at least one always does.
        share = probability.sum(dim=1, keepdim=True)
        probability = probability.masked_fill(before >= decoding.top_p * share, 0)
    total = probability.cumsum(dim=1)
    place = torch.searchsorted(total, uniform[:, None] * total[:, -1:], right=True)
    # Rounding may leave the last sum a hair below the draw; never fall past a possible word.
    last = (probability > 0).sum(dim=1, keepdim=True) - 1
    return words.gather(1, torch.minimum(place, last))[:, 0]


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
        gained = scores.float().log_softmax(dim=1)
        # An ended beam has one continuation, which costs nothing.
        gained = gained.masked_fill(ended[:, None], -torch.inf)
        gained[:, PAD] = torch.where(ended, 0.0, gained[:, PAD])
        candidates = (total.view(-1, 1) + gained).view(batch, -1)
        total, flat = candidates.topk(beam_size, dim=1)
        vocab_size = scores.shape[1]
        origin = (first_row + flat // vocab_size).flatten()
        previous = (flat % vocab_size).flatten()
        words, state = words[origin], state.rows(origin)
        words[:, step] = previous
        ended = ended[origin] | (previous == EOS)
        if bool(ended.all()):
            break
    return words[first_row[:, 0] + total.argmax(dim=1)]
