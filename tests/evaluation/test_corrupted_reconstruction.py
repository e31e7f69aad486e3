import numpy as np
import pytest
import small

from arae_toolkit.evaluation.corrupted_reconstruction import (
    CorruptedReconstruction,
    reconstruct_swapped,
)


@pytest.fixture(scope="module")
def model():
    return small.model(small.vocabulary()).eval()


def test_without_swaps_it_is_the_reconstruction(model):
    rows = np.array([4, 0, 7])
    found = reconstruct_swapped(model, small.store(model.vocabulary), swaps=0, seed=1, rows=rows)
    texts = [small.SENTENCES[row] for row in rows]
    assert found.originals == found.corrupted == texts
    assert found.outputs == model.reconstruct(texts)


def test_swaps_keep_the_words_and_are_what_is_encoded(model):
    rows = np.arange(len(small.SENTENCES))
    store = small.store(model.vocabulary)
    found = reconstruct_swapped(model, store, swaps=3, seed=1, rows=rows)
    assert found.originals == list(small.SENTENCES)
    assert found.corrupted != found.originals
    for original, corrupted in zip(found.originals, found.corrupted, strict=True):
        assert sorted(original.split()) == sorted(corrupted.split())
    assert found.outputs == model.reconstruct(found.corrupted)
    again = reconstruct_swapped(model, store, swaps=3, seed=1, rows=rows)
    assert again == found
    assert reconstruct_swapped(model, store, swaps=3, seed=2, rows=rows) != found


def test_what_came_back_is_counted():
    found = CorruptedReconstruction(["a b", "c d", "e f", "g"], ["b a", "d c", "e f", "g"],
                                    ["a b", "d c", "x", "g"])  # fmt: skip
    assert found.restored == 50
    assert found.kept == 50
