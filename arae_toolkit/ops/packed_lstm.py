"""The packed LSTM: real tokens only, and each distinct word's input product once.

On a CPU an LSTM is bound by its matrix products, so those that can be spared are. Tokens lie in
time order, the longest sentence first, so each step works on the rows that are still going and on
nothing else. What a word adds to the gates is the same wherever it stands in a batch, so it is
computed once for each distinct word; what a code adds is the same at every step, so it is computed
once for each sentence. On a CUDA device the library's own padded LSTM is quicker and is used
instead; in bfloat16 on a CPU whichever is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.packed_sequence import Packing
from arae_toolkit.devices import autocast_dtype, has_bfloat16
from arae_toolkit.ops.quickest_way import Ways, quickest

FEW_GATES = 8192
"""For fewer numbers the count of operations decides, not what they take for each number."""

_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input


def packs(device: torch.device) -> bool:
    """Return whether sentences are best read packed on a device, under the current autocast."""
    if device.type != "cpu":
        return False
    if autocast_dtype("cpu") is None or not has_bfloat16(device):
        return True
    return quickest_lstm() == "packed"


def cell_step(gates: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return an LSTM's output and cell after a step, for inference.

    Args:
        gates: Before their activations, in torch's order: enter, keep, candidate, leave. They are
            overwritten. Shape (B, 4H), float32.
        cell: Before the step, (B, H); ``None`` for zeros.

    Returns:
        Two tensors of shape (B, H).
    """
    size = gates.shape[1] // 4
    if gates.is_cuda or gates.numel() < FEW_GATES or quickest_tanh() == "tanh":
        enter, keep, candidate, leave = gates.chunk(4, dim=1)
        enter.sigmoid_()
        candidate.tanh_()
        if cell is None:
            kept = enter * candidate
        else:
            kept = (keep.sigmoid_() * cell).addcmul_(enter, candidate)
        return kept.tanh().mul_(leave.sigmoid_()), kept
    gates[:, 2 * size : 3 * size].mul_(2)  # tanh(x) = 2 sigmoid(2x) - 1
    enter, keep, squashed, leave = gates.sigmoid_().chunk(4, dim=1)
    squashed.mul_(2).sub_(1)
    kept = enter * squashed if cell is None else (keep * cell).addcmul_(enter, squashed)
    return (2 * kept).sigmoid_().mul_(2).sub_(1).mul_(leave), kept


def quickest_tanh() -> str:
    """Return what a ``tanh`` is best computed by on this CPU: by itself, or by a ``sigmoid``.

    torch leaves tanh to Intel's library, which on other processors takes six times as long; on
    Intel's own tanh is the quicker of the two.
    """
    return quickest("tanh", _tanh_ways, at_least=2)


def quickest_lstm() -> str:
    """Return which LSTM is quicker in bfloat16 on this CPU: ours, ``packed``, or the ``library``'s.

    oneDNN's has to multiply what packing spares, and on a processor that multiplies tiles by itself
    it is the quicker one all the same.
    """
    return quickest("bfloat16 LSTM", _lstm_ways, at_least=1.05)


def _tanh_ways() -> Ways:
    numbers = torch.linspace(-2, 2, 4096)
    return {"tanh": numbers.tanh, "sigmoid": numbers.sigmoid}


def _lstm_ways() -> Ways:
    """Return how each LSTM reads a batch of captions, forwards and backwards."""
    # Of like lengths, as batches have them, and each word some three times.
    lengths, size, vocabulary = np.repeat([12, 11, 10, 10], 16), 300, 256
    table = torch.arange(len(lengths) * 12).view(len(lengths), 12) % vocabulary
    packing = Packing.of(lengths, width=12, device=torch.device("cpu"))
    words = table.flatten()[packing.places]
    with torch.device("meta"):  # weights drawn would move the global source of random numbers
        lstm, embedding = nn.LSTM(size, size, batch_first=True), nn.Embedding(vocabulary, size)
    for module in (lstm, embedding):
        module.to_empty(device="cpu")
        for weight in module.parameters():
            nn.init.constant_(weight, 0.01)

    def packed() -> None:
        with torch.enable_grad(), torch.autocast("cpu", torch.bfloat16):
            packed_states(lstm, embedding, words, packing).sum().backward()

    def padded() -> None:
        with torch.enable_grad(), torch.autocast("cpu", torch.bfloat16):
            lstm(embedding(table))[0].float().sum().backward()

    return {"library": padded, "packed": packed}


