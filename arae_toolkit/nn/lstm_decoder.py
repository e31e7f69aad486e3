"""The LSTM decoder, over whole sentences and one step at a time."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.data.vocabulary import BOS, PAD
from arae_toolkit.nn.embedding import TokenEmbedding
from arae_toolkit.ops.cudnn_lstm import lstm_states
from arae_toolkit.ops.linear_cross_entropy import linear_cross_entropy, token_nats, token_statistics
from arae_toolkit.ops.packed_lstm import InputGateCache, cell_step, packed_states, packs
from arae_toolkit.ops.sampled_softmax import SoftmaxSample, sampled_cross_entropy


class DecoderState(NamedTuple):
    """Where a decoder stands in each row.

    Attributes:
        hidden: LSTM output. Shape (B, H).
        cell: LSTM cell. Shape (B, H).
        code_gates: What the code adds to the gates at every step, computed once. Shape (B, 4H).
    """

    hidden: Tensor
    cell: Tensor
    code_gates: Tensor

    def rows(self, index: Tensor) -> DecoderState:
        """Return the state of the chosen rows."""
        return DecoderState(self.hidden[index], self.cell[index], self.code_gates[index])


class LSTMDecoder(nn.Module):
    """LSTM fed the code beside the previous word at each step (section 5), then a softmax over V.

    Args:
        vocab_size: V.
        embedding_size: E.
        hidden_size: H.
        code_size: Z.
        code_gain: Factor on the code where it enters the LSTM. A coordinate of a unit-norm code of
            300 dimensions is about 0.06; a gain of ``sqrt(Z)`` brings it to the size of the other
            inputs. 1 is the paper's.
        output_map: Whether a linear map takes the LSTM's outputs to E dimensions, in which they
            score words, so that the softmax's table has the shape of the one that is read, (V, E).
            Without it, as in the paper, the outputs themselves do, and the table is (V, H).
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        embedding_size: int,
        hidden_size: int,
        code_size: int,
        code_gain: float = 1.0,
        output_map: bool = False,
    ) -> None:
        super().__init__()
        self.code_gain = code_gain
        self.embedding = TokenEmbedding(vocab_size, embedding_size, padding_idx=PAD)
        self.lstm = nn.LSTM(embedding_size + code_size, hidden_size, batch_first=True)
        self.output_map: nn.Linear | None = None
        if output_map:
            self.output_map = nn.Linear(hidden_size, embedding_size, bias=False)
        self.projection = nn.Linear(embedding_size if output_map else hidden_size, vocab_size)

    def forward(self, code: Tensor, batch: TokenBatch, *, read: TokenBatch | None = None) -> Tensor:
        """Return the state before each token, the true previous tokens given.

        Args:
            code: Shape (B, Z).
            batch: The sentences to be predicted.
            read: What is read in place of their words, of the same lengths.

        Returns:
            A row for each token, which ``projection`` turns into scores: for the N real tokens in
            the batch's packed order, shape (N, H), or without packing for all, shape (B * T, H).
            With an output map the rows have E columns.
        """
        packing = batch.packing
        tokens = batch.tokens if read is None else read.tokens
        previous = functional.pad(tokens[:, :-1], (1, 0), value=BOS)
        code = code * self.code_gain
        if packing is not None and packs(batch.device):
            words = previous.flatten()[packing.places]
            return self._mapped(packed_states(self.lstm, self.embedding, words, packing, code=code))
        embedded = self.embedding(previous)
        every_step = code.to(embedded.dtype)[:, None, :].expand(-1, embedded.shape[1], -1)
        states = lstm_states(self.lstm, torch.cat([embedded, every_step], dim=2))
        flat = states.flatten(0, 1)
        return self._mapped(flat if packing is None else flat[packing.places])

    def nats(
        self,
        code: Tensor,
        batch: TokenBatch,
        *,
        dtype: torch.dtype = torch.float32,
        sample: SoftmaxSample | None = None,
        read: TokenBatch | None = None,
    ) -> Tensor:
        """Return the summed negative log-likelihood of the sentences, in nats. Scalar.

        Args:
            code: Shape (B, Z).
            batch: The sentences to be predicted.
            dtype: Precision of the projection's matrix products.
            sample: With it, an estimate from the batch's words and so many others. A batch that
                is not packed is always summed over the whole vocabulary.
            read: What the decoder reads in place of the sentences' words, some of them hidden.
        """
        states, targets = self(code, batch, read=read), batch.tokens.flatten()
        weight, bias = self.projection.weight, self.projection.bias
        if batch.packing is None:
            return linear_cross_entropy(states, weight, bias, targets, dtype=dtype, ignored=PAD)
        targets = targets[batch.packing.places]
        return sampled_cross_entropy(states, weight, bias, targets, sample=sample, dtype=dtype)

    @torch.no_grad()
    def statistics(self, code: Tensor, batch: TokenBatch) -> tuple[Tensor, Tensor]:
        """Return nats and correctness of each real token, in the batch's packed order.

        Args:
            code: Shape (B, Z).
            batch: The sentences to be predicted.

        Raises:
            ValueError: If the batch is not packed.
        """
        return token_statistics(*self._scored(code, batch))

    @torch.no_grad()
    def token_nats(
        self, code: Tensor, batch: TokenBatch, *, dtype: torch.dtype | None = None
    ) -> Tensor:
        """Return the nats of each real token alone. Shape (N,).

        Args:
            code: Shape (B, Z).
            batch: The sentences to be predicted.
            dtype: Precision of the projection's matrix products, by default the weights'.

        Raises:
            ValueError: If the batch is not packed.
        """
        return token_nats(*self._scored(code, batch), dtype=dtype)

    def sentence_nats(
        self, code: Tensor, batch: TokenBatch, *, dtype: torch.dtype | None = None
    ) -> Tensor:
        """Return the nats of each sentence. Shape (B,); see :meth:`token_nats`."""
        nats = self.token_nats(code, batch, dtype=dtype)
        assert batch.packing is not None, "else token_nats() would have refused it"
        return nats.new_zeros(len(batch)).index_add_(0, batch.packing.rows, nats)

    def _scored(self, code: Tensor, batch: TokenBatch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the states before the real tokens, weights and bias of the scores, the tokens."""
        if batch.packing is None:
            raise ValueError("statistics by token need a packed batch")
        targets = batch.tokens.flatten()[batch.packing.places]
        return self(code, batch), self.projection.weight, self.projection.bias, targets

    def _mapped(self, states: Tensor) -> Tensor:
        """Return what ``projection`` takes for some states. Shape (N, H) to (N, H) or (N, E)."""
        return states if self.output_map is None else self.output_map(states)


class IncrementalLSTM:
    """The steps of an :class:`~arae_toolkit.nn.lstm_decoder.LSTMDecoder`, for many sentences.

    What a word adds to the gates is the same wherever the word stands. It is computed once for
    each word that occurs and kept, so the decoder's weights must not change meanwhile.

    Args:
        decoder: Where the weights come from. They are not copied unless ``dtype`` asks for it.
        dtype: Precision of the matrix products; sums of gates and the cell are in float32.
    """

    def __init__(self, decoder: LSTMDecoder, *, dtype: torch.dtype = torch.float32) -> None:
        embedding_size = decoder.embedding.embedding_dim
        (from_input, from_state, input_bias, state_bias) = (
            weight.detach() for weight in decoder.lstm.all_weights[0]
        )
        self.dtype, self.code_gain = dtype, decoder.code_gain
        self.hidden_size = decoder.lstm.hidden_size
        self._embedding = decoder.embedding.weight.detach().to(dtype)
        self._from_word = from_input[:, :embedding_size].to(dtype)
        self._from_code = from_input[:, embedding_size:].to(dtype)
        self._from_state = from_state.to(dtype)
        self._gate_bias = (input_bias + state_bias).float()
        self._output_map: Tensor | None = None
        if decoder.output_map is not None:
            self._output_map = decoder.output_map.weight.detach().to(dtype)
        self._projection = decoder.projection.weight.detach().to(dtype)
        self._bias = decoder.projection.bias.detach().to(dtype)
        self._biased: Tensor | None = None  # the projection with its bias for a last column
        self._word_gates: InputGateCache | None = None
        self._scores = self._projection.new_empty(0)

    def start(self, code: Tensor) -> DecoderState:
        """Return the state before the first word.

        Args:
            code: Shape (B, Z).
        """
        gates = functional.linear((code * self.code_gain).to(self.dtype), self._from_code)
        zeros = gates.new_zeros((1, self.hidden_size), dtype=torch.float32).expand(len(code), -1)
        return DecoderState(zeros, zeros, gates.float().add_(self._gate_bias))

    def step(self, state: DecoderState, previous: Tensor) -> tuple[Tensor, DecoderState]:
        """Return the scores of the next word and the state after ``previous``.

        Args:
            state: From :meth:`start` or the step before.
            previous: The last word of each row, ``<bos>`` at first. Shape (B,), int64.

        Returns:
            Scores of shape (B, V), to be used before the next step, which overwrites them, and the
            next state.
        """
        if self._word_gates is None:
            self._word_gates = InputGateCache(self._embedding, self._from_word)
        self._word_gates.fill(previous)
        gates = self._word_gates.of(previous).add_(state.code_gates)
        if self.dtype is torch.float32:
            gates.addmm_(state.hidden, self._from_state.t())
        else:
            gates.add_(functional.linear(state.hidden.to(self.dtype), self._from_state))
        hidden, cell = cell_step(gates, state.cell)
        return self._scores_of(hidden), DecoderState(hidden, cell, state.code_gates)

    def _scores_of(self, hidden: Tensor) -> Tensor:
        """Return the scores of all words. Shape (B, H) to (B, V)."""
        hidden = hidden.to(self.dtype)
        if self._output_map is not None:
            hidden = functional.linear(hidden, self._output_map)
        if hidden.is_cuda or self.dtype is not torch.float32:
            return functional.linear(hidden, self._projection, self._bias)
        # The transposed product, (V, H) times (H, B), takes two thirds of the time of (B, H) times
        # (H, V) on the CPUs we measured. Its memory is kept: to map so much anew at each step would
        # cost more than to fill it.
        # So is a copy of the weights with the bias for a last column: added apart, it would be
        # spread over all scores before each product.
        if self._biased is None:
            self._biased = torch.cat([self._projection, self._bias[:, None]], dim=1)
        vocab_size = len(self._projection)
        size = vocab_size * len(hidden)
        if len(self._scores) < size:
            self._scores = self._projection.new_empty(size)
        scores = self._scores[:size].view(vocab_size, len(hidden))
        states = torch.cat([hidden, hidden.new_ones(len(hidden), 1)], dim=1)
        return torch.mm(self._biased, states.t(), out=scores).t()
