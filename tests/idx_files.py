"""Small image corpora in the idx form, for tests."""

import gzip
import struct

import numpy as np

from arae_toolkit.data_prep.readers.source_files import SourceFile


def idx(array):
    """Return an array of bytes as the content of an idx file."""
    magic = 0x800 + array.ndim
    return (
        struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.astype(np.uint8).tobytes()
    )


def write(path, content):
    """Write bytes, compressed where the suffix says so, and return them as a source."""
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return SourceFile(path)


def write_mnist(folder, *, train=12, test=4, size=(3, 2), suffix=".gz"):
    """Write the four files of MNIST with random pixels; return pixels and labels by prefix."""
    random = np.random.default_rng(0)
    written = {}
    for prefix, count in (("train", train), ("t10k", test)):
        pixels = random.integers(0, 256, (count, *size))
        labels = np.arange(count) % 10
        write(folder / f"{prefix}-images-idx3-ubyte{suffix}", idx(pixels))
        write(folder / f"{prefix}-labels-idx1-ubyte{suffix}", idx(labels))
        written[prefix] = (pixels.reshape(count, -1), labels)
    return written
