"""The steps of an LSTM decoder as section 5 writes them, which the fast ones are compared with."""

from torch import Tensor
from torch.nn import functional

from arae_toolkit.nn.lstm_decoder import DecoderState, LSTMDecoder


class PlainSteps:
    """Every step by itself: the previous word beside the code, one LSTM cell, scores of all words.

    Args:
        decoder: Where the weights come from.
    """

    def __init__(self, decoder: LSTMDecoder) -> None:
        self.decoder = decoder
        from_input, self.from_state, input_bias, state_bias = decoder.lstm.all_weights[0]
        size = decoder.embedding.embedding_dim
        self.from_word, self.from_code = from_input[:, :size], from_input[:, size:]
        self.bias = input_bias + state_bias

    def start(self, code: Tensor) -> DecoderState:
        zeros = code.new_zeros(len(code), self.decoder.lstm.hidden_size)
        gates = functional.linear(code * self.decoder.code_gain, self.from_code, self.bias)
        return DecoderState(zeros, zeros, gates)

    def step(self, state: DecoderState, previous: Tensor) -> tuple[Tensor, DecoderState]:
        gates = state.code_gates + functional.linear(
            self.decoder.embedding(previous), self.from_word
        )
        gates = gates + functional.linear(state.hidden, self.from_state)
        enter, keep, candidate, leave = gates.chunk(4, dim=1)
        cell = keep.sigmoid() * state.cell + enter.sigmoid() * candidate.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        mapped = hidden if self.decoder.output_map is None else self.decoder.output_map(hidden)
        scores: Tensor = self.decoder.projection(mapped)
        return scores, DecoderState(hidden, cell, state.code_gates)
