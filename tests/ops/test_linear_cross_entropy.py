import pytest
import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.ops import linear_cross_entropy_cpu
from arae_toolkit.ops.linear_cross_entropy import (
    linear_cross_entropy,
    token_nats,
    token_statistics,
)


def _inputs(rows: int = 37) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    hidden = torch.randn(rows, 6, generator=random).requires_grad_()
    weight = torch.randn(11, 6, generator=random).requires_grad_()
    bias = torch.randn(11, generator=random).requires_grad_()
    return hidden, weight, bias, torch.randint(11, (rows,), generator=random)


@pytest.mark.parametrize("chunk_rows", [1, 10, 37, 512])
@pytest.mark.parametrize("multiple", [1, 8, 64])
def test_value_and_gradients_equal_plain_cross_entropy(chunk_rows, multiple, monkeypatch):
    """However rows and words are cut and padded, the sum and all gradients are the plain form's."""
    monkeypatch.setitem(linear_cross_entropy_cpu.CHUNK_ROWS, torch.float32, chunk_rows)
    monkeypatch.setitem(linear_cross_entropy_cpu.ROW_MULTIPLE, torch.float32, multiple)
    monkeypatch.setitem(linear_cross_entropy_cpu.WORD_MULTIPLE, torch.float32, multiple)
    hidden, weight, bias, targets = _inputs()
    fast = linear_cross_entropy(hidden, weight, bias, targets)
    fast_gradients = torch.autograd.grad(0.3 * fast, (hidden, weight, bias))
    plain = functional.cross_entropy(
        functional.linear(hidden, weight, bias), targets, reduction="sum"
    )
    plain_gradients = torch.autograd.grad(0.3 * plain, (hidden, weight, bias))
    torch.testing.assert_close(fast, plain)
    for ours, theirs in zip(fast_gradients, plain_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_bfloat16_is_near_float32():
    """The lower precision costs no more than its eight bits."""
    hidden, weight, bias, targets = _inputs()
    full = linear_cross_entropy(hidden, weight, bias, targets)
    half = linear_cross_entropy(hidden, weight, bias, targets, dtype=torch.bfloat16)
    assert half.item() == pytest.approx(full.item(), rel=0.02)


def test_an_ignored_target_costs_nothing_and_pulls_nothing():
    """Rows of padding change neither the sum nor any gradient."""
    hidden, weight, bias, targets = _inputs()
    real = targets != 3
    assert not real.all()
    some = linear_cross_entropy(hidden, weight, bias, targets, ignored=3)
    plain = linear_cross_entropy(hidden[real], weight, bias, targets[real])
    torch.testing.assert_close(some, plain)
    for ours, theirs in zip(
        torch.autograd.grad(some, (hidden, weight, bias)),
        torch.autograd.grad(plain, (hidden, weight, bias)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_no_rows_cost_nothing():
    """An empty batch has a sum and gradients of 0."""
    hidden, weight, bias, targets = _inputs()
    nats = linear_cross_entropy(hidden[:0], weight, bias, targets[:0])
    (gradient,) = torch.autograd.grad(nats, weight)
    assert float(nats.detach()) == 0
    assert not gradient.any()


def test_large_scores_stay_finite():
    """A target of vanishing probability has a large cost, not an infinite one."""
    hidden = torch.full((1, 2), 100.0)
    weight = torch.tensor([[5.0, 5.0], [-5.0, -5.0]])
    nats = linear_cross_entropy(hidden, weight, torch.zeros(2), torch.tensor([1]))
    assert float(nats) == pytest.approx(2000.0)


@pytest.mark.parametrize("offset", [-1000.0, -60.0, 60.0, 1000.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_scores_far_from_zero_cost_what_their_differences_do(offset, dtype):
    """A number added to all scores changes neither the sum nor any gradient."""
    hidden, weight, bias, targets = _inputs()
    leaves = (hidden, weight, bias)
    # Whole numbers are exact in bfloat16, and in the sums of the offset and a score.
    with torch.no_grad():
        hidden.copy_(hidden.round())
        weight.copy_(weight.mul(2).round())
        bias.zero_()
    near = linear_cross_entropy(hidden, weight, bias, targets, dtype=dtype)
    far = linear_cross_entropy(hidden, weight, bias + offset, targets, dtype=dtype)
    expected = torch.autograd.grad(near, leaves)
    found = torch.autograd.grad(far, leaves)
    tolerance = 1e-4 if dtype is torch.float32 else 0.05
    torch.testing.assert_close(far, near, rtol=tolerance, atol=0)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def test_the_gradient_of_a_sure_answer_is_precise_in_bfloat16():
    """What is left to learn of a token, its probability's distance from 1, is not rounded away."""
    hidden = torch.tensor([[1.0, 2.0]]).requires_grad_()
    weight = torch.tensor([[4.0, 2.0], [0.0, 0.0], [-1.0, 1.0]]).requires_grad_()
    bias, targets = torch.zeros(3), torch.tensor([0])
    leaves = (hidden, weight)
    half = torch.autograd.grad(
        linear_cross_entropy(hidden, weight, bias, targets, dtype=torch.bfloat16), leaves
    )
    full = torch.autograd.grad(
        functional.cross_entropy(functional.linear(hidden, weight, bias), targets), leaves
    )
    for ours, theirs in zip(half, full, strict=True):
        assert float(theirs.abs().max()) < 0.01
        torch.testing.assert_close(ours, theirs, rtol=0.02, atol=1e-5)


def test_what_is_not_a_number_stays_so():
    """A diverged model is not hidden by a cost that looks sound."""
    hidden, weight, bias, targets = _inputs()
    broken = weight.detach().clone()
    broken[3, 2] = torch.nan
    assert torch.isnan(linear_cross_entropy(hidden, broken, bias, targets))


def test_statistics_agree_with_the_training_loss():
    """Per-token nats sum to the loss; correctness is that of the likeliest word."""
    hidden, weight, bias, targets = _inputs()
    nats, correct = token_statistics(hidden, weight, bias, targets)
    torch.testing.assert_close(
        nats.sum(), linear_cross_entropy(hidden, weight, bias, targets).detach()
    )
    scores = functional.linear(hidden, weight, bias)
    assert torch.equal(correct, scores.argmax(dim=1) == targets)


@pytest.mark.parametrize("words_at_once", [1, 4, 1024])
def test_scores_are_the_same_however_many_words_are_multiplied_at_once(words_at_once, monkeypatch):
    hidden, weight, bias, targets = (value.detach() for value in _inputs())
    monkeypatch.setattr(linear_cross_entropy_cpu, "WORDS_AT_ONCE", words_at_once)
    scores = torch.empty(len(hidden), len(weight))
    linear_cross_entropy_cpu.write_scores(hidden, weight, out=scores)
    torch.testing.assert_close(scores, hidden @ weight.t())
    expected = functional.cross_entropy(
        functional.linear(hidden, weight, bias), targets, reduction="none"
    )
    torch.testing.assert_close(token_nats(hidden, weight, bias, targets), expected)
    torch.testing.assert_close(linear_cross_entropy(hidden, weight, bias, targets), expected.sum())


def test_no_tokens_have_no_nats():
    hidden, weight, bias, targets = _inputs()
    assert token_nats(hidden[:0], weight, bias, targets[:0]).shape == (0,)


def test_statistics_in_bfloat16_are_near_those_in_float32():
    """Sums are float32: only the eight bits of the scores are lost."""
    hidden, weight, bias, targets = _inputs()
    full, _ = token_statistics(hidden, weight, bias, targets)
    half, _ = token_statistics(hidden, weight, bias, targets, dtype=torch.bfloat16)
    assert half.dtype == torch.float32
    assert not torch.equal(half, full)
    torch.testing.assert_close(half, full, rtol=0.02, atol=0.05)


def test_wrong_shapes_raise():
    hidden, weight, bias, targets = _inputs()
    with pytest.raises(ValueError, match=r"\(37, 6\).*\(11, 6\).*\(36,\)"):
        linear_cross_entropy(hidden, weight, bias, targets[:-1])
