import numpy as np
from sklearn.datasets import load_digits
from source_files import no_progress

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.image_batches import binarised
from arae_toolkit.data_prep.preparation import prepare_corpus


def test_the_bundled_digits_are_a_corpus_without_files(tmp_path):
    out = tmp_path / "digits"
    said = []
    for _ in range(2):
        prepare_corpus("digits", out=out, report=said.append, progress=no_progress)
    assert said == [f"digits is up to date: {out}"]
    corpus = Corpus(out)
    assert (corpus.kind, corpus.manifest["image_shape"]) == ("image", [8, 8])
    splits = {name: corpus.pixels(name) for name in ("train", "dev", "test")}
    assert {name: len(pixels) for name, pixels in splits.items()} == {
        "train": 1_100, "dev": 400, "test": 297
    }  # fmt: skip
    digits = load_digits()
    ink = {tuple(image) for image in (digits.data >= 8).astype(int).tolist()}
    for name, pixels in splits.items():
        assert {tuple(image) for image in binarised(pixels).int().tolist()} <= ink
        labels = np.load(out / f"{name}.labels.npy")
        assert set(labels.tolist()) == set(range(10))
    assert sum(map(len, splits.values())) == len(digits.data)
