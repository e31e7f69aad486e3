"""Sentences of any lengths, read in batches of like lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from arae_toolkit.batching import TokenBatch, batch_of

MOST_PADDED_TOKENS = 8192


def like_length_batches(
    sentences: Sequence[list[int]], batch_size: int, *, device: torch.device
) -> Iterator[tuple[list[int], TokenBatch]]:
    """Yield sentences in batches of like lengths, with the row numbers they hold.

    A batch ends early where its padding would grow large: one very long text among short ones
    does not make them all long.

    Args:
        sentences: Ids, each sentence ending in ``<eos>``.
        batch_size: Most rows of a batch.
        device: Of the batches.
    """
    rows: list[int] = []
    for row in sorted(range(len(sentences)), key=lambda row: len(sentences[row])):
        tokens = (len(rows) + 1) * len(sentences[row])
        if rows and (len(rows) == batch_size or tokens > MOST_PADDED_TOKENS):
            yield rows, batch_of([sentences[r] for r in rows], device=device)
            rows = []
        rows.append(row)
    if rows:
        yield rows, batch_of([sentences[r] for r in rows], device=device)
