from dataclasses import replace

import numpy as np
import pytest
import reference
import small
import torch
from plain_decoder import PlainSteps

from arae_toolkit.data.token_batches import TokenStore, batch_of
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.models.arae import ARAE
from arae_toolkit.nn.critic import Critic
from arae_toolkit.nn.priors import FittedGaussian, Generator, SphericalPrior
from arae_toolkit.pretraining.objectives import reconstruction_nll
from arae_toolkit.pretraining.steps import Update, critic_step

CPU = torch.device("cpu")
OUTPUT_MAP = pytest.mark.parametrize("output_map", [False, True], ids=["plain", "output map"])


def test_codes_equal_the_step_by_step_reference():
    """A batched, padded pass gives each sentence its own last state, at unit norm."""
    words = small.vocabulary()
    arae, packed = small.model(words), small.sentences(words)
    codes = arae.encoder(small.store(words).batch(np.arange(8)))
    for row, code in enumerate(codes):
        expected = reference.encode(arae.encoder, packed[row].tolist())
        torch.testing.assert_close(code, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(codes.norm(dim=1), torch.ones(8))


def _model(words: Vocabulary, output_map: bool) -> ARAE:
    return small.model(words, small.settings(f"output_map={str(output_map).lower()}"))


@OUTPUT_MAP
def test_decoder_nats_equal_the_step_by_step_reference(output_map):
    """The summed loss of a batch is that of its sentences, word by word."""
    words = small.vocabulary()
    arae, packed = _model(words, output_map), small.sentences(words)
    batch = small.store(words).batch(np.array([2, 0, 6]))
    code = arae.encoder(batch)
    expected = sum(
        reference.sentence_nats(arae.decoder, code[i], packed[row].tolist())
        for i, row in enumerate((2, 0, 6))
    )
    torch.testing.assert_close(arae.decoder.nats(code, batch), expected, rtol=1e-4, atol=1e-4)


@OUTPUT_MAP
def test_decoder_nats_equal_the_plain_objective(output_map):
    """Chunked and unpadded, it is still the objective over padded scores."""
    words = small.vocabulary()
    arae = _model(words, output_map)
    batch = small.store(words).batch(np.arange(8))
    code = arae.encoder(batch)
    padded = replace(batch, packing=None)
    logits = arae.decoder.projection(arae.decoder(code, padded)).view(*batch.tokens.shape, -1)
    plain = reconstruction_nll(logits, batch.tokens, batch.lengths)
    for form in (batch, padded):
        nats = arae.decoder.nats(code, form)
        torch.testing.assert_close(nats / 8, plain, rtol=1e-5, atol=1e-5)


def test_padding_and_company_change_nothing():
    """A sentence's code and nats do not depend on the batch it is in."""
    words = small.vocabulary()
    arae, packed = small.model(words), small.sentences(words)
    store = TokenStore(packed, device=CPU)
    alone = [batch_of([packed[i].tolist()], device=CPU) for i in range(8)]
    for together in (store.batch(np.arange(8)), store.batch_on_device(torch.arange(8), width=20)):
        codes = arae.encoder(together)
        torch.testing.assert_close(codes, torch.cat([arae.encoder(b) for b in alone]))
        apart = sum(arae.decoder.nats(codes[i : i + 1], alone[i]) for i in range(8))
        nats = arae.decoder.nats(codes, together)
        torch.testing.assert_close(nats, apart, rtol=1e-5, atol=1e-4)


def test_permuted_rows_permute_codes():
    arae, store = small.model(small.vocabulary()), small.store(small.vocabulary())
    order = np.array([3, 1, 0, 2])
    codes = arae.encoder(store.batch(np.arange(4)))
    torch.testing.assert_close(arae.encoder(store.batch(order)), codes[torch.from_numpy(order)])


def test_an_output_map_that_changes_nothing_changes_nothing():
    """With E = H and the identity as its weight, it is the decoder without one."""
    words = small.vocabulary()
    plain = small.model(words, small.settings("embedding_size=14"))
    mapped = small.model(words, small.settings("embedding_size=14", "output_map=true"))
    mapped.load_state_dict({**plain.state_dict(), "decoder.output_map.weight": torch.eye(14)})
    batch = small.store(words).batch(np.arange(8))
    code = plain.encoder(batch)
    torch.testing.assert_close(mapped.decoder.nats(code, batch), plain.decoder.nats(code, batch))
    assert mapped.sample(20, seed=1) == plain.sample(20, seed=1)


@OUTPUT_MAP
def test_stepping_equals_the_training_pass(output_map):
    """Decoding one word at a time meets the scores that training sees."""
    words = small.vocabulary()
    arae = _model(words, output_map)
    batch = small.store(words).batch(np.array([1, 5]))
    code = arae.encoder(batch)
    states = arae.decoder(code, replace(batch, packing=None))
    whole = arae.decoder.projection(states).view(*batch.tokens.shape, -1)
    slow = PlainSteps(arae.decoder)
    state = slow.start(code)
    previous = torch.full((2,), 1)
    for step in range(batch.tokens.shape[1]):
        scores, state = slow.step(state, previous)
        torch.testing.assert_close(scores, whole[:, step], rtol=1e-4, atol=1e-4)
        previous = batch.tokens[:, step]


@pytest.mark.parametrize(("output", "normalization"), [("sphere", "layer"), ("tanh", "batch")])
def test_generator_output_is_bounded(output, normalization):
    """On the sphere, or within (-1, 1) as in the paper."""
    generator = Generator(
        noise_size=4,
        code_size=6,
        hidden_sizes=(8,),
        output=output,  # type: ignore[arg-type]
        normalization=normalization,  # type: ignore[arg-type]
    )
    codes = generator.sample(32, generator=torch.Generator().manual_seed(0))
    if output == "sphere":
        torch.testing.assert_close(codes.norm(dim=1), torch.ones(32))
    else:
        assert float(codes.abs().max()) < 1


def test_spherical_prior_is_on_the_sphere_and_seeded():
    """Unit norm, mean near zero, the same codes for the same seed."""
    prior = SphericalPrior(code_size=5)
    codes = prior.sample(4000, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(codes.norm(dim=1), torch.ones(4000))
    assert float(codes.mean(dim=0).norm()) < 0.05
    assert torch.equal(codes, prior.sample(4000, generator=torch.Generator().manual_seed(1)))


def test_fitted_gaussian_takes_mean_and_covariance():
    """Before scaling to the sphere, its moments are the codes'."""
    codes = torch.randn(5000, 3, generator=torch.Generator().manual_seed(0))
    codes = codes @ torch.tensor([[1.0, 0, 0], [0.5, 0.2, 0], [0, 0, 0.1]]) + 2
    prior = FittedGaussian(code_size=3)
    prior.fit(codes)
    torch.testing.assert_close(prior.mean, codes.mean(dim=0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        prior.factor @ prior.factor.t(), codes.t().cov(), rtol=1e-3, atol=1e-4
    )


def test_a_flat_cloud_of_codes_can_be_fitted():
    """Codes without any variance do not break the factorization."""
    prior = FittedGaussian(code_size=3)
    prior.fit(torch.ones(10, 3))
    assert torch.isfinite(prior.sample(4, generator=torch.Generator().manual_seed(0))).all()


def test_batch_normalization_starts_at_the_critics_second_layer():
    """As in the published code; the other forms leave rows independent."""
    critic = Critic(code_size=4, hidden_sizes=(5, 5), normalization="batch")
    kinds = [type(layer).__name__ for layer in critic.layers]
    assert kinds == ["Linear", "LeakyReLU", "Linear", "BatchNorm", "LeakyReLU", "Linear"]


def test_a_spectral_critic_is_lipschitz():
    """Its slope nowhere exceeds 1, after a few power iterations."""
    torch.manual_seed(0)
    critic = Critic(code_size=6, hidden_sizes=(16, 16), normalization="spectral")
    for _ in range(50):
        critic(torch.randn(4, 6))
    rows = torch.randn(200, 6, requires_grad=True)
    (slope,) = torch.autograd.grad(critic(rows).sum(), rows)
    assert float(slope.norm(dim=1).max()) <= 1.02


@pytest.mark.parametrize("of_mean", [False, True])
def test_the_slope_a_trained_critic_ends_with(of_mean):
    """The per-row penalty holds the slope near 1; that of the batch mean lets it go beyond B."""
    torch.manual_seed(0)
    critic = Critic(code_size=4, hidden_sizes=(32,))
    update = Update(critic.parameters(), torch.optim.Adam(critic.parameters(), lr=1e-2))
    random = torch.Generator().manual_seed(0)
    for _ in range(400):
        real = torch.nn.functional.normalize(torch.randn(16, 4, generator=random) + 2, dim=1)
        generated = torch.nn.functional.normalize(torch.randn(16, 4, generator=random) - 2, dim=1)
        critic_step(
            critic,
            real,
            generated,
            update,
            constraint="gradient_penalty",
            mix=torch.rand(16, 1, generator=random),
            penalty_weight=10.0,
            penalty_of_batch_mean=of_mean,
        )
    between = (0.5 * (real + generated)).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between)
    mean_slope = float(slope.norm(dim=1).mean())
    if of_mean:
        assert mean_slope > 16
    else:
        assert mean_slope == pytest.approx(1.0, abs=0.2)
