"""Selected weights: those of the best evaluation, kept beside the present ones of a training."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SELECTED, BEST_SCORE = "selected/", "best_score"
"""Names among what a run keeps: before those of the selected weights; their score."""


def selected_weights(
    kept: Mapping[str, Tensor], weights: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the weights by name: the selected ones, the present ones where there are none."""
    return {name: kept.get(SELECTED + name, value) for name, value in weights.items()}


def select_if_best(
    kept: dict[str, Tensor], weights: Mapping[str, Tensor], score: float, *, part: str = ""
) -> None:
    """Keep the present weights if no others had a lower score.

    Args:
        kept: Of the training, which resumes with it.
        weights: Of the whole network, or of a part that has scores of its own, by name.
        score: On dev.
        part: Name of the part.
    """
    key = f"{BEST_SCORE}/{part}" if part else BEST_SCORE
    best = kept.get(key)
    if best is None or score < float(best):
        kept[key] = torch.tensor(score, dtype=torch.float64)
        for name, value in weights.items():
            kept[SELECTED + name] = value.detach().clone()
