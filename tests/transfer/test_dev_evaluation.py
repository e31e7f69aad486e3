from dataclasses import replace

import numpy as np
import pytest
import torch
from small_transfer import QUICK

from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.evaluation.text_overlap import content_bleu
from arae_toolkit.transfer.autoencoder.dev_evaluation import TransferEvaluation
from arae_toolkit.transfer.autoencoder.experiment import new_model
from arae_toolkit.transfer.autoencoder.rewriter import LatentRewriter
from arae_toolkit.transfer.scorer.scorer import Scorer

CPU = torch.device("cpu")


@pytest.fixture
def model(corpus):
    """Random weights, large enough to tell sentences apart."""
    made = new_model(corpus, QUICK, kind="ae")
    made.initialize(generator=torch.Generator().manual_seed(4), bound=0.6)
    return made


@pytest.fixture
def scorer(corpus):
    made = Scorer(
        len(corpus.vocabulary),
        attributes=corpus.labels,
        embedding_size=8,
        hidden_size=9,
        filters=6,
    )
    made.initialize(torch.Generator().manual_seed(0))
    return made.eval()


@pytest.fixture
def evaluation(corpus, model, scorer):
    dev = corpus.split("dev")

    def of(**training):
        return TransferEvaluation(
            model,
            corpus.vocabulary,
            scorer,
            TokenStore(corpus.split("train"), device=CPU),
            AttributeStore(dev, device=CPU),
            dev,
            replace(QUICK.training, **training),
            torch.float32,
        )

    return of


def test_reconstruction_and_classifier_are_measured_over_all_rows(corpus, model, evaluation):
    dev = corpus.split("dev")
    row = evaluation(evaluation_sentences=10_000)(None, True)
    store = AttributeStore(dev, device=CPU)
    nats = right = 0.0
    with torch.no_grad():
        for index in range(len(dev)):
            one = store.batch(np.array([index]))
            code = model.encoder(one)
            nats += model.decoder.nats(code, one).item()
            right += float(model.classifier(code).argmax() == one.labels[0])
    assert row["nats_per_sentence"] == pytest.approx(nats / len(dev), rel=1e-5)
    assert row["nats_per_token"] == pytest.approx(nats / int(dev.lengths.sum()), rel=1e-5)
    assert row["classifier_accuracy"] == pytest.approx(100 * right / len(dev))


def test_the_transfer_is_the_rewriters_by_the_models_own_scorer(corpus, model, scorer, evaluation):
    made = evaluation(evaluation_sentences=12)
    row = made(None, False)
    dev = corpus.split("dev")
    sentences = [dev[index].tolist() for index in made.rows]
    targets = [1 - int(dev.labels[index]) for index in made.rows]
    rewriter = LatentRewriter(model, corpus.vocabulary)
    (found,) = zip(
        *rewriter.propose(sentences, targets, count=1, strength=1.0, seed=0), strict=True
    )
    scored = scorer.probabilities(list(found)).argmax(axis=1)
    assert row["transferred"] == pytest.approx(100 * np.mean(scored == targets))
    bleu = [content_bleu(*both) for both in zip(sentences, found, strict=True)]
    assert row["content_bleu"] == pytest.approx(np.mean(bleu))
    assert len(row["samples"]) == 10
    source, _, rewritten = row["samples"][0].partition("  ->  ")
    assert source == corpus.vocabulary.decode(sentences[0])
    target = corpus.labels[targets[0]]
    assert rewritten == f"{target}: {corpus.vocabulary.decode(found[0])}"


def test_the_rows_are_chosen_by_the_seed_and_once(evaluation):
    first, again, other = (evaluation(evaluation_sentences=15, seed=seed) for seed in (0, 0, 1))
    assert len(set(first.rows.tolist())) == 15
    assert first.rows.tolist() == again.rows.tolist() != other.rows.tolist()
    assert first(None, False) == first(None, True)


def test_a_fitted_prior_follows_the_codes(corpus, model, evaluation):
    assert torch.equal(model.prior.mean, torch.zeros_like(model.prior.mean))
    evaluation(evaluation_sentences=4)(None, False)
    store = TokenStore(corpus.split("train"), device=CPU)
    with torch.no_grad():
        codes = model.encoder(store.batch(np.arange(len(store))))
    torch.testing.assert_close(model.prior.mean, codes.mean(dim=0), rtol=1e-3, atol=1e-4)
