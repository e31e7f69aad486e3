"""The objective of pair pretraining without labels: masked words, matching, generation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from arae_toolkit.data.token_batches import TokenBatch, real_tokens
from arae_toolkit.data.vocabulary import UNKNOWN
from arae_toolkit.devices import reduced
from arae_toolkit.nli.pair_batches import PairBatch, PairStore
from arae_toolkit.nli.pretraining.heads import PairPretrainingHeads
from arae_toolkit.ops.sampled_softmax import SoftmaxSample


@dataclass(frozen=True)
class Terms:
    """Sums over a batch of pairs, in nats, and what they are sums over.

    Attributes:
        words: Of the masked words.
        masked: How many those are.
        matching: Of matching partners; a mean over pairs.
        generation: Of the hypotheses written from their premises; 0 without a decoder.
        generated: Tokens of these hypotheses.
    """

    words: Tensor
    masked: int
    matching: Tensor
    generation: Tensor
    generated: int


def mask_words(
    batch: TokenBatch, *, share: float, generator: torch.Generator
) -> tuple[TokenBatch, Tensor]:
    """Return sentences with a share of their words replaced by ``<unk>``, and where. (B, T), bool.

    Words that are unknown themselves are never predicted.
    """
    is_word = real_tokens(batch) & (batch.tokens != UNKNOWN)
    is_word.scatter_(1, batch.lengths[:, None] - 1, False)  # <eos>
    chosen = torch.rand(batch.tokens.shape, device=batch.device, generator=generator) < share
    masked = is_word & chosen
    return batch.with_tokens(batch.tokens.masked_fill(masked, UNKNOWN)), masked


@dataclass(frozen=True)
class PairObjective:
    """Computes the terms of the objective, with dropout where the model is in training mode.

    Attributes:
        model: An encoder with its heads.
        share: Of the words masked.
        softmax_samples: Words beside the masked ones that the softmax is estimated from.
        dropout: Share of the embeddings' and vectors' coordinates dropped.
        dtype: Precision of the matrix products.
    """

    model: PairPretrainingHeads
    share: float
    softmax_samples: int
    dropout: float
    dtype: torch.dtype

    def of_pairs(
        self,
        batch: PairBatch,
        store: PairStore,
        generator: torch.Generator,
        *,
        known: Tensor | None = None,
    ) -> Terms:
        """Return the terms on a batch of pairs.

        Args:
            batch: The pairs.
            store: They are from.
            generator: Of masked words, dropout and the softmax's sample.
            known: Which of the store's labels may be used; none where ``None``. Shape (number of
                pairs in the store,), bool.
        """
        model = self.model
        sides = (batch.premise, batch.hypothesis)
        masked = [mask_words(side, share=self.share, generator=generator) for side in sides]
        with reduced(store.device, self.dtype):
            (first, u), (second, v) = (self._states(part, generator) for part, _ in masked)
            words = self._words(first, v, masked[0][1], sides[0], generator)
            words = words + self._words(second, u, masked[1][1], sides[1], generator)
            premises = torch.from_numpy(store.premise_ids[batch.rows]).to(store.device)
            matching = model.matching_nats(u, v, premises[:, None] == premises[None, :])
            generation, generated = torch.zeros((), device=store.device), 0
            if model.decoder is not None:
                generation = model.generation_nats(
                    u,
                    batch.hypothesis,
                    self._usable_labels(batch, known),
                    dropout=self.dropout,
                    sample=SoftmaxSample(self.softmax_samples, generator),
                    dtype=self.dtype,
                    generator=generator if model.training else None,
                )
                generated = int(batch.hypothesis.symbols)
        count = sum(int(where.sum()) for _, where in masked)
        return Terms(words, count, matching, generation, generated)

    def of_sentences(self, batch: TokenBatch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Return the summed nats of the masked words of single sentences, and their number.

        A vector of zeros stands in the place of the other sentence's.
        """
        part, masked = mask_words(batch, share=self.share, generator=generator)
        with reduced(batch.device, self.dtype):
            states, vector = self._states(part, generator)
            nats = self._words(states, torch.zeros_like(vector), masked, batch, generator)
        return nats, int(masked.sum())

    def _states(self, batch: TokenBatch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return states and vectors of sentences."""
        drops = generator if self.model.training else None
        return self.model.states(batch, dropout=self.dropout, generator=drops)

    def _words(
        self,
        states: Tensor,
        other: Tensor,
        masked: Tensor,
        original: TokenBatch,
        generator: torch.Generator,
    ) -> Tensor:
        """Return the summed nats of the masked words."""
        sample = SoftmaxSample(self.softmax_samples, generator)
        return self.model.masked_word_nats(
            states, other, masked, original.tokens, sample=sample, dtype=self.dtype
        )

    def _usable_labels(self, batch: PairBatch, known: Tensor | None) -> Tensor:
        """Return the labels that may be used, -1 for the others. Shape (B,)."""
        if known is None:
            return torch.full_like(batch.labels, -1)
        rows = torch.from_numpy(np.ascontiguousarray(batch.rows)).to(known.device)
        return torch.where(known[rows], batch.labels, -1)