def packed_states(
    lstm: nn.LSTM,
    embedding: nn.Embedding,
    words: Tensor,
    packing: Packing,
    *,
    code: Tensor | None = None,
) -> Tensor:
    """Return an LSTM's output at each packed token.

    Args:
        lstm: One layer, one direction. Its inputs are a word's embedding and then, if there is
            one, the sentence's code.
        embedding: Of the words.
        words: Input words, in packed order. Shape (N,), int64.
        packing: Where the tokens lie.
        code: What every step of a sentence is fed beside its word. Shape (B, Z).

    Returns:
        Shape (N, H), float32, in packed order.
    """
    from_input, from_state, input_bias, state_bias = lstm.all_weights[0]
    distinct, places = words.unique(return_inverse=True)
    size = embedding.embedding_dim
    by_word = functional.linear(embedding(distinct), from_input[:, :size], input_bias + state_bias)
    by_sentence = None if code is None else functional.linear(code, from_input[:, size:])
    states: Tensor = _PackedLSTM.apply(  # type: ignore[no-untyped-call]
        by_word, by_sentence, from_state, places, packing
    )
    return states


class _PackedLSTM(torch.autograd.Function):
    """The recurrent half of an LSTM: what words and codes add to its gates in, packed states out.

    Products are done in the precision of what comes in, everything else in float32.
    """

    @staticmethod
    def forward(
        context: Any,
        by_word: Tensor,
        by_sentence: Tensor | None,
        from_state: Tensor,
        places: Tensor,
        packing: Packing,
    ) -> Tensor:
        dtype, size, counts = by_word.dtype, from_state.shape[1], packing.counts
        with torch.autocast(by_word.device.type, enabled=False):
            matrix = from_state.to(dtype).t()
            gates = by_word.float().index_select(0, places)
            if by_sentence is not None:
                gates += by_sentence.float().index_select(0, packing.rows)
            cells, squashed, states = (gates.new_empty(len(gates), size) for _ in range(3))
            earlier: tuple[Tensor, Tensor] | None = None
            for here, two, (enter, keep, candidate, leave), cell, top, state in zip(
                _by_step(gates, counts),
                _by_step(gates[:, : 2 * size], counts),
                _gates_by_step(gates, counts),
                *(_by_step(values, counts) for values in (cells, squashed, states)),
                strict=True,
            ):
                if earlier is not None:
                    _add_product(here, earlier[0][: len(here)], matrix, dtype=dtype)
                two.sigmoid_()
                candidate.tanh_()
                leave.sigmoid_()
                torch.mul(enter, candidate, out=cell)
                if earlier is not None:
                    cell.addcmul_(keep, earlier[1][: len(here)])
                torch.mul(leave, torch.tanh(cell, out=top), out=state)
                earlier = state, cell
        context.save_for_backward(gates, cells, squashed, states, from_state, places)
        context.packing, context.dtype, context.words = packing, dtype, len(by_word)
        context.sentences = 0 if by_sentence is None else len(by_sentence)
        return states

    @staticmethod
    def backward(
        context: Any, *upstream: Tensor
    ) -> tuple[Tensor, Tensor | None, Tensor, None, None]:
        gates, cells, squashed, states, from_state, places = context.saved_tensors
        dtype, counts, rows = context.dtype, context.packing.counts, context.packing.rows
        matrix = from_state.to(dtype)
        slopes = torch.empty_like(gates)
        state_slopes = upstream[0].float().clone()
        cells_by_step = _by_step(cells, counts)
        steps = zip(
            _gates_by_step(gates, counts),
            _gates_by_step(slopes, counts),
            (None, *cells_by_step[:-1]),
            *(_by_step(values, counts) for values in (slopes, state_slopes, squashed)),
            strict=True,
        )
        later: tuple[Tensor, Tensor] | None = None
        for active, to, cell_before, slope, state_slope, top in reversed(list(steps)):
            enter, keep, candidate, leave = active
            to_enter, to_keep, to_candidate, to_leave = to
            if later is not None:
                state_slope[: len(later[0])] += later[0]
            _sigmoid_backward(state_slope * top, leave, grad_input=to_leave)
            cell_slope = torch.ops.aten.tanh_backward(state_slope * leave, top)
            if later is not None:
                cell_slope[: len(later[1])] += later[1]
            _sigmoid_backward(cell_slope * candidate, enter, grad_input=to_enter)
            _tanh_backward(cell_slope * enter, candidate, grad_input=to_candidate)
            if cell_before is None:
                to_keep.zero_()
            else:
                _sigmoid_backward(cell_slope * cell_before[: len(top)], keep, grad_input=to_keep)
                later = torch.mm(slope.to(dtype), matrix).float(), cell_slope.mul_(keep)
        weight_slope = torch.zeros_like(from_state)
        if len(counts) > 1:
            kept = zip(_by_step(states, counts), counts[1:], strict=False)
            earlier = torch.cat([before[:count] for before, count in kept]).to(dtype)
            weight_slope = torch.mm(slopes[counts[0] :].to(dtype).t(), earlier)
        return (
            _sums(slopes, places, context.words).to(dtype),
            _sums(slopes, rows, context.sentences).to(dtype) if context.sentences else None,
            weight_slope.to(from_state.dtype),
            None,
            None,
        )


