"""The LSTM decoder one word at a time, arranged for speed: the same scores as its ``step``."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from arae_toolkit.nn.lstm_decoder import DecoderState, LSTMDecoder
from arae_toolkit.ops.input_gate_cache import WordGates
from arae_toolkit.ops.packed_lstm import cell_step


class LSTMStepper:
    """The steps of an :class:`~arae_toolkit.nn.lstm_decoder.LSTMDecoder`, for many sentences.

    What a word adds to the gates is the same wherever the word stands. It is computed once for
    each word that occurs and kept, so the decoder's weights must not change meanwhile.

    Args:
        decoder: Where the weights come from. They are not copied unless ``dtype`` asks for it.
        dtype: Precision of the matrix products; sums of gates and the cell are in float32.
    """

    def __init__(self, decoder: LSTMDecoder, *, dtype: torch.dtype = torch.float32) -> None:
        """Arrange the weights."""
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
        self._word_gates: WordGates | None = None
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
            self._word_gates = WordGates(self._embedding, self._from_word)
        self._word_gates.meet(previous)
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
