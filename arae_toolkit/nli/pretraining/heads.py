"""Pair-pretraining heads: masked words, matching, and generation of the hypothesis."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.noise import seeded_dropout
from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder, max_over_tokens
from arae_toolkit.nn.lstm_decoder import LSTMDecoder
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
        self, batch: TokenBatch, *, dropout: float, generator: torch.Generator | None
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

    def matching_nats(self, premise: Tensor, hypothesis: Tensor, same: Tensor) -> Tensor:
        """Return the contrastive loss of each sentence's partner among the batch's. Nats a pair.

        Args:
            premise: Vectors. Shape (B, Z).
            hypothesis: Vectors. Shape (B, Z).
            same: Which pairs share a premise, and so are no negatives of each other. Shape (B, B).
        """
        first = functional.normalize(self.match(premise).float(), dim=1)
        second = functional.normalize(self.match(hypothesis).float(), dim=1)
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
        generator: torch.Generator | None,
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
