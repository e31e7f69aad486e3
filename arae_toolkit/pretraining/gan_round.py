"""GAN rounds (Algorithm 1, steps 2 and 3): updates of critic, generator and encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from arae_toolkit.config.schema import Config, TrainingConfig
from arae_toolkit.data.noise import with_noise
from arae_toolkit.data.token_batches import Batch
from arae_toolkit.nn import initialization
from arae_toolkit.nn.critic import Critic
from arae_toolkit.nn.priors import AnyPrior, Generator, update_average
from arae_toolkit.optim.update import Scalars, Update
from arae_toolkit.pretraining.plan import (
    Source,
    critic_blocks,
    critic_rows,
    encoder_rows,
    encoder_turns,
)
from arae_toolkit.pretraining.steps import (
    CriticTerm,
    critic_step,
    encode_rows,
    encoder_step,
    generator_step,
)


class GANRounds:
    """The networks of the GAN rounds and their updates.

    Real codes are those that the decoder learns from: of sentences with as many words hidden as in
    the reconstruction (``word_drop``, ``attribute_drop``). The code noise is left out: it is the
    decoder's, for a neighbourhood of each code to decode alike, and it is annealed away, while the
    prior is to end on the codes themselves. Where it stays, ``generator_noise`` makes it a part of
    the prior, and real and generated codes have it alike.

    Args:
        encoder: Moved by step 3.
        prior: Moved by the generator's running mean.
        critic: Moved by step 2.
        generator: Moved by step 3; ``None`` for a prior that is not trained.
        updates: By name; ``encoder`` only where it has an update of its own.
        training: The schedule.
        rows: B, of each update.
        random: Source of the noise, and of which words are hidden.
        dtype: ``bfloat16`` runs the encoder in it.
    """

    def __init__(
        self,
        encoder: Callable[[Batch], Tensor],
        prior: AnyPrior,
        critic: Critic,
        generator: Generator | None,
        updates: Mapping[str, Update],
        training: TrainingConfig,
        *,
        rows: int,
        random: torch.Generator,
        dtype: torch.dtype,
    ) -> None:
        self.encoder, self.prior = encoder, prior
        self.critic, self.generator = critic, generator
        self.updates, self.training = updates, training
        self.rows, self.random, self.dtype = rows, random, dtype

    def run(self, source: Source, turn: int, *, reference_norm: Tensor) -> Scalars:
        """Run the critic's steps, then one or more of the generator and the encoder.

        Args:
            source: Of rows and weights.
            turn: Which of the iteration's rounds this is, from 0.
            reference_norm: Mean norm of the reconstruction's gradient at the code, scalar tensor.
        """
        training = self.training
        scalars: Scalars = {}
        blocks, encoder_after = critic_blocks(training), encoder_turns(training)
        codes: list[Tensor] = []
        fakes = self._fakes(training.critic_steps)
        for step, (generated, mix) in enumerate(fakes):
            if step in blocks:
                rows, order = source.batches(critic_rows(turn, step))
                encoded = encode_rows(self.encoder, self._visible(rows), order, dtype=self.dtype)
                encoded = with_noise(encoded, self.noise, self.random)
                codes = list(encoded.split(self.rows))
            scalars |= critic_step(
                self.critic,
                codes.pop(0),
                generated,
                self.updates["critic"],
                constraint=training.critic_constraint,
                mix=mix,
                clip_bound=training.clip_bound,
                penalty_weight=training.penalty_weight,
                penalty_of_batch_mean=training.penalty_of_batch_mean,
                loss=training.adversarial_loss,
            )
            if step in encoder_after:
                scalars |= self._move_encoder(source, turn, step, reference_norm)
        if training.critic_steps in encoder_after:
            scalars |= self._move_encoder(source, turn, training.critic_steps, reference_norm)
        generator, prior = self.generator, self.prior
        if generator is not None:
            for _ in range(training.generator_steps):
                noise = generator.draw_noise(self.rows, generator=self.random)
                update = self.updates["generator"]
                scalars |= generator_step(
                    *(self.critic, generator, noise, update),
                    loss=training.adversarial_loss,
                    random=self.random,
                )
                if generator is not prior:
                    update_average(prior, generator, decay=training.generator_average)
        return scalars

    def _fakes(self, steps: int) -> list[tuple[Tensor, Tensor | None]]:
        """Return generated codes for the critic's steps, and where to probe the penalty.

        The generator stands still meanwhile, so one pass serves all steps.
        """
        penalised = self.training.critic_constraint == "gradient_penalty"
        noise, mixes = [], []
        for _ in range(steps):
            if self.generator is None:
                noise.append(self.prior.sample(self.rows, generator=self.random))
            else:
                noise.append(self.generator.draw_noise(self.rows, generator=self.random))
            mix = None
            if penalised:
                device = self.random.device
                mix = torch.rand(self.rows, 1, generator=self.random, device=device)
            mixes.append(mix)
        if self.generator is not None and noise:
            noise = list(self.generator.forward_groups(torch.stack(noise)))
            noise = [with_noise(codes, self.noise, self.random) for codes in noise]
        return list(zip(noise, mixes, strict=True))

    @property
    def noise(self) -> float:
        """Deviation of the noise with which the critic sees codes: that of generated ones."""
        return 0.0 if self.generator is None else self.generator.noise

    def critic_term(self, weight: Tensor) -> CriticTerm:
        """Return the critic's gradient in the encoder, as the settings have it.

        Args:
            weight: lambda(1), scalar tensor.
        """
        mode, loss = self.training.encoder_gradient, self.training.adversarial_loss
        return CriticTerm(self.critic, weight, mode, loss, self.noise, self.random)

    def _visible(self, batches: Sequence[Batch]) -> list[Batch]:
        """Return what the encoder sees of sentences: as much as when it reconstructs them."""
        share = self.training.word_drop
        return [batch.corrupted(share=share, generator=self.random) for batch in batches]

    def _move_encoder(
        self, source: Source, turn: int, step: int, reference_norm: Tensor
    ) -> Scalars:
        batches, _ = source.batches(encoder_rows(turn, step))
        weight = source.scalar("adversarial_weight")
        return encoder_step(
            self.critic_term(weight),
            self.encoder,
            self._visible(batches),
            self.updates["encoder"],
            reference_norm=reference_norm,
            dtype=self.dtype,
        )


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
