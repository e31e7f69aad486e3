import pytest
import small
import torch
from torch import nn

from arae_toolkit.config.presets import preset
from arae_toolkit.config.schema import TrainingConfig
from arae_toolkit.pretraining.algorithm import (
    autoencoder_update,
    classifier_update,
    critic_update,
    encoder_update,
    generator_update,
)

TRAINING = TrainingConfig(
    autoencoder_rate=0.1,
    adversarial_rate_critic=0.02,
    adversarial_rate_generator=0.03,
    classifier_rate=0.04,
    adversarial_beta1=0.6,
    adversarial_beta2=0.8,
    clip_norm=2.0,
)
ADAMS = {
    "critic": (critic_update, 0.02, 0.0),
    "generator": (generator_update, 0.03, 2.0),
    "classifier": (classifier_update, 0.04, 0.0),
}


def _adam(gradients, *, rate, betas):
    """Return where Adam ends that starts at 0 (Kingma and Ba, 2015, Algorithm 1)."""
    place, first, second = torch.zeros_like(gradients[0]), 0.0, 0.0
    for step, gradient in enumerate(gradients, start=1):
        first = betas[0] * first + (1 - betas[0]) * gradient
        second = betas[1] * second + (1 - betas[1]) * gradient**2
        unbiased = first / (1 - betas[0] ** step), second / (1 - betas[1] ** step)
        place = place - rate * unbiased[0] / (unbiased[1].sqrt() + 1e-8)
    return place


def _layer():
    layer = nn.Linear(3, 1, bias=False)
    nn.init.zeros_(layer.weight)
    return layer


@pytest.mark.parametrize("name", ADAMS)
def test_adversaries_move_by_adam_with_rates_and_betas_of_their_own(name):
    make, rate, clip_norm = ADAMS[name]
    layer = _layer()
    update = make(layer, TRAINING)
    gradients = [torch.tensor([[3.0, -4.0, 0.0]]), torch.tensor([[0.6, 0.3, -0.2]])]
    norms = []
    for gradient in gradients:
        layer.weight.grad = gradient.clone()
        norms.append(update.apply().item())
    assert norms == pytest.approx([5.0, 0.7])  # before clipping
    if clip_norm:
        gradients[0] = gradients[0] * (clip_norm / 5.0)
    expected = _adam(gradients, rate=rate, betas=(0.6, 0.8))
    torch.testing.assert_close(layer.weight.detach(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_encoders_own_update_moves_it_as_far_as_the_autoencoders(optimizer):
    """Clipped alike, by the same optimizer: a gradient moves it as far, from either side."""
    training = TrainingConfig(autoencoder_optimizer=optimizer, autoencoder_rate=0.1, clip_norm=2.0)
    layer = _layer()
    update = encoder_update(layer, training)
    layer.weight.grad = torch.tensor([[3.0, -4.0, 0.0]])
    update.apply()
    expected = {"sgd": [-0.1 * 1.2, 0.1 * 1.6, 0.0], "adam": [-0.1, 0.1, 0.0]}
    assert layer.weight[0].tolist() == pytest.approx(expected[optimizer], rel=1e-4)
    assert layer.weight.grad is None


def test_a_preset_moves_the_encoder_against_the_critic_as_it_says():
    """The image preset of the paper: a step of Adam is its rate long, whatever the gradient."""
    training = preset("paper-2017", corpus="mnist").training
    layer = _layer()
    update = encoder_update(layer, training)
    layer.weight.grad = torch.tensor([[1e-4, -1e-2, 1e-5]])
    update.apply()
    assert layer.weight[0].abs().tolist() == pytest.approx([5e-4] * 3, rel=1e-2)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_autoencoder_moves_by_the_optimizer_chosen(optimizer):
    model = small.model(small.vocabulary())
    training = TrainingConfig(autoencoder_optimizer=optimizer, autoencoder_rate=0.1, clip_norm=0.0)
    update = autoencoder_update(model, training)
    weight = next(model.encoder.parameters())
    before = weight.detach().clone()
    gradient = torch.linspace(0.5, 2.0, weight.numel()).view_as(weight)
    weight.grad = gradient.clone()
    update.apply()
    expected = gradient if optimizer == "sgd" else torch.ones_like(gradient)
    torch.testing.assert_close(before - weight.detach(), 0.1 * expected, rtol=1e-3, atol=1e-5)


def test_each_update_holds_its_own_parameters_and_no_others():
    model = small.model(small.vocabulary())
    made = {
        autoencoder_update(model, TRAINING): (model.encoder, model.decoder),
        encoder_update(model.encoder, TRAINING): (model.encoder,),
        generator_update(model.prior, TRAINING): (model.prior,),
    }
    for update, networks in made.items():
        own = {id(p) for network in networks for p in network.parameters()}
        moved = {id(p) for group in update.optimizer.param_groups for p in group["params"]}
        assert {id(p) for p in update.parameters} == moved == own
