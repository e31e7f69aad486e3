"""Which words are used alike, whatever attribute they mark: *travel* and *listen*, not *physics*.

A masked language model gives words similar embeddings that stand in similar places: plural nouns,
verbs in the past tense, names. It also gives those similar ones that mark the same attribute. With
the directions taken out that tell the attribute, what is left says which word of one attribute
stands where one of another would.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.models.infilling import InfillingNetwork
from arae_toolkit.vocabulary import UNKNOWN

_LEAST_SEEN = 5  # of rarer words the embedding says little
_MOST_SALIENCE = 3.0  # nats; beyond it, rarity says more than meaning


class Kinship:
    """How much words are used like others.

    Args:
        network: Trained.
        ids: Of the words that may be chosen. Shape (F,), int64.
        weight: Nats gained at a cosine of 1.
        dtype: Precision of the products.
    """

    def __init__(
        self, network: InfillingNetwork, ids: Tensor, *, weight: float, dtype: torch.dtype
    ) -> None:
        """Take the attributes out of the embeddings."""
        self.weight = weight
        self._directions = usage(network).to(dtype)
        self._chosen = self._directions[ids]

    def gains(self, replaced: Tensor) -> Tensor:
        """Return what each word would gain in place of others. Shape (N,) to (N, F), float32."""
        return functional.linear(self._directions[replaced], self._chosen).float().mul_(self.weight)


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
