import numpy as np
import pytest
import small
import torch

from arae_toolkit.latent.neighbours import encoded, nearest


def normalized(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("block_rows", [1, 7, 64, 1000])
def test_neighbours_are_those_of_comparing_with_each(block_rows):
    random = np.random.default_rng(1)
    queries, codes = random.normal(size=(9, 5)), random.normal(size=(200, 5))
    found = nearest(
        torch.from_numpy(queries), torch.from_numpy(codes), count=4, block_rows=block_rows
    )
    cosines = normalized(queries) @ normalized(codes).T
    expected = np.argsort(-cosines, axis=1)[:, :4]
    assert np.array_equal(found.rows.numpy(), expected)
    np.testing.assert_allclose(found.cosines, np.take_along_axis(cosines, expected, axis=1))


def test_there_are_no_more_neighbours_than_codes():
    codes = torch.eye(3)
    found = nearest(codes[:2], codes, count=9, block_rows=2)
    assert found.rows.shape == (2, 3)
    assert found.rows[:, 0].tolist() == [0, 1]
    assert nearest(codes[:2], codes[:0], count=9).rows.shape == (2, 0)


def test_texts_have_the_same_codes_block_by_block():
    model, told = small.model(small.vocabulary()).eval(), list[int]()
    texts = [*small.SENTENCES][:5]
    codes = encoded(model, texts, block_rows=2, advance=told.append)
    torch.testing.assert_close(codes, model.encode(texts))
    assert told == [2, 2, 1]
