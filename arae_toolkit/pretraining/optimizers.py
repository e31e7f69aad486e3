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
    parameters = list(critic.parameters())
    rate = training.adversarial_rate_critic
    return Update(parameters, adam(parameters, rate=rate, betas=_betas(training)))


def generator_update(generator: nn.Module, training: TrainingConfig) -> Update:
    """Return the generator's update (step 3)."""
    parameters = list(generator.parameters())
    rate = training.adversarial_rate_generator
    optimizer = adam(parameters, rate=rate, betas=_betas(training))
    return Update(parameters, optimizer, clip_norm=training.clip_norm)


def classifier_update(classifier: nn.Module, training: TrainingConfig) -> Update:
    """Return the latent attribute classifier's update (step 2b)."""
    parameters = list(classifier.parameters())
    rate = training.classifier_rate
    return Update(parameters, adam(parameters, rate=rate, betas=_betas(training)))


def _betas(training: TrainingConfig) -> tuple[float, float]:
    return training.adversarial_beta1, training.adversarial_beta2
