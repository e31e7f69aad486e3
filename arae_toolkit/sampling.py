"""Any number of sentences from a model's prior, batch by batch, so that none waits for the last."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from arae_toolkit.errors import ToolkitError
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.decoding import Decoding

MAX_FRUITLESS_BATCHES = 20
"""The search for distinct sentences ends after so many batches in a row without a new one."""


def draw_sentences(
    model: ARAE,
    count: int,
    *,
    seed: int = 0,
    unique: bool = False,
    decoding: Decoding | None = None,
    batch_size: int = 512,
) -> Iterator[list[str]]:
    """Yield the sentences of :meth:`ARAE.sample` in batches, or distinct ones only.

    Args:
        model: Where the sentences come from.
        count: How many to yield in all.
        seed: Same seed, same sentences.
        unique: Draw on until ``count`` distinct sentences are found.
        decoding: How words are chosen.
        batch_size: Sentences drawn at a time.

    Raises:
        ToolkitError: If no more distinct sentences turn up, after all that did.
    """
    generator = torch.Generator(model.device).manual_seed(seed)
    seen: set[str] = set()
    found = fruitless = 0
    while found < count:
        size = min(batch_size, count if unique else count - found)
        code = model.prior.sample(size, generator=generator)
        batch = model.decode(code, decoding=decoding, generator=generator)
        if unique:
            batch = [text for text in dict.fromkeys(batch) if text not in seen][: count - found]
            seen.update(batch)
            fruitless = 0 if batch else fruitless + 1
            if fruitless == MAX_FRUITLESS_BATCHES:
                raise ToolkitError(
                    f"only {found:,} distinct sentences found: the last {fruitless * size:,} draws "
                    "brought no new one; draw words with --method sample, or ask for fewer"
                )
        found += len(batch)
        yield batch
