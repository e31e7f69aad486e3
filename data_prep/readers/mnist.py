"""Reader of MNIST in its original idx form: grey values and labels."""

from __future__ import annotations

import math
import struct
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from arae_toolkit.data_prep.image_corpus import LABELS, ImageSplit, ReadImages
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers.source_files import SourceFile, SourceTree

DEV_IMAGES = 5_000
"""The last images of the training file, which are the dev split."""

IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049
"""First four bytes of an idx file: unsigned bytes in three dimensions, or in one."""

MAX_BYTES = 1 << 31
"""Largest content that is read; all of MNIST's training images are 47 million bytes."""

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class ImageFiles:
    """The four files of MNIST."""

    images: dict[str, SourceFile]
    """By split (train, test), its image file."""

    labels: dict[str, SourceFile]
    """By split (train, test), its label file."""

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """All four."""
        return (*self.images.values(), *self.labels.values())

    def read(self, rows: Counter[SourceFile]) -> ReadImages:
        """Return the images of each split; the last ones of train are dev.

        Raises:
            DataError: If a file cannot be used.
        """
        splits, shape = read_splits(self, rows=rows)
        dev_split = {"from": "train", "images": DEV_IMAGES, "chosen": "the last ones"}
        return ReadImages(splits, shape, dev_split)


def files(tree: SourceTree, options: PrepareOptions) -> ImageFiles:
    """Return the files of an MNIST source, such as ``train-images-idx3-ubyte.gz``.

    Raises:
        DataError: If one is missing.
    """
    del options  # nothing to choose
    names = {"train": "train-{}{}idx{}-ubyte", "test": "t10k-{}{}idx{}-ubyte"}

    def named(content: str, dimensions: int) -> dict[str, SourceFile]:
        return {
            split: tree.need(*(name.format(content, mark, dimensions) for mark in "-."))
            for split, name in names.items()
        }

    return ImageFiles(named("images", 3), named("labels", 1))


def read_splits(
    found: ImageFiles, *, rows: Counter[SourceFile], dev_images: int = DEV_IMAGES
) -> tuple[dict[str, ImageSplit], tuple[int, int]]:
    """Return the splits and the height and width of an image in pixels.

    Args:
        found: The four files.
        rows: Where the images and labels of each file are counted.
        dev_images: How many images at the end of train become the dev split.

    Raises:
        DataError: If a file is not what it should be, or does not fit the others.
    """
    splits: dict[str, ImageSplit] = {}
    shapes: dict[str, tuple[int, int]] = {}
    for split, file in found.images.items():
        label_file = found.labels[split]
        images, labels = read_images(file), read_labels(label_file)
        if len(images) != len(labels):
            problem = f"{len(labels):,} labels, but {file.name} has {len(images):,} images"
            raise label_file.error(problem)
        rows[file] = rows[label_file] = len(images)
        splits[split] = ImageSplit(images.reshape(len(images), -1), labels)
        shapes[split] = (images.shape[1], images.shape[2])
    if shapes["test"] != shapes["train"]:
        problem = f"images of {shapes['test']} pixels, those of train have {shapes['train']}"
        raise found.images["test"].error(problem)
    pixels, labels = splits["train"]
    if len(pixels) <= dev_images:
        raise found.images["train"].error(
            f"{len(pixels):,} images; more than the {dev_images:,} of the dev split are needed"
        )
    return {
        "train": ImageSplit(pixels[:-dev_images], labels[:-dev_images]),
        "dev": ImageSplit(pixels[-dev_images:], labels[-dev_images:]),
        "test": splits["test"],
    }, shapes["train"]


def read_images(file: SourceFile) -> npt.NDArray[np.uint8]:
    """Return the images of an idx file. Shape (N, height, width).

    Raises:
        DataError: If the magic number or the size of the file is wrong.
    """
    return _read_idx(file, IMAGES_MAGIC, dimensions=3)


def read_labels(file: SourceFile) -> npt.NDArray[np.int16]:
    """Return the labels of an idx file. Shape (N,).

    Raises:
        DataError: If the magic number or the size of the file is wrong, or a label is no digit.
    """
    labels = _read_idx(file, LABELS_MAGIC, dimensions=1)
    wrong = np.flatnonzero(labels >= len(LABELS))
    if wrong.size:
        row = int(wrong[0])
        raise file.error(f"label {labels[row]} is none of 0 to 9", line=row + 1)
    return labels.astype(np.int16)


def _read_idx(file: SourceFile, magic: int, *, dimensions: int) -> npt.NDArray[Any]:
    """Return the content of an idx file of unsigned bytes.

    No more memory is used than the file has bytes, whatever its header claims.
    """
    header_bytes = 4 * (1 + dimensions)
    with file.open() as stream:
        header = stream.read(header_bytes)
        if not header:
            raise file.error("file is empty")
        found = int.from_bytes(header[:4], "big")
        if len(header) < 4 or found != magic:
            raise file.error(f"wrong magic number {found}, {magic} is expected")
        if len(header) < header_bytes:
            raise file.error("truncated header")
        shape = struct.unpack(f">{dimensions}I", header[4:])
        expected = math.prod(shape)
        if expected > MAX_BYTES:
            raise file.error(f"header announces {expected:,} bytes, too many")
        content = bytearray()
        while len(content) <= expected and (block := stream.read(_BLOCK_BYTES)):
            content += block
    if len(content) != expected:
        size = "fewer" if len(content) < expected else "more"
        raise file.error(f"{size} bytes than the {expected:,} that its header announces")
    if not expected:
        raise file.error("no rows")
    return np.frombuffer(bytes(content), dtype=np.uint8).reshape(shape)
