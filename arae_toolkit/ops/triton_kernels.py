"""Kernels in Triton's language; importing this needs Triton, which comes with torch for CUDA.

The formulas of batch normalization are those of
:mod:`~arae_toolkit.ops.batch_norm_double_backward`; a program has columns with all their rows.
"""
# Triton's arguments have no types, and its constants have names in capitals.
# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call"
# ruff: noqa: N803

from __future__ import annotations

import triton
import triton.language as tl


# Sampled softmaxes have another number of words in each batch: one kernel serves them all.
@triton.jit(do_not_specialize=["words"])
def softmax_less_one_hot(
    scores,
    answers,
    nats,
    words,
    stride,
    ignored,
    BLOCK: tl.constexpr,
):
    """Write, for one row, the nats of its answer and, over its scores, the gradient of them.

    The running maximum and sum are those of an online softmax: scores are read once for both, and
    once more, from a cache by then, for the gradient.
    """
    row = tl.program_id(0).to(tl.int64)
    scores += row * stride
    answer = tl.load(answers + row)
    places = tl.arange(0, BLOCK)
    start = 0
    if answer == ignored:
        tl.store(nats + row, 0.0)
        while start < words:
            here = start + places
            tl.store(scores + here, tl.zeros([BLOCK], tl.float32), mask=here < words)
            start += BLOCK
    else:
        top = tl.full([BLOCK], float("-inf"), tl.float32)
        total = tl.zeros([BLOCK], tl.float32)
        while start < words:
            here = start + places
            values = tl.load(scores + here, mask=here < words, other=float("-inf")).to(tl.float32)
            higher = tl.maximum(top, values)
            # Where nothing was read yet, -inf less -inf is no number.
            nothing = higher == float("-inf")
            kept = tl.where(nothing, 0.0, tl.exp(top - higher))
            total = total * kept + tl.where(nothing, 0.0, tl.exp(values - higher))
            top = higher
            start += BLOCK
        highest = tl.max(top, axis=0)
        total = tl.sum(total * tl.exp(top - highest), axis=0)
        of_all = highest + tl.log(total)
        tl.store(nats + row, of_all - tl.load(scores + answer).to(tl.float32))
        tl.debug_barrier()  # the answer's score is read before it is overwritten
        start = 0
        while start < words:
            here = start + places
            values = tl.load(scores + here, mask=here < words, other=float("-inf")).to(tl.float32)
            surplus = tl.exp(values - of_all) - tl.where(here == answer, 1.0, 0.0)
            tl.store(scores + here, surplus, mask=here < words)
            start += BLOCK


@triton.jit
def _mean(values, rows):
    return tl.sum(values, axis=0)[None, :] / rows


@triton.jit
def _behind_norm(slope, values, inverse, rows):
    return inverse * (slope - _mean(slope, rows) - values * _mean(slope * values, rows))


@triton.jit
def _behind_leak(slope, outputs, leak):
    return tl.where(outputs > 0, slope, slope * leak)


