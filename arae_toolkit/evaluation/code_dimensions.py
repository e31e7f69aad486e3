"""How many dimensions of the code space are in use."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ACTIVE_SHARE = 0.01
"""A coordinate is active if its variance is above this share of the mean one."""


@dataclass(frozen=True)
class CodeDimensions:
    """Dimensions in use.

    Attributes:
        active: Coordinates whose variance is above a hundredth of the mean one.
        effective: The participation ratio of the covariance's eigenvalues, (sum)^2 / sum of
            squares: D where all directions vary alike, 1 where one does alone. It does not depend
            on the choice of axes, as the number above does.
        size: Z, all that there are.
    """

    active: int
    effective: float
    size: int


def measure_dimensions(codes: Tensor) -> CodeDimensions:
    """Measure the dimensions of codes. Shape (N, Z), N at least 2.

    Raises:
        ValueError: If there are fewer than two codes.

    Example:
        >>> measure_dimensions(torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
        CodeDimensions(active=2, effective=1.0, size=3)
    """
    if len(codes) < 2:
        raise ValueError(f"{len(codes)} codes have no variance")
    covariance = torch.cov(codes.double().t())
    variances = covariance.diagonal()
    squares = float(covariance.square().sum())  # the sum of the squared eigenvalues
    effective = float(variances.sum()) ** 2 / squares if squares else 0.0
    active = int((variances > ACTIVE_SHARE * variances.mean()).sum())
    return CodeDimensions(active, round(effective, 6), codes.shape[1])
