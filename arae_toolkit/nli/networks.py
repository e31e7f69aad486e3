"""Pair classifiers: over the two sentences' vectors, or over words aligned by attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.noise import NoiseSource, seeded_dropout
from arae_toolkit.data.token_batches import TokenBatch, real_tokens
from arae_toolkit.nli.outside_encoder import OutsideEncoder
from arae_toolkit.nli.settings import ModelName
from arae_toolkit.nn.bilstm_encoder import MASKED, BiLSTMEncoder, max_over_tokens
from arae_toolkit.nn.lstm_encoder import LSTMEncoder
from arae_toolkit.ops.prefix_lstm import PrefixLSTM


class VectorClassifier(nn.Module):
    """A perceptron over [u, v, |u - v|, u * v], u and v the vectors of premise and hypothesis.

    ``paper`` takes the code of the ARAE's encoder as the vector, the others the maximum of a
    bidirectional LSTM.

    Args:
        vocab_size: V.
        labels: A.
        encoder: ``lstm``, the paper's, or ``bilstm``.
        embedding_size: E.
        code_size: Z.
        hidden_size: H of the perceptron's one hidden layer.
        embedding_dropout: Share of the embeddings' coordinates dropped in training.
        dropout: The same of the perceptron's inputs and hidden units.
    """

    def __init__(
        self,
        vocab_size: int,
        labels: int,
        *,
        encoder: Literal["lstm", "bilstm"],
        embedding_size: int = 300,
        code_size: int = 300,
        hidden_size: int = 300,
        embedding_dropout: float = 0.1,
        dropout: float = 0.1,
    ) -> None:
        """Make the layers; :func:`new_network` gives them their starting weights."""
        super().__init__()
        make = LSTMEncoder if encoder == "lstm" else BiLSTMEncoder
        self.encoder = make(vocab_size, embedding_size=embedding_size, code_size=code_size)
        self.embedding_dropout, self.dropout = embedding_dropout, dropout
        # Deviation: the paper does not say how its classifier reads a code. A coordinate of a
        # unit-norm code is about 1 / sqrt(Z), too small for a perceptron's input.
        self.code_gain = math.sqrt(code_size)
        self.hidden = nn.Linear(4 * code_size, hidden_size)
        self.output = nn.Linear(hidden_size, labels)

    def vector(self, batch: TokenBatch, generator: NoiseSource | None = None) -> Tensor:
        """Return the vector of each sentence. Shape (B, Z), float32."""
        if isinstance(self.encoder, BiLSTMEncoder):
            states = self.encoder.states(batch, dropout=self.embedding_dropout, generator=generator)
            return max_over_tokens(states, batch)
        code = self.encoder(batch, dropout=self.embedding_dropout, generator=generator)
        return cast(Tensor, code) * self.code_gain

    @torch.no_grad()
    def vectors_of(
        self, sentences: Sequence[Sequence[int]], readers: tuple[PrefixLSTM, ...]
    ) -> Tensor:
        """Return the same vectors on a CPU, what sentences share read once. Shape (B, Z), float32.

        Args:
            sentences: B of ids, each ending in ``<eos>``.
            readers: Of the encoder.
        """
        if isinstance(self.encoder, BiLSTMEncoder):
            return self.encoder.highest_of(sentences, readers)
        return self.encoder.codes_of(sentences, readers) * self.code_gain

    def forward(
        self, premise: TokenBatch, hypothesis: TokenBatch, generator: NoiseSource | None = None
    ) -> Tensor:
        """Return a score for each label. Shape (B, A), float32.

        Args:
            premise: B sentences.
            hypothesis: B sentences.
            generator: Source of the dropout; ``None`` turns it off.
        """
        return self.scores(
            self.vector(premise, generator), self.vector(hypothesis, generator), generator
        )

    def scores(
        self, premise: Tensor, hypothesis: Tensor, generator: NoiseSource | None = None
    ) -> Tensor:
        """Return a score for each label from the vectors of :meth:`vector`. Shape (B, A)."""
        parts = _pair_features(premise, hypothesis)
        return _perceptron(self, torch.cat(parts, dim=1), generator)


class AttentionClassifier(nn.Module):
    """Beside the sentences' vectors, each word compared with its counterpart in the other sentence.

    A bidirectional LSTM reads both sentences. Attention between its states, projected to A_c
    dimensions, finds for each word its counterpart; a layer compares the two, as in Parikh et al.
    (2016); maximum and mean over the words feed the perceptron beside [u, v, |u - v|, u * v].

    Args:
        vocab_size: V.
        labels: A.
        embedding_size: E.
        code_size: Z.
        comparison_size: A_c, and the outputs of the comparing layer.
        hidden_size: H of the perceptron's one hidden layer.
        embedding_dropout: Share of the embeddings' coordinates dropped in training.
        dropout: The same of the comparing layer's and the perceptron's inputs.
    """

    def __init__(
        self,
        vocab_size: int,
        labels: int,
        *,
        embedding_size: int = 300,
        code_size: int = 600,
        comparison_size: int = 200,
        hidden_size: int = 300,
        embedding_dropout: float = 0.1,
        dropout: float = 0.2,
    ) -> None:
        """Make the layers; :func:`new_network` gives them their starting weights."""
        super().__init__()
        self.encoder = BiLSTMEncoder(vocab_size, embedding_size=embedding_size, code_size=code_size)
        self.embedding_dropout, self.dropout = embedding_dropout, dropout
        self.attention = nn.Linear(code_size, comparison_size)
        self.comparison = nn.Linear(4 * comparison_size, comparison_size)
        self.hidden = nn.Linear(4 * code_size + 4 * comparison_size, hidden_size)
        self.output = nn.Linear(hidden_size, labels)

    def vector(self, batch: TokenBatch) -> Tensor:
        """Return the vector of each sentence, no word hidden. Shape (B, Z), float32."""
        return max_over_tokens(self.encoder.states(batch), batch).float()

    def forward(
        self, premise: TokenBatch, hypothesis: TokenBatch, generator: NoiseSource | None = None
    ) -> Tensor:
        """Return a score for each label, as :meth:`VectorClassifier.forward` does."""
        batches = (premise, hypothesis)
        states = [
            self.encoder.states(batch, dropout=self.embedding_dropout, generator=generator)
            for batch in batches
        ]
        vectors = [
            max_over_tokens(part, batch) for part, batch in zip(states, batches, strict=True)
        ]
        pooled = [*_pair_features(*vectors)]
        for compared, batch in zip(
            self._compared(states, batches, generator), batches, strict=True
        ):
            total = compared.masked_fill(~real_tokens(batch)[:, :, None], 0.0).sum(dim=1)
            pooled += [max_over_tokens(compared, batch), total / batch.lengths[:, None]]
        return _perceptron(self, torch.cat(pooled, dim=1), generator)

    def _compared(
        self,
        states: Sequence[Tensor],
        batches: Sequence[TokenBatch],
        generator: NoiseSource | None,
    ) -> tuple[Tensor, Tensor]:
        """Return each word compared with its counterpart. Shapes (B, T, A_c) and (B, T', A_c)."""
        first, second = (torch.tanh(self.attention(part)).float() for part in states)
        scores = first @ second.transpose(1, 2)
        real = [real_tokens(batch) for batch in batches]
        to_second = scores.masked_fill(~real[1][:, None, :], MASKED).softmax(dim=2)
        to_first = scores.masked_fill(~real[0][:, :, None], MASKED).softmax(dim=1)
        return (
            self._compare(first, to_second @ second, generator),
            self._compare(second, to_first.transpose(1, 2) @ first, generator),
        )

    def _compare(self, own: Tensor, other: Tensor, generator: NoiseSource | None) -> Tensor:
        features = torch.cat(_pair_features(own, other), dim=2)
        compared = self.comparison(seeded_dropout(features, self.dropout, generator))
        return functional.relu(compared).float()


def _pair_features(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the features of a pair: both, their distance and their product."""
    return first, second, (first - second).abs(), first * second


class OutsideClassifier(nn.Module):
    """The perceptron over [u, v, |u - v|, u * v] of an encoder of another library.

    Args:
        encoder: Gives the vectors; a frozen one is no part of the network's weights.
        labels: A.
        hidden_size: H of the perceptron's one hidden layer.
        dropout: Share of the perceptron's inputs and hidden units dropped in training.
    """

    def __init__(
        self,
        encoder: OutsideEncoder,
        labels: int,
        *,
        hidden_size: int = 300,
        dropout: float = 0.1,
    ) -> None:
        """Make the layers; :func:`new_outside_network` gives them their starting weights."""
        super().__init__()
        self.encoder, self.dropout = encoder, dropout
        self.hidden = nn.Linear(4 * encoder.code_size, hidden_size)
        self.output = nn.Linear(hidden_size, labels)

    def vector(self, batch: TokenBatch, generator: NoiseSource | None = None) -> Tensor:
        """Return the vector of each sentence. Shape (B, Z), float32."""
        return cast(Tensor, self.encoder(batch, generator))

    def forward(
        self, premise: TokenBatch, hypothesis: TokenBatch, generator: NoiseSource | None = None
    ) -> Tensor:
        """Return a score for each label, as :meth:`VectorClassifier.forward` does."""
        return self.scores(
            self.vector(premise, generator), self.vector(hypothesis, generator), generator
        )

    def scores(
        self, premise: Tensor, hypothesis: Tensor, generator: NoiseSource | None = None
    ) -> Tensor:
        """Return a score for each label from the vectors of :meth:`vector`. Shape (B, A)."""
        return _perceptron(self, torch.cat(_pair_features(premise, hypothesis), dim=1), generator)


PairNetwork = VectorClassifier | AttentionClassifier | OutsideClassifier


def _perceptron(network: PairNetwork, features: Tensor, generator: NoiseSource | None) -> Tensor:
    """Return a score for each label, by a network's one hidden layer. Shape (B, A), float32."""
    features = seeded_dropout(features, network.dropout, generator)
    hidden = functional.relu(network.hidden(features))
    return cast(Tensor, network.output(seeded_dropout(hidden, network.dropout, generator))).float()


def new_network(
    vocab_size: int,
    labels: int,
    *,
    kind: ModelName,
    generator: torch.Generator | None = None,
    **sizes: Any,
) -> VectorClassifier | AttentionClassifier:
    """Return a network of a kind, its starting weights drawn from ``generator`` if there is one.

    Kind and sizes are what a model folder keeps.

    Embeddings start from U(-0.1, 0.1), LSTMs as in
    :func:`~arae_toolkit.nn.initialization.uniform` with forget gates open, linear layers sized
    by their inputs.

    Raises:
        TypeError: If a size does not belong to this kind.
    """
    network: VectorClassifier | AttentionClassifier
    if kind == "attention":
        network = AttentionClassifier(vocab_size, labels, **sizes)
    else:
        encoder: Literal["lstm", "bilstm"] = "lstm" if kind == "paper" else "bilstm"
        network = VectorClassifier(vocab_size, labels, encoder=encoder, **sizes)
    if generator is not None:
        _initialize(network, generator)
    return network


def new_outside_network(
    encoder: OutsideEncoder,
    labels: int,
    *,
    kind: Literal["paper"],
    hidden_size: int,
    dropout: float,
    generator: torch.Generator | None = None,
    **sizes: Any,
) -> OutsideClassifier:
    """Return a network over an outside encoder; its own layers start as in :func:`new_network`.

    Args:
        encoder: With its weights.
        labels: A.
        kind: The perceptron is the paper's.
        hidden_size: H.
        dropout: See :class:`OutsideClassifier`.
        generator: Draws the starting weights; without one they are left to be filled.
        sizes: Those that the encoder decides.
    """
    del kind, sizes
    network = OutsideClassifier(encoder, labels, hidden_size=hidden_size, dropout=dropout)
    if generator is not None:
        with torch.no_grad():
            for layer in (network.hidden, network.output):
                layer.bias.zero_()
                layer.weight.normal_(0, layer.in_features**-0.5, generator=generator)
    return network


@torch.no_grad()
def _initialize(
    network: VectorClassifier | AttentionClassifier, generator: torch.Generator
) -> None:
    """Draw all starting weights."""
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1:
            parameter.zero_()
        elif name.startswith("encoder."):
            parameter.uniform_(-0.1, 0.1, generator=generator)
        else:
            parameter.normal_(0, 1 / math.sqrt(parameter.shape[1]), generator=generator)
        if name.endswith("bias_ih_l0"):
            parameter.chunk(4)[1].fill_(1.0)  # gates in torch's order: i, f, g, o
    network.encoder.embedding.weight[0].zero_()
