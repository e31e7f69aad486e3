"""Image corpora: grey values and labels of each split, written as arrays."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from arae_toolkit.data.corpus import save_array
from arae_toolkit.data_prep.encoded_texts import label_counts
from arae_toolkit.data_prep.readers.source_files import SourceFile

LABELS = tuple(str(digit) for digit in range(10))


class ImageSplit(NamedTuple):
    """The images of one split."""

    pixels: npt.NDArray[np.uint8]
    """Grey values from 0 to 255. Shape (N, P)."""

    labels: npt.NDArray[np.int16]
    """Class ids. Shape (N,)."""


class ReadImages(NamedTuple):
    """All splits of an image corpus."""

    splits: dict[str, ImageSplit]
    """Train, dev and test."""

    shape: tuple[int, int]
    """Height and width in pixels."""

    dev_split: dict[str, Any]
    """How dev was taken from train, as the manifest says it."""


class ImageSource(Protocol):
    """Where the images of a corpus come from."""

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """The files that are read, if any are."""

    def read(self, rows: Counter[SourceFile]) -> ReadImages:
        """Return the images of each split, counting the rows of each file.

        Raises:
            DataError: If a file cannot be used.
        """


def write_image_corpus(
    folder: Path, source: ImageSource, *, rows: Counter[SourceFile]
) -> dict[str, Any]:
    """Write the arrays of an image corpus and return what its manifest says of them.

    Args:
        folder: Where to write.
        source: Of the images.
        rows: Where the images and labels of each file are counted.

    Raises:
        DataError: If a file cannot be used.
    """
    splits, shape, dev_split = source.read(rows)
    for split, content in splits.items():
        save_array(folder / f"{split}.pixels.npy", content.pixels)
        save_array(folder / f"{split}.labels.npy", content.labels)
    train = {image.tobytes() for image in splits["train"].pixels}
    return {
        "labels": list(LABELS),
        "max_length": 0,
        "vocab_size": 0,
        "image_shape": list(shape),
        "splits": {
            split: {"images": len(content.pixels), "labels": label_counts(content.labels, LABELS)}
            for split, content in splits.items()
        },
        "dev_split": dev_split,
        "checks": {
            "evaluation_images_in_train": {
                split: sum(image.tobytes() in train for image in splits[split].pixels)
                for split in ("dev", "test")
            }
        },
    }
