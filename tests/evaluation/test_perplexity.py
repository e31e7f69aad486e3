from __future__ import annotations

import math
import re

import numpy as np
import pytest
import small
import torch

from arae_toolkit.data.corpus import pack
from arae_toolkit.data.samplers import EpochSampler
from arae_toolkit.errors import TrainingDiverged
from arae_toolkit.evaluation.early_stopping import keep_best_epoch
from arae_toolkit.evaluation.language_model import (
    FEWEST_OUTPUTS,
    LanguageModel,
    LanguageModelSettings,
    reverse_perplexity,
    train_language_model,
)
from arae_toolkit.models.language_model import LanguageModelNetwork
from arae_toolkit.models.model_folder import load_model_folder

TEXTS = list(small.SENTENCES)
SETTINGS = LanguageModelSettings(
    embedding_size=16,
    hidden_size=16,
    batch_size=2,
    most_epochs=80,
    patience=0,
    rate=0.02,
    softmax_samples=0,
)


@pytest.fixture(scope="module")
def vocabulary():
    return small.vocabulary()


@pytest.fixture(scope="module")
def learned(vocabulary):
    """A language model that knows the test sentences by heart."""
    sentences = small.sentences(vocabulary)
    return train_language_model(sentences, sentences, vocabulary, settings=SETTINGS)


def uniform_model(vocabulary):
    network = LanguageModelNetwork(len(vocabulary), embedding_size=4, hidden_size=4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    return LanguageModel(network.eval(), vocabulary, LanguageModelSettings(4, 4), math.nan)


# --- closed form -----------------------------------------------------------------------------


def test_the_perplexity_of_equal_chances_is_the_size_of_the_vocabulary(vocabulary):
    model = uniform_model(vocabulary)
    assert model.read(TEXTS).perplexity == pytest.approx(len(vocabulary), rel=1e-5)
    assert model.read(["zorb"]).perplexity == pytest.approx(len(vocabulary), rel=1e-5)


def test_tokens_and_unknown_words_are_counted(vocabulary):
    found = uniform_model(vocabulary).read(["a dog zorbs .", ""])
    assert found.tokens.tolist() == [5, 1]  # <eos> included
    assert found.unknown.tolist() == [1, 0]
    assert found.unknown_percent == 25
    assert np.allclose(found.nats, found.tokens * math.log(len(vocabulary)))
    assert found.at(np.array([1])).unknown_percent == 0
    with pytest.raises(ValueError, match="no text"):
        uniform_model(vocabulary).read([])


# --- invariance and round trip ---------------------------------------------------------------


def test_a_sentence_is_read_alike_beside_any_other(learned):
    together = learned.read(TEXTS)
    for index, text in enumerate(TEXTS):
        assert learned.read([text]).nats[0] == pytest.approx(together.nats[index], rel=1e-4)
    total = float(together.nats.sum()) / int(together.tokens.sum())
    assert together.perplexity == pytest.approx(math.exp(total))


def test_a_language_model_comes_back_as_it_was(learned, tmp_path):
    learned.save(tmp_path, {"corpus": "abc"})
    again = LanguageModel.of(load_model_folder(tmp_path))
    assert np.array_equal(again.read(TEXTS).nats, learned.read(TEXTS).nats)
    assert again.settings == learned.settings
    assert again.held_out_perplexity == learned.held_out_perplexity


# --- learning --------------------------------------------------------------------------------


def test_what_was_learned_surprises_less_than_its_words_in_another_order(learned):
    assert learned.held_out_perplexity < 3
    assert learned.read(TEXTS).perplexity == pytest.approx(learned.held_out_perplexity)
    reversed_texts = [" ".join(reversed(text.split())) for text in TEXTS]
    assert learned.read(reversed_texts).perplexity > 10 * learned.held_out_perplexity


def test_a_sampled_softmax_trains_what_is_measured_with_the_whole(vocabulary):
    sentences = small.sentences(vocabulary)
    settings = LanguageModelSettings(**{**vars(SETTINGS), "softmax_samples": 5})
    model = train_language_model(sentences, sentences, vocabulary, settings=settings)
    assert model.held_out_perplexity < 5


def test_reverse_perplexity_tells_varied_outputs_from_one_repeated(vocabulary):
    settings = LanguageModelSettings(**{**vars(SETTINGS), "most_epochs": 10})
    real = small.sentences(vocabulary)
    varied, collapsed = TEXTS * 5, TEXTS[:1] * 40
    scores = [
        reverse_perplexity(outputs, real, vocabulary, settings=settings)
        for outputs in (varied, collapsed)
    ]
    assert scores[0] < 6
    assert scores[1] > 5 * scores[0]
    assert reverse_perplexity(varied, real, vocabulary, settings=settings) == scores[0]


def test_too_few_outputs_have_no_reverse_perplexity(vocabulary):
    with pytest.raises(ValueError, match=f"at least {FEWEST_OUTPUTS} outputs, got 8"):
        reverse_perplexity(TEXTS, small.sentences(vocabulary), vocabulary)
    with pytest.raises(ValueError, match="0 held out"):
        empty = pack([], vocab_size=len(vocabulary))
        train_language_model(small.sentences(vocabulary), empty, vocabulary)


# --- which epoch is kept ---------------------------------------------------------------------


def fit(scores, **settings):
    """Train a number to fall; return what was kept, and the number."""
    network = torch.nn.Linear(1, 1, bias=False)
    values, given = [], iter(scores)

    def score():
        values.append(float(network.weight.detach()))
        return next(given)

    best = keep_best_epoch(
        network,
        EpochSampler(np.ones(8), batch_size=4, seed=0),
        loss_of=lambda rows, random: network.weight.sum(),
        score_of=score,
        rate=0.1,
        **settings,
    )
    return best, values, float(network.weight.detach())


def test_the_weights_of_the_best_epoch_are_kept():
    best, values, kept = fit([1, 3, 2, 0], epochs=4)
    assert (best.score, best.epoch, best.epochs) == (3, 2, 4)
    assert kept == values[1] != values[-1]


def test_patience_ends_a_training():
    assert fit([1, 3, 2, 0, 9], epochs=5, patience=2)[0].epochs == 4
    assert fit([1, 3, 2, 0, 9], epochs=5)[0].score == 9


def test_a_score_that_is_no_number_stops_a_training():
    with pytest.raises(TrainingDiverged, match=re.escape("scores nan after 1 epoch")):
        fit([math.nan], epochs=1)
    with pytest.raises(ValueError, match="epochs must be at least 1"):
        fit([], epochs=0)
