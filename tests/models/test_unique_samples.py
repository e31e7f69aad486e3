from __future__ import annotations

import itertools

import pytest
import torch

from arae_toolkit import ARAE
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.errors import ToolkitError
from arae_toolkit.generation.decoding import Decoding
from arae_toolkit.models.arae import MAX_FRUITLESS_BATCHES, draw_sentences


def model_with(*, bound):
    """Return a small model with weights in U(-bound, bound); with 0 it knows one sentence only."""
    vocabulary = Vocabulary.build(["a man sleeps .", "two dogs run ."], size=50)
    sizes = {"embedding_size": 6, "code_size": 5, "hidden_size": 8, "noise_size": 4}
    model = ARAE(vocabulary, max_length=5, generator_sizes=[8], code_gain=8.0, **sizes)
    model.initialize(generator=torch.Generator().manual_seed(0), bound=bound)
    return model.eval()


def drawn(model, count, **settings):
    return list(itertools.chain.from_iterable(draw_sentences(model, count, **settings)))


@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_the_sentences_are_those_of_the_model(method):
    model, decoding = model_with(bound=1), Decoding(method=method)
    expected = model.sample(50, seed=3, decoding=decoding, batch_size=20)
    assert drawn(model, 50, seed=3, decoding=decoding, batch_size=20) == expected


def test_batches_come_as_they_are_drawn_and_the_last_is_cut():
    batches = draw_sentences(model_with(bound=1), 50, batch_size=20)
    assert [len(batch) for batch in batches] == [20, 20, 10]


def test_distinct_sentences_are_the_first_of_each_kind():
    model = model_with(bound=1)
    all_drawn = model.sample(400, batch_size=20)
    distinct = list(dict.fromkeys(all_drawn))
    assert len(distinct) < len(all_drawn), "without a repetition there is nothing to test"
    assert drawn(model, 25, unique=True, batch_size=20) == distinct[:25]


def test_the_search_for_distinct_sentences_ends():
    found = []
    message = f"only 1 distinct sentences found: the last {4 * MAX_FRUITLESS_BATCHES} draws"
    with pytest.raises(ToolkitError, match=message):
        for batch in draw_sentences(model_with(bound=0), 4, unique=True):
            found += batch
    assert len(found) == 1
