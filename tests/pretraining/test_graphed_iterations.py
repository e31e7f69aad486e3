import numpy as np
import pytest
import small
import torch
from host_reads import HostReads
from torch import nn

from arae_toolkit.config.schema import Config
from arae_toolkit.data.corpus import pack
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.ops import linear_cross_entropy
from arae_toolkit.ops.linear_cross_entropy_cuda import gradients_on_cuda
from arae_toolkit.optim import update
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.pretraining.graphed_iterations import GraphedIterations, StaticSource
from arae_toolkit.pretraining.plan import RECONSTRUCTION, HostSource


def _algorithm(
    config: Config, *, prior: str = "generator", store: TokenStore | None = None
) -> Algorithm:
    words = small.vocabulary()
    model = small.model(words, config, prior=prior)
    return Algorithm(model, config, store or small.store(words))


def _static(algorithm: Algorithm, *, capture: bool = False) -> list[str]:
    """Make an algorithm run from fixed memory; return the notes it will make."""
    notes: list[str] = []
    algorithm.static = GraphedIterations(
        algorithm.run,
        algorithm.store,
        generator=algorithm.random,
        seed=algorithm._seed,
        clear=algorithm._clear_gradients,
        capture=capture,
        note=notes.append,
    )
    return notes


CASES = {
    "joint": (),
    "separate": ("encoder_update=separate", "encoder_steps=2", "critic_constraint=clip"),
    "more rounds": ("gan_rounds_grow_at=[2]", "loss_unit=token"),
}


HIDDEN = ("word_drop=0.3", "encoder_update=separate", "gan_rounds_grow_at=[2]")


@pytest.mark.parametrize("name", CASES)
def test_iterations_from_fixed_memory_equal_those_from_the_host(name):
    """Same rows, same noise, same updates: weights and scalars agree after some iterations."""
    config = small.settings("critic_steps=2", *CASES[name])
    _assert_alike(_algorithm(config), _algorithm(config))


def test_the_same_words_are_hidden_in_fixed_memory():
    """Where sentences are all of one length: which words are drawn depends on the padding."""
    config, words = small.settings("critic_steps=2", *HIDDEN), small.vocabulary()
    rows = [ids[:4] + ids[-1:] for ids in words.encode_batch(small.SENTENCES)]
    store = TokenStore(pack(rows, vocab_size=len(words)), device=torch.device("cpu"))
    _assert_alike(_algorithm(config, store=store), _algorithm(config, store=store))


def _assert_alike(plain: Algorithm, static: Algorithm) -> None:
    """Assert that an algorithm does the same from fixed memory as another from the host."""
    _static(static)
    for iteration in range(6):
        expected, found = plain.iteration(iteration), static.iteration(iteration)
        assert expected.keys() == found.keys()
        for key, value in expected.items():
            torch.testing.assert_close(found[key], value, rtol=2e-3, atol=1e-4, msg=key)
    weights = static.model.state_dict()
    for key, value in plain.model.state_dict().items():
        torch.testing.assert_close(weights[key], value, rtol=1e-2, atol=2e-3, msg=key)


@pytest.mark.skipif(
    not update._has_fused(torch.device("cpu")), reason="what is not fused reads its step"
)
@pytest.mark.parametrize("name", [*CASES, "hidden words"])
def test_an_iteration_from_fixed_memory_reads_nothing_on_the_host(name, monkeypatch):
    """A graph can only hold what never asks the device for a number.

    Gradients are clipped, and scores made a softmax, as on a GPU here; that the CPU's own ways read
    norms and sums shows that reads are seen at all.
    """
    changes = CASES.get(name, HIDDEN)
    algorithm = _algorithm(small.settings("critic_steps=2", *changes))
    _static(algorithm)
    algorithm.iteration(0)
    with HostReads() as reads:
        algorithm.iteration(1)
    assert set(reads.names) == {"aten::_local_scalar_dense"}, "norms and sums are compared"
    monkeypatch.setattr(update, "_clip_gradients", nn.utils.clip_grad_norm_)
    monkeypatch.setattr(linear_cross_entropy, "gradients_on_cpu", gradients_on_cuda)
    with HostReads() as reads:
        algorithm.iteration(2)
    assert reads.names == []
    assert reads.operations > 300


def test_the_plain_autoencoder_runs_from_fixed_memory():
    """Without a critic there is one kind of rows."""
    plain, static = (_algorithm(small.SMALL, prior="fitted") for _ in range(2))
    _static(static)
    torch.testing.assert_close(static.iteration(0), plain.iteration(0), rtol=1e-3, atol=1e-4)


def test_fixed_memory_holds_the_rows_of_the_last_plan_loaded():
    """Batches are gathered from the same places each time, and show what was copied there."""
    algorithm = _algorithm(small.SMALL)
    plans = [algorithm.planner.plan(iteration) for iteration in range(2)]
    source = StaticSource(plans[0], algorithm.store, width=11)
    for plan in plans:
        source.load(plan)
        for name in plan.rows:
            (batch,), order = source.batches(name)
            assert order is None
            (expected,), _ = HostSource(plan, algorithm.store).batches(name)
            width = expected.tokens.shape[1]
            assert torch.equal(batch.tokens[:, :width], expected.tokens)
            assert not batch.tokens[:, width:].any()
        assert float(source.scalar("code_noise")) == pytest.approx(plan.scalars["code_noise"])


def test_long_sentences_share_shapes():
    """Up to 16 tokens each width has a graph; above, every fourth, and never beyond the longest."""
    words = small.vocabulary()
    sentences = [[5] * (length - 1) + [2] for length in range(2, 31)]
    store = TokenStore(pack(sentences, vocab_size=len(words)), device=torch.device("cpu"))
    config = small.settings("batch_size=1")
    algorithm = Algorithm(small.model(words), config, store)
    _static(algorithm)
    assert algorithm.static is not None
    widths = {}
    for iteration in range(algorithm.sampler.batches_per_epoch):
        plan = algorithm.planner.plan(iteration)
        length = int(store.host_lengths[plan.rows[RECONSTRUCTION]].max())
        widths[length] = algorithm.static.shape(plan)[1]
    assert [widths[n] for n in (2, 9, 16)] == [2, 9, 16]
    assert [widths[n] for n in (17, 20, 21, 29, 30)] == [20, 20, 24, 30, 30]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a capture would succeed")
def test_a_capture_that_fails_is_told_once_and_costs_nothing():
    config = small.settings("batch_size=8")
    plain, static = _algorithm(config), _algorithm(config)
    notes = _static(static, capture=True)
    for iteration in range(4):
        expected, found = plain.iteration(iteration), static.iteration(iteration)
        torch.testing.assert_close(found, expected, rtol=2e-3, atol=1e-4)
    assert len(notes) == 1
    assert notes[0].startswith("CUDA graphs are off (")
    assert static.static is not None
    assert static.static.graphs == 0
    assert np.isfinite(float(found["nats_per_token"]))
