"""Encoding of many sentences, in whatever order and batches are quickest."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from arae_toolkit.data.token_batches import length_bucketed_batches
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder
from arae_toolkit.nn.lstm_encoder import LSTMEncoder
from arae_toolkit.ops.packed_lstm import packs
from arae_toolkit.ops.prefix_lstm import alphabetical_batches


@torch.no_grad()
def encode_sentences(
    encoder: LSTMEncoder | BiLSTMEncoder, sentences: Sequence[list[int]], *, batch_size: int
) -> Tensor:
    """Return the code of each sentence.

    On a CPU an encoder that reads in one direction reads the distinct beginnings of a batch once
    each. To a GPU a step of the padded LSTM costs the same for more rows, so it would gain nothing.

    Args:
        encoder: On any device.
        sentences: Ids, each sentence ending in ``<eos>``.
        batch_size: Most sentences read together.

    Returns:
        In the order of the sentences. Shape (N, Z), float32, unit norm, on the encoder's device.
    """
    device = encoder.embedding.weight.device
    codes = torch.zeros(len(sentences), encoder.code_size, device=device)
    if isinstance(encoder, LSTMEncoder) and packs(device):
        input_gates = encoder.input_gates()
        for rows, tree in alphabetical_batches(sentences, batch_size):
            codes[torch.tensor(rows)] = encoder.codes_of(tree, input_gates)
    else:
        for rows, batch in length_bucketed_batches(sentences, batch_size, device=device):
            codes[rows] = encoder(batch)
    return codes
