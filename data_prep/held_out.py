"""Splits that are taken from train, where a corpus has none of its own.

Pairs are taken by their premise where there are enough of them, so that no text that a classifier
has learned from is asked about again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from arae_toolkit.data_prep.encoded_texts import EncodedTexts, Rows

MOST_HELD_OUT = 5_000
"""Largest split that is taken from train."""
_FEWEST_PREMISES = 20  # with fewer, the shares could not be met

Masks = dict[str, npt.NDArray[np.bool_]]
"""By split, which rows of train it takes. Shape (N,)."""


def held_out_rows(count: int, shares: Mapping[str, float], seed: int) -> Masks:
    """Return which of ``count`` rows each split takes; train keeps one at least.

    Args:
        count: Rows of train.
        shares: By split, in the order in which they take.
        seed: Of the draw.

    Example:
        >>> masks = held_out_rows(20, {"dev": 0.1, "test": 0.2}, 0)
        >>> {name: int(mask.sum()) for name, mask in masks.items()}
        {'dev': 2, 'test': 4}
    """
    return _taken(np.random.default_rng(seed).permutation(count), np.ones(count), shares)


def held_out_pairs(
    texts: EncodedTexts, pairs: Rows, shares: Mapping[str, float], seed: int
) -> Masks:
    """Return which pairs each split takes: all pairs of some premises.

    Args:
        texts: What the pairs point to.
        pairs: Two texts of each pair. Shape (2N,).
        shares: By split, in the order in which they take.
        seed: Of the draw.
    """
    premises, group = np.unique(texts.identity[pairs[0::2]], return_inverse=True)
    if len(premises) < _FEWEST_PREMISES:
        return held_out_rows(len(group), shares, seed)
    order = np.random.default_rng(seed).permutation(len(premises))
    return {split: mask[group] for split, mask in _taken(order, np.bincount(group), shares).items()}


def _taken(
    order: npt.NDArray[np.int64], sizes: npt.NDArray[Any], shares: Mapping[str, float]
) -> Masks:
    """Return which groups each split takes, in a drawn order, until it has its share of rows."""
    total = int(sizes.sum())
    masks: Masks = {}
    first = 0
    for split, share in shares.items():
        wanted = min(MOST_HELD_OUT, max(round(total * share), 1)) if share else 0
        mask = np.zeros(len(order), dtype=np.bool_)
        rows = 0
        while rows < wanted and first < len(order) - 1:
            mask[order[first]] = True
            rows += int(sizes[order[first]])
            first += 1
        if rows:
            masks[split] = mask
    return masks
