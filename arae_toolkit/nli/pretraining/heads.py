"""Pair-pretraining heads and their objective: masked words, matching, and generation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.noise import NoiseSource, seeded_dropout
from arae_toolkit.data.token_batches import TokenBatch, real_tokens
from arae_toolkit.data.vocabulary import UNKNOWN
from arae_toolkit.devices import reduced
from arae_toolkit.distributed.ranks import ALONE, Ranks
from arae_toolkit.nli.pair_batches import PairBatch, PairStore
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder, max_over_tokens
from arae_toolkit.nn.lstm_decoder import LSTMDecoder
from arae_toolkit.nn.shared_rows import OwnRows
from arae_toolkit.ops.sampled_softmax import SoftmaxSample, sampled_cross_entropy

MATCH_SIZE, MATCH_SCALE = 256, 20.0
LABEL_SIZE = 32


class PairPretrainingHeads(nn.Module):
    """Heads over an encoder, trained with it on pairs of sentences and dropped afterwards.

    A masked word is predicted from the encoder's state where it stood and the vector of the other
    sentence, so that vectors learn to carry what the other sentence is likely to say. The softmax
    shares the encoder's embeddings.

    Args:
        encoder: In training.
        labels: A; only used by ``generates``.
        generates: Also make a decoder that writes the hypothesis from the premise's vector and the
            label, where it is known (after Choi, Kim and Lee, 2019).
    """

    def __init__(self, encoder: BiLSTMEncoder, labels: int, *, generates: bool) -> None:
        super().__init__()
        self.encoder = encoder
        vocab_size, embedding_size = encoder.embedding.weight.shape
        self.word = nn.Linear(2 * encoder.code_size, embedding_size)
        self.word_bias = nn.Parameter(torch.zeros(vocab_size))
        self.match = nn.Linear(encoder.code_size, MATCH_SIZE)
        self.label: nn.Embedding | None = None
        self.decoder: LSTMDecoder | None = None
        if generates:
            self.label = nn.Embedding(labels + 1, LABEL_SIZE)  # the last one: not known
            self.decoder = LSTMDecoder(
                vocab_size,
                embedding_size=embedding_size,
                hidden_size=encoder.code_size // 2,
                code_size=encoder.code_size + LABEL_SIZE,
            )

    @torch.no_grad()
    def initialize(self, generator: torch.Generator) -> None:
        """Draw the heads' starting weights; those of the encoder are left as they are."""
        for name, parameter in self.named_parameters():
            if name.startswith("encoder."):
                continue
            if parameter.ndim == 1:
                parameter.zero_()
            else:
                spread = 1 / math.sqrt(parameter.shape[1])
                parameter.uniform_(-spread, spread, generator=generator)

    def states(
        self, batch: TokenBatch, *, dropout: float, generator: NoiseSource | None
    ) -> tuple[Tensor, Tensor]:
        """Return the state at each token, (B, T, Z), and the vector of each sentence, (B, Z)."""
        states = self.encoder.states(batch, dropout=dropout, generator=generator)
        return states, max_over_tokens(states, batch)

    def masked_word_nats(
        self,
        states: Tensor,
        other: Tensor,
        masked: Tensor,
        targets: Tensor,
        *,
        sample: SoftmaxSample,
        dtype: torch.dtype,
    ) -> Tensor:
        """Return the summed negative log-likelihood of the masked words, in nats. Scalar.

        Args:
            states: Of the sentences with some words masked. Shape (B, T, Z).
            other: Vectors of the sentences they are paired with. Shape (B, Z).
            masked: Where words are masked. Shape (B, T), bool.
            targets: The words themselves. Shape (B, T), int64.
            sample: Of the softmax.
            dtype: Precision of the softmax's products.
        """
        rows, _ = masked.nonzero(as_tuple=True)
        features = torch.cat([states[masked], other[rows]], dim=1)
        predicted = functional.gelu(self.word(features)).float()
        weight = self.encoder.embedding.weight
        return sampled_cross_entropy(
            predicted, weight, self.word_bias, targets[masked], sample=sample, dtype=dtype
        )

    def matching_nats(
        self, premise: Tensor, hypothesis: Tensor, same: Tensor, *, ranks: Ranks = ALONE
    ) -> Tensor:
        """Return the contrastive loss of each sentence's partner among the batch's. Nats a pair.

        Args:
            premise: Vectors, of a process's own rows. Shape (B, Z) where there is but one.
            hypothesis: Vectors. The same shape.
            same: Which pairs share a premise, and so are no negatives of each other. Shape (B, B).
            ranks: Processes that share out the pairs.
        """
        rows = OwnRows(ranks, len(same))
        first = rows.gathered(functional.normalize(self.match(premise).float(), dim=1))
        second = rows.gathered(functional.normalize(self.match(hypothesis).float(), dim=1))
        scores = MATCH_SCALE * first @ second.t()
        own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        scores = scores.masked_fill(same & ~own, -math.inf)
        answers = torch.arange(len(scores), device=scores.device)
        forwards = functional.cross_entropy(scores, answers)
        return (forwards + functional.cross_entropy(scores.t(), answers)) / 2

    def generation_nats(
        self,
        premise: Tensor,
        hypothesis: TokenBatch,
        labels: Tensor,
        *,
        dropout: float,
        sample: SoftmaxSample,
        dtype: torch.dtype,
        generator: NoiseSource | None,
    ) -> Tensor:
        """Return the summed negative log-likelihood of the hypotheses, in nats. Scalar.

        Args:
            premise: Vectors. Shape (B, Z).
            hypothesis: B sentences.
            labels: Class ids, negative where not known. Shape (B,).
            dropout: Share of the vectors' coordinates dropped.
            sample: Of the softmax.
            dtype: Precision of the softmax's products.
            generator: Source of the dropout.
        """
        assert self.decoder is not None and self.label is not None, "made without a decoder"
        known = torch.where(labels < 0, self.label.num_embeddings - 1, labels)
        code = torch.cat([seeded_dropout(premise, dropout, generator), self.label(known)], dim=1)
        return self.decoder.nats(code, hypothesis, dtype=dtype, sample=sample)


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
        softmax_samples: Words beside the masked ones that the softmax is estimated from; 0 takes
            the whole vocabulary.
        dropout: Share of the embeddings' and vectors' coordinates dropped.
        dtype: Precision of the matrix products.
        ranks: Processes that share out the rows of a batch: terms are of all rows, their gradients
            those of the own ones.
    """

    model: PairPretrainingHeads
    share: float
    softmax_samples: int
    dropout: float
    dtype: torch.dtype
    ranks: Ranks = ALONE

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
        model, own = self.model, OwnRows(self.ranks, len(batch))
        sides = (batch.premise, batch.hypothesis)
        masked = [mask_words(side, share=self.share, generator=generator) for side in sides]
        with reduced(store.device, self.dtype):
            (first, u), (second, v) = (self._states(part, own, generator) for part, _ in masked)
            words = self._words(first, v, masked[0][1], sides[0], own, generator)
            words = words + self._words(second, u, masked[1][1], sides[1], own, generator)
            premises = torch.from_numpy(store.premise_ids[batch.rows]).to(store.device)
            same = premises[:, None] == premises[None, :]
            matching = model.matching_nats(u, v, same, ranks=self.ranks)
            generation, generated = torch.zeros((), device=store.device), 0
            if model.decoder is not None:
                generation = model.generation_nats(
                    u,
                    own.of(batch.hypothesis),
                    self._usable_labels(batch, known)[own.rows],
                    dropout=self.dropout,
                    sample=SoftmaxSample(
                        self.softmax_samples, generator, batch_words=batch.hypothesis.words
                    ),
                    dtype=self.dtype,
                    generator=own.noise(generator) if model.training else None,
                )
                generation, generated = own.summed(generation), int(batch.hypothesis.symbols)
        count = sum(int(where.sum()) for _, where in masked)
        return Terms(own.summed(words), count, matching, generation, generated)

    def of_sentences(self, batch: TokenBatch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Return the summed nats of the masked words of single sentences, and their number.

        A vector of zeros stands in the place of the other sentence's.
        """
        own = OwnRows(self.ranks, len(batch))
        part, masked = mask_words(batch, share=self.share, generator=generator)
        with reduced(batch.device, self.dtype):
            states, vector = self._states(part, own, generator)
            nats = self._words(states, torch.zeros_like(vector), masked, batch, own, generator)
        return own.summed(nats), int(masked.sum())

    def _states(
        self, batch: TokenBatch, own: OwnRows, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return states and vectors of the own sentences of a batch."""
        drops = own.noise(generator) if self.model.training else None
        return self.model.states(own.of(batch), dropout=self.dropout, generator=drops)

    def _words(
        self,
        states: Tensor,
        other: Tensor,
        masked: Tensor,
        original: TokenBatch,
        own: OwnRows,
        generator: torch.Generator,
    ) -> Tensor:
        """Return the summed nats of the masked words of the own rows, from their states.

        Where words are masked, and what they were, is told of all rows.
        """
        words, tokens = original.tokens[masked], original.tokens[own.rows]
        sample = SoftmaxSample(self.softmax_samples, generator, batch_words=words)
        return self.model.masked_word_nats(
            states, other, masked[own.rows], tokens, sample=sample, dtype=self.dtype
        )

    def _usable_labels(self, batch: PairBatch, known: Tensor | None) -> Tensor:
        """Return the labels that may be used, -1 for the others. Shape (B,)."""
        if known is None:
            return torch.full_like(batch.labels, -1)
        rows = torch.from_numpy(np.ascontiguousarray(batch.rows)).to(known.device)
        return torch.where(known[rows], batch.labels, -1)
