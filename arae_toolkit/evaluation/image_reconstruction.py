"""Reconstruction of images in nats, and their nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from arae_toolkit.data.image_batches import PixelBatch, PixelStore, binarised
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.models.image_arae import ImageARAE

BATCH_ROWS = 1024


@dataclass(frozen=True)
class ImageReconstruction:
    """Reconstruction of a set of images.

    Attributes:
        nats_per_image: Mean negative log-likelihood of a binarised image.
        nats_per_pixel: The same over pixels.
        pixel_accuracy: Percent of pixels that are the likelier of ink and paper.
        images: How many were measured.
    """

    nats_per_image: float
    nats_per_pixel: float
    pixel_accuracy: float
    images: int


@torch.no_grad()
def measure_images(
    model: ImageARAE, store: PixelStore, *, rows: Indices | None = None
) -> ImageReconstruction:
    """Measure the reconstruction of the rows of a split (all, unless some are named)."""
    model.eval()
    nats, correct, pixels = 0.0, 0, 0
    chosen = np.arange(len(store)) if rows is None else rows
    for batch in _batches(store, chosen):
        pixel_nats, pixel_correct = model.decoder.statistics(model.encoder(batch), batch)
        nats += float(pixel_nats.double().sum())
        correct += int(pixel_correct.sum())
        pixels += batch.symbols
    return ImageReconstruction(
        nats_per_image=nats / len(chosen),
        nats_per_pixel=nats / pixels,
        pixel_accuracy=100 * correct / pixels,
        images=len(chosen),
    )


def pixel_neighbours(
    pixels: npt.NDArray[Any], *, seed: int, origins: int = 250, pool: int = 4000
) -> npt.NDArray[np.int64]:
    """Return pairs of an image and another that differs from it in the fewest pixels.

    Images have no word edits; this stands in for the neighbours of Figure 3 (right).

    Args:
        pixels: Grey values. Shape (N, P), uint8.
        seed: Fixes the choice.
        origins: Images to find the neighbour of.
        pool: Images searched for neighbours.

    Returns:
        Row numbers. Shape (M, 2), int64; empty if there is only one image.
    """
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(pixels))[: max(pool, origins)])
    if len(rows) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    ink = binarised(pixels[rows]).float()
    chosen = random.permutation(len(rows))[:origins]
    first = ink[chosen]
    # Pixels that differ: ink of the one, plus ink of the other, less twice what they share.
    distances = first.sum(dim=1, keepdim=True) + ink.sum(dim=1) - 2 * first @ ink.t()
    distances[torch.arange(len(chosen)), torch.from_numpy(chosen)] = torch.inf
    return np.stack([rows[chosen], rows[distances.argmin(dim=1).numpy()]], axis=1)


def _batches(store: PixelStore, rows: Indices) -> Iterator[PixelBatch]:
    for start in range(0, len(rows), BATCH_ROWS):
        yield store.batch(rows[start : start + BATCH_ROWS])
