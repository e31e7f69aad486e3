"""The LSTM language model: the decoder without a code."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.nn.initialization import uniform
from arae_toolkit.nn.lstm_decoder import LSTMDecoder
from arae_toolkit.ops.sampled_softmax import SoftmaxSample

INITIAL_BOUND = 0.1


class LanguageModelNetwork(nn.Module):
    """An LSTM that scores each word of a sentence given those before it.

    Args:
        vocab_size: V.
        embedding_size: E.
        hidden_size: H.
    """

    def __init__(self, vocab_size: int, *, embedding_size: int, hidden_size: int) -> None:
        super().__init__()
        # A code of one coordinate that is always 0 is none.
        self.decoder = LSTMDecoder(
            vocab_size, embedding_size=embedding_size, hidden_size=hidden_size, code_size=1
        )

    def initialize(self, *, generator: torch.Generator) -> None:
        """Draw starting weights."""
        uniform(self.decoder, bound=INITIAL_BOUND, generator=generator, forget_bias=1.0)

    def forward(
        self, batch: TokenBatch, *, dtype: torch.dtype, sample: SoftmaxSample | None
    ) -> Tensor:
        """Return the summed nats of the sentences; see :meth:`LSTMDecoder.nats`. Scalar."""
        return self.decoder.nats(self._no_code(batch), batch, dtype=dtype, sample=sample)

    def token_nats(self, batch: TokenBatch) -> Tensor:
        """Return the nats of each token, in the batch's packed order. Shape (N,)."""
        return self.decoder.token_nats(self._no_code(batch), batch)

    def _no_code(self, batch: TokenBatch) -> Tensor:
        return self.decoder.projection.weight.new_zeros(len(batch), 1)
