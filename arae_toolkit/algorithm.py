"""Algorithm 1: one iteration of training, put together from :mod:`arae_toolkit.steps`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Literal, cast

import torch
from torch import Tensor, nn

from arae_toolkit import schedules
from arae_toolkit.batching import EpochSampler, Indices, Store, draw
from arae_toolkit.configs import Config
from arae_toolkit.models import initialization
from arae_toolkit.models.autoencoder import Autoencoder
from arae_toolkit.models.latent import Critic, Generator, update_average
from arae_toolkit.noise import annealed_deviation
from arae_toolkit.steps import (
    CriticPull,
    Scalars,
    Update,
    critic_step,
    encode_rows,
    encoder_step,
    generator_step,
    reconstruction_step,
)

Precision = Literal["fp32", "bf16"]
# Streams of random rows, kept apart from the sampler's own.
_CRITIC_ROWS, _ENCODER_ROWS = 1, 2
LENGTH_GROUPS = 5


class Algorithm:
    """The networks, their optimizers and the data of one run.

    A plain autoencoder (``prior="fitted"``) has no critic and runs step 1 alone; the AAE
    (``prior="sphere"``) has no generator to train. Everything random in iteration i is a function
    of (seed, i), so an iteration can be repeated from the weights before it.

    Args:
        model: Moved in place. With a running mean of the generator, ``model.prior`` is the mean.
        config: The schedule.
        store: Training sentences or images on the model's device.
        precision: ``bf16`` runs encoder and decoder in bfloat16; the critic stays in float32.
    """

    def __init__(
        self, model: Autoencoder, config: Config, store: Store, *, precision: Precision = "fp32"
    ) -> None:
        """Make critic and optimizers; the model's weights are left as they are."""
        self.model, self.config, self.store = model, config, store
        self.dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self.device = model.device
        training = config.training
        self.sampler = EpochSampler(
            store.host_lengths, batch_size=training.batch_size, seed=training.seed
        )
        self.random = torch.Generator(self.device)
        self.critic: Critic | None = None
        self.generator: Generator | None = None
        # Mean norm of the reconstruction's gradient at the code, as of the last step 1.
        self.code_gradient_norm = torch.zeros((), device=self.device)
        self.updates: dict[str, Update] = {"autoencoder": self._autoencoder_update()}
        if model.arguments["prior"] != "fitted":
            self._add_adversary()
        self._batches: Iterator[Indices] | None = None
        self._next_iteration = -1

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Every network with weights of its own, by name."""
        # Every autoencoder is a module as well, which a protocol has no way to say.
        modules = {"model": cast(nn.Module, self.model)}
        if self.critic is not None:
            modules["critic"] = self.critic
        if self.generator is not None and self.generator is not self.model.prior:
            modules["generator"] = self.generator
        return modules

    @property
    def iterations(self) -> int:
        """Iterations in the whole run."""
        return self.config.training.epochs * self.sampler.batches_per_epoch

    def epoch_of(self, iteration: int) -> int:
        """Return the epoch, counted from 1, that an iteration belongs to."""
        return iteration // self.sampler.batches_per_epoch + 1

    def iteration(self, iteration: int) -> Scalars:
        """Run one iteration of Algorithm 1, counted from 0, and return its named scalars."""
        training = self.config.training
        self.random.manual_seed((training.seed * 1_000_003 + iteration) % 2**63)
        self._train_mode()
        rate = schedules.autoencoder_rate(training, iteration, iterations=self.iterations)
        self.updates["autoencoder"].set_rate(rate)
        if "encoder" in self.updates:
            self.updates["encoder"].set_rate(rate)
        scalars = self._reconstruct(iteration)
        if self.critic is not None:
            for turn in range(schedules.gan_rounds(training, self.epoch_of(iteration))):
                scalars |= self._gan_round(self.critic, iteration, turn)
        return scalars

    def _reconstruct(self, iteration: int) -> Scalars:
        """Run step 1, with the encoder's part of step 3 where the update is a joint one."""
        training = self.config.training
        deviation = annealed_deviation(
            training.code_noise,
            factor=training.code_noise_factor,
            every=training.code_noise_every,
            iteration=iteration,
        )
        pull = None
        if self.critic is not None and training.encoder_update == "joint":
            weight = self._scalar(schedules.adversarial_weight(training, iteration))
            pull = CriticPull(self.critic, weight, training.encoder_gradient)
        scalars = reconstruction_step(
            self.model.encoder,
            self.model.decoder,
            self.store.batch(self._rows(iteration)),
            self.updates["autoencoder"],
            code_noise=self._scalar(deviation),
            generator=self.random,
            word_drop=training.word_drop,
            per_token=training.loss_unit == "token",
            dtype=self.dtype,
            pull=pull,
        )
        self.code_gradient_norm = scalars["code_gradient_norm"]
        return scalars

    def _gan_round(self, critic: Critic, iteration: int, turn: int) -> Scalars:
        """Run the critic's steps, then one or more of the generator and the encoder."""
        training = self.config.training
        scalars: Scalars = {}
        separate = training.encoder_update == "separate"
        between = training.encoder_steps - 1 if separate else 0
        size = self.sampler.batch_size
        codes: list[Tensor] = []
        for step in range(training.critic_steps):
            if not codes:
                # The encoder stands still until its next step: encode for all steps up to there.
                together = 1 if between > 0 else training.critic_steps - step
                rows = self._draw(_CRITIC_ROWS, iteration, turn, step, size=together * size)
                codes = list(self._encode(rows).split(size))
            scalars |= critic_step(
                critic,
                codes.pop(0),
                (self.generator or self.model.prior).sample(size, generator=self.random),
                self.updates["critic"],
                constraint=training.critic_constraint,
                generator=self.random,
                clip_bound=training.clip_bound,
                penalty_weight=training.penalty_weight,
                penalty_of_batch_mean=training.penalty_of_batch_mean,
            )
            if between > 0:
                scalars |= self._encoder_step(critic, iteration, turn, step)
                between -= 1
        if separate and training.encoder_steps:
            scalars |= self._encoder_step(critic, iteration, turn, training.critic_steps)
        if self.generator is not None:
            for _ in range(training.generator_steps):
                noise = self.generator.draw_noise(size, generator=self.random)
                scalars |= generator_step(critic, self.generator, noise, self.updates["generator"])
                if self.generator is not self.model.prior:
                    update_average(
                        self.model.prior, self.generator, decay=training.generator_average
                    )
        return scalars

    def _encoder_step(self, critic: Critic, iteration: int, turn: int, step: int) -> Scalars:
        """Run the encoder's half of step 3 on fresh rows."""
        training = self.config.training
        rows = self._draw(_ENCODER_ROWS, iteration, turn, step, size=self.sampler.batch_size)
        batches, _ = self.store.grouped(rows, groups=2)
        return encoder_step(
            critic,
            self.model.encoder,
            batches,
            self.updates["encoder"],
            weight=self._scalar(schedules.adversarial_weight(training, iteration)),
            mode=training.encoder_gradient,
            reference_norm=self.code_gradient_norm,
            dtype=self.dtype,
        )

    def _encode(self, rows: Indices) -> Tensor:
        """Return codes of rows without a graph, in their order."""
        batches, order = self.store.grouped(rows, groups=LENGTH_GROUPS)
        return encode_rows(self.model.encoder, batches, order, dtype=self.dtype)

    def _rows(self, iteration: int) -> Indices:
        """Return the rows of an iteration's batch; quick when iterations come in order."""
        if self._batches is None or iteration != self._next_iteration:
            epoch, skipped = divmod(iteration, self.sampler.batches_per_epoch)
            self._batches = self.sampler.epoch(epoch)
            for _ in range(skipped):
                next(self._batches)
        rows = next(self._batches)
        self._next_iteration = iteration + 1
        if self._next_iteration % self.sampler.batches_per_epoch == 0:
            self._batches = None
        return rows

    def _draw(self, *stream: int, size: int) -> Indices:
        """Return uniformly drawn rows, fixed by the seed and the place in the run."""
        return draw(len(self.store), size, seed=(self.config.training.seed, *stream))

    def _scalar(self, value: float) -> Tensor:
        return torch.full((), value, device=self.device)

    def _train_mode(self) -> None:
        for module in self.modules.values():
            module.train()

    def _autoencoder_update(self) -> Update:
        training = self.config.training
        parameters = [*self.model.encoder.parameters(), *self.model.decoder.parameters()]
        optimizer: torch.optim.Optimizer
        if training.autoencoder_optimizer == "adam":
            optimizer = torch.optim.Adam(
                parameters, lr=training.autoencoder_rate, fused=_has_fused_adam(self.device)
            )
        else:
            optimizer = torch.optim.SGD(parameters, lr=training.autoencoder_rate)
        return Update(parameters, optimizer, clip_norm=training.clip_norm)

    def _add_adversary(self) -> None:
        """Make critic, generator and their optimizers."""
        training, model = self.config.training, self.config.model
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
            )
        self.critic = critic.to(self.device)
        random = torch.Generator(self.device).manual_seed(training.seed + 1)
        initialization.perceptron(
            self.critic, deviation=training.perceptron_deviation, generator=random
        )
        betas = (training.adversarial_beta1, training.adversarial_beta2)
        critic_parameters = list(self.critic.parameters())
        self.updates["critic"] = Update(
            critic_parameters,
            torch.optim.Adam(critic_parameters, lr=training.adversarial_rate_critic, betas=betas),
        )
        if training.encoder_update == "separate":
            parameters = list(self.model.encoder.parameters())
            self.updates["encoder"] = Update(
                parameters,
                torch.optim.SGD(parameters, lr=training.autoencoder_rate),
                clip_norm=training.clip_norm,
            )
        if isinstance(self.model.prior, Generator):
            self.generator = self.model.prior
            if training.generator_average:
                self.generator = copy.deepcopy(self.model.prior)
            parameters = list(self.generator.parameters())
            self.updates["generator"] = Update(
                parameters,
                torch.optim.Adam(parameters, lr=training.adversarial_rate_generator, betas=betas),
                clip_norm=training.clip_norm,
            )


def _has_fused_adam(device: torch.device) -> bool:
    """Return whether torch has a fused Adam for a device; on a CPU it came with version 2.4."""
    major, minor = (int(part) for part in torch.__version__.split(".")[:2])
    return device.type == "cuda" or (major, minor) >= (2, 4)
