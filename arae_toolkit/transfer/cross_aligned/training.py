"""Training of a cross-aligned autoencoder: Algorithm 1 of Shen et al. (NIPS 2017)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.data.labelled_batches import AttributeBatch, AttributeStore
from arae_toolkit.data.samplers import BalancedSampler, reseed
from arae_toolkit.devices import Precision, dtype_of
from arae_toolkit.distributed.ranks import ALONE, Ranks
from arae_toolkit.nn.shared_rows import OwnRows
from arae_toolkit.ops.sampled_softmax import SoftmaxSample
from arae_toolkit.optim import schedules
from arae_toolkit.optim.schedules import COSINE_FLOOR, learning_rate, ramp
from arae_toolkit.optim.update import Scalars, adam_update
from arae_toolkit.training.loop import far_above_guessing
from arae_toolkit.transfer.cross_aligned.discriminators import Discriminators, Labelled
from arae_toolkit.transfer.cross_aligned.generator import Behaviour
from arae_toolkit.transfer.cross_aligned.network import CrossAligned
from arae_toolkit.transfer.cross_aligned.settings import CrossAlignedSchedule


class CrossAlignedTraining:
    """The training of an autoencoder against discriminators, for ``fit``.

    Args:
        model: Moved in place.
        settings: The schedule.
        store: Training sentences with their attribute values.
        precision: Of the vocabulary's matrix products and the discriminators'; the GRUs stay fp32.
        ranks: Processes that share out the sentences of every batch. Each has the states of all,
            and runs the discriminators as one process would.

    Raises:
        ValueError: If a value has no sentences.
    """

    def __init__(
        self,
        model: CrossAligned,
        settings: CrossAlignedSchedule,
        store: AttributeStore,
        *,
        precision: Precision = "fp32",
        ranks: Ranks = ALONE,
    ) -> None:
        self.model, self.intervals, self.store = model, settings, store
        self.dtype, self.ranks = dtype_of(precision), ranks
        self.device = store.device
        self.sampler = BalancedSampler(
            store.host_lengths,
            store.labels,
            len(model.attributes),
            batch_size=settings.batch_size,
            seed=settings.seed,
        )
        self.batches_per_epoch = self.sampler.batches_per_epoch
        self.iterations = schedules.iterations(settings, batches_per_epoch=self.batches_per_epoch)
        self.modules, self.kept = {"model": model}, dict[str, Tensor]()
        self.random = torch.Generator(self.device)
        autoencoder = [*model.encoder.parameters(), *model.generator.parameters()]
        clip, others = settings.clip_norm, model.discriminators.parameters()
        self.updates = {
            "autoencoder": adam_update(
                autoencoder, rate=settings.rate, clip_norm=clip, ranks=ranks
            ),
            "discriminators": adam_update(others, rate=settings.discriminator_rate, clip_norm=clip),
        }

    @property
    def begin(self) -> int:
        """The first iteration with discriminators."""
        return round(self.intervals.adversarial_start * self.iterations)

    def iteration(self, iteration: int) -> Scalars:
        """Run one iteration: a function of (seed, iteration) and the weights before it."""
        settings, model, random = self.intervals, self.model, self.random
        length, warmup = self.iterations, settings.warmup
        rate = learning_rate(
            settings.rate, iteration, iterations=length, warmup=warmup, floor=COSINE_FLOOR
        )
        self.updates["autoencoder"].set_rate(rate)
        reseed(random, seed=settings.seed, iteration=iteration)
        batch = self.store.batch(self.sampler.at(iteration))
        visible = batch.corrupted(share=settings.word_drop, generator=random).whole
        own = OwnRows(self.ranks, len(batch))
        noise: dict[str, Any] = {"dropout": settings.dropout, "generator": own.noise(random)}
        sentences, labels = own.of(batch.whole), batch.labels[own.rows]
        code = model.encoder(own.of(visible), labels, **noise)
        first = model.generator.first_state(code, labels)
        forced = model.generator.forced(first, sentences, **noise)
        sample = SoftmaxSample(settings.softmax_samples, random, batch_words=batch.words)
        nats = model.generator.nats(forced, sentences, dtype=self.dtype, sample=sample)
        nats = own.summed(nats)
        adversarial, scalars = self._adversarial(iteration, batch, code, forced)
        norm = self.updates["autoencoder"].descend(nats / len(batch) + adversarial)
        return {
            "nats_per_token": nats.detach() / batch.symbols,
            **scalars,
            "gradient_norm": norm.detach(),
        }

    def _adversarial(
        self, iteration: int, batch: AttributeBatch, code: Tensor, forced: Behaviour
    ) -> tuple[Tensor, Scalars]:
        """Train the discriminators; return what yielding to them adds to the autoencoder's loss.

        Args:
            iteration: Counted from 0.
            batch: The sentences.
            code: Their z, of the own rows. Shape (B, Z) where there is but one process.
            forced: Their h, of the same rows.
        """
        settings, zero = self.intervals, torch.zeros((), device=self.device)
        adversarial = nats = share = zero
        temperature, weight = 0.0, 0.0
        if settings.adversarial_weight and iteration >= self.begin:
            temperature, since = self.temperature(iteration), iteration - self.begin
            weight = settings.adversarial_weight * ramp(since, length=settings.adversarial_warmup)
            real, written = self._behaviours(batch, code, forced, temperature)
            discriminators = Discriminators(
                self.model.discriminators,
                dropout=settings.discriminator_dropout,
                generator=self.random,
                dtype=self.dtype,
            )
            losses = discriminators.step(real, written, self.updates["discriminators"])
            trusted = (losses < settings.loss_bound).float()
            against = discriminators.against(real, written, settings.adversarial_form)
            adversarial = weight * (trusted * against).sum()
            nats, share = losses.mean(), trusted.mean()
        return adversarial, {
            "discriminator_nats": nats,
            "share_trusted": share,
            "adversarial_weight": torch.tensor(weight, device=self.device),
            "temperature": torch.tensor(temperature, device=self.device),
        }

    def temperature(self, iteration: int) -> float:
        """Return the soft words' temperature, which falls evenly in its logarithm."""
        settings = self.intervals
        length = settings.temperature_fall * (self.iterations - self.begin)
        done = min(1.0, (iteration - self.begin) / max(1.0, length))
        first, last = settings.first_temperature, settings.last_temperature
        return float(first * (last / first) ** done)

    def _behaviours(
        self, batch: AttributeBatch, code: Tensor, forced: Behaviour, temperature: float
    ) -> tuple[Labelled, Labelled]:
        """Return h and h~ of some sentences of each value, and what values they have.

        Code and h are those of the own rows. Each process writes its share of h~; all have all.
        """
        settings, generator = self.intervals, self.model.generator
        own = OwnRows(self.ranks, len(batch))
        sizes = [len(part) for part in batch.parts.values()]
        starts = np.cumsum([0, *sizes[:-1]])
        each = [
            start + np.arange(min(size, settings.adversarial_sentences))
            for start, size in zip(starts, sizes, strict=True)
        ]
        rows = torch.from_numpy(np.concatenate(each)).to(self.device)
        labels, attributes = batch.labels[rows], len(self.model.attributes)
        shift = torch.randint(
            1, attributes, labels.shape, generator=self.random, device=self.device
        )
        targets = (labels + shift) % attributes
        chosen = OwnRows(self.ranks, len(rows))
        # Whoever writes a sentence on, its code's gradient goes to the process that read it.
        codes = self.ranks.shared(own.gathered(code))[rows][chosen.rows]
        written = generator.free(
            generator.first_state(codes, targets[chosen.rows]),
            steps=batch.tokens.shape[1] + settings.extra_steps,
            temperature=temperature,
            soft_words=settings.soft_words,
            gradient_bound=settings.gradient_bound / settings.adversarial_sentences,
            dtype=self.dtype,
        )
        real = Behaviour(own.gathered(forced.states)[rows], batch.lengths[rows])
        return Labelled(real, labels), Labelled(self._of_all(written, chosen), targets)

    def _of_all(self, written: Behaviour, own: OwnRows) -> Behaviour:
        """Return the states of all rows from those of the own ones, some of which end earlier."""
        states, lengths = written
        missing = self.ranks.largest(states.shape[1]) - states.shape[1]
        padded = functional.pad(states, (0, 0, 0, missing)) if missing else states
        return Behaviour(own.gathered(padded), own.gathered(lengths))

    def model_weights(self) -> Mapping[str, Tensor]:
        """Return the weights that the model folder is to hold."""
        return self.model.state_dict()

    def problem(self, means: Mapping[str, float]) -> str | None:
        """Return that a token costs far more than guessing, if it does."""
        return far_above_guessing(means, "nats_per_token", math.log(self.model.vocab_size))
