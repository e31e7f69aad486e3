"""Words hidden from the encoder are hidden in every update of Algorithm 2, and from the probe."""

import pytest
import small
import torch
from small_transfer import MARKERS, changed

from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.vocabulary import EOS, PAD, UNKNOWN
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.transfer.autoencoder.attribute_classifier import AttributeAdversary
from arae_toolkit.transfer.autoencoder.back_translation import BackTranslation
from arae_toolkit.transfer.autoencoder.code_probe import probe_model
from arae_toolkit.transfer.autoencoder.experiment import (
    masking_chances,
    new_model,
    training_chances,
)

CPU = torch.device("cpu")
UPDATES = ["joint", "separate"]


def words_in(batches):
    """Return the ids of all words in batches of sentences."""
    ids = set(torch.cat([batch.tokens.flatten() for batch in batches]).tolist())
    return ids - {EOS, PAD}


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_no_update_of_algorithm_2_shows_a_word_that_is_always_hidden(corpus, update, precision):
    """Neither critic, classifier, encoder step nor back-translation."""
    model, store, algorithm = _transfer(corpus, update, precision)
    algorithm.extend(
        BackTranslation(
            model,
            algorithm.config.training,
            store,
            update=algorithm.updates["autoencoder"],
            iterations=9,
            dtype=algorithm.dtype,
        )
    )
    everything = torch.ones_like(model.chances)
    model.chances.copy_(everything)
    store.chances = everything
    seen = small.seen_by(model.encoder)
    for iteration in range(2):
        algorithm.iteration(iteration)
    assert len(seen) >= 2 * 5
    assert words_in(seen) == {UNKNOWN}


@pytest.mark.parametrize("update", UPDATES)
def test_words_that_mark_the_attribute_are_hidden_as_often_everywhere(corpus, update):
    """Of the markers, the share that the encoder sees is that of the reconstruction."""
    model, store, algorithm = _transfer(corpus, update, "fp32")
    markers = _markers(corpus)
    chance = float(store.chances[0][store.chances[0] > 0].mean())
    assert 0.3 < chance < 1
    seen = small.seen_by(model.encoder)
    for iteration in range(12):
        algorithm.iteration(iteration)
    of_each_kind = len(seen) // 12
    for kind in range(of_each_kind):
        tokens = torch.cat([batch.tokens.flatten() for batch in seen[kind::of_each_kind]])
        left = sum(int((tokens == marker).sum()) for marker in markers)
        rows = sum(len(batch) for batch in seen[kind::of_each_kind])
        assert 1 - left / rows == pytest.approx(chance, abs=0.12)


def test_the_probe_reads_the_codes_that_transfer_uses(corpus):
    """Without the markers, which the rewriter masks for another label."""
    model, _, _ = _transfer(corpus, "joint", "fp32")
    seen = small.seen_by(model.encoder)
    probe_model(model, corpus)
    assert sum(len(batch) for batch in seen) >= corpus.rows("train")
    assert not words_in(seen) & _markers(corpus)


def _markers(corpus):
    return {corpus.vocabulary.encode(word)[0] for words in MARKERS.values() for word in words}


def _transfer(corpus, update, precision):
    """Return a model that hides words, its store, and Algorithm 2 on both."""
    config = changed(
        attribute_drop=0.8,
        encoder_update=update,
        attribute_warmup=0,
        cycle_weight=1,
        cycle_start=0,
        cycle_every=1,
    )
    model = new_model(corpus, config, kind="arae")
    train = corpus.split("train")
    chances = masking_chances(train, len(corpus.labels), len(corpus.vocabulary), config)
    model.chances.copy_(chances)
    store = AttributeStore(train, device=CPU, chances=training_chances(chances, CPU))
    algorithm = Algorithm(model, config, store, precision=precision, extended=True)
    algorithm.extend(
        AttributeAdversary(model, config.training, store, iterations=9, dtype=algorithm.dtype)
    )
    return model, store, algorithm
