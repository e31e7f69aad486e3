"""Splits that are taken from train, where a corpus has none of its own.

Pairs are taken by their premise where there are enough of them, so that no text that a classifier
has learned from is asked about again. Sentences of known documents are taken by document, each for
itself, so that corpora of other topics or parts of the same file hold the same documents out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from arae_toolkit.data_prep.encoded_texts import EncodedTexts, Rows

MOST_HELD_OUT = 5_000
"""Largest split that is taken from train, of rows or pairs."""
MOST_DOCUMENTS = 20_000
"""Most documents of a file that become one split."""
NO_DOCUMENT = -1
"""Stands for the document of a sentence of which it is not known."""
_FEWEST_PREMISES = 20  # with fewer, the shares could not be met
_HASHED = 8  # bytes

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


def held_out_documents(
    documents: npt.NDArray[np.int64], shares: Mapping[str, float], seed: int, *, in_all: int
) -> Masks:
    """Return which sentences each split takes: all those of some documents.

    Where one goes depends on the shares, the seed and the document, and not on what else there is.
    With so few that a split would be empty, documents are drawn as rows are, and single sentences
    where there is one document alone, or one is not known.

    Args:
        documents: The document of each sentence, ``NO_DOCUMENT`` where it is not known. Shape (N,).
        shares: By split, in the order in which they take.
        seed: Of the draw.
        in_all: Documents of the file, whether or not they are among these.
    """
    if not len(documents) or (documents == NO_DOCUMENT).any():
        return held_out_rows(len(documents), shares, seed)
    of_each, which, sizes = np.unique(documents, return_inverse=True, return_counts=True)
    if len(of_each) == 1:
        return held_out_rows(len(documents), shares, seed)
    drawn = np.array([fraction_of(b"held out %d %d" % (seed, one)) for one in of_each.tolist()])
    masks: Masks = {}
    first = 0.0
    for split, share in shares.items():
        last = first + min(share, MOST_DOCUMENTS / max(in_all, 1))
        masks[split] = ((first <= drawn) & (drawn < last))[which]
        first = last
    masks = {split: mask for split, mask in masks.items() if shares[split]}
    taken = sum(int(mask.sum()) for mask in masks.values())
    if taken < len(documents) and all(mask.any() for mask in masks.values()):
        return masks
    order = np.random.default_rng(seed).permutation(len(of_each))
    return {split: mask[which] for split, mask in _taken(order, sizes, shares).items()}


def fraction_of(key: bytes) -> float:
    """Return a number from 0 to 1 that depends on the key alone."""
    digest = hashlib.blake2b(key, digest_size=_HASHED).digest()
    return int.from_bytes(digest, "big") / (1 << 8 * _HASHED)


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
