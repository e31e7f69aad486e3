"""LSTMs over packed sentences: real tokens only, and each distinct word's input product once.

On a CPU an LSTM is bound by its matrix products, so those that can be spared are. Tokens lie in
time order, the longest sentence first, so each step works on the rows that are still going and on
nothing else. What a word adds to the gates is the same wherever it stands in a batch, so it is
computed once for each distinct word; what a code adds is the same at every step, so it is computed
once for each sentence. On a CUDA device, and where the CPU has an LSTM in bfloat16, the library's
own padded LSTM is quicker and is used instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.devices import has_bfloat16
from arae_toolkit.packing import Packing

_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input


def packs(device: torch.device) -> bool:
    """Return whether sentences are best read packed on a device, under the current autocast."""
    if device.type != "cpu":
        return False
    return not (torch.is_autocast_enabled("cpu") and has_bfloat16(device))


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
    enter_and_keep, candidate, leave = gates.split([2 * size, size, size], dim=1)
    enter, keep = enter_and_keep.sigmoid_().chunk(2, dim=1)
    candidate.tanh_()
    kept = enter * candidate if cell is None else (keep * cell).addcmul_(enter, candidate)
    return kept.tanh().mul_(leave.sigmoid_()), kept


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
    gates = functional.embedding(places, by_word)
    if code is not None:
        by_sentence = functional.linear(code, from_input[:, size:])
        gates = gates + functional.embedding(packing.rows, by_sentence)
    states: Tensor = _PackedLSTM.apply(gates, from_state, packing.counts)  # type: ignore[no-untyped-call]
    return states


class _PackedLSTM(torch.autograd.Function):
    """The recurrent half of an LSTM: gates from inputs in, states out, both packed.

    Products are done in the gates' precision, everything else in float32.
    """

    @staticmethod
    def forward(context: Any, gates: Tensor, from_state: Tensor, counts: Sequence[int]) -> Tensor:
        with torch.autocast(gates.device.type, enabled=False):
            dtype, size = gates.dtype, from_state.shape[1]
            inputs, matrix = gates.float(), from_state.to(dtype).t()
            active = torch.empty_like(inputs)
            cells, squashed, states = (inputs.new_empty(len(inputs), size) for _ in range(3))
            previous: slice | None = None
            for step in _steps(counts):
                here = active[step]
                if previous is None:
                    here.copy_(inputs[step])
                else:
                    kept = slice(previous.start, previous.start + len(here))
                    _add_product(inputs[step], states[kept], matrix, dtype=dtype, out=here)
                here[:, : 2 * size].sigmoid_()
                here[:, 2 * size : 3 * size].tanh_()
                here[:, 3 * size :].sigmoid_()
                enter, keep, candidate, leave = here.split(size, dim=1)
                cell = torch.mul(enter, candidate, out=cells[step])
                if previous is not None:
                    cell.addcmul_(keep, cells[kept])
                torch.mul(leave, torch.tanh(cell, out=squashed[step]), out=states[step])
                previous = step
        context.save_for_backward(active, cells, squashed, states, from_state)
        context.counts, context.dtype = counts, dtype
        return states

    @staticmethod
    def backward(context: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        active, cells, squashed, states, from_state = context.saved_tensors
        dtype, size = context.dtype, from_state.shape[1]
        matrix = from_state.to(dtype)
        slopes = torch.empty_like(active)
        state_slopes = upstream[0].float().clone()
        later_state: Tensor | None = None
        later_cell: Tensor | None = None
        steps = list(_steps(context.counts))
        before = _before(steps)
        for step, kept in zip(reversed(steps), reversed(before), strict=True):
            enter, keep, candidate, leave = active[step].split(size, dim=1)
            to_enter, to_keep, to_candidate, to_leave = slopes[step].split(size, dim=1)
            state_slope, top = state_slopes[step], squashed[step]
            if later_state is not None:
                state_slope[: len(later_state)] += later_state
            _sigmoid_backward(state_slope * top, leave, grad_input=to_leave)
            cell_slope = torch.ops.aten.tanh_backward(state_slope * leave, top)
            if later_cell is not None:
                cell_slope[: len(later_cell)] += later_cell
            _sigmoid_backward(cell_slope * candidate, enter, grad_input=to_enter)
            _tanh_backward(cell_slope * enter, candidate, grad_input=to_candidate)
            if kept is None:
                to_keep.zero_()
            else:
                _sigmoid_backward(cell_slope * cells[kept], keep, grad_input=to_keep)
                later_cell = cell_slope.mul_(keep)
                later_state = torch.mm(slopes[step].to(dtype), matrix).float()
        weight_slope = torch.zeros_like(from_state)
        if len(steps) > 1:
            earlier = torch.cat([states[kept] for kept in before[1:]]).to(dtype)
            weight_slope = torch.mm(slopes[steps[1].start :].to(dtype).t(), earlier)
        return slopes.to(dtype), weight_slope.to(from_state.dtype), None


def _steps(counts: Sequence[int]) -> Iterator[slice]:
    """Yield where each step's tokens lie."""
    start = 0
    for count in counts:
        yield slice(start, start + count)
        start += count


def _before(steps: Sequence[slice]) -> list[slice | None]:
    """Return, for each step, where the same sentences' tokens of the step before lie."""
    before: list[slice | None] = [None]
    for previous, step in itertools.pairwise(steps):
        before.append(slice(previous.start, previous.start + step.stop - step.start))
    return before


def _add_product(
    base: Tensor, first: Tensor, second: Tensor, *, dtype: torch.dtype, out: Tensor
) -> None:
    """Write ``base + first @ second`` to ``out``, the product in ``dtype``, the sum in float32."""
    if dtype is torch.float32:
        torch.addmm(base, first, second, out=out)
    else:
        torch.add(base, torch.mm(first.to(dtype), second), out=out)