@triton.jit
def normalise(
    inputs, weight, bias, running_mean, running_var, values, inverse, outputs, states,
    groups, rows, size, eps, momentum, leak, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Normalise each group, follow the running statistics, scale, shift and activate."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.arange(0, ROWS)[:, None]
    inside = column < size
    mask = (row < rows) & inside[None, :]
    scale = tl.load(weight + column, mask=inside, other=0.0)[None, :]
    shift = tl.load(bias + column, mask=inside, other=0.0)[None, :]
    mean_so_far = tl.load(running_mean + column, mask=inside, other=0.0)
    var_so_far = tl.load(running_var + column, mask=inside, other=0.0)
    group = 0
    while group < groups:
        place = (group * rows + row) * size + column[None, :]
        value = tl.load(inputs + place, mask=mask, other=0.0)
        mean = _mean(value, rows)
        value = tl.where(mask, value - mean, 0.0)
        variance = _mean(value * value, rows)
        inverted = 1.0 / tl.sqrt(variance + eps)
        value = value * inverted
        output = value * scale + shift
        tl.store(values + place, value, mask=mask)
        tl.store(outputs + place, output, mask=mask)
        tl.store(states + place, _behind_leak(output, output, leak), mask=mask)
        one = tl.sum(inverted, axis=0)  # of its single row
        tl.store(inverse + group * size + column, one, mask=inside)
        unbiased = tl.sum(variance, axis=0) * rows / tl.maximum(rows - 1, 1)
        mean_so_far += momentum * (tl.sum(mean, axis=0) - mean_so_far)
        var_so_far += momentum * (unbiased - var_so_far)
        group += 1
    tl.store(running_mean + column, mean_so_far, mask=inside)
    tl.store(running_var + column, var_so_far, mask=inside)


@triton.jit
def slope_through_norm(
    slopes, stride, weight, values, inverse, outputs, behind, inner,
    rows, size, leak, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Take a slope at the activations to the outputs, and on to the inputs."""
    column = (tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS))[None, :]
    row = tl.arange(0, ROWS)[:, None]
    mask = (row < rows) & (column < size)
    place = row * size + column
    scale = tl.load(weight + column, mask=column < size, other=0.0)
    inverted = tl.load(inverse + column, mask=column < size, other=0.0)
    value = tl.load(values + place, mask=mask, other=0.0)
    slope = tl.load(slopes + row * stride + column, mask=mask, other=0.0)
    slope = _behind_leak(slope, tl.load(outputs + place, mask=mask, other=0.0), leak)
    tl.store(behind + place, slope, mask=mask)
    tl.store(inner + place, _behind_norm(scale * slope, value, inverted, rows), mask=mask)


@triton.jit
def pull_through_norm(
    pulls, slopes, inner_slopes, weight, values, inverse, outputs, results, falling, scale_gradient,
    rows, size, leak, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Take the penalty's gradient up through the slope's pass; store what falls to the inputs."""
    column = (tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS))[None, :]
    row = tl.arange(0, ROWS)[:, None]
    mask = (row < rows) & (column < size)
    place = row * size + column
    scale = tl.load(weight + column, mask=column < size, other=0.0)
    inverted = tl.load(inverse + column, mask=column < size, other=0.0)
    value = tl.load(values + place, mask=mask, other=0.0)
    pull = tl.load(pulls + place, mask=mask, other=0.0)
    slope = tl.load(slopes + place, mask=mask, other=0.0)
    inner = tl.load(inner_slopes + place, mask=mask, other=0.0)
    entering = scale * slope
    along = pull * _mean(entering * value, rows) + entering * _mean(pull * value, rows)
    by_deviation = inverted * value * _mean(pull * inner, rows)
    fallen = _behind_norm(-inverted * along, value, inverted, rows) - by_deviation
    tl.store(falling + place, fallen, mask=mask)
    pull = _behind_norm(pull, value, inverted, rows)
    of_scale = tl.sum(slope * pull, axis=0)[None, :]
    tl.store(scale_gradient + column, of_scale, mask=column < size)
    output = tl.load(outputs + place, mask=mask, other=0.0)
    tl.store(results + place, _behind_leak(scale * pull, output, leak), mask=mask)


@triton.jit
def backward_through_norm(
    upstream, group_stride, row_stride, weight, values, inverse, outputs, extra,
    results, scale_gradient, shift_gradient, bias_gradient,
    groups, rows, size, between, leak, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Take the gradient at the activations of all groups back to the inputs."""
    column = (tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS))[None, :]
    row = tl.arange(0, ROWS)[:, None]
    inside = column < size
    mask = (row < rows) & inside
    scale = tl.load(weight + column, mask=inside, other=0.0)
    of_scale = tl.zeros([1, COLUMNS], tl.float32)
    of_shift = tl.zeros([1, COLUMNS], tl.float32)
    of_bias = tl.zeros([1, COLUMNS], tl.float32)
    group = 0
    while group < groups:
        place = (group * rows + row) * size + column
        slope = tl.load(
            upstream + group * group_stride + row * row_stride + column, mask=mask, other=0.0
        )
        slope = _behind_leak(slope, tl.load(outputs + place, mask=mask, other=0.0), leak)
        value = tl.load(values + place, mask=mask, other=0.0)
        inverted = tl.load(inverse + group * size + column, mask=inside, other=0.0)
        of_shift += tl.sum(slope, axis=0)[None, :]
        of_scale += tl.sum(slope * value, axis=0)[None, :]
        slope = _behind_norm(scale * slope, value, inverted, rows)
        more = tl.load(extra + row * size + column, mask=mask & (group == between), other=0.0)
        slope = tl.where(mask, slope + more, 0.0)
        of_bias += tl.sum(slope, axis=0)[None, :]
        tl.store(results + place, slope, mask=mask)
        group += 1
    tl.store(scale_gradient + column, of_scale, mask=inside)
    tl.store(shift_gradient + column, of_shift, mask=inside)
    tl.store(bias_gradient + column, of_bias, mask=inside)


@triton.jit
def pull_to_norm_one(slopes, penalties, pulls, size, offset, factor, COLUMNS: tl.constexpr):
    """Return a row's penalty and its gradient at the row's slope."""
    row = tl.program_id(0)
    column = tl.arange(0, COLUMNS)
    place = row * size + column
    slope = tl.load(slopes + place, mask=column < size, other=0.0)
    norm = tl.sqrt(tl.sum(slope * slope, axis=0) + offset)
    tl.store(penalties + row, (norm - 1) * (norm - 1))
    tl.store(pulls + place, slope * ((1 - 1 / norm) * factor), mask=column < size)
