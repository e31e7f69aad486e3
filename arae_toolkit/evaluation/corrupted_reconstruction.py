"""Sentences written out of the codes of corrupted ones (section 7, Figure 4, right)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from arae_toolkit.data.noise import swap_words
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.evaluation.reconstruction import BATCH_ROWS
from arae_toolkit.models.arae import ARAE


@dataclass(frozen=True)
class CorruptedReconstruction:
    """Sentences with words swapped, and what became of them.

    Attributes:
        originals: As they were.
        corrupted: What was encoded.
        outputs: The likeliest sentence of that code.
    """

    originals: list[str]
    corrupted: list[str]
    outputs: list[str]

    @property
    def restored(self) -> float:
        """Percent of the originals that came back word for word."""
        return self._same(self.originals)

    @property
    def kept(self) -> float:
        """Percent of the corrupted sentences that came back as they were put in."""
        return self._same(self.corrupted)

    def _same(self, others: list[str]) -> float:
        pairs = zip(self.outputs, others, strict=True)
        return 100 * sum(output == other for output, other in pairs) / len(self.outputs)


@torch.no_grad()
def reconstruct_swapped(
    model: ARAE, store: TokenStore, *, swaps: int, seed: int, rows: Indices
) -> CorruptedReconstruction:
    """Swap neighbouring words, encode, and decode greedily.

    Args:
        model: The model.
        store: Sentences of the model's vocabulary.
        swaps: How many swaps a sentence, the k of Figure 4.
        seed: Fixes the swaps: for the same rows they are the same for every model.
        rows: Row numbers, at least one.
    """
    model.eval()
    generator = torch.Generator(model.device).manual_seed(seed)
    words = model.vocabulary.decode
    found = CorruptedReconstruction([], [], [])
    for part in np.split(rows, range(BATCH_ROWS, len(rows), BATCH_ROWS)):
        batch = store.batch(part)
        noisy = swap_words(batch.tokens, batch.lengths, swaps=swaps, generator=generator)
        code = model.encoder(batch.with_tokens(noisy))
        found.originals.extend(words(row) for row in batch.tokens.tolist())
        found.corrupted.extend(words(row) for row in noisy.tolist())
        found.outputs.extend(model.decode(code))
    return found
