"""What only a GPU can show. Run with ``pytest -m gpu`` where there is one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import small
import torch

from arae_toolkit.algorithm import Algorithm
from arae_toolkit.batching import TokenStore

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def _algorithm(precision: str = "fp32") -> Algorithm:
    words = small.vocabulary()
    device = torch.device("cuda")
    model = small.model(words).to(device)
    store = TokenStore(small.sentences(words), device=device, static_length=16)
    return Algorithm(model, small.SMALL, store, precision=precision)  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_iteration_never_waits_for_the_device(precision: str) -> None:
    """After the first, which compiles and allocates, no operation synchronises."""
    algorithm = _algorithm(precision)
    algorithm.iteration(0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        scalars = algorithm.iteration(1)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(math.isfinite(value.item()) for value in scalars.values())


def test_codes_and_nats_equal_the_cpus() -> None:
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
