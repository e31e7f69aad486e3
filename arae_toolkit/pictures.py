"""Pictures of images: grids like those of Figure 2, as PNG files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arae_toolkit.files import replacing
from arae_toolkit.models.image import ImageARAE
from arae_toolkit.pixels import PixelStore
from arae_toolkit.run_log import Row

ZOOM = 2
"""Side of the square, in points of the file, that shows a pixel."""
GAP = 2
"""Width of the line between images, in pixels; blocks of images are two lines apart."""
GAP_GREY = 0.5

COLUMNS, SAMPLE_ROWS, WALKS = 12, 8, 6

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
    from matplotlib.image import imsave

    points = np.concatenate(blocks).repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    with replacing(path) as temporary:
        imsave(temporary, points, format="png", cmap="gray", vmin=0.0, vmax=1.0)


def walks(model: ImageARAE, pixels: npt.NDArray[Any] | Tensor, *, steps: int) -> Tensor:
    """Return the ways from the first image to the second, from the third to the fourth, ...

    Returns:
        Shape (N // 2 * steps, P), probabilities, way by way.
    """
    pairs = zip(pixels[::2], pixels[1::2], strict=False)
    return torch.cat([model.interpolate(first, second, steps=steps) for first, second in pairs])


class SamplePictures:
    """Listener that draws samples and interpolations of a model in training (Figure 2).

    At each evaluation it writes ``samples/iteration-N.png`` into the run's folder: samples above,
    and below them ways between images of the dev split, the same ones each time.

    Args:
        folder: The run's.
        model: In training.
        dev: Images of the dev split.
        seed: Fixes the samples.
        tell: Called with a line that says where the picture is.
    """

    def __init__(
        self,
        folder: Path,
        model: ImageARAE,
        dev: PixelStore,
        *,
        seed: int,
        tell: Callable[[str], None],
    ) -> None:
        """Choose the images between which to walk."""
        self.folder, self.model, self.seed, self.tell = folder / "samples", model, seed, tell
        count = min(2 * WALKS, len(dev) // 2 * 2)
        self.ends = dev.batch(np.arange(count)).pixels > 0

    def row(self, row: Row) -> None:
        """Draw a picture where the row is an evaluation."""
        if row["kind"] != "dev":
            return
        self.model.eval()
        images = [self.model.sample(COLUMNS * SAMPLE_ROWS, seed=self.seed)]
        if len(self.ends):
            images.append(walks(self.model, self.ends, steps=COLUMNS))
        path = self.folder / f"iteration-{row['iteration']}.png"
        shape = self.model.image_shape
        save_picture(path, [grid(part, image_shape=shape, columns=COLUMNS) for part in images])
        self.tell(f"samples and interpolations: {path}")

    def tick(self, iteration: int) -> None:
        """Leave ticks to the other listeners."""

    def note(self, text: str) -> None:
        """Leave notes to the other listeners."""
