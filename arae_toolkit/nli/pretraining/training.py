"""Training of pair pretraining: one update, and the schedule around it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arae_toolkit.data.samplers import EpochSampler, reseed
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.devices import Precision, dtype_of
from arae_toolkit.distributed.ranks import ALONE, Ranks
from arae_toolkit.nli.pair_batches import PairStore
from arae_toolkit.nli.pretraining.heads import PairObjective, PairPretrainingHeads
from arae_toolkit.nli.settings import PairTrainingConfig
from arae_toolkit.optim.schedules import learning_rate
from arae_toolkit.optim.update import Scalars, adam_update
from arae_toolkit.training.loop import far_above_guessing


class PairPretraining:
    """The pretraining of a pair encoder, for :func:`~arae_toolkit.training.loop.fit`.

    Each iteration takes a batch of pairs and one of single sentences. The latter have no other
    sentence: a vector of zeros stands in its place.

    Args:
        model: Moved in place.
        settings: The schedule; ``word_drop`` is the share of words masked.
        pairs: Train split, its labels used for ``known`` rows only.
        sentences: Further text, such as captions.
        precision: Of the matrix products.
        dropout: Share of the embeddings' and vectors' coordinates dropped.
        known: Which pairs' labels may be used, for the decoder; none where ``None``. Shape (number
            of pairs,), bool.
        ranks: Processes that share out the rows of every batch.
    """

    def __init__(
        self,
        model: PairPretrainingHeads,
        settings: PairTrainingConfig,
        pairs: PairStore,
        sentences: TokenStore,
        *,
        precision: Precision = "fp32",
        dropout: float = 0.1,
        known: np.ndarray[Any, np.dtype[np.bool_]] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Make the optimizer; the weights are left as they are."""
        self.model, self.intervals, self.pairs, self.sentences = model, settings, pairs, sentences
        self.device = pairs.device
        self.objective = PairObjective(
            model,
            share=settings.word_drop,
            softmax_samples=settings.softmax_samples,
            dropout=dropout,
            dtype=dtype_of(precision),
            ranks=ranks,
        )
        nothing = np.zeros(len(pairs), dtype=np.bool_)
        self.known = torch.from_numpy(nothing if known is None else known).to(self.device)
        size, seed = settings.batch_size, settings.seed
        self.sampler = EpochSampler(pairs.lengths, batch_size=size, seed=seed)
        self.single_sampler = EpochSampler(sentences.host_lengths, batch_size=size, seed=seed)
        self.batches_per_epoch = self.sampler.batches_per_epoch  # in which each pair is seen once
        self.iterations = settings.epochs * self.batches_per_epoch
        self.random = torch.Generator(self.device)
        self.modules, self.kept = {"model": model}, dict[str, Tensor]()
        self.updates = {
            "model": adam_update(
                model.parameters(), rate=settings.rate, clip_norm=settings.clip_norm, ranks=ranks
            )
        }

    def iteration(self, iteration: int) -> Scalars:
        """Run one iteration: a function of (seed, iteration) and the weights before it."""
        settings, update = self.intervals, self.updates["model"]
        rate = learning_rate(
            settings.rate, iteration, iterations=self.iterations, warmup=settings.warmup
        )
        update.set_rate(rate)
        reseed(self.random, seed=settings.seed, iteration=iteration)
        self.model.train()
        pairs = self.pairs.batch(self.sampler.at(iteration))
        singles = self.sentences.batch(self.single_sampler.at(iteration))
        terms = self.objective.of_pairs(pairs, self.pairs, self.random, known=self.known)
        single_nats, single_masked = self.objective.of_sentences(singles, self.random)
        masked = max(1, terms.masked + single_masked)
        loss = (terms.words + single_nats) / masked
        loss = loss + settings.matching_weight * terms.matching
        if terms.generated:
            loss = loss + terms.generation / terms.generated
        norm = update.descend(loss)
        scalars = {
            "nats_per_hidden_word": terms.words.detach() / max(1, terms.masked),
            "nats_per_hidden_word_alone": single_nats.detach() / max(1, single_masked),
            "matching_nats": terms.matching.detach(),
            "gradient_norm": norm.detach().float(),
        }
        if terms.generated:
            scalars["nats_per_generated_token"] = terms.generation.detach() / terms.generated
        return scalars

    def model_weights(self) -> Mapping[str, Tensor]:
        """Return the encoder's weights: the heads are of no use afterwards."""
        return encoder_weights(self.model)

    def problem(self, means: Mapping[str, float]) -> str | None:
        """Return that masked words cost far more than guessing, if they do."""
        return far_above_guessing(
            means, "nats_per_hidden_word", math.log(len(self.model.word_bias))
        )


def encoder_weights(model: PairPretrainingHeads) -> Mapping[str, Tensor]:
    """Return what a model folder keeps of a pretrained encoder, by name."""
    return {f"encoder.{name}": value for name, value in model.encoder.state_dict().items()}
