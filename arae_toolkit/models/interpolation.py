"""Points on the way between two codes or two noises: straight, or along a great circle."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Interpolation = Literal["linear", "slerp"]
SMALLEST_SINE = 1e-4
"""Below this sine two directions are the same, or opposite, and no great circle is theirs alone."""


def points_between(
    start: Tensor, end: Tensor, *, steps: int, interpolation: Interpolation = "linear"
) -> Tensor:
    """Return points at equal shares of the way between two points, both included.

    Args:
        start: Shape (N, D).
        end: Shape (N, D).
        steps: How many points a way has.
        interpolation: ``linear`` is the straight line, the paper's. ``slerp`` turns from one
            direction to the other by equal angles, and its norm changes by equal amounts: a way
            between noises of usual norm has no middle that a Gaussian would hardly draw (White,
            2016). Where the directions are the same or opposite, it is the straight line.

    Returns:
        Shape (N, steps, D).

    Raises:
        ValueError: If there are fewer than two steps.

    Example:
        >>> points_between(torch.zeros(1, 2), torch.ones(1, 2), steps=3)[0].tolist()
        [[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]
    """
    if steps < 2:
        raise ValueError(f"steps must be at least 2, got {steps}")
    share = torch.linspace(0, 1, steps, device=start.device)[:, None]
    start, end = start[:, None], end[:, None]
    straight = (1 - share) * start + share * end
    if interpolation == "linear":
        return straight
    norms = [point.norm(dim=-1, keepdim=True) for point in (start, end)]
    first, last = start / norms[0], end / norms[1]
    angle = (first * last).sum(dim=-1, keepdim=True).clamp(-1, 1).arccos()
    sine = angle.sin()
    turned = (((1 - share) * angle).sin() * first + (share * angle).sin() * last) / sine
    along = turned * ((1 - share) * norms[0] + share * norms[1])
    return torch.where(sine > SMALLEST_SINE, along, straight)
