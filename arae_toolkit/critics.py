"""The critic of a run, with its starting weights."""

from __future__ import annotations

import torch

from arae_toolkit.config.schema import Config
from arae_toolkit.nn import initialization
from arae_toolkit.nn.critic import Critic


def new_critic(config: Config, device: torch.device) -> Critic:
    """Return a critic of these settings on a device, its weights drawn from the run's seed."""
    training, model = config.training, config.model
    normalization = model.critic_normalization
    if training.critic_constraint == "spectral":
        normalization = "spectral"
    # Spectral normalization draws its first singular vectors from torch's global generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed + 1)
        critic = Critic(
            code_size=model.code_size,
            hidden_sizes=model.critic_sizes,
            normalization=normalization,
        ).to(device)
    random = torch.Generator(device).manual_seed(training.seed + 1)
    initialization.perceptron(critic, deviation=training.perceptron_deviation, generator=random)
    return critic
