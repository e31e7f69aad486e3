import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.data_prep import held_out

SHARES = {"dev": 0.1, "test": 0.1}


@given(st.integers(0, 300), st.integers(0, 3))
def test_no_row_is_in_two_splits_and_train_keeps_one(count, seed):
    masks = held_out.held_out_rows(count, SHARES, seed)
    taken = sum((mask.astype(int) for mask in masks.values()), np.zeros(count, dtype=int))
    assert set(taken.tolist()) <= {0, 1}
    assert count == 0 or taken.sum() < count
    assert list(masks) == ["dev", "test"][: max(min(count - 1, 2), 0)]
    if count >= 20:
        assert {int(mask.sum()) for mask in masks.values()} == {round(count * 0.1)}


def test_a_share_of_nothing_makes_no_split():
    assert list(held_out.held_out_rows(100, {"dev": 0.1, "test": 0.0}, 0)) == ["dev"]


def test_the_first_split_does_not_depend_on_the_second():
    one, both = (held_out.held_out_rows(200, shares, 1) for shares in ({"dev": 0.1}, SHARES))
    np.testing.assert_array_equal(one["dev"], both["dev"])


@pytest.mark.parametrize(("premises", "whole"), [(50, True), (5, False)])
def test_pairs_are_taken_by_premise_where_there_are_enough(premises, whole):
    first = np.arange(500) % premises
    pairs = np.stack([first, 1000 + np.arange(500)], axis=1).ravel()

    class Texts:
        identity = np.arange(2000)

    masks = held_out.held_out_pairs(Texts(), pairs, SHARES, 0)
    assert [int(mask.sum()) for mask in masks.values()] == [50, 50]
    taken = [set(first[mask].tolist()) for mask in masks.values()]
    left = set(first[~masks["dev"] & ~masks["test"]].tolist())
    assert (not (left & taken[0] or left & taken[1] or taken[0] & taken[1])) == whole


def documents_taken(documents, seed=0, in_all=1_000, shares=SHARES):
    masks = held_out.held_out_documents(np.array(documents), shares, seed, in_all=in_all)
    return {split: set(np.array(documents)[mask].tolist()) for split, mask in masks.items()}


def test_a_document_is_held_out_whatever_else_there_is():
    every = documents_taken(sorted([*range(1_000)] * 3))
    some = documents_taken([*range(0, 1_000, 3), *range(0, 1_000, 6)])
    for split, taken in every.items():
        assert 60 < len(taken) < 140
        assert some[split] == {one for one in taken if one % 3 == 0}
    assert not every["dev"] & every["test"]
    assert documents_taken(range(1_000), seed=1)["dev"] != every["dev"]


@pytest.mark.parametrize("count", range(2, 12))
def test_few_documents_are_held_out_whole(count):
    documents = np.repeat(np.arange(count), 2)
    masks = held_out.held_out_documents(documents, {"dev": 0.1}, 0, in_all=count)
    assert masks["dev"].any() and not masks["dev"].all()
    assert (masks["dev"][0::2] == masks["dev"][1::2]).all()


def test_the_documents_of_a_large_file_are_few_of_its_own(monkeypatch):
    monkeypatch.setattr(held_out, "MOST_DOCUMENTS", 50)
    taken = documents_taken(range(1_000))
    assert all(25 < len(documents) < 80 for documents in taken.values())
    assert list(documents_taken(range(1_000), shares={"dev": 0.1, "test": 0.0})) == ["dev"]


@pytest.mark.parametrize("documents", [[], [1, held_out.NO_DOCUMENT] * 50, [7] * 100, range(3)])
def test_without_enough_documents_rows_are_taken(documents):
    documents = np.array(documents, dtype=np.int64)
    by_row = held_out.held_out_rows(len(documents), SHARES, 0)
    taken = held_out.held_out_documents(documents, SHARES, 0, in_all=len(documents))
    assert list(taken) == list(by_row)
    for split, mask in taken.items():
        np.testing.assert_array_equal(mask, by_row[split])
