"""What only a GPU can show. Run with ``pytest -m gpu`` where there is one."""

import contextlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import small
import torch

from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.devices import reduced
from arae_toolkit.generation.decoding import Decoding, Search, decode
from arae_toolkit.ops.cudnn_lstm import lstm_states
from arae_toolkit.optim.update import Update, adam, sgd
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.training.checkpoint import (
    read_progress,
    restore_training_state,
    save_training_state,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@contextlib.contextmanager
def _no_waiting() -> Iterator[None]:
    """Let an operation that waits for the device raise an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch calls the mode a prototype
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("cuda_graphs", [True, False])
def test_an_iteration_never_waits_for_the_device(precision, cuda_graphs):
    """After the first ones, which prepare, allocate and capture, no operation synchronises."""
    algorithm = _trained(cuda_graphs=cuda_graphs, precision=precision)
    with _no_waiting():
        scalars = algorithm.iteration(8)
    assert all(math.isfinite(value.item()) for value in scalars.values())


def test_codes_and_nats_equal_the_cpus():
    """The same weights give the same codes and losses within rounding."""
    words = small.vocabulary()
    on_cpu = small.model(words).eval()
    on_gpu = small.model(words).eval().cuda()
    texts = list(small.SENTENCES)
    torch.testing.assert_close(
        on_gpu.encode(texts).cpu(), on_cpu.encode(texts), rtol=1e-3, atol=1e-3
    )
    gpu_nats, cpu_nats = np.array(on_gpu.nats(texts)[0]), np.array(on_cpu.nats(texts)[0])
    np.testing.assert_allclose(gpu_nats, cpu_nats, rtol=1e-3)
    assert on_gpu.reconstruct(texts) == on_cpu.reconstruct(texts)


def _algorithm(*settings: str, **options: Any) -> Algorithm:
    """Return the training of the small model on the device."""
    words = small.vocabulary()
    store = TokenStore(small.sentences(words), device=torch.device("cuda"))
    config = small.settings("batch_size=8", "epochs=20", *settings)
    return Algorithm(small.model(words).to("cuda"), config, store, **options)


def _trained(*settings: str, **options: Any) -> Algorithm:
    """Train the small model for some iterations."""
    algorithm = _algorithm(*settings, **options)
    for iteration in range(8):
        scalars = algorithm.iteration(iteration)
    assert all(math.isfinite(value.item()) for value in scalars.values())
    return algorithm


def _assert_same_weights(first: Algorithm, second: Algorithm) -> None:
    """Within rounding, for sums are taken in another order."""
    weights = first.model.state_dict()
    for key, value in second.model.state_dict().items():
        torch.testing.assert_close(weights[key], value, rtol=1e-2, atol=2e-3, msg=key)


SCHEDULES = {
    "default": (),
    "separate": ("encoder_update=separate", "encoder_steps=2", "critic_constraint=clip"),
    "sgd": ("autoencoder_optimizer=sgd", "autoencoder_rate=0.1", "loss_unit=token"),
    "damaged": ("word_drop=0.2", "generator_average=0.0"),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_graphs_train_to_the_same_weights_as_operation_by_operation(name):
    graphs = _trained(*SCHEDULES[name], cuda_graphs=True)
    plain = _trained(*SCHEDULES[name], cuda_graphs=False)
    assert graphs.static is not None and graphs.static.graphs > 0, "nothing was captured"
    assert plain.static is not None and plain.static.graphs == 0
    _assert_same_weights(graphs, plain)


def test_a_capture_that_fails_costs_one_line_and_nothing_else():
    """What waits for the device cannot be captured: one note, and the weights of a plain run."""
    notes: list[str] = []
    algorithm = _algorithm(note=notes.append)
    assert algorithm.static is not None
    run = algorithm.run

    def waiting(source: Any, rounds: int) -> dict[str, torch.Tensor]:
        scalars = run(source, rounds)
        assert math.isfinite(float(scalars["nats_per_token"]))
        return scalars

    algorithm.static._run = waiting  # type: ignore[assignment]
    for iteration in range(8):
        algorithm.iteration(iteration)
    assert len(notes) == 1 and notes[0].startswith("CUDA graphs are off (")
    assert algorithm.static.graphs == 0
    _assert_same_weights(algorithm, _trained(cuda_graphs=False))
    assert torch.isfinite(torch.randn(3, device="cuda")).all(), "the device's own generator works"


def test_the_learning_rate_reaches_a_captured_graph():
    """At rate 0 a replayed iteration leaves encoder and decoder where they are."""
    algorithm = _trained(cuda_graphs=True)
    assert algorithm.static is not None and algorithm.static.graphs == 1
    before = {k: v.clone() for k, v in algorithm.model.encoder.state_dict().items()}
    plan = algorithm.planner.plan(8)
    algorithm.updates["autoencoder"].set_rate(0.0)
    algorithm.static(plan)
    for key, value in algorithm.model.encoder.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_noise_differs_between_replays_and_repeats_with_the_iteration():
    off = ("autoencoder_rate=0.0", "generator_steps=0", "critic_steps=0")
    algorithm = _trained(*off, "code_noise=1.0", cuda_graphs=True)
    static = algorithm.static
    assert static is not None and static.graphs == 1
    plan = algorithm.planner.plan(0)
    algorithm.updates["autoencoder"].set_rate(0.0)
    first, second = (float(static(plan)["nats_per_token"]) for _ in range(2))
    other = float(static(replace(plan, iteration=5))["nats_per_token"])
    assert first == pytest.approx(second, rel=1e-5)
    assert first != pytest.approx(other, rel=1e-5)


def test_graphs_go_on_from_a_checkpoint(tmp_path):
    """A run that was stopped and resumed on the device ends where an unbroken one does."""
    whole, first, second = (_algorithm("epochs=8") for _ in range(3))
    for iteration in range(8):
        whole.iteration(iteration)
    for iteration in range(4):
        first.iteration(iteration)
    path = tmp_path / "state.safetensors"
    save_training_state(path, modules=first.modules, updates=first.updates, tensors={}, progress={})
    _, tensors = read_progress(path)
    restore_training_state(tensors, path=path, modules=second.modules, updates=second.updates)
    for iteration in range(4, 8):
        second.iteration(iteration)
    _assert_same_weights(second, whole)


SAMPLING = [
    {},
    {"method": "sample", "temperature": 0.8},
    {"method": "sample", "top_k": 4},
    {"method": "sample", "top_p": 0.7},
]


def _search(settings: dict[str, Any], *, expected: int, capture: bool) -> Search:
    decoder = small.model(small.vocabulary()).cuda().eval().decoder
    return Search(
        decoder,
        decoding=Decoding(**settings),
        max_length=10,
        device=torch.device("cuda"),
        expected=expected,
        slots=16,
        capture=capture,
    )


@pytest.mark.parametrize("settings", SAMPLING)
def test_captured_steps_decode_what_uncaptured_ones_do(settings):
    """The graph is captured, replayed over two windows, and changes no sentence."""
    random = torch.Generator("cuda").manual_seed(0)
    codes = torch.randn(700, 10, generator=random, device="cuda")
    captured = _search(settings, expected=400, capture=True)
    uncaptured = _search(settings, expected=400, capture=False)
    uniform = captured.draws(700, random)
    words = captured(codes, uniform)
    assert torch.equal(words, uncaptured(codes, uniform))
    assert len(words.unique(dim=0)) > 20
    graph = captured.batcher.graph
    assert graph is not None and graph.failure is None and graph.captured
    assert uncaptured.batcher.graph is None


@pytest.mark.parametrize("settings", SAMPLING)
def test_a_decoding_step_never_waits_for_the_device(settings):
    """Once memory is taken and the libraries are set up."""
    random = torch.Generator("cuda").manual_seed(0)
    codes = torch.randn(64, 10, generator=random, device="cuda")
    search = _search(settings, expected=64, capture=False)
    search(codes, search.draws(64, random))
    with torch.no_grad(), _no_waiting():
        search.batcher._step()


def test_greedy_sentences_equal_the_cpus():
    """Refilled places that are kept against those that are given up."""
    codes = torch.randn(300, 10, generator=torch.Generator().manual_seed(5))
    words = [
        decode(
            small.model(small.vocabulary()).to(device).decoder,
            codes.to(device),
            decoding=Decoding(),
            max_length=10,
            slots=7,
        ).cpu()
        for device in ("cpu", "cuda")
    ]
    assert (words[0] == words[1]).all(dim=1).double().mean() > 0.99


def test_sentences_in_bfloat16_are_mostly_the_same():
    """Only near ties between two words fall otherwise."""
    model = small.model(small.vocabulary()).cuda().eval()
    exact = model.sample(300)
    rounded = model.sample(300, decoding=Decoding(dtype=torch.bfloat16))
    assert sum(a == b for a, b in zip(exact, rounded, strict=True)) > 200


def test_an_lstm_in_bfloat16_is_near_float32s():
    """Filled up, in bfloat16 and not float16: states and all gradients, without a warning."""
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(30, 50, batch_first=True).cuda()
    words = torch.randn(7, 9, 30, device="cuda").requires_grad_()
    upstream = torch.randn(7, 9, 50, device="cuda")
    with reduced(words.device, torch.bfloat16):
        states = lstm_states(lstm, words)
    assert states.dtype is torch.bfloat16
    wanted = [words, *lstm.parameters()]
    ours = torch.autograd.grad(states, wanted, upstream.bfloat16())
    plain, _ = lstm(words)
    theirs = torch.autograd.grad(plain, wanted, upstream)
    for first, second in zip((states, *ours), (plain, *theirs), strict=True):
        distance = (first.detach().float() - second.detach()).norm() / second.detach().norm()
        assert float(distance) < 0.02


def test_clipping_in_the_optimizer_equals_clipping_before_it():
    """Gradients of norm 5 and 0.5 with a limit of 1, for both optimizers."""
    for make in (adam, sgd):
        for norm in (5.0, 0.5):
            weights = [torch.nn.Parameter(torch.ones(4, device="cuda")) for _ in range(2)]
            updates = [Update([w], make([w], rate=0.1), clip_norm=1.0) for w in weights]
            gradient = norm * torch.tensor([0.6, 0.0, 0.8, 0.0], device="cuda")
            for weight in weights:
                weight.grad = gradient.clone()
            assert float(updates[0].apply()) == pytest.approx(norm)
            torch.nn.utils.clip_grad_norm_([weights[1]], 1.0)
            updates[1].optimizer.step()
            torch.testing.assert_close(weights[0], weights[1])
