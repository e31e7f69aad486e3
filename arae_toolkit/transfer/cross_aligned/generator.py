"""The generator G(z, y): a GRU over real words, or over soft words of its own."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.noise import NoiseSource, seeded_dropout
from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.data.vocabulary import BOS, EOS, PAD
from arae_toolkit.nn.lstm_decoder import DecoderState
from arae_toolkit.ops.sampled_softmax import SoftmaxSample, sampled_cross_entropy


class Behaviour(NamedTuple):
    """States of a generator, one for each word that it is about to write.

    Attributes:
        states: Shape (B, T, H).
        lengths: States up to the ``<eos>``; those behind mean nothing. Shape (B,), int64.
    """

    states: Tensor
    lengths: Tensor


class AttributeGenerator(nn.Module):
    """GRU that starts from (y, z), an attribute value and a content, and a softmax over V.

    A :class:`~arae_toolkit.generation.continuous_batching.StepDecoder` whose codes are starting
    states.

    Args:
        vocab_size: V.
        attributes: A.
        embedding_size: E.
        attribute_size: Coordinates of y.
        code_size: Z; the GRU's size H is the sum of the two.
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        attributes: int,
        embedding_size: int,
        attribute_size: int,
        code_size: int,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=PAD)
        self.attribute = nn.Embedding(attributes, attribute_size)
        self.gru = nn.GRU(embedding_size, attribute_size + code_size, batch_first=True)
        self.projection = nn.Linear(attribute_size + code_size, vocab_size)

    def first_state(self, code: Tensor, labels: Tensor) -> Tensor:
        """Return (y, z). Shapes (B, Z) and (B,) to (B, H)."""
        return torch.cat([self.attribute(labels), code], dim=1)

    def forced(
        self,
        first: Tensor,
        batch: TokenBatch,
        *,
        dropout: float = 0.0,
        generator: NoiseSource | None = None,
    ) -> Behaviour:
        """Return h, the states of a generator that reads the sentences it is to write.

        Args:
            first: From :meth:`first_state`. Shape (B, H).
            batch: The sentences.
            dropout: Share of the embeddings' coordinates set to 0.
            generator: Source of the dropout; ``None`` turns it off.
        """
        previous = functional.pad(batch.tokens[:, :-1], (1, 0), value=BOS)
        words = seeded_dropout(self.embedding(previous), dropout, generator)
        states, _ = self.gru(words, first[None])
        return Behaviour(states, batch.lengths)

    def nats(
        self,
        behaviour: Behaviour,
        batch: TokenBatch,
        *,
        dtype: torch.dtype = torch.float32,
        sample: SoftmaxSample | None = None,
    ) -> Tensor:
        """Return the summed negative log-likelihood of the sentences, in nats. Scalar.

        Args:
            behaviour: From :meth:`forced`, of the same sentences.
            batch: The sentences.
            dtype: Precision of the projection's matrix products.
            sample: With it, an estimate from the batch's words and so many others.
        """
        assert batch.packing is not None, "batches of texts are packed"
        states = behaviour.states.flatten(0, 1)[batch.packing.places]
        targets = batch.tokens.flatten()[batch.packing.places]
        weight, bias = self.projection.weight, self.projection.bias
        return sampled_cross_entropy(states, weight, bias, targets, sample=sample, dtype=dtype)

    def free(
        self,
        first: Tensor,
        *,
        steps: int,
        temperature: float,
        soft_words: int = 0,
        gradient_bound: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> Behaviour:
        """Return h~, the states of a generator that reads its own soft words.

        Args:
            first: From :meth:`first_state`. Shape (B, H).
            steps: Most words written.
            temperature: Of the soft words, above 0; see :meth:`soft_word`.
            soft_words: See :meth:`soft_word`.
            gradient_bound: Largest norm of the gradient of a soft word; 0 does not bound it.
            dtype: Of the search for the likeliest words.
        """
        weight = self.projection.weight.detach().to(dtype)
        bias = self.projection.bias.detach().to(dtype)
        word = self.embedding.weight[BOS].expand(len(first), -1)
        state, states = first, []
        lengths = torch.full((len(first),), steps, device=first.device)
        for step in range(steps):
            state = self._next(word, state)
            states.append(state)
            if step + 1 == steps:
                break
            with torch.no_grad():
                scores = functional.linear(state.to(dtype), weight, bias)
                likeliest = scores.topk(min(max(soft_words, 1), len(weight)), dim=1).indices
                ends = (likeliest[:, 0] == EOS) & (lengths == steps)
                lengths.masked_fill_(ends, step + 1)
                if bool((lengths < steps).all()):
                    break
            word = self.soft_word(state, temperature, likeliest if soft_words else None)
            if gradient_bound and word.requires_grad:
                word.register_hook(partial(_bounded, bound=gradient_bound))
        return Behaviour(torch.stack(states, dim=1), lengths.clamp(max=len(states)))

    def soft_word(
        self, state: Tensor, temperature: float, candidates: Tensor | None = None
    ) -> Tensor:
        """Return softmax(scores / temperature) times the embedding matrix. Shape (B, E).

        Args:
            state: Shape (B, H).
            temperature: The lower, the nearer to the likeliest word's embedding.
            candidates: Words that the softmax runs over; ``None`` takes all. At a low temperature
                a few of the likeliest have all of the probability but what float32 rounds away, and
                take a fraction of the time. Shape (B, K), int64.
        """
        if candidates is None:
            scores = self.projection(state)
            whole: Tensor = (scores / temperature).softmax(dim=1) @ self.embedding.weight
            return whole
        # Sparse gradients: a dense one of (V, H) for each step would cost more than all the rest.
        weight = functional.embedding(candidates, self.projection.weight, sparse=True)
        scores = torch.einsum("bkh,bh->bk", weight, state) + self.projection.bias[candidates]
        probability = (scores / temperature).softmax(dim=1)
        words = functional.embedding(candidates, self.embedding.weight, sparse=True)
        return torch.einsum("bk,bke->be", probability, words)

    def start(self, code: Tensor) -> DecoderState:
        """Return the state before the first word, for starting states of shape (B, H)."""
        return DecoderState(code, code.new_zeros(len(code), 0), code.new_zeros(len(code), 0))

    def step(self, state: DecoderState, previous: Tensor) -> tuple[Tensor, DecoderState]:
        """Return the next word's scores (B, V) and the state after ``previous`` (B,)."""
        hidden = self._next(self.embedding(previous), state.hidden)
        return self.projection(hidden), state._replace(hidden=hidden)

    def _next(self, word: Tensor, state: Tensor) -> Tensor:
        """Return the state after a word. Shapes (B, E) and (B, H) to (B, H)."""
        following: Tensor = torch.gru_cell(word, state, *self.gru.all_weights[0])
        return following


def _bounded(gradient: Tensor, *, bound: float) -> Tensor:
    """Return rows scaled down to a norm of at most ``bound``. Shape (B, E)."""
    norms: Tensor = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    return gradient * norms.clamp(min=1e-12).reciprocal().mul(bound).clamp(max=1.0)
