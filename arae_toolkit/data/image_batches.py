"""Binarised images resident on the device, and batches of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arae_toolkit.data.noise import drop_pixels
from arae_toolkit.data.packed_sequence import Indices

INK = 128
"""Grey values from here to 255 are ink, those below are paper: the binarised form of an image."""


@dataclass(frozen=True)
class PixelBatch:
    """A batch of binary images.

    Attributes:
        pixels: 1 is ink, 0 is paper. Shape (B, P), float32.
    """

    row_name: ClassVar[str] = "image"
    symbol_name: ClassVar[str] = "pixel"

    pixels: Tensor

    def __len__(self) -> int:
        """Return B."""
        return self.pixels.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the pixels lie."""
        return self.pixels.device

    @property
    def symbols(self) -> int:
        """Pixels in all images together."""
        return self.pixels.numel()

    @property
    def words(self) -> None:
        """None: a pixel has two values, and no vocabulary."""
        return None

    def corrupted(self, *, share: float, generator: torch.Generator) -> PixelBatch:
        """Return the images with a share of their pixels turned to paper."""
        if not share:
            return self
        return PixelBatch(drop_pixels(self.pixels, share=share, generator=generator))

    def part(self, rows: slice) -> PixelBatch:
        """Return some of the images, in their order."""
        return PixelBatch(self.pixels[rows])


class PixelStore:
    """All images of a split on one device, binarised: ink is a grey value of at least 128.

    Args:
        pixels: Grey values from 0 to 255 (uint8), or images that are binary already (bool).
            Shape (N, P).
        device: Where they are kept, a byte for each pixel.

    Raises:
        ValueError, TypeError: If ``pixels`` has another shape or type.
    """

    keeps_order = True

    def __init__(self, pixels: npt.NDArray[Any] | Tensor, *, device: torch.device) -> None:
        """Binarise the images and copy them to the device."""
        self.device = device
        self._ink = binarised(pixels).to(device)
        # Images are all of one length, so the sampler leaves them unsorted.
        self.host_lengths: Indices = np.full(len(self._ink), self._ink.shape[1], dtype=np.int64)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._ink)

    def batch(self, indices: Indices) -> PixelBatch:
        """Gather the images of these row numbers, in this order."""
        rows = torch.from_numpy(np.ascontiguousarray(indices)).to(self.device, non_blocking=True)
        return self.batch_on_device(rows, width=self._ink.shape[1])

    def batch_on_device(self, rows: Tensor, *, width: int) -> PixelBatch:
        """Gather the images of these row numbers, which lie on the store's device. Shape (B,)."""
        assert width == self._ink.shape[1], "images are all of one size"
        return PixelBatch(self._ink[rows].to(torch.get_default_dtype()))

    def width(self, indices: Indices) -> int:
        """Return P, whatever the rows."""
        return self._ink.shape[1]

    def grouped(self, indices: Indices, *, groups: int) -> tuple[list[PixelBatch], Tensor]:
        """Gather rows as one batch, whatever ``groups`` says: there is no padding to be saved.

        Batch normalization in the encoder then goes by the statistics of all these rows.
        """
        return [self.batch(indices)], torch.arange(len(indices), device=self.device)


def binarised(pixels: npt.NDArray[Any] | Tensor) -> Tensor:
    """Return where images have ink. Shape (N, P), bool.

    Args:
        pixels: Grey values from 0 to 255 (uint8), of which those from 128 on are ink, or images
            that are binary already (bool). Shape (N, P).

    Raises:
        ValueError: If the shape is another.
        TypeError: If the type is another.

    Example:
        >>> binarised(np.array([[0, 127, 128, 255]], dtype=np.uint8))
        tensor([[False, False,  True,  True]])
    """
    values = pixels.numpy(force=True) if isinstance(pixels, Tensor) else np.asarray(pixels)
    if values.ndim != 2:
        raise ValueError(f"images must have shape (N, P), got {values.shape}")
    if values.dtype == np.uint8:
        return torch.from_numpy(values >= INK)
    if values.dtype == np.bool_:
        return torch.from_numpy(values.copy())
    raise TypeError(f"images must be grey values (uint8) or binary (bool), got {values.dtype}")
