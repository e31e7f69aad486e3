"""Dropout from a given source of randomness: torch's own draws from the global one."""

from __future__ import annotations

import torch
from torch import Tensor


def dropped(values: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Set a share of the values to 0 and scale the others up, so that the mean stays.

    Args:
        values: Any shape.
        share: Chance of each value to be dropped, in [0, 1).
        generator: Source of randomness on the values' device; ``None`` drops nothing.

    Example:
        >>> dropped(torch.ones(2), 0.5, None)
        tensor([1., 1.])
    """
    if generator is None or not share:
        return values
    kept = torch.empty_like(values).bernoulli_(1 - share, generator=generator)
    return values * kept.mul_(1 / (1 - share))
