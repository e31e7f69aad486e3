import struct
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from idx_files import idx, write, write_mnist

from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers import mnist
from arae_toolkit.data_prep.readers.source_files import SourceTree
from arae_toolkit.errors import DataError


@settings(max_examples=25)
@given(pixels=hypothesis_numpy.arrays(np.uint8, st.tuples(*[st.integers(1, 6)] * 3)))
def test_images_come_back(tmp_path_factory, pixels):
    file = write(tmp_path_factory.getbasetemp() / "images.gz", idx(pixels))
    np.testing.assert_array_equal(mnist.read_images(file), pixels)


def splits_in(folder, *, dev_images=5):
    rows = Counter()
    found = mnist.files(SourceTree(folder), PrepareOptions())
    return *mnist.read_splits(found, rows=rows, dev_images=dev_images), sorted(rows.values())


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_last_training_images_are_the_dev_split(tmp_path, suffix):
    written = write_mnist(tmp_path, suffix=suffix)
    splits, shape, rows = splits_in(tmp_path)
    assert shape == (3, 2)
    pixels, labels = written["train"]
    for split, part in (("train", slice(None, -5)), ("dev", slice(-5, None))):
        np.testing.assert_array_equal(splits[split].pixels, pixels[part])
        np.testing.assert_array_equal(splits[split].labels, labels[part])
    np.testing.assert_array_equal(splits["test"].pixels, written["t10k"][0])
    assert rows == [4, 4, 12, 12]


def test_too_few_images_for_a_dev_split(tmp_path):
    write_mnist(tmp_path, train=5)
    with pytest.raises(DataError, match="5 images; more than the 5 of the dev split are needed"):
        splits_in(tmp_path)


GOOD = idx(np.arange(12).reshape(3, 2, 2))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "file is empty"),
        (b"\0\0", "wrong magic number 0, 2051 is expected"),
        (idx(np.arange(3)), "wrong magic number 2049, 2051 is expected"),
        (GOOD[:10], "truncated header"),
        (GOOD[:-1], "fewer bytes than the 12"),
        (GOOD + b"\0", "more bytes than the 12"),
        (struct.pack(">4I", 2051, 2**20, 28, 28), "fewer bytes than the 822,083,584"),
        (struct.pack(">4I", 2051, 2**32 - 1, 2**32 - 1, 28), "too many"),
        (struct.pack(">4I", 2051, 0, 28, 28), "no rows"),
    ],
)
def test_a_wrong_image_file_is_named(tmp_path, content, problem):
    file = write(tmp_path / "images", content)
    with pytest.raises(DataError) as raised:
        mnist.read_images(file)
    assert str(raised.value).startswith(f"{file.path}: {problem}") or problem in str(raised.value)


def test_a_label_that_is_no_digit_is_named_with_its_row(tmp_path):
    file = write(tmp_path / "labels", idx(np.array([1, 9, 10, 3])))
    with pytest.raises(DataError, match=r"labels:3: label 10 is none of 0 to 9"):
        mnist.read_labels(file)


def test_files_that_do_not_fit_together_are_named(tmp_path):
    write_mnist(tmp_path, suffix="")
    write(tmp_path / "train-labels-idx1-ubyte", idx(np.arange(3)))
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte: 3 labels, but train-images"):
        splits_in(tmp_path, dev_images=1)
    write_mnist(tmp_path, suffix="")
    write(tmp_path / "t10k-images-idx3-ubyte", idx(np.zeros((4, 2, 3))))
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte: images of \(2, 3\) pixels"):
        splits_in(tmp_path, dev_images=1)
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match="no t10k-images-idx3-ubyte here"):
        splits_in(tmp_path)


@settings(max_examples=25)
@given(content=st.binary(max_size=60))
@pytest.mark.parametrize("header", [b"", struct.pack(">I", 2051), struct.pack(">2I", 2051, 1)])
def test_any_bytes_are_images_or_errors_that_name_the_file(tmp_path_factory, header, content):
    file = write(tmp_path_factory.getbasetemp() / "noise", header + content)
    for read in (mnist.read_images, mnist.read_labels):
        try:
            read(file)
        except DataError as error:
            assert str(error).startswith(str(file.path))
