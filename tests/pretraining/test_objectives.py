import math

import pytest
import torch

from arae_toolkit.pretraining.objectives import (
    classifier_nats,
    critic_objective,
    encoder_objective,
    flipped_label_nats,
    generator_objective,
    gradient_penalty,
    reconstruction_nll,
)


def test_uniform_scores_give_n_log_v():
    lengths = torch.tensor([3, 1])
    nll = reconstruction_nll(torch.zeros(2, 3, 7), torch.zeros(2, 3, dtype=torch.int64), lengths)
    assert float(nll) == pytest.approx(4 * math.log(7) / 2)


def test_padding_does_not_count():
    """Scores behind a sentence's end change nothing."""
    scores = torch.randn(1, 4, 5, generator=torch.Generator().manual_seed(0))
    targets, lengths = torch.tensor([[1, 2, 0, 0]]), torch.tensor([2])
    changed = scores.clone()
    changed[:, 2:] += 9
    assert torch.equal(
        reconstruction_nll(scores, targets, lengths), reconstruction_nll(changed, targets, lengths)
    )


def test_wrong_shapes_and_lengths_raise_with_the_shapes():
    """A caller's mistake is named."""
    targets = torch.zeros(2, 3, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"\(2, 4, 5\).*\(2, 3\)"):
        reconstruction_nll(torch.zeros(2, 4, 5), targets, torch.tensor([1, 1]))
    with pytest.raises(ValueError, match=r"\[1, 3\]"):
        reconstruction_nll(torch.zeros(2, 3, 5), targets, torch.tensor([0, 1]))


@pytest.mark.parametrize("norm", [0.0, 0.5, 1.0, 3.0])
def test_a_linear_critic_is_penalised_by_its_norm(norm):
    """The penalty of f(z) = w.z is (|w| - 1)^2."""
    weight = torch.tensor([0.6, 0.8]) * norm
    rows = torch.randn(6, 2, generator=torch.Generator().manual_seed(1))
    penalty = gradient_penalty(lambda z: z @ weight, rows, -rows, mix=torch.rand(6, 1))
    assert float(penalty) == pytest.approx((norm - 1) ** 2, abs=1e-5)


def test_the_penalty_is_finite_where_the_gradient_vanishes():
    weight = torch.zeros(2, requires_grad=True)
    penalty = gradient_penalty(
        lambda z: z @ weight, torch.zeros(3, 2), torch.zeros(3, 2), mix=torch.rand(3, 1)
    )
    (gradient,) = torch.autograd.grad(penalty, weight)
    assert torch.isfinite(gradient).all()


def test_the_penalty_of_the_mean_asks_for_a_slope_of_the_batch_size():
    """The published code's penalty is at rest at a slope of B, the correct one at 1."""
    rows = torch.zeros(64, 2)
    steep = torch.tensor([64.0, 0.0])
    mix = torch.rand(64, 1)
    of_mean = gradient_penalty(lambda z: z @ steep, rows, rows, mix=mix, of_batch_mean=True)
    per_row = gradient_penalty(lambda z: z @ steep, rows, rows, mix=mix)
    assert float(of_mean) == pytest.approx(0, abs=1e-6)
    assert float(per_row) == pytest.approx(63**2)


def test_signs_are_the_papers():
    """The critic ascends real minus generated; encoder and generator descend it."""
    real, generated = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 2.0])
    assert float(critic_objective(real, generated)) == pytest.approx(2.5)
    total = encoder_objective(real) + generator_objective(generated)
    assert float(total) == pytest.approx(float(critic_objective(real, generated)))


def test_the_flipped_label_is_the_papers_for_two_values():
    """``-log p(1 - y | z)`` is the likelihood of the other label."""
    scores = torch.randn(6, 2)
    labels = torch.tensor([0, 1, 1, 0, 1, 0])
    even = torch.ones(2)
    assert flipped_label_nats(scores, labels, class_weights=even).item() == pytest.approx(
        classifier_nats(scores, 1 - labels, class_weights=even).item()
    )


def test_the_flipped_label_of_several_values_is_the_mean_over_the_wrong_ones():
    """What the paper's loss is in expectation, if one of them is drawn."""
    scores = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]).log()
    nats = flipped_label_nats(scores, torch.tensor([0, 2]), class_weights=torch.ones(3))
    expected = -(math.log(0.3) / 2 + math.log(0.2) / 2 + math.log(0.1)) / 2
    assert float(nats) == pytest.approx(expected, rel=1e-5)


def test_class_weights_make_a_weighted_mean():
    """Rows count as much as their class; a sure classifier that errs pays for that row alone."""
    scores = torch.tensor([[0.0, 0.0], [20.0, 0.0], [0.0, 0.0]])
    labels, weights = torch.tensor([0, 1, 0]), torch.tensor([0.5, 2.0])
    expected = (0.5 * math.log(2) + 2.0 * 20 + 0.5 * math.log(2)) / 3
    assert float(classifier_nats(scores, labels, class_weights=weights)) == pytest.approx(expected)
