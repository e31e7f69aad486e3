"""Batch norm and its double backward on a CUDA device, with one kernel a pass.

A program has some columns with all their rows, so that means over rows never leave it.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor, nn

from arae_toolkit.ops.batch_norm_double_backward import BETWEEN, Normalised

MOST_ROWS = 1024
_TILE, _LEAST_COLUMNS, _MOST_COLUMNS = 512, 4, 16


def fits(rows: int) -> bool:
    """Return whether so many rows of a column fit into a program."""
    return rows <= MOST_ROWS


def forward(norm: nn.BatchNorm1d, inputs: Tensor, leak: float) -> tuple[Normalised, Tensor]:
    """See :func:`~arae_toolkit.ops.batch_norm_double_backward.forward`."""
    groups, rows, size = inputs.shape
    assert norm.running_mean is not None and norm.num_batches_tracked is not None
    values, outputs, states = (torch.empty_like(inputs) for _ in range(3))
    inverse = inputs.new_empty(groups, 1, size)
    grid, shape = _shape(rows, size)
    _kernels().normalise[grid](
        *(inputs, norm.weight, norm.bias, norm.running_mean, norm.running_var),
        *(values, inverse, outputs, states),
        *(groups, rows, size, norm.eps, norm.momentum, leak),
        **shape,
    )
    norm.num_batches_tracked.add_(groups)
    return Normalised(values, inverse, outputs), states


def slope_of_scores(
    norm: nn.BatchNorm1d, slope: Tensor, layer: Normalised, leak: float
) -> tuple[Tensor, Tensor]:
    """See :func:`~arae_toolkit.ops.batch_norm_double_backward.slope_of_scores`."""
    values, inverse, outputs = _between(layer)
    rows, size = values.shape
    behind, inner = torch.empty_like(values), torch.empty_like(values)
    grid, shape = _shape(rows, size)
    _kernels().slope_through_norm[grid](
        *(slope, slope.stride(0), norm.weight, values, inverse, outputs, behind, inner),
        *(rows, size, leak),
        **shape,
    )
    return behind, inner


def penalty_gradients(
    norm: nn.BatchNorm1d,
    gradient: Tensor,
    layer: Normalised,
    leak: float,
    *,
    slope: Tensor,
    inner_slope: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """See :func:`~arae_toolkit.ops.batch_norm_double_backward.penalty_gradients`."""
    values, inverse, outputs = _between(layer)
    rows, size = values.shape
    result, falling = torch.empty_like(values), torch.empty_like(values)
    scale_gradient = values.new_empty(size)
    grid, shape = _shape(rows, size)
    _kernels().pull_through_norm[grid](
        *(gradient, slope, inner_slope, norm.weight, values, inverse, outputs),
        *(result, falling, scale_gradient, rows, size, leak),
        **shape,
    )
    return result, falling, scale_gradient


def backward(
    norm: nn.BatchNorm1d, upstream: Tensor, layer: Normalised, leak: float, extra: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """See :func:`~arae_toolkit.ops.batch_norm_double_backward.backward`."""
    groups, rows, size = upstream.shape
    result = torch.empty_like(layer.values)
    scale, shift, bias = result.new_empty(3, size).unbind()
    grid, shape = _shape(rows, size)
    _kernels().backward_through_norm[grid](
        *(upstream, upstream.stride(0), upstream.stride(1), norm.weight),
        *(layer.values, layer.inverse, layer.outputs, result if extra is None else extra),
        *(result, scale, shift, bias, groups, rows, size),
        *(groups if extra is None else BETWEEN, leak),
        **shape,
    )
    return result, scale, shift, bias


def slope_penalty(slopes: Tensor, *, offset: float, weight: float) -> tuple[Tensor, Tensor]:
    """See :func:`~arae_toolkit.ops.batch_norm_double_backward.slope_penalty`."""
    rows, size = slopes.shape
    penalties, gradient = slopes.new_empty(rows), torch.empty_like(slopes)
    _kernels().pull_to_norm_one[(rows,)](
        slopes, penalties, gradient, size, offset, 2 * weight / rows, COLUMNS=_power_of_two(size)
    )
    return penalties, gradient


def _between(layer: Normalised) -> tuple[Tensor, Tensor, Tensor]:
    return layer.values[BETWEEN], layer.inverse[BETWEEN], layer.outputs[BETWEEN]


def _shape(rows: int, size: int) -> tuple[tuple[int], dict[str, int]]:
    """Return how many programs there are, and the rows and columns of each."""
    most_rows = _power_of_two(rows)
    columns = min(_MOST_COLUMNS, max(_LEAST_COLUMNS, _TILE // most_rows))
    return (-(-size // columns),), {"ROWS": most_rows, "COLUMNS": columns}


def _power_of_two(size: int) -> int:
    return 1 << max(0, size - 1).bit_length()


def _kernels() -> Any:
    return importlib.import_module("arae_toolkit.ops.triton_kernels")
