"""cuDNN's LSTM in bfloat16, at sizes that its kernels are quick at.

Under autocast torch hands cuDNN float16 whatever it is asked for, casts each weight by itself, and
cuDNN takes slow kernels where rows do not start at multiples of 16 bytes, as those of 300 numbers
do not. Here weights and inputs are cast once, to bfloat16, and filled up with zeros. A unit added
has gates of 0 before their activations, so its cell stays at 0 and adds nothing to any other.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from arae_toolkit.devices import autocast_dtype

HIDDEN_MULTIPLE, INPUT_MULTIPLE = 64, 8


def lstm_states(lstm: nn.LSTM, inputs: Tensor) -> Tensor:
    """Return an LSTM's output at each place, by the quickest way under the current autocast.

    Args:
        lstm: One layer, one direction, ``batch_first``.
        inputs: Shape (B, T, I).

    Returns:
        Shape (B, T, H).
    """
    dtype = autocast_dtype("cuda") if inputs.is_cuda else None
    if dtype is None:
        return library_states(lstm, inputs)
    return _filled_up_states(lstm, inputs, dtype)


def library_states(lstm: nn.LSTM, inputs: Tensor) -> Tensor:
    """Return the output of torch's own LSTM at each place, under any autocast.

    Args:
        lstm: One layer, one direction, ``batch_first``.
        inputs: Shape (B, T, I).

    Returns:
        Shape (B, T, H); float32 on a CPU that has no LSTM in bfloat16, whatever autocast says.
    """
    lower = autocast_dtype("cpu") is not None and not inputs.is_cuda
    lacking = lower and not _cpu_has_lower()
    with torch.autocast("cpu", enabled=False) if lacking else nullcontext():
        states, _ = lstm(inputs.float() if lacking else inputs)
    return states  # type: ignore[no-any-return]


@cache
def _cpu_has_lower() -> bool:
    """Return whether oneDNN has an LSTM in bfloat16 for this CPU, by trying a small one.

    It has matrix products in it for every CPU, and this one only where there are instructions.
    """
    zeros = torch.zeros(1, 1, 1)  # words, output and cell: a module would draw random weights
    weights = [torch.zeros(4, 1), torch.zeros(4, 1), torch.zeros(4), torch.zeros(4)]
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        try:
            torch.lstm(zeros, (zeros, zeros), weights, True, 1, 0.0, False, False, True)
        except RuntimeError:
            return False
    return True


def _filled_up_states(lstm: nn.LSTM, inputs: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the states of an LSTM filled up to round sizes, cut to the real ones."""
    size = lstm.hidden_size
    hidden, columns = _up_to(size, HIDDEN_MULTIPLE), _up_to(lstm.input_size, INPUT_MULTIPLE)
    with torch.autocast(inputs.device.type, enabled=False):
        weights = _FilledUpWeights.apply(dtype, hidden, columns, *lstm.all_weights[0])  # type: ignore[no-untyped-call]
        steps: Tensor = _FilledUpInputs.apply(inputs, dtype, columns)  # type: ignore[no-untyped-call]
        zeros = steps.new_zeros(1, len(inputs), hidden)
        keep = torch.is_grad_enabled()  # what a backward pass would need
        states, _, _ = torch.lstm(
            steps, (zeros, zeros), list(weights), True, 1, 0.0, keep, False, False
        )
    return states[:, :, :size].transpose(0, 1)


class _FilledUpInputs(torch.autograd.Function):
    """Inputs (B, T, I) to time order, another precision and more columns: (T, B, columns)."""

    @staticmethod
    def forward(context: Any, inputs: Tensor, dtype: torch.dtype, columns: int) -> Tensor:
        rows, steps, context.size = inputs.shape
        context.dtype = inputs.dtype
        filled = inputs.new_zeros(steps, rows, columns, dtype=dtype)
        filled[:, :, : context.size] = inputs.transpose(0, 1)
        return filled

    @staticmethod
    def backward(context: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        slope = upstream[0][:, :, : context.size].transpose(0, 1)
        return slope.to(context.dtype, memory_format=torch.contiguous_format), None, None


class _FilledUpWeights(torch.autograd.Function):
    """An LSTM's four weights filled up, one after the other in one buffer, as cuDNN reads them."""

    @staticmethod
    def forward(
        context: Any, dtype: torch.dtype, hidden: int, columns: int, *weights: Tensor
    ) -> tuple[Tensor, ...]:
        from_input, from_state, *biases = weights
        size = from_state.shape[1]
        shapes = ((4, hidden, columns), (4, hidden, hidden), (4, hidden), (4, hidden))
        lengths = [torch.Size(shape).numel() for shape in shapes]
        places = from_input.new_zeros(sum(lengths), dtype=dtype).split(lengths)
        filled = [place.view(shape) for place, shape in zip(places, shapes, strict=True)]
        filled[0][:, :size, : from_input.shape[1]] = from_input.unflatten(0, (4, size))
        filled[1][:, :size, :size] = from_state.unflatten(0, (4, size))
        for place, bias in zip(filled[2:], biases, strict=True):
            place[:, :size] = bias.unflatten(0, (4, size))
        context.shapes, context.dtype = [weight.shape for weight in weights], from_input.dtype
        return tuple(place.flatten(0, 1) for place in filled)

    @staticmethod
    def backward(context: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        slopes = []
        for slope, shape in zip(upstream, context.shapes, strict=True):
            real = slope.unflatten(0, (4, -1))[:, : shape[0] // 4]
            if len(shape) == 2:
                real = real[:, :, : shape[1]]
            slopes.append(real.to(context.dtype).reshape(shape))
        return None, None, None, *slopes


def _up_to(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