def _by_step(values: Tensor, counts: Sequence[int]) -> tuple[Tensor, ...]:
    """Return the rows of each step, as views."""
    return values.split(counts)  # type: ignore[no-any-return]


def _gates_by_step(gates: Tensor, counts: Sequence[int]) -> Iterator[tuple[Tensor, ...]]:
    """Yield the four gates of each step, as views: enter, keep, candidate, leave."""
    four = gates.chunk(4, dim=1)
    return zip(*(_by_step(gate, counts) for gate in four), strict=True)


def _sums(values: Tensor, places: Tensor, count: int) -> Tensor:
    """Return the sum of the rows for each place. Shape (N, K) to (count, K)."""
    return torch.ops.aten.embedding_dense_backward(values, places, count, -1, False)  # type: ignore[no-any-return]


def _add_product(base: Tensor, first: Tensor, second: Tensor, *, dtype: torch.dtype) -> None:
    """Add ``first @ second`` to ``base``, the product in ``dtype``, the sum in float32."""
    if dtype is torch.float32:
        base.addmm_(first, second)
    else:
        base += torch.mm(first.to(dtype), second)


class InputGateCache:
    """The product of an LSTM's input weights and a word, kept for the next time the word is met.

    It is the same wherever the word stands. The weights must not change meanwhile.

    Args:
        embedding: Of the words. Shape (V, E).
        matrix: From a word's embedding to the gates. Shape (4H, E), of the embedding's type.
        bias: Added to the gates, if given. Shape (4H,).
    """

    def __init__(self, embedding: Tensor, matrix: Tensor, bias: Tensor | None = None) -> None:
        """Compute nothing yet on a CPU; a GPU has the whole table sooner than it can look."""
        self._embedding, self._matrix, self._bias = embedding, matrix, bias
        # On a CPU a page of this memory is taken only once a word in it is met.
        self._table = torch.empty(len(embedding), len(matrix), device=embedding.device)
        self._met = torch.zeros(len(embedding), dtype=torch.bool)
        if self._table.is_cuda:
            self._table.copy_(functional.linear(embedding, matrix, bias))

    @property
    def nbytes(self) -> int:
        """Bytes of the words that were met."""
        return int(self._met.sum()) * self._table[:1].nbytes

    def fill(self, words: Tensor) -> None:
        """Compute what words add, where that has not been done. Shape (B,), int64."""
        if self._table.is_cuda:
            return
        fresh = words[~self._met[words]]
        if len(fresh) == 0:
            return
        fresh = fresh.unique()
        gates = functional.linear(self._embedding[fresh], self._matrix, self._bias)
        self._table.index_copy_(0, fresh, gates.float())
        self._met[fresh] = True

    def of(self, words: Tensor) -> Tensor:
        """Return what words add that have been met. Shape (B,) to (B, 4H), float32, a copy."""
        return self._table.index_select(0, words)
