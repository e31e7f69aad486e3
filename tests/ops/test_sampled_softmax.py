import numpy as np
import pytest
import small
import torch
from torch import Tensor

from arae_toolkit.ops.linear_cross_entropy import linear_cross_entropy
from arae_toolkit.ops.sampled_softmax import SoftmaxSample, sampled_cross_entropy
from arae_toolkit.pretraining.algorithm import Algorithm

ROWS, WORDS, SIZE = 13, 40, 6


def _inputs() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    hidden = torch.randn(ROWS, SIZE, generator=random).requires_grad_()
    weight = torch.randn(WORDS, SIZE, generator=random).requires_grad_()
    bias = torch.randn(WORDS, generator=random).requires_grad_()
    return hidden, weight, bias, torch.randint(WORDS, (ROWS,), generator=random)


def _sample(size: int, *, seed: int = 0) -> SoftmaxSample:
    return SoftmaxSample(size, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [WORDS, 10 * WORDS])
def test_a_sample_of_all_words_is_the_whole_softmax(size):
    """Value and all three gradients."""
    hidden, weight, bias, targets = _inputs()
    leaves = (hidden, weight, bias)
    whole = linear_cross_entropy(hidden, weight, bias, targets)
    found = sampled_cross_entropy(hidden, weight, bias, targets, sample=_sample(size))
    torch.testing.assert_close(found, whole)
    expected = torch.autograd.grad(whole, leaves)
    for one, other in zip(torch.autograd.grad(found, leaves), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_sum_over_the_vocabulary_is_right_on_average():
    """Averaged over samples, the estimated normalizer of a row is the true one."""
    hidden, weight, bias, targets = (x.detach() for x in _inputs())
    row, target = hidden[:1], targets[:1]
    of_target = float(row[0] @ weight[target[0]] + bias[target[0]])
    estimates = [
        np.exp(
            float(sampled_cross_entropy(row, weight, bias, target, sample=_sample(8, seed=seed)))
        )
        for seed in range(4000)
    ]
    truth = np.exp(float(linear_cross_entropy(row, weight, bias, target)))
    assert np.isfinite(of_target)
    error = np.std(estimates) / len(estimates) ** 0.5
    assert np.mean(estimates) == pytest.approx(truth, abs=4 * error)
    assert np.std(estimates) > 0


def test_words_outside_the_batch_and_the_sample_have_no_gradient():
    """So many words are moved and no more; the sample follows its generator."""
    hidden, weight, bias, targets = _inputs()
    nats = sampled_cross_entropy(hidden, weight, bias, targets, sample=_sample(5, seed=3))
    (slope,) = torch.autograd.grad(nats, weight)
    moved = slope.abs().sum(dim=1) > 0
    assert int(moved.sum()) == len(targets.unique()) + 5
    assert bool(moved[targets].all())
    again = sampled_cross_entropy(hidden, weight, bias, targets, sample=_sample(5, seed=3))
    assert float(again.detach()) == float(nats.detach())


@pytest.mark.parametrize("sample", [None, _sample(0)])
def test_without_a_sample_it_is_the_whole_vocabulary(sample):
    hidden, weight, bias, targets = _inputs()
    found = sampled_cross_entropy(hidden, weight, bias, targets, sample=sample)
    whole = linear_cross_entropy(hidden, weight, bias, targets)
    assert float(found.detach()) == float(whole.detach())


def test_training_with_it_learns():
    """The setting reaches the loss, and the true nats fall."""
    words = small.vocabulary()
    config = small.settings("softmax_samples=6", "autoencoder_rate=0.02", "batch_size=8")
    model = small.model(words, config, prior="fitted")
    algorithm = Algorithm(model, config, small.store(words))
    before = sum(model.nats(small.SENTENCES)[0])
    for iteration in range(60):
        algorithm.iteration(iteration)
    assert sum(model.nats(small.SENTENCES)[0]) < 0.5 * before
