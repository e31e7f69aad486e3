"""Pictures of images: grids like those of Figure 2, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arae_toolkit.storage.atomic_files import replacing

ZOOM = 2
"""Side of the square, in points of the file, that shows a pixel."""
GAP = 2
"""Width of the line between images, in pixels; blocks of images are two lines apart."""
GAP_GREY = 0.5

Picture = npt.NDArray[np.float32]


def grid(images: Tensor, *, image_shape: Sequence[int], columns: int) -> Picture:
    """Return images side by side, row by row, with lines between and around them.

    Args:
        images: Probabilities of ink, or binary images. Shape (N, P).
        image_shape: Height and width, in pixels.
        columns: Images in a row.

    Returns:
        Values in [0, 1], places without an image as grey as the lines. Shape (height, width).

    Raises:
        ValueError: If there are no images.
    """
    if len(images) == 0:
        raise ValueError("there is no image to show")
    height, width = image_shape
    rows = -(-len(images) // columns)
    shown = np.full(
        (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP), GAP_GREY, dtype=np.float32
    )
    values = images.to(torch.float32).numpy(force=True).reshape(-1, height, width)
    for index, image in enumerate(values):
        top = GAP + index // columns * (height + GAP)
        left = GAP + index % columns * (width + GAP)
        shown[top : top + height, left : left + width] = image
    return shown


def save_picture(path: Path, blocks: Sequence[Picture]) -> None:
    """Write grids of one width, one below the other, as a PNG file: ink is white, paper black.

    Raises:
        ToolkitError: If it cannot be written; a file that was there is kept.
    """
    content = picture_bytes(blocks)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def picture_bytes(blocks: Sequence[Picture]) -> bytes:
    """Return the content of such a file."""
    from matplotlib.image import imsave

    points = np.concatenate(blocks).repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    content = BytesIO()
    imsave(content, points, format="png", cmap="gray", vmin=0.0, vmax=1.0)
    return content.getvalue()
