"""Handwritten digits that come with scikit-learn: 1,797 images of 8 x 8 pixels, no download.

They are the test part of the UCI set of Alpaydin and Kaynak (1998), CC BY 4.0.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from arae_toolkit.data_prep.image_corpus import ImageSplit, ReadImages
from arae_toolkit.data_prep.readers.source_files import SourceFile
from arae_toolkit.storage.atomic_files import sha256_of_bytes

SIZES = {"dev": 400, "test": 297}
"""Images of these splits; the other 1,100 are train."""
DARKEST = 16


class Digits:
    """The images, shuffled: in their own order each writer's lie together."""

    files: tuple[SourceFile, ...] = ()

    def __init__(self) -> None:
        """Load them from the installed package."""
        from sklearn.datasets import load_digits  # here: it takes time to load

        loaded: Any = load_digits()
        self._pixels = np.rint(loaded.data * (255 / DARKEST)).astype(np.uint8)
        self._labels = loaded.target.astype(np.int16)

    @property
    def sha256(self) -> str:
        """Fingerprint of images and labels."""
        return sha256_of_bytes(self._pixels.tobytes() + self._labels.tobytes())

    def read(self, rows: Counter[SourceFile]) -> ReadImages:
        """Return the images of each split."""
        del rows  # there is no file
        order = np.random.default_rng(0).permutation(len(self._labels))
        places = {"dev": order[: SIZES["dev"]], "test": order[SIZES["dev"] : sum(SIZES.values())]}
        places = {"train": order[sum(SIZES.values()) :], **places}
        splits = {
            name: ImageSplit(self._pixels[at], self._labels[at]) for name, at in places.items()
        }
        dev_split = {"from": "all", "images": SIZES["dev"], "chosen": "at random"}
        return ReadImages(splits, (8, 8), dev_split)
