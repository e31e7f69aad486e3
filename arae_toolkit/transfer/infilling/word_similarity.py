"""Similarity of words by use, whatever attribute they mark: *travel* and *listen*, not *physics*.

A masked language model gives words similar embeddings that stand in similar places: plural nouns,
verbs in the past tense, names. It also gives those similar ones that mark the same attribute. With
the directions taken out that tell the attribute, what is left says which word of one attribute
stands where one of another would. A small corpus tells little of number and tense that way, so
words that end alike (*-s*, *-ing*) count as used a little more alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.data.vocabulary import UNKNOWN
from arae_toolkit.transfer.infilling.network import InfillingNetwork

ENDINGS = ("ing", "ed", "ly", "s")
"""Of English words; the first that fits counts, and none is one, too."""
_SHORTEST_STEM = 2  # letters before an ending: "is" and "red" have none
_LEAST_SEEN = 5  # of rarer words the embedding says little
_MOST_SALIENCE = 3.0  # nats; beyond it, rarity says more than meaning


@torch.no_grad()
def usage(network: InfillingNetwork) -> Tensor:
    """Return the direction of each word's embedding that tells how it is used.

    The attributes' directions are those of a least-squares fit of the words' saliences, each word
    weighed by the root of its count.

    Args:
        network: Trained.

    Returns:
        Unit vectors, 0 for marks and words seen fewer than five times. Shape (V, E), float32.
    """
    seen = network.counts.sum(dim=0)
    known = seen >= _LEAST_SEEN
    known[: UNKNOWN + 1] = False
    result = torch.zeros_like(network.embedding.weight)
    if not known.any():
        return result
    weights = seen[known].float().sqrt()[:, None]
    vectors = network.embedding.weight[known].float()
    vectors = vectors - (weights * vectors).sum(dim=0) / weights.sum()
    salience = network.salience[:, known].t().clamp(-_MOST_SALIENCE, _MOST_SALIENCE)
    # A small ridge: two attributes mark words oppositely, and few words leave directions open.
    left, values, right = torch.linalg.svd(weights.sqrt() * vectors, full_matrices=False)
    kept = values > 1e-4 * values[0]
    fit = right[kept].t() @ ((left[:, kept].t() @ (weights.sqrt() * salience)) / values[kept, None])
    basis, sizes, _ = torch.linalg.svd(fit, full_matrices=False)
    basis = basis[:, sizes > 1e-4 * sizes[0].clamp(min=1e-12)]
    vectors = vectors - vectors @ basis @ basis.t()
    result[known] = functional.normalize(vectors, dim=1)
    return result


def ending_of(word: str) -> int:
    """Return the number of a word's ending among :data:`ENDINGS`, one past the last for none.

    Example:
        >>> [ending_of(word) for word in ("songs", "boss", "sing", "singing", "is", "danced")]
        [3, 4, 4, 0, 4, 1]
    """
    for number, ending in enumerate(ENDINGS):
        stem = word.removesuffix(ending)
        if len(word) > len(stem) >= _SHORTEST_STEM and not word.endswith("ss"):
            return number
    return len(ENDINGS)


def with_endings(directions: Tensor, words: Sequence[str], *, weight: float) -> Tensor:
    """Return directions whose products also tell whether words end alike.

    Args:
        directions: Unit vectors or 0 for each word. Shape (V, E).
        words: V of them.
        weight: Added to the cosine of words that end alike.

    Returns:
        Vectors whose products with themselves are 1 and the weight, 0 where there was 0. Shape
        (V, E + 5).
    """
    endings = torch.zeros(len(words), len(ENDINGS) + 1, device=directions.device)
    endings[range(len(words)), [ending_of(word) for word in words]] = weight**0.5
    return torch.cat([directions, endings * directions.any(dim=1, keepdim=True)], dim=1)
