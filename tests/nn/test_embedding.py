import numpy as np
import pytest
import small
import torch

from arae_toolkit.data.word_vectors import WordVectors
from arae_toolkit.nn.embedding import put_word_vectors


def vectors(size):
    return WordVectors.of({5: np.full(size, 0.5, np.float32), 7: np.full(size, -2, np.float32)})


def test_every_table_starts_from_given_vectors_and_other_words_keep_theirs():
    words = small.vocabulary()
    model = small.model(words)
    tables = (model.encoder.embedding.weight, model.decoder.embedding.weight)
    before = [table.detach().clone() for table in tables]
    put_word_vectors(model, vectors(12), vocab_size=len(words))
    for table, old in zip(tables, before, strict=True):
        assert table[5].tolist() == [0.5] * 12
        assert table[7].tolist() == [-2] * 12
        others = [index for index in range(len(words)) if index not in (5, 7)]
        assert torch.equal(table[others], old[others])
        assert table.requires_grad
        assert table.grad is None


def test_vectors_of_another_size_are_refused():
    words = small.vocabulary()
    with pytest.raises(ValueError, match="word vectors of 3 numbers, embedding_size is 12"):
        put_word_vectors(small.model(words), vectors(3), vocab_size=len(words))
    with pytest.raises(ValueError, match="no table of word vectors"):
        put_word_vectors(torch.nn.Linear(2, 2), vectors(3), vocab_size=len(words))
