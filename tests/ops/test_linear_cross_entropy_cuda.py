import importlib.util

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.ops import linear_cross_entropy_cuda
from arae_toolkit.ops.linear_cross_entropy import linear_cross_entropy
from arae_toolkit.ops.linear_cross_entropy_cuda import gradients_on_cuda, softmax_less_one_hot_
from arae_toolkit.ops.triton_support import has_triton

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _inputs(rows: int = 37, *, size: int = 6, words: int = 11) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(0)
    hidden = torch.randn(rows, size, generator=random).to(DEVICE).requires_grad_()
    weight = torch.randn(words, size, generator=random).to(DEVICE).requires_grad_()
    bias = torch.randn(words, generator=random).to(DEVICE).requires_grad_()
    return hidden, weight, bias, torch.randint(words, (rows,), generator=random).to(DEVICE)


def _on_cuda(*inputs: Tensor, dtype: torch.dtype, ignored: int | None = None) -> Tensor:
    return linear_cross_entropy(*inputs, dtype=dtype, ignored=ignored, gradients=gradients_on_cuda)


def _plain(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(
        functional.linear(hidden, weight, bias), targets, reduction="sum", ignore_index=3
    )


@pytest.mark.parametrize("chunk_bytes", [1, 500, 2**29])
@pytest.mark.parametrize(("size", "words"), [(6, 11), (7, 8), (8, 300)])
def test_value_and_gradients_equal_plain_cross_entropy(chunk_bytes, size, words, monkeypatch):
    """However rows are cut and sizes filled up; an ignored word counts nothing."""
    monkeypatch.setattr(linear_cross_entropy_cuda, "CHUNK_BYTES", chunk_bytes)
    hidden, weight, bias, targets = _inputs(size=size, words=words)
    fast = _on_cuda(hidden, weight, bias, targets, dtype=torch.float32, ignored=3)
    plain = _plain(hidden, weight, bias, targets)
    torch.testing.assert_close(fast, plain, rtol=1e-3, atol=1e-3)
    for ours, theirs in zip(
        torch.autograd.grad(0.3 * fast, (hidden, weight, bias)),
        torch.autograd.grad(0.3 * plain, (hidden, weight, bias)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_bfloat16_costs_its_eight_bits():
    """Sum and gradients come within a percent of float32's."""
    inputs = _inputs(200, size=40, words=500)
    full, half = (
        _on_cuda(*inputs, dtype=dtype, ignored=3) for dtype in (torch.float32, torch.bfloat16)
    )
    assert half.item() == pytest.approx(full.item(), rel=0.01)
    for ours, theirs in zip(
        torch.autograd.grad(half, inputs[:3]), torch.autograd.grad(full, inputs[:3]), strict=True
    ):
        assert float((ours - theirs).norm() / theirs.norm()) < 0.01


def test_no_rows_cost_nothing():
    """An empty batch has a sum and gradients of 0."""
    hidden, weight, bias, targets = _inputs()
    nats = _on_cuda(hidden[:0], weight, bias, targets[:0], dtype=torch.float32)
    (gradient,) = torch.autograd.grad(nats, weight)
    assert float(nats.detach()) == 0
    assert not gradient.any()


def test_gradients_are_used_up_once():
    """They are formed in the forward pass and scaled in place."""
    hidden, weight, bias, targets = _inputs()
    nats = _on_cuda(hidden, weight, bias, targets, dtype=torch.float32)
    torch.autograd.grad(nats, weight, retain_graph=True)
    with pytest.raises(RuntimeError, match="used up"):
        torch.autograd.grad(nats, weight)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_scores_become_their_gradient_between_what_lies_around(dtype):
    table = torch.randn(5, 16, generator=torch.Generator().manual_seed(1)).to(DEVICE, dtype)
    before = table.float().clone()
    answers = torch.tensor([3, 0, 10, 7, 3], device=DEVICE)
    nats = softmax_less_one_hot_(table[:, :11], answers, ignored=3)
    log_probability = before[:, :11].log_softmax(dim=1)
    expected = -log_probability.gather(1, answers[:, None])[:, 0]
    slope = log_probability.exp() - functional.one_hot(answers, 11)
    for row in (0, 4):
        expected[row], slope[row] = 0, 0
    torch.testing.assert_close(nats, expected)
    torch.testing.assert_close(table[:, :11].float(), slope, rtol=1e-2, atol=1e-3)
    assert torch.equal(table[:, 11:].float(), before[:, 11:])


@pytest.mark.gpu
@pytest.mark.skipif(DEVICE.type == "cpu", reason="needs a CUDA device")
def test_the_kernel_is_what_a_gpu_takes():
    """Where Triton is there, rows longer than a block and single words included."""
    assert has_triton(DEVICE) == (importlib.util.find_spec("triton") is not None)
    for words in (1, 17, linear_cross_entropy_cuda.BLOCK_WORDS, 11004):
        scores = 3 * torch.randn(33, words, device=DEVICE)
        answers = torch.randint(words, (33,), device=DEVICE)
        other = scores.clone()
        nats = linear_cross_entropy_cuda._by_kernel(scores, answers, 0)
        torch.testing.assert_close(
            nats, linear_cross_entropy_cuda._by_operations(other, answers, 0)
        )
        torch.testing.assert_close(scores, other, rtol=1e-4, atol=1e-6)


def test_without_a_gpu_there_is_no_kernel():
    """And nothing is tried."""
    assert not has_triton(torch.device("cpu"))
