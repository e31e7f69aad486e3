"""The updates of Algorithms 1 and 2, made from a run's settings."""

from __future__ import annotations

from torch import nn

from arae_toolkit.config.schema import TrainingConfig
from arae_toolkit.models.interfaces import Autoencoder
from arae_toolkit.optim.update import Update, adam, sgd


def autoencoder_update(model: Autoencoder, training: TrainingConfig) -> Update:
    """Return the update of encoder and decoder (step 1)."""
    # Each once: encoder and decoder may share a table of word vectors.
    parameters = list(dict.fromkeys([*model.encoder.parameters(), *model.decoder.parameters()]))
    if training.autoencoder_optimizer == "adam":
        optimizer = adam(parameters, rate=training.autoencoder_rate)
    else:
        optimizer = sgd(parameters, rate=training.autoencoder_rate)
    return Update(parameters, optimizer, clip_norm=training.clip_norm)


def encoder_update(encoder: nn.Module, training: TrainingConfig) -> Update:
    """Return the encoder's update of its own against an adversary (steps 3 and 3b)."""
    parameters = list(encoder.parameters())
    optimizer = sgd(parameters, rate=training.autoencoder_rate)
    return Update(parameters, optimizer, clip_norm=training.clip_norm)


def critic_update(critic: nn.Module, training: TrainingConfig) -> Update:
    """Return the critic's update (step 2)."""
    return _adversarial(critic, training, rate=training.adversarial_rate_critic)


def generator_update(generator: nn.Module, training: TrainingConfig) -> Update:
    """Return the generator's update (step 3)."""
    rate, clip_norm = training.adversarial_rate_generator, training.clip_norm
    return _adversarial(generator, training, rate=rate, clip_norm=clip_norm)


def classifier_update(classifier: nn.Module, training: TrainingConfig) -> Update:
    """Return the latent attribute classifier's update (step 2b)."""
    return _adversarial(classifier, training, rate=training.classifier_rate)


def _adversarial(
    network: nn.Module, training: TrainingConfig, *, rate: float, clip_norm: float = 0.0
) -> Update:
    parameters = list(network.parameters())
    betas = (training.adversarial_beta1, training.adversarial_beta2)
    return Update(parameters, adam(parameters, rate=rate, betas=betas), clip_norm=clip_norm)
