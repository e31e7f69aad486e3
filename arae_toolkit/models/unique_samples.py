"""Any number of sentences from a model's prior, batch by batch, so that none waits for the last."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

from arae_toolkit.errors import ToolkitError
from arae_toolkit.generation.decoding import Decoding, block_sizes
from arae_toolkit.models.arae import ARAE

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
    if not unique:
        yield from model.sample_blocks(
            block_sizes(count, batch_size), seed=seed, decoding=decoding, expected=count
        )
        return
    size = min(batch_size, count)
    # How many draws it takes nobody knows, so none is made ahead of need.
    batches = model.sample_blocks(
        repeat(size), seed=seed, decoding=decoding, expected=size, growth=1
    )
    seen: set[str] = set()
    fruitless = 0
    while len(seen) < count:
        batch = [text for text in dict.fromkeys(next(batches)) if text not in seen]
        batch = batch[: count - len(seen)]
        seen.update(batch)
        fruitless = 0 if batch else fruitless + 1
        if fruitless == MAX_FRUITLESS_BATCHES:
            raise ToolkitError(
                f"only {len(seen):,} distinct sentences found: the last {fruitless * size:,} draws "
                "brought no new one; draw words with --method sample, or ask for fewer"
            )
        yield batch
