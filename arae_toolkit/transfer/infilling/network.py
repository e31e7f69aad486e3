"""A masked language model conditioned on an attribute, beside a text CNN that classifies it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.noise import NoiseSource, seeded_dropout
from arae_toolkit.data.token_batches import TokenBatch, real_tokens
from arae_toolkit.data.vocabulary import BOS, EOS, PAD, UNKNOWN
from arae_toolkit.ops.cudnn_lstm import library_states
from arae_toolkit.ops.sampled_softmax import SoftmaxSample, sampled_cross_entropy

INFILLING = "infilling"
"""Kind of the model folder."""

# Two ids that stand in no sentence serve as the mask, and as what is predicted where there is a
# masked position but no word.
MASK, EMPTY = BOS, PAD


def known_words(batch: TokenBatch) -> Tensor:
    """Return where the known words of sentences are. Shape (B, T), bool."""
    return real_tokens(batch) & (batch.tokens != UNKNOWN) & (batch.tokens != EOS)


class Context(NamedTuple):
    """The states of two LSTMs around each token, as in context2vec.

    Attributes:
        before: The state after the tokens before each, and after the last. Shape (B, T + 1, H).
        after: The state after reading backwards up to each, and up to the end. Shape
            (B, T + 1, H).
    """

    before: Tensor
    after: Tensor

    @property
    def positions(self) -> Tensor:
        """The context of each token, the token itself left out. Shape (B, T, 2H)."""
        return torch.cat([self.before[:, :-1], self.after[:, 1:]], dim=2)

    @property
    def gaps(self) -> Tensor:
        """The context of the gap before each token. Shape (B, T, 2H)."""
        return torch.cat([self.before[:, :-1], self.after[:, :-1]], dim=2)


class InfillingNetwork(nn.Module):
    """Predicts words from their context and an attribute; classifies attributes.

    Two LSTMs, one for each direction, read each word's embedding beside that of the attribute. A
    word is predicted from the state of the one before it and of the other after it, so neither has
    read the word itself: one pass gives the pseudo-likelihood of every word of a sentence, masked
    or not, and of what would stand in every gap (context2vec, Melamud et al., CoNLL 2016). The
    softmax shares the embeddings.

    The classifier does not see the attribute. Its scores are a sum over the words of what each says
    together with the two words on either side, so that masking a word takes away what it says and
    nothing else.

    Args:
        vocab_size: V.
        attributes: A.
        embedding_size: E.
        hidden_size: H, of each direction.
        attribute_size: Coordinates of an attribute's embedding.
        channels: Of each of the classifier's layers.

    Attributes:
        salience: How strongly words mark attributes in the training sentences, in nats. Shape
            (A, V).
        counts: How often each word was seen in the training sentences of each attribute. Shape
            (A, V), int64.
    """

    salience: Tensor
    counts: Tensor

    def __init__(
        self,
        vocab_size: int,
        attributes: int,
        *,
        embedding_size: int,
        hidden_size: int,
        attribute_size: int,
        channels: int,
    ) -> None:
        """Make the layers; see :meth:`initialize`."""
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=PAD)
        self.attribute = nn.Embedding(attributes, attribute_size)
        inputs = embedding_size + attribute_size
        self.forward_lstm = nn.LSTM(inputs, hidden_size, batch_first=True)
        self.backward_lstm = nn.LSTM(inputs, hidden_size, batch_first=True)
        self.word = nn.Linear(2 * hidden_size + attribute_size, embedding_size)
        self.word_bias = nn.Parameter(torch.zeros(vocab_size))
        self.seen = nn.Embedding(vocab_size, channels, padding_idx=PAD)
        self.near = nn.Linear(3 * channels, channels)
        self.far = nn.Linear(3 * channels, channels)
        self.says = nn.Linear(channels, attributes)
        self.register_buffer("salience", torch.zeros(attributes, vocab_size))
        self.register_buffer("counts", torch.zeros(attributes, vocab_size, dtype=torch.int64))

    @torch.no_grad()
    def initialize(self, generator: torch.Generator) -> None:
        """Draw starting weights: uniform, with matrices scaled by the size of their input."""
        for name, parameter in self.named_parameters():
            if parameter.ndim == 1:
                parameter.zero_()
                continue
            table = name in ("embedding.weight", "seen.weight")
            spread = 0.1 if table else 1 / math.sqrt(parameter.shape[1])
            parameter.uniform_(-spread, spread, generator=generator)
        self.embedding.weight[PAD].zero_()
        self.seen.weight[PAD].zero_()

    def states(
        self,
        batch: TokenBatch,
        attributes: Tensor,
        *,
        dropout: float = 0.0,
        generator: NoiseSource | None = None,
    ) -> Context:
        """Return the context of each token.

        Args:
            batch: Sentences, with or without words masked.
            attributes: Those that the network is conditioned on. Shape (B,), int64.
            dropout: Share of the embeddings' coordinates set to 0.
            generator: Source of the dropout; ``None`` turns it off.
        """
        words = seeded_dropout(self.embedding(batch.tokens), dropout, generator)
        condition = self.attribute(attributes)[:, None, :].expand(-1, words.shape[1], -1)
        inputs = torch.cat([words, condition], dim=2)
        # Read backwards within its own length, a sentence is not touched by its padding.
        columns = torch.arange(batch.tokens.shape[1], device=batch.device)
        mirrored = batch.lengths[:, None] - 1 - columns
        places = torch.where(mirrored >= 0, mirrored, columns)[:, :, None]
        ahead = library_states(self.forward_lstm, inputs)
        behind = library_states(self.backward_lstm, inputs.gather(1, places.expand_as(inputs)))
        behind = behind.gather(1, places.expand_as(behind)) * (mirrored >= 0)[:, :, None]
        return Context(functional.pad(ahead, (0, 0, 1, 0)), functional.pad(behind, (0, 0, 0, 1)))

    def predicted(self, context: Tensor, attributes: Tensor) -> Tensor:
        """Return what is to be compared with each word's embedding, for N positions.

        Args:
            context: Of each. Shape (N, 2H).
            attributes: Of their sentences. Shape (N,), int64.

        Returns:
            Shape (N, E), float32.
        """
        features = torch.cat([context, self.attribute(attributes).to(context.dtype)], dim=1)
        return functional.gelu(self.word(features)).float()

    def nats_at(
        self,
        context: Tensor,
        attributes: Tensor,
        targets: Tensor,
        *,
        sample: SoftmaxSample | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Return the summed negative log-likelihood of what stands at N positions, in nats. Scalar.

        Args:
            context: Of each. Shape (N, 2H).
            attributes: Those that the network is conditioned on. Shape (N,), int64.
            targets: Words, ``EMPTY`` where there is none. Shape (N,), int64.
            sample: Of the softmax; over all words where ``None``.
            dtype: Precision of the softmax's products.
        """
        predicted = self.predicted(context, attributes)
        weight, bias = self.embedding.weight, self.word_bias
        return sampled_cross_entropy(predicted, weight, bias, targets, sample=sample, dtype=dtype)

    def classify(
        self,
        batch: TokenBatch,
        *,
        dropout: float = 0.0,
        generator: NoiseSource | None = None,
    ) -> Tensor:
        """Return the score of each attribute for each sentence, before softmax. Shape (B, A).

        Args:
            batch: Sentences; masked words say nothing but that there is one.
            dropout: Share of embeddings' and layers' coordinates set to 0.
            generator: Source of the dropout; ``None`` turns it off.
        """
        real = real_tokens(batch)[:, :, None]
        words = seeded_dropout(self.seen(batch.tokens), dropout, generator)
        near = functional.gelu(self.near(_with_neighbours(words))) * real
        near = seeded_dropout(near, dropout, generator)
        far = near + functional.gelu(self.far(_with_neighbours(near)))
        says = self.says(seeded_dropout(far, dropout, generator)) * real
        total: Tensor = says.float().sum(dim=1)
        return total


def new_infilling_network(
    arguments: dict[str, Any], vocab_size: int, attributes: int, *, seed: int = 0
) -> InfillingNetwork:
    """Return a network of the sizes that a model folder keeps, with starting weights of a seed."""
    network = InfillingNetwork(vocab_size, attributes, **arguments)
    network.initialize(torch.Generator().manual_seed(seed))
    return network


def _with_neighbours(values: Tensor) -> Tensor:
    """Return each position's values between those of its neighbours, 0 at the ends. (B, T, 3C)."""
    before = functional.pad(values[:, :-1], (0, 0, 1, 0))
    after = functional.pad(values[:, 1:], (0, 0, 0, 1))
    return torch.cat([before, values, after], dim=2)
