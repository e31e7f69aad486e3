"""Kinds of plain models: what each trains, and which settings they refuse."""

from dataclasses import replace

import numpy as np
import pytest
import small
import torch

from arae_toolkit.config.model_kinds import KINDS, code_space
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.data.vocabulary import UNKNOWN
from arae_toolkit.errors import ToolkitError
from arae_toolkit.evaluation.posterior import measure_posterior, posterior_warning
from arae_toolkit.models.language_model import LanguageModelNetwork
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.pretraining.experiment import new_model


@pytest.fixture
def corpus(synthetic):
    return Corpus(synthetic)


def trained(corpus, kind, *changes, iterations=40):
    config = small.settings("batch_size=32", "evaluation_sentences=40", *changes)
    model = new_model(corpus, config, kind=kind)
    store = TokenStore(corpus.split("train"), device=torch.device("cpu"))
    algorithm = Algorithm(model, config, store, regularizer=KINDS[kind].regularizer)
    scalars = [dict(algorithm.iteration(index)) for index in range(iterations)]
    return algorithm, scalars


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("arae", (), ("sphere", "generator")),
        ("arae", ("code_norm=none", "generator_output=none"), ("none", "generator")),
        ("ae", ("code_norm=none",), ("none", "fitted")),
        ("aae", (), ("sphere", "sphere")),
        ("aae", ("code_norm=none",), ("none", "gaussian")),
        ("vae", (), ("none", "gaussian")),
        ("wae", (), ("none", "gaussian")),
        ("wae", ("code_norm=sphere",), ("sphere", "sphere")),
    ],
)
def test_the_prior_follows_from_kind_and_norm(kind, changes, expected):
    assert code_space(kind, small.settings(*changes).model) == expected


@pytest.mark.parametrize(
    ("kind", "change", "problem"),
    [
        ("vae", "code_norm=sphere", "no place on a sphere"),
        ("arae", "code_norm=none", "generator_output=none"),
    ],
)
def test_what_cannot_go_together_is_refused(kind, change, problem):
    with pytest.raises(ValueError, match=problem):
        code_space(kind, small.settings(change).model)


def test_codes_have_the_norm_of_1_on_the_sphere_alone(corpus):
    for kind, changes, on_sphere in (
        ("ae", (), True),
        ("ae", ("code_norm=none",), False),
        ("wae", (), False),
    ):
        model = new_model(corpus, small.settings(*changes), kind=kind)
        norms = model.encode(["a man runs .", "two dogs sleep ."]).norm(dim=1)
        assert torch.allclose(norms, torch.ones(2), atol=1e-5) == on_sphere


def test_a_fitted_gaussian_gives_codes_where_they_lie(corpus):
    model = new_model(corpus, small.settings("code_norm=none"), kind="ae")
    model.prior.fit(
        5 + torch.randn(500, model.code_size, generator=torch.Generator().manual_seed(0))
    )
    drawn = model.prior.sample(500, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(drawn.mean(), torch.tensor(5.0), atol=0.1, rtol=0)


def test_a_vae_learns_and_names_what_its_posterior_costs(corpus):
    algorithm, scalars = trained(corpus, "vae", "kl_warmup=20", "autoencoder_rate=0.01")
    assert "wasserstein" not in scalars[-1]
    assert float(scalars[-1]["nats_per_token"]) < float(scalars[0]["nats_per_token"])
    assert float(scalars[-1]["kl_nats"]) > 0
    store = algorithm.store
    posterior = measure_posterior(algorithm.model, store, np.arange(100))
    assert posterior.kl_nats >= 0 and 0 <= posterior.active_units <= 10


def test_a_collapsed_posterior_is_named(corpus):
    """A weight of 1,000 on the divergence leaves nothing in the code."""
    algorithm, _ = trained(
        corpus, "vae", "kl_weight=1000", "kl_warmup=1", "autoencoder_rate=0.03", iterations=120
    )
    found = measure_posterior(algorithm.model, algorithm.store, np.arange(100))
    warning = posterior_warning(found)
    assert warning is not None and warning.startswith("posterior collapse: 0.")
    assert posterior_warning(replace(found, kl_nats=5.0, active_units=3)) is None


def test_a_wae_comes_nearer_to_its_prior(corpus):
    _, scalars = trained(corpus, "wae", "mmd_weight=300", "autoencoder_rate=0.02", iterations=100)
    values = [float(row["mmd"]) for row in scalars]
    assert sum(values[-10:]) < 0.7 * sum(values[:10])


def test_a_language_model_is_a_decoder_without_a_code(corpus):
    algorithm, scalars = trained(corpus, "language-model", "autoencoder_rate=0.01")
    model = algorithm.model
    assert not list(model.encoder.parameters())
    assert float(scalars[-1]["nats_per_token"]) < float(scalars[0]["nats_per_token"])
    plain = LanguageModelNetwork(len(corpus.vocabulary), embedding_size=12, hidden_size=14)
    plain.decoder.load_state_dict(model.decoder.state_dict())
    batch = algorithm.store.batch(np.arange(3))
    nats, _ = model.decoder.statistics(model.encoder(batch), batch)
    torch.testing.assert_close(nats, plain.token_nats(batch).detach())
    assert len(model.sample(3)) == 3
    with pytest.raises(ToolkitError, match="no codes"):
        model.encode(["a man runs ."])


@torch.no_grad()
def test_a_decoder_whose_words_are_hidden_predicts_the_real_ones(corpus):
    model = new_model(corpus, small.settings(), kind="ae")
    store = TokenStore(corpus.split("train"), device=torch.device("cpu"))
    batch = store.batch(np.arange(3))
    hidden = batch.corrupted(share=1.0, generator=torch.Generator().manual_seed(0))
    assert int((hidden.tokens == UNKNOWN).sum()) == int((batch.lengths - 1).sum())
    code = model.encoder(batch)
    scores = model.decoder.projection(model.decoder(code, hidden))  # reads what is hidden
    targets = batch.tokens.flatten()[batch.packing.places]
    wanted = torch.nn.functional.cross_entropy(scores, targets, reduction="sum")
    torch.testing.assert_close(model.decoder.nats(code, batch, read=hidden), wanted)
    assert abs(wanted - model.decoder.nats(code, batch)) > 1e-3
